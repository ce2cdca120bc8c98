"""Sealing is C2SP chunked-encryption: published vectors, and an independent slow implementation both ways."""

from __future__ import annotations

import hashlib
import hmac
import os
import zlib

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given, settings
from hypothesis import strategies as st

from gptimage_core.errors import VaultError
from gptimage_core.vault import sealing

CHUNK = 16 * 1024

# Facts from C2SP/wycheproof (Apache-2.0), testvectors_v1/c2sp_chunked_encryption_aes_256_gcm_test.json (made
# by filippo.io/cobblestone): (test, key, context, zlib of the ciphertext, SHA-512 of the message or None).
YELLOW = "59454c4c4f57205355424d4152494e452059454c4c4f57205355424d4152494e"
ORANGE = "4f52414e4745205355424d4152494e45204f52414e4745205355424d4152494e"
VECTORS = [
    (
        "1 empty message",
        YELLOW,
        "",
        "78da004800b7ff43a2e39431cbae0389d3fc86adf46f7c3a24de88d9311617e53f3164cc1d5dc738a66b97f0bf786565c31799"
        "c2f463d50a7e10046011dc6fc3c939e3a5db7affb6191551669554fb010000ffff4bc124df",
        "cf83e1357eefb8bdf1542850d66d8007d620e4050b5715dc83f4a921d36ce9ce47d0d13c5d85f2b0ff8318d2877eec2f63b931"
        "bd47417a81a538327af927da3e",
    ),
    (
        "2 short message",
        YELLOW,
        "",
        "78da004f00b0ffa1a1b56f6db58cd1ede0c5c9db62aef20d3f96a6c594bb9252bb38122de91236502b42a1d7fcab820ffa2929"
        "40d2f86add212cfa42c38df19d3cc9139ee61a5990d3db57433514229beea49a8a72bd010000ffffdb4f2a44",
        "e85f32a85f1d4f7c9b2d36d20eca8435d81253e7075e9dea069eb1b6da48daf92ef1797367b520d8a46c4f72cecb85b1daff88"
        "87fcb41721d39943d1952fc180",
    ),
    (
        "3 a full chunk and a short one",
        YELLOW,
        "",
        "78daecc0312b05010000e0ab33889449c9a0cb22b9ba89943f70a5fc02db1918582c6e757465a0db6eb11ad5a52e1383b2dca2"
        "6c66a4647b75f55ebdf733def27d4f7ff71fd7e9db7137b778b1558707cdd27cf270d4177b2f7751f738d80e376f9ed7aaaf7c"
        "793dfa0d47ef2797b3e57ed6bf360100000000000000000000000000000030750bc9613ffc6cafd232cb57ebd3b320de5d29ce"
        "dbf876a7da18ff7fffcc4c020000ffffea552abb",
        "db9e441f318209d02c8eaedfa94be7a08d3414057835c80ecea2deb0b16438ff97ae6dac13a749efe4a24686b01dc0dfab7567"
        "03e810cc164466cd5cce99b3e8",
    ),
    (
        "20 header only",
        YELLOW,
        "",
        "78da003800c7ffe728f14e89526f8830991f461c0fd07601a246a0c94b753ba4fab29386d9e39e72d5e8955f709651b6dedb82"
        "5c64c984364f74e1b6ac93d6010000ffff198a1ded",
        None,
    ),
    (
        "21 wrong commitment",
        YELLOW,
        "",
        "78da004900b6ffa7bf214ab87afe86ae30940aba6d25aa92d1c26a7c4de03ece1f5f63bd31ca5d9517ce97effb9ce62c4f0143"
        "3335d070ca3de6243f4cb67a00a4deb622c6b80140d1c88f54ade32fdc010000ffff59a52514",
        None,
    ),
    (
        "22 wrong key",
        ORANGE,
        "",
        "78da004900b6ffabeb3f4f4a3ea1f1f76bc25808b37063d4cb21425ca6a8b16271ed22f6a3f51ec7e7fa4dcef196179d3c77b5"
        "b42103766ae1975bae6ae0690079aa245e53811c13d45a553b0365b499010000ffffa0d324a1",
        None,
    ),
    (
        "25 wrong context",
        YELLOW,
        "77726f6e6720636f6e74657874",
        "78da004900b6ff36201844cafc0e596bec8782c560b7b1d065b90a94d227007f07a7185f0c1f449310232a0ff1d5667ece42af"
        "f4e7c0359df78ece43b312d50034c80236b5c7900f7eebe540d242b8eb010000ffffc64f22fe",
        None,
    ),
    (
        "26 altered salt",
        YELLOW,
        "",
        "78da004900b6ff7c510aa191fdb799b3715106fb9da30a3e314a08a12bf1eed6084369ad9560c21c856d0087e1206c5c1e9a99"
        "4b3ca98542e0fe1ffef9e23c0091398606b7077f679901eea490bb8f6b010000fffff4792294",
        None,
    ),
    ("27 nothing", YELLOW, "", "78da010000ffff00000001", None),
    (
        "31 no last chunk",
        YELLOW,
        "",
        "78daecc0a17281010000e0ed05f6005bd8edb6b6b2956db7b2b6853581843b89eaee0fff398993088222f93d8042f0272fa009"
        "0402f5578838e73194efdb546ebb0fe7f1f772300c82bfb7ed7ba691faa9dd3ff6abedf818164abf51b957ff9f4df7f364158f"
        "16e9fccbd35df6949bdc0000000000000000000000000000000057f7997c1cc2d7a8b34e76cf5fc556f3120000ffffbcaa2611",
        None,
    ),
]


