"""Values that stand for something else on their way through Piccolo: withheld ones, ones the guard fills in.

Piccolo takes each value of a row for a value: it would turn a withheld JSON field into text when the row is
saved, parse it when it is read, ask it whether it is true. Four functions of Piccolo's learn here to pass
such a value on as it is; all else they do as before, on every engine. `teach` runs when a guard is attached,
and raises `GuardError` where Piccolo does not have what it replaces: better no start than data overwritten.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import piccolo.columns.combination
import piccolo.query.base
import piccolo.query.mixins
import piccolo.table
from piccolo.columns import Column
from piccolo.query.methods.insert import Insert
from piccolo.query.methods.objects import GetRelated
from piccolo.table import Table

from gptimage_core.errors import GuardError
from gptimage_core.guard.values import FILLED, WITHHELD, Inserted

__all__ = ["teach"]

_MARK = "_passes_stand_ins"


def teach() -> None:
    """Teach Piccolo what stands for something else; a second time it does nothing."""
    for place, name, make in _PLACES:
        known = getattr(place, name, None)
        if known is None:
            raise GuardError(
                f"this Piccolo has no `{place.__name__}.{name}`, and withheld fields would get into writes: "
                "install a version that `gptimage[piccolo]` asks for"
            )
        if not hasattr(known, _MARK):
            taught = make(known)
            setattr(taught, _MARK, True)
            setattr(place, name, taught)


def _converting(convert: Callable[..., Any]) -> Callable[..., Any]:
    """A value on its way into a statement: the guard drops what is withheld and fills in what is its own."""

    def convert_to_sql_value(value: Any, column: Column) -> Any:
        return value if value is WITHHELD or value is FILLED else convert(value, column)

    return convert_to_sql_value


def _loading(load: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """A JSON field that is read."""

    def load_json(data: Any) -> Any:
        return data if data is WITHHELD else load(data)

    return load_json


def _relating(related: Callable[..., Any]) -> Callable[..., Any]:
    """`get_related`: `None` where no row is found, without asking a withheld field whether it is true."""

    async def run(self: GetRelated[Any], node: str | None = None, in_pool: bool = True) -> Table | None:
        row, link = self.row, self.foreign_key
        if not row._exists_in_db:
            return await related(self, node=node, in_pool=in_pool)  # type: ignore[no-any-return]  # raises
        table = type(row)
        key = table._meta.primary_key
        columns = [column.as_alias(column._meta.name) for column in link.all_columns()]
        found = await table.select(*columns).where(key == getattr(row, key._meta.name)).first().run()
        if found is None or not any(value for value in found.values() if value is not WITHHELD):
            return None
        other: Table = link._foreign_key_meta.resolved_references(**found)
        other._exists_in_db = True
        return other

    return run


def _noting(note: Callable[[Insert[Any], list[Any]], None]) -> Callable[[Insert[Any], list[Any]], None]:
    """After an INSERT: the objects get their keys, and what the guard has filled in."""

    def _raw_response_callback(self: Insert[Any], results: list[Any]) -> None:
        note(self, results)
        for instance, row in zip(self.add_delegate._add, results, strict=False):
            if isinstance(row, Inserted):
                for column in instance._meta.columns:
                    if getattr(instance, column._meta.name) is FILLED:
                        name = column._meta.db_column_name
                        setattr(instance, column._meta.name, row.filled.get(name, FILLED))

    return _raw_response_callback


_PLACES: tuple[tuple[Any, str, Callable[[Any], Callable[..., Any]]], ...] = (
    (piccolo.table, "convert_to_sql_value", _converting),
    (piccolo.query.mixins, "convert_to_sql_value", _converting),
    (piccolo.columns.combination, "convert_to_sql_value", _converting),
    (piccolo.query.base, "load_json", _loading),
    (GetRelated, "run", _relating),
    (Insert, "_raw_response_callback", _noting),
)
