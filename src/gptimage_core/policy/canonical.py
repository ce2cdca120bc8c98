"""One document, one digest: SHA-256 over canonical JSON of the resolved document with its overlays.

Canonical JSON is UTF-8, keys sorted, no insignificant space, no floats (the language has none), defaults left
out; for these documents that is RFC 8785. INVARIANT (digest-is-meaning): comments, layout, the order of keys
and the way TOML spells a value do not change the digest; it does not depend on the compiler.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from gptimage_core.policy.document import Document, Overlay

__all__ = ["canonical", "digest", "digest_of"]

_ENCODER = msgspec.json.Encoder(order="sorted")


def canonical(document: Document, overlays: Sequence[Overlay] = ()) -> bytes:
    """The canonical JSON of a resolved document and the overlays that it was resolved with, in order."""
    if not overlays:
        return _ENCODER.encode(document)
    return _ENCODER.encode({"document": document, "overlays": list(overlays)})


def digest(document: Document, overlays: Sequence[Overlay] = ()) -> str:
    """`sha256:` and 64 hex digits."""
    return _hashed(canonical(document, overlays))


def digest_of(value: object) -> str:
    """The same for any other struct, e.g. a data map."""
    return _hashed(_ENCODER.encode(value))


def _hashed(data: bytes) -> str:
    import hashlib  # loads OpenSSL, which only a digest needs

    return "sha256:" + hashlib.sha256(data).hexdigest()
