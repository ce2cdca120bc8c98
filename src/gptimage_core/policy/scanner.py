"""A small scanner over TOML 1.0 that says where keys and values stand.

It is asked about texts that `tomllib` has parsed already, so it does not judge: it follows the grammar far
enough to know every path's offsets. INVARIANT (scanner-complete): for every path that `tomllib` yields there
is a `Place`, and the text of a value, parsed again by `tomllib`, is that value (property-tested).
"""

from __future__ import annotations

import re
from typing import NamedTuple, TypeAlias

__all__ = ["Place", "scan"]

_Path: TypeAlias = tuple[str | int, ...]

_BLANK = re.compile(r"(?:[ \t\r\n]+|#[^\n]*)*")
_SPACE = re.compile(r"[ \t]*")
_BARE = re.compile(r"[A-Za-z0-9_-]+")
_STRING = re.compile(
    r'"""(?:[^\\]|\\.)*?"""(?:"{0,2})'
    r"|'''.*?'''(?:'{0,2})"
    r'|"(?:[^"\\\n]|\\.)*"'
    r"|'[^'\n]*'",
    re.DOTALL,
)
_SCALAR = re.compile(r"\d{4}-\d{2}-\d{2} \d{2}:[^\s,\]}#]*|[^\s,\]}#]+")


class Place(NamedTuple):
    """Offsets in the text: of the key (an item's own start), and of the value's start and end.

    A table made by a header has the header as its key and value; one that only a longer header implies has
    the place of the first header that implies it.
    """

    key: int
    start: int
    end: int


def scan(text: str) -> dict[_Path, Place]:
    """The places of every path of a document that `tomllib` accepts."""
    return _Scan(text).document()


class _Scan:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.places: dict[_Path, Place] = {}
        self.items: dict[_Path, int] = {}
        """How many tables an array of tables has so far."""

    def document(self) -> dict[_Path, Place]:
        table: _Path = ()
        self._skip(_BLANK)
        while self.at < len(self.text):
            if self.text[self.at] == "[":
                table = self._header()
            else:
                self._pair(table)
            self._skip(_BLANK)
        return self.places

    def _skip(self, pattern: re.Pattern[str]) -> None:
        match = pattern.match(self.text, self.at)
        if match is not None:
            self.at = match.end()

    def _header(self) -> _Path:
        start = self.at
        is_array = self.text.startswith("[[", start)
        self.at += 2 if is_array else 1
        keys = self._keys()
        self.at += 2 if is_array else 1
        place = Place(start, start, self.at)
        path: _Path = ()
        for key in keys[:-1]:
            path = self._into(path, key, place)
        if not is_array:
            path = (*path, keys[-1])
            # A header that comes after a longer one (`[a.b]`, then `[a]`) is the better place to point at.
            self.places[path] = place
            return path
        path = (*path, keys[-1])
        index = self.items.get(path, 0)
        self.items[path] = index + 1
        self.places.setdefault(path, place)
        self.places[(*path, index)] = place
        return (*path, index)

    def _into(self, path: _Path, key: str, place: Place) -> _Path:
        path = (*path, key)
        self.places.setdefault(path, place)
        if path in self.items:
            path = (*path, self.items[path] - 1)
        return path

    def _keys(self) -> list[str]:
        keys = []
        while True:
            self._skip(_SPACE)
            keys.append(self._key())
            self._skip(_SPACE)
            if not self.text.startswith(".", self.at):
                return keys
            self.at += 1

    def _key(self) -> str:
        pattern = _STRING if self.text[self.at] in "\"'" else _BARE
        match = pattern.match(self.text, self.at)
        if match is None:
            raise ValueError(f"no key at offset {self.at}; is this text valid TOML?")
        self.at = match.end()
        raw = match[0]
        if raw[0] == '"' and "\\" in raw:
            import tomllib

            return str(tomllib.loads(f"k = {raw}")["k"])
        return raw[1:-1] if raw[0] in "\"'" else raw

    def _pair(self, table: _Path) -> None:
        key_at = self.at
        keys = self._keys()
        self.at += 1
        self._skip(_SPACE)
        value_at = self.at
        path = table
        implied = []
        for key in keys[:-1]:
            path = (*path, key)
            implied.append(path)
        path = (*path, keys[-1])
        self._value(path)
        place = Place(key_at, value_at, self.at)
        self.places[path] = place
        for each in implied:
            self.places.setdefault(each, place)

    def _value(self, path: _Path) -> None:
        first = self.text[self.at]
        if first == "[":
            self._array(path)
        elif first == "{":
            self._inline_table(path)
        else:
            match = (_STRING if first in "\"'" else _SCALAR).match(self.text, self.at)
            if match is None:
                raise ValueError(f"no value at offset {self.at}; is this text valid TOML?")
            self.at = match.end()

    def _array(self, path: _Path) -> None:
        self.at += 1
        index = 0
        while True:
            self._skip(_BLANK)
            if self.text[self.at] == "]":
                break
            start = self.at
            item = (*path, index)
            self._value(item)
            self.places[item] = Place(start, start, self.at)
            index += 1
            self._skip(_BLANK)
            if self.text[self.at] == ",":
                self.at += 1
        self.at += 1

    def _inline_table(self, path: _Path) -> None:
        self.at += 1
        while True:
            self._skip(_SPACE)
            if self.text[self.at] == "}":
                break
            self._pair(path)
            self._skip(_SPACE)
            if self.text[self.at] == ",":
                self.at += 1
        self.at += 1
