"""From decisions to profiles: what an open access permits, kept for as long as the answers stay the same.

A decision without a row depends on who (kind, whether there is an id), purpose, operation, recipient, the
policy version in force and the *answers* to the access-level conditions, never on an actor's id. So profiles
are kept per those (a `View`), however many people come by, and a handle asks the questions again only when
an answer can have changed.

INVARIANT (answers-have-an-end): `View`s are handed out with the first instant at which a question's answer,
or the version in force, may differ; from it on the questions are asked again.
"""

from __future__ import annotations

import itertools
import secrets
from collections.abc import Hashable, Iterable, Iterator, Mapping
from typing import Any, Literal, TypeAlias

from msgspec import Struct, structs

from gptimage_core.clock import Instant
from gptimage_core.decision.answers import Answer
from gptimage_core.decision.compile import CompiledTimeline, Era
from gptimage_core.decision.conditions import Condition, Elapsed, Passed, Until
from gptimage_core.decision.decide import decide
from gptimage_core.decision.model import Access, Decision, Effect, Facts, RowFacts, Value
from gptimage_core.errors import GuardError
from gptimage_core.guard.handles import Handle
from gptimage_core.guard.statements.profile import (
    ALWAYS,
    BARE,
    WITHHELD,
    ColumnAccess,
    Profile,
    TableAccess,
    Template,
    conditional,
)
from gptimage_core.policy.binding import Column, DataMap, Table
from gptimage_core.policy.vocabulary import IDENTIFIER, SHARING
from gptimage_core.readings.sql import SQLITE, about_person, predicate

__all__ = ["Book", "TableMaker", "Variant", "View"]

Variant: TypeAlias = Literal["read", "update", "restore", "delete"]
"""Which profile a statement takes: SELECT and INSERT, UPDATE, an UPDATE that clears `keep_ended`, DELETE."""

_FOREVER: Instant = 2**63 - 1
_NOBODY = RowFacts()
_MOST_VIEWS = 512
_OWN_STATEMENTS = ("update", "correct")
_NUMBERS = itertools.count(1)


class _Slot:
    """The access-level questions of one (kind, purpose, operation, recipient) in one era, and its views."""

    __slots__ = ("era", "questions", "views")

    def __init__(self, era: Era, questions: tuple[tuple[Condition, Answer], ...]) -> None:
        self.era = era
        self.questions = questions
        self.views: dict[tuple[object, ...], View] = {}


class Held(Struct):
    """A view in a handle, and how long it holds: `since <= now < until`."""

    view: View
    since: Instant
    until: Instant


class Book:
    """All views of a guard. Not safe for threads by itself: it is used from event loops' threads, where the
    worst of a race is a view made twice."""

    def __init__(self, compiled: CompiledTimeline, datamap: DataMap) -> None:
        self.compiled = compiled
        self.datamap = datamap
        self.secret = "g" + secrets.token_hex(16)
        self.tag = "t" + secrets.token_hex(16)
        self.categories = tuple(dict.fromkeys(c for t in datamap.tables for c in t.categories))
        self._slots: dict[tuple[object, ...], _Slot] = {}

    def view(self, handle: Handle, now: Instant) -> View:
        """The view that holds for this handle at `now`."""
        held: Held | None = handle.plans
        if held is None or not held.since <= now < held.until or held.view.book is not self:
            handle.plans = held = self._find(handle, now)
        return held.view

    def _find(self, handle: Handle, now: Instant) -> Held:
        era = self.compiled.era(now)
        if era is None:
            raise GuardError(
                "no version of the policy is in effect yet; nothing is permitted before the first"
            )
        actor = handle.actor
        key = (era.version, actor.kind, handle.purpose, handle.operation, handle.recipient)
        slot = self._slots.get(key)
        if slot is None:
            slot = self._slots[key] = _Slot(era, self._questions(era, handle))
        known = handle.facts
        answers: list[object] = [actor.id is None, handle.about is None]
        answers += [ask(known, _NOBODY, (), actor, now) for _, ask in slot.questions]
        frozen = tuple(answers)
        view = slot.views.get(frozen)
        if view is None:
            if len(slot.views) >= _MOST_VIEWS:
                slot.views.clear()
            view = slot.views[frozen] = View(self, handle, now)
        turns = list(_turns(slot.questions, known))
        turns += [version.effective for version in self.compiled.timeline.versions]
        since = max((t for t in turns if t <= now), default=0)
        return Held(view, since, min((t for t in turns if t > now), default=_FOREVER))

    def _questions(self, era: Era, handle: Handle) -> tuple[tuple[Condition, Answer], ...]:
        found: dict[Condition, Answer] = {}
        stated = () if handle.operation is None else (handle.operation,)
        for category, operation in itertools.product(
            self.categories, ("read", "create", "update", "correct", "delete", *stated)
        ):
            recipient = handle.recipient if operation in SHARING or operation == "sell" else None
            key = (handle.actor.kind, operation, category, handle.purpose, recipient)
            found.update((era.plans.get(key) or era.plan(key)).questions)
        return tuple(found.items())


