"""THEOREM (guard-equivalence) and non-interference, for one statement."""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from msgspec import Struct, structs
from tests.support.fuzz.policy import ACCESSES, Asked, Law, law
from tests.support.fuzz.reads import Written
from tests.support.fuzz.rig import Governed, Original, Outcome
from tests.support.fuzz.text import marks, shrunk
from tests.support.fuzz.world import World, may_read, poisoned, random_world
from tests.support.fuzz.writes import Write

__all__ = ["Difference", "Homes", "Scene", "explained", "fitted", "scene"]

_COMMENT = re.compile(r"--|/\*")
_CHOOSES = re.compile(
    r"DISTINCT|UNION|EXCEPT|INTERSECT|GROUP|\bmin\b|\bmax\b|\bavg\b|\bsum\b|total|ORDER", re.I
)
_MAY_FAIL = re.compile(
    r"<<|0x|9223372036854775808|json|->|abs|sum|replace|strftime|\bIN \(\)|1e2|LIMIT", re.I
)
"""What can fail, or can make a number that something else fails of: whether such a statement fails may depend
on the order in which SQLite goes about it."""


_Statement = TypeVar("_Statement", Written, Write)


class Difference(AssertionError):
    """The theorem does not hold here."""


class Homes(Struct):
    """Governed databases, kept for a whole run: two for rings one and two, one with ring three too."""

    indexed: tuple[Governed, Governed, Governed]
    bare: tuple[Governed, Governed, Governed]

    @classmethod
    def at(cls, folder: Path) -> Homes:
        def three(name: str, indexed: bool) -> tuple[Governed, Governed, Governed]:
            one, other = (Governed(folder / f"{name}{n}", indexed=indexed) for n in range(2))
            return one, other, Governed(folder / f"{name} ringed", indexed=indexed, ringed=True)

        return cls(three("indexed", True), three("bare", False))


class Scene:
    """One world under one access: a database, one that differs in what is hidden, the restriction."""

    def __init__(
        self, homes: Homes, rng: random.Random, law: Law, asked: Asked, world: World, *, ringed: bool = False
    ) -> None:
        self.law, self.asked, self.world = law, asked, world
        self.allowed = may_read(law, asked, world)
        self.indexed = rng.random() < 0.6
        one, other, watched = homes.indexed if self.indexed else homes.bare
        self.under = one.filled(world, law, asked)
        self.other_world = poisoned(world, self.allowed)
        self.other = other.filled(self.other_world, law, asked)
        self.ringed = watched.filled(world, law, asked) if ringed or rng.random() < 0.35 else None
        """The same database with ring three as well, for some scenes: it takes its time."""
        self.original = Original(self.allowed, self.under.conditional())

    def check(self, written: Written) -> Outcome:
        """Check one statement; raises `Difference`. Gives what the guard gave."""
        sql = written.sql
        args = fitted(sql, written.args)
        got = self.under.run(sql, args)
        if not got.gave and got.kind != "error":
            return got
        self._interferes(written, got, self.other.run(sql, args))
        if self.ringed is not None:
            all_on = self.ringed.run(sql, args)
            if (got.kind, got.said, got.names, got.rows) != (
                all_on.kind,
                all_on.said,
                all_on.names,
                all_on.rows,
            ):
                raise Difference(f"ring three makes it {_shown(all_on)} instead of {_shown(got)}")
        want = self.original.run(sql, args)
        if want.kind == "unready" and got.kind != "error":
            raise Difference(f"accepted, and SQLite does not take the original: {want.said}")
        if not got.gave and not want.gave and got.said == want.said.split(":")[0]:
            return got
        if got.kind != want.kind or got.said != want.said:
            if written.loose or _MAY_FAIL.search(sql):
                return got
            raise Difference(f"{_shown(got)} instead of {_shown(want)}")
        said = not _COMMENT.search(sql)  # comments do not reach the database, nor the name of an output
        if got.rows and said and got.names != tuple(dict.fromkeys(want.names)):
            raise Difference(f"names {got.names} instead of {want.names}")
        if not written.loose and not alike(sql, got.rows, _as_dicts(want), ordered=written.ordered):
            raise Difference(f"{_shown(got)} instead of {_shown(want)}")
        return got

    def _interferes(self, written: Written, got: Outcome, told: Outcome) -> None:
        """What is hidden changes nothing; errors included. Over an index that holds hidden values the rows of
        a statement without a whole order may come in another one: that is all that it may change."""
        same = (got.kind, got.said, got.names) == (told.kind, told.said, told.names)
        rows = got.rows == told.rows
        if self.indexed and not rows and not written.ordered:
            rows = written.loose or alike(written.sql, got.rows, told.rows, ordered=False)
        if not same or not rows:
            raise Difference(f"what is hidden changes the answer: {_shown(got)} and {_shown(told)}")


