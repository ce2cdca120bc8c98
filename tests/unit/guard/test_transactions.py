"""Transactions belong to the access that opened them; nested ones are savepoints, never nothing."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from piccolo.engine.exceptions import TransactionError
from tests.support.governed import ANN, BOB, NOW, World, in_world

from gptimage_core.errors import AccessDenied, GuardError, StoreError


def test_a_transaction_commits_as_a_whole_or_not_at_all(tmp_path: Path) -> None:
    """What a failed block wrote is gone; what it read and what it was denied stays on record."""

    async def scenario(world: World) -> None:
        Picture, engine = world.Picture, world.engine
        async with world.own():
            async with engine.transaction():
                await Picture(owner="ann", title="a").save()
                await Picture(owner="ann", title="b").save()
            with pytest.raises(ZeroDivisionError):  # noqa: PT012  # the whole block is what fails
                async with engine.transaction():
                    await Picture(owner="ann", title="c").save()
                    assert await Picture.count() == 3
                    _ = 1 / 0
            with pytest.raises(AccessDenied) as denied:  # noqa: PT012  # the whole block is what fails
                async with engine.transaction():
                    await Picture(owner="ann", title="d").save()
                    await Picture(owner="bob", title="planted").save()
            assert await Picture.select(Picture.title).order_by(Picture.title) == [
                {"title": "a"},
                {"title": "b"},
            ]
        assert await world.guard.explain_denial(denied.value.denial_id) is not None
        kept = await world.sql("SELECT statement, counts FROM gp_access_record ORDER BY seq")
        assert kept == [
            ("INSERT", '{"picture":1}'),
            ("INSERT", '{"picture":1}'),
            ("SELECT", '{"picture":3}'),
            ("SELECT", '{"picture":2}'),
        ]

    in_world(tmp_path, scenario)


def test_a_nested_transaction_undoes_itself_only(tmp_path: Path) -> None:
    """In Piccolo a nested block that fails is committed all the same when the outer one goes on; not here."""

    async def scenario(world: World) -> None:
        Picture, engine = world.Picture, world.engine
        async with world.own():
            async with engine.transaction():
                await Picture(owner="ann", title="outer").save()
                with pytest.raises(ZeroDivisionError):  # noqa: PT012  # the whole block is what fails
                    async with engine.transaction():
                        await Picture(owner="ann", title="inner").save()
                        _ = 1 / 0
                async with engine.transaction():
                    await Picture(owner="ann", title="second").save()
            assert await Picture.select(Picture.title).output(as_list=True) == ["outer", "second"]
            with pytest.raises(TransactionError):
                async with engine.transaction(), engine.transaction(allow_nested=False):
                    pass

    in_world(tmp_path, scenario)


def test_savepoints(tmp_path: Path) -> None:
    """`rollback_to` undoes what came after the point and nothing else; `release` keeps it."""

    async def scenario(world: World) -> None:
        Picture, engine = world.Picture, world.engine
        async with world.own():
            async with engine.transaction() as transaction:
                await Picture(owner="ann", title="a").save()
                point = await transaction.savepoint()
                await Picture(owner="ann", title="b").save()
                await point.rollback_to()
                await Picture(owner="ann", title="c").save()
                named = await transaction.savepoint("here")
                await Picture(owner="ann", title="d").save()
                await named.release()
                await transaction.savepoint("there")
                await Picture(owner="ann", title="e").save()
                await transaction.rollback_to("there")
            assert await Picture.select(Picture.title).output(as_list=True) == ["a", "c", "d"]
            with pytest.raises(ValueError, match="Savepoint names"):
                async with engine.transaction() as transaction:
                    await transaction.savepoint('x"; DROP TABLE picture; --')

    in_world(tmp_path, scenario)


def test_overlapping_nested_transactions_of_two_tasks_are_refused(tmp_path: Path) -> None:
    """Savepoints are a stack: two tasks that nest across each other get an error and nothing is committed."""

    async def scenario(world: World) -> None:
        Picture, engine = world.Picture, world.engine
        first_in, second_in = asyncio.Event(), asyncio.Event()

        async def first() -> None:
            async with engine.transaction():
                first_in.set()
                await second_in.wait()

        async def second() -> None:
            await first_in.wait()
            async with engine.transaction():
                await Picture(owner="ann", title="x").save()
                second_in.set()
                await asyncio.sleep(0.05)

        async with world.own():
            with pytest.raises((TransactionError, GuardError)):
                async with engine.transaction():
                    await asyncio.gather(first(), second(), return_exceptions=True)
            assert await Picture.count() == 0

    in_world(tmp_path, scenario)


def test_a_statement_of_another_access_does_not_run_in_it(tmp_path: Path) -> None:
    """A transaction under one access runs nothing under another, and ends no later than its own."""

    async def scenario(world: World) -> None:
        Picture, engine = world.Picture, world.engine
        async with world.own(ANN), engine.transaction():
            await Picture(owner="ann", title="a").save()
            async with world.own(BOB):
                with pytest.raises(GuardError, match="belongs to another access"):
                    await Picture.select()
            assert await Picture.count() == 1
        block = world.own(ANN)
        await block.__aenter__()
        transaction = engine.transaction()
        await transaction.__aenter__()
        await Picture(owner="ann", title="b").save()
        await block.__aexit__(None, None, None)
        with pytest.raises(GuardError, match="ended before its transaction"):
            await transaction.__aexit__(None, None, None)
        async with world.own(ANN):
            assert await Picture.count() == 1

    in_world(tmp_path, scenario)


def test_atomic_runs_its_queries_in_one_transaction(tmp_path: Path) -> None:
    """`engine.atomic()`: all of them or none."""

    async def scenario(world: World) -> None:
        Picture = world.Picture
        async with world.own():
            atomic = world.engine.atomic()
            atomic.add(Picture.insert(Picture(owner="ann", title="a")))
            atomic.add(Picture.update({Picture.title: "b"}, force=True))
            await atomic.run()
            assert await Picture.select(Picture.title) == [{"title": "b"}]
            failing = world.engine.atomic()
            failing.add(Picture.delete(force=True), Picture.insert(Picture(owner="bob", title="planted")))
            with pytest.raises(AccessDenied):
                await failing.run()
            assert await Picture.count() == 1

    in_world(tmp_path, scenario)


def test_commit_and_rollback_by_hand(tmp_path: Path) -> None:
    """After either, nothing more runs in the block."""

    async def scenario(world: World) -> None:
        Picture, engine = world.Picture, world.engine
        async with world.own():
            async with engine.transaction() as transaction:
                await Picture(owner="ann", title="a").save()
                await transaction.rollback()
            assert await Picture.count() == 0
            async with engine.transaction() as transaction:
                await Picture(owner="ann", title="b").save()
                await transaction.commit()
            assert await Picture.count() == 1

    in_world(tmp_path, scenario)


def test_maintenance_does_not_wait_for_its_own_transaction(tmp_path: Path) -> None:
    """A window that ends while its transaction is open says so; it would wait for the one writer for ever."""

    async def scenario(world: World) -> None:
        transaction = world.engine.transaction()
        with pytest.raises(StoreError, match="transaction open"):
            async with world.guard.maintenance("forgets its end", "OPS-1", NOW + 10):
                await transaction.__aenter__()
        await transaction.rollback()

    in_world(tmp_path, scenario)


def test_maintenance_is_for_migrations_and_expires(tmp_path: Path) -> None:
    """The schema changes inside `guard.maintenance` only; it wants a reason and a ticket, and it ends."""

    async def scenario(world: World) -> None:
        Picture, guard = world.Picture, world.guard
        await world.picture(ANN, title="a")
        async with world.own():
            with pytest.raises(GuardError, match=r"guard\.maintenance"):
                await Picture.raw("CREATE INDEX titles ON picture (size)")
            with pytest.raises(GuardError, match=r"guard\.maintenance"):
                await Picture.create_table(if_not_exists=True)
        for reason, ticket, until in (
            ("", "T", NOW + 9),
            ("r", " ", NOW + 9),
            ("r", "T", NOW),
            ("r", "T", NOW * 2),
        ):
            with pytest.raises(GuardError):
                guard.maintenance(reason, ticket, until)
        async with guard.maintenance("index sizes", "OPS-1", NOW + 10):
            await Picture.raw("CREATE INDEX sizes ON picture (size)")
            async with world.engine.transaction():
                await Picture.raw("UPDATE picture SET size = 4")
            world.clock.advance(10)
            with pytest.raises(GuardError, match="expired"):
                await Picture.raw("DROP INDEX sizes")
        with pytest.raises(GuardError, match="no access is open"):
            await Picture.select()
        async with world.own():
            assert await Picture.select(Picture.size) == [{"size": 4}]
        rows = await world.sql(
            "SELECT statement, rules FROM gp_access_record WHERE operation = 'maintenance'"
        )
        assert [statement for statement, _ in rows] == [
            "BEGIN MAINTENANCE",
            "CREATE",
            "UPDATE",
            "END MAINTENANCE",
        ]
        assert all("index sizes (OPS-1)" in rules for _, rules in rows)

    in_world(tmp_path, scenario)
