"""INVARIANT (handle-is-open): inherited by child tasks and threads, revoked at exit, refused ever after."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import copy
import pickle
import threading
import uuid
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from tests.support.governed import ANN, BOB, NOW, World, in_world

from gptimage_core.decision.model import Actor
from gptimage_core.errors import GuardError


def test_without_an_access_nothing_runs(tmp_path: Path) -> None:
    """Fail closed: every kind of statement is refused where no access is open, and says what to write."""

    async def scenario(world: World) -> None:
        Picture = world.Picture
        for query in (
            Picture.select(),
            Picture.count(),
            Picture.objects(),
            Picture.insert(Picture(owner="ann", title="x")),
            Picture.update({Picture.title: "x"}, force=True),
            Picture.delete(force=True),
            Picture.raw("SELECT 1"),
            Picture.raw("SELECT * FROM sqlite_master"),
        ):
            with pytest.raises(GuardError, match="no access is open here"):
                await query.run()
        with pytest.raises(GuardError, match="no access is open here"):
            async with world.engine.transaction():
                pass

    in_world(tmp_path, scenario)


def test_children_inherit_the_access_while_it_is_open(tmp_path: Path) -> None:
    """gather, task groups, wait_for, to_thread and executors with a copied context all work inside it."""

    async def scenario(world: World) -> None:
        Picture = world.Picture
        await world.picture(ANN, title="mine")

        async def titles() -> list[str]:
            return [row["title"] for row in await Picture.select(Picture.title)]

        async with world.own():
            assert await asyncio.gather(titles(), titles()) == [["mine"], ["mine"]]
            async with asyncio.TaskGroup() as group:
                task = group.create_task(titles())
            assert task.result() == ["mine"]
            assert await asyncio.wait_for(titles(), 5) == ["mine"]
            assert await asyncio.to_thread(lambda: Picture.select(Picture.title).run_sync()) == [
                {"title": "mine"}
            ]
            context = contextvars.copy_context()
            with ThreadPoolExecutor(1) as pool:
                future = pool.submit(context.run, lambda: Picture.count().run_sync())
                assert await asyncio.wrap_future(future) == 1

    in_world(tmp_path, scenario)


def test_what_outlives_the_access_is_refused(tmp_path: Path) -> None:
    """A task, a thread or a copied context that goes on after the exit gets an error, not data."""

    async def scenario(world: World) -> None:
        Picture = world.Picture
        await world.picture(ANN, title="mine")
        closed, failures = asyncio.Event(), []

        async def straggler() -> None:
            await closed.wait()
            await Picture.select()

        release = threading.Event()

        def in_thread() -> None:
            release.wait(5)
            try:
                Picture.count().run_sync()
            except GuardError as error:
                failures.append(str(error))

        async with world.own():
            late = asyncio.create_task(straggler())
            context = contextvars.copy_context()
            thread = threading.Thread(target=context.run, args=(in_thread,))
            thread.start()
        closed.set()
        release.set()
        with pytest.raises(GuardError, match="outlived it"):
            await late
        await asyncio.to_thread(thread.join)
        assert len(failures) == 1
        assert "outlived it" in failures[0]
        async with world.own():
            with pytest.raises(GuardError, match="outlived it"):  # replayed inside another one, too
                await asyncio.create_task(Picture.select().run(), context=context.copy())

    in_world(tmp_path, scenario)


def test_the_innermost_access_wins_and_the_outer_one_returns(tmp_path: Path) -> None:
    """Nested accesses: each block sees with its own eyes; a finished one never falls back to the outer."""

    async def scenario(world: World) -> None:
        Picture = world.Picture
        await world.picture(ANN, title="hers")
        await world.picture(BOB, title="his")
        gate = asyncio.Event()

        async def later() -> Any:
            await gate.wait()
            return await Picture.select()

        async with world.own(ANN):
            async with world.own(BOB):
                assert await Picture.select(Picture.title) == [{"title": "his"}]
                late = asyncio.create_task(later())
            assert await Picture.select(Picture.title) == [{"title": "hers"}]
            gate.set()
            with pytest.raises(GuardError, match="outlived it"):
                await late
            with pytest.raises(ZeroDivisionError):
                async with world.own(BOB):
                    _ = 1 / 0
            assert await Picture.select(Picture.title) == [{"title": "hers"}]

    in_world(tmp_path, scenario)


def test_a_generator_may_not_hold_an_access_between_its_yields(tmp_path: Path) -> None:
    """Refused at once, with what to write; a context manager made of a generator is no such thing."""

    async def scenario(world: World) -> None:
        Picture = world.Picture
        await world.picture(ANN, title="mine")

        async def rows() -> AsyncIterator[Any]:
            async with world.own():
                for row in await Picture.select():
                    yield row

        with pytest.raises(GuardError, match="between its yields"):
            await anext(rows())

        @contextlib.asynccontextmanager
        async def reading() -> AsyncIterator[None]:
            async with world.own():
                yield

        async with reading(), contextlib.AsyncExitStack() as stack:
            await stack.enter_async_context(world.own())
            assert await Picture.count() == 1
        with pytest.raises(GuardError, match="no access is open"):
            await Picture.count()

        # The same in disguise: whoever iterates would run under an access that they did not open.
        async def by_a_stack() -> AsyncIterator[Any]:
            async with contextlib.AsyncExitStack() as stack:
                await stack.enter_async_context(world.own())
                yield

        async def by_a_manager() -> AsyncIterator[Any]:
            async with reading():
                yield

        def in_sync_code() -> Iterator[Any]:
            with contextlib.ExitStack() as stack:
                stack.enter_context(world.guard.access_sync(ANN, purpose="provide_service"))
                yield

        for disguised in (by_a_stack, by_a_manager):
            with pytest.raises(GuardError, match="between its yields"):
                await anext(disguised())
        with pytest.raises(GuardError, match="between its yields"):
            next(in_sync_code())

    in_world(tmp_path, scenario)


def test_a_handle_is_opened_once_and_goes_nowhere(tmp_path: Path) -> None:
    """It cannot be opened again, pickled or copied to where it is used."""

    async def scenario(world: World) -> None:
        block = world.own()
        async with block as handle:
            with pytest.raises(GuardError, match="not sent elsewhere"):
                pickle.dumps(handle)
            with pytest.raises(GuardError, match="not sent elsewhere"):
                copy.copy(handle)
        with pytest.raises(GuardError, match="opened once"):
            async with block:
                pass
        with pytest.raises(GuardError, match="async with"), world.own():
            pass
        with pytest.raises(GuardError, match="async with"):
            await world.own()

    in_world(tmp_path, scenario)


def test_sync_code_has_access_sync(tmp_path: Path) -> None:
    """`with guard.access_sync(…)` around `run_sync`, in a thread without a loop."""

    async def scenario(world: World) -> None:
        await world.picture(ANN, title="mine")

        def work() -> int:
            with world.guard.access_sync(ANN, purpose="provide_service"):
                return int(world.Picture.count().run_sync())

        assert await asyncio.to_thread(work) == 1

    in_world(tmp_path, scenario)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"purpose": "provide_servce"}, "did you mean `provide_service`"),
        ({"operation": "reed"}, "did you mean `read`"),
        ({"operation": "share"}, "names its `recipient`"),
        ({"operation": "share", "recipient": "printr"}, "did you mean `printer`"),
        ({"facts": {"signed_in_att": 1}}, "did you mean `signed_in_at`"),
        ({"facts": {"visibility": "public"}}, "fact of the row"),
        ({"actor": Actor("root", "x")}, "no kind of actor"),
        ({"actor": Actor.subject("ann", tenant="")}, "an actor has a tenant"),
        ({"actor": "ann"}, "`'ann'` is no actor; write `Actor.subject"),
        ({"actor": Actor.subject(uuid.UUID(int=1))}, "id is text, not `UUID`"),
        ({"about": 7}, "`about` is a person's id, as text"),
        ({"purpose": None}, "a purpose is a name"),
        ({"facts": ["signed_in"]}, "facts are names with values"),
    ],
)
def test_words_that_the_policy_does_not_know_are_refused_at_once(
    tmp_path: Path, changes: dict[str, Any], says: str
) -> None:
    """A typing error is no denial: it is refused when the access is opened, with what was meant."""

    async def scenario(world: World) -> None:
        asked: dict[str, Any] = {"actor": ANN, "purpose": "provide_service", **changes}
        with pytest.raises(GuardError, match=says):
            world.guard.access(asked.pop("actor"), **asked)

    in_world(tmp_path, scenario)


def test_about_narrows_an_access_to_one_person(tmp_path: Path) -> None:
    """`about`: staff who look at one person's rows see no other's, and may create none for others."""

    async def scenario(world: World) -> None:
        Picture = world.Picture
        await world.picture(ANN, title="hers")
        await world.picture(BOB, title="his")
        facts = {"ticket_until": NOW + 1}
        staff = Actor.staff("clerk")
        async with world.guard.access(staff, purpose="secure_service", about="bob", facts=facts):
            assert await Picture.select(Picture.title) == [{"title": "his"}]
        async with world.guard.access(ANN, purpose="provide_service", about="bob"):
            assert await Picture.count() == 0

    in_world(tmp_path, scenario)


def test_time_that_passes_inside_an_access_counts(tmp_path: Path) -> None:
    """A ticket that ends while the access is open ends what it permitted: each statement is decided."""

    async def scenario(world: World) -> None:
        from gptimage_core.errors import AccessDenied

        await world.picture(ANN, title="hers")
        async with world.guard.access(
            Actor.staff("clerk"), purpose="secure_service", facts={"ticket_until": NOW + 100}
        ):
            assert await world.Picture.count() == 1
            world.clock.advance(100)
            with pytest.raises(AccessDenied):
                await world.Picture.count()

    in_world(tmp_path, scenario)
