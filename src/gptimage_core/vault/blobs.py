# ruff: noqa: PTH103, PTH116, PTH120, PTH123, PTH208
# System calls go by name: each is a step whose crash is thought through and tested.
"""Blobs: pictures and archives as files. What is written is sealed while it is written.

`LocalBlobs` stores bytes; `SealedBlobs` stands in front of any `BlobStore` and is what applications use.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterable, Iterator
from typing import BinaryIO

from msgspec.structs import replace

from gptimage_core.errors import StoreError, VaultError
from gptimage_core.ports.blobs import BlobStore, is_name, new_name
from gptimage_core.vault import _files, sealing
from gptimage_core.vault.context import Context
from gptimage_core.vault.vault import Vault

__all__ = ["LocalBlobs", "SealedBlobs"]

_READ = 16 * (16 * 1024 + 16)
"""How much of a blob is in memory at a time: sixteen sealed chunks."""


class LocalBlobs:
    """A `BlobStore` in a folder: `<folder>/ab/<name>`, 0600; `incoming/` holds what is being written.

    A blob gets its name when it is whole and synced, never before. What a crash left in `incoming/` is
    removed when the folder is next opened; a file another process is still writing is locked, and stays.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self._folder = os.fspath(folder)
        self._incoming = f"{self._folder}/incoming"
        with _files.refuse(StoreError, f"the blob folder `{self._folder}` cannot be used"):
            os.makedirs(self._folder, mode=0o700, exist_ok=True)
            _files.make_folder(self._incoming)
            _files.sync_folder(self._folder)
            self._sweep()

    def put(self, name: str, chunks: Iterable[bytes]) -> int:
        final, temporary = self._path(name), f"{self._incoming}/{name}"
        shelf = os.path.dirname(final)
        doing = f"the blob `{name}` cannot be stored"
        length = self._write(temporary, chunks, doing)
        with _files.refuse(StoreError, doing):
            try:
                _files.make_folder(shelf)
                _files.sync_folder(self._folder)
                _files.publish(temporary, final)
                _files.sync_folder(shelf)
            except OSError:
                _files.remove(temporary)
                raise
        return length

    def open(self, name: str) -> BinaryIO:
        with _files.refuse(StoreError, f"the blob `{name}` cannot be read"):
            return open(self._path(name), "rb", buffering=0)

    def size(self, name: str) -> int:
        with _files.refuse(StoreError, f"the blob `{name}` cannot be read"):
            return os.stat(self._path(name)).st_size

    def delete(self, name: str) -> None:
        path = self._path(name)
        with _files.refuse(StoreError, f"the blob `{name}` cannot be deleted"):
            _files.remove(path)
            with contextlib.suppress(FileNotFoundError):
                _files.sync_folder(os.path.dirname(path))

    def names(self) -> Iterator[str]:
        with _files.refuse(StoreError, f"the blob folder `{self._folder}` cannot be read"):
            for shelf in sorted(os.listdir(self._folder)):
                if len(shelf) == 2:
                    yield from (name for name in os.listdir(f"{self._folder}/{shelf}") if is_name(name))

    def _path(self, name: str) -> str:
        if not is_name(name):
            raise StoreError(f"`{name}` is not the name of a blob; names are 32 hexadecimal digits")
        return f"{self._folder}/{name[:2]}/{name}"

    def _write(self, path: str, chunks: Iterable[bytes], doing: str) -> int:
        """Write and sync a file of mode 0600; removes it when anything goes wrong, whoever's fault.

        Errors of the source are its own and pass through as they are.
        """
        with _files.refuse(StoreError, doing):
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            with _files.refuse(StoreError, doing):
                fcntl.flock(handle, fcntl.LOCK_EX)
            length = 0
            for chunk in chunks:
                with _files.refuse(StoreError, doing):
                    _files.write(handle, chunk)
                length += len(chunk)
            with _files.refuse(StoreError, doing):
                os.fsync(handle)
        except BaseException:
            _files.remove(path)
            raise
        finally:
            os.close(handle)
        return length

    def _sweep(self) -> None:
        for name in os.listdir(self._incoming):
            path = f"{self._incoming}/{name}"
            with contextlib.suppress(FileNotFoundError):
                handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
                try:
                    fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    _files.remove(path)
                except BlockingIOError:
                    continue  # somebody is writing it
                finally:
                    os.close(handle)


class SealedBlobs:
    """Sealed blobs in constant memory. A blob's place is its context *and* its name.

    The context names tenant, subject, category, table, column and row like that of a field; give it the item
    whose key must take the blob with it (S32).
    """

    def __init__(self, vault: Vault, blobs: BlobStore) -> None:
        self._vault = vault
        self._blobs = blobs

    def put(self, context: Context, plain: bytes | Iterable[bytes]) -> str:
        """Seal and store; returns the new blob's name. On any error nothing is stored."""
        name = new_name()
        pieces = (plain,) if isinstance(plain, bytes) else plain
        self._blobs.put(name, self._vault.seal_stream(_placed(context, name), pieces))
        return name

    def open(self, context: Context, name: str) -> Iterator[bytes]:
        """The plaintext in pieces. Key, existence and length are checked now; a piece that does not
        authenticate raises `VaultError` in its turn and ends the stream.
        """
        self.size(name)
        file = self._blobs.open(name)
        try:
            pieces = self._vault.open_stream(_placed(context, name), _pieces(file))
        except BaseException:
            file.close()
            raise
        return _closing(pieces, file)

    def read(self, context: Context, name: str, *, limit: int) -> bytes:
        """The whole plaintext, if it is at most `limit` bytes; raises `VaultError` otherwise."""
        if self.size(name) > limit:
            raise VaultError(f"the blob is larger than the {limit} bytes asked for; open it as a stream")
        return b"".join(self.open(context, name))

    def size(self, name: str) -> int:
        """The plaintext's length in bytes; raises `VaultError` for a file that is no whole sealed value."""
        return sealing.plain_size(self._blobs.size(name))

    def delete(self, name: str) -> None:
        """Remove the sealed bytes. Idempotent. Whoever erases an item destroys its key before this."""
        self._blobs.delete(name)


def _placed(context: Context, name: str) -> Context:
    # The name has a fixed length, so row and name cannot be cut differently.
    if not is_name(name):
        raise StoreError(f"`{name}` is not the name of a blob; names are 32 hexadecimal digits")
    return replace(context, row=f"{context.row}@{name}")


def _pieces(file: BinaryIO) -> Iterator[bytes]:
    with _files.refuse(StoreError, "a blob cannot be read"):
        while piece := file.read(_READ):
            yield piece


def _closing(pieces: Iterator[bytes], file: BinaryIO) -> Iterator[bytes]:
    with file:
        yield from pieces
