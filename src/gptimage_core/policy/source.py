"""Where things stand in the text: line and column of each key and value of a TOML document.

`tomllib` gives values without positions. `Source` finds them when a finding or a denial needs one; the text
is scanned once, on the first question, and rule headers have an index of their own that one pass of a
regular expression builds, since every denial cites `file:line` of a rule.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeAlias

from msgspec import Struct

if TYPE_CHECKING:
    from gptimage_core.policy.scanner import Place

__all__ = ["Position", "Source"]

_Path: TypeAlias = tuple[str | int, ...]

_HEADER = re.compile(r"^[ \t]*\[[ \t]*([A-Za-z0-9_-]+)[ \t]*\.[ \t]*([A-Za-z0-9_-]+)[ \t]*\]", re.MULTILINE)


class Position(Struct, frozen=True, order=True):
    """A place in a file; line and column count from 1, columns in characters."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


class Source:
    """The text of a document and the name of its file; `layers` are the texts of its overlays."""

    __slots__ = ("_headers", "_places", "_starts", "file", "layers", "text")

    def __init__(self, file: str, text: str, layers: Sequence[Source] = ()) -> None:
        self.file = file
        self.text = text
        self.layers = tuple(layers)
        self._places: dict[_Path, Place] | None = None
        self._headers: dict[_Path, int] | None = None
        self._starts: list[int] | None = None

    def locate(self, path: Sequence[str | int]) -> Position:
        """Where `path` stands: the key of a table's entry, the item of an array.

        A path that the text does not have (a missing key) gives the nearest enclosing thing that it has; the
        empty path gives the file's start. Overlays are asked for what the base text does not have.
        """
        wanted = tuple(path)
        for source in (self, *self.layers):
            offset = source._exactly(wanted)
            if offset is not None:
                return source._position(offset)
        while wanted:
            wanted = wanted[:-1]
            offset = self._exactly(wanted)
            if offset is not None:
                return self._position(offset)
        return Position(self.file, 1, 1)

    def place(self, path: Sequence[str | int]) -> Place | None:
        """The offsets of the value at exactly `path`, if the base text has it."""
        return self._all().get(tuple(path))

    def _exactly(self, path: _Path) -> int | None:
        if len(path) == 2:
            if self._headers is None:
                self._headers = _headers(self.text)
            offset = self._headers.get(path)
            if offset is not None:
                return offset
        place = self._all().get(path)
        return None if place is None else place.key

    def _all(self) -> dict[_Path, Place]:
        if self._places is None:
            from gptimage_core.policy.scanner import scan  # for findings; most programs have none

            self._places = scan(self.text)
        return self._places

    def _position(self, offset: int) -> Position:
        if self._starts is None:
            self._starts = [0, *(match.end() for match in re.finditer("\n", self.text))]
        line = bisect_right(self._starts, offset)
        return Position(self.file, line, offset - self._starts[line - 1] + 1)


def _headers(text: str) -> dict[_Path, int]:
    """Offsets of `[group.name]` headers with bare keys, for all at once.

    Such a line cannot stand inside an array (bare words are no values), so only a multi-line string could
    deceive the expression; a text that has one is scanned in full instead.
    """
    if '"""' in text or "'''" in text:
        return {}
    return {(m[1], m[2]): m.start() + m[0].index("[") for m in _HEADER.finditer(text)}
