"""What an embedder writes in Piccolo, one row a feature: the code is run, and stands in docs/piccolo.md.

A feature `works`: it gives what Piccolo gives over the permitted rows and fields. Or it is refused, and the
error says what to write instead. Or it is nothing that Piccolo has on SQLite.
"""

from __future__ import annotations

import textwrap
from typing import NamedTuple

__all__ = ["Feature", "Section"]


class Feature(NamedTuple):
    """`code` gives its last expression's value. `says`: a part of the error where it is refused; `instead`:
    what to write, in a few words. `absent`: Piccolo itself has it on other databases only."""

    section: str
    name: str
    code: str
    says: str = ""
    instead: str = ""
    absent: bool = False


class Section:
    """The features under one heading, in the order in which they are said."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.features: list[Feature] = []

    def works(self, name: str, code: str) -> None:
        self._add(name, code)

    def refused(self, name: str, code: str, says: str, instead: str) -> None:
        self._add(name, code, says, instead)

    def absent(self, name: str, code: str, instead: str) -> None:
        self._add(name, code, instead=instead, absent=True)

    def _add(self, name: str, code: str, says: str = "", instead: str = "", absent: bool = False) -> None:
        text = textwrap.dedent(code).strip()
        self.features.append(Feature(self.name, name, text, says, instead, absent))
