"""What the guard costs through Piccolo on SQLite.

Statements. Both sides run the same Piccolo query, its SQL built anew each time, on equal rows, schemas and
indexes; `benches` first asserts that the answers are equal. "our engine" is the same class without a guard on
a database of its own (on the governed one ring three would refuse it), so what is left is what the guard
adds: the plan's look-up, the predicate in the SQL, binding, the authorizer's and the triggers' work, seeing
which rows of which people were touched, and making the record. The access is open around the batch, as it is
around a request (one line opens and closes one for each read). These lines leave the record's durability out,
as neither peer has any: the governed side's sink is one of this file's that keeps nothing (a sink is a port;
the library has no switch that turns records off).

Beside "our engine" all threads run on one processor. Where the kernel puts two of them decides more than the
guard does: a database's thread that happens to share a processor with the event loop is woken in 20 us, any
other in 80 to 150, which made ratios of 0.69 and of 1.69 of the same code, and with both sides' threads fixed
to the other processor 1.05 to 1.17 by the noise of waking. On one processor the same work stands on both
sides and the guard's share of it is largest. "stock Piccolo" is its own `SQLiteEngine`, which opens a
connection and a thread per query, on a file of its own; there, and for records, the kernel places threads.

Records. The lines called "record" add durability alone: both sides are the same governed reads under the same
guard; one with the built-in sink, where each answer waits until its record is on disk (synchronous=FULL), the
other with the sink that keeps nothing. A reader waits for its answer before it asks again.

Filtering. The peer is the SQL that one would write by hand, in the database without a guard, which has the
same people, giving the same dicts.

A batch is a few dozen statements in one run of a kept event loop.
"""

from __future__ import annotations

import asyncio
import atexit
import itertools
import os
import shutil
import sqlite3
import tempfile
import threading
import time
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from typing import Any

from piccolo.columns import BigInt, Boolean, Integer, Text, Varchar
from piccolo.engine.sqlite import SQLiteEngine
from piccolo.table import Table
from tests.benchmarks.harness import Bench

from gptimage_core.accesslog.sink import RecordSink
from gptimage_core.adapters.piccolo import (
    GovernedSQLite,
    category,
    collected_under,
    govern,
    keep_ended,
    recorded,
    subject,
    tenant,
)
from gptimage_core.decision.model import Actor
from gptimage_core.guard.guard import Guard
from gptimage_core.policy.loader import parse_document
from gptimage_core.policy.timeline import single
from gptimage_core.store import state
from gptimage_core.store.schema import migrate

__all__ = ["benches"]

_ROWS, _PEOPLE = 10_000, 100
_EVERYWHERE: set[int] = os.sched_getaffinity(0) if hasattr(os, "sched_setaffinity") else set()
_ANN = Actor.subject("p007")
_POLICY = """
language = 1
id = "bench"
title = "Bench"
controller = { name = "B", country = "NL", contact = "b@b.example" }
[purpose.provide_service]
says = "show your pictures"
basis = "contract"
[purpose.secure_service]
says = "look into abuse"
basis = "legitimate_interest"
[category.picture]
says = "your pictures"
clauses = ["S6"]
[permit.own]
who = ["subject"]
may = ["read", "create", "update", "delete"]
what = ["picture"]
for = ["provide_service"]
when = ["row_is_own"]
clauses = ["S7"]
[permit.all]
who = ["service"]
may = ["read"]
what = ["picture"]
for = ["secure_service"]
when = ["always"]
clauses = ["S15"]
"""


def _table(engine: Any) -> Any:
    class Picture(Table, db=engine, tablename="picture"):
        id = Varchar(length=40, primary_key=True, default="")
        owner = subject(Varchar(length=40))
        tenant = tenant(Varchar(length=40))
        recorded = recorded(BigInt())
        keep_ended = keep_ended(BigInt(null=True))
        collected_under = collected_under(Integer())
        title = category("picture", Text())
        starred = category("picture", Boolean(default=False))

    return Picture


class _KeepsNothing:
    """A sink for the lines that leave durability out."""

    def __init__(self, database: Any) -> None:
        self._database = database

    async def write(self, record: Any) -> None: ...

    def write_in(self, connection: Any, record: Any) -> None: ...

    def post(self, record: Any) -> None: ...

    def read(
        self, work: Callable[[Any], Any], *, snapshot: bool = True, brief: bool = False
    ) -> Awaitable[Any]:
        answered: Awaitable[Any] = self._database.read(
            lambda connection: work(connection)[0], snapshot=snapshot
        )
        return answered


