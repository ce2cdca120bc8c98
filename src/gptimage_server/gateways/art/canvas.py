"""What every style draws with: dice, noise in high precision, gradient maps, soft shapes, paper grain.

Fields are images of mode F with values of about 0…1. A field becomes colour through a table of 65,536
entries, so that a gradient has no visible steps.
"""

from __future__ import annotations

import math
import random
from array import array
from collections.abc import Callable, Sequence
from hashlib import sha256

from msgspec import Struct
from PIL import Image, ImageChops, ImageDraw, ImageFilter, ImageMath

from gptimage_server.gateways.art.palettes import Colour, Palette, ramp

__all__ = [
    "Canvas",
    "Progress",
    "blend_field",
    "colour_field",
    "finish",
    "floats",
    "glow",
    "noise",
    "smooth_steps",
    "soft_mask",
    "vertical",
    "warp",
]

Progress = Callable[[int], None]
_DEPTH = 65_536
_BICUBIC = Image.Resampling.BICUBIC


class Canvas(Struct, frozen=True):
    """One picture to be: its size, its colours, its dice, and whom to tell how far it is."""

    width: int
    height: int
    palette: Palette
    dice: random.Random
    progress: Progress

    @staticmethod
    def of(
        prompt: str, style: str, seed: int, width: int, height: int, palette: Palette, progress: Progress
    ) -> Canvas:
        digest = sha256(f"{style}\0{seed}\0{prompt}".encode("utf-8", "surrogatepass")).digest()
        return Canvas(width, height, palette, random.Random(digest), progress)  # noqa: S311 - art

    @property
    def size(self) -> tuple[int, int]:
        return self.width, self.height

    @property
    def unit(self) -> float:
        """The shorter side: what forms are measured by, so that a sketch looks like its larger self."""
        return float(min(self.size))


def noise(canvas: Canvas, cells: float, octaves: int = 4, rough: float = 0.5) -> Image.Image:
    """Smooth noise over the whole picture, mode F, about 0…1; `cells` along the shorter side."""
    total: Image.Image | None = None
    weight, sum_of = 1.0, 0.0
    for octave in range(octaves):
        across = cells * 2**octave
        columns = max(3, round(across * canvas.width / canvas.unit) + 3)
        rows = max(3, round(across * canvas.height / canvas.unit) + 3)
        small = Image.frombytes("L", (columns, rows), canvas.dice.randbytes(columns * rows)).convert("F")
        box = (1.0, 1.0, columns - 1.0, rows - 1.0)
        layer = small.resize(canvas.size, _BICUBIC, box=box)
        scale = weight / 255
        layer = layer.point(lambda value, scale=scale: value * scale)
        total = layer if total is None else _sum(total, layer)
        sum_of += weight
        weight *= rough
    assert total is not None
    # Sums of random values crowd around the middle: stretch them, so that a gradient uses all its colours.
    stretch = 1.9 / sum_of
    return total.point(lambda value: value * stretch - 0.45)


def vertical(canvas: Canvas, angle: float = 90.0) -> Image.Image:
    """A slope from 0 to 1 along `angle` (90: from top to bottom), mode F."""
    along = math.radians(angle)
    dx, dy = math.cos(along), math.sin(along)
    span = abs(dx) * canvas.width + abs(dy) * canvas.height
    corner = [(x * dx + y * dy) / span for x in (0, canvas.width) for y in (0, canvas.height)]
    low = min(corner)
    values = [
        corner[0] - low,
        corner[2] - low,
        corner[1] - low,
        corner[3] - low,
    ]
    small = Image.new("F", (2, 2))
    small.putdata(values)
    # Half a pixel in from each edge, bilinear between the four centres: an exact plane.
    return small.resize(canvas.size, Image.Resampling.BILINEAR, box=(0.5, 0.5, 1.5, 1.5))


def blend_field(one: Image.Image, other: Image.Image, amount: float) -> Image.Image:
    """`one + other * amount`, mode F."""
    return _sum(one, other.point(lambda value: value * amount))


def _sum(one: Image.Image, other: Image.Image) -> Image.Image:
    total: Image.Image = ImageMath.lambda_eval(lambda args: args["a"] + args["b"], a=one, b=other)
    return total


def warp(field: Image.Image, canvas: Canvas, amount: float, cells: int, steps: int = 40) -> Image.Image:
    """The field, bent by a smooth random flow of `amount` (in units of the shorter side)."""
    steps = max(4, min(steps, round(canvas.unit / 3)))  # a cell is at least some pixels wide
    columns = max(4, round(steps * canvas.width / canvas.unit))
    rows = max(4, round(steps * canvas.height / canvas.unit))
    shift_x = _coarse(canvas, columns + 1, rows + 1, cells)
    shift_y = _coarse(canvas, columns + 1, rows + 1, cells)
    reach = amount * canvas.unit

    def place(column: int, row: int) -> tuple[float, float]:
        index = row * (columns + 1) + column
        x = column * canvas.width / columns + (shift_x[index] - 0.5) * 2 * reach
        y = row * canvas.height / rows + (shift_y[index] - 0.5) * 2 * reach
        return min(max(x, 0.0), canvas.width - 1.0), min(max(y, 0.0), canvas.height - 1.0)

    mesh = []
    for row in range(rows):
        for column in range(columns):
            box = (
                column * canvas.width // columns,
                row * canvas.height // rows,
                (column + 1) * canvas.width // columns,
                (row + 1) * canvas.height // rows,
            )
            corners = (
                place(column, row),
                place(column, row + 1),
                place(column + 1, row + 1),
                place(column + 1, row),
            )
            mesh.append((box, tuple(value for corner in corners for value in corner)))
    return field.transform(canvas.size, Image.Transform.MESH, mesh, Image.Resampling.BILINEAR)


