"""Cut-outs: coloured paper on a grid, in arcs, bars and stairs, each piece with its own soft shadow."""

from __future__ import annotations

from collections.abc import Callable

from PIL import Image, ImageChops, ImageDraw, ImageFilter

from gptimage_server.gateways.art.canvas import Canvas, noise
from gptimage_server.gateways.art.palettes import Colour, mix

__all__ = ["paint"]

Box = tuple[float, float, float, float]
Cut = Callable[[ImageDraw.ImageDraw, Box, int], None]


def paint(canvas: Canvas) -> Image.Image:
    dice, colours = canvas.dice, canvas.palette.colours
    paper = mix(colours[5], (255, 252, 245), 0.4)
    cells = dice.choice((3, 4, 4, 5))
    side = canvas.unit / cells
    columns, rows = round(canvas.width / side), round(canvas.height / side)
    across, down = canvas.width / columns, canvas.height / rows
    inks = [*colours[:5], canvas.palette.accent, canvas.palette.accent]
    picture = Image.new("RGB", (canvas.width * 2, canvas.height * 2), paper)
    shadow_side = canvas.unit / 120
    taken: set[tuple[int, int]] = set()
    places = [(column, row) for row in range(rows) for column in range(columns)]
    last: Colour | None = None
    for number, (column, row) in enumerate(places):
        if (column, row) in taken:
            continue
        span = 2 if dice.random() < 0.22 and column + 1 < columns and row + 1 < rows else 1
        block = {(column + i, row + j) for i in range(span) for j in range(span)}
        if block & taken:
            span, block = 1, {(column, row)}
        taken |= block
        box = (column * across * 2, row * down * 2, (column + span) * across * 2, (row + span) * down * 2)
        ground = dice.choice([ink for ink in inks if ink != last] + [paper, paper])
        ink = dice.choice([ink for ink in [*inks, paper] if _apart(ink, ground)] or [paper])
        last = ground
        ImageDraw.Draw(picture).rectangle(box, fill=ground)
        _lay(picture, box, dice.choice(_CUTS), ink, dice.randrange(4), shadow_side)
        if dice.random() < 0.3:
            dot = dice.choice([other for other in inks if _apart(other, ink)] or [paper])
            _lay(picture, _inner(box, dice.uniform(0.32, 0.4)), _disc, dot, 0, shadow_side)
        canvas.progress(10 + round(65 * number / len(places)))
    picture = picture.reduce(2)
    fibre = noise(canvas, 60, octaves=2).point(lambda value: value * 16 + 247).convert("L")
    return ImageChops.multiply(picture, Image.merge("RGB", (fibre, fibre, fibre)))


def _lay(picture: Image.Image, box: Box, cut: Cut, ink: Colour, turn: int, shadow: float) -> None:
    """One piece of paper over what is there: first its shadow, then itself."""
    width, height = round(box[2] - box[0]), round(box[3] - box[1])
    mask = Image.new("L", (width, height), 0)
    cut(ImageDraw.Draw(mask), (0, 0, width, height), turn)
    cast = Image.new("L", (width, height), 0)
    cast.paste(mask, (round(shadow * 0.6), round(shadow)))
    # Blurred at a quarter of the size: a shadow has no detail to lose.
    small = cast.resize((max(1, width // 4), max(1, height // 4))).filter(
        ImageFilter.GaussianBlur(shadow / 3.5)
    )
    cast = small.resize((width, height)).point(lambda value: value * 2 // 5)
    at = round(box[0]), round(box[1])
    picture.paste((20, 14, 24), at, cast)
    picture.paste(ink, at, mask)


def _apart(one: Colour, other: Colour) -> bool:
    return sum(abs(a - b) for a, b in zip(one, other, strict=True)) > 150


def _inner(box: Box, part: float) -> Box:
    width, height = box[2] - box[0], box[3] - box[1]
    return box[0] + width * part, box[1] + height * part, box[2] - width * part, box[3] - height * part


def _quarter(pen: ImageDraw.ImageDraw, box: Box, turn: int) -> None:
    width, height = box[2], box[3]
    x, y = ((0, 0), (width, 0), (width, height), (0, height))[turn]
    pen.ellipse((x - width, y - height, x + width, y + height), fill=255)


def _ring(pen: ImageDraw.ImageDraw, box: Box, turn: int) -> None:
    width, height = box[2], box[3]
    x, y = ((0, 0), (width, 0), (width, height), (0, height))[turn]
    for part, fill in ((1.0, 255), (0.8, 0), (0.6, 255), (0.4, 0), (0.2, 255)):
        pen.ellipse((x - width * part, y - height * part, x + width * part, y + height * part), fill=fill)


def _half(pen: ImageDraw.ImageDraw, box: Box, turn: int) -> None:
    width, height = box[2], box[3]
    pen.ellipse(
        (
            (-width / 2, 0, width / 2, height),
            (width / 2, 0, width * 1.5, height),
            (0, -height / 2, width, height / 2),
            (0, height / 2, width, height * 1.5),
        )[turn],
        fill=255,
    )


def _disc(pen: ImageDraw.ImageDraw, box: Box, turn: int) -> None:
    del turn
    pen.ellipse((box[2] * 0.1, box[3] * 0.1, box[2] * 0.9, box[3] * 0.9), fill=255)


def _leaf(pen: ImageDraw.ImageDraw, box: Box, turn: int) -> None:
    width, height = round(box[2]), round(box[3])
    one, other = Image.new("L", (width, height), 0), Image.new("L", (width, height), 0)
    _quarter(ImageDraw.Draw(one), box, turn)
    _quarter(ImageDraw.Draw(other), box, (turn + 2) % 4)
    pen.bitmap((0, 0), ImageChops.multiply(one, other), fill=255)


def _corner(pen: ImageDraw.ImageDraw, box: Box, turn: int) -> None:
    width, height = box[2], box[3]
    points = [(0.0, 0.0), (width, 0.0), (width, height), (0.0, height)]
    del points[turn]
    pen.polygon(points, fill=255)


def _bars(pen: ImageDraw.ImageDraw, box: Box, turn: int) -> None:
    width, height = box[2], box[3]
    for index in range(0, 8, 2):
        if turn % 2:
            pen.rectangle((width * index / 8, 0, width * (index + 1) / 8, height), fill=255)
        else:
            pen.rectangle((0, height * index / 8, width, height * (index + 1) / 8), fill=255)


def _stairs(pen: ImageDraw.ImageDraw, box: Box, turn: int) -> None:
    width, height = box[2], box[3]
    for index in range(4):
        left, right = width * index / 4, width * (index + 1) / 4
        tall = height * (index + 1) / 4
        if turn % 2:
            left, right = width - right, width - left
        pen.rectangle((left, 0 if turn > 1 else height - tall, right, tall if turn > 1 else height), fill=255)


_CUTS: tuple[Cut, ...] = (
    _quarter,
    _quarter,
    _ring,
    _half,
    _half,
    _disc,
    _leaf,
    _leaf,
    _corner,
    _bars,
    _stairs,
)
