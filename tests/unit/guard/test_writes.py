"""Every shape of a write in a real world: what it does, what it tells, what is recorded of it."""

from __future__ import annotations

import json
import uuid
from pathlib import Path
from typing import Any

import pytest
from tests.support.governed import ANN, BOB, CLERK, NOW, World, in_world
from tests.support.past import past

from gptimage_core.errors import AccessDenied, Conflict, GuardError
from gptimage_core.guard.values import WITHHELD

NEW = "INSERT INTO page (id, picture, text, number, keep_ended) VALUES (?, ?, ?, ?, NULL)"


async def run(world: World, sql: str, *args: Any) -> Any:
    """A statement with its arguments, as an application's own SQL."""
    return await world.guard.run(sql, list(args))


def change(folder: Path, sql: str) -> None:
    """Something done past the guard."""
    past(folder / "data.sqlite", lambda connection: connection.execute(sql).fetchall())


async def records(world: World) -> list[tuple[str, str, dict[str, Any]]]:
    found = await world.sql("SELECT statement, operation, touched FROM gp_access_record ORDER BY seq")
    return [(statement, operation, json.loads(touched)) for statement, operation, touched in found]


async def pages(world: World) -> list[tuple[Any, ...]]:
    return await world.sql("SELECT id, number FROM page ORDER BY id")


async def stage(world: World) -> tuple[str, str]:
    """A picture of ann's with page p1, and one of bob's with page p2."""
    mine, theirs = await world.picture(ANN, title="mine"), await world.picture(BOB, title="theirs")
    for actor, picture, key in ((ANN, mine, "p1"), (BOB, theirs, "p2")):
        async with world.own(actor):
            await run(world, NEW, key, str(picture.id), f"text of {key}", 1)
    return str(mine.id), str(theirs.id)


def test_an_insert_that_says_nothing_of_its_keeping_makes_a_row_that_is_kept(tmp_path: Path) -> None:
    """What nobody names is filled in before it is decided; unknown it would be denied."""

    async def scenario(world: World) -> None:
        mine, _ = await stage(world)
        async with world.own():
            await run(world, "INSERT INTO page (id, picture, number) VALUES (?, ?, 3)", "p3", mine)
            copied = "INSERT INTO page (id, picture, number) SELECT ?, picture, number FROM page WHERE id = ?"
            assert await run(world, f"{copied} RETURNING id, keep_ended", "p4", "p3") == [
                {"id": "p4", "keep_ended": None}
            ]
            upsert = "INSERT INTO page (id, picture, number) VALUES (?, ?, 5) ON CONFLICT (id) DO UPDATE SET"
            with pytest.raises(GuardError, match="fills in"):
                await run(world, f"{upsert} number = number + excluded.keep_ended", "p4", mine)
        assert await pages(world) == [("p1", 1), ("p2", 1), ("p3", 3), ("p4", 3)]

    in_world(tmp_path, scenario)


UPSERT = f"{NEW} ON CONFLICT (id) DO UPDATE SET number = number + excluded.number, text = excluded.text"


def test_an_upsert_updates_the_row_that_is_there_or_inserts(tmp_path: Path) -> None:
    """ON CONFLICT … DO UPDATE: each row by itself, sealed for the row that it ends up in."""

    async def scenario(world: World) -> None:
        mine, _ = await stage(world)
        async with world.own():
            many = UPSERT.replace("(?, ?, ?, ?, NULL)", ", ".join(["(?, ?, ?, ?, NULL)"] * 3))
            told = await run(
                world, f"{many} RETURNING id", "p1", mine, "a", 5, "p3", mine, "b", 7, "p3", mine, "c", 2
            )
            assert told == [{"id": "p1"}, {"id": "p3"}, {"id": "p3"}]
            rows = await world.Page.select(world.Page.id, world.Page.text, world.Page.number)
            assert sorted(map(str, rows)) == sorted(
                map(str, [{"id": "p1", "text": "a", "number": 6}, {"id": "p3", "text": "c", "number": 9}])
            )
        assert (await records(world))[-3:-1] == [
            ("INSERT", "create", {"page": [["p3", "ann"]]}),
            ("UPDATE", "update", {"page": [["p1", "ann"], ["p3", "ann"]]}),
        ]

    in_world(tmp_path, scenario)


