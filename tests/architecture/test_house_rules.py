"""House rules that are checks: each has a test that it holds, and a test that it can fail."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCES = sorted((ROOT / "src").rglob("*.py"))

CLOCKS = {
    ("datetime", "now"),
    ("datetime", "utcnow"),
    ("datetime", "today"),
    ("date", "today"),
    ("time", "time"),
    ("time", "time_ns"),
}
"""Calls that read the machine's clock: only `clock/instants.py` may (time is passed in)."""

CLOCK_HOLDERS = {"src/gptimage_core/clock/instants.py"}


def hidden_clocks(tree: ast.AST) -> Iterator[int]:
    """Lines that read the machine's clock."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            owner = node.func.value
            name = owner.attr if isinstance(owner, ast.Attribute) else getattr(owner, "id", "")
            if (name, node.func.attr) in CLOCKS:
                yield node.lineno


def swallowed_errors(tree: ast.AST) -> Iterator[int]:
    """Lines of handlers that catch everything and do nothing: an error must deny, not vanish."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ExceptHandler):
            broad = node.type is None or (
                isinstance(node.type, ast.Name) and node.type.id in {"Exception", "BaseException"}
            )
            if broad and all(isinstance(statement, ast.Pass) for statement in node.body):
                yield node.lineno


def long_functions(tree: ast.AST, most: int = 70) -> Iterator[int]:
    """Lines of functions that do not fit a screen."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno is not None
            if node.end_lineno - node.lineno >= most:
                yield node.lineno


def findings(rule: object) -> list[str]:
    assert callable(rule)
    return [
        f"{path.relative_to(ROOT)}:{line}"
        for path in SOURCES
        for line in rule(ast.parse(path.read_text(encoding="utf-8")))
    ]


def test_only_the_clock_reads_the_clock() -> None:
    """Time is passed in everywhere else."""
    assert [f for f in findings(hidden_clocks) if f.rsplit(":", 1)[0] not in CLOCK_HOLDERS] == []


def test_no_error_is_swallowed() -> None:
    """An error denies; it never disappears."""
    assert findings(swallowed_errors) == []


def test_functions_fit_a_screen() -> None:
    """Functions stay below 70 lines."""
    assert findings(long_functions) == []


def test_modules_are_read_in_one_sitting() -> None:
    """Modules stay below 450 lines."""
    lengths = {str(p.relative_to(ROOT)): len(p.read_text(encoding="utf-8").splitlines()) for p in SOURCES}
    assert {name: n for name, n in lengths.items() if n > 450} == {}


@pytest.mark.parametrize(
    ("rule", "code"),
    [
        (hidden_clocks, "import datetime\nx = datetime.datetime.now()"),
        (hidden_clocks, "import time\nx = time.time()"),
        (swallowed_errors, "try:\n    f()\nexcept Exception:\n    pass"),
        (long_functions, "def f():\n" + "    x = 1\n" * 80),
    ],
)
def test_each_rule_can_fail(rule: object, code: str) -> None:
    """A rule that finds nothing in a bad example would prove nothing."""
    assert callable(rule)
    assert list(rule(ast.parse(code)))
