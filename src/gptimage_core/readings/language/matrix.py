"""Which construct has which reading: the registry behind the table of docs/language.md (`matrix.toml`)."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files

import msgspec
from msgspec import Struct

__all__ = ["EVERYWHERE", "NOT_YET", "READINGS", "Line", "lines"]

READINGS = {
    "decision": "decision row",
    "sql": "SQL",
    "row_security": "row security",
    "formula": "formula",
    "sentence": "sentence",
    "dpv": "DPV",
    "schedule": "schedule",
}
NOT_YET = ("row_security", "formula", "dpv", "schedule")
"""Readings that the page settles and that this version does not make yet."""

EVERYWHERE = ("says", "clauses", "added", "dpv")
"""Keys that every construct may have: words, obligations, why it was added, its DPV term."""


class Line(Struct, frozen=True, forbid_unknown_fields=True):
    """One construct: the keys it covers (`Construct.key`), and what it becomes in each reading."""

    name: str
    covers: list[str]
    decision: str
    sql: str
    row_security: str
    formula: str
    sentence: str
    dpv: str
    schedule: str


class _Matrix(Struct, frozen=True, forbid_unknown_fields=True):
    construct: list[Line]


@cache
def lines() -> tuple[Line, ...]:
    """All constructs, in the order of the page."""
    text = files(__package__).joinpath("matrix.toml").read_text(encoding="utf-8")
    return tuple(msgspec.convert(tomllib.loads(text), _Matrix).construct)
