"""`python -m gptimage_server.gateways.art FOLDER`: the swatches of the styles, for the studio's page."""

from __future__ import annotations

import io
import sys
from pathlib import Path

from PIL import Image

from gptimage_server.gateways.art import STYLES, draw

_SAMPLES = {
    "horizon": ("sunset", 3),
    "currents": ("a lagoon", 8),
    "agate": ("plum", 4),
    "cutouts": ("a harbour", 5),
    "orbits": ("the night", 8),
    "facets": ("meadow", 8),
    "bloom": ("rose", 15),
}

folder = Path(sys.argv[1])
for name in STYLES:
    words, seed = _SAMPLES[name]
    with Image.open(io.BytesIO(draw(words, style=name, seed=seed, width=512, height=512))) as picture:
        picture.resize((240, 240), Image.Resampling.LANCZOS).save(
            folder / f"style-{name}.webp", "WEBP", quality=80, method=6
        )
