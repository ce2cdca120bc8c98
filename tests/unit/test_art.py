"""The built-in renderer's drawing: pure, quick, without metadata, for any words."""

from __future__ import annotations

import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from gptimage_server.gateways.art import STYLES, draw
from gptimage_server.gateways.art.palettes import palette_of


@pytest.mark.parametrize("style", STYLES)
def test_the_same_request_makes_the_same_picture(style: str) -> None:
    """Words, seed, style and size are all that goes in (S24): the same bytes again, while progress rises."""
    told: list[int] = []
    one = draw("a fox", style=style, seed=7, width=160, height=96, progress=told.append)
    assert draw("a fox", style=style, seed=7, width=160, height=96) == one
    assert draw("a fox", style=style, seed=8, width=160, height=96) != one
    assert draw("an ox", style=style, seed=7, width=160, height=96) != one
    assert told == sorted(told)
    assert told[-1] == 100
    with Image.open(io.BytesIO(one)) as picture:
        assert picture.size == (160, 96)
        assert picture.info == {}
        assert len(set(picture.resize((16, 16)).get_flattened_data())) > 20, (
            "a picture has more than a few colours"
        )


def test_styles_are_different() -> None:
    """No two styles draw the same for the same words."""
    assert len({draw("x", style=style, seed=1, width=64, height=64) for style in STYLES}) == len(STYLES)


@given(prompt=st.text(max_size=300), seed=st.integers(0, 2**32 - 1), style=st.sampled_from(sorted(STYLES)))
@settings(max_examples=15, deadline=None)
def test_any_words_can_be_drawn(prompt: str, seed: int, style: str) -> None:
    """Any Unicode, any seed, any style, in an awkward size."""
    with Image.open(io.BytesIO(draw(prompt, style=style, seed=seed, width=51, height=83))) as picture:
        assert picture.size == (51, 83)


def test_words_lead_to_colours() -> None:
    """A word such as "sunset" leads to its palette; others choose by their hash, always the same."""
    assert palette_of("A SUNSET over nothing", 3).name == "dusk"
    assert palette_of("qwxz", 3) == palette_of("qwxz", 3)
    assert len({palette_of(f"qwxz{number}", 0).name for number in range(60)}) > 8
