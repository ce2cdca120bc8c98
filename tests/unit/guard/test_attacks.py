"""What application code with an ORM and an open access might try, each way closed: a table of attacks."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs
from piccolo.columns import BigInt, Integer, Varchar
from piccolo.table import Table
from tests.support.governed import ANN, BOB, NOW, POLICY, World, in_world

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
from gptimage_core.clock import MINUTE, FixedClock
from gptimage_core.decision.model import Actor
from gptimage_core.errors import AccessDenied, Conflict, GuardError
from gptimage_core.guard.plans import _make_room as make_room
from gptimage_core.policy.binding import Accepted
from gptimage_core.policy.loader import parse_document
from gptimage_core.policy.timeline import single
from gptimage_core.store import state

LAB = Actor.service("lab")

FIGURES_ABOUT_ONE = {
    "a table joined to itself": "SELECT avg(a.size) FROM picture a JOIN picture b WHERE a.owner = 'ann'",
    "the one on the outer side": "SELECT avg(b.size) FROM picture a LEFT JOIN picture b ON b.owner = 'ann'",
    "a comma": "SELECT sum(a.size) FROM picture a, picture b WHERE a.owner = 'ann'",
}


@pytest.mark.parametrize("attack", FIGURES_ABOUT_ONE)
def test_a_figure_about_one_does_not_hide_behind_a_join(attack: str, tmp_path: Path) -> None:
    """S16: people are counted per table, so no table stands twice in a figure about many."""

    async def scenario(world: World) -> None:
        await world.picture(ANN, size=7)
        await world.picture(BOB, size=100)
        async with world.guard.access(LAB, purpose="secure_service", operation="aggregate"):
            with pytest.raises(GuardError, match="each table once"):
                await world.Picture.raw(FIGURES_ABOUT_ONE[attack])

    in_world(tmp_path, scenario)


def test_a_delete_takes_no_other_rows_along(tmp_path: Path) -> None:
    """S7, S31: what a foreign key's ON DELETE would remove or change was never decided, nor recorded; so the
    DELETE is refused as a whole and says what hangs on the row. Deleted one after the other, each is."""

    async def scenario(world: World) -> None:
        Picture, Page = world.Picture, world.Page
        picture = await world.picture(ANN)
        other = await world.picture(ANN)
        async with world.own():
            await Page(id="page-1", picture=picture.id, text="once upon a time").save()
            for query in (
                Picture.delete().where(Picture.id == picture.id),
                Picture.delete(force=True),
                Picture.delete(force=True).returning(Picture.id),
                Picture.raw("DELETE FROM picture WHERE id IN (SELECT picture FROM page)"),
            ):
                with pytest.raises(GuardError, match="`page`"):
                    await query
            with pytest.raises(GuardError, match="`page`"):
                async with world.engine.transaction():
                    await Picture.delete().where(Picture.id == picture.id)
            assert await Page.count() == 1
            await Picture.delete().where(Picture.id == other.id)
            await Page.delete().where(Page.picture == picture.id)
            await Picture.delete().where(Picture.id == picture.id)
        assert await world.sql("SELECT count(*) FROM picture") == [(0,)]
        deleted = await world.sql("SELECT counts FROM gp_access_record WHERE statement = 'DELETE'")
        assert deleted == [('{"picture":1}',), ('{"page":1}',), ('{"picture":1}',)]

    in_world(tmp_path, scenario)


def test_a_trigger_of_the_application_is_its_own_affair(tmp_path: Path) -> None:
    """Only foreign keys are held against a DELETE; a trigger is part of the schema that somebody wrote."""

    async def scenario(world: World) -> None:
        noted = Accepted("trigger:noted", "it counts, and holds nobody's data")
        world.guard.datamap = structs.replace(world.guard.datamap, accepted=(noted,))
        async with world.guard.maintenance("count what goes", "OPS-1", NOW + MINUTE):
            await world.engine.run_ddl("CREATE TABLE seen (n)")
            await world.engine.run_ddl(
                "CREATE TRIGGER noted AFTER DELETE ON page BEGIN INSERT INTO seen VALUES (1); END"
            )
        picture = await world.picture(ANN)
        async with world.own():
            await world.Page(id="page-1", picture=picture.id, text="once").save()
            await world.Page.delete().where(world.Page.id == "page-1")
        assert await world.sql("SELECT n FROM seen") == [(1,)]

    in_world(tmp_path, scenario)


def test_two_tables_with_keys_of_different_types_stand_in_one_record(tmp_path: Path) -> None:
    """The rows that a statement goes over are named by one more statement, a UNION over its tables."""

    async def scenario(world: World) -> None:
        picture = await world.picture(ANN)
        async with world.own():
            await world.Page(id="page-1", picture=picture.id, text="once").save()
            sql = "SELECT (SELECT count(*) FROM picture) AS a, (SELECT count(*) FROM page) AS b"
            assert await world.Picture.raw(sql) == [{"a": 1, "b": 1}]
        ((touched,),) = await world.sql("SELECT touched FROM gp_access_record WHERE statement = 'SELECT'")
        assert json.loads(touched) == {"picture": [[str(picture.id), "ann"]], "page": [["page-1", "ann"]]}

    in_world(tmp_path, scenario)


UNDOING = ("the whole", "a savepoint", "a nested transaction")


@pytest.mark.parametrize("undone", UNDOING)
def test_a_write_that_is_undone_leaves_the_record_of_what_it_told(undone: str, tmp_path: Path) -> None:
    """No record, no access: whether an UPDATE or DELETE matched tells as much as a read; undoing it untells
    nothing. What is committed is recorded once, as what it is."""

    async def scenario(world: World) -> None:
        Picture, engine = world.Picture, world.engine
        picture = await world.picture(ANN, title="a secret word")

        async def probe() -> Any:
            matching = Picture.update({Picture.size: 1}).where(Picture.title.like("a secret%"))
            told = await matching.returning(Picture.id)
            await Picture.delete().where(Picture.title.like("a secret%"))
            return told

        async with world.own():
            with contextlib.suppress(ZeroDivisionError):
                async with engine.transaction() as transaction:
                    await Picture.update({Picture.starred: True}).where(Picture.id == picture.id)
                    if undone == "a savepoint":
                        point = await transaction.savepoint("Here")
                        assert await probe() == [{"id": picture.id}]
                        await transaction.rollback_to("here")
                        await point.release()
                    elif undone == "a nested transaction":
                        with pytest.raises(ZeroDivisionError):  # noqa: PT012  # the whole block fails
                            async with engine.transaction():
                                assert await probe() == [{"id": picture.id}]
                                _ = 1 / 0
                    else:
                        assert await probe() == [{"id": picture.id}]
                        _ = 1 / 0
        rows = await world.sql("SELECT statement, touched FROM gp_access_record ORDER BY seq")
        row = f'{{"picture":[["{picture.id}","ann"]]}}'
        first = "UPDATE, undone" if undone == "the whole" else "UPDATE"
        assert rows[1:] == [(first, row), ("UPDATE, undone", row), ("DELETE, undone", row)]

    in_world(tmp_path, scenario)


def test_statements_of_ever_other_lengths_do_not_fill_the_memory() -> None:
    """What is kept of statements is bounded in characters, not only in number; the newest half stays."""
    kept: dict[Any, int] = {}
    for number, length in enumerate([*[9] * 3_000, *range(0, 9_000, 9), 500_000, *[60_000] * 20]):
        text = "?" * length + str(number)
        make_room(kept, text)
        kept[text if number % 2 else (text, (), False)] = number
        assert len(kept) <= 2_048
        texts = [key if isinstance(key, str) else key[0] for key in kept]
        assert sum(map(len, texts)) <= max(400_000, len(text))
        assert number in kept.values()


def test_the_database_is_not_handed_out_once_a_guard_is_attached(tmp_path: Path) -> None:
    """handle-is-open: what has the connection has every row; the error names the ways there are."""

    async def scenario(world: World) -> None:
        with pytest.raises(GuardError, match=r"`guard.in_transaction\(…\)`.*`guard.maintenance"):
            _ = world.engine.database
        for holder in (world.guard, world.engine):
            assert "database" not in vars(holder)

    in_world(tmp_path, scenario)


COUNTED = "SELECT count(*), max(owner) FROM picture WHERE keep_ended IS NULL"
TRUSTED_WORK = {
    "reads what people have": "SELECT title FROM picture",
    "compares it": "SELECT id FROM picture WHERE note IS NOT NULL",
    "deletes by it": "DELETE FROM picture WHERE title = 'x'",
    "writes it": "UPDATE picture SET title = 'x'",
    "brings it back": "UPDATE picture SET keep_ended = NULL",
    "gives it away": "UPDATE picture SET owner = 'bob'",
    "makes a row": "INSERT INTO page (id) VALUES ('p')",
    "copies it": "INSERT INTO gp_meta SELECT id, title FROM picture",
    "asks a pragma": "PRAGMA table_info(picture)",
    "attaches": "ATTACH ':memory:' AS other",
    "makes a table": "CREATE TABLE copy AS SELECT id FROM picture",
    "makes a temporary view": "CREATE TEMP VIEW copy AS SELECT id FROM picture",
    "reads the schema": "SELECT sql FROM sqlite_master",
    "ends the transaction": "COMMIT",
}


@pytest.mark.parametrize("attack", TRUSTED_WORK)
def test_the_trusted_path_reaches_no_data_of_people(attack: str, tmp_path: Path) -> None:
    """`in_transaction` is for the core's own tables: of the application's it reads keys and technical columns
    and deletes by them; the fence is gone when the work is over, and it prepares kept texts again."""

    async def scenario(world: World) -> None:
        picture = await world.picture(ANN, title="x")
        for inside in (False, True):

            async def trusted(work: Any, inside: bool = inside) -> Any:
                if not inside:
                    return await world.guard.in_transaction(work)
                async with world.own(), world.engine.transaction() as transaction:
                    return await world.guard.in_transaction(work, transaction.scope)

            with pytest.raises(GuardError, match="in_transaction"):
                await trusted(lambda c: c.execute(TRUSTED_WORK[attack]).fetchall())
            assert await trusted(lambda c: c.execute(COUNTED).fetchall()) == [(1, "ann")]
        async with world.own():
            assert await world.Picture.select(world.Picture.title) == [{"title": "x"}]
        key = str(picture.id)
        await world.guard.in_transaction(
            lambda c: c.execute("DELETE FROM picture WHERE id = ?", (key,)).rowcount
        )
        assert await world.sql("SELECT count(*) FROM picture") == [(0,)]

    in_world(tmp_path, scenario)


ONLY_PRIVATE = POLICY.replace(
    'when = ["row_is_own"]\nclauses = ["S7"]',
    'when = ["row_is_own", { fact = "visibility", is = ["private"] }]\nclauses = ["S7"]',
)
MAKES_PUBLIC = {
    "an argument": "UPDATE picture SET visibility = 'public' WHERE id = ?",
    "an expression": "UPDATE picture SET visibility = 'pub' || 'lic' WHERE id = ?",
    "a CASE": "UPDATE picture SET visibility = CASE WHEN size = 0 THEN 'public' END WHERE id = ?",
    "NULL": "UPDATE picture SET visibility = NULL WHERE id = ?",
    "while it ends": f"UPDATE picture SET visibility = 'public', keep_ended = {NOW - 1} WHERE id = ?",
    "with its key": "UPDATE picture SET visibility = 'public' WHERE id = ? RETURNING id",
    "a sealed value": "UPDATE picture SET visibility = 'public', note = 'n' WHERE id = ?",
}


@pytest.mark.parametrize("attack", MAKES_PUBLIC)
def test_a_row_is_changed_into_nothing_that_may_not_be(attack: str, tmp_path: Path) -> None:
    """S7, new-row-decided: what may be changed while it is private is not made public by the change itself;
    the whole statement is undone and denied, alone and in a transaction."""

    async def scenario(world: World) -> None:
        Picture, engine = world.Picture, world.engine
        picture = await world.picture(ANN, title="t", visibility="private")
        other = await world.picture(ANN, title="t", visibility="private")
        sql = MAKES_PUBLIC[attack].replace("?", "{}")

        async def make_public() -> None:
            if attack == "while it ends" or attack == "a sealed value":
                values = {Picture.visibility: "public"}
                values |= {Picture.keep_ended: NOW} if attack == "while it ends" else {Picture.note: "n"}
                await Picture.update(values).where(Picture.id == picture.id)
            else:
                await Picture.raw(sql, picture.id)

        async with world.own():
            with pytest.raises(AccessDenied) as denied:
                await make_public()
            async with engine.transaction():
                await Picture.update({Picture.title: "u"}).where(Picture.id == other.id)
                with pytest.raises(AccessDenied):
                    await make_public()
            with pytest.raises(AccessDenied):
                await Picture.update({Picture.visibility: "public"}, force=True)
            mine = await Picture.objects().get(Picture.id == picture.id)
            mine.title = "v"
            await mine.save()  # every column, the fact as it is
        found = await world.sql("SELECT title, visibility, keep_ended FROM picture ORDER BY title")
        assert found == [("u", "private", None), ("v", "private", None)]
        denial = await world.guard.explain_denial(denied.value.denial_id)
        assert denial is not None
        assert "would become" in denial.reason
        assert len(await world.sql("SELECT id FROM gp_denial")) == 3

    in_world(tmp_path, scenario, policy=ONLY_PRIVATE)


def test_a_statement_that_sets_no_fact_asks_nothing_more(tmp_path: Path) -> None:
    """The new row is asked about only where a fact of it can have changed."""

    async def scenario(world: World) -> None:
        picture = await world.picture(ANN)
        seen: list[str] = []
        await world.engine._database.write(lambda c: c.set_trace_callback(seen.append))
        async with world.own():
            await world.Picture.update({world.Picture.title: "u"}).where(world.Picture.id == picture.id)
            assert not any("json_each(" in sql and "IS NOT TRUE" in sql for sql in seen)
            await world.Picture.update({world.Picture.visibility: "public"}).where(
                world.Picture.id == picture.id
            )
        assert any("json_each(" in sql and "IS NOT TRUE" in sql for sql in seen)
        assert await world.sql("SELECT visibility FROM picture") == [("public",)]

    in_world(tmp_path, scenario)


def test_a_record_names_the_key_as_the_database_has_it(tmp_path: Path) -> None:
    """No record, no access: '05', True and 5.0 name the rows 5, 1 and 5 to SQLite; so does the record."""
    engine = GovernedSQLite(tmp_path / "data.sqlite", readers=1)

    class Tally(Table, db=engine, tablename="tally"):
        id = Integer(primary_key=True, default=0)
        owner = subject(Varchar(length=40))
        tenant = tenant(Varchar(length=40))
        recorded = recorded(BigInt())
        keep_ended = keep_ended(BigInt(null=True))
        collected_under = collected_under(Integer())
        size = category("picture", Integer(default=0))

    insert = "INSERT INTO tally (id, owner, keep_ended, size) VALUES ({}, 'ann', NULL, 0)"
    update = "UPDATE tally SET size = 1 WHERE id = {}"

    async def scenario() -> list[tuple[Any, ...]]:
        await Tally.create_table()
        timeline = single(parse_document(POLICY, "policy.toml"))
        guard = await govern(
            engine, policy=timeline, tables=[Tally], ledger=tmp_path / "ledger", clock=FixedClock(NOW)
        )
        await guard.in_transaction(lambda c: state.create_subject(c, "main", "ann", NOW))
        async with guard.access(ANN, purpose="provide_service"):
            for key in ("05", True, 7.0, 9, "x"):
                with contextlib.suppress(sqlite3.Error):
                    await Tally.raw(insert, key)
            for key in ("05", "5", 5.0, True, 7, "+9", "x"):
                await Tally.raw(update, key)
                await Tally.raw(f"{update} AND size < 9", key)
        found = await engine._database.read(
            lambda c: c.execute("SELECT statement, touched FROM gp_access_record ORDER BY seq").fetchall()
        )
        guard.sink.close()  # type: ignore[attr-defined]  # the built-in sink has it
        engine._database.close()
        return found

    records = [(verb, json.loads(touched)) for verb, touched in asyncio.run(scenario())]
    of = [(verb, [key for key, _ in rows.get("tally", [])]) for verb, rows in records]
    inserted = [("INSERT", [key]) for key in ("5", "1", "7", "9")]
    updated = [("UPDATE", [key]) for key in ("5", "5", "5", "1", "7", "9") for _ in range(2)]
    assert of == inserted + updated + [("UPDATE", [])] * 2


HIDDEN_OR_NOT = {"one's own": ANN, "somebody else's": BOB}


@pytest.mark.parametrize("whose", HIDDEN_OR_NOT)
def test_what_collides_with_a_row_tells_nothing_of_it(whose: str, tmp_path: Path) -> None:
    """S7: a key that is taken, a row that is not there: one neutral error, with no names and no cause inside,
    for rows that are seen and for rows that are not; nothing is written, and the transaction goes on."""

    async def scenario(world: World) -> None:
        Picture, Page, engine = world.Picture, world.Page, world.engine
        theirs = await world.picture(HIDDEN_OR_NOT[whose])
        mine = await world.picture(ANN)
        async with world.own(HIDDEN_OR_NOT[whose]):
            await Page(id="page-1", picture=theirs.id, text="t").save()

        async def collide() -> set[tuple[str, ...]]:
            told = set()
            for collision in (
                Picture.insert(Picture(id=theirs.id, owner="ann")),
                Page.insert(Page(id="page-1", picture=mine.id, text="mine")),
            ):
                with pytest.raises(Conflict) as error:
                    await collision
                assert error.value.__context__ is None
                told.add((str(error.value), *map(str, error.value.args)))
            return told

        async with world.own():
            ((message, *_),) = await collide()
            assert not any(word in message for word in ("picture", "page", "UNIQUE", "owner", ".id"))
            async with engine.transaction():
                await Picture.update({Picture.title: "u"}).where(Picture.id == mine.id)
                assert len(await collide()) == 1
        assert await world.sql("SELECT count(*) FROM picture WHERE title = 'u'") == [(1,)]
        assert await world.sql("SELECT count(*) FROM page") == [(1,)]

    in_world(tmp_path, scenario)
