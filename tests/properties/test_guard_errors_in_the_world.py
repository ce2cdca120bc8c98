"""INVARIANT (no-errors-from-hidden-rows), through a real guard with all rings, over every shape that is read.

Three databases. In `calm` no value makes anything fail, in `hidden` those of rows and fields that ann may not
see do, in `own` those of her own rows do. The first two are one to her, so each statement has one outcome in
them; in the third it fails: it does ask what may fail.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest
from tests.support.governed import NOW, World, in_world

from gptimage_core.decision.model import Actor
from gptimage_core.errors import AccessDenied, GuardError

_LEAST = -(2**63)
_ID = "00000000-0000-0000-0000-0000000000"
_FINE: tuple[Any, ...] = (1, "{}", "[]")
_FAILING: tuple[Any, ...] = (_LEAST, "{", "{")
_INDEXES = ("picture(size)", "picture(title)", "picture(label)", "picture(extra)", "page(number)")

_READS = {
    "a filter": "SELECT id FROM picture WHERE size < 5 AND abs(size) > 0",
    "malformed JSON": "SELECT id FROM picture WHERE title > '' AND json_extract(title, '$.a') IS NULL",
    "a conditional field": "SELECT id FROM picture WHERE json_array_length(label) IS NOT 7",
    "a conditional field shown": "SELECT id, json(label) AS l FROM picture",
    "an arrow": "SELECT id FROM picture WHERE label ->> '$[0]' IS NULL",
    "a window's PARTITION BY": "SELECT id, rank() OVER (PARTITION BY abs(size) ORDER BY id) AS r FROM"
    " picture",
    "a window's ORDER BY": "SELECT id, rank() OVER (ORDER BY json(label)) AS r FROM picture",
    "a window's argument": "SELECT id, first_value(abs(size)) OVER (ORDER BY id) AS r FROM picture",
    "a window that overflows": "SELECT sum(size) OVER (ROWS UNBOUNDED PRECEDING) AS r FROM picture",
    "a window's FILTER": "SELECT count(*) FILTER (WHERE abs(size) > 0) OVER () AS r FROM picture",
    "WINDOW": "SELECT id, max(size) OVER w AS r FROM picture WINDOW w AS (PARTITION BY json(title))",
    "a window under FROM": "SELECT id FROM (SELECT id, max(abs(size)) OVER (PARTITION BY title) AS m"
    " FROM picture) AS d WHERE m > 0",
    "a window over a join": "SELECT rank() OVER (ORDER BY abs(g.number)) AS r FROM picture AS p"
    " JOIN page AS g ON g.picture = p.id",
    "WITH": "WITH w AS (SELECT id, abs(size) AS s FROM picture WHERE size < 5) SELECT id FROM w WHERE s > 0",
    "WITH, NOT MATERIALIZED": "WITH w AS NOT MATERIALIZED (SELECT id, size FROM picture)"
    " SELECT id FROM w WHERE size < 5 AND abs(size) > 0",
    "WITH in WITH": "WITH a AS (WITH b AS (SELECT size FROM picture) SELECT abs(size) AS s FROM b)"
    " SELECT s FROM a WHERE s > 0",
    "WITH RECURSIVE that begins with it": "WITH RECURSIVE w(i, s) AS (SELECT 1, abs(size) FROM picture"
    " UNION SELECT i + 1, s FROM w WHERE i < 3) SELECT i, s FROM w WHERE s > 0",
    "WITH RECURSIVE whose step fails": "WITH RECURSIVE w(i, s) AS (SELECT 1, 1 UNION SELECT w.i + 1,"
    " abs(p.size)"
    " FROM w JOIN picture AS p ON abs(p.size) > 0 WHERE w.i < 3) SELECT i, s FROM w",
    "json_each": "SELECT p.id, e.value FROM picture AS p, json_each(p.title) AS e",
    "json_each of a withheld field": "SELECT p.id, e.value FROM picture AS p LEFT JOIN json_each(p.label)"
    " AS e ON TRUE",
    "json_tree": "SELECT count(*) AS n FROM picture AS p JOIN json_tree(p.label) AS e ON e.type = 'array'",
    "json_each of a path": "SELECT count(*) AS n FROM picture AS p, json_each('[1]', '$[' || abs(p.size)"
    " || ']') AS e",
    "json_each in a subquery": "SELECT id FROM picture AS p WHERE EXISTS"
    " (SELECT 1 FROM json_tree(p.title) AS e WHERE e.type = 'object')",
    "json_each of a subquery": "SELECT e.value FROM json_each((SELECT max(json(label)) FROM picture)) AS e",
    "ON": "SELECT p.id FROM picture AS p JOIN page AS g ON g.number < 5 AND abs(g.number) > 0",
    "LEFT JOIN": "SELECT p.id, g.id AS g FROM picture AS p LEFT JOIN page AS g ON abs(g.number + p.size) > 0"
    " AND abs(g.number) > 0",
    "RIGHT JOIN": "SELECT p.id, g.id AS g FROM picture AS p RIGHT JOIN page AS g ON abs(g.number) > 0",
    "FULL JOIN": "SELECT p.id, g.id AS g FROM picture AS p FULL JOIN page AS g ON abs(p.size) > 0",
    "USING": "SELECT id FROM picture JOIN (SELECT id, abs(size) AS s FROM picture) AS d USING (id) WHERE"
    " s > 0",
    "USING over what fails": "SELECT s FROM (SELECT abs(size) AS s FROM picture) AS a"
    " JOIN (SELECT abs(number) AS s FROM page) AS b USING (s)",
    "NATURAL": "SELECT id, j FROM picture NATURAL JOIN (SELECT id, json(title) AS j FROM picture) AS d",
    "a join in parentheses": "SELECT p.id FROM picture AS p LEFT JOIN (page AS g JOIN picture AS o"
    " ON abs(o.size) > 0) ON json(p.title) > '' AND abs(g.number) > 0",
    "rows": "SELECT id FROM picture WHERE size < 5 AND (abs(size), title) > (0, '')",
    "rows in a list": "SELECT id FROM picture WHERE (abs(size), 1) IN (VALUES (1, 1))",
    "rows of a subquery": "SELECT id FROM picture WHERE (size, title) ="
    " (SELECT abs(p.size), json(p.title) FROM picture AS p WHERE p.size < 5 LIMIT 1)",
    "rows between": "SELECT id FROM picture WHERE (size, 1) BETWEEN"
    " (SELECT abs(min(p.size)), 0 FROM picture AS p) AND (9, 9)",
    "rows IN": "SELECT id FROM picture AS p WHERE (size, title) IN"
    " (SELECT abs(o.size), o.title FROM picture AS o WHERE o.id = p.id)",
    "FILTER": "SELECT count(*) FILTER (WHERE abs(size) > 0) AS n FROM picture",
    "an aggregate's argument": "SELECT max(abs(size)) AS n FROM picture WHERE size < 5",
    "DISTINCT in an aggregate": "SELECT count(DISTINCT json(label)) AS n FROM picture",
    "an overflow": "SELECT sum(size) AS n FROM picture",
    "json_group_array": "SELECT json_group_array(json(label)) AS n FROM picture",
    "HAVING": "SELECT title FROM picture GROUP BY title HAVING json(title) > ''",
    "HAVING of a sum": "SELECT visibility FROM picture GROUP BY visibility HAVING sum(size) > 0",
    "GROUP BY": "SELECT count(*) AS n FROM picture GROUP BY abs(size)",
    "GROUP BY an output": "SELECT json(title) AS j, count(*) AS n FROM picture GROUP BY 1",
    "GROUP BY under FROM": "SELECT n FROM (SELECT abs(size) AS a, count(*) AS n FROM picture GROUP BY 1) AS d"
    " WHERE a > 0",
    "ORDER BY": "SELECT id FROM picture ORDER BY abs(size), id",
    "ORDER BY and LIMIT": "SELECT id FROM picture ORDER BY json(label), id LIMIT 3",
    "ORDER BY under FROM": "SELECT id FROM (SELECT id, size FROM picture ORDER BY abs(size), id LIMIT 3)"
    " AS d",
    "CASE": "SELECT id FROM picture WHERE CASE WHEN size < -5 THEN abs(-9223372036854775807 - 1) ELSE 1"
    " END > 0",
    "CASE shown": "SELECT CASE abs(size) WHEN 1 THEN 'one' ELSE json(title) END AS c FROM picture",
    "iif": "SELECT id FROM picture WHERE iif(size < -5, json('{'), 1)",
    "DISTINCT": "SELECT DISTINCT abs(size) AS a FROM picture WHERE size < 5",
    "UNION": "SELECT abs(size) AS a FROM picture UNION SELECT abs(number) FROM page ORDER BY a",
    "EXCEPT": "SELECT id FROM picture EXCEPT SELECT json(title) FROM picture",
    "UNION ALL under FROM": "SELECT a FROM (SELECT abs(size) AS a FROM picture UNION ALL"
    " SELECT abs(number) FROM page) AS d WHERE a > 0",
    "VALUES": "SELECT column1 FROM (VALUES ((SELECT max(abs(size)) FROM picture))) AS v WHERE column1 > 0",
    "a correlated value": "SELECT id, (SELECT abs(p.size) FROM page AS g LIMIT 1) AS a FROM picture AS p",
    "a correlated filter": "SELECT id FROM picture AS p WHERE size < 5 AND EXISTS"
    " (SELECT 1 FROM page AS g WHERE abs(p.size) > 0 AND g.number < 5 AND abs(g.number) > 0)",
    "a correlated IN": "SELECT id FROM picture AS p WHERE size IN"
    " (SELECT abs(p.size) FROM page AS g WHERE g.number < 5)",
    "a correlated LIMIT": "SELECT id FROM picture AS p WHERE size < -5 AND"
    " (SELECT g.number FROM page AS g WHERE g.number <> p.size LIMIT ?) > 0 OR abs(size) > 0",
    "LIKE": "SELECT id FROM picture WHERE title LIKE json(title) ESCAPE '\\'",
    "a format": "SELECT id FROM picture WHERE size < 5 AND length(printf('%*d', size & 1, abs(size))) > 0",
    "a date": "SELECT id FROM picture WHERE date(abs(size)) IS NOT NULL",
}  # fmt: skip
_NEW = "INSERT INTO page (id, picture, text, number, keep_ended) "
_UPSERT = f"{_NEW}VALUES ('g0', '{_ID}00', ?, 3, NULL) ON CONFLICT (id) DO UPDATE SET "
_WRITES = {
    "SET": "UPDATE picture SET size = abs(size) + 1 WHERE size < 5",
    "SET from a withheld field": "UPDATE picture SET title = json(label)",
    "SET from a subquery": "UPDATE picture SET size = (SELECT max(abs(g.number)) FROM page AS g)",
    "SET from a correlated subquery": "UPDATE picture SET size = (SELECT sum(abs(g.number)) FROM page AS g"
    " WHERE g.picture = picture.id)",
    "UPDATE's WHERE": "UPDATE picture SET size = 2 WHERE size < 5 AND abs(size) > 0 RETURNING id",
    "UPDATE with WITH": "WITH w AS (SELECT id, abs(size) AS s FROM picture) UPDATE picture SET size = 3"
    " WHERE id IN (SELECT id FROM w WHERE s > 0)",
    "UPDATE FROM": "UPDATE picture SET size = abs(g.number) FROM page AS g WHERE g.picture = picture.id",
    "UPDATE FROM's WHERE": "UPDATE picture SET size = 4 FROM page AS g WHERE g.number < 5 AND"
    " abs(g.number) > 0",
    "UPDATE FROM's ON": "UPDATE picture SET size = 4 FROM page AS g JOIN picture AS p ON abs(p.size) > 0"
    " WHERE g.picture = picture.id",
    "UPDATE FROM a subquery": "UPDATE picture SET size = d.s FROM (SELECT id, abs(size) AS s FROM"
    " picture) AS d"
    " WHERE d.id = picture.id AND d.s > 0",
    "UPDATE FROM json_each": "UPDATE picture SET size = e.id FROM page AS g, json_each('[' ||"
    " abs(g.number) || ']') AS e"
    " WHERE g.picture = picture.id",
    "UPDATE's ORDER BY": "UPDATE picture SET size = 5 WHERE size < 5 ORDER BY abs(size), id LIMIT 1",
    "UPDATE's row of a subquery": "UPDATE picture SET size = 5 WHERE (id, 1) ="
    " (SELECT p.id, abs(p.size) FROM picture AS p ORDER BY 1 LIMIT 1)",
    "UPDATE's RETURNING": "UPDATE picture SET starred = TRUE RETURNING id, abs(size) AS s",
    "DELETE's WHERE": "DELETE FROM page WHERE number < 5 AND abs(number) > 0 RETURNING id",
    "DELETE's subquery": "DELETE FROM page WHERE picture IN (SELECT id FROM picture WHERE abs(size) > 0)",
    "DELETE's ORDER BY": "DELETE FROM page WHERE number < 5 ORDER BY abs(number), id LIMIT 1",
    "DELETE's RETURNING": "DELETE FROM page WHERE id > '' RETURNING id, abs(number) AS n",
    "INSERT … SELECT": f"{_NEW}SELECT 'n' || id, picture, 'x', abs(number), NULL FROM page WHERE number < 5",
    "INSERT … SELECT, its WHERE": f"{_NEW}SELECT 'n' || id, '{_ID}00', 'x', 1, NULL FROM picture"
    " WHERE size < 5 AND json(label) > ''",
    "INSERT of a subquery": f"{_NEW}VALUES ('n', '{_ID}00', ?, (SELECT max(abs(size)) FROM picture), NULL)",
    "INSERT's RETURNING": f"{_NEW}VALUES ('n', '{_ID}00', ?, 1, NULL)"
    " RETURNING id, (SELECT max(abs(size)) FROM picture) AS s",
    "an upsert's SET": f"{_UPSERT}number = abs(page.number) + excluded.number",
    "an upsert's subquery": f"{_UPSERT}number = (SELECT max(abs(p.size)) FROM picture AS p WHERE p.size < 5)",
    "an upsert's WHERE": f"{_UPSERT}number = 9 WHERE page.number < 5 AND abs(page.number) > 0",
    "an upsert's RETURNING": f"{_UPSERT}number = excluded.number RETURNING (SELECT max(abs(size)) FROM"
    f" picture) AS s",
}  # fmt: skip
_LOOKS = (
    "SELECT id, title, size, label FROM picture ORDER BY id",
    "SELECT id, picture, number FROM page ORDER BY id",
)


async def _fill(world: World, mine: tuple[Any, ...], hidden: tuple[Any, ...]) -> None:
    """Two pictures of ann's with a page each; bob's hidden ones, and a public one whose label is withheld."""
    pictures, pages = [], []
    for i in range(12):
        owner = "ann" if i < 2 else "bob"
        size, title, label = mine if i < 2 else hidden
        visibility = "private"
        if i == 2:
            size, title, visibility = *mine[:2], "public"
        pictures.append(
            (f"{_ID}{i:02}", owner, "main", NOW, None, 1, visibility, title, 0, size, "[]", "{}", label)
        )
        pages.append((f"g{i}", f"{_ID}{i:02}", "main", NOW, None, 1, size))

    def put(connection: sqlite3.Connection) -> None:
        connection.executemany(
            "INSERT INTO picture (id, owner, tenant, recorded, keep_ended, collected_under, visibility,"
            " title,"
            " starred, size, tags, extra, label) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            pictures,
        )
        connection.executemany(
            "INSERT INTO page (id, picture, tenant, recorded, keep_ended, collected_under, text, number)"
            " VALUES (?, ?, ?, ?, ?, ?, '', ?)",
            pages,
        )
        for i, indexed in enumerate(_INDEXES):
            connection.execute(f"CREATE INDEX i{i} ON {indexed}")
        connection.execute("ANALYZE")

    await world.past(put)


async def _outcomes(world: World) -> dict[str, str]:
    """What ann is told, and how what she sees of the data is after it; each statement is undone."""
    out: dict[str, str] = {}
    async with world.own(), world.engine.transaction() as transaction:
        scope = transaction.scope
        for name, sql in {**_READS, **_WRITES}.items():
            await scope.open_point("here")
            try:
                rows = await world.guard.run(sql, ["x"] * sql.count("?"), scope)
                seen = [await world.guard.run(look, [], scope) for look in _LOOKS] if name in _WRITES else []
                out[name] = repr((rows, seen))
            except (sqlite3.Error, GuardError, AccessDenied) as error:
                out[name] = f"failed: {type(error).__name__}: {error}"
            await scope.back_to("here")
            await scope.close_point("here")
    return out


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, str]]:
    """Of each statement, in each database."""
    out: dict[str, dict[str, str]] = {}
    for name, mine, hidden in (
        ("calm", _FINE, _FINE),
        ("hidden", _FINE, _FAILING),
        ("own", _FAILING, _FINE),
    ):

        async def scenario(world: World, mine: Any = mine, hidden: Any = hidden) -> dict[str, str]:
            await _fill(world, mine, hidden)
            return await _outcomes(world)

        out[name] = in_world(tmp_path_factory.mktemp(name), scenario)
    return out


@pytest.mark.parametrize("shape", [*_READS, *_WRITES])
def test_what_fails_of_hidden_values_is_never_asked(shape: str, outcomes: dict[str, dict[str, str]]) -> None:
    """INVARIANT (no-errors-from-hidden-rows): one answer whatever is hidden; an error for what is one's"
    " own."""
    calm, hidden, own = (outcomes[name][shape] for name in ("calm", "hidden", "own"))
    assert not calm.startswith("failed: "), calm
    assert hidden == calm
    assert own.startswith(("failed: OperationalError", "failed: IntegrityError")), own


