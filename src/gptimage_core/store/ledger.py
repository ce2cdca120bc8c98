"""The ledger of negative decisions: what must survive a restore of the data (X8, S33).

Deletions, withdrawn consents, objections, restrictions, used tokens, revoked sessions and keys, corrections
and holds are appended here, in one file outside the data and its backups, before they are committed there.

Order of one decision (`replay.enact`), inside the data's own write transaction:

1. catch up: apply whatever the ledger holds and the data does not (a commit that failed after its append)
2. append the entry and fsync
3. apply it to the data with the same handler that a replay uses
4. move the data's position to the entry; then the caller's commit

What a crash leaves: before 2 nothing; after 2 and before the commit, an entry that the data lacks: it was
not acknowledged, and it takes effect with the next replay or the next decision (toward deny). After the
commit both have it. INVARIANT (ledger-first): every acknowledged negative decision is in the ledger.
INVARIANT (ledger-order): the data at position `p` holds every entry up to `p`; positions only move forward.

The file: a header line, then one line per entry: JSON, a tab, and a chained checksum (SHA-256 over the
previous checksum and the JSON). A last line that is incomplete is a write that nobody was told of: it is
cut at open. Any other damage is refused.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import secrets
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal, TypeAlias, get_args

import msgspec

from gptimage_core.clock import Instant
from gptimage_core.decision.model import Value
from gptimage_core.errors import StorageFull, StoreError

__all__ = ["KINDS", "Entry", "Handler", "Kind", "NegativeLedger"]

Handler: TypeAlias = "Callable[[sqlite3.Connection, Entry], None]"
Kind: TypeAlias = Literal[
    "item_deleted",
    "account_deleted",
    "consent_withdrawn",
    "objection",
    "restriction",
    "token_used",
    "session_revoked",
    "key_revoked",
    "correction",
    "hold",
    "ledger_lost",
]
KINDS: tuple[str, ...] = get_args(Kind)

_FORMAT = "gptimage-ledger-1"
_CHECKSUM = 32  # hex digits: 128 bits of SHA-256


class Entry(msgspec.Struct, frozen=True):
    """One negative decision. `body` holds opaque or keyed values only (X7): `{"consent": "training"}`."""

    seq: int
    at: Instant
    kind: str
    tenant: str
    subject: str | None
    body: dict[str, Value] = {}


class _Header(msgspec.Struct, frozen=True):
    format: str
    id: str


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Entry).decode


def _chained(previous: str, line: bytes) -> str:
    return hashlib.sha256(previous.encode() + line).hexdigest()[:_CHECKSUM]


class NegativeLedger:
    """The file, open for appending. Several processes may hold it: each append locks it and reads on first.

    `id` is the ledger's own random id, `last` the newest entry's number (0: none), `chain(seq)` the checksum
    at an entry, by which the data knows that this is its ledger and not another one or a fork.
    `on(kind, handler)` registers what an application's own kinds do to its data, now and at a replay.
    Thread-safe. Entries are read from the file when asked for; only the newest checksum is kept.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        self._lock = threading.RLock()
        self._broken: str | None = None
        self.handlers: dict[str, list[Handler]] = {}
        self.last = 0
        self._chain = self._origin = ""
        self._start = self._size = 0
        self.id = ""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StoreError(f"the ledger at `{self.path}` cannot be opened: {error}") from error
        try:
            with self._alone():
                self._open()
        except BaseException:
            self.close()
            raise

    def on(self, kind: Kind, handler: Handler) -> None:
        """Let `handler(connection, entry)` apply entries of `kind`. Repeating it must change nothing."""
        if kind not in KINDS:
            raise StoreError(f"`{kind}` is not a kind of negative decision; there are {', '.join(KINDS)}")
        self.handlers.setdefault(kind, []).append(handler)

    def refresh(self) -> int:
        """Take in what other processes have appended; returns `last`."""
        with self._lock:
            if self._file < 0 or os.fstat(self._file).st_size != self._size:
                with self._alone():
                    self._read_on()
            return self.last

    def since(self, seq: int) -> Iterator[Entry]:
        """All entries after `seq`, in order (those that `last` counts)."""
        return (entry for entry, _ in self._scan() if entry.seq > seq) if seq < self.last else iter(())

    def chain(self, seq: int) -> str | None:
        """The chained checksum at entry `seq` (at 0, that of the header); None beyond the last."""
        if seq == self.last:
            return self._chain
        if seq == 0:
            return self._origin
        return next((checksum for entry, checksum in self._scan() if entry.seq == seq), None)

    def append(
        self, kind: Kind, tenant: str, subject: str | None, body: dict[str, Value], at: Instant
    ) -> int:
        """Append one entry, fsync, return its number. On an error nothing was appended or acknowledged.

        Raises `StorageFull` where there is no room, `StoreError` where the file cannot be trusted any more
        (a failed fsync says nothing about what is on disk): open it again then.
        """
        if kind not in KINDS:
            raise StoreError(f"`{kind}` is not a kind of negative decision; there are {', '.join(KINDS)}")
        with self._lock, self._alone():
            self._read_on()
            entry = Entry(self.last + 1, at, kind, tenant, subject, body)
            line = _encode(entry)
            checksum = _chained(self._chain, line)
            _fault("ledger:before-append")
            self._write(line + b"\t" + checksum.encode() + b"\n")
            _fault("ledger:after-fsync")
            self.last, self._chain = entry.seq, checksum
            return entry.seq

    def close(self) -> None:
        """Close the file; nothing is pending."""
        with self._lock:
            if self._file >= 0:
                os.close(self._file)
                self._file = -1

    # Inside

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Only this thread of this process touches the file. A killed process's lock is freed."""
        if self._file < 0:
            raise StoreError(f"the ledger at `{self.path}` is closed")
        if self._broken is not None:
            raise StoreError(
                f"the ledger at `{self.path}` is not to be trusted since `{self._broken}`; open it again"
            )
        fcntl.flock(self._file, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.flock(self._file, fcntl.LOCK_UN)

    def _open(self) -> None:
        data = self._content()
        end = data.find(b"\n")
        if end < 0:  # new, or torn while its header was written: nothing was ever appended
            header = _Header(_FORMAT, secrets.token_hex(16))
            os.ftruncate(self._file, 0)
            self._size = 0
            self._write(_encode(header) + b"\n")
            _sync_folder(self.path.parent)
            data = _encode(header) + b"\n"
            end = len(data) - 1
        try:
            header = msgspec.json.decode(data[:end], type=_Header)
        except msgspec.DecodeError as error:
            raise StoreError(f"`{self.path}` is not a ledger: {error}") from error
        if header.format != _FORMAT:
            raise StoreError(f"the ledger at `{self.path}` has the unknown format `{header.format}`")
        self.id = header.id
        self._origin = self._chain = _chained("", data[:end])
        self._start = self._size = end + 1
        self._read_on()

    def _content(self, start: int = 0, end: int | None = None) -> bytes:
        parts, offset = [], start
        while part := os.pread(self._file, 1 << 20 if end is None else min(1 << 20, end - offset), offset):
            parts.append(part)
            offset += len(part)
        return b"".join(parts)

    def _scan(self) -> Iterator[tuple[Entry, str]]:
        """Every entry up to `last` with its checksum. They were verified when they were taken in."""
        with self._lock:
            if self._file < 0:
                raise StoreError(f"the ledger at `{self.path}` is closed")
            data = self._content(self._start, self._size)
        for line in data.splitlines():
            text, _, checksum = line.rpartition(b"\t")
            yield _decode(text), checksum.decode()

    def _read_on(self) -> None:
        """Take in what stands behind `_size`; cut a torn tail; refuse damage. Called with the lock held."""
        size = os.fstat(self._file).st_size
        if size == self._size:
            return
        if size < self._size:
            self._broken = "it became shorter"
            raise StoreError(f"the ledger at `{self.path}` became shorter while it was open")
        lines = self._content(self._size).split(b"\n")
        torn = lines.pop()  # b"" when the last line is complete
        for number, line in enumerate(lines):
            if not self._take(line):
                if number == len(lines) - 1 and b"\0" in line:
                    # A page of the last write never reached the disk: the file system shows zeros.
                    torn = line
                    break
                raise StoreError(
                    f"the ledger at `{self.path}` is damaged at entry {self.last + 1}; restore its copy"
                )
            self._size += len(line) + 1
        if torn:
            os.ftruncate(self._file, self._size)
        # Whoever wrote this may have been killed before its fsync; what is applied from here on must last.
        self._sync()

    def _take(self, line: bytes) -> bool:
        text, tab, checksum = line.rpartition(b"\t")
        if not tab or _chained(self._chain, text) != checksum.decode("ascii", "replace"):
            return False
        try:
            entry = _decode(text)
        except msgspec.DecodeError:
            return False
        if entry.seq != self.last + 1:
            return False
        self.last, self._chain = entry.seq, checksum.decode()
        return True

    def _write(self, line: bytes) -> None:
        try:
            written = 0
            while written < len(line):
                written += os.write(self._file, line[written:])
                _fault("ledger:torn")
        except OSError as error:
            self._cut_back()
            raise StorageFull(f"no room to append to the ledger at `{self.path}`: {error}") from error
        self._sync()
        self._size += len(line)

    def _cut_back(self) -> None:
        try:
            os.ftruncate(self._file, self._size)
        except OSError as error:
            self._broken = str(error)

    def _sync(self) -> None:
        try:
            os.fsync(self._file)
        except OSError as error:
            self._broken = str(error)
            raise StoreError(f"the ledger at `{self.path}` could not be made durable: {error}") from error


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _fault(point: str) -> None:
    """A point where a crash matters. Does nothing; the fault tests replace it."""
