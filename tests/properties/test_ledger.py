"""The ledger of negative decisions: nothing acknowledged is lost, nothing torn is believed (X8)."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gptimage_core.errors import StoreError
from gptimage_core.store.ledger import KINDS, Entry, NegativeLedger

entries = st.lists(
    st.tuples(
        st.sampled_from(KINDS),
        st.text(min_size=1, max_size=8),
        st.text(max_size=12),
        st.dictionaries(
            st.text(max_size=6), st.text(max_size=20) | st.integers(-9, 2**53) | st.booleans(), max_size=3
        ),
    ),
    max_size=8,
)


def write(path: Path, what: list[tuple[str, str, str, dict[str, object]]]) -> list[Entry]:
    ledger = NegativeLedger(path)
    kept = []
    for at, (kind, tenant, subject, body) in enumerate(what):
        seq = ledger.append(kind, tenant, subject, body, at)  # type: ignore[arg-type]
        kept.append(Entry(seq, at, kind, tenant, subject, body))  # type: ignore[arg-type]
    ledger.close()
    return kept


@settings(deadline=None, max_examples=40)
@given(entries)
def test_what_was_appended_is_read_back(what: list) -> None:  # type: ignore[type-arg]
    """Any text of any tenant comes back as it was, in order, numbered from one."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "ledger"
        kept = write(path, what)
        again = NegativeLedger(path)
        assert list(again.since(0)) == kept
        assert [entry.seq for entry in kept] == list(range(1, len(kept) + 1))
        assert list(again.since(len(kept) // 2)) == kept[len(kept) // 2 :]
        again.close()


@settings(deadline=None, max_examples=60)
@given(entries.filter(bool), st.data())
def test_a_torn_tail_is_cut_and_nothing_else(what: list, data: st.DataObject) -> None:  # type: ignore[type-arg]
    """Cut anywhere inside the last line: the last entry was never acknowledged, all others stand."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "ledger"
        kept = write(path, what)
        whole = path.read_bytes()
        start = whole.rstrip(b"\n").rindex(b"\n") + 1
        cut = data.draw(st.integers(start, len(whole) - 1))
        filler = data.draw(st.sampled_from([b"", b"\0\0\0"]))
        path.write_bytes(whole[:cut] + filler)
        ledger = NegativeLedger(path)
        assert list(ledger.since(0)) == kept[:-1]
        assert ledger.append("restriction", "main", "u", {}, 9) == len(kept)
        ledger.close()
        again = NegativeLedger(path)
        assert again.last == len(kept)
        again.close()


@settings(deadline=None, max_examples=60)
@given(entries.filter(lambda e: len(e) > 1), st.data())
def test_damage_is_refused(what: list, data: st.DataObject) -> None:  # type: ignore[type-arg]
    """One changed byte before the last line is damage: a decision may be missing, so nothing is served."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "ledger"
        write(path, what)
        whole = bytearray(path.read_bytes())
        last = bytes(whole).rstrip(b"\n").rindex(b"\n")
        header = whole.index(b"\n")
        at = data.draw(st.integers(header + 1, last - 1))
        whole[at] ^= data.draw(st.integers(1, 255))
        path.write_bytes(bytes(whole))
        with pytest.raises(StoreError, match="damaged"):
            NegativeLedger(path)


def test_an_entry_that_is_missing_in_the_middle_is_refused(tmp_path: Path) -> None:
    """The chain notices a line that somebody took out, though every line by itself is well-formed."""
    path = tmp_path / "ledger"
    write(path, [("restriction", "main", f"u{n}", {}) for n in range(4)])
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:2] + lines[3:]))
    with pytest.raises(StoreError, match="damaged"):
        NegativeLedger(path)


def test_two_processes_share_one_ledger(tmp_path: Path) -> None:
    """Each append reads on first: numbers never collide."""
    first, second = NegativeLedger(tmp_path / "ledger"), NegativeLedger(tmp_path / "ledger")
    assert first.id == second.id
    numbers = [who.append("restriction", "main", "u", {}, 0) for who in (first, second, second, first)]
    assert numbers == [1, 2, 3, 4]
    assert second.refresh() == 4
    assert first.chain(3) == second.chain(3)
    first.close()
    second.close()


def test_what_is_not_a_ledger_is_refused(tmp_path: Path) -> None:
    """A wrong path is named; an unknown kind too, before anything is written."""
    (tmp_path / "other").write_text("hello\n")
    with pytest.raises(StoreError, match="not a ledger"):
        NegativeLedger(tmp_path / "other")
    ledger = NegativeLedger(tmp_path / "ledger")
    with pytest.raises(StoreError, match="not a kind"):
        ledger.append("forgotten", "main", "u", {}, 0)  # type: ignore[arg-type]
    ledger.close()
    with pytest.raises(StoreError, match="closed"):
        ledger.append("restriction", "main", "u", {}, 0)
