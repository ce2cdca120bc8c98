"""What it costs to shape a statement that the guard has not seen, and to find the plan of one that it has.

Uncached: the text parsed, resolved, shaped for a view and made a plan, beside Piccolo's own building of the
SELECT, `_BUILDINGS` times. The bar is 1 ms on the machine that it was set on (two cores, Python 3.11), where
Piccolo builds that SELECT in some 175 us: five buildings are a millisecond at most, there and, scaled, on any
other machine. So a ratio of 1 is the bar, and the first column is the time here. A statement is shaped once
for each text and view; then its plan is kept.

Cached: finding the view and the kept plan, beside the governed read by key that it is part of, through
Piccolo, with a sink that keeps nothing. The bar is 2 % of the read.
"""

from __future__ import annotations

import asyncio
import atexit
import shutil
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from piccolo.columns import BigInt, Boolean, ForeignKey, Integer, OnDelete, OnUpdate, Text, Varchar
from piccolo.table import Table
from tests.benchmarks.bench_guard import _POLICY, _KeepsNothing
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
from gptimage_core.guard.handles import current_handle
from gptimage_core.policy.loader import parse_document
from gptimage_core.policy.timeline import single
from gptimage_core.store import state

__all__ = ["benches"]

_BUILDINGS = 5
_ANN = Actor.subject("ann")


class Board(Table, tablename="board"):
    id = Varchar(length=40, primary_key=True, default="")
    owner = subject(Varchar(length=40))
    tenant = tenant(Varchar(length=40))
    recorded = recorded(BigInt())
    keep_ended = keep_ended(BigInt(null=True))
    collected_under = collected_under(Integer())
    name = category("picture", Text())


class Picture(Table, tablename="picture"):
    id = Varchar(length=40, primary_key=True, default="")
    owner = subject(Varchar(length=40))
    tenant = tenant(Varchar(length=40))
    recorded = recorded(BigInt())
    keep_ended = keep_ended(BigInt(null=True))
    collected_under = collected_under(Integer())
    title = category("picture", Text())
    starred = category("picture", Boolean(default=False))
    board = ForeignKey(Board, on_delete=OnDelete.restrict, on_update=OnUpdate.restrict)


class _Stage:
    """A governed database with a picture on a board, and the view of an access that is open all along."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="gptimage-bench-"))
        self.loop = asyncio.new_event_loop()
        self.run(self._open())
        atexit.register(self.close)

    async def _open(self) -> None:
        self.engine = GovernedSQLite(self.folder / "governed.sqlite")
        for table in (Board, Picture):
            table._meta._db = self.engine
            await table.create_table()
        self.guard: Guard = await govern(
            self.engine,
            policy=single(parse_document(_POLICY)),
            tables=[Board, Picture],
            ledger=self.folder / "apart" / "ledger",
        )
        self.sink = self.guard.sink
        await self.guard.in_transaction(
            lambda connection: state.create_subject(connection, "main", "ann", 1, age_floor_is_met=True)
        )
        self.guard.sink = _KeepsNothing(self.guard._database)  # type: ignore[assignment]  # a sink is a port
        async with self.guard.access(_ANN, purpose="provide_service"):
            await Board.insert(Board(id="b1", owner="ann", name="Sea"))
            await Picture.insert(Picture(id="p1", owner="ann", title="Waves", board="b1"))
            self.planner = self.guard._planner
            self.handle, self.now = current_handle(self.guard), self.guard.clock.now()
            self.view = self.planner.book.view(self.handle, self.now)

    def run(self, work: Any) -> Any:
        return self.loop.run_until_complete(work)

    def shaping(self, query: Callable[[], Any]) -> Callable[[], None]:
        """Making the plan of the text anew: no tree and no plan of it is kept."""
        sql, args = _built(query)
        planner, view = self.planner, self.view
        assert planner.plan(view, sql, args).shaped is not None

        def work() -> None:
            planner._trees.clear()
            planner._make(view, sql, (), False)

        return work

    def close(self) -> None:
        if isinstance(self.sink, RecordSink):
            self.sink.close()
        self.engine._database.close()
        self.loop.close()
        shutil.rmtree(self.folder, ignore_errors=True)


def _built(query: Callable[[], Any]) -> tuple[str, list[Any]]:
    """The text and arguments that Piccolo makes of a query."""
    sql, args = query().querystrings[0].compile_string("sqlite")
    return sql, args


def _building(query: Callable[[], Any]) -> Callable[[], None]:
    def work() -> None:
        for _ in range(_BUILDINGS):
            _built(query)

    return work


def _select() -> Any:
    return (
        Picture.select(Picture.id, Picture.title, Picture.starred, Picture.recorded, Picture.board.name)
        .where(Picture.starred.eq(False), Picture.recorded > 0, Picture.title.like("%wave%"))
        .order_by(Picture.recorded, ascending=False)
        .limit(20)
    )


def _update() -> Any:
    return Picture.update({Picture.title: "Foam", Picture.starred: True}).where(Picture.id == "p1")


def _one() -> Any:
    return Picture.select().where(Picture.id == "p1").first()


def benches() -> Iterable[Bench]:
    """Three lines."""
    stage = _Stage()

    async def answers() -> tuple[Any, Any]:
        async with stage.guard.access(_ANN, purpose="provide_service"):
            return await _select(), await _one()

    many, one = stage.run(answers())
    assert [row["board.name"] for row in many] == ["Sea"]
    assert one["title"] == "Waves"
    peer = _building(_select)
    yield Bench(
        f"uncached SELECT with a join / {_BUILDINGS} × building it", stage.shaping(_select), peer, limit=1.0
    )
    yield Bench(
        f"uncached UPDATE / {_BUILDINGS} × building that SELECT", stage.shaping(_update), peer, limit=1.0
    )
    sql, args = _built(lambda: Picture.select().where(Picture.id == "p1"))
    planner, handle, now = stage.planner, stage.handle, stage.now
    planner.plan(stage.view, sql, args)

    def planning() -> None:
        for _ in range(20):
            planner.plan(planner.book.view(handle, now), sql, args)

    async def reads() -> None:
        async with stage.guard.access(_ANN, purpose="provide_service"):
            for _ in range(20):
                await _one()

    yield Bench(
        "cached plan / governed read by key", planning, lambda: stage.run(reads()), limit=0.02, per=20
    )
