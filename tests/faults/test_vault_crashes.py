"""The fault table of the keyring and of blobs: the process is really killed at every system call that changes
the disk, once just before it and once just after it, and then everything is opened again.

The table is not written by hand: a forked child runs the operation with `os` replaced by a counter that sends
SIGKILL to itself at the n-th step, for n from 0 until the operation ends by itself.
"""

from __future__ import annotations

import contextlib
import errno
import os
import resource
import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from gptimage_core.errors import GptimageError, KeyErased, StorageFull
from gptimage_core.ports.blobs import new_name
from gptimage_core.ports.keys import KeyScope, KeyState
from gptimage_core.vault import Context, FileKeyring, LocalBlobs, SealedBlobs, Vault, _files, blobs, keyring

PERSON, ITEM, NEIGHBOUR = KeyScope("main", "p"), KeyScope("main", "p", "i"), KeyScope("main", "p", "n")
CHANGES = frozenset({"write", "fsync", "link", "unlink", "rename", "mkdir", "makedirs", "chmod"})
MODULES = (_files, keyring, blobs)


class _Stepping:
    """The real `os`, except that each call which changes the disk is a step at which something happens."""

    def __init__(self, at: int, after: bool, happen: Callable[[], None]) -> None:
        self.steps, self._at, self._after, self._happen = 0, at, after, happen
        self.names: list[str] = []

    def __getattr__(self, name: str) -> Any:
        call = getattr(os, name)
        if name == "open":
            return lambda path, flags, *a: (
                self._step(call, path, flags, *a) if flags & os.O_CREAT else call(path, flags, *a)
            )
        if name not in CHANGES:
            return call
        return lambda *a, **k: self._step(call, *a, **k)

    def _step(self, call: Callable[..., Any], *a: Any, **k: Any) -> Any:
        if call is os.mkdir and str(a[0])[-10:-3] == "/people" and not str(a[0]).endswith("/00"):
            return call(*a, **k)  # 255 shelves like the first
        number, self.steps = self.steps, self.steps + 1
        self.names.append(call.__name__)
        if number == self._at and not self._after:
            self._happen()
        try:
            return call(*a, **k)
        finally:
            if number == self._at and self._after:
                self._happen()


@contextlib.contextmanager
def _stepping(at: int, after: bool, happen: Callable[[], None]) -> Iterator[_Stepping]:
    counter = _Stepping(at, after, happen)
    for module in MODULES:
        module.os = counter  # type: ignore[attr-defined]  # the world is stopped at a system call
    try:
        yield counter
    finally:
        for module in MODULES:
            module.os = os  # type: ignore[attr-defined]  # and goes on


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _killed(work: Callable[[], object], at: int, after: bool) -> bool:
    """Run `work` in a child that is killed at step `at`; False when the work ended before that step."""
    child = os.fork()
    if child == 0:
        try:
            with _stepping(at, after, _die):
                work()
        except BaseException:
            os._exit(7)
        os._exit(0)
    status = os.waitpid(child, 0)[1]
    if os.WIFSIGNALED(status):
        return True
    assert os.WEXITSTATUS(status) == 0, "the work failed without being killed"
    return False


def _every_death(
    tmp_path: Path, prepare: Callable[[Path], object], work: Callable[[Path], object]
) -> Iterator[tuple[Path, bool]]:
    """(folder, ended) after a kill at every step, before and after; last, one run that ended by itself."""
    for after in (False, True):
        step, going = 0, True
        while going:
            folder = tmp_path / f"{after}{step}"
            folder.parent.mkdir(parents=True, exist_ok=True)
            prepare(folder)
            going = _killed(lambda folder=folder: work(folder), step, after)  # type: ignore[misc]
            yield folder, not going
            shutil.rmtree(folder)
            step += 1
        assert step > 3, "hardly a step was walked; is the counter in place?"


def _empty(folder: Path) -> None:
    folder.mkdir()


def _with_ring(folder: Path) -> None:
    folder.mkdir()
    _ring(folder)


def _ring(folder: Path) -> FileKeyring:
    return FileKeyring(folder / "ring")


def _with_person(folder: Path) -> None:
    folder.mkdir()
    _ring(folder).obtain(NEIGHBOUR)


def _with_item(folder: Path) -> None:
    folder.mkdir()
    _ring(folder).obtain(NEIGHBOUR)
    _ring(folder).obtain(ITEM)


def _wrapped(folder: Path) -> dict[str, bytes]:
    """The secret bytes of every key file, by path."""
    return {str(p): p.read_bytes()[25:] for p in folder.rglob("*.key") if p.parent.name != "epochs"}


def test_creating_a_keyring_dies_anywhere_and_is_completed(tmp_path: Path) -> None:
    """A keyring that died while it was made is completed by the next start, and works."""
    for folder, _ in _every_death(tmp_path, _empty, _ring):
        ring = _ring(folder)
        key = ring.obtain(ITEM)
        assert _ring(folder).fetch(ITEM) == key
        assert [p for p in folder.rglob("*") if p.stat().st_mode & 0o077] in ([], [folder])


