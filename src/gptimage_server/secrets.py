"""The server's own secret: keyed look-up hashes, signed cookies, random tokens.

One file of 32 random bytes, readable by its owner only; keys for each use are derived from it (HKDF, RFC
5869), so no two uses share one. Losing it makes known addresses unrecognisable; it does not open anything.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import secrets as _random
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from gptimage_core.errors import GptimageError

__all__ = ["Secrets", "load_secrets", "new_id", "new_token", "same", "token_hash"]

_LENGTH = 32
_NONCE = 12


class Secrets:
    """Keyed functions of the server's secret; `use` separates their domains."""

    def __init__(self, root: bytes) -> None:
        if len(root) != _LENGTH:
            raise GptimageError(
                f"the server's secret has {len(root)} bytes, not {_LENGTH}; restore it from its copy"
            )
        self._root = root
        self._keys: dict[str, bytes] = {}

    def keyed_hash(self, use: str, text: str) -> str:
        """HMAC-SHA-256 in hex: equal texts meet, and nobody without the key can try addresses (X7)."""
        return hmac.new(self._key(use), text.encode(), hashlib.sha256).hexdigest()

    def sign(self, use: str, payload: bytes) -> str:
        """`<payload>.<mac>` in base64url, for a cookie."""
        mac = hmac.new(self._key(use), payload, hashlib.sha256).digest()
        return f"{_b64(payload)}.{_b64(mac)}"

    def opened(self, use: str, signed: str) -> bytes | None:
        """The payload of `sign`, or `None` when anything about it is wrong."""
        body, _, mac = signed.partition(".")
        try:
            payload, given = _unb64(body), _unb64(mac)
        except ValueError:
            return None
        expected = hmac.new(self._key(use), payload, hashlib.sha256).digest()
        return payload if hmac.compare_digest(expected, given) else None

    def seal(self, use: str, payload: bytes) -> str:
        """AES-256-GCM under the key of `use`, in base64url: for a link that carries what nobody stores."""
        nonce = _random.token_bytes(_NONCE)
        return _b64(nonce + AESGCM(self._key(use)).encrypt(nonce, payload, use.encode()))

    def unseal(self, use: str, sealed: str) -> bytes | None:
        """The payload of `seal`, or `None` when anything about it is wrong."""
        try:
            data = _unb64(sealed)
            return AESGCM(self._key(use)).decrypt(data[:_NONCE], data[_NONCE:], use.encode())
        except (ValueError, InvalidTag):
            return None

    def _key(self, use: str) -> bytes:
        if use not in self._keys:
            info = b"gptimage-server/" + use.encode()
            self._keys[use] = HKDF(algorithm=SHA256(), length=_LENGTH, salt=None, info=info).derive(
                self._root
            )
        return self._keys[use]


def load_secrets(file: Path) -> Secrets:
    """Read the secret, or make it at the first start (mode 0600, fsynced before it is used)."""
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as out:
            out.write(_random.token_bytes(_LENGTH))
            out.flush()
            os.fsync(out.fileno())
    return Secrets(file.read_bytes())


def new_id() -> str:
    """A random opaque id of 128 bits, 22 characters of base64url."""
    return _b64(_random.token_bytes(16))


def new_token() -> str:
    """A bearer secret of 256 bits, 43 characters of base64url."""
    return _b64(_random.token_bytes(32))


def token_hash(token: str) -> str:
    """SHA-256 in hex of a token of 256 random bits: that much entropy needs no salt and no slow hash."""
    return hashlib.sha256(token.encode()).hexdigest()


def same(left: str, right: str) -> bool:
    """Equality in constant time."""
    return hmac.compare_digest(left.encode(), right.encode())


def _b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _unb64(text: str) -> bytes:
    """Strict: one text for each value, so that a token has one spelling and one hash. Raises `ValueError`."""
    data = base64.b64decode(text.encode("ascii") + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)
    if _b64(data) != text:
        raise ValueError("not the canonical spelling")
    return data
