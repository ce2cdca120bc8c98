"""Orbits: a nebula, thin paths, and worlds that turn a lit and a dark side."""

from __future__ import annotations

import math

from PIL import Image, ImageChops, ImageDraw, ImageFilter

from gptimage_server.gateways.art.canvas import (
    Canvas,
    blend_field,
    colour_field,
    glow,
    noise,
    smooth_steps,
    warp,
)
from gptimage_server.gateways.art.palettes import Colour, mix

__all__ = ["paint"]


def paint(canvas: Canvas) -> Image.Image:
    dice, colours, unit = canvas.dice, canvas.palette.colours, canvas.unit
    deep = mix(colours[0], (3, 4, 10), 0.72)
    cloud = warp(noise(canvas, 1.7, octaves=5, rough=0.55), canvas, 0.12, 5)
    picture = colour_field(
        cloud.point(lambda value: value * 1.05 - 0.12),
        smooth_steps(
            [deep, deep, mix(deep, colours[1], 0.7), mix(colours[1], colours[2], 0.5), colours[2], colours[3]]
        ),
        steps=512,
    )
    canvas.progress(30)
    _stars(canvas, picture)
    sun = canvas.width * dice.uniform(0.15, 0.85), canvas.height * dice.uniform(0.2, 0.8)
    warm = mix(canvas.palette.accent, colours[5], 0.4)
    glow(picture, sun, unit * 0.8, warm, 0.5)
    glow(picture, sun, unit * 0.22, warm, 1.0)
    tilt, flat = dice.uniform(-0.5, 0.5), dice.uniform(0.3, 0.62)
    count = dice.randint(5, 8)
    reach = [unit * (0.16 + 0.98 * (index / count) ** 1.25) for index in range(count)]
    _paths(canvas, picture, sun, reach, tilt, flat)
    canvas.progress(50)
    _ball(picture, sun, unit * 0.055, [warm, mix(warm, (255, 255, 255), 0.75)], (0.0, 0.0), canvas)
    worlds = []
    for index, far in enumerate(reach):
        angle = dice.uniform(0, 2 * math.pi)
        x, y = math.cos(angle) * far, math.sin(angle) * far * flat
        place = (
            sun[0] + x * math.cos(tilt) - y * math.sin(tilt),
            sun[1] + x * math.sin(tilt) + y * math.cos(tilt),
        )
        size = unit * dice.uniform(0.016, 0.05) * (1 + index * 0.32)
        worlds.append((math.sin(angle), place, size))
    for number, (_, place, size) in enumerate(sorted(worlds)):
        tone = dice.choice((*colours[2:], canvas.palette.accent))
        away = (place[0] - sun[0], place[1] - sun[1])
        long = math.hypot(*away) or 1.0
        row = [mix(tone, deep, 0.88), mix(tone, deep, 0.35), tone, mix(tone, (255, 255, 255), 0.35)]
        ringed = size > unit * 0.05 and dice.random() < 0.7
        if ringed:
            _ring(picture, place, size, tilt + 0.4, tone, canvas, behind=True)
        _ball(picture, place, size, row, (away[0] / long, away[1] / long), canvas)
        if ringed:
            _ring(picture, place, size, tilt + 0.4, tone, canvas, behind=False)
        canvas.progress(50 + round(38 * number / len(worlds)))
    return picture


def _stars(canvas: Canvas, picture: Image.Image) -> None:
    dice, unit = canvas.dice, canvas.unit
    light = Image.new("L", (canvas.width * 2, canvas.height * 2), 0)
    pen = ImageDraw.Draw(light)
    for _ in range(round(900 * canvas.width * canvas.height / unit**2)):
        x, y = dice.uniform(0, canvas.width * 2), dice.uniform(0, canvas.height * 2)
        half = dice.choice((0.5, 0.5, 0.8, 0.8, 1.3, 2.2)) * unit / 1024
        pen.ellipse((x - half, y - half, x + half, y + half), fill=dice.randint(60, 255))
    picture.paste(mix(canvas.palette.colours[5], (255, 255, 255), 0.6), (0, 0), light.reduce(2))


