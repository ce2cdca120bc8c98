"""Findings: what is wrong with a policy, where, and what to do. All of them at once, sorted.

A check yields `Problem`s, which carry a path into the document; only when there is one is the text scanned
for positions and the problem becomes a `Finding` with file, line and column.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeAlias

from msgspec import Struct

from gptimage_core.errors import PolicyError
from gptimage_core.policy.source import Source

__all__ = ["Finding", "Path", "Problem", "did_you_mean", "placed", "refuse"]

Path: TypeAlias = tuple[str | int, ...]


class Finding(Struct, frozen=True, order=True):
    """One reason why a policy is refused. `hint` says what to do.

    `line` and `column` count from 1; a column of 0 means that `file` is not a text, e.g. a table.
    """

    file: str
    line: int
    column: int
    code: str
    message: str
    hint: str = ""

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}:{self.column}" if self.column else self.file
        text = f"{place}: {self.message} [{self.code}]"
        return f"{text}\n    {self.hint}" if self.hint else text


class Problem(Struct, frozen=True):
    """A reason without its place in the text: `path` leads to the value: `("permit", "own", "who", 0)`."""

    path: Path
    code: str
    message: str
    hint: str = ""


def placed(problems: Iterable[Problem], source: Source) -> tuple[Finding, ...]:
    """The problems with their places in the text, sorted; each once."""
    found = set()
    for problem in problems:
        at = source.locate(problem.path)
        found.add(Finding(at.file, at.line, at.column, problem.code, problem.message, problem.hint))
    return tuple(sorted(found))


def refuse(problems: Iterable[Problem], source: Source) -> None:
    """Raise `PolicyError` with all findings if there is any problem; fail closed."""
    findings = placed(problems, source)
    if findings:
        raise PolicyError(findings=findings)


def did_you_mean(word: str, known: Iterable[str], otherwise: str = "") -> str:
    """A hint that names the nearest known word, or lists the known ones when they are few."""
    words: Sequence[str] = sorted(set(known))
    import difflib  # for findings; most programs have none

    near = difflib.get_close_matches(word, words, n=1, cutoff=0.6)
    if near:
        return f"did you mean `{near[0]}`?"
    if otherwise:
        return otherwise
    if not words:
        return "none is declared"
    if len(words) <= 16:
        return "known: " + ", ".join(f"`{w}`" for w in words)
    return ""