@pytest.mark.parametrize("prepare", [_with_ring, _with_person])
def test_minting_dies_anywhere_and_the_key_is_there_or_never_was(
    tmp_path: Path, prepare: Callable[[Path], object]
) -> None:
    """A mint that died left no key or the whole key; the next one succeeds and every restart agrees on it."""
    for folder, ended in _every_death(tmp_path, prepare, lambda f: _ring(f).obtain(ITEM)):
        ring = _ring(folder)
        state = ring.state(ITEM)
        assert state in ((KeyState.ACTIVE,) if ended else (KeyState.NEVER, KeyState.ACTIVE))
        key = ring.fetch(ITEM) if state is KeyState.ACTIVE else ring.obtain(ITEM)
        assert _ring(folder).obtain(ITEM) == key
        assert _ring(folder).obtain(NEIGHBOUR) != key


def test_a_key_whose_maker_died_before_its_name_was_durable_is_synced_by_who_uses_it(tmp_path: Path) -> None:
    """A key is durable before anything is sealed under it, or a power cut would take it from its values."""
    for step in range(40):
        folder = tmp_path / str(step)
        _with_person(folder)
        assert _killed(lambda folder=folder: _ring(folder).obtain(ITEM), step, True)  # type: ignore[misc]
        if not list(folder.rglob("new")) or _ring(folder).state(ITEM) is not KeyState.ACTIVE:
            continue
        ring = _ring(folder)
        with _stepping(-1, True, _die) as counter:
            ring.obtain(ITEM)
        assert counter.names == ["fsync"]
        return
    raise AssertionError("no mint died between its name and the folder's sync")


@pytest.mark.parametrize("scope", [ITEM, PERSON])
def test_erasing_dies_anywhere_and_is_finished_at_the_next_start(tmp_path: Path, scope: KeyScope) -> None:
    """INVARIANT (erased-is-final): after a crash a key is whole, or erased with its bytes gone (S32)."""
    kept: list[bytes] = []
    outcomes: set[KeyState] = set()

    def prepare(folder: Path) -> None:
        _with_item(folder)
        kept[:] = [_ring(folder).fetch(NEIGHBOUR).material]
        secrets.update(_wrapped(folder))

    secrets: dict[str, bytes] = {}
    for folder, ended in _every_death(tmp_path, prepare, lambda f: _ring(f).destroy(scope)):
        ring = _ring(folder)
        outcomes.add(state := ring.state(scope))
        assert state is KeyState.ERASED or not ended
        if state is KeyState.ERASED:
            with pytest.raises(KeyErased):
                ring.obtain(ITEM)
            gone = [b for p, b in secrets.items() if str(folder) in p and not Path(p).exists()]
            disk = b"".join(p.read_bytes() for p in folder.rglob("*") if p.is_file())
            assert gone
            assert all(secret not in disk for secret in gone)
            assert list((folder / "ring" / "erasing").iterdir()) == []
        else:
            assert ring.fetch(ITEM)
        if scope == ITEM or state is not KeyState.ERASED:
            assert _ring(folder).fetch(NEIGHBOUR).material == kept[0]
        ring.destroy(scope)
        assert _ring(folder).state(scope) is KeyState.ERASED
        secrets.clear()
    assert KeyState.ERASED in outcomes


def test_recovery_dies_anywhere_and_is_recovered_from(tmp_path: Path) -> None:
    """A start that dies while it finishes an erasure leaves work for the next start, and nothing worse."""

    def prepare(folder: Path) -> None:
        _with_item(folder)
        wrapped = _wrapped(folder)
        secrets[:] = list(wrapped.values())
        for step in range(50):  # die right after the rename: erased for everybody, not yet overwritten
            if not _killed(lambda: _ring(folder).destroy(PERSON), step, True):
                raise AssertionError("never died after the rename")
            if list(folder.rglob("*.erased")):
                return

    secrets: list[bytes] = []
    for folder, _ in _every_death(tmp_path, prepare, _ring):
        assert _ring(folder).state(ITEM) is KeyState.ERASED
        disk = b"".join(p.read_bytes() for p in folder.rglob("*") if p.is_file())
        assert all(secret not in disk for secret in secrets)
        assert list((folder / "ring" / "erasing").iterdir()) == []


def test_erasing_what_never_was_is_final_too(tmp_path: Path) -> None:
    """INVARIANT (erased-is-final): an item or a person erased before their first key never get one."""
    for scope in (ITEM, PERSON):
        for folder, ended in _every_death(
            tmp_path / scope.subject / str(scope.item), _with_ring, lambda f, s=scope: _ring(f).destroy(s)
        ):  # type: ignore[misc]
            assert _ring(folder).state(scope) in (
                (KeyState.ERASED,) if ended else (KeyState.NEVER, KeyState.ERASED)
            )
            _ring(folder).destroy(scope)
            with pytest.raises(KeyErased):
                _ring(folder).obtain(scope)


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_mints_nothing(tmp_path: Path, number: int) -> None:
    """A disk that fills up at any step of minting gives `StorageFull`, and no half key afterwards."""

    def full() -> None:
        raise OSError(number, os.strerror(number))

    for step in range(40):
        folder = tmp_path / str(step)
        _with_person(folder)
        ring = _ring(folder)
        with _stepping(step, False, full) as counter:
            try:
                ring.obtain(ITEM)
            except StorageFull:
                pass
            else:
                assert counter.steps <= step
                return
        assert ring.obtain(ITEM) == _ring(folder).fetch(ITEM)
    raise AssertionError("minting never ended")