def _slow_seal(key: bytes, context: bytes, plain: bytes, salt: bytes) -> bytes:
    """The specification, read aloud: HKDF-Expand by hand (RFC 5869, 2.3), then one AEAD call per chunk."""
    info = b"c2sp.org/chunked-encryption@v1+" + b"AEAD_AES_256_GCM" + b"\x00" + salt + context
    first = hmac.new(key, info + b"\x01", hashlib.sha512).digest()
    second = hmac.new(key, first + info + b"\x02", hashlib.sha512).digest()
    derived = (first + second)[: 32 + 12 + 32]
    aead, nonce, commitment = AESGCM(derived[:32]), int.from_bytes(derived[32:44], "big"), derived[44:]
    out = salt + commitment
    for number in range(len(plain) // CHUNK + 1):
        piece = plain[number * CHUNK : (number + 1) * CHUNK]
        out += aead.encrypt((nonce ^ number).to_bytes(12, "big"), piece, None)
    return out


@pytest.mark.parametrize(("name", "key", "context", "packed", "digest"), VECTORS, ids=[v[0] for v in VECTORS])
def test_the_published_vectors_hold(
    name: str, key: str, context: str, packed: str, digest: str | None
) -> None:
    """What the specification's authors sealed opens here, and what they broke does not."""
    sealed = zlib.decompressobj().decompress(bytes.fromhex(packed))
    arguments = (bytes.fromhex(key), bytes.fromhex(context))
    if digest is None:
        with pytest.raises(VaultError):
            sealing.open_sealed(*arguments, sealed)
        with pytest.raises(VaultError):
            list(sealing.open_chunks(*arguments, [sealed]))
    else:
        plain = sealing.open_sealed(*arguments, sealed)
        assert hashlib.sha512(plain).hexdigest() == digest
        assert _slow_seal(*arguments, plain, sealed[:24]) == sealed


SIZES = st.one_of(
    st.integers(0, 200), st.sampled_from([CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 3 * CHUNK + 5, 40_000])
)


@given(
    key=st.binary(min_size=32, max_size=32),
    context=st.binary(max_size=80),
    size=SIZES,
    salt=st.binary(min_size=24, max_size=24),
)
@settings(max_examples=60, deadline=None)
def test_both_ways_agree_with_a_slow_implementation(
    key: bytes, context: bytes, size: int, salt: bytes
) -> None:
    """Ours opens what the slow one seals; what ours seals is what the slow one would, for the same salt."""
    plain = os.urandom(size)
    assert sealing.open_sealed(key, context, _slow_seal(key, context, plain, salt)) == plain
    sealed = sealing.seal(key, context, plain)
    assert sealed == _slow_seal(key, context, plain, sealed[:24])
    assert sealing.plain_size(len(sealed)) == size


@given(size=SIZES, cuts=st.lists(st.integers(1, 20_000), min_size=1, max_size=8), data=st.data())
@settings(max_examples=60, deadline=None)
def test_streams_are_the_same_bytes_however_they_are_cut(
    size: int, cuts: list[int], data: st.DataObject
) -> None:
    """A stream opens to what was sealed, whatever the size of its pieces."""
    key, plain = bytes(32), os.urandom(size)
    sealed = b"".join(sealing.seal_chunks(key, b"c", _cut(plain, cuts)))
    assert b"".join(sealing.open_chunks(key, b"c", _cut(sealed, cuts))) == plain


def _cut(data: bytes, cuts: list[int]) -> list[bytes]:
    pieces, at, turn = [], 0, 0
    while at < len(data):
        width = cuts[turn % len(cuts)]
        pieces.append(data[at : at + width])
        at, turn = at + width, turn + 1
    return pieces


def test_cutting_swapping_repeating_and_appending_are_found_before_the_plaintext_is_released() -> None:
    """Chunks that are cut off, swapped, repeated or appended raise; what came before is a true prefix."""
    key, plain = os.urandom(32), os.urandom(3 * CHUNK + 100)
    sealed = sealing.seal(key, b"c", plain)
    width = CHUNK + 16
    head, chunks, tail = (
        sealed[:56],
        [sealed[56 + i * width : 56 + (i + 1) * width] for i in range(3)],
        sealed[56 + 3 * width :],
    )
    spoiled = {
        "cut at a chunk": (head + b"".join(chunks), 3),
        "cut in a chunk": (sealed[:-1], 3),
        "cut to the header": (head, 0),
        "swapped": (head + chunks[1] + chunks[0] + chunks[2] + tail, 0),
        "repeated": (head + chunks[0] + chunks[0] + chunks[1] + chunks[2] + tail, 1),
        "one left out": (head + chunks[0] + chunks[2] + tail, 1),
        "appended": (sealed + b"\0" * 16, 3),
        "appended chunk": (sealed + chunks[0], 3),
        "twice": (sealed + sealed, 3),
    }
    for name, (bad, good_chunks) in spoiled.items():
        released: list[bytes] = []
        with pytest.raises(VaultError):
            released.extend(sealing.open_chunks(key, b"c", _cut(bad, [1000])))
        came = b"".join(released)
        assert came == plain[: len(came)], name
        assert len(came) <= good_chunks * CHUNK, name
        with pytest.raises(VaultError):
            sealing.open_sealed(key, b"c", bad)


@given(st.integers(0, 200_000))
def test_a_length_that_no_message_has_is_refused(length: int) -> None:
    """The lengths the specification calls invalid raise; the others give the plaintext's length."""
    chunks, last = divmod(length - 56, CHUNK + 16)
    if length >= 72 and last >= 16:
        assert 56 + sealing.plain_size(length) + 16 * (chunks + 1) == length
    else:
        with pytest.raises(VaultError):
            sealing.plain_size(length)


@given(st.binary(max_size=400), st.data())
def test_armour_has_one_spelling(sealed: bytes, data: st.DataObject) -> None:
    """No text but the one that `armour` makes decodes to the same bytes: an altered cell cannot go unseen."""
    text = sealing.armour(sealed)
    assert sealing.dearmour(text) == sealed
    assert text.isascii()
    at = data.draw(st.integers(0, len(text) - 1))
    other = data.draw(st.characters().filter(lambda c: c != text[at]))
    for changed in (
        text[:at] + other + text[at + 1 :],
        text + other,
        text[:at] + other + text[at:],
        text[:at] + text[at + 1 :],
    ):
        if changed == text:
            continue
        try:
            again = sealing.dearmour(changed)
        except VaultError:
            continue
        assert again != sealed
