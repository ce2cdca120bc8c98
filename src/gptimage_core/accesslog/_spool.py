"""The spool: records whose answer was released before their commit, in the hands of the operating system.

What holds, precisely: once `append` has returned, the record is in the kernel's page cache of a file that
belongs to this process. A process that is killed (or crashes, or runs into its time-out) loses nothing: the
next sink on the same database adopts the file and commits what is in it. A power cut or a crash of the
kernel loses what had not reached the disk yet: there is no fsync on this path. A record is never doubled:
its id is unique, and adopting the same file twice changes nothing.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

import msgspec

from gptimage_core.errors import StorageFull
from gptimage_core.ports.records import AccessRecord
from gptimage_core.store.state import new_id

__all__ = ["Spool", "orphans"]

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(AccessRecord).decode


class Spool:
    """This process's own file beside the database, locked as long as it lives. Not thread-safe."""

    def __init__(self, database: Path) -> None:
        self.path = database.with_name(f"{database.name}-records-{new_id()}")
        self._file = os.open(
            self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o600
        )
        fcntl.flock(self._file, fcntl.LOCK_EX)

    def append(self, record: AccessRecord) -> None:
        """Hand the record to the operating system; `StorageFull` where it does not take it."""
        line = _encode(record) + b"\n"
        try:
            if os.write(self._file, line) != len(line):
                raise OSError("a short write")  # one way out
        except OSError as error:
            raise StorageFull(f"no room for access records at `{self.path}`: {error}") from error

    def clear(self) -> None:
        """Everything in it is committed."""
        os.ftruncate(self._file, 0)

    def close(self) -> None:
        """Remove the file; what is in it is committed."""
        self.path.unlink(missing_ok=True)
        os.close(self._file)

    def abandon(self) -> None:
        """Leave the file for the next sink to adopt."""
        os.close(self._file)


def orphans(database: Path) -> Iterator[tuple[Path, list[AccessRecord]]]:
    """Spools whose process is gone, with their records; a half-written line was never promised.

    The file stays locked until the next one is asked for: commit and unlink it before.
    """
    prefix = f"{database.name}-records-"
    for path in sorted(path for path in database.parent.iterdir() if path.name.startswith(prefix)):
        try:
            file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            continue
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:  # its process lives
            os.close(file)
            continue
        try:
            yield path, list(_records(path.read_bytes()))
        finally:
            os.close(file)


def _records(data: bytes) -> Iterator[AccessRecord]:
    for line in data.splitlines():
        try:
            yield _decode(line)
        except msgspec.DecodeError:
            continue
