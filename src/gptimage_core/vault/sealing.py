"""Sealing: C2SP chunked-encryption v1 with AEAD_AES_256_GCM and HKDF-Expand with SHA-512 (Cobblestone-256).

Specification: c2sp.org/chunked-encryption. A sealed value is salt (24 bytes), commitment (32), then chunks
of 16 KiB each with a tag of 16; the last chunk is always shorter than 16 KiB, so a message that was cut
off, extended, or whose chunks were swapped is refused before the affected chunk's plaintext is released.
The context is bound by the key derivation. `cryptography` implements the construction; the tests hold it
against published vectors and an independent slow implementation.

Armour for text columns: `gpv1:` and base64url without padding, in the one canonical spelling only.
"""

from __future__ import annotations

import binascii
from collections.abc import Iterable, Iterator

from cryptography.cobblestone import Cobblestone256Decryptor, Cobblestone256Encryptor
from cryptography.exceptions import InvalidTag

from gptimage_core.errors import VaultError

__all__ = ["ARMOUR", "armour", "dearmour", "open_chunks", "open_sealed", "plain_size", "seal", "seal_chunks"]

ARMOUR = "gpv1:"
_CHUNK, _TAG, _HEADER = 16 * 1024, 16, 56
_REFUSED = (
    "a sealed value did not open: it was altered, cut, moved from its place, or sealed under another key"
)


def seal(key: bytes, context: bytes, plain: bytes) -> bytes:
    """Seal one value held in memory. `key` is 32 bytes."""
    encryptor = Cobblestone256Encryptor(key, context)
    return encryptor.update(plain) + encryptor.finalize()


def open_sealed(key: bytes, context: bytes, sealed: bytes) -> bytes:
    """Open one value held in memory; raises `VaultError` and releases nothing if any byte is wrong."""
    try:
        decryptor = Cobblestone256Decryptor(key, context)
        return decryptor.update(sealed) + decryptor.finalize()
    except (InvalidTag, ValueError):
        raise VaultError(_REFUSED) from None


def seal_chunks(key: bytes, context: bytes, plain: Iterable[bytes]) -> Iterator[bytes]:
    """Seal a stream in constant memory, whatever the size of its pieces."""
    encryptor = Cobblestone256Encryptor(key, context)
    for piece in plain:
        if sealed := encryptor.update(piece):
            yield sealed
    yield encryptor.finalize()


def open_chunks(key: bytes, context: bytes, sealed: Iterable[bytes]) -> Iterator[bytes]:
    """Open a stream in constant memory. Only authenticated plaintext is yielded; a stream that is cut off
    or altered raises `VaultError` at that point, so a reader that ends without the error has everything.
    """
    try:
        decryptor = Cobblestone256Decryptor(key, context)
        for piece in sealed:
            if plain := decryptor.update(piece):
                yield plain
        if plain := decryptor.finalize():
            yield plain
    except (InvalidTag, ValueError):
        raise VaultError(_REFUSED) from None


def plain_size(sealed_size: int) -> int:
    """The plaintext's length for a sealed length; raises `VaultError` for one that no message has.

    A file cut at a chunk's edge is found here, before its first byte is read (not for security alone: the
    end of the stream would find it too, after valid chunks were released).
    """
    chunks, last = divmod(sealed_size - _HEADER, _CHUNK + _TAG)
    if sealed_size < _HEADER + _TAG or last < _TAG:
        raise VaultError(_REFUSED)
    return chunks * _CHUNK + last - _TAG


def armour(sealed: bytes) -> str:
    """Sealed bytes as text for a text column."""
    return ARMOUR + _base64url(sealed).decode("ascii")


def dearmour(text: str) -> bytes:
    """The sealed bytes of armoured text. Refuses every spelling but the one `armour` makes: otherwise a
    value could be altered in the database without its seal noticing.
    """
    if not text.startswith(ARMOUR):
        raise VaultError("this is not a sealed value: it does not begin with `gpv1:`")
    try:
        body = text[len(ARMOUR) :].encode("ascii")
        if b"+" in body or b"/" in body or b"=" in body:
            raise VaultError(_REFUSED)
        standard = body.replace(b"-", b"+").replace(b"_", b"/") + b"=" * (-len(body) % 4)
        sealed = binascii.a2b_base64(standard, strict_mode=True)
    except (UnicodeEncodeError, binascii.Error):
        raise VaultError(_REFUSED) from None
    # The last digit may carry bits that decode to nothing: one value would have several spellings.
    tail = len(sealed) % 3
    if tail and not body.endswith(_base64url(sealed[-tail:])):
        raise VaultError(_REFUSED)
    return sealed


def _base64url(data: bytes) -> bytes:
    return binascii.b2a_base64(data, newline=False).replace(b"+", b"-").replace(b"/", b"_").rstrip(b"=")
