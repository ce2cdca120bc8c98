"""The zip of an export: piece by piece, the same bytes for the same content, sound at every size."""

from __future__ import annotations

import hashlib
import io
import tracemalloc
import zipfile
from collections.abc import Iterator

from hypothesis import given
from hypothesis import strategies as st

from gptimage_core.clock import from_iso
from gptimage_core.subjects.packing import Packer

NOON = from_iso("2026-10-01T12:00:00Z")
MIB = 1 << 20
FILES = st.dictionaries(
    st.text("abc/-_.", min_size=1, max_size=8).filter(lambda name: not name.startswith("/")),
    st.tuples(st.lists(st.binary(max_size=64), max_size=4), st.booleans()),
    max_size=5,
)


def packed(files: dict[str, tuple[list[bytes], bool]]) -> tuple[bytes, Packer]:
    packer = Packer(NOON)
    made = b"".join(
        b"".join(packer.add(name, pieces, packed=small)) for name, (pieces, small) in files.items()
    )
    return made + b"".join(packer.close()), packer


@given(FILES)
def test_what_goes_in_comes_out_with_its_digest(files: dict[str, tuple[list[bytes], bool]]) -> None:
    """S36: every file comes out as it went in, however it was cut; names, sizes and digests are right; the
    same content makes the same bytes."""
    made, packer = packed(files)
    found = zipfile.ZipFile(io.BytesIO(made))
    assert found.testzip() is None
    assert found.namelist() == list(files)
    for file, (name, (pieces, _)) in zip(packer.files, files.items(), strict=True):
        content = b"".join(pieces)
        assert found.read(name) == content
        assert (file.name, file.size) == (name, len(content))
        assert file.sha256 == hashlib.sha256(content).hexdigest()
    assert packed(files)[0] == made


def test_memory_does_not_grow_with_what_is_packed() -> None:
    """96 MiB go through less than 4 MiB of memory."""

    def pieces() -> Iterator[bytes]:
        for number in range(96 * 4):
            yield number.to_bytes(4, "big") * (MIB // 16)

    packer, size = Packer(NOON), 0
    tracemalloc.start()
    try:
        for piece in packer.add("large", pieces(), packed=False):
            size += len(piece)
        size += sum(len(piece) for piece in packer.close())
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert size > 96 * MIB
    assert peak < 4 * MIB
