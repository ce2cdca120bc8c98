"""People, their switches and their refusals against a simple model, through restarts and restores (X8)."""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple, TypeVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule
from tests.support.stores import TENANT, Place

from gptimage_core.errors import StoreError
from gptimage_core.store import consents, state, subjects
from gptimage_core.store.facts import facts_for
from gptimage_core.store.replay import position, require_current

T = TypeVar("T")

CONSENTS = ("model_training", "product_updates")
PURPOSES = ("improve_service", "secure_service")


class Copy(NamedTuple):
    """A backup of the data, what the model knew then, and the ledger it stood on."""

    path: Path
    known: frozenset[str]
    on: Mapping[str, frozenset[str]]
    ledger: str


class NegativeDecisions(RuleBasedStateMachine):
    """The model: per person, the consents that may be on, and the refusals that must hold.

    A refusal binds until the person takes it back. A restore may forget that they took it back (the safe
    side) and may forget a consent; it may never forget a refusal that the ledger holds. Refusals carry the id
    of the ledger that holds them: with a lost ledger they go, and every consent with them.
    """

    people = Bundle("people")
    copies = Bundle("copies")

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.place = Place(self.folder)
        self.now = 1
        self.born = 0
        self.known: set[str] = set()
        self.on: dict[str, set[str]] = {}
        self.refused: dict[tuple[str, str], str] = {}  # (person, fact) -> the ledger that holds it

    def teardown(self) -> None:
        self.place.close()
        shutil.rmtree(self.folder)

    # What people do

    @rule(target=people)
    def sign_up(self) -> str:
        self.born += 1
        who = f"person-{self.born}"
        self._write(lambda c: state.create_subject(c, TENANT, who, self.now))
        self.known.add(who)
        self.on[who] = set()
        return who

    @rule(who=people, what=st.sampled_from(CONSENTS))
    def give(self, who: str, what: str) -> None:
        def work(c: sqlite3.Connection) -> None:
            consents.give(c, TENANT, who, what, self.now, policy_version=1, digest="d", how="page")

        if who not in self.known or (who, "deleted") in self.refused:
            with pytest.raises(StoreError):
                self._write(work)
            return
        self._write(work)
        self.on[who].add(f"consent:{what}")
        self.refused.pop((who, f"consent:{what}"), None)

    @rule(who=people, what=st.sampled_from(CONSENTS))
    def withdraw(self, who: str, what: str) -> None:
        def work(c: sqlite3.Connection) -> int:
            return consents.withdraw(
                c, self.place.ledger, TENANT, who, what, self.now, policy_version=1, digest="d", how="page"
            )

        self._write(work)
        self._refuse(who, f"consent:{what}")

    @rule(who=people, what=st.sampled_from(PURPOSES))
    def object_to(self, who: str, what: str) -> None:
        self._write(lambda c: subjects.object_to(c, self.place.ledger, TENANT, who, what, self.now))
        self._refuse(who, f"objection:{what}")

    @rule(who=people, what=st.sampled_from(PURPOSES))
    def end_objection(self, who: str, what: str) -> None:
        if who in self.known:
            self._write(lambda c: subjects.end_objection(c, TENANT, who, what, self.now))
            self.refused.pop((who, f"objection:{what}"), None)

    @rule(who=people)
    def restrict(self, who: str) -> None:
        self._write(lambda c: subjects.restrict(c, self.place.ledger, TENANT, who, self.now))
        self._refuse(who, "restricted")

    @rule(who=people)
    def end_restriction(self, who: str) -> None:
        if who in self.known:
            self._write(lambda c: subjects.end_restriction(c, TENANT, who))
            self.refused.pop((who, "restricted"), None)

    @rule(who=people)
    def delete(self, who: str) -> None:
        self._write(lambda c: subjects.delete(c, self.place.ledger, TENANT, who, self.now))
        self._refuse(who, "deleted")

    # What happens to the machine

    @rule()
    def a_commit_fails(self) -> None:
        """A refusal that was not acknowledged: it is in the ledger and disturbs nothing."""

        def work(c: sqlite3.Connection) -> None:
            subjects.restrict(c, self.place.ledger, TENANT, "nobody", self.now)
            raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            self._write(work)

    @rule()
    def restart(self) -> None:
        self.place.close()
        assert not self.place.open(self.now).lost
        self.place.database.read_sync(lambda c: require_current(c, self.place.ledger))

    @rule(target=copies)
    def back_up(self) -> Copy:
        on = {who: frozenset(switched) for who, switched in self.on.items()}
        return Copy(self.place.copy(), frozenset(self.known), on, self.place.ledger.id)

    @rule(copy=copies)
    def restore(self, copy: Copy) -> None:
        """An older copy and a replay: consents may be forgotten, refusals may not (S33, X8)."""
        self._restore(copy)
        resumed = self.place.open(self.now)
        assert resumed.lost == (copy.ledger != self.place.ledger.id)
        self._remember(copy, resumed.lost)

    @rule(copy=consumes(copies))
    def restore_without_ledger(self, copy: Copy) -> None:
        """The ledger is gone too: every consent resumes off, whatever the copy says (X8)."""
        self._restore(copy)
        (self.folder / "ledger").unlink()
        assert self.place.open(self.now).lost
        self._remember(copy, lost=True)

    # What must hold after every step

    @invariant()
    def refusals_hold(self) -> None:
        """X8, S17, S33, S37: what was refused is refused; what is on was switched on."""
        facts = self._facts()
        assert set(facts) == self.known
        for who, known in facts.items():
            for name in CONSENTS:
                if known.get(f"consent:{name}"):
                    assert f"consent:{name}" in self.on[who]
                    assert known.get("deleted") is False
        for who, fact in self.refused:
            if who in self.known:
                assert facts[who].get(fact) is not fact.startswith("consent:"), fact

    @invariant()
    def the_data_stands_on_its_ledger(self) -> None:
        """INVARIANT (ledger-order): never ahead of the ledger, never on another one."""
        here = self.place.database.read_sync(position)
        assert here is not None
        assert here.ledger == self.place.ledger.id
        assert here.chain == self.place.ledger.chain(here.seq)

    # Inside

    def _write(self, work: Callable[[sqlite3.Connection], T]) -> T:
        self.now += 1
        return self.place.database.write_sync(work)

    def _refuse(self, who: str, fact: str) -> None:
        self.refused[who, fact] = self.place.ledger.id
        self.on[who].discard(fact)
        if fact == "deleted":
            self.on[who].clear()

    def _restore(self, copy: Copy) -> None:
        self.place.close()
        self.place.restore(copy.path)

    def _remember(self, copy: Copy, lost: bool) -> None:
        self.known = set(copy.known)
        held = self.place.ledger.id
        self.refused = {key: ledger for key, ledger in self.refused.items() if ledger == held}
        for who in self.on:
            gone = lost or (who, "deleted") in self.refused
            switched = set() if gone else set(copy.on.get(who, ()))
            self.on[who] = {fact for fact in switched if (who, fact) not in self.refused}
        # A deletion that only the data still knows (its ledger is lost) binds as before.
        for who, known in self._facts().items():
            if known.get("deleted"):
                self.refused.setdefault((who, "deleted"), held)
                self.on[who].clear()

    def _facts(self) -> Mapping[str, Mapping[str, object]]:
        everybody = [f"person-{n}" for n in range(1, self.born + 1)]
        return self.place.database.read_sync(lambda c: facts_for(c, TENANT, everybody, self.now))


NegativeDecisions.TestCase.settings = settings(
    max_examples=60, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
)
TestNegativeDecisions = NegativeDecisions.TestCase
