"""Sealed columns never reach the file in plaintext; withheld fields are no values and overwrite nothing."""

from __future__ import annotations

import copy
import json
import pickle
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.support.governed import ANN, BOB, NOW, World, in_world

from gptimage_core.decision.model import Actor
from gptimage_core.errors import GptimageError, GuardError
from gptimage_core.guard.values import WITHHELD, Withheld
from gptimage_core.ports.keys import KeyState
from gptimage_core.store import state

CANARY = "canary-7f3a a note that nobody else may read"


def test_a_sealed_value_is_in_no_file_of_the_database(tmp_path: Path) -> None:
    """S32: what the policy calls sealed is sealed: not in the database, not in its log."""

    async def scenario(world: World) -> None:
        Picture, Page = world.Picture, world.Page
        picture = await world.picture(ANN, title="t", note=CANARY)
        async with world.own():
            await Page(id="p", picture=picture, text=CANARY).save()
            await Picture.update({Picture.note: CANARY + " again"}).where(Picture.title == "t")
            loaded = await Picture.objects().first()
            assert loaded.note == CANARY + " again"
            loaded.note = CANARY + " saved"
            await loaded.save()
            assert (await Page.select(Page.text).first()) == {"text": CANARY}
        stored = (await world.sql("SELECT note FROM picture"))[0][0]
        assert stored.startswith("gpv1:")

    in_world(tmp_path, scenario)
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert any(path.name == "data.sqlite" for path in files)
    for path in files:
        assert b"canary-7f3a" not in path.read_bytes(), path


def test_one_update_seals_every_row_for_itself(tmp_path: Path) -> None:
    """The same text in two rows is two ciphertexts, and each opens in its own row only."""

    async def scenario(world: World) -> None:
        Picture = world.Picture
        one = await world.picture(ANN, title="one", note="a")
        two = await world.picture(ANN, title="two", note="b")
        await world.picture(BOB, title="three", note="c")
        async with world.own():
            changed = await Picture.update({Picture.note: "same"}, force=True).returning(Picture.id)
            assert {row["id"] for row in changed} == {one.id, two.id}
            assert await Picture.select(Picture.note) == [{"note": "same"}, {"note": "same"}]
            await Picture.update({Picture.note: None}).where(Picture.id == one.id)
            # NULL, in a column that is withheld from some rows: nobody is told which of the two it is
            assert (await Picture.select(Picture.note).where(Picture.id == one.id).first())[
                "note"
            ] is WITHHELD
        sealed = await world.sql("SELECT note FROM picture WHERE note IS NOT NULL")
        assert len({value for (value,) in sealed}) == 2

    in_world(tmp_path, scenario)


def test_a_ciphertext_moved_to_another_row_does_not_open(tmp_path: Path) -> None:
    """INVARIANT (opened-in-place): whoever writes the file cannot move a value to where they may read it."""

    async def scenario(world: World) -> None:
        Picture = world.Picture
        await world.picture(BOB, title="his", note="bob's secret")
        await world.picture(ANN, title="hers", note="x")
        await world.past(
            lambda connection: connection.execute(
                "UPDATE picture SET note = (SELECT note FROM picture WHERE owner = 'bob') WHERE owner = 'ann'"
            ).fetchall()
        )
        async with world.own():
            with pytest.raises(GptimageError):
                await Picture.select(Picture.note)
            assert await Picture.select(Picture.title) == [{"title": "hers"}]

    in_world(tmp_path, scenario)


def test_a_sealed_column_is_for_select_lists(tmp_path: Path) -> None:
    """Its ciphertext is compared, sorted and computed with nowhere; the error says which column."""

    async def scenario(world: World) -> None:
        Picture = world.Picture
        await world.picture(ANN, note="x")
        async with world.own():
            for query in (
                Picture.select().where(Picture.note == "x"),
                Picture.select().order_by(Picture.note),
                Picture.raw("SELECT upper(note) FROM picture"),
                Picture.raw("SELECT max(note) FROM picture"),
                Picture.update({Picture.title: Picture.note}, force=True),
            ):
                with pytest.raises(GuardError, match="note"):
                    await query.run()

    in_world(tmp_path, scenario)


