"""Facets: a soft sweep of colour, seen through a folded sheet of triangles."""

from __future__ import annotations

import math

from PIL import Image, ImageDraw

from gptimage_server.gateways.art.canvas import (
    Canvas,
    blend_field,
    colour_field,
    noise,
    smooth_steps,
    vertical,
    warp,
)
from gptimage_server.gateways.art.palettes import Colour, mix

__all__ = ["paint"]

Point = tuple[float, float, float]


def paint(canvas: Canvas) -> Image.Image:
    dice, colours = canvas.dice, canvas.palette.colours
    sweep = blend_field(
        vertical(canvas, dice.uniform(0, 360)), noise(canvas, 1.2, octaves=3), dice.uniform(0.5, 0.8)
    )
    sweep = warp(sweep.point(lambda value: value * 0.95 - 0.2), canvas, 0.15, 4)
    row = [*colours, canvas.palette.accent] if dice.random() < 0.5 else [*colours]
    under = colour_field(sweep, smooth_steps(row), steps=512)
    canvas.progress(35)
    cells = dice.randint(9, 14)
    step = canvas.unit / cells
    columns, rows = math.ceil(canvas.width / step) + 2, math.ceil(canvas.height / (step * 0.866)) + 2
    points = [
        [_corner(canvas, column, row_, step) for column in range(columns + 1)] for row_ in range(rows + 1)
    ]
    small = under.reduce(max(1, round(step / 8)))
    picture = under.resize((canvas.width * 2, canvas.height * 2), Image.Resampling.BILINEAR)
    pen = ImageDraw.Draw(picture)
    light = _unit((dice.uniform(-1, 1), dice.uniform(-1, -0.3), 1.1))
    edge = mix(colours[5], (255, 255, 255), 0.5)
    lines: list[tuple[list[tuple[float, float]], float]] = []
    for line in range(rows):
        for column in range(columns):
            a, b = points[line][column], points[line][column + 1]
            c, d = points[line + 1][column], points[line + 1][column + 1]
            triangles = ((a, b, d), (a, d, c)) if line % 2 else ((a, b, c), (b, d, c))
            for corners in triangles:
                bright = _facet(canvas, pen, small, corners, light, step)
                if bright > 0.9:
                    lines.append(([(x * 2, y * 2) for x, y, _ in (*corners, corners[0])], bright))
        canvas.progress(35 + round(45 * line / rows))
    wide = max(1, round(canvas.unit / 700))
    for outline, bright in lines:
        if bright > 0.97:
            pen.line(outline, fill=edge, width=wide)
    return picture.reduce(2)


def _corner(canvas: Canvas, column: int, row: int, step: float) -> Point:
    dice = canvas.dice
    x = (column - 0.75 + (0.5 if row % 2 else 0.0)) * step + dice.gauss(0, 0.17) * step
    y = (row - 0.75) * step * 0.866 + dice.gauss(0, 0.17) * step
    return x, y, dice.uniform(-0.42, 0.42) * step


def _facet(
    canvas: Canvas,
    pen: ImageDraw.ImageDraw,
    small: Image.Image,
    corners: tuple[Point, Point, Point],
    light: Point,
    step: float,
) -> float:
    a, b, c = corners
    normal = _unit(
        (
            (b[1] - a[1]) * (c[2] - a[2]) - (b[2] - a[2]) * (c[1] - a[1]),
            (b[2] - a[2]) * (c[0] - a[0]) - (b[0] - a[0]) * (c[2] - a[2]),
            (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0]),
        )
    )
    if normal[2] < 0:
        normal = (-normal[0], -normal[1], -normal[2])
    bright = max(0.0, sum(n * part for n, part in zip(normal, light, strict=True)))
    x = min(max((a[0] + b[0] + c[0]) / 3 / canvas.width, 0.0), 0.999)
    y = min(max((a[1] + b[1] + c[1]) / 3 / canvas.height, 0.0), 0.999)
    found = small.getpixel((int(x * small.width), int(y * small.height)))
    assert isinstance(found, tuple)
    colour: Colour = (found[0], found[1], found[2])
    if bright < 0.86:
        colour = mix(colour, canvas.palette.colours[0], min(0.55, (0.86 - bright) * 1.1))
    else:
        colour = mix(colour, (255, 255, 255), min(0.4, (bright - 0.86) * 2.4))
    pen.polygon([(px * 2, py * 2) for px, py, _ in corners], fill=colour)
    return bright


def _unit(vector: Point) -> Point:
    long = math.sqrt(sum(part * part for part in vector)) or 1.0
    return vector[0] / long, vector[1] / long, vector[2] / long