def _paths(
    canvas: Canvas,
    picture: Image.Image,
    sun: tuple[float, float],
    reach: list[float],
    tilt: float,
    flat: float,
) -> None:
    light = Image.new("L", (canvas.width * 2, canvas.height * 2), 0)
    pen = ImageDraw.Draw(light)
    for far in reach:
        points = []
        for step in range(241):
            angle = step / 240 * 2 * math.pi
            x, y = math.cos(angle) * far, math.sin(angle) * far * flat
            points.append(
                (
                    2 * (sun[0] + x * math.cos(tilt) - y * math.sin(tilt)),
                    2 * (sun[1] + x * math.sin(tilt) + y * math.cos(tilt)),
                )
            )
        pen.line(
            points, fill=canvas.dice.randint(90, 150), width=max(2, round(canvas.unit / 460)), joint="curve"
        )
    picture.paste(canvas.palette.colours[4], (0, 0), light.reduce(2))


def _ball(
    picture: Image.Image,
    place: tuple[float, float],
    radius: float,
    row: list[Colour],
    away: tuple[float, float],
    canvas: Canvas,
) -> None:
    """A sphere lit from where the sun is; bands of weather across the larger ones."""
    side = max(4, round(radius * 2))
    # The light falls off around a point on the sunward side: a radial gradient cut off its middle.
    wide = side * 3
    shade = ImageChops.invert(Image.radial_gradient("L")).resize((wide, wide), Image.Resampling.BICUBIC)
    left = wide / 2 - side / 2 + away[0] * side * 0.42
    top = wide / 2 - side / 2 + away[1] * side * 0.42
    shade = shade.crop((round(left), round(top), round(left) + side, round(top) + side))
    field = shade.convert("F").point(lambda value: value * (1 / 150) - 0.62)
    if radius > canvas.unit * 0.03 and away != (0.0, 0.0):
        bands = Image.frombytes("L", (1, 14), canvas.dice.randbytes(14)).resize(
            (side, side), Image.Resampling.BICUBIC
        )
        bands = bands.rotate(canvas.dice.uniform(-30, 30), Image.Resampling.BILINEAR, fillcolor=128)
        extra = bands.convert("F").point(lambda value: value * 0.0010 - 0.128)
        field = blend_field(field, extra, 1.0)
    body = colour_field(field, smooth_steps(row), fine=False)
    mask = Image.new("L", (side * 4, side * 4), 0)
    ImageDraw.Draw(mask).ellipse((4, 4, side * 4 - 5, side * 4 - 5), fill=255)
    picture.paste(body, (round(place[0] - side / 2), round(place[1] - side / 2)), mask.reduce(4))


def _ring(
    picture: Image.Image,
    place: tuple[float, float],
    radius: float,
    tilt: float,
    tone: Colour,
    canvas: Canvas,
    *,
    behind: bool,
) -> None:
    side = round(radius * 5.2)
    large = Image.new("L", (side * 2, side * 2), 0)
    pen = ImageDraw.Draw(large)
    # An inner ellipse erases what a wider ring drew before it; so the widest comes first.
    for inner, outer, light in ((2.26, 2.36, 80), (1.86, 2.2, 120), (1.45, 1.8, 170)):
        for reach, fill in ((outer, light), (inner, 0)):
            half = radius * reach * 2
            pen.ellipse((side - half, side - half * 0.28, side + half, side + half * 0.28), fill=fill)
    if behind:
        pen.rectangle((0, side, side * 2, side * 2), fill=0)
    else:
        pen.rectangle((0, 0, side * 2, side - 1), fill=0)
    mask = large.rotate(-math.degrees(tilt), Image.Resampling.BICUBIC).reduce(2)
    mask = mask.filter(ImageFilter.GaussianBlur(canvas.unit / 2048))
    picture.paste(
        mix(tone, (255, 255, 255), 0.3), (round(place[0] - side / 2), round(place[1] - side / 2)), mask
    )
