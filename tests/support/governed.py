"""A small governed application for tests: pictures with notes and pages, real SQLite files, a real vault.

Two kinds of people (`ann`, `bob`, `cleo`), one policy with several categories per table: a row of `picture`
is visible to its owner and, where it is public, to everybody; its note only to its owner.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path
from types import SimpleNamespace
from typing import Any, TypeVar

from piccolo.columns import JSON, UUID, Array, BigInt, Boolean, ForeignKey, Integer, Numeric, Text, Varchar
from piccolo.columns.column_types import Timestamptz
from piccolo.table import Table
from tests.support.past import past

from gptimage_core.adapters.piccolo import (
    GovernedSQLite,
    category,
    collected_under,
    fact,
    govern,
    keep_ended,
    recorded,
    subject,
    tenant,
    via,
)
from gptimage_core.clock import FixedClock
from gptimage_core.decision.model import Actor
from gptimage_core.guard.guard import Guard
from gptimage_core.policy.loader import parse_document
from gptimage_core.policy.timeline import single
from gptimage_core.store import state
from gptimage_core.store.ledger import NegativeLedger

__all__ = ["ANN", "BOB", "CLERK", "NOW", "POLICY", "World", "in_world", "opened", "tables_on"]

T = TypeVar("T")

NOW = 1_790_000_000_000_000
ANN, BOB, CLERK = Actor.subject("ann"), Actor.subject("bob"), Actor.staff("clerk")

POLICY = """
language = 1
id = "pictures"
title = "Privacy of Pictures"
controller = { name = "Pictures", country = "NL", contact = "privacy@pictures.example" }

[purpose.provide_service]
says = "keep and show your pictures"
basis = "contract"
[purpose.research]
says = "study how people describe pictures"
basis = "consent"
[purpose.secure_service]
says = "look into abuse"
basis = "legitimate_interest"
[purpose.answer_requests]
says = "answer what people ask of us"
basis = "legal_obligation"
[consent.research]
says = "use my notes in research"
purposes = ["research"]
[fact.visibility]
says = "how visible a picture is"
type = "text"
of = "row"
values = ["private", "public", "secret"]

[recipient.printer]
says = "the print shop"
role = "processor"
countries = ["NL"]
purposes = ["provide_service"]
contract = { signed = 2026-01-01, until = 2030-01-01 }

[category.picture]
says = "your pictures"
clauses = ["S6"]
[category.note]
says = "your notes"
protection = "sealed"
keep_until = ["item_deleted"]
clauses = ["S6"]
[category.label]
says = "labels"
gone_after = { days = 30, from = "recorded" }
clauses = ["S34"]

[permit.own]
who = ["subject"]
may = ["read", "create", "update", "delete"]
what = ["picture", "note", "label"]
for = ["provide_service"]
when = ["row_is_own"]
clauses = ["S7"]
[permit.undo]
who = ["subject"]
may = ["update"]
what = ["picture", "note", "label"]
for = ["provide_service"]
when = ["row_is_own", { deleted_within = { seconds = 10 } }]
even_when = ["deleted"]
clauses = ["S32"]
[permit.public]
who = ["subject"]
may = ["read"]
what = ["picture"]
for = ["provide_service"]
when = [{ fact = "visibility", is = ["public"] }]
clauses = ["S7"]
[permit.look_into_abuse]
who = ["staff"]
may = ["read"]
what = ["picture"]
for = ["secure_service"]
when = ["ticket_is_open"]
then = [{ max_rows = 3 }]
clauses = ["S15"]
[permit.mark]
who = ["staff"]
may = ["read", "update"]
what = ["label"]
for = ["answer_requests"]
when = ["ticket_is_open"]
then = [{ tell_subject = true }]
clauses = ["S15"]
[permit.study]
who = ["service"]
may = ["train"]
what = ["note"]
for = ["research"]
when = ["always"]
clauses = ["S17"]
[permit.count]
who = ["service"]
may = ["aggregate"]
what = ["picture"]
for = ["secure_service"]
when = ["always"]
then = [{ min_persons = 2 }]
clauses = ["S16"]
[permit.print]
who = ["service"]
may = ["share"]
to = ["printer"]
what = ["picture"]
for = ["provide_service"]
when = ["always"]
then = [{ only_fields = ["title"] }]
clauses = ["S24"]
[forbid.secrets]
who = ["staff"]
may = ["read"]
what = ["picture"]
for = ["any_purpose"]
when = [{ fact = "visibility", is = ["secret"] }]
clauses = ["S15"]
[forbid.sale]
who = ["anyone"]
may = ["sell"]
what = ["anything"]
for = ["any_purpose"]
when = ["always"]
clauses = ["S28"]
"""


def tables_on(engine: Any) -> SimpleNamespace:
    """The application's tables, declared on `engine`; Piccolo wants that at class creation."""

    class Picture(Table, db=engine, tablename="picture"):
        id = UUID(primary_key=True)
        owner = subject(Varchar(length=40))
        tenant = tenant(Varchar(length=40))
        recorded = recorded(BigInt())
        keep_ended = keep_ended(BigInt(null=True))
        collected_under = collected_under(Integer())
        visibility = category("picture", fact("visibility", Varchar(length=20, null=True, default="private")))
        title = category("picture", Text())
        starred = category("picture", Boolean(default=False))
        size = category("picture", Integer(default=0))
        price = category("picture", Numeric(null=True, default=None))
        taken = category("picture", Timestamptz(null=True, default=None))
        tags = category("picture", Array(base_column=Varchar(), default=list))
        extra = category("picture", JSON(default="{}"))
        note = category("note", Text(null=True, default=None))
        label = category("label", Varchar(null=True, default=None))

    class Page(Table, db=engine, tablename="page"):
        id = Varchar(length=40, primary_key=True, default="")
        picture = via(ForeignKey(Picture))
        tenant = tenant(Varchar(length=40))
        recorded = recorded(BigInt())
        keep_ended = keep_ended(BigInt(null=True))
        collected_under = collected_under(Integer())
        text = category("note", Text())
        number = category("picture", Integer(default=0))

    return SimpleNamespace(Picture=Picture, Page=Page)


