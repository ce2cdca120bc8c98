"""Foreign keys are resolved through the guard: a row that is missing and one that is hidden are one error."""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
from piccolo.columns import BigInt, ForeignKey, Integer, Varchar
from piccolo.table import Table
from tests.support.governed import ANN, BOB, NOW, POLICY

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
from gptimage_core.clock import FixedClock
from gptimage_core.errors import Conflict
from gptimage_core.guard.guard import Guard
from gptimage_core.policy.loader import parse_document
from gptimage_core.policy.timeline import single
from gptimage_core.store import state

_DDL = """CREATE TABLE {0} (id VARCHAR(40) PRIMARY KEY NOT NULL, owner VARCHAR(40) NOT NULL,
tenant VARCHAR(40) NOT NULL, recorded BIGINT NOT NULL, keep_ended BIGINT,
collected_under INTEGER NOT NULL, size INTEGER{1})"""
_LINK = ", item VARCHAR(40) REFERENCES item (id){0}, above VARCHAR(40) REFERENCES shelf (id){0}"

INSERT = "INSERT INTO shelf (id, owner, keep_ended, size, item) VALUES (?, 'ann', NULL, 0, ?)"
WRITES: dict[str, tuple[str, list[Any]]] = {
    "an insert": (INSERT, ["s9", "{}"]),
    "an insert of two": (f"{INSERT}, ('s8', 'ann', NULL, 0, 'mine')", ["s9", "{}"]),
    "an insert from a select": (
        "INSERT INTO shelf (id, owner, keep_ended, size, item) SELECT ?, owner, NULL, size, ? FROM shelf",
        ["s9", "{}"],
    ),
    "an insert that may be left out": (INSERT.replace("INSERT", "INSERT OR IGNORE"), ["s9", "{}"]),
    "an upsert that inserts": (f"{INSERT} ON CONFLICT (id) DO UPDATE SET size = 1", ["s9", "{}"]),
    "an upsert that updates": (f"{INSERT} ON CONFLICT (id) DO UPDATE SET item = excluded.item", ["s1", "{}"]),
    "an update": ("UPDATE shelf SET item = ? WHERE id = ?", ["{}", "s1"]),
    "an update of all": ("UPDATE shelf SET item = ?, size = size + 1", ["{}"]),
    "an update with an expression": ("UPDATE shelf SET item = lower(?) WHERE id = ?", ["{}", "s1"]),
    "an update FROM": ("UPDATE shelf SET item = v.x FROM (SELECT ? AS x) AS v", ["{}"]),
    "to itself": ("UPDATE shelf SET above = ? WHERE id = ?", ["{}", "s1"]),
}


class Store:
    """Items and shelves that name them; ann has an item `mine` and the shelf s1, bob an item and a shelf."""

    def __init__(self, engine: GovernedSQLite, guard: Guard) -> None:
        self.engine, self.guard = engine, guard

    async def run(self, sql: str, *args: Any, actor: Any = ANN) -> Any:
        async with self.guard.access(actor, purpose="provide_service"):
            return await self.guard.run(sql, list(args))

    async def shelves(self) -> Any:
        return await self.run("SELECT id, item, above, size FROM shelf")


@contextlib.asynccontextmanager
async def _opened(folder: Path, deferred: bool) -> AsyncIterator[Store]:
    engine = GovernedSQLite(folder / "data.sqlite", readers=1)

    class Item(Table, db=engine, tablename="item"):
        id = Varchar(length=40, primary_key=True, default="")
        owner = subject(Varchar(length=40))
        tenant = tenant(Varchar(length=40))
        recorded = recorded(BigInt())
        keep_ended = keep_ended(BigInt(null=True))
        collected_under = collected_under(Integer())
        size = category("picture", Integer(default=0))

    class Shelf(Table, db=engine, tablename="shelf"):
        id = Varchar(length=40, primary_key=True, default="")
        owner = subject(Varchar(length=40))
        tenant = tenant(Varchar(length=40))
        recorded = recorded(BigInt())
        keep_ended = keep_ended(BigInt(null=True))
        collected_under = collected_under(Integer())
        size = category("picture", Integer(default=0))
        item = ForeignKey(Item)
        above = ForeignKey("self")

    link = _LINK.format(" DEFERRABLE INITIALLY DEFERRED" if deferred else "")
    for ddl in (_DDL.format("item", ""), _DDL.format("shelf", link)):
        await engine.run_ddl(ddl)
    guard = await govern(
        engine,
        policy=single(parse_document(POLICY, "policy.toml")),
        tables=[Item, Shelf],
        ledger=folder / "ledger",
        clock=FixedClock(NOW),
    )
    for name in ("ann", "bob"):
        await guard.in_transaction(lambda c, n=name: state.create_subject(c, "main", n, NOW))
    store = Store(engine, guard)
    item = "INSERT INTO item (id, owner, keep_ended, size) VALUES (?, ?, NULL, 0)"
    shelf = INSERT.replace("'ann'", "?")
    for actor, key in ((ANN, "mine"), (BOB, "theirs")):
        await store.run(item, key, actor.id, actor=actor)
        await store.run(shelf, "s1" if actor is ANN else "theirs", actor.id, key, actor=actor)
    try:
        yield store
    finally:
        guard.sink.close()  # type: ignore[attr-defined]  # the built-in sink has it
        engine._database.close()


