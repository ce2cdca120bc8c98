"""Every kind of Piccolo query runs under an access, over permitted rows and fields (S7)."""

from __future__ import annotations

import datetime as dt
import decimal
import uuid
from pathlib import Path
from typing import Any

import pytest
from tests.support.governed import ANN, BOB, NOW, World, in_world

from gptimage_core.errors import AccessDenied, Conflict, GuardError
from gptimage_core.guard.values import WITHHELD


def test_each_kind_of_read_sees_the_own_rows_and_no_others(tmp_path: Path) -> None:
    """S7: select, objects, first, get, count, exists, ordering and raw SQL read the same permitted rows."""

    async def scenario(world: World) -> None:
        Picture = world.Picture
        await world.picture(ANN, title="sea", size=2)
        await world.picture(ANN, title="hill", size=1, starred=True)
        await world.picture(BOB, title="theirs", size=9)
        async with world.own():
            rows = await Picture.select(Picture.title, Picture.size).order_by(Picture.size)
            assert rows == [{"title": "hill", "size": 1}, {"title": "sea", "size": 2}]
            assert [p.title for p in await Picture.objects().order_by(Picture.title)] == ["hill", "sea"]
            assert (await Picture.objects().get(Picture.title == "sea")).size == 2
            assert (await Picture.select(Picture.title).where(Picture.starred.eq(True)).first()) == {
                "title": "hill"
            }
            assert await Picture.count() == 2
            assert await Picture.count().where(Picture.size > 1) == 1
            assert await Picture.exists().where(Picture.title == "sea")
            assert not await Picture.exists().where(Picture.title == "theirs")
            assert await Picture.select(Picture.title).where(Picture.title.is_in(["sea", "theirs"])).output(
                as_list=True
            ) == ["sea"]
            raw = await Picture.raw("SELECT title FROM picture WHERE size > {} ORDER BY title", 0)
            assert raw == [{"title": "hill"}, {"title": "sea"}]
            total = await Picture.raw("SELECT count(*) AS n, sum(size) AS s FROM picture")
            assert total == [{"n": 2, "s": 3}]

    in_world(tmp_path, scenario)


def test_types_and_converters_are_kept(tmp_path: Path) -> None:
    """A governed value has the type that Piccolo gives it without a guard."""
    taken = dt.datetime(2026, 5, 4, 12, 30, tzinfo=dt.UTC)

    async def scenario(world: World) -> None:
        Picture = world.Picture
        made = await world.picture(
            title="sea",
            price=decimal.Decimal("1.5"),
            taken=taken,
            tags=["a", "b"],
            extra={"k": [1]},
            starred=True,
        )
        async with world.own():
            row = await Picture.select().first()
            assert isinstance(row["id"], uuid.UUID)
            assert row["id"] == made.id
            assert row["starred"] is True
            assert row["taken"] == taken
            assert row["price"] == decimal.Decimal("1.5")
            assert row["tags"] == ["a", "b"]
            loaded = await Picture.select(Picture.extra).output(load_json=True).first()
            assert loaded == {"extra": {"k": [1]}}
            assert await Picture.select(Picture.title).where(Picture.taken == taken) == [{"title": "sea"}]
        async with world.own(BOB):
            await Picture.select()
        await _share(world, made)
        async with world.own(BOB):  # a public picture: the same columns, some of them conditional
            row = await Picture.select().first()
            assert row["id"] == made.id
            assert row["starred"] is True
            assert row["taken"] == taken
            assert row["tags"] == ["a", "b"]
            assert row["note"] is WITHHELD

    in_world(tmp_path, scenario)


async def _share(world: World, picture: Any) -> None:
    async with world.own():
        await world.Picture.update({world.Picture.visibility: "public"}).where(world.Picture.id == picture.id)


def test_save_inserts_and_updates_and_remove_deletes(tmp_path: Path) -> None:
    """Saving an object writes its own row; technical columns are filled in and stay."""

    async def scenario(world: World) -> None:
        Picture = world.Picture
        picture = await world.picture(title="sea", note="mine")
        stored = (await world.sql("SELECT tenant, recorded, collected_under FROM picture"))[0]
        assert stored == ("main", NOW, 1)
        world.clock.advance(5)
        async with world.own():
            picture.title = "ocean"
            await picture.save()
            assert (await Picture.objects().first()).title == "ocean"
            loaded = await Picture.objects().first()
            loaded.size = 7
            await loaded.save([Picture.size])
            assert (await Picture.select(Picture.size, Picture.note).first()) == {"size": 7, "note": "mine"}
            await loaded.remove()
            assert await Picture.count() == 0
        assert await world.sql("SELECT recorded FROM picture") == []

    in_world(tmp_path, scenario)


