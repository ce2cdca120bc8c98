"""THEOREM (piccolo-equivalence) for queries that nobody wrote: random ones, as three people (S7)."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import AsyncExitStack
from types import SimpleNamespace
from typing import Any

import piccolo.query.functions as f
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from piccolo.columns.combination import WhereRaw
from tests.support.piccolo_world import WHO, Pair, number, paired, plain

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


@pytest.fixture(scope="module", params=list(WHO))
def stage(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    made = _Stage(tmp_path_factory.mktemp(request.param))
    made.pair.reset(request.param)
    yield made, request.param
    made.close()


# A path from Picture to a column, as attributes; what is drawn is applied to both applications.
_PLAIN = [
    "id", "title", "size", "starred", "visibility", "artist", "artist.name", "artist.id",
    "artist.studio.name", "artist.mentor.name", "artist.mentor.studio.name", "artist.studio",
]  # fmt: skip
_WITHHELD = ["label", "secrets", "artist.label", "artist.mentor.label", "artist.studio.label"]
_SEALED = ["note"]


def _column(t: SimpleNamespace, path: str) -> Any:
    found = t.Picture
    for name in path.split("."):
        found = getattr(found, name)
    return found


_VALUES: dict[str, st.SearchStrategy[Any]] = {
    "id": st.integers(1, 9).map(number),
    "size": st.integers(-1, 5),
    "starred": st.booleans(),
    "artist": st.integers(1, 5),
    "artist.id": st.integers(1, 5),
    "artist.studio": st.integers(1, 5),
}
_TEXTS = st.sampled_from(["picture a", "picture b", "artist 1", "studio 1", "public", "A", "%1", "l1", ""])


@st.composite
def _condition(draw: st.DrawFn, deep: int = 2) -> Any:
    if deep and draw(st.booleans()):
        one, other = draw(_condition(deep - 1)), draw(_condition(deep - 1))
        if draw(st.booleans()):
            return lambda t: one(t) & other(t)
        return lambda t: one(t) | other(t)
    path = draw(st.sampled_from(_PLAIN))
    value = draw(_VALUES.get(path, _TEXTS))
    kind = draw(
        st.sampled_from(["eq", "ne", "lt", "ge", "in", "not_in", "null", "set", "like", "sub", "upper"])
    )
    text = path not in _VALUES
    made: dict[str, Any] = {
        "eq": lambda c, t: c == value,
        "ne": lambda c, t: c != value,
        "lt": lambda c, t: c < value,
        "ge": lambda c, t: c >= value,
        "in": lambda c, t: c.is_in([value, value]),
        "not_in": lambda c, t: c.not_in([value]),
        "null": lambda c, t: c.is_null(),
        "set": lambda c, t: c.is_not_null(),
        "like": lambda c, t: c.like(f"%{value}%") if text else c == value,
        "sub": lambda c, t: t.Picture.id.is_in(t.Pin.select(t.Pin.picture).where(t.Pin.tag.word != "hill")),
        "upper": lambda c, t: WhereRaw("{}", f.Upper(c) == value.upper()) if text else c != value,
    }
    return lambda t: made[kind](_column(t, path), t)


@st.composite
def _select(draw: st.DrawFn) -> Any:
    paths = draw(st.lists(st.sampled_from(_PLAIN + _WITHHELD + _SEALED), min_size=1, max_size=5, unique=True))
    wheres = draw(st.lists(_condition(), max_size=2))
    order = draw(st.lists(st.tuples(st.sampled_from(_PLAIN), st.booleans()), max_size=2))
    limit, offset = draw(st.none() | st.integers(0, 5)), draw(st.none() | st.integers(0, 3))
    nested, distinct = draw(st.booleans()), draw(st.booleans())
    computed = draw(st.sampled_from([None, "upper", "length", "coalesce", "tags", "arrow"]))

    def make(t: SimpleNamespace) -> Any:
        columns = [_column(t, path) for path in paths]
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
            query = query.order_by(_column(t, path), ascending=rising)
        if distinct and computed != "tags" and not set(paths) & set(_SEALED + _WITHHELD):
            query = query.distinct()
        elif limit is not None:
            query = query.order_by(t.Picture.id).limit(limit)
            query = query if offset is None else query.offset(offset)
        return query.output(nested=nested and computed is None)

    return make


@st.composite
def _grouped(draw: st.DrawFn) -> Any:
    paths = draw(st.lists(st.sampled_from(_PLAIN), min_size=1, max_size=2, unique=True))
    where = draw(st.none() | _condition())
    least = draw(st.none() | st.integers(0, 3))

    def make(t: SimpleNamespace) -> Any:
        columns = [_column(t, path) for path in paths]
        query = t.Picture.select(
            *columns, f.Count(alias="n"), f.Sum(t.Picture.size, alias="s"), f.Max(t.Picture.title, alias="m"),
            f.Count(distinct=[t.Picture.artist], alias="d"),
        ).group_by(*columns)  # fmt: skip
        query = query if where is None else query.where(where(t))
        return query if least is None else query.having(f.Count() >= least)

    return make


@st.composite
def _others(draw: st.DrawFn) -> Any:
    where = draw(_condition())
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
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_random_query_gives_what_piccolo_gives(stage: tuple[_Stage, str], made: Any) -> None:
    """piccolo-equivalence: columns, joins, conditions, orders, groups, limits and outputs in any mixture."""
    scene, who = stage

    async def check() -> None:
        async with scene.pair.access(who):
            found = await made(scene.pair.governed)
        expected = await made(scene.pair.stock)
        assert _shown(plain(found)) == _shown(plain(expected))

    scene.run(check())


@given(path=st.sampled_from(_WITHHELD), made=_condition())
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_is_withheld_decides_nothing(stage: tuple[_Stage, str], path: str, made: Any) -> None:
    """A condition on a field that is withheld from all is refused; from some, it is NULL there."""
    scene, who = stage

    async def check() -> None:
        def query(t: SimpleNamespace) -> Any:
            return t.Picture.select(t.Picture.id).where(made(t)).where(_column(t, path) != "nothing")

        async with scene.pair.access(who):
            if who == "own":
                with pytest.raises(GuardError, match="withheld"):
                    await query(scene.pair.governed)
                return
            found = await query(scene.pair.governed)
        assert _shown(plain(found)) == _shown(plain(await query(scene.pair.stock)))

    scene.run(check())


def _shown(value: Any) -> Any:
    """In no order: many queries have none, and where one is asked for, ties have none."""
    if value is WITHHELD:
        return None
    if isinstance(value, dict):
        return {key: _shown(each) for key, each in value.items()}
    if isinstance(value, list):
        return sorted(map(_shown, value), key=repr)
    return value
