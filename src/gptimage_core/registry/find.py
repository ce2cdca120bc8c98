"""Finding what the registry names: the rows and blobs of a person, or of one item.

Pure of policy: whoever calls has decided. Results are streamed; memory does not grow with their number.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from typing import Literal, TypeAlias

from msgspec import Struct

from gptimage_core.errors import StoreError
from gptimage_core.policy.binding import Table
from gptimage_core.registry.places import Place, Registry

__all__ = ["Found", "end_keeping", "of_item", "of_person", "older_than"]

_DEPTH = 16
_Condition: TypeAlias = tuple[str, tuple[str, ...]]
"""SQL with placeholders, and their values."""
_NEVER: _Condition = ("0", ())


class Found(Struct, frozen=True):
    """One thing: a row of `place`, or the blob that a row names. `key` is the row's key.

    `shared` says that the row, or the one it hangs on, also names somebody else: then their part stays when
    this person goes. Of an item it is not asked and is False.
    """

    place: str
    key: str
    blob: str | None = None
    shared: bool = False


def of_person(
    connection: sqlite3.Connection, registry: Registry, places: tuple[Place, ...], tenant: str, subject: str
) -> Iterator[Found]:
    """Everything of one person in `places` (an order of the registry), place by place (S32, S36)."""
    for place in places:
        table = registry.table(place)
        others = _named(registry, table, "coalesce({} <> ?, 0)", subject, 0)
        yield from _rows(
            connection, place, table, tenant, others, _named(registry, table, "{} = ?", subject, 0)
        )


def of_item(
    connection: sqlite3.Connection, registry: Registry, tenant: str, table: str, key: str
) -> Iterator[Found]:
    """One row with its blobs and the rows that hang on it with theirs, in the order of erasure (S32).

    Copies of everything (archives) are not among them: they are found by person, see `derived_from`. A table
    that is not of people raises `StoreError`.
    """
    if not registry.holds(table):
        raise StoreError(f"`{table}` is not a table of people; name the table that the item is in")
    for place in registry.erasure_order():
        found = _hanging(registry, registry.table(place), table, key, 0)
        if found[0]:
            yield from _rows(connection, place, registry.table(place), tenant, _NEVER, found)


def older_than(
    connection: sqlite3.Connection,
    registry: Registry,
    place: Place,
    cutoff: int,
    since: Literal["recorded", "keep_ended"] = "recorded",
) -> Iterator[Found]:
    """What was recorded (or ended) at `cutoff` or before, in every tenant: for sweeps, since nobody may read
    such rows any more."""
    table = registry.table(place)
    recorded = table.with_role(since)
    if not recorded:
        raise StoreError(f"the table `{table.name}` has no column that says `{since}` of its rows")
    blob = "NULL" if place.column is None else _quoted(place.column)
    text = (
        f"SELECT {_quoted(table.key)}, {blob} FROM {_quoted(table.name)}"  # noqa: S608 - bound names
        f" WHERE {_quoted(recorded[0].name)} <= ?"
    )
    for key, name in connection.execute(text, (cutoff,)):
        if place.kind == "row" or name is not None:
            yield Found(place.name, key, name)


def end_keeping(
    connection: sqlite3.Connection, registry: Registry, tenant: str, subject: str, at: int
) -> None:
    """T0 of a person: `keep_ended` is set on every row that is theirs alone, so that ceilings begin to run
    and nobody reads them (S30, S32). What had ended before keeps its instant; twice is once."""
    for place in registry.places:
        table = registry.table(place)
        ended, own = table.with_role("keep_ended"), table.with_role("tenant")
        if place.kind != "row" or not ended or not own:
            continue
        mine = _named(registry, table, "{} = ?", subject, 0)
        others = _named(registry, table, "coalesce({} <> ?, 0)", subject, 0)
        column = _quoted(ended[0].name)
        connection.execute(
            f"UPDATE {_quoted(table.name)} SET {column} = ? WHERE {column} IS NULL"  # noqa: S608 - bound names
            f" AND {_quoted(own[0].name)} = ? AND ({mine[0]}) AND NOT ({others[0]})",
            (at, tenant, *mine[1], *others[1]),
        )


def _rows(
    connection: sqlite3.Connection,
    place: Place,
    table: Table,
    tenant: str,
    others: _Condition,
    found: _Condition,
) -> Iterator[Found]:
    own = table.with_role("tenant")
    if not own:
        raise StoreError(
            f"the table `{table.name}` has no tenant column, so nobody can say whose rows these are"
        )
    blob = "NULL" if place.column is None else _quoted(place.column)
    text = (
        f"SELECT {_quoted(table.key)}, {blob}, ({others[0]}) FROM {_quoted(table.name)}"  # noqa: S608 - bound names
        f" WHERE {_quoted(own[0].name)} = ? AND ({found[0]})"
    )
    for key, name, shared in connection.execute(text, (*others[1], tenant, *found[1])):
        if place.kind == "row" or name is not None:
            yield Found(place.name, key, name, bool(shared))


def _named(registry: Registry, table: Table, test: str, subject: str, depth: int) -> _Condition:
    """The condition under which `test` holds for some person of a row, by its columns or its parent's."""
    if table.subjects:
        tests = (test.format(_quoted(name)) for name in table.subjects)
        return " OR ".join(tests), (subject,) * len(table.subjects)
    parent = registry.owner_of(table)
    if parent is None or depth > _DEPTH:
        raise StoreError(f"the ownership of `{table.name}` leads nowhere")
    return _through(table, parent, _named(registry, parent, test, subject, depth + 1))


def _hanging(registry: Registry, table: Table, root: str, key: str, depth: int) -> _Condition:
    """The condition under which a row of `table` is the item or hangs on it; empty where it cannot."""
    if table.name == root:
        return f"{_quoted(table.key)} = ?", (key,)
    parent = registry.owner_of(table)
    if parent is None or depth > _DEPTH:
        return "", ()
    condition = _hanging(registry, parent, root, key, depth + 1)
    return _through(table, parent, condition) if condition[0] else condition


def _through(table: Table, parent: Table, condition: _Condition) -> _Condition:
    """`condition` on the parent's rows as one on the rows that hang on them."""
    assert table.via is not None
    keys = f"SELECT {_quoted(parent.key)} FROM {_quoted(parent.name)} WHERE {condition[0]}"  # noqa: S608
    return f"{_quoted(table.via.column)} IN ({keys})", condition[1]


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
