"""Markdown tables."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

__all__ = ["table"]


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table, ended by a newline; bars inside a cell are escaped."""
    lines = [_line([_cell(each) for each in head]), _line(["-"] * len(head))]
    lines.extend(_line([_cell(each) for each in row]) for row in rows)
    return "\n".join(lines) + "\n"


def _line(cells: Sequence[str]) -> str:
    return "|" + "|".join(cells) + "|"


def _cell(text: str) -> str:
    return " " + text.replace("|", "\\|") + " "