def test_many_rows_are_inserted_at_once_or_not_at_all(tmp_path: Path) -> None:
    """S7: one row of another person among many refuses all of them."""

    async def scenario(world: World) -> None:
        Picture = world.Picture
        async with world.own():
            keys = await Picture.insert(
                Picture(owner="ann", title="one", note="n1"), Picture(owner="ann", title="two", note="n2")
            ).returning(Picture.id)
            assert len({row["id"] for row in keys}) == 2
            with pytest.raises(AccessDenied):
                await Picture.insert(
                    Picture(owner="ann", title="three"), Picture(owner="bob", title="planted")
                )
            assert await Picture.select(Picture.title, Picture.note).order_by(Picture.title) == [
                {"title": "one", "note": "n1"},
                {"title": "two", "note": "n2"},
            ]
        assert await world.sql("SELECT count(*) FROM picture") == [(2,)]

    in_world(tmp_path, scenario)


def test_updates_and_deletes_reach_own_rows_only(tmp_path: Path) -> None:
    """S7: a write over everything changes what is one's own; a foreign id is a missing one."""

    async def scenario(world: World) -> None:
        Picture = world.Picture
        mine = await world.picture(ANN, title="mine")
        theirs = await world.picture(BOB, title="theirs", visibility="public")
        async with world.own():
            await Picture.update({Picture.title: "all"}, force=True)
            await Picture.update({Picture.title: "x"}).where(Picture.id == theirs.id)
            done = (
                await Picture.update({Picture.size: Picture.size + 1})
                .where(Picture.id == mine.id)
                .returning(Picture.id)
            )
            assert done == [{"id": mine.id}]
            gone = await Picture.delete().where(Picture.id == theirs.id).returning(Picture.id)
            assert gone == []
            await Picture.delete(force=True)
        assert await world.sql("SELECT title, size FROM picture") == [("theirs", 0)]

    in_world(tmp_path, scenario)


def test_joins_through_foreign_keys(tmp_path: Path) -> None:
    """A join reads both tables through their predicates; a page is its picture's owner's."""

    async def scenario(world: World) -> None:
        Page = world.Page
        mine = await world.picture(ANN, title="mine", note="about")
        theirs = await world.picture(BOB, title="theirs", visibility="public")
        hidden = await world.picture(BOB, title="hidden")
        async with world.own():
            await Page(id="p1", picture=mine, text="first").save()
            with pytest.raises(AccessDenied):
                await Page(id="p2", picture=theirs.id, text="planted").save()
            with pytest.raises(Conflict):
                await Page(id="p3", picture=uuid.uuid4(), text="nowhere").save()
            with pytest.raises(Conflict):
                await Page(id="p3", picture=hidden.id, text="planted").save()
            rows = await Page.select(Page.text, Page.picture.title, Page.picture.note)
            assert rows == [{"text": "first", "picture.title": "mine", "picture.note": "about"}]
            nested = await Page.select(Page.text, Page.picture.title).output(nested=True)
            assert nested == [{"text": "first", "picture": {"title": "mine"}}]
            fetched = await Page.objects(Page.picture)
            assert fetched[0].picture.title == "mine"
            found = await Page.select(Page.id).where(Page.picture.title == "mine")
            assert found == [{"id": "p1"}]
        async with world.own(BOB):
            assert await Page.select() == []

    in_world(tmp_path, scenario)


def test_a_frozen_query_is_governed_each_time_it_runs(tmp_path: Path) -> None:
    """What is frozen is the text, never an answer about who may see what."""

    async def scenario(world: World) -> None:
        Picture = world.Picture
        await world.picture(ANN, title="mine")
        query = Picture.select(Picture.title).freeze()
        async with world.own():
            assert await query.run() == [{"title": "mine"}]
        async with world.own(BOB):
            assert await query.run() == []
        with pytest.raises(GuardError, match="no access is open"):
            await query.run()

    in_world(tmp_path, scenario)


def test_get_or_create_gets_what_may_be_read_and_creates_what_may_be_created(tmp_path: Path) -> None:
    """Both halves are ordinary governed statements."""

    async def scenario(world: World) -> None:
        Picture = world.Picture
        async with world.own():
            made = await Picture.objects().get_or_create(Picture.title == "sea", {Picture.owner: "ann"})
            again = await Picture.objects().get_or_create(Picture.title == "sea", {Picture.owner: "ann"})
            assert again.id == made.id
        async with world.own(BOB):
            other = await Picture.objects().get_or_create(Picture.title == "sea", {Picture.owner: "bob"})
            assert other.id != made.id

    in_world(tmp_path, scenario)
