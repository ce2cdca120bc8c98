"""What a text of SQLite's schema names and calls. SQLite keeps the texts of its schema as they were written.

This is no parser: it finds the definitions of a CREATE TABLE and what an expression names. Where it cannot
tell a name from a string it takes it for a name; the lints then refuse more, never less.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from msgspec import Struct

from gptimage_core.guard.lints.described import Expression

__all__ = ["RESERVED", "Definition", "conflicts", "definitions", "expression", "names", "tokens", "unquoted"]

_TOKEN = re.compile(
    r"""\s+|--[^\n]*|/\*.*?(?:\*/|\Z)
    |(?P<token>"(?:[^"]|"")*"|`(?:[^`]|``)*`|\[[^\]]*\]|'(?:[^']|'')*'
        |[^\W\d][\w$]*|\d[\w.]*|->>|->|.)""",
    re.VERBOSE | re.DOTALL,
)
_ENDS = frozenset({",", ")"})
_CONSTRAINTS = frozenset({"constraint", "primary", "unique", "check", "foreign"})
_OPERATORS = frozenset({"->", "->>", "match", "regexp"})
"""Operators that call functions, or read a text that may not be JSON."""
_BEFORE_PAREN = frozenset(
    {
        *(
            "and",
            "as",
            "between",
            "case",
            "else",
            "escape",
            "exists",
            "glob",
            "in",
            "is",
            "like",
            "not",
            "or",
        ),
        *("over", "then", "values", "when", "where"),
    }
)
"""Words that stand before a parenthesis without being called."""


RESERVED = frozenset(
    {
        *(
            "and",
            "as",
            "case",
            "check",
            "create",
            "default",
            "delete",
            "distinct",
            "else",
            "exists",
            "foreign",
        ),
        *(
            "from",
            "group",
            "having",
            "in",
            "index",
            "insert",
            "into",
            "is",
            "join",
            "limit",
            "not",
            "null",
            "on",
        ),
        *("or", "order", "primary", "references", "select", "set", "table", "then", "to", "transaction"),
        *("unique", "update", "using", "values", "when", "where"),
    }
)
"""Words that SQLite takes for names in quotes only: a table `order` is not what every ORDER BY names."""


class Definition(Struct, frozen=True):
    """One definition of a CREATE TABLE. `name` is the column's, empty for a constraint of the table."""

    name: str
    collation: str | None
    generated: tuple[str, ...] | None
    checks: tuple[tuple[str, ...], ...]


def tokens(text: str) -> list[str]:
    """The tokens, without space and comments, quoted as they are written."""
    return [found["token"] for found in _TOKEN.finditer(text) if found["token"] is not None]


def unquoted(token: str) -> str | None:
    """The name that a token may stand for: a bare or quoted one, also in quotes that make it a string."""
    first = token[0]
    if first == "[":
        return token[1:-1]
    if first in "\"'`" and len(token) > 1:
        return token[1:-1].replace(first * 2, first)
    return token if first.isalpha() or first == "_" else None


def names(text: str, reserved: frozenset[str] = RESERVED) -> tuple[str, ...]:
    """All names that the text may hold, in lower case."""
    words = (each for each in tokens(text) if each.lower() not in reserved)
    return tuple(sorted({name.lower() for each in words if (name := unquoted(each))}))


def expression(found: Sequence[str], columns: Sequence[str]) -> Expression:
    """What these tokens name of `columns`, and what they call."""
    known = {column.lower(): column for column in columns}
    named, calls = [], []
    for at, token in enumerate(found):
        name = unquoted(token)
        is_before_paren = at + 1 < len(found) and found[at + 1] == "("
        is_type = at > 0 and found[at - 1].lower() == "as"  # CAST(x AS VARCHAR(40))
        if token.lower() in _OPERATORS:
            calls.append(token.lower())
        elif name is None or token[0] == "'":
            continue
        elif is_before_paren:
            if not is_type and name.lower() not in _BEFORE_PAREN:
                calls.append(name.lower())
        elif name.lower() in known:
            named.append(known[name.lower()])
    return Expression(tuple(dict.fromkeys(named)), tuple(dict.fromkeys(calls)))


def conflicts(text: str) -> tuple[str, ...]:
    """What constraints of a CREATE TABLE do on a conflict other than to refuse the statement."""
    words = [token.upper() for token in tokens(text)]
    pairs = zip(words, words[1:], words[2:], strict=False)
    return tuple(sorted({what for on, of, what in pairs if (on, of) == ("ON", "CONFLICT")} - {"ABORT"}))


def definitions(text: str) -> Iterator[Definition]:
    """The definitions of a CREATE TABLE, in order."""
    found = tokens(text)
    if "(" not in found:
        return
    for part in _parts(found[found.index("(") + 1 :]):
        first = part[0].lower()
        is_column = first not in _CONSTRAINTS
        collation: str | None = None
        generated: tuple[str, ...] | None = None
        checks: list[tuple[str, ...]] = []
        depth = 0
        for at, token in enumerate(part):
            word = token.lower()
            if depth == 0 and word == "collate" and at + 1 < len(part):
                collation = (unquoted(part[at + 1]) or "").upper()
            elif depth == 0 and word == "check" and part[at + 1 : at + 2] == ["("]:
                checks.append(_inside(part[at + 1 :]))
            elif depth == 0 and word == "as" and part[at + 1 : at + 2] == ["("]:
                generated = _inside(part[at + 1 :])
            depth += _depth(token)
        name = (unquoted(part[0]) or "") if is_column else ""
        yield Definition(name, collation, generated, tuple(checks))


def _depth(token: str) -> int:
    return {"(": 1, ")": -1}.get(token, 0)


def _parts(found: Sequence[str]) -> Iterator[list[str]]:
    """What commas part, up to the parenthesis that ends it all."""
    part: list[str] = []
    depth = 0
    for token in found:
        if depth == 0 and token in _ENDS:
            if part:
                yield part
            if _depth(token) < 0:
                return
            part = []
            continue
        depth += _depth(token)
        part.append(token)


def _inside(found: Sequence[str]) -> tuple[str, ...]:
    """What the parenthesis that `found` begins with holds."""
    depth = 0
    for at, token in enumerate(found):
        depth += _depth(token)
        if depth == 0:
            return tuple(found[1:at])
    return tuple(found[1:])
