"""A residual as a SQL predicate over one table's own columns.

Every shape has two texts, and they are not each other's negation: one is true for rows where the condition
is known to hold, the other for rows where it is known not to. A NULL makes both not true (unknown-denies),
and the predicate joins them by AND and OR only. INVARIANT (no-not): the predicate stands where NULL counts as
false (WHERE, CASE WHEN), never under NOT.

INVARIANT (uncorrelated): a sub-select names no column of the governed row. A correlated one would be run per
row, after expressions of the user on rows that are hidden, and their errors would tell.
A `keyed` predicate is for a trigger, which runs for one row and where nothing of a user runs: there people
and parents are looked up by their keys, since a sub-select over all of them would run once for each row.
INVARIANT (one-person-is-looked-up): where the rows have exactly one subject column and their person is the
actor (`row_is_own`) or the person the access is about, conditions on people are asked of that person once, by
primary key, instead of of all people.
INVARIANT (never-asked-is-no): somebody who is known and has no row in `gp_consent_state` or
`gp_objection_state` has not given the consent, and has not objected.

Values come in through `bind` only; names come from the data map and are quoted.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from itertools import groupby
from typing import Literal, TypeAlias

from msgspec import Struct

from gptimage_core.clock import Span
from gptimage_core.decision.conditions import (
    Between,
    Condition,
    Elapsed,
    Empty,
    Flag,
    OneOf,
    Own,
    Passed,
    SameTenant,
    Scalar,
)
from gptimage_core.decision.model import Conjunction, Residual, ResidualStep
from gptimage_core.policy.binding import DataMap, Role, Table
from gptimage_core.readings.dialects import SQLITE, Dialect

__all__ = ["SQLITE", "Bind", "Dialect", "Param", "about_person", "predicate"]

_TRUE, _FALSE = "1=1", "1=0"
_STATE = "gp_subject_state"
_STATE_FLAGS = frozenset(
    {"deleted", "restricted", "age_floor_is_met", "account_is_active", "notice_was_given"}
)


class Param(Struct, frozen=True):
    """A bound value by its meaning; the guard gives it per statement.

    `cutoff` with a span is `span.cutoff(now)`; `value` with a value is that value; `about` is the person the
    access is about. Equal parameters may share a placeholder.
    """

    kind: Literal["actor", "tenant", "now", "about", "cutoff", "value"]
    value: Span | Scalar | None = None


Bind: TypeAlias = Callable[[Param], str]


def predicate(
    residual: Residual,
    table: Table,
    datamap: DataMap,
    dialect: Dialect,
    bind: Bind,
    *,
    about: bool = False,
    keyed: bool = False,
) -> str:
    """The rows of `table` that `residual` permits, as a boolean over `"table"."column"`.

    `bind` is called once for each parameter that the text names, in the order of their first place, and
    returns the placeholder. With `about` the rows are narrowed to those of one person (`Param("about")`).
    With `keyed` it is written for one row at a time (`OLD`, `NEW`).
    """
    marks = _Marks()
    writer = _Writer(table, datamap, dialect, marks, about, keyed)
    narrowed = [writer.is_subject(table, marks(Param("about")))] if about else []
    return marks.replaced(_and([*narrowed, writer.versions(residual)]), bind)


def about_person(table: Table, datamap: DataMap, dialect: Dialect, bind: Bind, *, keyed: bool = False) -> str:
    """The rows that name the person the access is about."""
    marks = _Marks()
    text = _Writer(table, datamap, dialect, marks, True, keyed).is_subject(table, marks(Param("about")))
    return marks.replaced(text, bind)


_MARK = re.compile("\x00([0-9]+)\x00")


class _Marks:
    """Stand-ins for placeholders while a text may still be folded away: what is not named is not bound."""

    def __init__(self) -> None:
        self._numbers: dict[tuple[Param, type], int] = {}
        self._params: list[Param] = []

    def __call__(self, param: Param) -> str:
        number = self._numbers.setdefault((param, type(param.value)), len(self._params))
        if number == len(self._params):
            self._params.append(param)
        return f"\x00{number}\x00"

    def replaced(self, text: str, bind: Bind) -> str:
        """The text with the placeholders that `bind` gives."""
        given: dict[str, str] = {}

        def placeholder(mark: re.Match[str]) -> str:
            number = mark[1]
            if number not in given:
                given[number] = bind(self._params[int(number)])
            return given[number]

        return _MARK.sub(placeholder, text)


class _Lookup(Struct, frozen=True):
    """A question about people: those with a row in `table` for which `tests` (over alias `p`) hold."""

    table: str
    tests: tuple[str, ...]


class _Writer:
    """Writes for one table. `self._subjects` is how many columns name the row's people."""

    def __init__(
        self, table: Table, datamap: DataMap, dialect: Dialect, bind: Bind, about: bool, keyed: bool
    ) -> None:
        self._keyed = keyed
        self._table = table
        self._datamap = datamap
        self._dialect = dialect
        self._bind = bind
        self._about = about
        owner = self._naming(table)
        self._has_one_subject = owner is not None and len(owner.subjects) == 1

    # versions and steps

    def versions(self, residual: Residual) -> str:
        """Rows under a version pass its step and every later one (X11); each step is written once."""
        under = self._role(self._table, "collected_under")
        if under is None:
            return _FALSE
        by_version = [
            (version, tuple(steps))
            for version, steps in groupby(
                sorted(residual.steps, key=lambda step: -step.version), key=lambda step: step.version
            )
        ]
        eras = [
            ([version for version, _ in group], asked)
            for asked, group in groupby(by_version, key=lambda each: _asked(each[1]))
        ]
        text = _FALSE
        for numbers, asked in reversed(eras):
            here = self._in(under, [Param("value", number) for number in numbers])
            text = _and([*(self._step(permits, forbids) for permits, forbids in asked), _or([here, text])])
        return text

    def _step(self, permits: Sequence[Conjunction], forbids: Sequence[Conjunction]) -> str:
        if not permits:
            return _FALSE
        shared = tuple(c for c in permits[0] if all(c in other for other in permits[1:]))
        rests = [tuple(c for c in conjunction if c not in shared) for conjunction in permits]
        person = self._person(shared)
        alternatives = [self._all(rest, person or self._person(rest)) for rest in rests] if all(rests) else []
        allowed = (
            [self._all(shared, person), _or(alternatives)] if alternatives else [self._all(shared, person)]
        )
        kept_out = [_or([self._known_not(c, person) for c in forbid]) for forbid in forbids]
        return _and([*allowed, *kept_out])

    def _person(self, conjunction: Conjunction) -> str | None:
        """The placeholder of the one person that the rows can be of (one-person-is-looked-up)."""
        if not self._has_one_subject:
            return None
        if self._about:
            return self._bind(Param("about"))
        return self._bind(Param("actor")) if Own() in conjunction else None

    def _all(self, conjunction: Conjunction, person: str | None) -> str:
        """All conditions are known to hold; questions to `gp_subject_state` become one."""
        texts: list[str] = []
        lookups: list[_Lookup] = []
        for condition in conjunction:
            if condition.level == "subject":
                lookups.append(self._lookup(condition, True, person))
            else:
                texts.append(self._row(condition, True))
        state = tuple(test for lookup in lookups if lookup.table == _STATE for test in lookup.tests)
        merged = [_Lookup(_STATE, state)] if state else []
        merged += [lookup for lookup in lookups if lookup.table != _STATE]
        return _and([*texts, *(self._of_people(lookup, person) for lookup in merged)])

    def _known_not(self, condition: Condition, person: str | None) -> str:
        if condition.level == "subject":
            return self._of_people(self._lookup(condition, False, person), person)
        return self._row(condition, False)

    # conditions on the row

    def _row(self, condition: Condition, holds: bool) -> str:
        match condition:
            case Own():
                return self.is_subject(self._table, self._bind(Param("actor")), holds)
            case SameTenant():
                column = self._role(self._table, "tenant")
                sign = "=" if holds else "<>"
                return _FALSE if column is None else f"{column} {sign} {self._bind(Param('tenant'))}"
            case Empty(fact=fact):
                test = "IS NULL" if holds else "IS NOT NULL"
                return self._fact(self._table, fact, lambda column: f"{column} {test}", holds)
            case (
                Flag(fact=fact)
                | OneOf(fact=fact)
                | Between(fact=fact)
                | Elapsed(fact=fact)
                | Passed(fact=fact)
            ):
                return self._fact(self._table, fact, lambda column: self._value(condition, holds, column))
            case _:
                return _FALSE

    def _fact(self, table: Table, fact: str, test: Callable[[str], str], unrecorded: bool = False) -> str:
        """`test` of the column that supplies `fact`; `keep_ended` may stand in the parent's row."""
        for column in table.columns:
            if column.fact == fact or (column.role == fact and fact in ("recorded", "keep_ended")):
                return test(self._column(table, column.name))
        if fact != "keep_ended":
            return _FALSE
        if table.via is None:
            return _TRUE if unrecorded else _FALSE
        parent = self._datamap.table(table.via.table)
        return (
            _FALSE if parent is None else self._via(table, parent, self._fact(parent, fact, test, unrecorded))
        )

    # people

    def is_subject(self, table: Table, person: str, holds: bool = True) -> str:
        """One of the row's people is `person`, or (`holds=False`) somebody is known and none is."""
        if table.subjects:
            columns = [self._column(table, name) for name in table.subjects]
            if holds:
                return _or([f"{column} = {person}" for column in columns])
            if len(columns) == 1:
                return f"{columns[0]} <> {person}"
            others = [f"({column} IS NULL OR {column} <> {person})" for column in columns]
            return _and([_or([f"{column} IS NOT NULL" for column in columns]), *others])
        parent = self._datamap.table(table.via.table) if table.via else None
        return _FALSE if parent is None else self._via(table, parent, self.is_subject(parent, person, holds))

    def _of_people(self, lookup: _Lookup, person: str | None) -> str:
        source = f"{self._dialect.table(lookup.table)} AS p"
        tenant = f"p.tenant = {self._bind(Param('tenant'))}"
        if person is not None:
            return f"EXISTS {_select('1', source, [tenant, f'p.subject = {person}', *lookup.tests])}"
        if self._keyed:
            return self._everybody(
                self._table,
                lambda column: (
                    f"EXISTS {_select('1', source, [tenant, f'p.subject = {column}', *lookup.tests])}"
                ),
            )
        people = _select("p.subject", source, [tenant, *lookup.tests])
        return self._everybody(self._table, lambda column: f"{column} IN {people}")

    def _everybody(self, table: Table, among: Callable[[str], str]) -> str:
        """All known people of the row are `among` those asked for, and there is somebody (nobody-known)."""
        if table.subjects:
            columns = [self._column(table, name) for name in table.subjects]
            if len(columns) == 1:
                return among(columns[0])
            each = [f"({column} IS NULL OR {among(column)})" for column in columns]
            return _and([_or([f"{column} IS NOT NULL" for column in columns]), *each])
        parent = self._datamap.table(table.via.table) if table.via else None
        return _FALSE if parent is None else self._via(table, parent, self._everybody(parent, among))

    def _lookup(self, condition: Condition, holds: bool, person: str | None) -> _Lookup:
        match condition:
            case Flag(fact=fact, expected=expected) if fact in _STATE_FLAGS:
                return _Lookup(_STATE, (f"p.{fact} = {int(expected is holds)}",))
            case Flag(fact=fact, expected=expected) if fact.startswith("consent:"):
                return self._switch("gp_consent_state", "consent", "given", fact, expected is holds, person)
            case Flag(fact=fact, expected=expected) if fact.startswith("objection:"):
                return self._switch(
                    "gp_objection_state", "purpose", "objected", fact, expected is holds, person
                )
            case (
                Flag(fact=fact)
                | OneOf(fact=fact)
                | Between(fact=fact)
                | Elapsed(fact=fact)
                | Passed(fact=fact)
            ):
                return self._declared(condition, fact, holds)
            case _:
                return _Lookup(_STATE, (_FALSE,))

    def _switch(self, table: str, key: str, flag: str, fact: str, on: bool, person: str | None) -> _Lookup:
        name = self._bind(Param("value", fact.partition(":")[2]))
        if on:
            return _Lookup(table, (f"p.{key} = {name}", f"p.{flag} = 1"))
        source = f"{self._dialect.table(table)} AS q"
        tests = [f"q.tenant = {self._bind(Param('tenant'))}", f"q.{key} = {name}", f"q.{flag} = 1"]
        if person is not None:
            return _Lookup(_STATE, (f"NOT EXISTS {_select('1', source, [*tests, f'q.subject = {person}'])}",))
        if self._keyed:
            return _Lookup(_STATE, (f"NOT EXISTS {_select('1', source, [*tests, 'q.subject = p.subject'])}",))
        return _Lookup(_STATE, (f"p.subject NOT IN {_select('q.subject', source, tests)}",))

    def _declared(self, condition: Condition, fact: str, holds: bool) -> _Lookup:
        """A product's own fact about people, as long as it is fresh."""
        kind = _kind(condition)
        column = "p.text_value" if kind == "text" else "p.int_value"
        types = {"text": "'text'", "boolean": "'boolean'"}.get(kind, "'integer', 'instant'")
        now = self._bind(Param("now"))
        return _Lookup(
            "gp_subject_fact",
            (
                f"p.fact = {self._bind(Param('value', fact))}",
                f"p.type IN ({types})",
                f"(p.fresh_until IS NULL OR p.fresh_until > {now})",
                self._value(condition, holds, column, stored_as_int=kind == "boolean"),
            ),
        )

    # values

    def _value(self, condition: Condition, holds: bool, column: str, stored_as_int: bool = False) -> str:
        bind = self._bind
        match condition:
            case Flag(expected=expected):
                return self._in(column, [Param("value", expected is holds)])
            case OneOf(values=values, negated=negated):
                params = [Param("value", int(v) if stored_as_int else v) for v in dict.fromkeys(values)]
                return self._in(column, params, negated is holds)
            case Between(low=low, high=high):
                bounds = ((low, ">=" if holds else "<"), (high, "<=" if holds else ">"))
                texts = [
                    f"{column} {sign} {bind(Param('value', at))}" for at, sign in bounds if at is not None
                ]
                return _and(texts) if holds else _or(texts)
            case Elapsed(span=span, over=over):
                cutoff = bind(Param("cutoff", span))
                if over is holds:
                    return f"{column} <= {cutoff}"
                return f"{column} > {cutoff} AND {column} <= {bind(Param('now'))}"
            case Passed(expected=expected):
                return f"{column} {'<=' if expected is holds else '>'} {bind(Param('now'))}"
            case _:
                return _FALSE

    def _in(self, column: str, params: Sequence[Param], negated: bool = False) -> str:
        placeholders = [self._bind(param) for param in params]
        if len(placeholders) == 1:
            return f"{column} {'<>' if negated else '='} {placeholders[0]}"
        return f"{column} {'NOT ' if negated else ''}IN ({', '.join(placeholders)})"

    # names

    def _column(self, table: Table, name: str) -> str:
        return f"{self._dialect.quote(table.name)}.{self._dialect.quote(name)}"

    def _role(self, table: Table, role: Role) -> str | None:
        columns = table.with_role(role)
        return self._column(table, columns[0].name) if columns else None

    def _via(self, table: Table, parent: Table, test: str) -> str:
        """The row hangs on one of the parent's rows that pass `test`."""
        if test == _FALSE or table.via is None:
            return _FALSE
        key = self._column(parent, parent.key)
        if self._keyed:
            same = f"{key} = {self._column(table, table.via.column)}"
            return f"EXISTS {_select('1', self._dialect.table(parent.name), [same, test])}"
        rows = _select(key, self._dialect.table(parent.name), [test])
        return f"{self._column(table, table.via.column)} IN {rows}"

    def _naming(self, table: Table) -> Table | None:
        """The table whose columns name the row's people: itself, or where `via` leads."""
        seen: set[str] = set()
        here: Table | None = table
        while here is not None and not here.subjects and here.via is not None and here.name not in seen:
            seen.add(here.name)
            here = self._datamap.table(here.via.table)
        return here


