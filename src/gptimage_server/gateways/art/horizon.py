"""Horizon: a sky, a sun or a moon, and ridge behind ridge, each paler and mistier with distance."""

from __future__ import annotations

import math

from PIL import Image, ImageChops, ImageDraw

from gptimage_server.gateways.art.canvas import (
    Canvas,
    blend_field,
    colour_field,
    glow,
    noise,
    smooth_steps,
    soft_mask,
    vertical,
)
from gptimage_server.gateways.art.palettes import Colour, mix, ramp

__all__ = ["paint"]


def paint(canvas: Canvas) -> Image.Image:
    dice, colours = canvas.dice, canvas.palette.colours
    dark = canvas.palette.night or dice.random() < 0.25
    horizon = dice.uniform(0.42, 0.62)
    sky_row = (
        [colours[0], colours[1], colours[2], mix(colours[3], colours[2], 0.3), colours[4]]
        if dark
        else [
            mix(colours[3], colours[2], 0.35),
            colours[3],
            colours[4],
            colours[5],
            mix(colours[5], colours[4], 0.4),
        ]
    )
    slope = vertical(canvas, dice.uniform(82, 98)).point(lambda value: value * (1 / (horizon + 0.1)))
    clouds = (
        noise(canvas, 1.6, octaves=4)
        .resize((canvas.width, canvas.height * 3))
        .crop((0, canvas.height, canvas.width, canvas.height * 2))
    )
    picture = colour_field(
        blend_field(slope, clouds, 0.16).point(lambda value: value - 0.08), smooth_steps(sky_row)
    )
    canvas.progress(25)
    if dark:
        _stars(canvas, picture, horizon)
    light = _light(canvas, picture, horizon, dark)
    canvas.progress(35)
    far = mix(sky_row[-1], sky_row[-2], 0.35)
    near = mix(colours[0], (0, 0, 0), 0.15)
    ridges = dice.randint(5, 7)
    for index in range(ridges):
        depth = (index + 0.6) / ridges
        top = horizon + (1.02 - horizon) * (index / ridges) ** 1.15
        _ridge(canvas, picture, top, depth, far, near, light)
        canvas.progress(35 + round(50 * (index + 1) / ridges))
    return picture


def _stars(canvas: Canvas, picture: Image.Image, horizon: float) -> None:
    dice, pen = canvas.dice, ImageDraw.Draw(picture)
    for _ in range(round(260 * canvas.width / canvas.unit)):
        x, y = dice.uniform(0, canvas.width), dice.uniform(0, canvas.height * horizon * 0.9)
        size = dice.choice((0.4, 0.4, 0.6, 1.1)) * canvas.unit / 1024
        fade = dice.uniform(0.25, 0.9) * (1 - y / (canvas.height * horizon))
        base = picture.getpixel((int(x), int(y)))
        assert isinstance(base, tuple)
        under: Colour = (base[0], base[1], base[2])
        pen.ellipse(
            (x - size, y - size, x + size, y + size), fill=mix(under, canvas.palette.colours[5], fade)
        )


def _light(canvas: Canvas, picture: Image.Image, horizon: float, dark: bool) -> tuple[float, Colour]:
    dice, unit = canvas.dice, canvas.unit
    x = canvas.width * dice.uniform(0.22, 0.78)
    y = canvas.height * horizon * dice.uniform(0.38, 0.92)
    radius = unit * dice.uniform(0.055, 0.15)
    colour = mix(canvas.palette.accent, canvas.palette.colours[5], 0.45 if dark else 0.25)
    glow(picture, (x, y), unit * 0.75, colour, 0.55)
    glow(picture, (x, y), radius * 2.6, colour, 0.8)
    disc = soft_mask(
        canvas,
        lambda pen, scale: pen.ellipse(
            ((x - radius) * scale, (y - radius) * scale, (x + radius) * scale, (y + radius) * scale), fill=255
        ),
    )
    picture.paste(mix(colour, (255, 255, 255), 0.35), (0, 0), disc)
    return x, colour


def _ridge(
    canvas: Canvas,
    picture: Image.Image,
    top: float,
    depth: float,
    far: Colour,
    near: Colour,
    light: tuple[float, Colour],
) -> None:
    dice, width, height = canvas.dice, canvas.width, canvas.height
    rough, tall = dice.uniform(0.35, 0.6), height * (0.055 + 0.12 * depth) * dice.uniform(0.7, 1.25)
    waves = [
        (dice.uniform(0.6, 1.3) * 1.9**octave / width * 2 * math.pi, dice.uniform(0, 7), rough**octave)
        for octave in range(7)
    ]
    sharp = dice.random() < 0.5

    def line(x: float) -> float:
        total = 0.0
        for frequency, phase, weight in waves:
            wave = math.sin(x * frequency + phase)
            total += weight * (1 - 2 * abs(wave) if sharp else wave)
        return height * top - tall * total * 0.5

    points = [(float(x), line(x)) for x in range(-4, width + 6, 2)]
    mask = soft_mask(
        canvas,
        lambda pen, scale: pen.polygon(
            [
                (0, height * scale),
                *((x * scale, y * scale) for x, y in points),
                (width * scale, height * scale),
            ],
            fill=255,
        ),
    )
    colours = canvas.palette.colours
    body = mix(
        ramp((far, *reversed(colours[: 4 if far[0] > 120 else 3]), near), depth), far, 0.25 * (1 - depth)
    )
    crest = mix(mix(body, light[1], 0.22 * (1 - depth)), far, 0.12)
    mist = mix(body, far, 0.55 * (1 - depth * 0.75))
    start = min(y for _, y in points) / height
    slope = vertical(canvas).point(lambda value: (value - start) * (1 / max(0.12, 0.34 - 0.1 * depth)))
    grain = noise(canvas, 5 + 6 * depth, octaves=3)
    shade = colour_field(
        blend_field(slope, grain, 0.10).point(lambda value: value - 0.05),
        smooth_steps([crest, body, mix(body, mist, 0.7), mist]),
        fine=False,
    )
    if depth < 0.95:
        side = Image.linear_gradient("L").rotate(90).resize(canvas.size)
        if light[0] < width / 2:
            side = ImageChops.invert(side)
        side = side.point(lambda value: value // 5)
        shade = Image.composite(Image.new("RGB", canvas.size, crest), shade, side)
    picture.paste(shade, (0, 0), mask)
