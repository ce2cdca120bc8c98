"""A value that a date function takes for the present instant never gets there: the clock is the guard's."""

from __future__ import annotations

from array import array
from enum import StrEnum
from pathlib import Path
from typing import Any

import pytest
from tests.support.governed import ANN, World, in_world

from gptimage_core.errors import GuardError
from gptimage_core.guard.values import WITHHELD


class _Word(StrEnum):
    NOW = "now"


_CLOCKS: tuple[Any, ...] = (
    "now", " NOW ", "Now\0 or never", "localtime", "utc", "subsec", "subsecond", _Word.NOW,
    b"now", bytearray(b"NOW"), memoryview(b"now"), array("b", b"now"),
)  # fmt: skip
_NEW = "INSERT INTO picture (id, owner, title, keep_ended) "
_ID = "00000000-0000-0000-0000-000000000009"
_BOUND = {
    "SELECT": "SELECT date(?) AS d FROM picture",
    "modifiers": "SELECT datetime(?, '+1 day', 'start of day') AS d FROM picture",
    "a modifier": "SELECT datetime('2024-02-29', ?) AS d FROM picture",
    "a filter": "SELECT id FROM picture WHERE recorded < 1000000 * unixepoch(?)",
    "ORDER BY": "SELECT id FROM picture ORDER BY julianday(?)",
    "an operator": "SELECT date(? || '') AS d FROM picture",
    "a CASE": "SELECT strftime('%Y', CASE WHEN size = 0 THEN ? ELSE '2024-02-29' END) AS y FROM picture",
    "a function": "SELECT time(coalesce(?, '12:00')) AS t FROM picture",
    "a cast": "SELECT time(CAST(? AS TEXT)) AS t FROM picture",
    "a subquery": "SELECT date((SELECT ?)) AS d FROM picture",
    "an aggregate": "SELECT date(max(?)) AS d FROM picture",
    "a window": "SELECT date(lag(?) OVER (ORDER BY id)) AS d FROM picture",
    "WITH": "WITH w AS (SELECT date(?) AS d FROM picture) SELECT d FROM w",
    "UNION": "SELECT title FROM picture UNION SELECT date(?)",
    "SET": "UPDATE picture SET title = date(?) RETURNING id",
    "UPDATE's WHERE": "UPDATE picture SET size = 1 WHERE title < date(?)",
    "UPDATE FROM": "UPDATE picture SET title = d.d FROM (SELECT date(?) AS d) AS d",
    "RETURNING": "UPDATE picture SET size = 1 RETURNING id, date(?) AS d",
    "DELETE": "DELETE FROM picture WHERE title < date(?)",
    "INSERT": f"{_NEW}VALUES ('{_ID}', 'ann', date(?), NULL)",
    "INSERT … SELECT": f"{_NEW}SELECT '{_ID}', 'ann', date(?), NULL",
    "INSERT's RETURNING": f"{_NEW}VALUES ('{_ID}', 'ann', 't', NULL) RETURNING date(?) AS d",
    "an upsert": f"{_NEW}VALUES ('{_ID}', 'ann', 't', NULL) ON CONFLICT (id) DO UPDATE SET title = date(?)",
    "an upsert's WHERE": f"{_NEW}VALUES ('{_ID}', 'ann', 't', NULL) ON CONFLICT (id) DO UPDATE SET size = 1"
    " WHERE picture.title < date(?)",
}
_COMPUTED = {
    "two halves": ("SELECT date(? || ?) AS d FROM picture", ["no", "w"]),
    "JSON": ("SELECT date(json_extract(?, '$')) AS d FROM picture", ['"now"']),
    "an array": ("SELECT date(e.value) AS d FROM picture, json_each(?) AS e", ['["now"]']),
    "a row of VALUES": ("WITH w(x) AS (VALUES (?)) SELECT date(x) AS d FROM w", ["now"]),
    "a subquery's output": ("SELECT date(s.x) AS d FROM (SELECT ? AS x) AS s", [b"now"]),
    "a char": ("SELECT date(char(110, 111, ?)) AS d FROM picture", [119]),
    "a column": ("SELECT date(title) AS d FROM picture", []),
    "a modifier": ("SELECT datetime('2024-02-29', lower(title) || ?) AS d FROM picture", ["\0"]),
    "a zone": ("SELECT datetime('2024-02-29', replace(?, 'x', 'l')) AS d FROM picture", ["xocaxtime"]),
}  # fmt: skip


async def _refusal(world: World, sql: str, value: Any) -> str:
    """What the guard says against it."""
    try:
        return f"took {value!r}: {await world.guard.run(sql, [value])}"
    except GuardError as error:
        return str(error)


async def _counted(world: World) -> list[tuple[Any, ...]]:
    return await world.sql("SELECT title, size FROM picture ORDER BY id")


def test_a_parameter_that_means_now_is_refused_wherever_it_flows(tmp_path: Path) -> None:
    """It is refused when it is bound, whatever its type, before anything runs; other values are not."""

    async def scenario(world: World) -> None:
        await world.picture(ANN, title="one")
        before = await _counted(world)
        async with world.own():
            for shape, sql in _BOUND.items():
                for value in _CLOCKS:
                    assert "is a hidden clock in a date function" in await _refusal(world, sql, value), shape
            assert await _counted(world) == before
            for sql in _BOUND.values():
                await world.guard.run("DELETE FROM picture WHERE id = ?", [_ID])
                await world.guard.run(sql, ["2024-02-29"])

    in_world(tmp_path, scenario)


def test_what_is_computed_to_mean_now_is_nothing(tmp_path: Path) -> None:
    """What nobody can know when it is bound is NULL to the date function, so the answer is."""

    async def scenario(world: World) -> None:
        await world.picture(ANN, title="NOW")
        async with world.own():
            for shape, (sql, args) in _COMPUTED.items():
                ((d,),) = [row.values() for row in await world.guard.run(sql, args)]
                assert d is None or d is WITHHELD, shape  # NULL, of a field that may be withheld
            await world.guard.run("UPDATE picture SET label = 'x'", [])
            await world.guard.run("UPDATE picture SET label = date(title)", [])
        assert await world.sql("SELECT label FROM picture") == [(None,)]

    in_world(tmp_path, scenario)


def test_a_stream_takes_no_clock(tmp_path: Path) -> None:
    """Each page is the same statement: its first is refused already."""

    async def scenario(world: World) -> None:
        await world.picture(ANN, title="one")
        async with world.own():
            for sql in (
                "SELECT id, date(?) AS d FROM picture ORDER BY id",
                "SELECT id FROM picture WHERE title > date(?)",
            ):
                for value in _CLOCKS:
                    with pytest.raises(GuardError, match="is a hidden clock in a date function"):
                        await anext(world.guard.stream(sql, value, page=1))

    in_world(tmp_path, scenario)
