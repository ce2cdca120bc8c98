"""A running guard takes another timeline over, or refuses it and keeps the last good one (S44, X11)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from tests.support.governed import NOW, POLICY, World, in_world

from gptimage_core.errors import AccessDenied, PolicyError
from gptimage_core.policy.loader import parse_document
from gptimage_core.policy.succession import check_succession
from gptimage_core.policy.timeline import Timeline, Version, single

SOON = NOW + 60_000_000
OWN = 'when = ["row_is_own"]\nclauses = ["S7"]'
STRICTER = POLICY.replace(OWN, 'when = ["row_is_own", "actor_is_signed_in"]\nclauses = ["S7"]')


def first(text: str = POLICY) -> Version:
    """What the world runs on."""
    return single(parse_document(text, "policy.toml")).latest


def version(number: int, text: str, effective: int) -> Version:
    loaded = parse_document(text, f"policy-{number}.toml")
    return Version(number, NOW - 1, effective, loaded.document, loaded.digest, loaded.source)


def then(text: str, effective: int = SOON) -> Timeline:
    """The world's policy and a second version after it."""
    return Timeline((first(), version(2, text, effective)))


def test_an_adopted_version_decides_from_its_instant(tmp_path: Path) -> None:
    """S44: nothing changes when it is adopted, everything at its instant, under open accesses too."""

    async def scenario(world: World) -> None:
        await world.picture(title="heron")
        async with world.own():
            assert await world.Picture.count() == 1
            assert world.guard.adopt(then(STRICTER)) is world.guard.compiled
            assert await world.Picture.count() == 1
            world.clock.advance(61_000_000)
            assert await world.Picture.count() == 0
            with pytest.raises(AccessDenied) as denied:
                await world.Picture(owner="ann", title="too soon").save()
        found = await world.guard.explain_denial(denied.value.denial_id)
        assert found is not None
        assert (found.version, found.file) == (2, "policy-2.toml")
        async with world.own(facts={"signed_in": True}):
            assert await world.Picture.count() == 1
            await world.Picture(owner="ann", title="later").save()
        assert await world.sql("SELECT collected_under FROM picture ORDER BY recorded") == [(1,), (2,)]

    in_world(tmp_path, scenario)


def test_an_announced_version_can_be_taken_back(tmp_path: Path) -> None:
    """What has not taken effect can be withdrawn, and an open handle forgets what it planned for it."""

    async def scenario(world: World) -> None:
        await world.picture(title="heron")
        async with world.own():
            world.guard.adopt(then(STRICTER))
            assert await world.Picture.count() == 1
            world.guard.adopt(Timeline((first(),)))
            world.clock.advance(61_000_000)
            assert await world.Picture.count() == 1

    in_world(tmp_path, scenario)


def test_a_running_statement_finishes_as_it_was_planned(tmp_path: Path) -> None:
    """Statements under way while a timeline is adopted, over and over, give what they would have given."""

    async def scenario(world: World) -> None:
        await world.picture(title="heron")

        async def read() -> int:
            count = 0
            for _ in range(40):
                rows = await world.Picture.select(world.Picture.title)
                count += [row["title"] for row in rows] == ["heron"]
            return count

        async with world.own():
            readers = [asyncio.create_task(read()) for _ in range(4)]
            while not all(reader.done() for reader in readers):
                world.guard.adopt(then(STRICTER))
                await asyncio.sleep(0)
                world.guard.adopt(Timeline((first(),)))
                await asyncio.sleep(0.001)
            assert [reader.result() for reader in readers] == [40] * 4

    in_world(tmp_path, scenario)


def _sealed_label(text: str = POLICY) -> str:
    return text.replace('says = "labels"\n', 'says = "labels"\nprotection = "sealed"\n')


REFUSED: dict[str, tuple[Callable[[], Timeline], str]] = {
    "a version in effect is rewritten": (lambda: Timeline((first(STRICTER),)), "history"),
    "a version that rows carry is gone": (lambda: Timeline((version(2, POLICY, SOON),)), "history"),
    "a version in effect gets other dates": (
        lambda: Timeline((msgspec.structs.replace(first(), effective=5),)),
        "history",
    ),
    "a version takes effect in the past": (lambda: then(STRICTER, NOW), "history"),
    "a column has no place in the new version": (
        lambda: then(POLICY.replace('says = "labels"\n', 'says = "labels"\nexactly = ["words"]\n')),
        "not-exactly",
    ),
    "stored values would be taken for sealed": (lambda: then(_sealed_label()), "reseals"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused_changes_nothing(name: str, tmp_path: Path) -> None:
    """INVARIANT (last-good-stays): findings come, and the next statement is decided as the last one was."""

    async def scenario(world: World) -> None:
        await world.picture(title="heron", note="secret", label="bird")
        before = world.guard.compiled
        make, code = REFUSED[name]
        async with world.own():
            with pytest.raises(PolicyError) as caught:
                world.guard.adopt(make())
            assert {each.code for each in caught.value.findings} == {code}, str(caught.value)
            assert world.guard.compiled is before
            world.clock.advance(61_000_000)
            row = await world.Picture.select(world.Picture.note, world.Picture.label).first()
            assert row == {"note": "secret", "label": "bird"}

    in_world(tmp_path, scenario)


def test_values_stay_under_the_key_they_were_sealed_with(tmp_path: Path) -> None:
    """A version that would look for stored values under an item's key, not the person's, is a migration."""
    per_person = POLICY.replace('keep_until = ["item_deleted"]', 'keep_until = ["account_deleted"]')

    async def scenario(world: World) -> None:
        await world.picture(title="heron", note="secret")
        with pytest.raises(PolicyError, match=r"`note` holds `note`.*\[reseals\]"):
            world.guard.adopt(Timeline((first(per_person), version(2, POLICY, SOON))))
        async with world.own():
            assert await world.Picture.select(world.Picture.note).first() == {"note": "secret"}

    in_world(tmp_path, scenario, per_person)


def test_every_way_of_rewriting_is_named_at_once() -> None:
    """All findings of a succession together, each at the version's own file."""
    last = Timeline((first(), version(2, STRICTER, NOW - 5)))
    new = Timeline((first(STRICTER), version(3, POLICY, NOW)))
    with pytest.raises(PolicyError) as caught:
        check_succession(last, new, NOW)
    assert [(each.file, each.message.split(" ")[1]) for each in caught.value.findings] == [
        ("policy-3.toml", "`3`"),
        ("policy.toml", "`1`"),
        ("policy.toml", "`2`"),
    ]
    check_succession(last, last, NOW)
    check_succession(Timeline(last.versions[:1]), Timeline(last.versions[:1]), -1)