@pytest.mark.parametrize("where", ["", " WHERE page.number < 100"])
def test_an_upsert_of_a_hidden_row_is_a_conflict(where: str, tmp_path: Path) -> None:
    """S7: the row stays as it is, and the error is the same whatever it holds."""

    async def scenario(world: World) -> None:
        mine, _ = await stage(world)
        before = await world.sql("SELECT * FROM page ORDER BY id")
        async with world.own():
            for number in (1, 1000):
                change(tmp_path, f"UPDATE page SET number = {number} WHERE id = 'p2'")
                with pytest.raises(Conflict) as error:
                    await run(world, f"{UPSERT}{where}", "p2", mine, "mine now", 5)
                assert error.value.__context__ is None
        change(tmp_path, "UPDATE page SET number = 1 WHERE id = 'p2'")
        assert await world.sql("SELECT * FROM page ORDER BY id") == before

    in_world(tmp_path, scenario)


def test_do_updates_own_where_leaves_the_row(tmp_path: Path) -> None:
    """What DO UPDATE's WHERE does not hold for stays as it is, without an error, and is not returned."""

    async def scenario(world: World) -> None:
        mine, _ = await stage(world)
        async with world.own():
            sql = f"{UPSERT} WHERE excluded.number > page.number RETURNING id"
            assert await run(world, sql, "p1", mine, "a", 1) == []
            assert await run(world, sql, "p1", mine, "a", 2) == [{"id": "p1"}]
        assert await pages(world) == [("p1", 3), ("p2", 1)]

    in_world(tmp_path, scenario)


@pytest.mark.parametrize("shape", ["OR IGNORE", "DO NOTHING", "(id) DO NOTHING"])
@pytest.mark.parametrize("key", ["p1", "p2"])
def test_what_is_left_out_tells_nothing(shape: str, key: str, tmp_path: Path) -> None:
    """S7: OR IGNORE and DO NOTHING leave a row out, seen or hidden, alike; the others come to be."""

    async def scenario(world: World) -> None:
        mine, _ = await stage(world)
        sql = NEW.replace("(?, ?, ?, ?, NULL)", "(?, ?, ?, ?, NULL), (?, ?, ?, ?, NULL)")
        sql = (
            sql.replace("INSERT", "INSERT OR IGNORE")
            if shape == "OR IGNORE"
            else f"{sql} ON CONFLICT {shape}"
        )
        async with world.own():
            told = await run(world, f"{sql} RETURNING id, number", key, mine, "a", 5, "p3", mine, "b", 7)
            assert told == [{"id": "p3", "number": 7}]
        assert await pages(world) == [("p1", 1), ("p2", 1), ("p3", 7)]
        assert ("INSERT", "create", {"page": [["p3", "ann"]]}) in await records(world)

    in_world(tmp_path, scenario)


def test_do_nothing_names_what_may_collide(tmp_path: Path) -> None:
    """Another collision than the one that DO NOTHING names is an error."""

    async def scenario(world: World) -> None:
        change(tmp_path, "CREATE UNIQUE INDEX one ON page (number)")
        mine, _ = str((await world.picture(ANN)).id), None
        async with world.own():
            await run(world, NEW, "p1", mine, "a", 5)
            for target, collides in (("(number)", False), ("", False), ("(id)", True)):
                sql = f"{NEW} ON CONFLICT {target} DO NOTHING"
                if collides:
                    with pytest.raises(Conflict):
                        await run(world, sql, "p3", mine, "b", 5)
                else:
                    await run(world, sql, "p3", mine, "b", 5)
        assert await pages(world) == [("p1", 5)]

    in_world(tmp_path, scenario)


def test_an_upsert_by_a_partial_index(tmp_path: Path) -> None:
    """A target with a WHERE: only the database knows whether the new row stands in that index."""

    async def scenario(world: World) -> None:
        mine, _ = await stage(world)
        index = "CREATE UNIQUE INDEX small ON page (picture) WHERE number < 10"
        change(tmp_path, index)
        sql = f"{NEW} ON CONFLICT (picture) WHERE number < 10 DO UPDATE SET number = excluded.number"
        async with world.own():
            await run(world, sql, "p3", mine, "a", 5)
            await run(world, sql, "p4", mine, "a", 50)
        assert await pages(world) == [("p1", 5), ("p2", 1), ("p4", 50)]

    in_world(tmp_path, scenario)


def test_an_upsert_by_what_is_not_unique_is_refused(tmp_path: Path) -> None:
    """The database would refuse it too; the guard says so when it finds two rows."""

    async def scenario(world: World) -> None:
        mine, _ = await stage(world)
        async with world.own():
            await run(world, NEW, "p3", mine, "a", 5)
            with pytest.raises(GuardError, match="not unique"):
                await run(world, UPSERT.replace("(id) DO", "(picture) DO"), "p9", mine, "a", 5)

    in_world(tmp_path, scenario)


