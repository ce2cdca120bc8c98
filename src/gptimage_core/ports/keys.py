"""The key store: keys per person and per item, in a place of its own, never in the data's backups.

A key is named by its scope and nothing else. Its life is never -> active -> erased.
INVARIANT (erased-is-final): from `erased` there is no way back: not by minting, not after a restart, not by
a race of two processes. A scope may be erased before it was ever active; then it never will be.
Destroying a person's scope (`item=None`) erases every item under it at once; destroying an item leaves its
neighbours and the person alone (S32).
"""

from __future__ import annotations

from enum import Enum
from typing import Protocol

from msgspec import Struct

__all__ = ["Key", "KeyScope", "KeyState", "KeyStore"]


class KeyState(Enum):
    NEVER = "never"
    ACTIVE = "active"
    ERASED = "erased"


class KeyScope(Struct, frozen=True):
    """What one key covers: everything of a person in one retention class, or one item of theirs.

    All ids are random and opaque; the key store derives its own names from them and stores none of them.
    """

    tenant: str
    subject: str
    item: str | None = None
    retention: str = "content"


class Key(Struct, frozen=True):
    """256 bits of key material. `handle` is the store's own and lets it answer `is_live` cheaply."""

    material: bytes
    version: int
    handle: str

    def __repr__(self) -> str:
        # A key that reaches a traceback or a log is a key that outlives its erasure.
        return f"Key(version={self.version})"


class KeyStore(Protocol):
    """Contract of every key store. Thread-safe. Anything that cannot be decided raises `VaultError`."""

    def state(self, scope: KeyScope) -> KeyState:
        """The scope's state now; an item under an erased person is erased."""
        ...

    def obtain(self, scope: KeyScope) -> Key:
        """The scope's key, minted if it never was one, and durable before this returns: what is sealed
        under it may be committed at once. Two that mint at the same time get the same key.
        Raises `KeyErased` if erased, `StorageFull` if there is no room (and then nothing was minted).
        """
        ...

    def fetch(self, scope: KeyScope) -> Key:
        """The scope's active key. Raises `KeyErased` if erased, `VaultError` if there never was one."""
        ...

    def is_live(self, key: Key) -> bool:
        """Whether `key` is still active, the truth as of this call and cheap (at most some 3 µs): caches
        ask it before every use. False whenever it cannot be known.
        """
        ...

    def destroy(self, scope: KeyScope) -> None:
        """Erase. When this returns no process can fetch the key and its bytes are overwritten. Idempotent;
        called again after a crash it finishes what was begun. May raise having begun, never having lied.
        """
        ...
