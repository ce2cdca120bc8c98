"""Algorithmic art from words: each style is a program that draws, seeded by the prompt, the seed and itself.

`draw` is pure: the same words, style, seed and size give the same bytes. Colours come from the prompt (words
such as "sea" or "dusk" lead to palettes of their own, any other words choose by their hash).
"""

from __future__ import annotations

import io
from collections.abc import Callable

from msgspec import Struct
from PIL import Image

from gptimage_server.gateways.art.agate import paint as agate
from gptimage_server.gateways.art.bloom import paint as bloom
from gptimage_server.gateways.art.canvas import Canvas, Progress, finish
from gptimage_server.gateways.art.currents import paint as currents
from gptimage_server.gateways.art.cutouts import paint as cutouts
from gptimage_server.gateways.art.facets import paint as facets
from gptimage_server.gateways.art.horizon import paint as horizon
from gptimage_server.gateways.art.orbits import paint as orbits
from gptimage_server.gateways.art.palettes import palette_of

__all__ = ["STYLES", "Style", "draw"]


class Style(Struct, frozen=True):
    """A way of drawing, with the word for it."""

    name: str
    words: str
    paint: Callable[[Canvas], Image.Image]


STYLES: dict[str, Style] = {
    style.name: style
    for style in (
        Style("horizon", "Horizon", horizon),
        Style("currents", "Currents", currents),
        Style("agate", "Agate", agate),
        Style("cutouts", "Cut-outs", cutouts),
        Style("orbits", "Orbits", orbits),
        Style("facets", "Facets", facets),
        Style("bloom", "Bloom", bloom),
    )
}


def draw(
    prompt: str, *, style: str, seed: int, width: int, height: int, progress: Progress | None = None
) -> bytes:
    """A PNG without metadata; `progress(percent)` is called from this thread as it comes along."""
    canvas = Canvas.of(prompt, style, seed, width, height, palette_of(prompt, seed), progress or _nobody)
    canvas.progress(3)
    picture = finish(STYLES[style].paint(canvas), canvas)
    canvas.progress(92)
    out = io.BytesIO()
    picture.save(out, "PNG", compress_level=4)
    canvas.progress(100)
    return out.getvalue()


def _nobody(percent: int) -> None:
    del percent