def test_an_upsert_that_may_not_update_is_denied(tmp_path: Path) -> None:
    """Who may never update is denied, whether or not a row is there; nobody creates by an upsert either."""

    async def scenario(world: World) -> None:
        mine, _ = await stage(world)
        async with world.guard.access(CLERK, purpose="answer_requests", facts={"ticket_until": NOW + 1}):
            for key in ("p1", "p9"):
                with pytest.raises(AccessDenied):
                    await run(world, UPSERT, key, mine, "a", 5)

    in_world(tmp_path, scenario)


def test_an_insert_from_a_select_takes_what_may_be_read(tmp_path: Path) -> None:
    """INSERT … SELECT: rows and fields through the guard, each new row decided, sealed anew for its own row,
    and both are recorded."""

    async def scenario(world: World) -> None:
        await stage(world)
        async with world.own():
            sql = (
                "INSERT INTO page (id, picture, text, number, keep_ended) "
                "SELECT p.id || ?, p.picture, p.text, p.number + ?, NULL FROM page AS p WHERE p.number < ? "
                "RETURNING *"
            )
            (told,) = await run(world, sql, "-copy", 10, 5)
            assert (told["id"], told["text"], told["number"]) == ("p1-copy", "text of p1", 11)
            found = await world.Page.select(world.Page.text).where(world.Page.id == "p1-copy")
            assert found == [{"text": "text of p1"}]
        assert await pages(world) == [("p1", 1), ("p1-copy", 11), ("p2", 1)]
        assert (await records(world))[-4:-1] == [
            ("INSERT", "create", {"page": [["p1-copy", "ann"]]}),
            ("SELECT", "read", {"page": [["p1", "ann"]]}),
            ("SELECT", "read", {"page": [["p1-copy", "ann"]]}),
        ]

    in_world(tmp_path, scenario)


def test_an_insert_from_a_select_decides_every_row(tmp_path: Path) -> None:
    """One row that may not be created refuses all of them; a withheld field is no value of a new row."""

    async def scenario(world: World) -> None:
        mine = await world.picture(ANN, title="a", note="secret")
        await world.picture(BOB, title="b", visibility="public")
        copy = "INSERT INTO picture (id, owner, title, keep_ended{0}) SELECT ?, {1}, title, NULL{0} "
        from_where = "FROM picture WHERE title = ?"
        async with world.own():
            with pytest.raises(AccessDenied):  # a picture for bob
                await run(world, copy.format("", "owner") + from_where, str(uuid.uuid4()), "b")
            key = str(uuid.uuid4())
            await run(world, copy.format("", "'ann'") + from_where, key, "b")
            with pytest.raises(GuardError, match="withheld field of another"):
                await run(world, copy.format(", note", "'ann'") + from_where, str(uuid.uuid4()), "b")
            await run(world, copy.format(", note", "'ann'") + from_where, str(uuid.uuid4()), "a")
            rows = await world.Picture.select(world.Picture.title, world.Picture.note).where(
                world.Picture.owner == "ann"
            )
            assert sorted(map(str, rows)) == sorted(
                map(str, [{"title": "a", "note": "secret"}] * 2 + [{"title": "b", "note": WITHHELD}])
            )
        assert mine is not None

    in_world(tmp_path, scenario)


def test_values_may_be_computed(tmp_path: Path) -> None:
    """An expression or a subquery in VALUES, and a WITH in front, are a governed read."""

    async def scenario(world: World) -> None:
        mine, _ = await stage(world)
        async with world.own():
            await run(
                world,
                "WITH n AS (SELECT max(number) AS m FROM page) "
                "INSERT INTO page (id, picture, text, number, keep_ended) VALUES "
                "(lower(?), ?, ?, (SELECT m FROM n) + 1, NULL), "
                "(?, ?, (SELECT text FROM page WHERE id = ?), 3, NULL)",
                "P3", mine, "a", "p4", mine, "p1",
            )  # fmt: skip
            found = await world.Page.select(world.Page.text).where(world.Page.id == "p4")
            assert found == [{"text": "text of p1"}]
        assert await pages(world) == [("p1", 1), ("p2", 1), ("p3", 2), ("p4", 3)]

    in_world(tmp_path, scenario)


