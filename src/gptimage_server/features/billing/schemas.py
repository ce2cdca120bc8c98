"""What the page of credits answers."""

from __future__ import annotations

from msgspec import Struct

from gptimage_server.credits import Line

__all__ = ["CreditsView"]


class CreditsView(Struct, frozen=True):
    """A person's credits and what moved them, newest first; `next` is the next page's cursor."""

    available: int
    held: int
    spent: int
    lines: tuple[Line, ...]
    next: str | None
