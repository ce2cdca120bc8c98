"""What can be chosen for an image, and what it costs."""

from __future__ import annotations

from msgspec import Struct

from gptimage_server.gateways.art import STYLES

__all__ = ["DEFAULT_SIZE", "DEFAULT_STYLE", "MAX_SEED", "SIZES", "Size"]

MAX_SEED = 4_294_967_295


class Size(Struct, frozen=True):
    """A size with its words; `cost` in credits."""

    name: str
    words: str
    width: int
    height: int
    cost: int


SIZES: dict[str, Size] = {
    size.name: size
    for size in (
        Size("square", "Square", 1024, 1024, 4),
        Size("portrait", "Portrait", 832, 1216, 4),
        Size("landscape", "Landscape", 1216, 832, 4),
        Size("wide", "Wide", 1344, 576, 3),
        Size("sketch", "Sketch", 512, 512, 1),
    )
}
DEFAULT_SIZE = "square"
DEFAULT_STYLE = next(iter(STYLES))