def _coarse(canvas: Canvas, columns: int, rows: int, cells: int) -> Sequence[float]:
    across = max(3, round(cells * columns / max(1, min(columns, rows))))
    down = max(3, round(cells * rows / max(1, min(columns, rows))))
    small = Image.frombytes("L", (across, down), canvas.dice.randbytes(across * down)).convert("F")
    smooth = small.resize((columns, rows), _BICUBIC)
    return [value / 255 for value in floats(smooth)]


def floats(field: Image.Image) -> list[float]:
    """The values of a field, row by row."""
    values: list[float] = list(array("f", field.tobytes()))
    return values


def colour_field(
    field: Image.Image, colour_at: Callable[[float], Colour], steps: int = 1024, *, fine: bool = True
) -> Image.Image:
    """A field as colours: `colour_at(0…1)` through a table; values outside are cut.

    Without `fine` the table has 256 entries: quick, and enough where grain or detail lies over it.
    """
    if not fine:
        coarse = [colour_at(index / 255) for index in range(256)]
        level = field.point(lambda value: value * 255 + 0.5).convert("L")
        return Image.merge("RGB", [level.point([colour[c] for colour in coarse]) for c in range(3)])
    known = [colour_at(index / (steps - 1)) for index in range(steps)]
    part = (steps - 1) / (_DEPTH - 1)
    tables: list[list[int]] = [[], [], []]
    for index in range(_DEPTH):
        at = index * part
        low = min(int(at), steps - 2)
        rest = at - low
        one, other = known[low], known[low + 1]
        for channel in range(3):
            tables[channel].append(round(one[channel] + (other[channel] - one[channel]) * rest))
    whole = field.point(lambda value: value * (_DEPTH - 1) + 0.5).convert("I")
    return Image.merge("RGB", [whole.point(table, "L") for table in tables])


def smooth_steps(colours: Sequence[Colour]) -> Callable[[float], Colour]:
    """`colour_at` for a smooth row of colours."""
    row = tuple(colours)
    return lambda place: ramp(row, place)


def soft_mask(
    canvas: Canvas, paint: Callable[[ImageDraw.ImageDraw, float], None], blur: float = 0
) -> Image.Image:
    """A mask drawn at twice the size and reduced, so that its edges are smooth; `paint(draw, scale)`."""
    large = Image.new("L", (canvas.width * 2, canvas.height * 2), 0)
    paint(ImageDraw.Draw(large), 2.0)
    mask = large.reduce(2)
    return mask.filter(ImageFilter.GaussianBlur(blur)) if blur else mask


def glow(
    picture: Image.Image, centre: tuple[float, float], radius: float, colour: Colour, strength: float
) -> None:
    """A round light that fades to nothing, added in place."""
    side = max(2, round(radius * 2))
    light = ImageChops.invert(Image.radial_gradient("L")).point(
        lambda value: int(max(0.0, (value - 74) / 181) ** 2.2 * 255 * strength)
    )
    light = light.resize((side, side), _BICUBIC)
    patch = Image.new("RGB", (side, side), colour)
    at = round(centre[0] - side / 2), round(centre[1] - side / 2)
    region = (at[0], at[1], at[0] + side, at[1] + side)
    under = picture.crop(region)
    picture.paste(Image.composite(ImageChops.screen(under, patch), under, light), at)


def finish(picture: Image.Image, canvas: Canvas) -> Image.Image:
    """A last hand: a slight darkening to the corners and a fine grain, as of a print on paper."""
    shade = Image.radial_gradient("L").resize(canvas.size, Image.Resampling.BILINEAR)
    shade = shade.point(lambda value: 255 - int(max(0.0, value - 120) / 135 * 46))
    picture = ImageChops.multiply(picture.convert("RGB"), Image.merge("RGB", (shade, shade, shade)))
    side = 256
    tile = Image.frombytes("L", (side, side), canvas.dice.randbytes(side * side)).point(
        lambda value: 123 + value * 10 // 256
    )
    grain = Image.new("L", canvas.size)
    for x in range(0, canvas.width, side):
        for y in range(0, canvas.height, side):
            grain.paste(tile, (x, y))
    return ImageChops.overlay(picture, Image.merge("RGB", (grain, grain, grain)))
