"""Coverage: clause → rules → code → tests, each gap shown as a gap (X9).

A clause id counts for a place in code when it stands in a docstring or comment there; the place is named
`path:qualified_name`. The clauses listed are the contiguous runs of what policy and code mention: one that
stands nowhere between two that do is a gap, not an omission.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from msgspec import Struct, to_builtins

from gptimage_core.policy.document import Document

_ID = re.compile(r"(?<![A-Za-z0-9_])([SX][1-9][0-9]?)(?![A-Za-z0-9_])")
_RANGE = re.compile(r"(?<![A-Za-z0-9_])([SX])([1-9][0-9]?)\s*[–-]\s*\1?([1-9][0-9]?)(?![A-Za-z0-9_])")

_WIDEST = 8
"""A longer range names no clause: a test about all of them proves none of them."""


class Line(Struct, frozen=True):
    """One clause: the constructs that carry it, where code enforces it, which tests prove it."""

    clause: str
    rules: list[str]
    code: list[str]
    tests: list[str]

    @property
    def gaps(self) -> list[str]:
        """What is missing: any of `rules`, `code`, `tests`."""
        return [name for name in ("rules", "code", "tests") if not getattr(self, name)]


def coverage(document: Document, source: Path, tests: Path, root: Path) -> list[Line]:
    """Every clause with its rules, code and tests, in the clauses' order. Paths are relative to `root`."""
    rules = _clauses_of(document)
    code = _places(source, root)
    proofs = _places(tests, root)
    return [
        Line(
            clause,
            sorted(rules.get(clause, [])),
            sorted(code.get(clause, [])),
            sorted(proofs.get(clause, [])),
        )
        for clause in _order({*rules, *code})
    ]


def _clauses_of(document: Document) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    parts = to_builtins(document)
    for kind, entries in parts.items():
        if not isinstance(entries, dict):
            continue
        for name, entry in entries.items():
            for clause in entry.get("clauses", ()) if isinstance(entry, dict) else ():
                found.setdefault(clause, []).append(f"{kind}.{name}")
    if document.controller.contact:
        found.setdefault("S46", []).append("controller")
    return found


def _places(folder: Path, root: Path) -> Mapping[str, list[str]]:
    found: dict[str, list[str]] = {}
    for path in sorted(folder.rglob("*.py")) if folder.is_dir() else []:
        text = path.read_text(encoding="utf-8")
        if not _ID.search(text):
            continue
        names = _enclosing(text)
        for number, line in enumerate(text.splitlines(), start=1):
            for clause in mentioned(line):
                place = f"{path.relative_to(root)}:{names.get(number, '')}".rstrip(":")
                if place not in found.setdefault(clause, []):
                    found[clause].append(place)
    return found


def mentioned(line: str) -> Iterator[str]:
    """The clause ids in a line of text. A range (`S…–S…`) names each of its own; a long one names none."""
    for letter, low, high in _RANGE.findall(line):
        if int(high) - int(low) < _WIDEST:
            for number in range(int(low), int(high) + 1):
                yield f"{letter}{number}"
    yield from _ID.findall(_RANGE.sub("", line))


def _enclosing(text: str) -> dict[int, str]:
    """Line number → qualified name of the innermost function or class around it."""
    names: dict[int, str] = {}

    def visit(node: ast.AST, prefix: str) -> None:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                name = f"{prefix}{child.name}"
                for number in range(child.lineno, (child.end_lineno or child.lineno) + 1):
                    names[number] = name
                visit(child, f"{name}.")
            else:
                visit(child, prefix)

    visit(ast.parse(text), "")
    return names


def _order(clauses: set[str]) -> list[str]:
    last: dict[str, int] = {}
    for clause in clauses:
        last[clause[0]] = max(last.get(clause[0], 0), int(clause[1:]))
    return [f"{letter}{number}" for letter in sorted(last) for number in range(1, last[letter] + 1)]
