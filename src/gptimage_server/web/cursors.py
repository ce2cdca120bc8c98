"""Cursors of lists that are paged by key: the instant and the id of the last row shown."""

from __future__ import annotations

from gptimage_core.clock import Instant

__all__ = ["cursor_of", "read_cursor"]

_DIGITS = 18
_ID = 40


def cursor_of(at: Instant, id: str) -> str:
    return f"{at}.{id}"


def read_cursor(text: str | None) -> tuple[Instant, str] | None:
    """Where to go on; nothing where the text is no cursor (then the list begins at its beginning)."""
    at, dot, id = (text or "").partition(".")
    if not dot or not (at.isascii() and at.isdigit()) or len(at) > _DIGITS or len(id) > _ID:
        return None
    return int(at), id
