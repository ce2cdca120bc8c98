"""THEOREM (piccolo-equivalence) for queries that nobody wrote: random ones, as three people (S7)."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import piccolo.query.functions as f
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.support.piccolo_compare import Stage, compare_rows, shown
from tests.support.piccolo_random import PLAIN, SEALED, WITHHELD, column, condition
from tests.support.piccolo_world import WHO, number, plain

from gptimage_core.errors import GptimageError, GuardError

_SUITS = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]


@pytest.fixture(scope="module", params=list(WHO))
def stage(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    made = Stage(tmp_path_factory.mktemp(request.param))
    made.pair.reset(request.param)
    yield made, request.param
    made.close()


@st.composite
def _select(draw: st.DrawFn) -> Any:
    paths = draw(st.lists(st.sampled_from(PLAIN + WITHHELD + SEALED), min_size=1, max_size=5, unique=True))
    wheres = draw(st.lists(condition(), max_size=2))
    order = draw(st.lists(st.tuples(st.sampled_from(PLAIN), st.booleans()), max_size=2))
    limit, offset = draw(st.none() | st.integers(0, 5)), draw(st.none() | st.integers(0, 3))
    nested, distinct = draw(st.booleans()), draw(st.booleans())
    computed = draw(st.sampled_from([None, "upper", "length", "coalesce", "tags", "arrow"]))

    def make(t: SimpleNamespace) -> Any:
        columns = [column(t, path) for path in paths]
        extra = {
            "upper": lambda: f.Upper(t.Picture.title, alias="x"),
            "length": lambda: f.Length(t.Picture.artist.name, alias="x"),
            "coalesce": lambda: f.Coalesce(t.Picture.artist.mentor.name, "none", alias="x"),
            "tags": lambda: t.Picture.tags(t.Tag.id, as_list=True),
            "arrow": lambda: t.Picture.meta.arrow("word").as_alias("x"),
        }
        if computed is not None:
            columns.append(extra[computed]())
        query = t.Picture.select(*columns)
        for where in wheres:
            query = query.where(where(t))
        for path, rising in order:
            query = query.order_by(column(t, path), ascending=rising)
        if distinct and computed != "tags" and not set(paths) & set(SEALED + WITHHELD):
            query = query.distinct()
        elif limit is not None:
            query = query.order_by(t.Picture.id).limit(limit)
            query = query if offset is None else query.offset(offset)
        return query.output(nested=nested and computed is None)

    return make


@st.composite
def _grouped(draw: st.DrawFn) -> Any:
    paths = draw(st.lists(st.sampled_from(PLAIN), min_size=1, max_size=2, unique=True))
    where = draw(st.none() | condition())
    least = draw(st.none() | st.integers(0, 3))

    def make(t: SimpleNamespace) -> Any:
        columns = [column(t, path) for path in paths]
        query = t.Picture.select(
            *columns, f.Count(alias="n"), f.Sum(t.Picture.size, alias="s"), f.Max(t.Picture.title, alias="m"),
            f.Count(distinct=[t.Picture.artist], alias="d"),
        ).group_by(*columns)  # fmt: skip
        query = query if where is None else query.where(where(t))
        return query if least is None else query.having(f.Count() >= least)

    return make


@st.composite
def _others(draw: st.DrawFn) -> Any:
    where = draw(condition())
    kind = draw(st.sampled_from(["objects", "prefetch", "count", "distinct", "exists", "get", "first"]))
    made: dict[str, Any] = {
        "objects": lambda t, w: t.Picture.objects().where(w),
        "prefetch": lambda t, w: t.Picture.objects(t.Picture.artist, t.Picture.artist.mentor).where(w),
        "count": lambda t, w: t.Picture.count().where(w),
        "distinct": lambda t, w: t.Picture.count(distinct=[t.Picture.size]).where(w),
        "exists": lambda t, w: t.Picture.exists().where(w),
        "get": lambda t, w: t.Picture.objects().order_by(t.Picture.id).get(w),
        "first": lambda t, w: t.Picture.select().where(w).order_by(t.Picture.id).first(),
    }
    return lambda t: made[kind](t, where(t))


@given(made=_select() | _grouped() | _others())
@settings(max_examples=150, deadline=None, suppress_health_check=_SUITS)
def test_a_random_query_gives_what_piccolo_gives(stage: tuple[Stage, str], made: Any) -> None:
    """piccolo-equivalence: columns, joins, conditions, orders, groups, limits and outputs in any mixture."""
    scene, who = stage

    async def check() -> None:
        async with scene.pair.access(who):
            found = await made(scene.pair.governed)
        expected = await made(scene.pair.stock)
        assert shown(plain(found), exact=False) == shown(plain(expected), exact=False)

    scene.run(check())


@given(path=st.sampled_from(WITHHELD), made=condition())
@settings(max_examples=15, deadline=None, suppress_health_check=_SUITS)
def test_what_is_withheld_decides_nothing(stage: tuple[Stage, str], path: str, made: Any) -> None:
    """A condition on a field that is withheld from all is refused; from some, it is NULL there."""
    scene, who = stage

    async def check() -> None:
        def query(t: SimpleNamespace) -> Any:
            return t.Picture.select(t.Picture.id).where(made(t)).where(column(t, path) != "nothing")

        async with scene.pair.access(who):
            if who == "own":
                with pytest.raises(GuardError, match="withheld"):
                    await query(scene.pair.governed)
                return
            found = await query(scene.pair.governed)
        expected = await query(scene.pair.stock)
        assert shown(plain(found), exact=False) == shown(plain(expected), exact=False)

    scene.run(check())


@st.composite
def _write(draw: st.DrawFn) -> Any:
    """One write, or a few statements that end in one. The last pin stays: SQLite gives the next key after the
    last row that is there, seen or not."""
    where = draw(condition(1, raw=False))
    n, word = draw(st.integers(-1, 6)), draw(st.sampled_from(["sea", "hill", "new", ""]))
    key = number(draw(st.sampled_from([1, 3, 7, 9, 10])))  # a key that a hidden row has is taken
    kind = draw(
        st.sampled_from(
            [
                "link",
                "upsert",
                "returning",
                "set",
                "add",
                "join",
                "several",
                "unpin",
                "unpinned",
                "save",
                "remove",
                "insert",
                "get_or_create",
                "tag",
            ]
        )
    )

    async def save(t: SimpleNamespace) -> Any:
        # Not number 5: its artist is hidden, so where only permitted rows are, its link leads nowhere.
        found = await t.Picture.objects().where(where(t), t.Picture.id != number(5)).first()
        if found is not None:
            found.title, found.size = word, n
            await found.save()
        return found is not None

    async def remove(t: SimpleNamespace) -> Any:
        found = await t.Pin.objects().where(t.Pin.tag.word == word, t.Pin.id < 8).order_by(t.Pin.id).first()
        if found is not None:
            await found.remove()
        return found is None

    async def get_or_create(t: SimpleNamespace) -> Any:
        made = {t.Picture.owner: "ann", t.Picture.title: word, t.Picture.size: n}
        found = await t.Picture.objects().get_or_create(t.Picture.id == key, made)
        return [found.title, found._was_created]

    async def tag(t: SimpleNamespace) -> Any:
        found = await t.Picture.objects().get(t.Picture.id == number(3))
        await found.add_m2m(t.Tag(owner="ann", word=f"{word} {n}"), m2m=t.Picture.tags)
        return len(await found.get_m2m(t.Picture.tags))

    own = "sea" if word == "hill" else word  # a word that a hidden row has is taken

    made: dict[str, Any] = {
        # To a hidden artist it is refused, as to one that is not there; also where it matches no row.
        "link": lambda t: t.Picture.update({t.Picture.artist: n}, force=True),
        "upsert": lambda t: t.Tag.insert(
            t.Tag(owner="ann", word=own, weight=n), t.Tag(owner="ann", word="wood")
        ).on_conflict(
            target=t.Tag.word, action="DO UPDATE" if n > 1 else "DO NOTHING", values=[t.Tag.weight]
        ),
        "returning": lambda t: (
            t.Picture.update({t.Picture.size: t.Picture.size * n})
            .where(where(t))
            .returning(t.Picture.id, t.Picture.size, t.Picture.title)
        ),
        "set": lambda t: t.Picture.update({t.Picture.title: word, t.Picture.starred: n > 2}).where(where(t)),
        "add": lambda t: t.Picture.update({t.Picture.size: t.Picture.size + n}).where(where(t)),
        "join": lambda t: t.Picture.update({t.Picture.title: t.Picture.title + word}).where(where(t)),
        "several": lambda t: t.Picture.update(
            {t.Picture.visibility: "public", t.Picture.note: word}, force=True
        ),
        "unpin": lambda t: t.Pin.delete().where(t.Pin.picture.title == word, t.Pin.id < 8),
        "unpinned": lambda t: t.Pin.delete().where(
            t.Pin.picture.is_in(t.Picture.select(t.Picture.id).where(where(t))), t.Pin.id < 8
        ),
        "save": save,
        "remove": remove,
        "insert": lambda t: t.Tag.insert(
            t.Tag(owner="ann", word=f"{word}{n}"), t.Tag(owner="ann", word=f"{n}{word}")
        ),
        "get_or_create": get_or_create,
        "tag": tag,
    }
    return made[kind]


@given(writes=st.lists(_write(), min_size=1, max_size=4))
@settings(max_examples=40, deadline=None, suppress_health_check=_SUITS)
def test_random_writes_leave_what_piccolo_leaves(stage: tuple[Stage, str], writes: list[Any]) -> None:
    """piccolo-equivalence: after each of several writes the permitted rows agree and the hidden ones stay."""
    scene, who = stage
    pair = scene.pair

    async def outcome(write: Any, tables: SimpleNamespace) -> Any:
        try:
            return plain(await write(tables))
        except Exception as error:
            return "refused" if isinstance(error, GptimageError | sqlite3.Error) else type(error)

    async def check() -> None:
        pair.reset(who)
        before, _ = pair.rows()
        for write in writes:
            async with pair.access(who):
                found = await outcome(write, pair.governed)
            expected = await outcome(write, pair.stock)
            assert shown(found, exact=False) == shown(expected, exact=False)
        after, wanted = pair.rows()
        compare_rows(before, after, wanted, who)

    try:
        scene.run(check())
    finally:
        pair.reset(who)
