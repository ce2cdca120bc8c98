from __future__ import annotations
import io
from collections.abc import Callable
from msgspec import Struct
from PIL import Image

__all__ = ["STYLES", "Style", "draw"]


class Style(Struct, frozen=True):
    name: str
    words: str


STYLES = {"dunes": Style("dunes", "Dunes")}


def draw(
    prompt: str, *, style: str, seed: int, width: int, height: int, progress: Callable[[int], None]
) -> bytes:
    progress(50)
    out = io.BytesIO()
    Image.radial_gradient("L").resize((width, height)).convert("RGB").save(out, "PNG")
    return out.getvalue()
