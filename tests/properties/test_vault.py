"""The vault: what is sealed opens in its place only, and never again once its key is erased."""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from gptimage_core.errors import KeyErased, StoreError, VaultError
from gptimage_core.ports.blobs import new_name
from gptimage_core.ports.keys import KeyState
from gptimage_core.vault import Context, FileKeyring, LocalBlobs, SealedBlobs, Vault

RELAXED = settings(
    deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
PARTS = ("tenant", "subject", "category", "table", "column", "row", "item", "retention")
TEXT = st.text(max_size=300)
PART = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=6)
PLACE = Context("main", "person", "prompt", "image", "prompt", "row", "item")


@pytest.fixture(scope="module")
def vault(tmp_path_factory: pytest.TempPathFactory) -> Vault:
    return Vault(FileKeyring(tmp_path_factory.mktemp("keys") / "ring"), cached_keys=8)


@pytest.fixture
def blobs(vault: Vault, tmp_path: Path) -> SealedBlobs:
    return SealedBlobs(vault, LocalBlobs(tmp_path / "blobs"))


def _contexts() -> st.SearchStrategy[Context]:
    return st.builds(
        Context, PART, PART, PART, PART, PART, PART, st.none() | PART, st.sampled_from(["content", "records"])
    )


@given(context=_contexts(), text=TEXT, data=st.binary(max_size=300))
@RELAXED
def test_what_is_sealed_opens_again(vault: Vault, context: Context, text: str, data: bytes) -> None:
    """Any bytes and any Unicode come back as they were (S6)."""
    sealed = vault.seal_text(context, text)
    assert sealed.startswith("gpv1:")
    assert vault.open_text(context, sealed) == text
    assert vault.open_bytes(context, vault.seal_bytes(context, data)) == data


@pytest.mark.parametrize("character", ["a", "é", "漢", "🦊", "\x00", "\n"])
def test_the_longest_prompt_of_any_script_comes_back(vault: Vault, character: str) -> None:
    """A prompt of 32,000 characters of any script survives sealing (S6)."""
    text = character * 32_000
    assert vault.open_text(PLACE, vault.seal_text(PLACE, text)) == text


def test_half_a_surrogate_pair_is_refused_and_not_repaired(vault: Vault) -> None:
    """What is not Unicode text is refused: silently altered, it would not come back as it was."""
    with pytest.raises(VaultError):
        vault.seal_text(PLACE, "\ud800")


@given(context=_contexts(), data=st.data())
@RELAXED
def test_moved_to_another_place_it_does_not_open(vault: Vault, context: Context, data: st.DataObject) -> None:
    """INVARIANT (sealed-in-place): changing any one component of the place is enough (S7)."""
    sealed = vault.seal_text(context, "a canary")
    part = data.draw(st.sampled_from(PARTS))
    other = data.draw((PART | st.none()) if part == "item" else PART)
    moved = replace(context, **{part: other})
    if moved == context:
        assert vault.open_text(moved, sealed) == "a canary"
        return
    vault.seal_text(moved, "so that there is a key at the other place too")
    with pytest.raises(VaultError):
        vault.open_text(moved, sealed)


@given(context=_contexts(), data=st.data())
@RELAXED
def test_no_component_can_lend_characters_to_its_neighbour(
    vault: Vault, context: Context, data: st.DataObject
) -> None:
    """INVARIANT (sealed-in-place): the bound bytes are injective, so shifting text between parts shows."""
    first, second = data.draw(st.sampled_from(list(pairwise(PARTS[:6]))))
    joined = getattr(context, first) + getattr(context, second)
    at = data.draw(st.integers(1, len(joined) - 1))
    moved = replace(context, **{first: joined[:at], second: joined[at:]})
    assert (moved.encode(1) == context.encode(1)) == (moved == context)
    assert context.encode(1) != context.encode(2)


@given(text=TEXT, at=st.integers(0, 10_000), bit=st.integers(0, 7))
@RELAXED
def test_any_altered_byte_is_found(vault: Vault, text: str, at: int, bit: int) -> None:
    """No bit of a sealed value can be changed without the opening failing."""
    sealed = bytearray(vault.seal_bytes(PLACE, text.encode()))
    sealed[at % len(sealed)] ^= 1 << bit
    with pytest.raises(VaultError):
        vault.open_bytes(PLACE, bytes(sealed))