def test_destroying_an_items_key_takes_its_note_and_its_pages(tmp_path: Path) -> None:
    """S32: the item's key is its own; without it what was sealed is withheld, and neighbours stay."""

    async def scenario(world: World) -> None:
        Picture, Page = world.Picture, world.Page
        gone = await world.picture(ANN, title="gone", note="a")
        await world.picture(ANN, title="kept", note="b")
        vault = world.guard.vault
        assert vault is not None
        async with world.own():
            await Page(id="p", picture=gone, text="page").save()
            vault.destroy_item("main", "ann", str(gone.id))
            assert vault.state("main", "ann", str(gone.id)) is KeyState.ERASED
            notes = {row["title"]: row["note"] for row in await Picture.select(Picture.title, Picture.note)}
            assert notes["gone"] is WITHHELD
            assert notes["kept"] == "b"
            assert (await Page.select(Page.text).first())["text"] is WITHHELD

    in_world(tmp_path, scenario)


def test_what_is_withheld_is_shown_as_such_and_used_nowhere(tmp_path: Path) -> None:
    """A public picture of somebody else: its fields are there, its note is withheld, in SQL it is NULL."""

    async def scenario(world: World) -> None:
        Picture = world.Picture
        await world.picture(ANN, title="public", visibility="public", note="private words", label="l")
        async with world.own(BOB):
            row = await Picture.select().first()
            assert row["title"] == "public"
            assert row["note"] is WITHHELD
            assert row["label"] is WITHHELD
            one = await Picture.objects().first()
            assert one.note is WITHHELD
            assert await Picture.raw("SELECT count(label) AS n FROM picture") == [{"n": 0}]
            assert await Picture.select(Picture.title).where(Picture.label == "l") == []
        service = Actor.service("lab")
        await world.guard.in_transaction(
            lambda c: state.set_consent(c, "main", "ann", "research", True, NOW, 1)
        )
        async with world.guard.access(service, purpose="research", operation="train"):
            rows = await Picture.select(Picture.note, Picture.title)
            assert rows == [{"note": "private words", "title": WITHHELD}]
            with pytest.raises(GuardError, match=r"`picture.title` is withheld"):
                await Picture.select(Picture.note).where(Picture.title == "public")

    in_world(tmp_path, scenario)


def test_saving_a_partly_read_row_leaves_the_rest_as_it_is(tmp_path: Path) -> None:
    """A withheld field is dropped from the write: a NULL in its place would overwrite the person's data."""

    async def scenario(world: World) -> None:
        Picture = world.Picture
        picture = await world.picture(ANN, title="t", note="keep me", label="l", size=3)
        async with world.own():
            loaded = await Picture.objects().first()
            loaded.note = WITHHELD
            loaded.label = WITHHELD
            loaded.title = "new"
            await loaded.save()
            assert await Picture.select(Picture.title, Picture.note, Picture.label, Picture.size) == [
                {"title": "new", "note": "keep me", "label": "l", "size": 3}
            ]
            await Picture.update({Picture.note: WITHHELD, Picture.label: WITHHELD}, force=True)
            await Picture.update({Picture.title: "x", Picture.note: WITHHELD}, force=True)
            assert (await Picture.select(Picture.note, Picture.title).first()) == {
                "note": "keep me",
                "title": "x",
            }
            with pytest.raises(GuardError, match="withheld"):
                await Picture.update({Picture.title: "y"}).where(Picture.label == WITHHELD)
            with pytest.raises(GuardError, match="withheld"):
                await Picture(owner="ann", title=WITHHELD).save()
        assert picture.id

    in_world(tmp_path, scenario)


@pytest.mark.parametrize(
    "use",
    [
        bool, str, int, float, len, iter, list, abs, json.dumps, pickle.dumps,
        copy.copy, copy.deepcopy, msgspec.json.encode, lambda v: v == 1, lambda v: v != "x", lambda v: v < 1,
        lambda v: 1 + v, lambda v: v + 1, lambda v: f"{v}", lambda v: f"{v:>3}", lambda v: "a" in v,
        lambda v: v[0], lambda v: v.upper, lambda v: not v, lambda v: -v, lambda v: v(),
    ],
)  # fmt: skip
def test_using_a_withheld_value_raises(use: Any) -> None:
    """It has no truth, no text, no number, no parts, and no way into JSON."""
    with pytest.raises((GuardError, TypeError, AttributeError)):
        use(WITHHELD)


def test_a_withheld_value_can_be_shown_in_a_traceback() -> None:
    """`repr` is safe and says what it is; there is only one, so `is` asks for it."""
    assert repr(WITHHELD) == "<withheld>"
    assert repr([WITHHELD]) == "[<withheld>]"
    assert Withheld() is WITHHELD
