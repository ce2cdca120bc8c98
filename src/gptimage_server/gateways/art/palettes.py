"""Palettes, dark to light with an accent, and which words lead to which."""

from __future__ import annotations

import random
import re
from hashlib import sha256

from msgspec import Struct

__all__ = ["Colour", "Palette", "mix", "palette_of", "ramp"]

Colour = tuple[int, int, int]


class Palette(Struct, frozen=True):
    """`colours` go from the darkest to the lightest; `accent` stands out from all of them."""

    name: str
    colours: tuple[Colour, ...]
    accent: Colour

    @property
    def night(self) -> bool:
        """Whether it is a palette of darkness."""
        return sum(sum(colour) for colour in self.colours) < 330 * len(self.colours)


def _palette(name: str, text: str, accent: str) -> Palette:
    return Palette(name, tuple(_hex(part) for part in text.split()), _hex(accent))


def _hex(text: str) -> Colour:
    return int(text[0:2], 16), int(text[2:4], 16), int(text[4:6], 16)


_ALL = (
    _palette("dusk", "1b1430 43215c 8a3368 d9596b f79b6e ffd9a0", "fff0cf"),
    _palette("sea", "06202e 0c4257 17708a 4aa7b5 a6d8d4 f0f4e8", "f2845c"),
    _palette("forest", "0f1d16 1f3d2b 3d6b45 7f9c5a c9c98a f4efd6", "d9622b"),
    _palette("desert", "3a1a12 7a3420 b95f34 df9a5b efcb94 fbefd8", "2f6f7e"),
    _palette("ice", "10192e 27406b 5580b0 94bcd8 cfe4ee fbfdff", "e8617c"),
    _palette("ember", "120608 3d0b14 8a1620 d6402b f5903b ffe08a", "7fd4e0"),
    _palette("lilac", "221838 4b3a78 7f6db5 b8a5dc e4d4f0 fff7fb", "f0a53c"),
    _palette("night", "05070f 0d1530 1c2a5c 3a4f94 7f8cc9 d8dcf2", "ffd36b"),
    _palette("rose", "2c0f1e 6b2140 b24a68 e28a94 f6c4bd fff1ea", "2f7d76"),
    _palette("ochre", "1e1a17 4a3a2c 8c6a3f c79a4b e8cf9a f8f1de", "26506e"),
    _palette("meadow", "12302c 23614c 5b9a52 b4c756 f1df7a fff8d8", "e2557a"),
    _palette("stone", "17181c 3a3d45 6c707a a3a5a8 d3d1cb f5f2ec", "e0482e"),
    _palette("lagoon", "071b2f 0b3f5e 007f8b 3dbfa4 a9e5b5 fdfbd4", "ff6f61"),
    _palette("plum", "150a1f 3a1446 75246a b94a7d eb8f86 ffd7b0", "59c3c3"),
    _palette("mint", "14302f 2d5f59 5f9c8d a3ccb8 d8eadb fdfdf5", "d1495b"),
    _palette("harbour", "0c1522 203a52 4f6d7a 9fb4ae dfd3b8 fbf3e1", "dd6e42"),
)
_BY_NAME = {palette.name: palette for palette in _ALL}

_WORDS = {
    "dusk": "dusk sunset evening twilight sundown dawn sunrise morning abend sonnenuntergang",
    "sea": "sea ocean wave waves water beach coast whale meer mer mar fish",
    "forest": "forest wood woods tree trees fern moss jungle wald fox bear owl",
    "desert": "desert sand dune dunes canyon mars clay camel sahara autumn fall",
    "ice": "ice snow winter glacier arctic frost cold penguin schnee",
    "ember": "fire ember lava volcano flame dragon red hell heat feuer",
    "lilac": "lilac lavender purple violet dream dreams wizard magic",
    "night": "night moon star stars space galaxy cosmos universe midnight nacht city neon",
    "rose": "rose roses pink love heart flower flowers blossom cherry",
    "ochre": "gold golden honey wheat bread old ancient brass temple",
    "meadow": "meadow spring grass garden green field summer lemon frog",
    "stone": "stone grey gray fog mist concrete steel rain black white robot",
    "lagoon": "lagoon island tropical parrot turquoise teal reef paradise",
    "plum": "plum wine opera velvet jazz berry cat",
    "mint": "mint tea calm quiet peace zen bamboo",
    "harbour": "harbour harbor boat ship port bridge blue lighthouse",
}
_LEADS = {word: name for name, words in _WORDS.items() for word in words.split()}


def palette_of(prompt: str, seed: int) -> Palette:
    """The palette that the prompt's words lead to; where none does, their hash and the seed choose."""
    led = [_LEADS[word] for word in re.findall(r"\w+", prompt.casefold()) if word in _LEADS]
    if led:
        return _BY_NAME[led[seed % len(led)]]
    digest = sha256(f"{prompt}\0{seed}".encode()).digest()
    return random.Random(digest).choice(_ALL)  # noqa: S311 - art, not secrets


def mix(one: Colour, other: Colour, part: float) -> Colour:
    """`part` 0 is `one`, 1 is `other`."""
    part = min(1.0, max(0.0, part))
    red, green, blue = (round(a + (b - a) * part) for a, b in zip(one, other, strict=True))
    return red, green, blue


def ramp(colours: tuple[Colour, ...], place: float) -> Colour:
    """The colour at `place` (0…1) of a smooth row of colours."""
    at = min(1.0, max(0.0, place)) * (len(colours) - 1)
    index = min(int(at), len(colours) - 2)
    part = at - index
    return mix(colours[index], colours[index + 1], part * part * (3 - 2 * part))
