"""Random interleavings of open, leave, copy a context, start a task and read, beside a model of them.

INVARIANT (handle-is-open): a statement sees what the innermost access of its context permits, as long as that
is open; otherwise it is refused, whoever else has one open.
"""

from __future__ import annotations

import asyncio
import atexit
import contextvars
import tempfile
from contextlib import AsyncExitStack
from functools import cache
from pathlib import Path
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, rule
from tests.support.governed import ANN, BOB, World, opened

from gptimage_core.errors import GuardError

_TITLES = {"ann": ["hers"], "bob": ["his"]}


class _Stage:
    """Two guarded applications, for as long as the tests run."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.stack = AsyncExitStack()
        folder = Path(self.stack.enter_context(tempfile.TemporaryDirectory()))
        self.worlds: list[World] = []
        for name in ("one", "two"):
            (folder / name).mkdir()
            world = self.run(self.stack.enter_async_context(opened(folder / name)))
            self.run(world.picture(ANN, title="hers"))
            self.run(world.picture(BOB, title="his"))
            self.worlds.append(world)

    def run(self, work: Any, context: contextvars.Context | None = None) -> Any:
        return self.loop.run_until_complete(self.loop.create_task(work, context=context))

    def close(self) -> None:
        self.run(self.stack.aclose())
        self.loop.close()


@cache
def _stage() -> _Stage:
    stage = _Stage()
    atexit.register(stage.close)
    return stage


class _Block:
    """An access as the model knows it. `before`: what its context had when it was entered."""

    def __init__(self, block: Any, world: int, who: str, home: _Place) -> None:
        self.block = block
        self.world = world
        self.who = who
        self.home = home
        self.before = home.current
        self.open = True
        self.left_at_home = False


class _Place:
    """A context and, in the model, the access that is the innermost one there."""

    def __init__(self, context: contextvars.Context, current: _Block | None) -> None:
        self.context = context
        self.current = current


class Handles(RuleBasedStateMachine):
    """Contexts stand for tasks and threads: each of those runs in one."""

    places = Bundle("places")
    blocks = Bundle("blocks")
    tasks = Bundle("tasks")

    def __init__(self) -> None:
        super().__init__()
        self.stage = _stage()
        self.gates: list[Any] = []

    @initialize(target=places)
    def a_first_context(self) -> _Place:
        return _Place(contextvars.Context(), None)

    @rule(target=places)
    def a_fresh_context(self) -> _Place:
        return _Place(contextvars.Context(), None)

    @rule(target=places, place=places)
    def copy_a_context(self, place: _Place) -> _Place:
        return _Place(place.context.copy(), place.current)

    @rule(target=blocks, place=places, world=st.integers(0, 1), who=st.sampled_from([ANN, BOB]))
    def open(self, place: _Place, world: int, who: Any) -> _Block:
        guard = self.stage.worlds[world].guard
        block = guard.access(who, purpose="provide_service")
        made = _Block(block, world, who.id, place)

        async def enter() -> None:
            await block.__aenter__()

        self.stage.run(enter(), place.context)
        place.current = made
        return made

    @rule(block=blocks, place=places)
    def leave(self, block: _Block, place: _Place) -> None:
        self._leave(block, place)

    @rule(block=blocks)
    def leave_where_it_was_entered(self, block: _Block) -> None:
        self._leave(block, block.home)

    def _leave(self, block: _Block, place: _Place) -> None:
        async def leave() -> None:
            await block.block.__aexit__(None, None, None)

        self.stage.run(leave(), place.context)
        block.open = False
        if place is block.home and not block.left_at_home:
            block.left_at_home = True
            place.current = block.before

    @rule(block=blocks, place=places)
    def open_again(self, block: _Block, place: _Place) -> None:
        async def enter() -> str:
            try:
                await block.block.__aenter__()
            except GuardError as error:
                return str(error)
            return "opened"

        assert "opened once" in self.stage.run(enter(), place.context)

    @rule(place=places)
    def read(self, place: _Place) -> None:
        for world in (0, 1):
            self._check(self.stage.run(self._read(world), place.context), place.current, world)

    @rule(target=tasks, place=places, world=st.integers(0, 1), threads=st.booleans())
    def start_a_task(self, place: _Place, world: int, threads: bool) -> Any:
        """It goes on when it is let, maybe after the access it inherited has ended."""
        gate = asyncio.Event()
        self.gates.append(gate)

        async def later() -> Any:
            await gate.wait()
            if threads:
                return await asyncio.to_thread(lambda: asyncio.run(self._read(world)))
            return await self._read(world)

        return self.stage.loop.create_task(later(), context=place.context.copy()), gate, place.current, world

    @rule(task=tasks)
    def let_a_task_go_on(self, task: Any) -> None:
        waiting, gate, inherited, world = task
        if not gate.is_set():
            gate.set()
            self._check(self.stage.run(_result(waiting)), inherited, world)

    async def _read(self, world: int) -> Any:
        Picture = self.stage.worlds[world].Picture
        try:
            return [row["title"] for row in await Picture.select(Picture.title)]
        except GuardError as error:
            return str(error)

    def _check(self, found: Any, current: _Block | None, world: int) -> None:
        while current is not None and current.world != world:
            current = current.before
        if current is None:
            assert "no access is open here" in found
        elif not current.open:
            assert "outlived it" in found
        else:
            assert found == _TITLES[current.who]

    def teardown(self) -> None:
        async def finish() -> None:
            for gate in self.gates:
                gate.set()
            await asyncio.sleep(0)

        self.stage.run(finish())


async def _result(task: Any) -> Any:
    return await task


Handles.TestCase.settings = settings(max_examples=200, stateful_step_count=30, deadline=None)
TestHandles = Handles.TestCase
