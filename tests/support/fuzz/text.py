"""SQL as text: tokens, mutation of valid statements into nearly valid ones, shrinking of those that fail."""

from __future__ import annotations

import random
import re
from collections.abc import Callable

__all__ = ["marks", "mutated", "shrunk", "tokens"]

_TOKEN = re.compile(
    r"""--[^\n]*\n?|/\*.*?\*/|[xX]'[^']*'|'(?:[^']|'')*'|"(?:[^"]|"")*"|`[^`]*`|\[[^\]]*\]"""
    r"""|[0-9]+\.?[0-9]*(?:[eE][+-]?[0-9]+)?|\.[0-9]+|\w+|->>|->|\|\||<<|>>|<=|>=|<>|==|!=|\s+|.""",
    re.DOTALL,
)
_PIECES = re.findall(
    r"\S+",
    """( ) , . ; * ? + - / % = < <> <= || -> ->> ~ & | << '' 'x' "image" [id] `note` 1 1.5 0x1F x'61' NULL ?1
    :a, SELECT FROM WHERE GROUP BY HAVING ORDER LIMIT OFFSET UNION ALL EXCEPT INTERSECT VALUES WITH
    RECURSIVE AS DISTINCT JOIN LEFT NATURAL USING ON IN IS NOT LIKE BETWEEN AND OR CASE WHEN THEN ELSE END
    CAST EXISTS COLLATE NOCASE FILTER OVER PARTITION ROWS ESCAPE WINDOW MATERIALIZED INDEXED image account
    reference plan id owner note prompt what credits main temp rowid count sum abs lower random main.image
    every_image plain sqlite_master sqlite_schema gp_subject_state gp_meta pragma_table_info INSERT INTO
    REPLACE UPDATE SET DELETE RETURNING DO NOTHING CONFLICT excluded DEFAULT PRAGMA ATTACH EXPLAIN -- /*
    */ json_each load_extension \\ \x0b \xa0 \x00""",
)


def tokens(sql: str) -> list[str]:
    """The text in pieces; joined they are the text."""
    return _TOKEN.findall(sql)


def marks(sql: str) -> int:
    """How many `?` stand in a text outside of strings, names and comments."""
    return sum(token == "?" for token in tokens(sql))


def mutated(rng: random.Random, sql: str) -> str:
    """One to three tokens lost, doubled, swapped, put in or replaced; or bytes of noise."""
    parts = tokens(sql) or [" "]
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        at, other = rng.randrange(len(parts)), rng.randrange(len(parts))
        match rng.randrange(7):
            case 0:
                del parts[at]
            case 1:
                parts.insert(at, parts[other])
            case 2:
                parts[at], parts[other] = parts[other], parts[at]
            case 3:
                parts.insert(at, f" {rng.choice(_PIECES)} ")
            case 4:
                parts[at] = rng.choice(_PIECES)
            case 5:
                del parts[min(at, other) : max(at, other)]
            case _:
                place = rng.randrange(len(parts[at]) + 1)
                parts[at] = (
                    parts[at][:place]
                    + chr(rng.choice((rng.randrange(1, 128), 0xDF, 0x3000)))
                    + parts[at][place:]
                )
        parts = parts or [" "]
    return "".join(parts)


def shrunk(
    sql: str, args: list[object], fails: Callable[[str, list[object]], bool], most: int = 600
) -> tuple[str, list[object]]:
    """A smaller text (with the arguments that its `?` still take) for which `fails` still holds."""
    parts, left = tokens(sql), most
    width = max(1, len(parts) // 2)
    while width >= 1 and left > 0:
        at, changed = 0, False
        while at < len(parts) and left > 0:
            left -= 1
            found = _without(parts, at, width, args)
            if found is not None and fails("".join(found[0]), found[1]):
                parts, args = found
                changed = True
            else:
                at += max(1, width // 2)
        if not changed or width > 1:
            width = width // 2 if width > 1 else (1 if changed else 0)
    return "".join(parts), args


def _without(
    parts: list[str], at: int, width: int, args: list[object]
) -> tuple[list[str], list[object]] | None:
    """Without `width` tokens from `at` on. A LIMIT keeps its order."""
    gone = parts[at : at + width]
    kept = parts[:at] + parts[at + width :]
    words = [part.upper() for part in gone]
    if not kept or ("ORDER" in words and "LIMIT" not in words):
        return None
    first = sum(part == "?" for part in parts[:at])
    return kept, args[:first] + args[first + sum(part == "?" for part in gone) :]
