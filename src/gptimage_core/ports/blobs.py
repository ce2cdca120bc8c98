"""The blob store: named byte strings, written once, read as streams, deleted for good.

Names are random and opaque (`new_name`): they tell nothing about whose or what. What is stored is sealed
before it gets here; a blob store never sees plaintext.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable, Iterator
from typing import BinaryIO, Protocol

__all__ = ["BlobStore", "is_name", "new_name"]

_NAME = re.compile(r"[0-9a-f]{32}", re.ASCII)


def new_name() -> str:
    """A fresh name: 128 random bits in hexadecimal."""
    return secrets.token_hex(16)


def is_name(text: str) -> bool:
    """Whether `text` is a name as `new_name` makes them; anything else never reaches a path."""
    return _NAME.fullmatch(text) is not None


class BlobStore(Protocol):
    """Contract of every blob store. Thread-safe. Errors are `StoreError`; no room is `StorageFull`."""

    def put(self, name: str, chunks: Iterable[bytes]) -> int:
        """Store a new blob and return its length in bytes. Durable when this returns; when it raises
        (also because `chunks` did) there is no blob and nothing left behind. An existing name is refused.
        """
        ...

    def open(self, name: str) -> BinaryIO:
        """The blob as a stream for reading; the caller closes it. A missing blob raises `StoreError`."""
        ...

    def size(self, name: str) -> int:
        """Length in bytes. A missing blob raises `StoreError`."""
        ...

    def delete(self, name: str) -> None:
        """Remove the blob and every older version of it. Idempotent: a missing blob is a deleted one."""
        ...

    def names(self) -> Iterator[str]:
        """Every blob's name, in no order; for scans that look for what should be gone."""
        ...
