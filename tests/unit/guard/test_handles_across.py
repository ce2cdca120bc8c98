"""INVARIANT (handle-is-open) across tasks, threads, contexts, generators, guards, and where things fail."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import threading
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from tests.support.governed import ANN, BOB, World, in_world, opened

from gptimage_core.errors import AccessDenied, GptimageError, GuardError


async def _titles(world: World) -> list[str]:
    rows = await world.Picture.select(world.Picture.title).order_by(world.Picture.title)
    return [row["title"] for row in rows]


async def _people(world: World) -> None:
    await world.picture(ANN, title="hers")
    await world.picture(BOB, title="his")


def _two(folder: Path, scenario: Callable[[World, World], Any]) -> None:
    async def run() -> None:
        async with opened(folder / "one") as one, opened(folder / "two") as two, asyncio.timeout(60):
            await scenario(one, two)

    for name in ("one", "two"):
        (folder / name).mkdir()
    asyncio.run(run())


def test_a_pool_of_threads_inherits_only_what_it_is_handed(tmp_path: Path) -> None:
    """`run_in_executor` hands no context on, so it is refused and says what does; a copied one works."""

    async def scenario(world: World) -> None:
        await _people(world)
        loop = asyncio.get_running_loop()
        count = world.Picture.count
        with ThreadPoolExecutor(2) as pool:
            async with world.own():
                with pytest.raises(GuardError, match=r"asyncio\.to_thread"):
                    await loop.run_in_executor(pool, lambda: count().run_sync())
                contexts = [contextvars.copy_context() for _ in range(6)]
                copied = [
                    loop.run_in_executor(pool, context.run, lambda: count().run_sync())
                    for context in contexts
                ]
                assert await asyncio.gather(*copied) == [1] * 6
            late = loop.run_in_executor(pool, contexts[0].run, lambda: count().run_sync())
            with pytest.raises(GuardError, match="outlived it"):
                await late

    in_world(tmp_path, scenario)


def test_each_thread_opens_its_own_access(tmp_path: Path) -> None:
    """`access_sync` in several threads at once: each sees with its own eyes, none with its neighbour's."""

    async def scenario(world: World) -> None:
        await _people(world)
        inside = threading.Barrier(4)

        def work(who: Any) -> list[str]:
            with world.guard.access_sync(who, purpose="provide_service"):
                inside.wait(10)
                found = world.Picture.select(world.Picture.title).run_sync()
                inside.wait(10)
            with pytest.raises(GuardError, match="no access is open"):
                world.Picture.count().run_sync()
            return [row["title"] for row in found]

        with ThreadPoolExecutor(4) as pool:
            loop = asyncio.get_running_loop()
            found = await asyncio.gather(
                *[loop.run_in_executor(pool, work, who) for who in (ANN, BOB, ANN, BOB)]
            )
        assert found == [["hers"], ["his"], ["hers"], ["his"]]

    in_world(tmp_path, scenario)


def test_tasks_of_one_access_open_others_without_disturbing_it(tmp_path: Path) -> None:
    """A child's own access is the child's; its siblings and its parent keep theirs."""

    async def scenario(world: World) -> None:
        await _people(world)

        async def as_bob() -> list[str]:
            async with world.own(BOB):
                await asyncio.sleep(0.01)
                return await _titles(world)

        async with world.own(ANN):
            found = await asyncio.gather(as_bob(), _titles(world), as_bob(), _titles(world))
            assert found == [["his"], ["hers"], ["his"], ["hers"]]
            assert await asyncio.wait_for(as_bob(), 5) == ["his"]
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(as_bob()), group.create_task(_titles(world))]
            assert [task.result() for task in tasks] == [["his"], ["hers"]]
            assert await _titles(world) == ["hers"]

    in_world(tmp_path, scenario)


def test_an_access_left_in_another_context_is_closed_everywhere(tmp_path: Path) -> None:
    """A framework may leave it in another task than the one that entered: whoever kept it gets an error, and
    leaving it again is nothing."""

    async def scenario(world: World) -> None:
        await _people(world)
        block = world.own(BOB)
        async with world.own(ANN):
            await block.__aenter__()
            assert await _titles(world) == ["his"]
            await asyncio.create_task(block.__aexit__(None, None, None))
            with pytest.raises(GuardError, match="outlived it"):  # not back to the outer one by itself
                await _titles(world)
            await block.__aexit__(None, None, None)
            assert await _titles(world) == ["hers"]
            await block.__aexit__(None, None, None)
            assert await _titles(world) == ["hers"]
            with pytest.raises(GuardError, match="opened once"):
                await block.__aenter__()
        with pytest.raises(GuardError, match="no access is open"):
            await _titles(world)

    in_world(tmp_path, scenario)


def test_accesses_left_in_the_wrong_order_end_all_the_same(tmp_path: Path) -> None:
    """The outer one left first: the inner one holds for itself no longer than until it is left."""

    async def scenario(world: World) -> None:
        await _people(world)
        outer, inner = world.own(ANN), world.own(BOB)
        await outer.__aenter__()
        await inner.__aenter__()
        kept = contextvars.copy_context()
        await outer.__aexit__(None, None, None)
        assert await asyncio.create_task(_titles(world), context=kept) == ["his"]
        await inner.__aexit__(None, None, None)
        for context in (kept, contextvars.copy_context()):
            with pytest.raises(GuardError, match="outlived it"):
                await asyncio.create_task(_titles(world), context=context)

    in_world(tmp_path, scenario)