def _turns(questions: Iterable[tuple[Condition, Answer]], known: Mapping[str, Value]) -> Iterator[Instant]:
    """Every instant at which the answer to a question may change, given what is known of the access."""
    for condition, _ in questions:
        match condition:
            case Until(until=until, since=since):
                yield until
                if since is not None:
                    yield since
            case Elapsed(fact=fact, span=span):
                start = known.get(fact)
                if type(start) is int:
                    yield start
                    yield span.after(start)
            case Passed(fact=fact):
                start = known.get(fact)
                if type(start) is int:
                    yield start
            case _:
                pass


class _Tables(Mapping[str, TableAccess]):
    """The tables of one variant, each made when a statement first names it."""

    def __init__(self, view: View, variant: Variant) -> None:
        self._view = view
        self._variant = variant
        self._made: dict[str, TableAccess] = {}

    def __getitem__(self, name: str) -> TableAccess:
        made = self._made.get(name)
        if made is None:
            table = self._view.book.datamap.table(name)
            if table is None:
                raise KeyError(name)
            made = self._made[name] = self._view.table(table, self._variant)
        return made

    def __iter__(self) -> Iterator[str]:
        return (table.name for table in self._view.book.datamap.tables)

    def __len__(self) -> int:
        return len(self._view.book.datamap.tables)


class View:
    """What one kind of access may do with every table. `statements` keeps what was shaped for it."""

    def __init__(self, book: Book, handle: Handle, now: Instant) -> None:
        self.book = book
        self.purpose = handle.purpose
        self.operation = handle.operation or "read"
        self.recipient = handle.recipient
        self.about = handle.about is not None
        self.statements: dict[Hashable, Any] = {}
        self.grants: dict[Hashable, Any] = {}
        """What ring three permits under this view; see `sqlite.ring`."""
        self._actor = handle.actor
        self._facts = Facts(access=dict(handle.facts))
        self._now = now
        self._decisions: dict[tuple[str, str], Decision] = {}
        self.profiles: dict[Variant, Profile] = {
            variant: Profile(f"v{next(_NUMBERS)}", book.secret, book.tag, _Tables(self, variant))
            for variant in ("read", "update", "restore", "delete")
        }

    # Decisions

    def decision(self, operation: str, category: str) -> Decision:
        """What was decided of `category` before any row was seen."""
        key = (operation, category)
        found = self._decisions.get(key)
        if found is None:
            access = Access(self._actor, self.purpose, operation, category, self.recipient_for(operation))
            found = self._decisions[key] = decide(self.book.compiled, access, self._facts, self._now)
        return found

    def recipient_for(self, operation: str) -> str | None:
        return self.recipient if operation in SHARING or operation == "sell" else None

    def operations(self, verb: str) -> tuple[str, ...]:
        """The operations that would permit a verb: any one of them is enough."""
        if verb == "update":
            return _OWN_STATEMENTS if self._actor.kind == "subject" else ("update",)
        return (self.operation,) if verb == "read" else (verb,)

    def permits(self, operation: str, categories: Iterable[str]) -> bool:
        """Whether some row might be permitted for each of the categories."""
        return all(self.decision(operation, c).effect is not Effect.DENY for c in categories)

    # Tables

    def table(self, table: Table, variant: Variant) -> TableAccess:
        """The table under one variant; see `statements.profile` for what the parts mean."""
        return TableMaker(self, table).make(variant)