def test_destroying_an_item_leaves_its_neighbours(vault: Vault) -> None:
    """S32: an erased item never opens and nothing new is sealed for it; its neighbour and its person stay."""
    one, two = replace(PLACE, subject="anna", item="one"), replace(PLACE, subject="anna", item="two")
    own = replace(PLACE, subject="anna", item=None)
    sealed = {context: vault.seal_text(context, "a canary") for context in (one, two, own)}
    vault.destroy_item("main", "anna", "one")
    vault.destroy_item("main", "anna", "one")
    with pytest.raises(KeyErased):
        vault.open_text(one, sealed[one])
    with pytest.raises(KeyErased):
        vault.seal_text(one, "again")
    assert vault.open_text(two, sealed[two]) == vault.open_text(own, sealed[own]) == "a canary"
    assert vault.state("main", "anna", "one") is KeyState.ERASED


def test_destroying_a_person_takes_every_item_at_once(vault: Vault) -> None:
    """S32: with the person's key every item's is dead, also one that never was; other people stay."""
    items = [replace(PLACE, subject="ben", item=f"item {number}") for number in range(12)]
    sealed = [vault.seal_text(context, "a canary") for context in items]
    other = vault.seal_text(replace(PLACE, subject="carl"), "stays")
    records = replace(PLACE, subject="ben", item=None, retention="records")
    kept = vault.seal_text(records, "runs out by itself")
    vault.destroy_person("main", "ben")
    for context, text in zip(items, sealed, strict=True):
        with pytest.raises(KeyErased):
            vault.open_text(context, text)
    for item in (None, "item 0", "never seen"):
        assert vault.state("main", "ben", item) is KeyState.ERASED
        with pytest.raises(KeyErased):
            vault.seal_text(replace(PLACE, subject="ben", item=item), "again")
    assert vault.open_text(replace(PLACE, subject="carl"), other) == "stays"
    assert vault.open_text(records, kept) == "runs out by itself"


def test_an_erasure_by_another_worker_binds_this_ones_cache_at_once(tmp_path: Path) -> None:
    """INVARIANT (erased-is-final): a key another process erased is not served from this one's cache (S32)."""
    here, there = Vault(FileKeyring(tmp_path / "ring")), Vault(FileKeyring(tmp_path / "ring"))
    own = replace(PLACE, item=None)
    sealed, sealed_own = here.seal_text(PLACE, "a canary"), here.seal_text(own, "a canary")
    there.destroy_item("main", "person", "item")
    with pytest.raises(KeyErased):
        here.open_text(PLACE, sealed)
    assert here.open_text(own, sealed_own) == "a canary"
    there.destroy_person("main", "person")
    with pytest.raises(KeyErased):
        here.open_text(own, sealed_own)


def test_a_value_without_a_key_does_not_open_and_opening_mints_nothing(vault: Vault) -> None:
    """Opening where nothing was ever sealed raises, and leaves no key behind."""
    sealed = vault.seal_text(PLACE, "a canary")
    with pytest.raises(VaultError):
        vault.open_text(replace(PLACE, subject="nobody"), sealed)
    assert vault.state("main", "nobody") is KeyState.NEVER
    for bad in ("", "gpv1:", "gpv2:AAAA", "plain text", sealed[:-1], sealed + "A"):
        with pytest.raises(VaultError):
            vault.open_text(PLACE, bad)
    for nowhere in (replace(PLACE, subject=""), replace(PLACE, tenant=""), replace(PLACE, item="")):
        with pytest.raises(VaultError):
            vault.seal_text(nowhere, "x")


