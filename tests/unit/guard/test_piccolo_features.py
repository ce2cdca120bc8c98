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
from tests.support.piccolo_world import WHO

from gptimage_core.errors import GuardError


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
            marks=[pytest.mark.xfail(reason="waits for the grammar", strict=False)] if feature.yet else [],
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
            answer = await outcome(feature.code, pair.governed)
        if feature.says:
            assert isinstance(answer, GuardError)
            assert feature.says in str(answer)
            assert pair.rows()[0] == before
            return
        expected = await outcome(feature.code, pair.stock)
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
