"""Accesses that live longer than they may, and transactions across them."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import copy
import pickle
import threading
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from tests.bypass.attack import Family
from tests.bypass.judge import Told
from tests.bypass.world import ANN, BOB, NOW, World

from gptimage_core.decision.model import Actor

HANDLES = Family(
    "handles",
    "Accesses that are over",
    "Bob's access was open a moment ago, or is open in another task. Ann's code kept what it could of it: the "
    "task, the thread, the context, the generator, the object itself.",
)
code = HANDLES.code
OUTSIDE = "running outside an access"


async def titles(w: World) -> Any:
    """Everything that an access gives of titles."""
    return await w.Picture.select(w.Picture.id, w.Picture.title)


@code("after-exit", "a query after the access", OUTSIDE)
async def _(w: World, told: Told) -> None:
    async with w.own(BOB):
        await titles(w)
    await told.run(titles(w))


@code("task-outlives", "a task that goes on after the access", OUTSIDE)
async def _(w: World, told: Told) -> None:
    over = asyncio.Event()

    async def later() -> None:
        await over.wait()
        await told.run(titles(w))

    async with w.own(BOB):
        task = asyncio.create_task(later())
    over.set()
    await task


@code("callback-outlives", "a callback of the loop that comes after the access", OUTSIDE)
async def _(w: World, told: Told) -> None:
    tasks: list[Any] = []
    async with w.own(BOB):
        asyncio.get_running_loop().call_soon(lambda: tasks.append(asyncio.ensure_future(titles(w))))
    await asyncio.sleep(0.01)
    for task in tasks:
        await told.run(task)


@code("thread-outlives", "a thread that goes on after the access", OUTSIDE)
async def _(w: World, told: Told) -> None:
    over = threading.Event()
    context: list[contextvars.Context] = []

    def later() -> None:
        over.wait(5)
        with told.trying():
            told.add(w.Picture.select(w.Picture.title).run_sync())

    async with w.own(BOB):
        context.append(contextvars.copy_context())
        thread = threading.Thread(target=context[0].run, args=(later,))
        thread.start()
    over.set()
    await asyncio.to_thread(thread.join)


@code("executor-outlives", "a pool's job with a copied context", OUTSIDE)
async def _(w: World, told: Told) -> None:
    async with w.own(BOB):
        context = contextvars.copy_context()
    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(context.run, lambda: w.Picture.count().run_sync())
        await told.run(asyncio.wrap_future(future))


@code("context-replayed", "a copy of the context, entered again", OUTSIDE)
async def _(w: World, told: Told) -> None:
    async with w.own(BOB):
        context = contextvars.copy_context()
    await told.run(asyncio.get_running_loop().create_task(titles(w), context=context))
    await told.run(asyncio.get_running_loop().create_task(titles(w), context=context))


@code("coroutine-kept", "a coroutine made inside and awaited outside", OUTSIDE)
async def _(w: World, told: Told) -> None:
    async with w.own(BOB):
        kept, query = titles(w), w.Picture.select(w.Picture.title)
    await told.run(kept)
    await told.run(query.run())


@code("async-generator", "an async generator that holds the access between its yields", OUTSIDE)
async def _(w: World, told: Told) -> None:
    async def rows() -> AsyncIterator[Any]:
        async with w.own(BOB):
            yield await titles(w)
            yield await titles(w)

    generator = rows()
    with told.trying():
        await anext(generator)
        told.add(await titles(w))
    await generator.aclose()


@code("generator", "a generator that holds a sync access between its yields", OUTSIDE)
async def _(w: World, told: Told) -> None:
    def rows() -> Iterator[None]:
        with w.guard.access_sync(BOB, purpose="provide_service"):
            yield

    held = rows()
    with told.trying():
        next(held)
        told.add(await titles(w))
    held.close()


@code("context-manager-generator", "a context manager made of a generator, held by a generator", OUTSIDE)
async def _(w: World, told: Told) -> None:
    @contextlib.asynccontextmanager
    async def as_bob() -> AsyncIterator[None]:
        async with w.own(BOB):
            yield

    async def rows() -> AsyncIterator[None]:
        async with as_bob():
            yield

    generator = rows()
    with told.trying():
        await anext(generator)
        told.add(await titles(w))
    await generator.aclose()


@code("exit-stack", "an exit stack that is filled by a generator", OUTSIDE)
async def _(w: World, told: Told) -> None:
    stack = contextlib.AsyncExitStack()

    async def fill() -> AsyncIterator[None]:
        await stack.enter_async_context(w.own(BOB))
        yield

    generator = fill()
    with told.trying():
        await anext(generator)
        told.add(await titles(w))
    await generator.aclose()
    await stack.aclose()


@code("entered-twice", "one access entered again after its end", OUTSIDE)
async def _(w: World, told: Told) -> None:
    block = w.own(BOB)
    async with block:
        await titles(w)
    with told.trying():
        async with block:
            told.add(await titles(w))


@code("entered-by-hand", "an access entered by hand and left in another task", OUTSIDE)
async def _(w: World, told: Told) -> None:
    block = w.own(BOB)
    await block.__aenter__()
    await asyncio.create_task(block.__aexit__(None, None, None))
    await told.run(titles(w))


@code("handle-copied", "the handle copied or sent elsewhere", OUTSIDE)
async def _(w: World, told: Told) -> None:
    async with w.own(BOB) as handle:
        copies: list[Any] = []
        for make in (copy.copy, copy.deepcopy, lambda h: pickle.loads(pickle.dumps(h))):
            with told.trying():
                copies.append(make(handle))
    told.add(len(copies))
    await told.run(titles(w))


@code("inner-left-open", "an inner access that ends in the wrong order", OUTSIDE)
async def _(w: World, told: Told) -> None:
    outer, inner = w.own(), w.own(BOB)
    await outer.__aenter__()
    await inner.__aenter__()
    await outer.__aexit__(None, None, None)
    await inner.__aexit__(None, None, None)
    await told.run(titles(w))


@code("nested-restored", "the outer access after an inner one", "rows of others")
async def _(w: World, told: Told) -> None:
    async with w.own():
        before = await titles(w)
        async with w.own(BOB):
            await titles(w)
        told.add(await titles(w) == before)
        told.add(before)


@code("beside", "a task of Ann's while Bob's access is open in another", "rows of others")
async def _(w: World, told: Told) -> None:
    opened, done = asyncio.Event(), asyncio.Event()

    async def bobs() -> None:
        async with w.own(BOB):
            opened.set()
            await done.wait()

    task = asyncio.create_task(bobs())
    await opened.wait()
    await told.run(titles(w))
    async with w.own():
        for _ in range(3):
            told.add(await titles(w))
    done.set()
    await task


@code("cache-mixed", "one text under two accesses in turns", "rows of others")
async def _(w: World, told: Told) -> None:
    sql = "SELECT id, title, remark, note FROM picture ORDER BY id"
    for _ in range(3):
        async with w.own(BOB):
            await w.guard.run(sql, ())
        async with w.own():
            told.add(await w.guard.run(sql, ()))
        async with w.guard.access(
            Actor.staff("clerk"), purpose="secure_service", facts={"ticket_until": NOW + 9**9}
        ):
            with contextlib.suppress(Exception):
                await w.guard.run(sql, ())


@code("cache-mixed-write", "one UPDATE under two accesses in turns", "a change of another's row")
async def _(w: World, told: Told) -> None:
    sql = "UPDATE picture SET size = size WHERE id = ?"
    for _ in range(2):
        async with w.own(BOB):
            await w.guard.run(sql, ("bob-1",))
        async with w.own():
            told.add(await w.guard.run("UPDATE picture SET title = ? WHERE id = ?", ("mine", "bob-1")))
            told.add(await w.guard.run("DELETE FROM page WHERE id = ?", ("bob-page-1",)))


@code("frozen-shared", "a frozen query of Bob's run by Ann", "rows of others")
async def _(w: World, told: Told) -> None:
    async with w.own(BOB):
        frozen = w.Picture.select(w.Picture.title).freeze()
        await frozen.run()
    async with w.own():
        told.add(await frozen.run())


@code("cached-answer", "an answer that Piccolo keeps with the query", "rows of others")
async def _(w: World, told: Told) -> None:
    query = w.Picture.objects().where(w.Picture.owner == "bob")
    async with w.own(BOB):
        await query.run()
    async with w.own():
        told.add([row.id for row in await query.run()])


@code("stream-outlives", "a stream that goes on after the access", OUTSIDE)
async def _(w: World, told: Told) -> None:
    async with w.own(BOB):
        stream = w.guard.stream(w.Picture.select(w.Picture.id, w.Picture.title), page=2)
        with contextlib.suppress(Exception):
            await anext(aiter(stream))
    with told.trying():
        async for row in stream:
            told.add(row)


@code("stream-in-the-middle", "a stream of Ann's whose pages come after Bob's access", "rows of others")
async def _(w: World, told: Told) -> None:
    async with w.own():
        stream = w.guard.stream(w.Picture.select(w.Picture.id, w.Picture.title), page=1)
        with told.trying():
            async for row in stream:
                told.add(row)
                async with w.own(BOB):
                    await titles(w)


@code("stream-elsewhere", "a stream of Bob's read on inside Ann's access", "rows of others")
async def _(w: World, told: Told) -> None:
    async with w.own(BOB):
        stream = w.guard.stream(w.Picture.select(w.Picture.id, w.Picture.title), page=1)
        with contextlib.suppress(Exception):
            await anext(aiter(stream))
        async with w.own():
            with told.trying():
                async for row in stream:
                    told.add(row)


@code("parallel", "many statements of both at once", "rows of others")
async def _(w: World, told: Told) -> None:
    async def of(actor: Actor) -> Any:
        async with w.own(actor):
            return await titles(w)

    answers = await asyncio.gather(*(of(BOB if n % 2 else ANN) for n in range(12)))
    told.add(answers[0::2])


TRANSACTIONS = Family(
    "transactions",
    "Transactions and savepoints",
    "A transaction has one connection and belongs to one access. Ann is after one of Bob's, after one that "
    "outlives its access, and after undoing what says that she was refused.",
)
code = TRANSACTIONS.code


@code("of-another", "a statement of Ann's in Bob's transaction", "rows of others")
async def _(w: World, told: Told) -> None:
    async with w.own(BOB), w.engine.transaction():
        await titles(w)
        async with w.own():
            await told.run(titles(w))
            await told.run(
                w.guard.run("UPDATE picture SET title = 'mine' WHERE id = 'bob-1'", (), w.engine.scope)
            )


@code("scope-kept", "Bob's transaction kept and named in Ann's statement", "rows of others")
async def _(w: World, told: Told) -> None:
    async with w.own(BOB), w.engine.transaction():
        scope = w.engine.scope
        async with w.own():
            await told.run(w.guard.run("SELECT title FROM picture", (), scope))
            await told.run(
                w.guard.decide_and_record("picture", operation="read", subjects=["bob"], scope=scope)
            )
    async with w.own():
        await told.run(w.guard.run("SELECT title FROM picture", (), scope))
        await told.run(
            w.guard.in_transaction(lambda c: c.execute("SELECT title FROM picture").fetchall(), scope)
        )


@code("outlives-access", "a transaction that outlives its access", "running outside an access")
async def _(w: World, told: Told) -> None:
    transaction = w.engine.transaction()
    async with w.own(BOB):
        await transaction.__aenter__()
        await w.Picture.update({w.Picture.size: 1}).where(w.Picture.id == "bob-1")
    await told.run(titles(w))
    async with w.own():
        await told.run(titles(w))
    await told.run(transaction.__aexit__(None, None, None))


@code("commit-early", "statements after the transaction's end", "running outside an access")
async def _(w: World, told: Told) -> None:
    async with w.own():
        with told.trying():
            async with w.engine.transaction() as transaction:
                await transaction.commit()
                told.add(await w.guard.run("SELECT title FROM main.picture", (), w.engine.scope))


@code("denial-undone", "a refusal undone by a rollback", "the core's tables")
async def _(w: World, told: Told) -> None:
    async def refusals() -> int:
        return len(await w.guard.in_transaction(lambda c: c.execute("SELECT id FROM gp_denial").fetchall()))

    before = await refusals()
    async with w.own():
        with told.trying():
            async with w.engine.transaction() as transaction:
                point = await transaction.savepoint("here")
                with contextlib.suppress(Exception):
                    await w.Picture.insert(w.Picture(id="x-9", owner="bob", title="x"))
                await point.rollback_to()
                raise ZeroDivisionError
    if await refusals() == before:
        told.add(f"no refusal was recorded in world {w.name}")


@code("probe-undone", "a write that tells, undone before it is recorded", "the core's tables")
async def _(w: World, told: Told) -> None:
    sql = "SELECT count(*) FROM gp_access_record"

    async def records() -> int:
        return int(await w.guard.in_transaction(lambda c: c.execute(sql).fetchone()[0]))

    before = await records()
    async with w.own():
        with contextlib.suppress(ZeroDivisionError):
            async with w.engine.transaction():
                await w.Picture.update({w.Picture.size: 9}).where(w.Picture.id == "ann-1")
                raise ZeroDivisionError
    if await records() == before:
        told.add(f"no record was kept in world {w.name}")


@code("savepoint-name", "a savepoint whose name is SQL", "a change of another's row")
async def _(w: World, told: Told) -> None:
    async with w.own(), w.engine.transaction() as transaction:
        for name in ('x"; DELETE FROM page; --', "gp:step", "nested_1", 'x" ', "", "x\x00"):
            point = await told.run(transaction.savepoint(name))
            if point is not None:
                await told.run(point.rollback_to())
                await told.run(point.release())
        await told.run(transaction.rollback_to("gp:step"))


@code("savepoint-guards", "the guard's own savepoint released from inside", "a change of another's row")
async def _(w: World, told: Told) -> None:
    async with w.own(), w.engine.transaction() as transaction:
        for sql in ('RELEASE "gp:step"', "COMMIT", "ROLLBACK", "SAVEPOINT x", "BEGIN IMMEDIATE"):
            await told.run(w.guard.run(sql, (), w.engine.scope))
        await told.run(transaction.rollback_to("nested_1"))


@code("nested-overlap", "nested transactions of two tasks that overlap", "a change of another's row")
async def _(w: World, told: Told) -> None:
    async def one(wait: asyncio.Event, go: asyncio.Event) -> None:
        async with w.engine.transaction():
            go.set()
            await wait.wait()

    async with w.own():
        with told.trying():
            async with w.engine.transaction():
                first, second = asyncio.Event(), asyncio.Event()
                results = await asyncio.gather(one(first, second), one(second, first), return_exceptions=True)
                told.add([type(result).__name__ for result in results])
                told.add(await w.guard.run("SELECT id FROM main.picture", (), w.engine.scope))


@code("atomic", "an atomic block with statements that are refused", "a change of another's row")
async def _(w: World, told: Told) -> None:
    async with w.own():
        atomic = w.engine.atomic()
        atomic.add(w.Picture.update({w.Picture.title: "mine"}).where(w.Picture.id == "bob-1"))
        atomic.add(w.Picture.raw("DELETE FROM main.page"))
        await told.run(atomic.run())
    await told.run(atomic.run())


@code("maintenance-transaction", "a transaction of maintenance, named after it", "rows of others")
async def _(w: World, told: Told) -> None:
    async with w.guard.maintenance("look", "OPS-1", NOW + 60_000_000), w.engine.transaction():
        scope = w.engine.scope
        await titles(w)
    async with w.own():
        await told.run(w.guard.run("SELECT title FROM main.picture", (), scope))
        await told.run(w.guard.run("SELECT title FROM picture", (), scope))
        await told.run(
            w.guard.in_transaction(lambda c: c.execute("SELECT title FROM picture").fetchall(), scope)
        )


MAINTENANCE = Family(
    "maintenance",
    "Maintenance",
    "Inside its window everything runs as it is written; so the window is what is attacked.",
)
code = MAINTENANCE.code
ALL = "SELECT id, title, flag FROM main.picture"


@code("without-reason", "a window without reason, ticket or end", "running outside an access")
async def _(w: World, told: Told) -> None:
    for reason, ticket, until in (
        ("", "OPS-1", NOW + 9), (" ", "\t", NOW + 9), ("x", "", NOW + 9), ("x", "y", NOW), ("x", "y", 2**63),
        ("x", "y", NOW + 25 * 3_600_000_000),
    ):  # fmt: skip
        with told.trying():
            async with w.guard.maintenance(reason, ticket, until):
                told.add(await w.guard.run(ALL, ()))


@code("expired", "a window that has expired", "running outside an access")
async def _(w: World, told: Told) -> None:
    async with w.guard.maintenance("look", "OPS-1", NOW + 1_000_000):
        w.clock.advance(2_000_000)
        await told.run(w.guard.run(ALL, ()))
        await told.run(w.engine.run_ddl("DROP TABLE copied"))
        async with w.own():
            await told.run(w.guard.run(ALL, ()))


@code("not-entered", "a window that was never entered", "running outside an access")
async def _(w: World, told: Told) -> None:
    w.guard.maintenance("look", "OPS-1", NOW + 1_000_000)
    await told.run(w.guard.run(ALL, ()))
    async with w.own():
        await told.run(w.guard.run(ALL, ()))


@code("task-outlives", "a task that outlives the window", "running outside an access")
async def _(w: World, told: Told) -> None:
    over = asyncio.Event()

    async def later() -> None:
        await over.wait()
        await told.run(w.guard.run(ALL, ()))
        await told.run(w.engine.run_ddl("DROP TABLE copied"))

    async with w.guard.maintenance("look", "OPS-1", NOW + 60_000_000):
        task = asyncio.create_task(later())
    over.set()
    await task


@code("context-kept", "the window's context, entered again", "running outside an access")
async def _(w: World, told: Told) -> None:
    async with w.guard.maintenance("look", "OPS-1", NOW + 60_000_000):
        context = contextvars.copy_context()
    await told.run(asyncio.get_running_loop().create_task(w.guard.run(ALL, ()), context=context))


@code("statement-kept", "a text that ran in the window, run again after it", "rows of others")
async def _(w: World, told: Told) -> None:
    texts = (
        "SELECT id, title FROM picture",
        ALL,
        "SELECT title FROM every_picture",
        "SELECT title FROM copied",
    )
    async with w.guard.maintenance("look", "OPS-1", NOW + 60_000_000):
        for sql in texts:
            await w.guard.run(sql, ())
    for sql in texts:
        await told.run(w.guard.run(sql, ()))
    async with w.own():
        for sql in texts:
            await told.run(w.guard.run(sql, ()))
            await told.run(w.guard.in_transaction(lambda c, sql=sql: c.execute(sql).fetchall()))


@code("temporary-left", "a temporary view left behind", "rows of others")
async def _(w: World, told: Told) -> None:
    async with w.guard.maintenance("look", "OPS-1", NOW + 60_000_000):
        for sql in (
            "CREATE TEMP VIEW folder AS SELECT * FROM main.picture",
            "CREATE TEMP TABLE t AS SELECT 1 AS id",
        ):
            with contextlib.suppress(Exception):
                await w.guard.run(sql, ())
    async with w.own():
        for sql in (
            "SELECT name FROM folder",
            "SELECT title FROM folder",
            "UPDATE folder SET name = 'x'",
            "SELECT * FROM t",
        ):
            await told.run(w.guard.run(sql, ()))


@code("in-an-access", "a window's effect on an access beside it", "rows of others")
async def _(w: World, told: Told) -> None:
    opened, done = asyncio.Event(), asyncio.Event()

    async def keeper() -> None:
        async with w.guard.maintenance("look", "OPS-1", NOW + 60_000_000):
            opened.set()
            await done.wait()

    task = asyncio.create_task(keeper())
    await opened.wait()
    await told.run(w.guard.run(ALL, ()))
    async with w.own():
        await told.run(w.guard.run(ALL, ()))
        await told.run(w.guard.run("SELECT title FROM picture", ()))
    done.set()
    await task