@given(size=st.integers(0, 60_000), piece=st.integers(1, 20_000))
@RELAXED
def test_blobs_come_back_and_do_not_open_elsewhere(blobs: SealedBlobs, size: int, piece: int) -> None:
    """INVARIANT (sealed-in-place) for blobs: neither another row nor another blob's name opens them (S6)."""
    plain = os.urandom(size)
    name = blobs.put(PLACE, (plain[at : at + piece] for at in range(0, size, piece)))
    assert b"".join(blobs.open(PLACE, name)) == blobs.read(PLACE, name, limit=size) == plain
    assert blobs.size(name) == size
    other = blobs.put(PLACE, b"another")
    folder = Path(blobs._blobs._folder)  # type: ignore[attr-defined]  # the test is the thief on the disk
    (folder / other[:2] / other).write_bytes((folder / name[:2] / name).read_bytes())
    with pytest.raises(VaultError):
        b"".join(blobs.open(PLACE, other))
    with pytest.raises(VaultError):
        b"".join(blobs.open(replace(PLACE, row="another row"), name))
    blobs.delete(name)
    blobs.delete(name)
    with pytest.raises(StoreError):
        blobs.open(PLACE, name)


def test_a_blob_cut_at_a_chunk_is_refused_before_its_first_byte(blobs: SealedBlobs) -> None:
    """A file shortened on the disk raises when it is opened, or at the latest where it is wrong."""
    name = blobs.put(PLACE, os.urandom(40_000))
    folder = Path(blobs._blobs._folder)  # type: ignore[attr-defined]  # the test is the thief on the disk
    path = folder / name[:2] / name
    whole = path.read_bytes()
    path.write_bytes(whole[: 56 + 2 * (16 * 1024 + 16)])
    with pytest.raises(VaultError):
        blobs.open(PLACE, name)
    path.write_bytes(whole[:-1])
    with pytest.raises(VaultError):
        b"".join(blobs.open(PLACE, name))
    with pytest.raises(VaultError):
        blobs.read(PLACE, name, limit=100)


@pytest.mark.parametrize(
    "name", ["", "..", "../../etc/passwd", "A" * 32, "0" * 31, "0" * 33, "0" * 31 + "\n"]
)
def test_only_a_blobs_own_name_reaches_a_path(tmp_path: Path, name: str) -> None:
    """A name that `new_name` would not make is refused by every call."""
    store = LocalBlobs(tmp_path / "blobs")
    for call in (store.open, store.size, store.delete, lambda n: store.put(n, [b"x"])):
        with pytest.raises(StoreError):
            call(name)


def test_a_failing_source_leaves_nothing_behind(blobs: SealedBlobs, tmp_path: Path) -> None:
    """When what is read breaks half-way there is no blob, no half file and no name."""

    def source() -> Iterator[bytes]:
        yield b"x" * 100_000
        raise ConnectionError("the other end hung up")

    with pytest.raises(ConnectionError):
        blobs.put(PLACE, source())
    assert [path for path in (tmp_path / "blobs").rglob("*") if path.is_file()] == []


def test_a_blob_is_written_once(tmp_path: Path) -> None:
    """An existing name is refused, and what it names stays as it was."""
    store, name = LocalBlobs(tmp_path / "blobs"), new_name()
    assert store.put(name, [b"ab", b"c"]) == 3
    with pytest.raises(StoreError):
        store.put(name, [b"other"])
    with store.open(name) as file:
        assert file.read() == b"abc"
    assert list(store.names()) == [name]
    assert list((tmp_path / "blobs" / "incoming").iterdir()) == []


def test_no_plaintext_is_found_on_the_disk(tmp_path: Path) -> None:
    """S5, S8: neither a canary nor an id stands in any file or file name below the keyring or the blobs."""
    vault = Vault(FileKeyring(tmp_path / "ring"))
    store = SealedBlobs(vault, LocalBlobs(tmp_path / "blobs"))
    place = Context("tenantcanary", "subjectcanary", "prompt", "image", "prompt", "rowcanary", "itemcanary")
    vault.seal_text(place, "plaincanary")
    vault.seal_text(replace(place, item=None), "plaincanary")
    kept, gone = (store.put(place, b"plaincanary" * 5_000) for _ in range(2))
    store.delete(gone)
    vault.destroy_item("tenantcanary", "subjectcanary", "itemcanary")
    vault.destroy_person("tenantcanary", "othercanary")
    seen = 0
    for path in tmp_path.rglob("*"):
        assert "canary" not in path.name
        if path.is_file():
            assert b"canary" not in path.read_bytes()
            seen += 1
    assert seen > 3
    assert store.size(kept) == 55_000
