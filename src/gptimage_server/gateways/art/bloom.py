"""Bloom: flowers of translucent petals, ring within ring, opening on a quiet ground."""

from __future__ import annotations

import math

from PIL import Image, ImageDraw

from gptimage_server.gateways.art.canvas import Canvas, colour_field, glow, noise, smooth_steps
from gptimage_server.gateways.art.palettes import Colour, mix, ramp

__all__ = ["paint"]


def paint(canvas: Canvas) -> Image.Image:
    dice, colours, unit = canvas.dice, canvas.palette.colours, canvas.unit
    dark = canvas.palette.night or dice.random() < 0.45
    ground = (
        [mix(colours[0], (0, 0, 0), 0.45), colours[0], mix(colours[0], colours[1], 0.55)]
        if dark
        else [mix(colours[5], (255, 255, 255), 0.45), colours[5], mix(colours[5], colours[4], 0.4)]
    )
    picture = colour_field(noise(canvas, 1.0, octaves=3), smooth_steps(ground), steps=256)
    flowers = [(0.5 + dice.uniform(-0.06, 0.06), 0.5 + dice.uniform(-0.06, 0.06), dice.uniform(0.40, 0.47))]
    wide, tall = canvas.width / unit, canvas.height / unit
    for _ in range(60):
        if len(flowers) > dice.randint(3, 6):
            break
        place = (dice.uniform(0.02, 0.98), dice.uniform(0.02, 0.98), dice.uniform(0.10, 0.24))
        if all(
            math.hypot((place[0] - x) * wide, (place[1] - y) * tall) > (place[2] + size) * 0.92
            for x, y, size in flowers
        ):
            flowers.append(place)
    for number, (x, y, size) in enumerate(reversed(flowers)):
        centre = x * canvas.width, y * canvas.height
        if dark:
            glow(picture, centre, size * unit * 1.5, colours[3], 0.35)
        _flower(canvas, picture, centre, size * unit, dark)
        canvas.progress(15 + round(70 * (number + 1) / len(flowers)))
    return picture


def _flower(
    canvas: Canvas, picture: Image.Image, centre: tuple[float, float], radius: float, dark: bool
) -> None:
    dice, colours = canvas.dice, canvas.palette.colours
    side = math.ceil(radius * 2.1)
    origin = round(centre[0] - side / 2), round(centre[1] - side / 2)
    petals = dice.choice((6, 8, 9, 11, 12, 13, 16))
    rings = 7 if radius > canvas.unit * 0.2 else 5
    sharp, waist, turn = dice.uniform(0.7, 1.7), dice.uniform(0.55, 1.05), dice.uniform(0, 7)
    start, end = (0.35, 1.0) if dark else (0.15, 0.85)
    row = colours if dice.random() < 0.5 else (*colours[1:4], canvas.palette.accent, *colours[4:])
    for ring in range(rings):
        part = ring / (rings - 1)
        long = radius * (1 - 0.86 * part**0.9)
        half = long * waist * math.sin(math.pi / petals) * (1.15 - 0.25 * part)
        tone = ramp(row, start + (end - start) * part)
        # Every other petal in a pass of its own, so that neighbours overlap like glass and none counts twice.
        for half_turn in (0, 1):
            _petals(
                picture, origin, side, long, half, petals, half_turn, turn, sharp, tone, 0.50 + 0.25 * part
            )
        turn += math.pi / petals + dice.uniform(-0.05, 0.05)
    pen = ImageDraw.Draw(picture)
    seeds = round(34 + radius / canvas.unit * 160)
    for index in range(seeds):
        far = radius * 0.13 * math.sqrt(index / seeds)
        angle = index * 2.399963
        dot = radius * 0.011 * (1.25 - 0.4 * index / seeds)
        x, y = centre[0] + math.cos(angle) * far, centre[1] + math.sin(angle) * far
        shade = mix(canvas.palette.accent, colours[0], 0.15 + 0.5 * index / seeds)
        pen.ellipse((x - dot, y - dot, x + dot, y + dot), fill=shade)


def _petals(
    picture: Image.Image,
    origin: tuple[int, int],
    side: int,
    long: float,
    half: float,
    petals: int,
    half_turn: int,
    turn: float,
    sharp: float,
    tone: Colour,
    strength: float,
) -> None:
    large = Image.new("L", (side * 2, side * 2), 0)
    pen = ImageDraw.Draw(large)
    full = round(255 * strength)
    for petal in range(half_turn, petals, 2):
        angle = turn + petal * 2 * math.pi / petals
        cosine, sine = math.cos(angle), math.sin(angle)
        for inset, light in ((1.0, full), (0.86, round(full * 0.74)), (0.66, round(full * 0.52))):
            outline = []
            for step in range(41):
                t = step / 20 if step <= 20 else (40 - step) / 20
                bend = math.sin(math.pi * t**sharp) * half * inset * (1 if step <= 20 else -1)
                along = long * (0.06 + 0.94 * t * (0.55 + 0.45 * inset))
                outline.append(
                    (side + 2 * (along * cosine - bend * sine), side + 2 * (along * sine + bend * cosine))
                )
            pen.polygon(outline, fill=light)
    picture.paste(tone, origin, large.reduce(2))
