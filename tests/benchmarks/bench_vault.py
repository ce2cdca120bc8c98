"""Sealing: beside bare AES-256-GCM with a fresh key, which is the least that a sealed value can cost."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from tests.benchmarks.harness import Bench

from gptimage_core.ports.keys import KeyScope
from gptimage_core.vault import Context, FileKeyring, Vault

_MEGABYTES = 4 << 20
_PIECE = 256 << 10


def _bare(plain: bytes) -> bytes:
    return AESGCM(os.urandom(32)).encrypt(os.urandom(12), plain, None)


def benches() -> Iterable[Bench]:
    """1 KiB sealed at most 5 times bare, 4 MiB at most twice; opening, keys and their erasure reported."""
    folder = tempfile.mkdtemp()
    keyring = FileKeyring(Path(folder) / "keys")
    vault = Vault(keyring)
    place = Context(
        "main", "a-subject-of-some-length", "prompt", "image", "prompt", "a-row-of-some-length", "an-item"
    )
    kilobyte, megabytes = os.urandom(1024), os.urandom(_MEGABYTES)
    text = "x" * 1024
    pieces = [megabytes[at : at + _PIECE] for at in range(0, _MEGABYTES, _PIECE)]
    sealed, sealed_text = vault.seal_bytes(place, kilobyte), vault.seal_text(place, text)
    assert vault.open_bytes(place, sealed) == kilobyte
    count = iter(range(1 << 40))

    def stream() -> None:
        for _ in vault.seal_stream(place, pieces):
            pass

    def life_of_a_key() -> None:
        scope = KeyScope("main", "somebody", str(next(count)))
        keyring.obtain(scope)
        keyring.destroy(scope)

    yield Bench(
        "seal 1 KiB / bare AES-256-GCM",
        lambda: vault.seal_bytes(place, kilobyte),
        lambda: _bare(kilobyte),
        5.0,
    )
    yield Bench("seal 4 MiB as a stream / bare", stream, lambda: _bare(megabytes), 2.0)
    yield Bench("seal 1 KiB of text", lambda: vault.seal_text(place, text))
    yield Bench("open 1 KiB", lambda: vault.open_bytes(place, sealed))
    yield Bench("open 1 KiB of text", lambda: vault.open_text(place, sealed_text))
    yield Bench(
        "look a key up in the keyring", lambda: keyring.fetch(KeyScope("main", place.subject, "an-item"))
    )
    yield Bench(
        "mint and destroy a key", life_of_a_key, close=lambda: shutil.rmtree(folder, ignore_errors=True)
    )
