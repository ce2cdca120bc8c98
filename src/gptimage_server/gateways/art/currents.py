"""Currents: thousands of brush strokes that follow one invisible flow."""

from __future__ import annotations

import math

from PIL import Image, ImageDraw

from gptimage_server.gateways.art.canvas import Canvas, colour_field, floats, noise, smooth_steps
from gptimage_server.gateways.art.palettes import Colour, mix, ramp

__all__ = ["paint"]

_GRID = 96


def paint(canvas: Canvas) -> Image.Image:
    dice, colours = canvas.dice, canvas.palette.colours
    dark = canvas.palette.night or dice.random() < 0.6
    ground = (
        [mix(colours[0], (0, 0, 0), 0.35), colours[0], mix(colours[0], colours[1], 0.7)]
        if dark
        else [colours[5], mix(colours[5], colours[4], 0.35), mix(colours[5], (255, 255, 255), 0.5)]
    )
    picture = colour_field(noise(canvas, 1.4, octaves=3), smooth_steps(ground), steps=256)
    large = picture.resize((canvas.width * 2, canvas.height * 2), Image.Resampling.BILINEAR)
    canvas.progress(15)
    angles, hues = _grid(canvas), _grid(canvas)
    turns, lean = dice.uniform(0.9, 1.9), dice.uniform(0, 2 * math.pi)
    swirls = [
        (dice.uniform(0.1, 0.9), dice.uniform(0.1, 0.9), dice.uniform(0.1, 0.3), dice.choice((-1, 1)))
        for _ in range(dice.randint(1, 3))
    ]
    pen = ImageDraw.Draw(large)
    row = colours[1:] if dark else colours[:5]
    strokes = round(2300 * canvas.width * canvas.height / canvas.unit**2)
    stride = canvas.unit / 150
    for number in range(strokes):
        x, y = dice.uniform(-0.05, 1.05) * canvas.width, dice.uniform(-0.05, 1.05) * canvas.height
        late = number / strokes
        hue = _at(hues, canvas, x, y)
        colour: Colour = ramp(row, hue + dice.gauss(0, 0.10))
        if dice.random() < 0.035:
            colour = canvas.palette.accent
        colour = mix(colour, ground[1], 0.55 * (1 - late) ** 1.5)
        length = dice.randint(14, 46)
        points = []
        for _ in range(length):
            points.append((x * 2, y * 2))
            angle = lean + (_at(angles, canvas, x, y) - 0.5) * 2 * math.pi * turns
            for sx, sy, reach, way in swirls:
                dx, dy = x / canvas.width - sx, y / canvas.height - sy
                near = math.exp(-(dx * dx + dy * dy) / (reach * reach))
                if near > 0.02:
                    round_it = math.atan2(dy, dx) + way * math.pi / 2
                    angle += near * math.remainder(round_it - angle, 2 * math.pi)
            x += math.cos(angle) * stride
            y += math.sin(angle) * stride
        wide = dice.uniform(0.8, 3.4) * (1.35 - late * 0.7) * canvas.unit / 512
        pen.line(points, fill=colour, width=max(1, round(wide)), joint="curve")
        for end in (points[0], points[-1]):
            half = wide / 2
            pen.ellipse((end[0] - half, end[1] - half, end[0] + half, end[1] + half), fill=colour)
        if number % 200 == 0:
            canvas.progress(15 + round(65 * late))
    return large.reduce(2)


def _grid(canvas: Canvas) -> list[float]:
    small = Canvas(_GRID, _GRID, canvas.palette, canvas.dice, canvas.progress)
    field = noise(small, 1.3, octaves=2, rough=0.4)
    return floats(field)


def _at(grid: list[float], canvas: Canvas, x: float, y: float) -> float:
    """Between the four nearest values, so that strokes do not bend at the cells' edges."""
    across = min(max(x / canvas.width, 0.0), 0.999) * (_GRID - 1)
    down = min(max(y / canvas.height, 0.0), 0.999) * (_GRID - 1)
    column, line = int(across), int(down)
    part, below = across - column, down - line
    first = line * _GRID + column
    upper = grid[first] + (grid[first + 1] - grid[first]) * part
    lower = grid[first + _GRID] + (grid[first + _GRID + 1] - grid[first + _GRID]) * part
    return upper + (lower - upper) * below
