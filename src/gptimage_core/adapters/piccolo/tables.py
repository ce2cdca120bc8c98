"""From a Piccolo table to the table the policy is bound to."""

from __future__ import annotations

from typing import Literal, TypeAlias

from piccolo.columns import Column as PiccoloColumn
from piccolo.columns import ForeignKey, column_types
from piccolo.table import Table as PiccoloTable

from gptimage_core.adapters.piccolo.tags import tag_of
from gptimage_core.errors import PolicyError
from gptimage_core.policy.binding import Column, Role, Table, Via
from gptimage_core.policy.vocabulary import IDENTIFIER

__all__ = ["table_of"]

_Type: TypeAlias = Literal["text", "integer", "real", "boolean", "instant", "bytes", "json", "array"]

# Order matters: a subclass stands before its base (Boolean is no Integer here, Numeric no Real).
_TYPES: tuple[tuple[type[PiccoloColumn], _Type], ...] = (
    (column_types.Boolean, "boolean"),
    (column_types.JSON, "json"),
    (column_types.Array, "array"),
    (column_types.Bytea, "bytes"),
    (column_types.Numeric, "real"),
    (column_types.Real, "real"),
    (column_types.DoublePrecision, "real"),
    (column_types.Interval, "real"),
    (column_types.Integer, "integer"),
    (column_types.Serial, "integer"),
)


def table_of(table: type[PiccoloTable]) -> Table:
    """The table as the policy sees it. Names are the database's (`db_column_name`).

    A column that says nothing has category `identifier` when it is the primary key or a foreign key, and the
    empty category otherwise, which `bind` refuses with the column's name (S6).
    """
    meta = table._meta
    if meta.schema:
        raise PolicyError(
            f"table `{meta.tablename}` has schema `{meta.schema}`: SQLite has none; leave it out"
        )
    links = [column for column in meta.columns if tag_of(column).via]
    if len(links) > 1:
        names = ", ".join(f"`{column._meta.name}`" for column in links)
        raise PolicyError(
            f"table `{meta.tablename}` has several `via` columns ({names}): keep the one that owns it"
        )
    via = None
    if links:
        link = links[0]
        assert isinstance(link, ForeignKey)
        via = Via(link._meta.db_column_name, _referenced(link))
    return Table(meta.tablename, tuple(_column(column) for column in meta.columns), via)


def _column(column: PiccoloColumn) -> Column:
    tag = tag_of(column)
    meta = column._meta
    link = isinstance(column, ForeignKey)
    role: Role | None = tag.role
    if meta.primary_key:
        if role is not None and role != "key":
            raise PolicyError(
                f"column `{meta.table._meta.tablename}.{meta.name}` is the primary key and tagged `{role}`: "
                "keep the key apart, and say whose the row is in a column of its own"
            )
        role = "key"
    elif link and role is None:
        role = "link"
    category = tag.category or (IDENTIFIER if role is not None else "")
    return Column(
        name=meta.db_column_name,
        category=category,
        type=_type(column, role),
        role=role,
        fact=tag.fact,
        references=_referenced(column) if isinstance(column, ForeignKey) else None,
        unique=bool(meta.unique or meta.primary_key),
        opaque=tag.opaque,
        referenced=_referenced_column(column) if isinstance(column, ForeignKey) else None,
    )


def _type(column: PiccoloColumn, role: Role | None) -> _Type:
    if role in ("recorded", "keep_ended"):
        return "instant"
    if isinstance(column, ForeignKey):
        return _type(column._foreign_key_meta.resolved_target_column, None)
    for kind, name in _TYPES:
        if isinstance(column, kind):
            return name
    return "text"


def _referenced(column: ForeignKey) -> str:  # type: ignore[type-arg]  # the referenced table is not known here
    return str(column._foreign_key_meta.resolved_references._meta.tablename)


def _referenced_column(column: ForeignKey) -> str | None:  # type: ignore[type-arg]  # as above
    """The column that is referenced, where it is not the key."""
    target = column._foreign_key_meta.resolved_target_column
    return None if target._meta.primary_key else target._meta.db_column_name
