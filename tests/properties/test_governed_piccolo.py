"""What Piccolo gives under the guard is what `decide` says of each row, for SELECT, UPDATE and DELETE (S7).

The policy has several categories per table, a forbid, a ceiling, an undo, consent and staff; the rows and the
facts about people are random. `decide` asked per row is the oracle; nothing is computed by hand.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Iterator
from contextlib import AsyncExitStack
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.support.governed import ANN, NOW, POLICY, World, opened

from gptimage_core.clock import DAY
from gptimage_core.decision.decide import decide
from gptimage_core.decision.model import Access, Actor, Effect, Facts
from gptimage_core.decision.rows import row_facts
from gptimage_core.errors import AccessDenied
from gptimage_core.guard.values import WITHHELD
from gptimage_core.store.facts import facts_for

_ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "owner": st.sampled_from(["ann", "ann", "bob", "cleo", "ghost"]),
            "tenant": st.sampled_from(["main", "main", "main", "other"]),
            "recorded": st.sampled_from([NOW, NOW - 29 * DAY, NOW - 30 * DAY, NOW - 31 * DAY, NOW + 1]),
            "keep_ended": st.sampled_from([None, None, None, NOW - 5_000_000, NOW - 20_000_000]),
            "collected_under": st.sampled_from([1, 1, 1, 2]),
            "visibility": st.sampled_from(["private", "public", "secret", None]),
            "label": st.sampled_from(["l", None]),
        }
    ),
    min_size=1,
    max_size=3,
)
_PEOPLE = st.fixed_dictionaries(
    {
        name: st.fixed_dictionaries(
            {
                "restricted": st.sampled_from([0, 0, 0, 1, None]),
                "deleted": st.sampled_from([0, 0, 0, 1, None]),
                "research": st.sampled_from([None, 0, 1]),
                "objected": st.sampled_from([None, 0, 1]),
            }
        )
        for name in ("ann", "bob", "cleo")
    }
)
_ACCESSES = st.sampled_from(
    [
        (ANN, "provide_service", None, {}),
        (Actor.subject("bob"), "provide_service", None, {}),
        (Actor.subject("stranger"), "provide_service", None, {}),
        (Actor.subject("ann", "other"), "provide_service", None, {}),
        (ANN, "secure_service", None, {}),
        (Actor.staff("clerk"), "secure_service", None, {"ticket_until": NOW + 1}),
        (Actor.staff("clerk"), "secure_service", None, {"ticket_until": NOW}),
        (Actor.staff("clerk"), "answer_requests", None, {"ticket_until": NOW + 1}),
        (Actor.service("lab"), "research", "train", {}),
        (Actor.service("lab"), "provide_service", "share", {}),
        (Actor.guest(), "provide_service", None, {}),
    ]
)
_Asked = tuple[Actor, str, str | None, dict[str, Any]]


class _Stage:
    """The world of this module, and a loop to run in."""

    def __init__(self, folder: Any, policy: str = POLICY) -> None:
        self.loop = asyncio.new_event_loop()
        self.stack = AsyncExitStack()
        self.world: World = self.run(self.stack.enter_async_context(opened(folder, policy)))
        self.world.guard.tell = lambda connection, record: None

    def run(self, work: Any) -> Any:
        return self.loop.run_until_complete(work)

    def close(self) -> None:
        self.run(self.stack.aclose())
        self.loop.close()


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[_Stage]:
    made = _Stage(tmp_path_factory.mktemp("governed"))
    yield made
    made.close()


@pytest.fixture(scope="module")
def narrow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[_Stage]:
    """A policy in which what is one's own is changed while private, and undone while not secret."""
    when, undo = 'when = ["row_is_own"]', 'when = ["row_is_own", {'
    fact = '{{ fact = "visibility", is = [{0}] }}'
    assert POLICY.count(when) == POLICY.count(undo) == 1
    policy = POLICY.replace(when, when[:-1] + ", " + fact.format('"private"') + "]")
    policy = policy.replace(undo, undo[:-1] + fact.format('"private", "public"') + ", {")
    made = _Stage(tmp_path_factory.mktemp("narrow"), policy)
    yield made
    made.close()


