"""The life of a key against a model: never, active, erased, over restarts, workers and any order of calls."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from gptimage_core.errors import KeyErased, VaultError
from gptimage_core.ports.keys import KeyState
from gptimage_core.vault import Context, FileKeyring, Vault

PEOPLE = st.sampled_from(["anna", "ben"])
ITEMS = st.sampled_from([None, "one", "two"])
WORKERS = st.sampled_from([0, 1])


def _place(subject: str, item: str | None) -> Context:
    return Context("main", subject, "prompt", "image", "prompt", f"row of {item}", item)


class KeyStates(RuleBasedStateMachine):
    """Two workers on one keyring; the model is two sets and what was sealed."""

    @initialize()
    def start(self) -> None:
        self.folder = tempfile.mkdtemp()
        self.workers = [self._worker(), self._worker()]
        self.active: set[tuple[str, str | None]] = set()
        self.erased: set[tuple[str, str | None]] = set()
        self.sealed: list[tuple[str, str | None, str, str]] = []

    def _worker(self) -> Vault:
        return Vault(FileKeyring(Path(self.folder) / "ring"), cached_keys=2)

    def teardown(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)

    def _is_erased(self, subject: str, item: str | None) -> bool:
        return (subject, None) in self.erased or (subject, item) in self.erased

    @rule(worker=WORKERS, subject=PEOPLE, item=ITEMS, text=st.text(max_size=20))
    def seal(self, worker: int, subject: str, item: str | None, text: str) -> None:
        """Sealing mints a key where there never was one, and is refused for ever where one was erased."""
        if self._is_erased(subject, item):
            with pytest.raises(KeyErased):
                self.workers[worker].seal_text(_place(subject, item), text)
            return
        self.sealed.append((subject, item, text, self.workers[worker].seal_text(_place(subject, item), text)))
        self.active |= {(subject, item), (subject, None)}

    @precondition(lambda self: self.sealed)
    @rule(worker=WORKERS, data=st.data())
    def open(self, worker: int, data: st.DataObject) -> None:
        """What was sealed opens for every worker until its key is erased, and for none of them after."""
        subject, item, text, sealed = data.draw(st.sampled_from(self.sealed))
        if self._is_erased(subject, item):
            with pytest.raises(KeyErased):
                self.workers[worker].open_text(_place(subject, item), sealed)
        else:
            assert self.workers[worker].open_text(_place(subject, item), sealed) == text

    @rule(worker=WORKERS, subject=PEOPLE, item=st.sampled_from(["one", "two"]))
    def destroy_item(self, worker: int, subject: str, item: str) -> None:
        """S32: one item's key."""
        self.workers[worker].destroy_item("main", subject, item)
        self.erased.add((subject, item))

    @rule(worker=WORKERS, subject=PEOPLE)
    def destroy_person(self, worker: int, subject: str) -> None:
        """S32: a person's key, and with it every item's."""
        self.workers[worker].destroy_person("main", subject)
        self.erased.add((subject, None))

    @rule(worker=WORKERS)
    def restart(self, worker: int) -> None:
        """A worker starts anew: nothing may hang on what it remembered."""
        self.workers[worker] = self._worker()

    @rule(worker=WORKERS, subject=PEOPLE, item=ITEMS)
    def open_where_nothing_was_sealed(self, worker: int, subject: str, item: str | None) -> None:
        """Opening never mints."""
        if self._is_erased(subject, item) or (subject, item) in self.active:
            return
        with pytest.raises(VaultError):
            self.workers[worker].open_text(_place(subject, item), "gpv1:" + "A" * 96)

    @invariant()
    def states_are_the_models(self) -> None:
        """INVARIANT (erased-is-final): every worker names the model's state of every scope."""
        for worker in getattr(self, "workers", []):
            for subject in ("anna", "ben"):
                for item in (None, "one", "two"):
                    if self._is_erased(subject, item):
                        expected = KeyState.ERASED
                    elif (subject, item) in self.active:
                        expected = KeyState.ACTIVE
                    else:
                        expected = KeyState.NEVER
                    assert worker.state("main", subject, item) is expected


TestKeyStates = KeyStates.TestCase
TestKeyStates.settings = settings(
    max_examples=40, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
)