def test_two_guards_in_one_process_do_not_lend_each_other_accesses(tmp_path: Path) -> None:
    """An access is of one guard; both may be open, in any order, and each ends by itself."""

    async def scenario(one: World, two: World) -> None:
        await _people(one)
        await two.picture(BOB, title="elsewhere")
        async with one.own(ANN):
            with pytest.raises(GuardError, match="no access is open"):
                await _titles(two)
            async with two.own(BOB):
                assert await asyncio.gather(_titles(one), _titles(two)) == [["hers"], ["elsewhere"]]
                async with one.own(BOB):
                    assert await asyncio.gather(_titles(one), _titles(two)) == [["his"], ["elsewhere"]]
                assert await _titles(one) == ["hers"]
            with pytest.raises(GuardError, match="no access is open"):
                await _titles(two)
        with pytest.raises(GuardError, match=r"is on another engine"):
            one.guard.stream(two.Picture.select())

    _two(tmp_path, scenario)


def test_what_is_cancelled_in_the_middle_is_undone_and_recorded(tmp_path: Path) -> None:
    """A transaction that an error or a cancellation ends leaves no row; the records of its reads are kept."""

    async def scenario(world: World) -> None:
        await _people(world)
        Picture = world.Picture
        reached = asyncio.Event()

        async def half(error: BaseException | None) -> None:
            async with world.own(), world.engine.transaction():
                await Picture.update({Picture.title: "half"}, force=True)
                await _titles(world)
                reached.set()
                if error is not None:
                    raise error
                await asyncio.sleep(60)

        async def records() -> int:
            found = await world.sql("SELECT count(*) FROM gp_access_record WHERE statement = 'SELECT'")
            return int(found[0][0])

        for error in (KeyError("x"), asyncio.CancelledError(), None):
            before = await records()
            reached.clear()
            task = asyncio.create_task(half(error))
            await reached.wait()
            if error is None:
                task.cancel()
            with pytest.raises((KeyError, asyncio.CancelledError)):
                await task
            assert await records() == before + 1
            assert [row[0] for row in await world.sql("SELECT title FROM picture ORDER BY title")] == [
                "hers",
                "his",
            ]
        async with world.own():
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0):
                    await _titles(world)
            assert await _titles(world) == ["hers"]

    in_world(tmp_path, scenario)


def test_a_failing_sibling_ends_the_access_for_all(tmp_path: Path) -> None:
    """A task group that is cancelled leaves its access; what was denied to one is recorded."""

    async def scenario(world: World) -> None:
        await _people(world)
        contexts: list[contextvars.Context] = []

        async def waits() -> None:
            contexts.append(contextvars.copy_context())
            await asyncio.sleep(60)

        async def plants() -> None:
            await asyncio.sleep(0)
            await world.Picture.insert(world.Picture(owner="bob", title="planted"))

        async def both() -> None:
            async with world.own(), asyncio.TaskGroup() as group:
                group.create_task(waits())
                group.create_task(plants())

        with pytest.raises(ExceptionGroup) as caught:
            await both()
        (denied,) = caught.value.exceptions
        assert isinstance(denied, AccessDenied)
        assert await world.guard.explain_denial(denied.denial_id) is not None
        with pytest.raises(GuardError, match="outlived it"):
            await asyncio.create_task(_titles(world), context=contexts[0])

    in_world(tmp_path, scenario)


def test_a_task_that_outlives_its_transaction_does_not_write_elsewhere(tmp_path: Path) -> None:
    """What was begun inside a transaction and runs after it is refused, not run on its own."""

    async def scenario(world: World) -> None:
        await _people(world)
        Picture, go = world.Picture, asyncio.Event()

        async def later() -> None:
            await go.wait()
            await Picture.update({Picture.title: "late"}, force=True)

        async with world.own():
            async with world.engine.transaction():
                task = asyncio.create_task(later())
                await asyncio.sleep(0)
            go.set()
            with pytest.raises(GptimageError, match=r"transaction|session"):
                await task
            assert await _titles(world) == ["hers"]

    in_world(tmp_path, scenario)


def test_context_managers_of_every_make_hold_an_access(tmp_path: Path) -> None:
    """Classes, generators under `asynccontextmanager`, stacks; a generator by itself does not."""

    async def scenario(world: World) -> None:
        await _people(world)

        class Session:
            async def __aenter__(self) -> Session:
                self.block = world.own()
                await self.block.__aenter__()
                return self

            async def __aexit__(self, *error: Any) -> None:
                await self.block.__aexit__(*error)

        @contextlib.asynccontextmanager
        async def session() -> AsyncIterator[None]:
            async with world.own():
                yield

        async def by_generator() -> AsyncIterator[None]:
            async with world.own():
                yield

        for make in (Session, session):
            async with make():
                assert await _titles(world) == ["hers"]
            with pytest.raises(GuardError, match="no access is open"):
                await _titles(world)
        async with contextlib.AsyncExitStack() as stack:
            await stack.enter_async_context(session())
            await stack.enter_async_context(world.own(BOB))
            assert await _titles(world) == ["his"]
        with pytest.raises(GuardError, match=r"guard\.stream"):
            await by_generator().__anext__()

        async def by_a_class() -> AsyncIterator[None]:
            async with Session():
                yield

        with pytest.raises(GuardError, match="between its yields"):
            await anext(by_a_class())

        async def pages() -> AsyncIterator[list[str]]:
            for who in (ANN, BOB):  # opened and left between two yields: nothing is held
                async with world.own(who):
                    found = await _titles(world)
                yield found

        # The generator's own `async with` cannot be told from one that spans a yield: an access of its own
        # goes into a function that it awaits.
        with pytest.raises(GuardError, match="between its yields"):
            await anext(pages())

        async def page(who: Any) -> list[str]:
            async with world.own(who):
                return await _titles(world)

        async def good() -> AsyncIterator[list[str]]:
            for who in (ANN, BOB):
                yield await page(who)

        assert [found async for found in good()] == [["hers"], ["his"]]

    in_world(tmp_path, scenario)