async def _fill(world: World, rows: list[dict[str, Any]], people: dict[str, dict[str, Any]]) -> None:
    def work(connection: Any) -> None:
        for table in ("picture", "gp_consent_state", "gp_objection_state"):
            connection.execute(f"DELETE FROM {table}")
        for number, row in enumerate(rows):
            values = {
                "id": str(uuid.UUID(int=number + 1)),
                "title": "t",
                "starred": 0,
                "size": 0,
                "tags": "[]",
                "extra": "{}",
                **row,
            }
            names = ", ".join(f'"{name}"' for name in values)
            marks = ", ".join("?" * len(values))
            connection.execute(f"INSERT INTO picture ({names}) VALUES ({marks})", list(values.values()))
        for name, facts in people.items():
            connection.execute(
                "UPDATE gp_subject_state SET restricted = ?, deleted = ? WHERE subject = ?",
                (facts["restricted"], facts["deleted"], name),
            )
            if facts["research"] is not None:
                connection.execute(
                    "INSERT INTO gp_consent_state VALUES ('main', ?, 'research', ?, 0, 1, 0)",
                    (name, facts["research"]),
                )
            if facts["objected"] is not None:
                connection.execute(
                    "INSERT INTO gp_objection_state VALUES ('main', ?, 'secure_service', ?, 0, 0)",
                    (name, facts["objected"]),
                )

    await world.past(work)


async def _permitted(world: World, asked: _Asked, operation: str, category: str) -> set[str]:
    """The keys of the rows for which `decide`, asked row by row, permits the operation."""
    actor, purpose, _, access_facts = asked
    guard = world.guard
    table = guard.datamap.table("picture")
    assert table is not None

    def read(connection: Any) -> set[str]:
        names = [column.name for column in table.columns]
        listed = ", ".join(f'CAST("{name}" AS BLOB)' if name == "id" else f'"{name}"' for name in names)
        keys = set()
        for values in connection.execute(f"SELECT {listed} FROM picture"):
            row = dict(zip(names, values, strict=True))
            people = facts_for(connection, row["tenant"], [row["owner"]], NOW)
            facts = Facts(access=access_facts, row=row_facts(table, row, people))
            recipient = "printer" if operation == "share" else None
            access = Access(actor, purpose, operation, category, recipient)
            if decide(guard.compiled, access, facts, NOW).effect is Effect.ALLOW:
                keys.add(row["id"].decode())
        return keys

    return await world.past(read)


async def _any_of(world: World, asked: _Asked, operations: tuple[str, ...], category: str) -> set[str]:
    found: set[str] = set()
    for operation in operations:
        found |= await _permitted(world, asked, operation, category)
    return found


def _access(world: World, asked: _Asked) -> Any:
    actor, purpose, operation, facts = asked
    recipient = "printer" if operation == "share" else None
    return world.guard.access(actor, purpose=purpose, operation=operation, recipient=recipient, facts=facts)


async def _state(world: World) -> dict[str, tuple[Any, Any]]:
    rows = await world.sql("SELECT CAST(id AS BLOB), title, label FROM picture")
    return {key.decode(): (title, label) for key, title, label in rows}


_CATEGORIES = ("picture", "note", "label")
_SLOW = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@given(rows=_ROWS, people=_PEOPLE, asked=_ACCESSES)
@_SLOW
def test_select_gives_the_rows_and_fields_that_decide_permits(
    stage: _Stage, rows: list[dict[str, Any]], people: dict[str, Any], asked: _Asked
) -> None:
    """S7: a row is there iff some category of it is permitted, a field is there iff its category is."""
    world = stage.world

    async def check() -> None:
        await _fill(world, rows, people)
        allowed = {c: await _permitted(world, asked, asked[2] or "read", c) for c in _CATEGORIES}
        raw = "SELECT CAST(id AS TEXT) AS k, title, label FROM picture"
        async with _access(world, asked):
            try:
                found = await world.Picture.raw(raw)
                counted = await world.Picture.count()
            except AccessDenied:
                found, counted = [], 0
        assert {row["k"] for row in found} == set().union(*allowed.values())
        assert counted == len(found)
        for row in found:
            shows_title = row["title"] is not WITHHELD
            assert shows_title == (row["k"] in allowed["picture"])
            if row["k"] in allowed["label"]:
                assert row["label"] is WITHHELD or row["label"] in ("l", None)
            else:
                assert row["label"] is WITHHELD

    stage.run(check())