class _Stage:
    """The same rows three ways: governed, through our engine without a guard, and through Piccolo's own."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="gptimage-bench-"))
        self.loop = asyncio.new_event_loop()
        self.placed = False
        self.run(self._open())
        self.access: Any = None
        atexit.register(self.close)

    async def _open(self) -> None:
        self.engine = GovernedSQLite(self.folder / "governed.sqlite")
        self.plain_engine = GovernedSQLite(self.folder / "plain.sqlite")
        self.governed, self.alone = _table(self.engine), _table(self.plain_engine)
        self.stock = _table(SQLiteEngine(str(self.folder / "stock.sqlite")))
        for table in (self.governed, self.alone, self.stock):
            await table.create_table()
        for name in ("governed", "plain", "stock"):
            _fill(self.folder / f"{name}.sqlite")
        self.guard: Guard = await govern(
            self.engine,
            policy=single(parse_document(_POLICY)),
            tables=[self.governed],
            ledger=self.folder / "apart" / "ledger",
        )
        self.sink = self.guard.sink
        self.nothing = _KeepsNothing(self.guard._database)
        await self.guard.in_transaction(_people)
        await self.plain_engine.database.write(migrate)
        await self.plain_engine.database.write(_people)
        for engine in (self.engine, self.plain_engine):
            await asyncio.gather(*[engine._database.read(lambda _: time.sleep(0.05)) for _ in range(4)])

    def run(self, work: Any, placed: bool = False) -> Any:
        """Run in the loop; `placed`: with the loop and the databases' threads on one processor."""
        if placed is not self.placed:  # once per line, as both sides of one are placed alike
            self.placed = placed
            _move(set(sorted(_EVERYWHERE)[:1]) if placed else _EVERYWHERE)
        return self.loop.run_until_complete(work)

    def under(
        self,
        actor: Actor,
        purpose: str,
        sink: Any,
        work: Callable[[], Awaitable[Any]],
        per: int,
        placed: bool = True,
    ) -> Any:
        """A batch of statements inside one access."""

        async def batch() -> None:
            self.guard.sink = sink
            async with self.guard.access(actor, purpose=purpose):
                for _ in range(per):
                    await work()

        return lambda: self.run(batch(), placed)

    def plain(self, work: Callable[[], Awaitable[Any]], per: int, placed: bool = True) -> Any:
        async def batch() -> None:
            for _ in range(per):
                await work()

        return lambda: self.run(batch(), placed)

    def close(self) -> None:
        if isinstance(self.sink, RecordSink):
            self.sink.close()
        self.engine._database.close()
        self.plain_engine._database.close()
        self.loop.close()
        shutil.rmtree(self.folder, ignore_errors=True)


def _move(processors: set[int]) -> None:
    """Where threads can be placed: this one, which has the event loop, and those of the databases."""
    if not processors:
        return
    os.sched_setaffinity(0, processors)
    for thread in threading.enumerate():
        if thread.name.startswith(("reader ", "writer ")) and thread.native_id is not None:
            os.sched_setaffinity(thread.native_id, processors)