def fitted(sql: str, args: Sequence[object]) -> list[object]:
    """As many arguments as the text has `?`."""
    wanted = marks(sql)
    return [*args[:wanted], *[1] * (wanted - len(args))]


def _as_dicts(outcome: Outcome) -> list[tuple[Any, ...]]:
    """Rows as the guard gives them: of two outputs of one name the last."""
    return [tuple(dict(zip(outcome.names, row, strict=True)).values()) for row in outcome.rows]


def alike(sql: str, got: list[tuple[Any, ...]], want: list[tuple[Any, ...]], *, ordered: bool) -> bool:
    """The same rows, in any order unless `ordered`. Where SQLite chooses which of two equal values stands for
    both (1 and 1.0, `a` and `A` under NOCASE), or in which order it sums, either will do."""
    exact, soft = _comparable(got, False), _comparable(want, False)
    if exact == soft if ordered else Counter(exact) == Counter(soft):
        return True
    if not _CHOOSES.search(sql):
        return False
    exact, soft = _comparable(got, True), _comparable(want, True)
    return exact == soft if ordered else Counter(exact) == Counter(soft)


def _comparable(rows: list[tuple[Any, ...]], soft: bool) -> list[tuple[Any, ...]]:
    return [
        tuple(_softened(value) if soft else (type(value).__name__, value) for value in row) for row in rows
    ]


def _softened(value: Any) -> Any:
    if isinstance(value, str):
        return value.casefold().rstrip(" ")
    if isinstance(value, float):
        return (
            int(value)
            if value == value and abs(value) < 2**53 and value == int(value)
            else float(f"{value:.9g}")
        )
    return value


def _shown(outcome: Outcome) -> str:
    if outcome.gave:
        return f"{len(outcome.rows)} rows {sorted(outcome.rows, key=repr)[:6]!r}"
    return f"{outcome.kind} {outcome.said}"


def explained(
    at: Scene, written: _Statement, failed: Exception, check: Callable[[Scene, _Statement], object]
) -> str:
    """What failed, as small as it can be made: statement, access, policy, the two answers."""

    def fails(sql: str, args: list[object]) -> bool:
        try:
            check(at, structs.replace(written, sql=sql, args=args))
        except Exception as again:
            return type(again) is type(failed) and str(again)[:20] == str(failed)[:20]
        return False

    sql, args = shrunk(written.sql, fitted(written.sql, written.args), fails)
    small = structs.replace(written, sql=sql, args=args)
    try:
        check(at, small)
    except Exception as again:
        failed = again
    return (
        f"{type(failed).__name__}: {failed}\n  statement: {sql}\n  arguments: {args}\n"
        f"  written as: {written.sql}\n"
        f"  access: {at.asked}\n  policy: law({at.law.number})\n"
        f"  what runs: {at.under.shaped(sql, args)}"
    )


def scene(homes: Homes, rng: random.Random, laws: int = 60) -> Scene:
    """A random world under a random policy and access."""
    chosen = law(rng.randrange(laws))
    return Scene(homes, rng, chosen, rng.choice(ACCESSES), random_world(rng))