class TableMaker:
    """Makes the access to one table. A template that is `None` permits no row.

    `row`: for a trigger; its templates speak of that one row (`OLD` or `NEW`), not of the table's rows.
    """

    def __init__(self, view: View, table: Table, row: Literal["", "OLD", "NEW"] = "") -> None:
        self.view = view
        self.table = table
        self._keyed = bool(row)
        self._rows = structs.replace(table, name=row) if row else table

    def make(self, variant: Variant) -> TableAccess:
        table = self.table
        reading = "read" if variant == "read" else "select"
        read = {c: self._any(reading, c) for c in table.categories}
        if variant == "read":
            rows = _either(read.values())
            return TableAccess(rows, self._columns(read, rows, {}))
        delete = _all([self._any("delete", c) for c in table.categories])
        rows = _either(read.values())
        if variant == "delete":
            return TableAccess(rows, self._columns(read, rows, {}), delete)
        update = {c: self._any("update", c) for c in table.categories}
        ending = _all(list(update.values())) if variant == "restore" else delete
        return TableAccess(rows, self._columns(read, rows, self._updates(update, ending)))

    def creates(self) -> dict[str, Template | None]:
        """Per category, the new rows that may give a value of it."""
        return {c: self._one(self.view.decision("create", c)) for c in self.table.categories}

    def _any(self, verb: str, category: str) -> Template | None:
        """The rows for which some operation of the verb is permitted for the category; `None` for none."""
        operations = ("read",) if verb == "select" else self.view.operations(verb)
        return _either([self._one(self.view.decision(operation, category)) for operation in operations])

    def _one(self, decision: Decision) -> Template | None:
        if decision.effect is Effect.DENY:
            return None
        residual, about, datamap = decision.residual, self.view.about, self.view.book.datamap
        rows, keyed = self._rows, self._keyed
        if residual is not None:
            return Template.collect(
                lambda bind: predicate(residual, rows, datamap, SQLITE, bind, about=about, keyed=keyed)
            )
        if about:
            return Template.collect(lambda bind: about_person(rows, datamap, SQLITE, bind, keyed=keyed))
        return ALWAYS

    def _updates(
        self, update: Mapping[str, Template | None], ending: Template | None
    ) -> Mapping[str, Template | None]:
        """Per column, the rows in which it may be set. A technical column may be named where something else
        of the row may be set; that its value stays what it is, the guard checks when the statement runs."""
        some = _either(update.values())
        found: dict[str, Template | None] = {}
        for column in self.table.columns:
            if column.role == "key":
                found[column.name] = None
            elif column.role == "keep_ended":
                found[column.name] = ending
            elif column.category == IDENTIFIER:
                found[column.name] = some
            else:
                found[column.name] = update[column.category]
        return found

    def _columns(
        self,
        read: Mapping[str, Template | None],
        rows: Template | None,
        update: Mapping[str, Template | None],
    ) -> Mapping[str, ColumnAccess]:
        return {c.name: self._column(c, read, rows, update.get(c.name)) for c in self.table.columns}

    def _column(
        self,
        column: Column,
        read: Mapping[str, Template | None],
        rows: Template | None,
        update: Template | None,
    ) -> ColumnAccess:
        if column.category == IDENTIFIER:
            return BARE if update is None else ColumnAccess("bare", None, update)
        when = read[column.category]
        if when is None or not self._is_of_the_share(column):
            return WITHHELD if update is None else ColumnAccess("withheld", None, update)
        if when == rows:
            return BARE if update is None else ColumnAccess("bare", None, update)
        return conditional(when, update)

    def _is_of_the_share(self, column: Column) -> bool:
        """`only_fields` (S24): whatever is not among them is withheld from the statement."""
        decision = self.view.decision(self.view.operation, column.category)
        return all(
            column.name in obligation.only_fields
            for obligation in decision.obligations
            if obligation.only_fields is not None
        )


def _either(templates: Iterable[Template | None]) -> Template | None:
    """The OR; `None` (no row) where there is nothing to choose from."""
    distinct = list(dict.fromkeys(t for t in templates if t is not None))
    if len(distinct) <= 1:
        return distinct[0] if distinct else None
    return Template.collect(lambda bind: " OR ".join(f"({t.render(bind)})" for t in distinct))


def _all(templates: list[Template | None]) -> Template | None:
    """The AND; `None` (no row) where one part permits no row, or there is no part at all."""
    if not templates or any(t is None for t in templates):
        return None
    distinct = list(dict.fromkeys(t for t in templates if t is not None))
    if len(distinct) == 1:
        return distinct[0]
    return Template.collect(lambda bind: " AND ".join(f"({t.render(bind)})" for t in distinct))
