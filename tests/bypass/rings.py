"""How an attack is run: with all rings, with each ring alone, with none.

The library has no switch that turns a ring off; the pieces are put together here.

- **all**: the application as it is, under an open access of Ann's.
- **one** (the statement is shaped): the constant prefix of CTEs that shadows every governed table, put in
  front of the text as it stands, unparsed; a WITH of the text is merged. What is no SELECT behind it is a
  syntax error. An UPDATE, DELETE or INSERT cannot be shaped unparsed (its rows are chosen by `key IN (…)`,
  its values decided one by one), so ring one alone is for them the shaper over the tree: what the grammar
  does not read it cannot be asked about, and such an attack is not applicable.
- **two** (the engine refuses): the grammar reads the text or refuses it; what it reads runs as written.
- **three** (the database refuses): the text as it was written on a governed connection, with the context of
  Ann's access set, the authorizer and the triggers on.
- **none**: the text on a plain connection. It shows that an attack is one.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import re
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal, TypeAlias

from tests.bypass.attack import PATH, Attack, Step
from tests.bypass.judge import Seen, State, Told, found, is_as_before, state_of
from tests.bypass.world import ANN, NOW, World, Worlds, opened, timeline, worlds
from tests.support.rings import NO_RING, alone_on

from gptimage_core.decision.compile import compile_timeline
from gptimage_core.errors import Conflict, GuardError
from gptimage_core.guard.collisions import collides
from gptimage_core.guard.handles import Handle
from gptimage_core.guard.inserting import Refused
from gptimage_core.guard.params import Binder, values_of
from gptimage_core.guard.plans import Planner
from gptimage_core.guard.profiles import Book, View
from gptimage_core.guard.sealer import Sealer
from gptimage_core.guard.sqlite.ring import Ring as ThirdRing
from gptimage_core.guard.statements import tagged
from gptimage_core.guard.statements.catalog import Catalog
from gptimage_core.guard.statements.grammar import parse
from gptimage_core.guard.statements.shadow import Shadows
from gptimage_core.guard.statements.shaped import Text
from gptimage_core.guard.writing import writing
from gptimage_core.store.database import connect
from gptimage_core.vault.keyring import FileKeyring
from gptimage_core.vault.vault import Vault

__all__ = ["RINGS", "Lab", "Ring", "lab"]

Ring: TypeAlias = Literal["all", "one", "two", "three", "none"]
RINGS: tuple[Ring, ...] = ("all", "one", "two", "three", "none")

_SECONDS = 20
_WRITES = re.compile(r"\s*(INSERT|UPDATE|DELETE|REPLACE)\b", re.IGNORECASE)
_WITH = re.compile(r"\s*WITH\s+(RECURSIVE\s+)?", re.IGNORECASE)
_Run: TypeAlias = Callable[[sqlite3.Connection, Step], Any]


class _NotApplicable(BaseException):  # passes what keeps an attacker's errors
    """The ring cannot be asked about this text."""


class Lab:
    """Runs attacks in copies of the two worlds, in a folder of its own."""

    def __init__(self, worlds: Worlds, folder: Path) -> None:
        self._worlds = worlds
        self._folder = folder
        self._numbers = itertools.count()
        self.last: tuple[Seen, Seen] | None = None
        """The last run in both worlds, to look at."""
        compiled, self._catalog = compile_timeline(timeline()), Catalog.of(worlds.datamap)
        self._book = Book(compiled, worlds.datamap)
        self._handle = Handle(None, ANN, "provide_service", None, None, None, {})  # type: ignore[arg-type]  # no guard asks it
        self._handle.open = True
        self._ring = ThirdRing(self._catalog)
        self._loop = asyncio.Runner()
        self._running: dict[str, tuple[contextlib.AsyncExitStack, World, State]] = {}
        """Per world an application that runs, and the state it was left in."""
        self._before: dict[str, State] = {}

    def judged(self, attack: Attack, ring: Ring) -> list[str] | None:
        """What the attack learned or changed; empty where it was stopped, `None` where it cannot be asked."""
        if attack.code is not None and ring != "all":
            return None
        try:
            a, b = (self._seen(attack, ring, world) for world in ("a", "b"))
        except _NotApplicable:
            return None
        self.last = (a, b)
        return found(a, b)

    def close(self) -> None:
        """Stop the applications that run."""
        for world in list(self._running):
            self._loop.run(self._stop(world))
        self._loop.close()

    def _seen(self, attack: Attack, ring: Ring, world: str) -> Seen:
        if ring == "all":
            return self._loop.run(
                self._by_code(attack, world) if attack.code else self._by_steps(attack, world)
            )
        return self._alone(attack, ring, world)

    def _copy(self, world: str) -> Path:
        return self._worlds.copy(world, self._folder / f"{next(self._numbers)}")

    # all rings

    async def _by_code(self, attack: Attack, world: str) -> Seen:
        """Python, in an application of its own."""
        assert attack.code is not None
        told, folder = Told(), self._copy(world)
        path = folder / "data.sqlite"
        async with opened(folder, self._worlds.keys(world), world) as app, asyncio.timeout(_SECONDS):
            before = state_of(path)
            with told.trying():
                await attack.code(app, told)
        return Seen(world, told.items, before, state_of(path), _secrets(app))

    async def _by_steps(self, attack: Attack, world: str) -> Seen:
        """Statements, in an application that goes on from attack to attack until one changes something."""
        app, before = await self._app(world)
        path, told = app.folder / "data.sqlite", Told()
        async with asyncio.timeout(_SECONDS), app.own():
            for step in attack.steps:
                await told.run(app.guard.run(step.sql, _arguments(step, path), app.engine.scope))
        after = state_of(path)
        if is_as_before(before, after):
            self._running[world] = (self._running[world][0], app, after)
        else:
            await self._stop(world)
        return Seen(world, told.items, before, after, _secrets(app), _said(attack))

    async def _app(self, world: str) -> tuple[World, State]:
        if world not in self._running:
            stack, folder = contextlib.AsyncExitStack(), self._copy(world)
            app = await stack.enter_async_context(opened(folder, self._worlds.keys(world), world))
            self._running[world] = (stack, app, state_of(folder / "data.sqlite"))
        _, app, state = self._running[world]
        return app, state

    async def _stop(self, world: str) -> None:
        stack, _, _ = self._running.pop(world)
        await stack.aclose()

    # one ring alone, or none

    def _alone(self, attack: Attack, ring: Ring, world: str) -> Seen:
        path, told = self._copy(world) / "data.sqlite", Told()
        if world not in self._before:
            self._before[world] = state_of(path)
        before = self._before[world]
        with contextlib.closing(connect(path)) as connection:
            connection.execute("PRAGMA synchronous=OFF")
            if ring == "three":
                self._ring.prepare(connection)
            run = self._runner(ring, world)
            for step in attack.steps:
                with told.trying():
                    told.add(run(connection, Step(step.sql, _arguments(step, path))))
            after = state_of(path, connection, self._ring.secret)
        return Seen(
            world,
            told.items,
            before,
            after,
            (self._book.secret, self._book.tag, self._ring.secret),
            _said(attack),
        )

    def _runner(self, ring: Ring, world: str) -> _Run:
        if ring == "one":
            return self._shaped(world)
        if ring == "two":
            return self._read
        return self._watched if ring == "three" else _plain

    def _read(self, connection: sqlite3.Connection, step: Step) -> Any:
        """Ring two: read, or refused."""
        parse(step.sql, self._catalog)
        return _plain(connection, step)

    def _watched(self, connection: sqlite3.Connection, step: Step) -> Any:
        """Ring three: the connection's authorizer and the tables' triggers say what the text may do."""
        view = self._book.view(self._handle, NOW)
        connection.execute("BEGIN IMMEDIATE")
        try:
            answer = alone_on(connection, self._ring, view, values_of(ANN, None, NOW), step.sql, step.args)
            connection.execute("COMMIT")
        finally:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
        return answer

    def _shaped(self, world: str) -> _Run:
        """Ring one: shadowed, or (what writes) shaped from its tree."""
        view = self._book.view(self._handle, NOW)
        vault = Vault(FileKeyring(self._worlds.keys(world)))
        planner = Planner(
            self._book,
            self._catalog,
            Sealer(vault, self._worlds.datamap, self._book.compiled.timeline),
            NO_RING,
        )

        def run(connection: sqlite3.Connection, step: Step) -> Any:
            if _WRITES.match(step.sql):
                return self._written(planner, view, connection, step)
            sql, bound = self._shadowed(view, step)
            rows = _plain(connection, Step(sql, bound))
            return [(name, [_opened(value, self._book.tag) for value in values]) for name, values in rows]

        return run

    def _shadowed(self, view: View, step: Step) -> tuple[str, tuple[Any, ...]]:
        shadows = Shadows(view.profiles["read"], self._catalog)
        prefix = ", ".join(
            shadows.shadow(entry, set(entry.columns_by_name), flagged=False)
            for entry in self._catalog.entries
        )
        own = _WITH.match(step.sql)
        if own is None:
            sql = f"WITH {prefix} {step.sql}"
        else:
            sql = f"WITH {own[1] or ''}{prefix}, {step.sql[own.end() :]}"
        text = Text(sql, tuple(shadows.params), tuple(range(len(step.args))))
        return sql, Binder(text).bind(values_of(ANN, None, NOW), step.args)

    def _written(self, planner: Planner, view: View, connection: sqlite3.Connection, step: Step) -> Any:
        try:
            parse(step.sql, self._catalog)
        except GuardError as refused:
            raise _NotApplicable from refused
        plan = planner.plan(view, step.sql, step.args)
        answer: Any = "refused"  # the guard makes a recorded denial of it, with nothing inside
        connection.execute("BEGIN IMMEDIATE")
        try:
            with contextlib.suppress(Refused):
                answer = writing(plan, view, self._handle, NOW, step.args)(connection).answer
                connection.execute("COMMIT")
        except (sqlite3.IntegrityError, Conflict) as error:
            if isinstance(error, sqlite3.IntegrityError) and not collides(error):
                raise
            answer = "conflict"  # one neutral error for all of them
        finally:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
        return answer


def _secrets(app: World) -> tuple[str, ...]:
    book = app.guard._planner.book
    return book.secret, book.tag, app.guard._ring.secret


def _said(attack: Attack) -> str:
    return "\n".join(f"{step.sql} {step.args!r}" for step in attack.steps)


def _arguments(step: Step, path: Path) -> tuple[Any, ...]:
    return tuple(str(path) if arg is PATH else arg for arg in step.args)


def _plain(connection: sqlite3.Connection, step: Step) -> list[tuple[str, list[Any]]]:
    """The answer, column by column, so that equal names are kept."""
    cursor = connection.execute(step.sql, step.args)
    rows = cursor.fetchall()
    return [(column[0], [row[n] for row in rows]) for n, column in enumerate(cursor.description or ())]


def _opened(value: Any, tag: str) -> Any:
    """A sealed value that comes back whole is opened in its place: not the tag, nor where it was, is told."""
    if isinstance(value, str) and value.startswith(tag):
        with contextlib.suppress(Exception):
            return ("opened", tagged.split(value, tag).sealed)
    return value


@contextlib.contextmanager
def lab(folder: Path) -> Iterator[Lab]:
    """A laboratory with worlds of its own."""
    with worlds() as made, contextlib.closing(Lab(made, folder)) as made_lab:
        yield made_lab