def _in_store(
    folder: Path, scenario: Callable[[Store], Coroutine[Any, Any, None]], *, deferred: bool
) -> None:
    async def run() -> None:
        async with _opened(folder, deferred) as store, asyncio.timeout(60):
            await scenario(store)

    asyncio.run(run())


@pytest.mark.parametrize("deferred", [False, True], ids=["at once", "deferred"])
@pytest.mark.parametrize("write", WRITES)
def test_a_foreign_key_to_a_hidden_row_and_to_none_are_one_error(
    write: str, deferred: bool, tmp_path: Path
) -> None:
    """S7, foreign-key-is-a-read: the same error, nothing written, alone and in a transaction that goes on."""

    async def scenario(store: Store) -> None:
        sql, args = WRITES[write]
        before = await store.shelves()
        told = []
        for value in ("theirs", uuid.uuid4().hex):
            filled = [value if arg == "{}" else arg for arg in args]
            with pytest.raises(Conflict) as error:
                await store.run(sql, *filled)
            told.append((str(error.value), error.value.__cause__, error.value.__context__))
            async with store.guard.access(ANN, purpose="provide_service"), store.engine.transaction():
                with pytest.raises(Conflict):
                    await store.guard.run(sql, filled, store.engine.scope)
                await store.guard.run("UPDATE shelf SET size = 7 WHERE id = ?", ["s1"], store.engine.scope)
            await store.run("UPDATE shelf SET size = 0 WHERE id = ?", "s1")
        assert told[0] == told[1]
        assert await store.shelves() == before
        await store.run(
            sql, *("s1" if write == "to itself" and a == "{}" else "mine" if a == "{}" else a for a in args)
        )

    _in_store(tmp_path, scenario, deferred=deferred)


def test_the_same_statements_run_for_a_hidden_row_and_for_none(tmp_path: Path) -> None:
    """What takes another time tells as well: both are looked for in the same way, and then it ends."""

    async def scenario(store: Store) -> None:
        seen: list[str] = []
        await store.engine._database.write(lambda c: c.set_trace_callback(seen.append))
        for sql, args in WRITES.values():
            ran = []
            for value in ("theirs", "nobody"):
                seen.clear()
                with pytest.raises(Conflict):
                    await store.run(sql, *(value if arg == "{}" else arg for arg in args))
                ran.append([text.replace(value, "?") for text in seen if "item" in text or "shelf" in text])
            if "lower" not in sql and "FROM (" not in sql:  # what is computed is known when it is written
                assert ran[0] == ran[1]

    _in_store(tmp_path, scenario, deferred=False)


def test_a_row_keeps_the_foreign_key_that_it_has(tmp_path: Path) -> None:
    """Saving a whole row writes its foreign keys as they are, whatever has become of the other row; a new row
    may name itself."""

    async def scenario(store: Store) -> None:
        await store.run("UPDATE item SET keep_ended = ? WHERE id = ?", NOW, "mine")
        assert await store.run("SELECT id FROM item") == []
        await store.run("UPDATE shelf SET item = ?, size = ? WHERE id = ?", "mine", 3, "s1")
        with pytest.raises(Conflict):
            await store.run(INSERT, "s2", "mine")
        await store.run(INSERT.replace("item)", "above)"), "s3", "s3")
        await store.run("UPDATE shelf SET above = NULL, item = NULL WHERE id = ?", "s1")
        assert sorted((row["id"], row["item"], row["above"]) for row in await store.shelves()) == [
            ("s1", None, None),
            ("s3", None, "s3"),
        ]

    _in_store(tmp_path, scenario, deferred=False)
