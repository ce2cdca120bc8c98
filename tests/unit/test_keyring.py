"""The file keyring: what it refuses, what its files tell, and the vault's cache in front of it."""

from __future__ import annotations

import shutil
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from gptimage_core.errors import KeyErased, VaultError
from gptimage_core.ports.keys import Key, KeyScope, KeyState
from gptimage_core.vault import Context, FileKeyring, Vault

ONE, TWO, OWN = KeyScope("main", "p", "one"), KeyScope("main", "p", "two"), KeyScope("main", "p")


def _key_files(folder: Path) -> list[Path]:
    return sorted(path for path in (folder / "people").rglob("*.key"))


def test_every_scope_has_a_key_of_its_own(tmp_path: Path) -> None:
    """Tenant, person, retention class and item each make another key; none is derived from another."""
    ring = FileKeyring(tmp_path / "ring")
    scopes = [
        ONE,
        TWO,
        OWN,
        KeyScope("main", "p", "one", "records"),
        KeyScope("main", "pone"),
        KeyScope("mainp", "one"),
    ]
    keys = [ring.obtain(scope).material for scope in scopes]
    assert len(set(keys)) == len(scopes)
    assert all(len(key) == 32 for key in keys)
    assert [FileKeyring(tmp_path / "ring").fetch(scope).material for scope in scopes] == keys


def test_only_the_owner_can_read_it(tmp_path: Path) -> None:
    """0700 folders and 0600 files; a keyring that is open to others is refused."""
    ring = FileKeyring(tmp_path / "ring")
    ring.obtain(ONE)
    ring.destroy(TWO)
    for path in (tmp_path / "ring", *(tmp_path / "ring").rglob("*")):
        assert path.stat().st_mode & 0o777 == (0o700 if path.is_dir() else 0o600)
    (tmp_path / "ring").chmod(0o750)
    with pytest.raises(VaultError, match="open to others"):
        FileKeyring(tmp_path / "ring")


def test_a_folder_that_is_something_else_is_refused(tmp_path: Path) -> None:
    """A folder with other files in it, or of a later format, is left alone."""
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a.jpg").write_bytes(b"x")
    with pytest.raises(VaultError, match="neither empty nor a keyring"):
        FileKeyring(tmp_path / "photos")
    assert [path.name for path in (tmp_path / "photos").iterdir()] == ["a.jpg"]
    FileKeyring(tmp_path / "ring")
    (tmp_path / "ring" / "format").write_bytes(b"gptimage keyring 9\n")
    with pytest.raises(VaultError, match="not known here"):
        FileKeyring(tmp_path / "ring")


def test_a_key_file_opens_in_its_place_only(tmp_path: Path) -> None:
    """A key copied over another one, cut, altered or from another keyring raises; it is never a new key."""
    ring = FileKeyring(tmp_path / "ring")
    for scope in (ONE, TWO):
        ring.obtain(scope)
    shutil.copytree(tmp_path / "ring", tmp_path / "copy")
    files = [path for path in _key_files(tmp_path / "ring") if path.name != "own.key"]
    own = files[0].with_name("own.key")
    whole = {path: path.read_bytes() for path in (*files, own)}
    other = FileKeyring(tmp_path / "other")
    other.obtain(ONE)
    foreign = _key_files(tmp_path / "other")[0].read_bytes()
    spoiled = [
        whole[files[1]],
        whole[own],
        foreign,
        b"",
        whole[files[0]][:40],
        whole[files[0]][:-1] + b"\0",
        bytes(73),
    ]
    for content in spoiled:
        for path in (files[0], own):
            if content == whole[path]:
                continue
            path.write_bytes(content)
            with pytest.raises(VaultError):
                _ = [ring.obtain(scope) for scope in (ONE, TWO)]
            path.write_bytes(whole[path])
    assert ring.fetch(ONE) != ring.fetch(TWO)


def test_erased_keys_are_overwritten(tmp_path: Path) -> None:
    """S32: after an erasure the bytes of the key file are nowhere below the keyring."""
    ring = FileKeyring(tmp_path / "ring")
    ring.obtain(ONE)
    ring.obtain(TWO)
    before = {path: path.read_bytes()[25:] for path in _key_files(tmp_path / "ring")}
    ring.destroy(ONE)
    gone = [secret for path, secret in before.items() if not path.exists()]
    assert len(gone) == 1
    ring.destroy(OWN)
    disk = b"".join(path.read_bytes() for path in (tmp_path / "ring").rglob("*") if path.is_file())
    assert all(secret not in disk for secret in before.values())
    assert _key_files(tmp_path / "ring") == []


def test_a_key_never_shows_itself() -> None:
    """A key in a traceback or a log would outlive its erasure."""
    assert repr(Key(b"secret" * 5, 1, "/where/it/lies")) == "Key(version=1)"


def test_the_cache_is_bounded_and_can_be_told_to_forget(tmp_path: Path) -> None:
    """No more keys are held than were allowed; forgetting a person leaves none of theirs."""
    vault = Vault(FileKeyring(tmp_path / "ring"), cached_keys=5)
    places = [Context("main", f"p{n % 3}", "c", "t", "x", str(n), f"i{n}") for n in range(20)]
    sealed = [vault.seal_text(place, place.row) for place in places]
    assert len(vault._cache) == 5
    assert [vault.open_text(place, text) for place, text in zip(places, sealed, strict=True)] == [
        p.row for p in places
    ]
    assert len(vault._cache) == 5
    vault.forget("main", "p1")
    assert {place[1] for place in vault._cache} <= {"p0", "p2"}
    with pytest.raises(ValueError, match="at least 1"):
        Vault(FileKeyring(tmp_path / "ring"), cached_keys=0)


def test_threads_agree_and_none_opens_what_was_erased(tmp_path: Path) -> None:
    """Many threads on one vault: each opens what any sealed; after the erasure returned, none does (S32)."""
    vault = Vault(FileKeyring(tmp_path / "ring"), cached_keys=2)
    places = [Context("main", "p", "c", "t", "x", str(n), f"i{n}") for n in range(4)]
    sealed = {place: vault.seal_text(place, place.row) for place in places}
    erased, late = threading.Event(), []

    def read(turn: int) -> None:
        place = places[turn % 4]
        after = erased.is_set()
        try:
            assert vault.open_text(place, sealed[place]) == place.row
        except KeyErased:
            assert place is places[0]
        else:
            if after and place is places[0]:
                late.append(turn)

    def destroy() -> None:
        vault.destroy_item("main", "p", "i0")
        erased.set()

    with ThreadPoolExecutor(8) as pool:
        work = [pool.submit(read, turn) for turn in range(400)]
        work.append(pool.submit(destroy))
        work += [pool.submit(read, turn) for turn in range(400)]
        for each in work:
            each.result()
    assert late == []
    assert vault.state("main", "p", "i0") is KeyState.ERASED