class World:
    """The application, started: `engine`, `guard`, `clock`, `ledger` and the tables `Picture` and `Page`."""

    def __init__(
        self, engine: GovernedSQLite, guard: Guard, ledger: NegativeLedger, tables: SimpleNamespace
    ) -> None:
        self.engine = engine
        self.guard = guard
        self.ledger = ledger
        self.Picture: Any = tables.Picture
        self.Page: Any = tables.Page

    @property
    def clock(self) -> FixedClock:
        assert isinstance(self.guard.clock, FixedClock)
        return self.guard.clock

    def own(self, actor: Actor = ANN, **more: Any) -> Any:
        """An access of a person to what is theirs."""
        return self.guard.access(actor, purpose="provide_service", **more)

    def staff(self) -> Any:
        """An access of staff, with an open ticket."""
        return self.guard.access(CLERK, purpose="secure_service", facts={"ticket_until": NOW + 10**9})

    async def sql(self, sql: str, *args: Any) -> list[tuple[Any, ...]]:
        """Look at the database past the guard."""
        return await self.past(lambda connection: connection.execute(sql, args).fetchall())

    async def past(self, work: Callable[[Any], T]) -> T:
        """Do something past the guard: see `tests.support.past`."""
        return past(self.engine._database.path, work)

    async def picture(self, owner: Actor = ANN, **values: Any) -> Any:
        """A saved picture of somebody's."""
        async with self.own(owner):
            picture = self.Picture(owner=owner.id, **values)
            await picture.save()
        return picture


@contextlib.asynccontextmanager
async def opened(folder: Path, policy: str = POLICY) -> AsyncIterator[World]:
    """A world in this folder; an existing one is opened again."""
    engine = GovernedSQLite(folder / "data.sqlite", readers=2)
    ledger = NegativeLedger(folder / "apart" / "ledger")
    tables = tables_on(engine)
    for table in (tables.Picture, tables.Page):
        await table.create_table(if_not_exists=True)
    timeline = single(parse_document(policy, "policy.toml"))
    guard = await govern(
        engine,
        policy=timeline,
        tables=[tables.Picture, tables.Page],
        ledger=ledger,
        keys=folder / "apart" / "keys",
        clock=FixedClock(NOW),
    )

    def people(connection: Any) -> None:
        for name in ("ann", "bob", "cleo"):
            if not state.exists(connection, "main", name):
                state.create_subject(connection, "main", name, NOW, age_floor_is_met=True)

    await guard.in_transaction(people)
    try:
        yield World(engine, guard, ledger, tables)
    finally:
        guard.sink.close()  # type: ignore[attr-defined]  # the built-in sink has it
        engine._database.close()
        ledger.close()


def in_world(
    folder: Path,
    scenario: Callable[[World], Coroutine[Any, Any, T]],
    policy: str = POLICY,
    seconds: float = 60,
) -> T:
    """Run a scenario in a world of its own, with a time-out."""

    async def run() -> T:
        async with opened(folder, policy) as world, asyncio.timeout(seconds):
            return await scenario(world)

    return asyncio.run(run())
