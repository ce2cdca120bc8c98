"""Every query of Piccolo, under the guard and without it: the same answers and the same rows (S7).

THEOREM (piccolo-equivalence): what runs under an access gives what Piccolo gives on a database that holds the
permitted rows and fields only, and leaves the rows that it leaves there; hidden rows stay as they were.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from tests.support.piccolo_compare import Stage, compare_rows, outcome, shown
from tests.support.piccolo_features import FEATURES, Feature
from tests.support.piccolo_world import NOW, WHO, Unguarded, plain

from gptimage_core.errors import GuardError
from gptimage_core.guard.values import WITHHELD


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    made = Stage(tmp_path_factory.mktemp("pair"))
    yield made
    made.close()


def _cases() -> list[Any]:
    return [
        pytest.param(
            feature,
            who,
            id=f"{feature.section}-{feature.name}-{who}",
        )
        for feature in FEATURES
        for who in WHO
    ]


@pytest.mark.parametrize(("feature", "who"), _cases())
def test_a_feature_gives_what_piccolo_gives_over_the_permitted_rows(
    stage: Stage, feature: Feature, who: str
) -> None:
    """S7: piccolo-equivalence; what is refused says what to write, and leaves everything as it was."""
    pair = stage.pair

    async def check() -> None:
        pair.reset(who)
        before, _ = pair.rows()
        async with pair.access(who):
            answer = await outcome(feature.code, pair.governed, pair.guard)
        if feature.says:
            assert isinstance(answer, GuardError)
            assert feature.says in str(answer)
            assert pair.rows()[0] == before
            return
        expected = await outcome(feature.code, pair.stock, Unguarded(pair.stock))
        if feature.absent:
            assert isinstance(expected, Exception)
            assert type(answer) is type(expected)
            return
        assert not isinstance(answer, Exception), answer
        exact = "order_by" in feature.code or "ORDER BY" in feature.code
        assert shown(answer, exact) == shown(expected, exact)
        after, wanted = pair.rows()
        compare_rows(before, after, wanted, who)

    stage.run(check())


def test_the_table_names_each_feature_once() -> None:
    """So that the page in docs/ has one place for each."""
    names = [(feature.section, feature.name) for feature in FEATURES]
    assert len(names) == len(set(names))
    assert all(re.search(r"\w", feature.instead) for feature in FEATURES if feature.says or feature.absent)


def test_a_withheld_field_is_told_from_one_that_is_not_there(stage: Stage) -> None:
    """A withheld field raises when it is used, and overwrites nothing; where a join finds no row there is
    nothing to withhold."""
    pair = stage.pair
    Artist, Picture = pair.governed.Artist, pair.governed.Picture

    async def check() -> None:
        pair.reset("own")
        async with pair.access("own"):
            first, last = (
                await Artist.objects(Artist.mentor).where(Artist.id.is_in([1, 3])).order_by(Artist.id)
            )
            assert first.label is last.label is last.mentor.label is WITHHELD
            assert first.mentor.id is first.mentor.label is None
            rows = await Artist.select(Artist.id, Artist.mentor.label).where(Artist.id.is_in([1, 3]))
            assert {row["id"]: row["mentor.label"] for row in rows} == {1: None, 3: WITHHELD}
            assert await first.get_related(Artist.mentor) is None
            assert (await last.get_related(Artist.mentor)).label is WITHHELD
            loaded = await Picture.objects().output(load_json=True)
            assert all(picture.secrets is WITHHELD for picture in loaded)
            with pytest.raises(GuardError, match="withheld"):
                await Picture.select().output(as_json=True)
            with pytest.raises(GuardError, match="withheld"):
                await Picture.select().where(Picture.label == "l1")
            with pytest.raises(GuardError, match="withheld"):
                await Picture.insert(Picture(owner="ann", title="x", secrets=loaded[0].secrets))
            await Picture.update({Picture.secrets: loaded[0].secrets}, force=True)
        assert all(row["secrets"][0] == "text" for row in pair.rows()[0]["picture"].values())

    stage.run(check())


def test_what_is_filled_in_stands_in_the_object(stage: Stage) -> None:
    """After `save`, `insert`, `create` and `get_or_create` an object has what its row has."""
    pair = stage.pair
    Picture = pair.governed.Picture

    async def check() -> None:
        pair.reset("own")
        async with pair.access("own"), pair.engine.transaction():
            made = [Picture(owner="ann", title=f"{n}") for n in range(3)]
            await Picture.insert(*made)
            made.append(await Picture.objects().create(owner="ann", title="3"))
            made.append(await Picture.objects().get_or_create(Picture.title == "4", {Picture.owner: "ann"}))
            for picture in made:
                assert (picture.tenant, picture.recorded, picture.collected_under) == ("main", NOW, 1)
                assert plain(picture) == shown(
                    plain(await Picture.objects().get(Picture.id == picture.id)), True
                )

    stage.run(check())
