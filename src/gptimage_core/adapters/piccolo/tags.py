"""Tags: what a Piccolo column holds, said where the column is declared.

    class Image(Table, db=DB):
        id = UUID(primary_key=True)
        owner = subject(Varchar(length=40))
        prompt = category("prompt", Text())
        tenant = tenant(Varchar(length=40))
        recorded = recorded(BigInt())
        keep_ended = keep_ended(BigInt(null=True))
        collected_under = collected_under(Integer())

A wrapper returns the very column it was given, so types and queries stay Piccolo's. Instants are `BigInt`
columns of UTC microseconds. Primary and foreign keys need no tag (category `identifier`); any other column
without a category stops the start (S6).
"""

from __future__ import annotations

from typing import Any, TypeVar

from msgspec import Struct, structs
from piccolo.columns import Column, ForeignKey
from piccolo.columns.column_types import BigInt
from piccolo.columns.defaults.base import Default

from gptimage_core.guard.values import FILLED
from gptimage_core.policy.binding import Role
from gptimage_core.policy.vocabulary import IDENTIFIER

__all__ = [
    "Tag",
    "category",
    "collected_under",
    "fact",
    "keep_ended",
    "opaque",
    "recorded",
    "subject",
    "tag_of",
    "tenant",
    "via",
]

_ATTRIBUTE = "_gptimage_tag"
C = TypeVar("C", bound=Column)


class Tag(Struct, frozen=True):
    """What the wrappers said of one column; `None` where nothing was said."""

    category: str | None = None
    role: Role | None = None
    fact: str | None = None
    via: bool = False
    opaque: bool = False


def tag_of(column: Column) -> Tag:
    """The column's tag; an empty one where it has none. Copies of a column keep its tag."""
    tag: Tag = getattr(column, _ATTRIBUTE, _EMPTY)
    return tag


def category(name: str, column: C) -> C:
    """The column holds data of the policy's category `name`."""
    return _tag(column, category=name)


def subject(column: C) -> C:
    """The column names a person the row is about. A row may have several such columns."""
    return _tag(column, role="subject", category=IDENTIFIER)


def tenant(column: C) -> C:
    """The column names the tenant; the guard fills it in on insert and refuses a foreign one."""
    return _filled(_tag(column, role="tenant", category=IDENTIFIER), "''")


def recorded(column: C) -> C:
    """The instant the row was collected; the guard fills it in on insert and lets nobody move it."""
    _instant(column, "recorded")
    return _filled(_tag(column, role="recorded", category=IDENTIFIER), "0")


def collected_under(column: C) -> C:
    """The policy version the row was collected under (X11); filled in on insert, then unchanged."""
    return _filled(_tag(column, role="collected_under", category=IDENTIFIER), "0")


def keep_ended(column: C) -> C:
    """The instant that ended the keeping (T0 of a deletion), NULL while the row is kept."""
    _instant(column, "keep_ended")
    if not column._meta.null:
        raise ValueError("`keep_ended` needs a column that may be NULL: write keep_ended(BigInt(null=True))")
    # Piccolo's default for an integer is 0, which would say: ended in 1970.
    column.default = None
    return _tag(column, role="keep_ended", category=IDENTIFIER)


def fact(name: str, column: C) -> C:
    """The column supplies the row-level fact `name` of the policy; tag it with its category as well."""
    return _tag(column, fact=name)


def opaque(column: C) -> C:
    """The column's values are random (a token's hash, an id made elsewhere): nobody guesses one, so it may be
    unique without telling anything. It stands in `datamap.lock`; tag it with its category as well."""
    return _tag(column, opaque=True)


def via(column: C) -> C:
    """The row's people are those of the row this foreign key points to (ownership through a join)."""
    if not isinstance(column, ForeignKey):
        raise ValueError("`via` wraps a ForeignKey: the row it points to says whose row this is")
    return _tag(column, via=True)


_EMPTY = Tag()


def _tag(column: C, **said: Any) -> C:
    old = tag_of(column)
    for field, value in said.items():
        before = getattr(old, field)
        if before not in (None, False) and before != value:
            raise ValueError(f"a column has one {field}: it is tagged `{before}` already, and now `{value}`")
    setattr(column, _ATTRIBUTE, structs.replace(old, **said))
    return column


def _instant(column: Column, name: str) -> None:
    if not isinstance(column, BigInt):
        raise ValueError(f"`{name}` is an instant: wrap a BigInt column (UTC microseconds)")


class _Filled(Default):
    """A default that the guard replaces when the row is inserted."""

    def __init__(self, sql: str) -> None:
        self._sql = sql

    @property
    def postgres(self) -> str:
        return self._sql

    @property
    def cockroach(self) -> str:
        return self._sql

    @property
    def sqlite(self) -> str:
        return self._sql

    def python(self) -> Any:
        return FILLED


def _filled(column: C, sql: str) -> C:
    column.default = _Filled(sql)
    return column