def test_a_full_disk_does_not_keep_a_key_alive(tmp_path: Path) -> None:
    """S32: where not even the intent of an erasure can be written, the erasure is done all the same."""

    def full() -> None:
        raise OSError(errno.ENOSPC, "no space left on device")

    for step in (0, 1):
        folder = tmp_path / str(step)
        _with_item(folder)
        ring = _ring(folder)
        with _stepping(step, False, full):
            ring.destroy(ITEM)
        with pytest.raises(KeyErased):
            _ring(folder).fetch(ITEM)


def test_two_processes_that_mint_at_once_get_one_key(tmp_path: Path) -> None:
    """Of many processes and scopes at once, each scope has one key, the same for all of them."""
    scopes = [KeyScope("main", f"p{number % 3}", f"i{number}") for number in range(12)]
    readers = []
    for _ in range(6):
        read, write = os.pipe()
        if os.fork() == 0:
            try:
                ring = FileKeyring(tmp_path / "ring")
                os.write(write, b"".join(ring.obtain(scope).material for scope in scopes))
            finally:
                os._exit(0)
        os.close(write)
        readers.append(read)
    answers = {_drain(read) for read in readers}
    for _ in readers:
        os.wait()
    assert len(answers) == 1
    assert answers == {b"".join(FileKeyring(tmp_path / "ring").fetch(scope).material for scope in scopes)}


def test_erasing_and_minting_at_once_ends_erased(tmp_path: Path) -> None:
    """INVARIANT (erased-is-final): however minting and erasing race, what was erased is erased at the end."""
    for turn in range(8):
        scope = KeyScope("main", f"p{turn}", "i" if turn % 2 else None)
        children = []
        for work in ("obtain", "destroy", "obtain"):
            if (child := os.fork()) == 0:
                with contextlib.suppress(GptimageError):
                    getattr(FileKeyring(tmp_path / "ring"), work)(scope)
                os._exit(0)
            children.append(child)
        for child in children:
            os.waitpid(child, 0)
        ring = FileKeyring(tmp_path / "ring")
        assert ring.state(scope) is KeyState.ERASED
        with pytest.raises(KeyErased):
            ring.obtain(scope)


def test_storing_a_blob_dies_anywhere_and_it_is_whole_or_not_there(tmp_path: Path) -> None:
    """A blob has its name when it is whole; what a killed process left is swept at the next start."""
    name = new_name()
    place = Context("main", "p", "image", "image", "original", "row", "i")

    def prepare(folder: Path) -> None:
        _with_item(folder)
        LocalBlobs(folder / "blobs")

    def work(folder: Path) -> None:
        store = LocalBlobs(folder / "blobs")
        store.put(name, Vault(_ring(folder)).seal_stream(place, [b"x" * 50_000] * 3))

    for folder, ended in _every_death(tmp_path, prepare, work):
        store = LocalBlobs(folder / "blobs")
        assert list((folder / "blobs" / "incoming").iterdir()) == []
        found = list(store.names())
        assert found == [name] if ended else found in ([], [name])
        if found:
            with store.open(name) as file:
                sealed = file.read()
            assert Vault(_ring(folder)).open_bytes(place, sealed) == b"x" * 150_000


def test_a_blob_that_does_not_fit_leaves_nothing_behind(tmp_path: Path) -> None:
    """A disk that is really too small (a file size limit) gives `StorageFull`; nothing stays of the blob."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            store = SealedBlobs(Vault(_ring(tmp_path)), LocalBlobs(tmp_path / "blobs"))
            place = Context("main", "p", "image", "image", "original", "row", "i")
            resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
            store.put(place, [b"x" * 60_000] * 3)
        except StorageFull:
            code = 0
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert [p for p in (tmp_path / "blobs").rglob("*") if p.is_file()] == []


def test_a_blob_that_is_being_written_survives_another_start(tmp_path: Path) -> None:
    """Opening the folder sweeps what the dead left, and not what somebody is writing now."""
    store, name = LocalBlobs(tmp_path / "blobs"), new_name()

    def source() -> Iterator[bytes]:
        yield b"first"
        (tmp_path / "blobs" / "incoming" / new_name()).write_bytes(b"of a dead process")
        LocalBlobs(tmp_path / "blobs")
        yield b"second"

    assert store.put(name, source()) == 11
    assert list((tmp_path / "blobs" / "incoming").iterdir()) == []


def _drain(handle: int) -> bytes:
    with os.fdopen(handle, "rb") as file:
        return file.read()
