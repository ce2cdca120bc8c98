"""INVARIANT (page-is-a-statement): large answers come in pages, each decided and recorded for itself."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import sqlite3
import tracemalloc
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.governed import ANN, BOB, NOW, World, in_world, opened

from gptimage_core.decision.model import Actor
from gptimage_core.errors import AccessDenied, GuardError
from gptimage_core.guard.values import WITHHELD
from gptimage_core.store import state


class _Stage:
    """A world with pictures of two people, some of whose columns are NULL, and pages of some."""

    def __init__(self, folder: Path) -> None:
        self.loop = asyncio.new_event_loop()
        self.stack = AsyncExitStack()
        self.world: World = self.run(self.stack.enter_async_context(opened(folder)))
        self.run(self._fill())

    def run(self, work: Any) -> Any:
        return self.loop.run_until_complete(asyncio.wait_for(work, 60))

    async def _fill(self) -> None:
        Picture, Page = self.world.Picture, self.world.Page
        rng = random.Random(7)
        for owner in (ANN, BOB):
            async with self.world.own(owner):
                pictures = [
                    Picture(
                        owner=owner.id,
                        title=rng.choice(("a", "b", "B", "c d", "")),
                        size=rng.randrange(3),
                        price=rng.choice((None, "0.5", "1.5")),
                        label=rng.choice((None, "l", "m")),
                        note=rng.choice((None, "n")),
                        visibility=rng.choice(("private", "public")),
                    )
                    for _ in range(17)
                ]
                await Picture.insert(*pictures)
                for number, picture in enumerate(pictures[:9]):
                    await Page(id=f"{owner.id}{number}", picture=picture, text="t", number=number % 2).save()

    def close(self) -> None:
        self.run(self.stack.aclose())
        self.loop.close()


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[_Stage]:
    made = _Stage(tmp_path_factory.mktemp("streams"))
    yield made
    made.close()


async def _all(stream: Any) -> list[Any]:
    return [row async for rows in stream for row in rows]


_COLUMNS = st.sampled_from(["title", "size", "price", "label", "recorded", "id"])


@given(
    order=st.lists(st.tuples(_COLUMNS, st.booleans()), max_size=3, unique_by=lambda each: each[0]),
    page=st.integers(1, 20),
    least=st.integers(0, 2),
    joins=st.booleans(),
)
@settings(max_examples=60, deadline=None)
def test_the_pages_together_are_the_answer(
    stage: _Stage, order: list[tuple[str, bool]], page: int, least: int, joins: bool
) -> None:
    """page-is-a-statement: whatever the order, with NULLs in it, each row comes once, where it belongs."""
    world = stage.world
    root = "g" if joins else "p"
    terms = [f"p.{name} DESC" if falling else f"p.{name}" for name, falling in order]
    source = "page AS g LEFT JOIN picture AS p ON p.id = g.picture" if joins else "picture AS p"
    sql = f"SELECT {root}.id AS k, p.title, p.label FROM {source} WHERE p.size >= ? OR p.size IS NULL"
    streamed = sql + (f" ORDER BY {', '.join(terms)}" if terms else "")
    at_once = f"{sql} ORDER BY {', '.join([*terms, f'{root}.id'])}"

    async def check() -> None:
        async with world.own():
            found = [rows async for rows in world.guard.stream(streamed, least, page=page)]
            expected = await world.Picture.raw(at_once.replace("?", "{}"), least)
        assert [row for rows in found for row in rows] == expected
        assert all(len(rows) == page for rows in found[:-1])
        assert len(found) == -(-len(expected) // page)

    stage.run(check())


def test_piccolos_queries_are_streamed_as_piccolo_gives_them(stage: _Stage) -> None:
    """Objects are objects, joined tables nested, JSON loaded, lists are lists, callbacks are called."""
    world = stage.world
    Picture, Page, stream = world.Picture, world.Page, world.guard.stream

    async def check() -> None:
        by_title = Picture.select(Picture.title, Picture.note).order_by(Picture.title, Picture.id)
        async with world.own():
            assert await _all(stream(by_title, page=4)) == await by_title
            assert await _all(stream(by_title.freeze(), page=4)) == await by_title
            pictures = await _all(stream(Picture.objects().where(Picture.size > 0), page=3))
            assert {p.id for p in pictures} == {p.id for p in await Picture.objects().where(Picture.size > 0)}
            assert all(type(p) is Picture and p._exists_in_db for p in pictures)
            pages = await _all(stream(Page.objects(Page.picture).order_by(Page.number), page=2))
            assert [p.picture.title for p in pages] == [
                p.picture.title for p in await Page.objects(Page.picture).order_by(Page.number, Page.id)
            ]
            loaded = Picture.select(Picture.id, Picture.extra).output(load_json=True)
            assert {row["extra"] == {} for row in await _all(stream(loaded, page=5))} == {True}
            titles = Picture.select(Picture.title).output(as_list=True)
            assert sorted(await _all(stream(titles, page=5))) == sorted(await titles)
            sizes = [n async for n in stream(Picture.select(Picture.id).callback(len), page=7)]
            assert sum(sizes) == await Picture.count()
            raw = Picture.raw("SELECT title FROM picture WHERE size > {}", 0)
            assert len(await _all(stream(raw, page=2))) == len(await raw)

    stage.run(check())


def test_each_page_is_decided_and_recorded_before_it_is_handed_out(tmp_path: Path) -> None:
    """S7, S17: one record a page, there when the page is; what ends in between ends the stream."""

    async def scenario(world: World) -> None:
        Picture = world.Picture
        for number in range(5):
            await world.picture(ANN, title=f"{number}", note=f"words {number}")
        lab = Actor.service("lab")

        async def consent(given: bool) -> None:
            await world.guard.in_transaction(
                lambda connection: state.set_consent(connection, "main", "ann", "research", given, NOW, 1)
            )

        records = "SELECT count(*) FROM gp_access_record WHERE actor = 'lab'"
        await consent(True)
        async with world.guard.access(lab, purpose="research", operation="train"):
            seen = []
            async for rows in world.guard.stream(Picture.select(Picture.note), page=2):
                seen += [row["note"] for row in rows]
                assert await world.sql(records) == [((len(seen) + 1) // 2,)]
                if len(seen) == 4:
                    await consent(False)  # withdrawn: the next page has nothing
            assert len(seen) == 4
        counts = await world.sql("SELECT categories, counts FROM gp_access_record WHERE actor = 'lab'")
        assert [json.loads(count).get("picture", 0) for _, count in counts] == [2, 2, 0]
        assert {categories for categories, _ in counts} == {'["note"]'}

    in_world(tmp_path, scenario)


def test_a_stream_ends_with_its_access(tmp_path: Path) -> None:
    """handle-is-open: a stream that outlives its access, or is taken into another one, gives nothing."""

    async def scenario(world: World) -> None:
        for number in range(4):
            await world.picture(ANN, title=f"{number}")
        await world.picture(BOB, title="his")
        with pytest.raises(GuardError, match="no access is open"):
            await anext(world.guard.stream(world.Picture.select()))
        async with world.own():
            stream = world.guard.stream(world.Picture.select(world.Picture.title), page=2)
            assert len(await anext(stream)) == 2
            async with world.own(BOB):
                with pytest.raises(GuardError, match="belongs to another access"):
                    await anext(stream)
            assert len(await anext(stream)) == 2  # what was refused can be asked for again
        with pytest.raises(GuardError, match="no access is open"):
            await anext(stream)
        async with world.own():
            with pytest.raises(GuardError, match="belongs to another access"):
                await anext(stream)

    in_world(tmp_path, scenario)


def test_a_generator_hands_pages_on_without_holding_an_access(tmp_path: Path) -> None:
    """With `access=` each page has an access of its own, and none is open where the consumer runs."""

    async def scenario(world: World) -> None:
        for number in range(5):
            await world.picture(ANN, title=f"{number}")

        async def titles() -> AsyncIterator[str]:
            async for rows in world.guard.stream(
                world.Picture.select(world.Picture.title), page=2, access=world.own
            ):
                for row in rows:
                    yield row["title"]

        found = []
        async for title in titles():
            found.append(title)
            with pytest.raises(GuardError, match="no access is open"):
                await world.Picture.count()
        assert sorted(found) == ["0", "1", "2", "3", "4"]

    in_world(tmp_path, scenario)


def test_sync_code_streams_too(tmp_path: Path) -> None:
    """`for rows in guard.stream(…)` under `access_sync`."""

    async def scenario(world: World) -> None:
        for number in range(5):
            await world.picture(ANN, title=f"{number}")

        def work() -> list[int]:
            with world.guard.access_sync(ANN, purpose="provide_service"):
                return [len(rows) for rows in world.guard.stream(world.Picture.select(), page=2)]

        assert await asyncio.to_thread(work) == [2, 2, 1]

    in_world(tmp_path, scenario)


def test_nothing_is_held_between_two_pages(tmp_path: Path) -> None:
    """A slow consumer blocks nobody: the log of the database is written back, rows come and go meanwhile."""

    async def scenario(world: World) -> None:
        Picture = world.Picture
        for number in range(6):
            await world.picture(ANN, title=f"{number}")
        async with world.own():
            stream = world.guard.stream(Picture.select(Picture.id), page=2)
            first = await anext(stream)
            with contextlib.closing(sqlite3.connect(tmp_path / "data.sqlite")) as other:
                # It waits for whoever still reads an old state: for nobody.
                busy, *_ = other.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            assert busy == 0
            await Picture.delete().where(Picture.id != first[0]["id"])
            assert await _all(stream) == []
            async with world.engine.transaction():  # in a transaction it reads that one
                await Picture.insert(Picture(owner="ann", title="new"))
                assert len(await _all(world.guard.stream(Picture.select(), page=1))) == 2

    in_world(tmp_path, scenario)


def test_memory_is_that_of_a_page(tmp_path: Path) -> None:
    """Ten times the rows take no more memory."""

    async def scenario(world: World) -> None:
        Picture = world.Picture

        async def peak(rows: int) -> int:
            async with world.own():
                for _ in range(rows // 100):
                    await Picture.insert(*[Picture(owner="ann", title="x" * 2000) for _ in range(100)])
                await anext(world.guard.stream(Picture.select(Picture.title), page=50))
                tracemalloc.start()
                async for page in world.guard.stream(Picture.select(Picture.title), page=50):
                    assert len(page) == 50
                found = tracemalloc.get_traced_memory()[1]
                tracemalloc.stop()
                return found

        small = await peak(100)
        large = await peak(900)
        assert large < 2 * small

    in_world(tmp_path, scenario)


def test_a_page_by_key_is_found_by_the_keys_index(tmp_path: Path) -> None:
    """Rows are neither sorted nor read twice: the second page begins where the first one ended."""

    async def scenario(world: World) -> None:
        from gptimage_core.guard.statements.paging import paged

        catalog = world.guard._catalog
        cut = paged("SELECT title FROM picture", catalog)
        text, _ = cut.text(10, ["x"])
        async with world.own():
            await world.Picture.raw(text.replace("?", "{}"), "x")
        view = next(iter(world.guard._planner.book._slots.values())).views
        plan = next(p for v in view.values() for t, p in v.statements.items() if t == text)
        nothing = [None] * (len(plan.shaped.text.prefix_params) + 1)
        steps = await world.sql(f"EXPLAIN QUERY PLAN {plan.text.sql}", *nothing)
        assert not any("TEMP B-TREE" in step[3] for step in steps), steps
        assert any("id>?" in step[3] or "id >" in step[3] for step in steps), steps

    in_world(tmp_path, scenario)


@pytest.mark.parametrize(
    ("sql", "says"),
    [
        ("DELETE FROM picture", "only a SELECT"),
        ("SELECT 1", "reads no table"),
        ("VALUES (1)", "reads no table"),
        ("SELECT count(*) FROM picture", "computes over all rows"),
        ("SELECT title FROM picture GROUP BY title", "computes over all rows"),
        ("SELECT DISTINCT title FROM picture", "computes over all rows"),
        ("SELECT id FROM picture UNION SELECT id FROM page", "several SELECTs"),
        ("SELECT id FROM picture LIMIT 5", "has a LIMIT"),
        ("SELECT id FROM picture ORDER BY upper(title)", "no column"),
        ("SELECT id, upper(title) AS t FROM picture ORDER BY t", "no column"),
        ("SELECT id FROM picture ORDER BY title NULLS LAST", "NULLS"),
        ("SELECT p.id FROM picture AS p JOIN page AS g ON g.picture = p.id", "by its key"),
        ("SELECT p.id FROM picture AS p, page AS g", "by its key"),
        ("SELECT p.id FROM picture AS p LEFT JOIN page AS g ON g.id = g.picture", "by its key"),
        ("SELECT p.id FROM picture AS p JOIN page AS g USING (tenant)", "by its key"),
        ("SELECT p.id FROM picture AS p RIGHT JOIN page AS g ON g.id = p.title", "by its key"),
        ("SELECT p.id FROM picture AS p JOIN (SELECT id FROM page) AS g ON g.id = p.title", "by its key"),
        ("SELECT id, count(*) OVER () AS n FROM picture", "window"),
        ("SELECT id FROM picture LIMIT 1, 5", "LIMIT"),
        ("SELECT x.id FROM (SELECT id FROM picture) AS x", "begins with a subquery"),
        ("WITH x AS (SELECT id FROM picture) SELECT id FROM x", "begins with a subquery"),
        ("SELECT note FROM picture ORDER BY note", "note"),
        ("SELECT * FROM sqlite_master", "not a governed table"),
        ("SELECT id FROM picture; SELECT 1", "one statement|expected"),
    ],
)
def test_what_cannot_be_streamed_says_why(stage: _Stage, sql: str, says: str) -> None:
    """Ring two: refused before anything runs, with what to do instead."""

    async def check() -> None:
        async with stage.world.own():
            with pytest.raises(GuardError, match=says):
                await anext(stage.world.guard.stream(sql))

    stage.run(check())


def test_other_queries_are_not_streamed(stage: _Stage) -> None:
    """One value is awaited; pages have a size; a cap of rows is not for many pages; `batch` names the way."""
    world = stage.world
    Picture, stream = world.Picture, world.guard.stream
    for query in (Picture.count(), Picture.exists(), Picture.select().first(), Picture.update(title="x"), 7):
        with pytest.raises(GuardError, match="cannot be streamed"):
            stream(query)
    for page in (0, -1, 2.5, True, 10**9):
        with pytest.raises(GuardError, match="a page has"):
            stream(Picture.select(), page=page)
    with pytest.raises(GuardError, match="a text and its arguments"):
        stream(Picture.select(), 1)

    async def check() -> None:
        async with world.staff():
            with pytest.raises(GuardError, match="permits 3 records at a time"):
                await anext(stream(Picture.select(Picture.title), page=2))
        async with world.guard.access(Actor.guest(), purpose="provide_service"):
            with pytest.raises(AccessDenied):
                await anext(stream(Picture.select()))
        async with world.own(BOB):
            rows = await _all(stream(Picture.select(Picture.owner, Picture.note)))
            assert {row["note"] for row in rows if row["owner"] == "ann"} == {WITHHELD}

    stage.run(check())


def test_a_stream_does_not_go_on_for_somebody_else(tmp_path: Path) -> None:
    """Where a page ends may be a value that the next reader is not shown."""

    async def scenario(world: World) -> None:
        await world.picture(ANN, title="a")
        await world.picture(BOB, title="b")
        await world.picture(BOB, title="c")
        accesses = iter([world.own(BOB), world.own(ANN), world.own(BOB)])
        query = "SELECT title FROM picture ORDER BY title"
        stream = world.guard.stream(query, page=1, access=lambda: next(accesses))
        assert await anext(stream) == [{"title": "b"}]
        with pytest.raises(GuardError, match="one person's"):
            await anext(stream)
        assert await anext(stream) == [{"title": "c"}]  # the page is still to be had by whose it is

    in_world(tmp_path, scenario)
