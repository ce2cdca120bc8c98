"""Every query of Piccolo, under the guard and without it: the same answers and the same rows (S7).

THEOREM (piccolo-equivalence): what runs under an access gives what Piccolo gives on a database that holds the
permitted rows and fields only, and leaves the rows that it leaves there; hidden rows stay as they were.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from contextlib import AsyncExitStack
from typing import Any

import pytest
from tests.support.piccolo_features import FEATURES, Feature
from tests.support.piccolo_world import WHO, Pair, paired, run

from gptimage_core.errors import GuardError
from gptimage_core.guard.values import WITHHELD


class _Stage:
    def __init__(self, folder: Any) -> None:
        self.loop = asyncio.new_event_loop()
        self.stack = AsyncExitStack()
        self.pair: Pair = self.run(self.stack.enter_async_context(paired(folder)))

    def run(self, work: Any) -> Any:
        return self.loop.run_until_complete(asyncio.wait_for(work, 30))

    def close(self) -> None:
        self.run(self.stack.aclose())
        self.loop.close()


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[_Stage]:
    made = _Stage(tmp_path_factory.mktemp("pair"))
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
    stage: _Stage, feature: Feature, who: str
) -> None:
    """S7: piccolo-equivalence; what is refused says what to write, and leaves everything as it was."""
    pair = stage.pair

    async def check() -> None:
        pair.reset(who)
        before, _ = pair.rows()
        async with pair.access(who):
            answer = await _outcome(feature.code, pair.governed)
        if feature.says:
            assert isinstance(answer, GuardError)
            assert feature.says in str(answer)
            assert pair.rows()[0] == before
            return
        expected = await _outcome(feature.code, pair.stock)
        if feature.absent:
            assert isinstance(expected, Exception)
            assert type(answer) is type(expected)
            return
        assert not isinstance(answer, Exception), answer
        exact = "order_by" in feature.code or "ORDER BY" in feature.code
        assert _shown(answer, exact) == _shown(expected, exact)
        after, wanted = pair.rows()
        _compare_rows(before, after, wanted, who)

    stage.run(check())


async def _outcome(code: str, tables: Any) -> Any:
    try:
        return await run(code, tables)
    except Exception as error:
        return error


def _shown(value: Any, exact: bool) -> Any:
    """An answer to compare: withheld as NULL; in no order where none was asked for."""
    if value is WITHHELD:
        return None
    if isinstance(value, dict):
        return {key: _shown(each, exact) for key, each in value.items()}
    if isinstance(value, list):
        shown = [_shown(each, exact) for each in value]
        return shown if exact else sorted(shown, key=repr)
    return value


def _compare_rows(before: Any, after: Any, wanted: Any, who: str) -> None:
    """Permitted rows are as in the stock database, withheld fields and hidden rows as they were."""
    for table, rows in after.items():
        hidden = {} if who == "everything" else {k: r for k, r in before[table].items() if not _own(r)}
        assert {k: rows[k] for k in hidden if k in rows} == hidden
        own = {k: _without_withheld(r, who) for k, r in rows.items() if k not in hidden}
        assert own == {k: _without_withheld(r, who) for k, r in wanted[table].items()}
        if who != "everything":
            for key in own.keys() & before[table].keys():
                for name in ("label", "secrets"):
                    assert rows[key].get(name) == before[table][key].get(name)


def _own(row: Any) -> bool:
    return bool(row["owner"][1] == "ann")


def _without_withheld(row: Any, who: str) -> Any:
    return row if who == "everything" else {n: v for n, v in row.items() if n not in ("label", "secrets")}


def test_the_table_names_each_feature_once() -> None:
    """So that the page in docs/ has one place for each."""
    names = [(feature.section, feature.name) for feature in FEATURES]
    assert len(names) == len(set(names))
    assert all(re.search(r"\w", feature.instead) for feature in FEATURES if feature.says or feature.absent)