UPDATES = {
    "an expression": ("UPDATE page SET number = number + ? WHERE id = ?", [5, "p1"]),
    "a subquery": ("UPDATE page SET number = (SELECT count(*) FROM page) + ? WHERE number = 1", [5]),
    "several at once": ("UPDATE page SET (number, keep_ended) = (?, ?) WHERE number = 1", [6, None]),
    "a subquery of several": (
        "UPDATE page AS p SET (number) = (SELECT length(title) + 2 FROM picture AS i WHERE i.id = p.picture) "
        "WHERE (SELECT title FROM picture AS i WHERE i.id = p.picture) = ?",
        ["mine"],
    ),
    "FROM": (
        "UPDATE page SET number = page.number + length(i.title) + ? FROM picture AS i "
        "WHERE i.id = page.picture",
        [1],
    ),
    "FROM a subquery": (
        "UPDATE page AS p SET number = s.n FROM (SELECT id AS k, number + 5 AS n FROM page) AS s "
        "WHERE s.k = p.id",
        [],
    ),
    "WITH": (
        "WITH w AS (SELECT id FROM page) UPDATE page SET number = ? WHERE id IN (SELECT id FROM w)",
        [6],
    ),
    "LIMIT": ("UPDATE page SET number = ? WHERE TRUE ORDER BY number DESC LIMIT 5", [6]),
    "in a transaction": ("UPDATE page SET number = number + 5", []),
}


@pytest.mark.parametrize("shape", UPDATES)
def test_an_update_changes_what_may_be_changed_and_no_other(shape: str, tmp_path: Path) -> None:
    """Whatever SET and WHERE read is read through the guard; RETURNING shows the row as it is then."""

    async def scenario(world: World) -> None:
        await stage(world)
        sql, args = UPDATES[shape]
        async with world.own():
            if shape == "in a transaction":
                async with world.engine.transaction() as transaction:
                    told = await world.guard.run(f"{sql} RETURNING id, number", args, transaction.scope)
            else:
                told = await run(world, f"{sql} RETURNING id, number, text AS t", *args)
                assert [row.pop("t") for row in told] == ["text of p1"]
        assert told == [{"id": "p1", "number": 6}]
        assert await pages(world) == [("p1", 6), ("p2", 1)]
        (update,) = [touched for verb, _, touched in await records(world) if verb == "UPDATE"]
        assert update["page"] == [["p1", "ann"]]

    in_world(tmp_path, scenario)


def test_returning_shows_what_a_row_was_and_withholds_what_may_not_be_read(tmp_path: Path) -> None:
    """DELETE … RETURNING reads before it deletes; what is invisible afterwards gives its key only."""

    async def scenario(world: World) -> None:
        mine, _ = await stage(world)
        async with world.own():
            ended = await run(
                world, "UPDATE page SET keep_ended = ? WHERE id = ? RETURNING id, text", NOW, "p1"
            )
            assert ended == [{"id": "p1", "text": WITHHELD}]
            await run(world, NEW, "p3", mine, "third", 3)
            gone = await run(world, "DELETE FROM page WHERE id IN (?, ?) RETURNING *", "p3", "p2")
            assert [(row["id"], row["text"], row["number"]) for row in gone] == [("p3", "third", 3)]
        async with world.guard.access(CLERK, purpose="answer_requests", facts={"ticket_until": NOW + 1}):
            world.guard.tell = lambda connection, record: None
            sql = "UPDATE picture SET label = ? WHERE title = ? RETURNING id, label, title, note"
            with pytest.raises(GuardError, match="withheld"):
                await run(world, sql, "l", "mine")
            told = await run(world, sql.replace("title = ?", "id = ?"), "l", mine)
            assert told == [{"id": uuid.UUID(mine), "label": "l", "title": WITHHELD, "note": WITHHELD}]

    in_world(tmp_path, scenario)


def test_deleting_by_subqueries_order_and_alias(tmp_path: Path) -> None:
    """DELETE takes the same WHERE as SELECT, an alias, and LIMIT."""

    async def scenario(world: World) -> None:
        mine, _ = await stage(world)
        async with world.own():
            for n in range(3, 7):
                await run(world, NEW, f"p{n}", mine, "t", n)
            told = await run(
                world, "DELETE FROM page WHERE number > 0 ORDER BY number DESC LIMIT 2 RETURNING id"
            )
            assert sorted(row["id"] for row in told) == ["p5", "p6"]
            await run(
                world,
                "DELETE FROM page AS p WHERE EXISTS (SELECT 1 FROM page AS q WHERE q.number > p.number) "
                "AND p.id <> ?",
                "p1",
            )
        assert await pages(world) == [("p1", 1), ("p2", 1), ("p4", 4)]

    in_world(tmp_path, scenario)