@given(rows=_ROWS, people=_PEOPLE, asked=_ACCESSES, column=st.sampled_from(["title", "label"]))
@_SLOW
def test_update_changes_the_rows_that_decide_permits(
    stage: _Stage, rows: list[dict[str, Any]], people: dict[str, Any], asked: _Asked, column: str
) -> None:
    """S7: a field is set iff updating (by its subject also: correcting) its category is permitted."""
    world = stage.world
    category = {"title": "picture", "label": "label"}[column]

    async def check() -> None:
        await _fill(world, rows, people)
        operations = ("update", "correct") if asked[0].kind == "subject" else ("update",)
        allowed = await _any_of(world, asked, operations, category)
        before = await _state(world)
        async with _access(world, asked):
            try:
                await world.Picture.update({column: "changed"}, force=True)
            except AccessDenied:
                assert not allowed
        after = await _state(world)
        assert {key for key in after if after[key] != before[key]} == allowed

    stage.run(check())


@given(
    rows=_ROWS,
    people=_PEOPLE,
    asked=_ACCESSES,
    visibility=st.sampled_from(["private", "public", "secret", None]),
    ends=st.sampled_from(["", "now", "never"]),
)
@_SLOW
def test_a_fact_is_set_where_decide_permits_the_row_before_and_after(
    narrow: _Stage,
    rows: list[dict[str, Any]],
    people: dict[str, Any],
    asked: _Asked,
    visibility: str | None,
    ends: str,
) -> None:
    """S7, new-row-decided: as row security's WITH CHECK: all rows that may be changed, or none of them."""
    world = narrow.world
    updating = ("update", "correct") if asked[0].kind == "subject" else ("update",)

    async def visible() -> dict[str, Any]:
        found = await world.sql("SELECT CAST(id AS BLOB), visibility, keep_ended FROM picture")
        return {key.decode(): rest for key, *rest in found}

    async def check() -> None:
        after = [{**row, "visibility": visibility} for row in rows]
        if ends:
            after = [{**row, "keep_ended": None} for row in after]
        await _fill(world, after, people)
        may_be = await _any_of(world, asked, updating, "picture")
        await _fill(world, rows, people)
        may_change = await _any_of(world, asked, updating, "picture")
        if ends == "now":
            each = [await _permitted(world, asked, "delete", category) for category in _CATEGORIES]
            may_change &= set.intersection(*each)
        if ends == "never":
            may_change &= await _any_of(world, asked, updating, "note")
            may_change &= await _any_of(world, asked, updating, "label")
        before = await visible()
        values: dict[Any, Any] = {world.Picture.visibility: visibility}
        if ends:
            values[world.Picture.keep_ended] = NOW if ends == "now" else None
        async with _access(world, asked):
            try:
                await world.Picture.update(values, force=True)
            except AccessDenied:
                assert not may_change <= may_be or not may_change
                assert await visible() == before
                return
        assert may_change <= may_be
        for key, (shown, _) in (await visible()).items():
            assert shown == (visibility if key in may_change else before[key][0])

    narrow.run(check())


@given(rows=_ROWS, people=_PEOPLE, asked=_ACCESSES)
@_SLOW
def test_delete_removes_the_rows_that_decide_permits(
    stage: _Stage, rows: list[dict[str, Any]], people: dict[str, Any], asked: _Asked
) -> None:
    """S7: a row is deleted iff deleting every category of the table is permitted for it."""
    world = stage.world

    async def check() -> None:
        await _fill(world, rows, people)
        each = [await _permitted(world, asked, "delete", category) for category in _CATEGORIES]
        allowed = set.intersection(*each)
        before = await _state(world)
        async with _access(world, asked):
            try:
                await world.Picture.delete(force=True)
            except AccessDenied:
                assert not allowed
        assert set(before) - set(await _state(world)) == allowed

    stage.run(check())
