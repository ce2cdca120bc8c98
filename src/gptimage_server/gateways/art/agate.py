"""Agate: bent layers of noise, cut into bands like a polished stone, with a vein of the accent."""

from __future__ import annotations

import math

from PIL import Image

from gptimage_server.gateways.art.canvas import Canvas, blend_field, colour_field, noise, vertical, warp
from gptimage_server.gateways.art.palettes import Colour, mix, ramp

__all__ = ["paint"]


def paint(canvas: Canvas) -> Image.Image:
    dice, colours, accent = canvas.dice, canvas.palette.colours, canvas.palette.accent
    field = noise(canvas, dice.uniform(0.9, 1.5), octaves=3, rough=0.42)
    canvas.progress(20)
    field = blend_field(field, vertical(canvas, dice.uniform(0, 360)), dice.uniform(0.3, 0.8))
    field = warp(field, canvas, dice.uniform(0.16, 0.26), 4, steps=64)
    canvas.progress(40)
    field = warp(field, canvas, dice.uniform(0.04, 0.08), 9, steps=96)
    field = blend_field(field, noise(canvas, 14, octaves=3), 0.018)
    canvas.progress(60)
    low, high = field.getextrema()
    assert isinstance(low, float)
    assert isinstance(high, float)
    stretch = 1 / max(0.01, high - low)
    field = field.point(lambda value: value * stretch - low * stretch)
    bands = dice.randint(9, 15)
    drift = [dice.uniform(-0.16, 0.16) for _ in range(bands + 2)]
    edges = sorted(dice.uniform(0, 1) for _ in range(bands))
    vein = dice.uniform(0.3, 0.7)
    turn = dice.uniform(0, 6)

    def colour_at(place: float) -> Colour:
        index = sum(edge < place for edge in edges)
        start = edges[index - 1] if index else 0.0
        end = edges[index] if index < bands else 1.0
        inside = (place - start) / max(1e-6, end - start)
        base = ramp(colours, 0.5 + 0.42 * math.sin(turn + place * 9) + drift[index])
        # Fine growth rings within a band, and a dark line where the next one begins.
        fine = 0.5 + 0.5 * math.sin((place * 170) + 3 * inside)
        colour = mix(base, colours[5], 0.10 * fine)
        colour = mix(colour, colours[0], 0.42 * max(0.0, 1 - (place - start) / 0.006))
        colour = mix(colour, colours[5], 0.5 * max(0.0, 1 - abs(place - start - 0.010) / 0.004))
        return mix(colour, accent, 0.95 * max(0.0, 1 - abs(place - vein) / 0.010) ** 0.5)

    picture = colour_field(field, colour_at, steps=4096)
    canvas.progress(85)
    return picture