_Asked: TypeAlias = tuple[tuple[tuple[Conjunction, ...], tuple[Conjunction, ...]], ...]


def _asked(steps: tuple[ResidualStep, ...]) -> _Asked:
    return tuple((step.permits, step.forbids) for step in steps)


def _kind(condition: Condition) -> Literal["text", "boolean", "number"]:
    """The type that a declared fact must have for the condition to be answered."""
    match condition:
        case OneOf(values=values) if values and all(isinstance(value, bool) for value in values):
            return "boolean"
        case OneOf(values=values) if values and all(isinstance(value, str) for value in values):
            return "text"
        case Flag():
            return "boolean"
        case _:
            return "number"


def _select(column: str, source: str, tests: Sequence[str]) -> str:
    """A sub-select of names and placeholders; no value is ever written into it."""
    return f"(SELECT {column} FROM {source} WHERE {' AND '.join(tests)})"  # noqa: S608 - see the docstring


def _and(texts: Sequence[str]) -> str:
    if _FALSE in texts:
        return _FALSE
    asked = [text for text in dict.fromkeys(texts) if text != _TRUE]
    return " AND ".join(asked) or _TRUE


def _or(texts: Sequence[str]) -> str:
    if _TRUE in texts:
        return _TRUE
    asked = [text for text in dict.fromkeys(texts) if text != _FALSE]
    if len(asked) < 2:
        return asked[0] if asked else _FALSE
    return "(" + " OR ".join(f"({text})" if " AND " in text else text for text in asked) + ")"