@pytest.mark.parametrize("people", [("bob",), ("bob", "ann")])
def test_a_condition_that_fails_tells_nothing_about_few(people: tuple[str, ...], tmp_path: Path) -> None:
    """S16: whether it failed would be one person's value; it is refused as a figure about too few is."""

    async def scenario(world: World) -> None:
        service = Actor.service("lab")
        sql = "SELECT count(*) AS n FROM picture WHERE owner = ? AND abs(size) > 0"
        everybody = "SELECT count(*) AS n FROM picture WHERE abs(size) > 0"
        said: list[str] = []
        for size in (1, _LEAST):
            async with world.guard.access(service, purpose="secure_service", operation="aggregate"):
                with pytest.raises(AccessDenied) as denied:
                    await world.guard.run(sql, ["bob"])
                found = await world.guard.explain_denial(denied.value.denial_id)
                said.append(str(found and found.reason))
                if size == 1 and len(people) > 1:
                    assert await world.guard.run(everybody, []) == [{"n": 2}]
                else:
                    with pytest.raises(AccessDenied):
                        await world.guard.run(everybody, [])
            await world.sql("UPDATE picture SET size = ? WHERE owner = 'bob'", _LEAST)
        assert said[0] == said[1]

    async def started(world: World) -> None:
        for person in people:
            await world.picture(Actor.subject(person), size=1)
        await scenario(world)

    in_world(tmp_path, started)
