"""Random conditions for Piccolo, made for either of two applications that are the same."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import piccolo.query.functions as f
from hypothesis import strategies as st
from piccolo.columns.combination import WhereRaw
from tests.support.piccolo_world import number

__all__ = ["PLAIN", "SEALED", "WITHHELD", "column", "condition"]

# A path from Picture to a column, as attributes; what is drawn is applied to both applications.
PLAIN = [
    "id", "title", "size", "starred", "visibility", "artist", "artist.name", "artist.id",
    "artist.studio.name", "artist.mentor.name", "artist.mentor.studio.name", "artist.studio",
]  # fmt: skip
WITHHELD = ["label", "secrets", "artist.label", "artist.mentor.label", "artist.studio.label"]
SEALED = ["note"]


def column(t: SimpleNamespace, path: str) -> Any:
    """The column of a path."""
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
def condition(draw: st.DrawFn, deep: int = 2, raw: bool = True) -> Any:
    """A condition on pictures and what they lead to, made on the tables that it is given."""
    if deep and draw(st.booleans()):
        one, other = draw(condition(deep - 1, raw)), draw(condition(deep - 1, raw))
        if draw(st.booleans()):
            return lambda t: one(t) & other(t)
        return lambda t: one(t) | other(t)
    path = draw(st.sampled_from(PLAIN))
    value = draw(_VALUES.get(path, _TEXTS))
    kind = draw(
        st.sampled_from(["eq", "ne", "lt", "ge", "in", "not_in", "null", "set", "like", "sub", "upper"])
    )
    if kind == "upper" and not raw:  # a function of a joined column has no place in UPDATE and DELETE
        kind = "ne"
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
    return lambda t: made[kind](column(t, path), t)
