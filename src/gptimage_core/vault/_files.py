# ruff: noqa: PTH102, PTH108
# System calls go by name: each is a step whose crash is thought through and tested.
"""Durable file operations, each with its place in a crash. Everything the vault does to a disk is here.

Every mutation goes through `os` by name, so that a test can stop the world at each one of them.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
from collections.abc import Iterator

from gptimage_core.errors import GptimageError, StorageFull

__all__ = [
    "create",
    "is_full",
    "lock_folder",
    "make_folder",
    "overwrite",
    "publish",
    "read",
    "read_settled",
    "refuse",
    "remove",
    "sync_folder",
    "write",
]

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_FLAGS = os.O_CLOEXEC | os.O_NOFOLLOW


def is_full(error: OSError) -> bool:
    """Whether there was no room: disk full, quota, file too large."""
    return error.errno in _FULL


@contextlib.contextmanager
def refuse(kind: type[GptimageError], doing: str) -> Iterator[None]:
    """Turn the system's errors into ours: no room into `StorageFull`, the rest into `kind`."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or type(error).__name__
        if is_full(error):
            raise StorageFull(f"{doing}: {reason.lower()}; free some room and try again") from error
        raise kind(f"{doing}: {reason.lower()}") from error


def create(path: str, data: bytes) -> None:
    """A new file of mode 0600, synced; its name is durable only after `sync_folder`. Half a file goes."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _FLAGS, 0o600)
    try:
        write(handle, data)
        if data:
            os.fsync(handle)
    except OSError:
        remove(path)
        raise
    finally:
        os.close(handle)


def publish(temporary: str, final: str) -> None:
    """Give a finished file its name, all or nothing; raises `FileExistsError` where another has it.

    A crash between the two steps leaves a second link to the same file: overwriting one overwrites both.
    """
    os.link(temporary, final)
    os.unlink(temporary)


def overwrite(path: str, data: bytes) -> None:
    """Write over a file's first bytes in place and sync: the old content is gone from the file's blocks."""
    handle = os.open(path, os.O_WRONLY | _FLAGS)
    try:
        write(handle, data)
        os.fsync(handle)
    finally:
        os.close(handle)


def read(path: str, limit: int) -> bytes:
    """At most `limit` bytes of a small file."""
    handle = os.open(path, os.O_RDONLY | _FLAGS)
    try:
        return os.read(handle, limit)
    finally:
        os.close(handle)


def read_settled(path: str, limit: int) -> tuple[bytes, bool]:
    """The content, and whether its name is surely durable: a file that still has its temporary link is one
    whose maker had not synced the folder yet, and may have died before it could.
    """
    handle = os.open(path, os.O_RDONLY | _FLAGS)
    try:
        return os.read(handle, limit), os.fstat(handle).st_nlink == 1
    finally:
        os.close(handle)


def remove(path: str) -> None:
    """Unlink; already gone is gone."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)


def make_folder(path: str) -> bool:
    """A folder of mode 0700; says whether it is new. Its name is durable after syncing the parent."""
    try:
        os.mkdir(path, 0o700)
    except FileExistsError:
        return False
    return True


def sync_folder(path: str) -> None:
    """Make the names in a folder durable."""
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY | _FLAGS)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextlib.contextmanager
def lock_folder(path: str) -> Iterator[None]:
    """Exclusive among all processes and threads of this machine; the system lets go when a process dies."""
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY | _FLAGS)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def write(handle: int, data: bytes) -> None:
    """All of it: a short write is continued."""
    view = memoryview(data)
    while view:
        view = view[os.write(handle, view) :]