def _fill(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.executemany(
        "INSERT INTO picture (id, owner, tenant, recorded, collected_under, title, starred)"
        " VALUES (?, ?, 'main', 1, 1, ?, ?)",
        [(f"k{n:05}", f"p{n % _PEOPLE:03}", f"title {n}", n % 2) for n in range(_ROWS)],
    )
    connection.execute("CREATE INDEX picture_owner ON picture (owner)")
    connection.commit()
    connection.close()


def _people(connection: sqlite3.Connection) -> None:
    for n in range(_PEOPLE):
        state.create_subject(connection, "main", f"p{n:03}", 1, age_floor_is_met=True)


_BY_HAND = """SELECT count(*) AS n FROM picture WHERE tenant = {} AND collected_under = {} AND keep_ended IS NULL
AND owner IN (SELECT p.subject FROM gp_subject_state AS p WHERE p.tenant = {} AND p.deleted = 0 AND p.restricted = 0)
AND owner NOT IN (SELECT q.subject FROM gp_objection_state AS q WHERE q.tenant = {} AND q.purpose = {} AND q.objected = 1)
AND starred = 1"""  # noqa: E501


def benches() -> Iterable[Bench]:
    """The lines of the guard, in the order of the docstring."""
    stage = _Stage()
    _agree(stage)
    yield from _statements(stage)
    yield _filtering(stage)
    yield from _records(stage)


def _agree(stage: _Stage) -> None:
    """Every side answers each query alike, and the built-in sink has a record of each governed one."""

    async def answers(table: Any) -> list[Any]:
        await table.update({table.title: "seen"}).where(table.id == "k00007")
        return [
            await table.select().where(table.id == "k00007").first(),
            sorted(await table.select().where(table.owner == "p007"), key=lambda row: row["id"]),
        ]

    async def governed() -> tuple[list[Any], int]:
        async with stage.guard.access(_ANN, purpose="provide_service"):
            found = await answers(stage.governed)
        count = "SELECT count(*) FROM gp_access_record WHERE purpose = 'provide_service'"
        return found, await stage.guard._database.read(lambda c: c.execute(count).fetchone()[0])

    ours, records = stage.run(governed())
    assert ours == stage.run(answers(stage.alone)) == stage.run(answers(stage.stock))
    assert ours[0]["title"] == "seen"
    assert len(ours[1]) == _ROWS // _PEOPLE
    assert records == 3, records


def _statements(stage: _Stage) -> Iterable[Bench]:
    own = ("provide_service", stage.nothing)

    def one(table: Any) -> Callable[[], Awaitable[Any]]:
        return lambda: table.select().where(table.id == "k00007").first()

    def many(table: Any) -> Callable[[], Awaitable[Any]]:
        return lambda: table.select().where(table.owner == "p007")

    titles = itertools.count()

    def update(table: Any) -> Callable[[], Awaitable[Any]]:
        # A new value each time: where nothing changes, SQLite writes nothing and the disk is left out.
        return lambda: table.update({table.title: f"title {next(titles)}"}).where(table.id == "k00007")

    governed, alone, stock = stage.governed, stage.alone, stage.stock

    async def with_access() -> None:
        async with stage.guard.access(_ANN, purpose="provide_service"):
            await governed.select().where(governed.id == "k00007").first()

    def opening() -> Any:
        async def batch() -> None:
            stage.guard.sink = stage.nothing  # type: ignore[assignment]  # a sink is a port
            for _ in range(20):
                await with_access()

        return stage.run(batch(), placed=True)

    by_key = stage.under(_ANN, *own, one(governed), 20)
    yield Bench(
        "governed read by key / stock Piccolo", stage.under(_ANN, *own, one(governed), 20, placed=False),
        stage.plain(one(stock), 20, placed=False), limit=0.3, per=20,
    )  # fmt: skip
    yield Bench(
        "governed read by key / our engine",
        by_key,
        stage.plain(one(alone), 20),
        limit=1.10,
        per=20,
        rounds=151,
    )
    yield Bench(
        "governed read by key, an access each / our engine", opening, stage.plain(one(alone), 20), per=20
    )
    yield Bench(
        "governed read of 100 rows / our engine", stage.under(_ANN, *own, many(governed), 10),
        stage.plain(many(alone), 10), limit=1.10, per=10, rounds=151,
    )  # fmt: skip
    yield Bench(
        "governed update by key / our engine", stage.under(_ANN, *own, update(governed), 20),
        stage.plain(update(alone), 20), limit=1.25, per=20, rounds=151,
    )  # fmt: skip


def _filtering(stage: _Stage) -> Bench:
    """Reading half of 10,000 rows of 100 people: ours through Piccolo, the peer with the filter by hand.

    The peer runs in the database without a guard, which has the same rows and people, and gives the same
    dicts. The guard also lists which rows of which people it touched, for the record.
    """
    service = Actor.service("desk")
    database, governed = stage.plain_engine.database, stage.governed

    async def ours() -> Any:
        return await governed.select(governed.id, governed.owner).where(governed.starred.eq(True))

    sql = _BY_HAND.replace("count(*) AS n", "id, owner").replace("{}", "?")
    args = ("main", 1, "main", "main", "secure_service")

    async def by_hand() -> Any:
        def work(connection: sqlite3.Connection) -> Any:
            return [dict(zip(("id", "owner"), row, strict=True)) for row in connection.execute(sql, args)]

        return await database.read(work)

    async def both() -> tuple[Any, Any]:
        stage.guard.sink = stage.nothing  # type: ignore[assignment]  # a sink is a port
        async with stage.guard.access(service, purpose="secure_service"):
            return await ours(), await by_hand()

    mine, other = (sorted(row["id"] for row in rows) for rows in stage.run(both()))
    assert mine == other
    assert len(mine) == _ROWS // 2
    return Bench(
        "filtering 10,000 rows / SQL by hand", stage.under(service, "secure_service", stage.nothing, ours, 1),
        stage.plain(by_hand, 1), limit=1.15, rounds=151,
    )  # fmt: skip


def _records(stage: _Stage) -> Iterable[Bench]:
    table = stage.governed

    def readers(count: int, sink: Any) -> Any:
        """`count` readers that read in turns of their own, each waiting for its own record."""

        async def reader() -> None:
            for _ in range(8):
                await table.select().where(table.id == "k00007").first()

        async def batch() -> None:
            stage.guard.sink = sink
            async with stage.guard.access(_ANN, purpose="provide_service"):
                await asyncio.gather(*[reader() for _ in range(count)])

        return lambda: stage.run(batch())

    for count, limit in ((1, None), (8, 1.3), (64, None)):
        yield Bench(
            f"record durable before the answer, {count} reading / without",
            readers(count, stage.sink), readers(count, stage.nothing), limit=limit, per=8 * count, rounds=101,
        )  # fmt: skip
