"""A zip made piece by piece, in bounded memory, and the SHA-256 of each file that went into it.

Nothing is kept but names, sizes and digests. Every file has the same instant, so the same content makes the
same bytes.
"""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Iterable, Iterator

from msgspec import Struct

from gptimage_core.clock import Instant, to_datetime

__all__ = ["Packed", "Packer"]

_PIECE = 256 * 1024


class Packed(Struct, frozen=True):
    """A file of the archive: its name, its length in bytes, its SHA-256 in hexadecimal."""

    name: str
    size: int
    sha256: str


class _Pipe:
    """What the zip writes into; it cannot seek, so the zip describes each file behind its data."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self.waiting = 0

    def write(self, data: bytes | memoryview) -> int:
        self._pieces.append(bytes(data))
        self.waiting += len(data)
        return len(data)

    def flush(self) -> None:
        """Nothing is buffered below."""

    def take(self) -> bytes:
        data, self._pieces, self.waiting = b"".join(self._pieces), [], 0
        return data


class Packer:
    """Use `add` for each file, then `close`; what they give, in order, is the zip."""

    def __init__(self, at: Instant) -> None:
        moment = to_datetime(at)
        self._date = (moment.year, moment.month, moment.day, moment.hour, moment.minute, moment.second)
        self._pipe = _Pipe()
        self._zip = zipfile.ZipFile(self._pipe, "w", allowZip64=True)  # type: ignore[call-overload]  # a pipe is enough
        self.files: list[Packed] = []

    def add(self, name: str, content: Iterable[bytes], *, packed: bool = True) -> Iterator[bytes]:
        """Add one file. `packed=False` for what is compressed already."""
        info = zipfile.ZipInfo(name, self._date)
        info.compress_type = zipfile.ZIP_DEFLATED if packed else zipfile.ZIP_STORED
        info.external_attr = 0o644 << 16
        digest, size = hashlib.sha256(), 0
        with self._zip.open(info, "w", force_zip64=True) as file:
            for piece in content:
                digest.update(piece)
                size += len(piece)
                file.write(piece)
                if self._pipe.waiting >= _PIECE:
                    yield self._pipe.take()
        self.files.append(Packed(name, size, digest.hexdigest()))

    def close(self) -> Iterator[bytes]:
        """The table of contents; nothing can be added after it."""
        self._zip.close()
        yield self._pipe.take()
