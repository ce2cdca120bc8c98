"""The vault: seals values in their place and opens them, under keys that can be destroyed.

The way of an opening: 1 the scope's key, from a small cache or the key store; 2 the store is asked whether
the key is still live, at every single use; 3 the value opens under the key and the context or not at all.
INVARIANT (erased-is-final) holds in this process and in every other one from the instant an erasure's rename
is done: no bound of time, because nothing is served from the cache without step 2 (one look at a path, well
under a microsecond). Key bytes of an erased key may stay in this process's memory until it ends.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from typing import TypeAlias

from gptimage_core.errors import VaultError
from gptimage_core.ports.keys import Key, KeyScope, KeyState, KeyStore
from gptimage_core.vault import sealing
from gptimage_core.vault.context import Context

__all__ = ["Vault"]

_Place: TypeAlias = tuple[str, str, str | None, str]


class Vault:
    """Seals and opens; thread-safe. `cached_keys` bounds how many unwrapped keys are held at once.

    Every method raises `VaultError` for a value that does not open, `KeyErased` where the key is erased.
    Sealing mints a key where there never was one; opening never does.
    """

    def __init__(self, keys: KeyStore, *, cached_keys: int = 4096) -> None:
        if cached_keys < 1:
            raise ValueError("cached_keys must be at least 1")
        self._keys = keys
        self._bound = cached_keys
        self._cache: dict[_Place, Key] = {}
        self._guard = threading.Lock()

    def seal_text(self, context: Context, text: str) -> str:
        """Seal text into armoured text (`gpv1:` …), for a text column."""
        try:
            plain = text.encode("utf-8")
        except UnicodeEncodeError:
            raise VaultError(
                "text with half a surrogate pair cannot be sealed; it is not Unicode text"
            ) from None
        return sealing.armour(self.seal_bytes(context, plain))

    def open_text(self, context: Context, armoured: str) -> str:
        """Open what `seal_text` made in the same context."""
        try:
            return self.open_bytes(context, sealing.dearmour(armoured)).decode("utf-8")
        except UnicodeDecodeError:
            raise VaultError("a sealed value opened, but it is not text; open it as bytes") from None

    def seal_bytes(self, context: Context, plain: bytes) -> bytes:
        """Seal bytes held in memory."""
        key = self._key(context, mint=True)
        return sealing.seal(key.material, context.encode(key.version), plain)

    def open_bytes(self, context: Context, sealed: bytes) -> bytes:
        """Open what `seal_bytes` made in the same context."""
        key = self._key(context, mint=False)
        return sealing.open_sealed(key.material, context.encode(key.version), sealed)

    def seal_stream(self, context: Context, plain: Iterable[bytes]) -> Iterator[bytes]:
        """Seal a stream in constant memory. The key is had (or refused) now, not at the first piece."""
        key = self._key(context, mint=True)
        return sealing.seal_chunks(key.material, context.encode(key.version), plain)

    def open_stream(self, context: Context, sealed: Iterable[bytes]) -> Iterator[bytes]:
        """Open a stream in constant memory: only authenticated plaintext, and an error instead of an early
        end. The key is asked for now; a stream that began before an erasure may run to its end.
        """
        key = self._key(context, mint=False)
        return sealing.open_chunks(key.material, context.encode(key.version), sealed)

    def state(
        self, tenant: str, subject: str, item: str | None = None, retention: str = "content"
    ) -> KeyState:
        """never, active or erased; of the item, or of the person."""
        return self._keys.state(KeyScope(tenant, subject, item, retention))

    def destroy_item(self, tenant: str, subject: str, item: str, *, retention: str = "content") -> None:
        """Erase one item's key: what was sealed under it is gone here and in every backup; the person's other
        items stay (S32). Idempotent.
        """
        self._keys.destroy(KeyScope(tenant, subject, item, retention))
        self.forget(tenant, subject, item)

    def destroy_person(self, tenant: str, subject: str, *, retention: str = "content") -> None:
        """Erase a person's key of one retention class and every item's under it (S32). Idempotent."""
        self._keys.destroy(KeyScope(tenant, subject, None, retention))
        self.forget(tenant, subject)

    def forget(self, tenant: str, subject: str, item: str | None = None) -> None:
        """Drop cached keys of an item, or of a person and all their items."""
        with self._guard:
            for place in [
                place
                for place in self._cache
                if place[0] == tenant and place[1] == subject and item in (None, place[2])
            ]:
                del self._cache[place]

    def _key(self, context: Context, *, mint: bool) -> Key:
        if context.item == "":
            raise VaultError("the item of a context is empty; leave it out to seal under the person's key")
        place = (context.tenant, context.subject, context.item, context.retention)
        cached = self._cache.get(place)
        if cached is not None and self._keys.is_live(cached):
            return cached
        scope = KeyScope(*place)
        try:
            key = self._keys.obtain(scope) if mint else self._keys.fetch(scope)
        finally:
            # Whatever the store says, what was cached is not to be used again.
            with self._guard:
                self._cache.pop(place, None)
        with self._guard:
            while len(self._cache) >= self._bound:
                del self._cache[next(iter(self._cache))]
            self._cache[place] = key
        return key
