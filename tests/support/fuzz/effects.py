"""What one write does, worked out over the restriction: which rows change and to what, and what it returns.

Original and restriction say which rows are meant and what they become; `decide_slowly` which of them may be
written so. A row that the statement could not read stays; so does one whose SET reads what may not be read.
"""

from __future__ import annotations

import sqlite3
from typing import Any

from msgspec import Struct, structs
from tests.support.fuzz.checks import Difference, Scene
from tests.support.fuzz.policy import NOW, TABLES
from tests.support.fuzz.rig import Original, Outcome
from tests.support.fuzz.text import marks
from tests.support.fuzz.world import BY_NAME, Row, Rows, World, may, may_read
from tests.support.fuzz.writes import Write

from gptimage_core.guard.values import WITHHELD

__all__ = ["BOUND_TO_ROW", "by_key", "changed", "check_effect"]

BOUND_TO_ROW = ("id", "owner", "giver", "taker", "tenant", "recorded", "collected_under", "image")
"""What never changes: whose row it is, and how it came."""


class _Effect(Struct):
    """All rows afterwards, and the keys of those that were written."""

    rows: Rows
    keys: list[Any]


class _Unread(Struct):
    """An output of a row that may not be read: withheld, or its key."""

    key: Any


def by_key(rows: list[Row]) -> dict[Any, Row]:
    """The rows by their keys."""
    return {row["id"]: row for row in rows}


def changed(before: Rows, after: Rows) -> list[str]:
    """What differs, for people."""
    out = []
    for table in TABLES:
        old, new = by_key(before[table.name]), by_key(after[table.name])
        out += [f"{table.name} {key} gone" for key in old.keys() - new.keys()]
        out += [f"{table.name} {new[key]}" for key in new if new[key] != old.get(key)]
    return sorted(out)


def check_effect(at: Scene, write: Write, args: list[object], got: Outcome, after: Rows) -> None:
    """Check what an accepted statement did; raises `Difference`."""
    effect = _inserted(at, write, args) if write.verb == "INSERT" else _written(at, write, args)
    if effect is None:
        return
    if effect == "denied":
        if got.kind != "denied" and changed(at.world.rows, after):
            raise Difference(f"changed and should be denied: {changed(at.world.rows, after)}")
        return
    assert isinstance(effect, _Effect)
    if "EXISTS" in write.sql and not write.idle and changed(effect.rows, after):
        # What stands in the list of EXISTS is not read; then the statement may be one that reads nothing.
        again = _written(at, structs.replace(write, idle=True), args)
        effect = again if isinstance(again, _Effect) else effect
    expected = effect.rows
    if got.kind == "denied":  # whatever the rows: there is none that might be written, or a table not be read
        if changed(at.world.rows, expected) and "SELECT" not in write.sql and " FROM " not in write.sql[12:]:
            raise Difference(f"denied, and should change {changed(at.world.rows, expected)}")
        return
    if changed(expected, after):
        raise Difference(
            f"changed {changed(at.world.rows, after)} instead of {changed(at.world.rows, expected)}"
        )
    if write.returns:
        _check_returned(at, write, args, got, effect)


def _written(at: Scene, write: Write, args: list[object]) -> _Effect | str | None:
    """What UPDATE or DELETE makes of the restriction, where the row may be written."""
    table = BY_NAME[write.table]
    rows = {name: [dict(row) for row in rows] for name, rows in at.allowed.items()}
    if write.idle:  # of what nobody may read it reads nothing: the keys of all rows are known to it
        shown = by_key(rows[table.name])
        hidden = [c.name for c in table.columns if c.category != "identifier"]
        rows[table.name] = [
            shown.get(row["id"], {**row, **dict.fromkeys(hidden)}) for row in at.world.rows[table.name]
        ]
    original = Original(rows, at.under.conditional())
    try:
        matched = {
            key
            for (key,) in original.connection.execute(
                f'{write.bare} RETURNING "id"', args[: marks(write.bare)]
            )
        }
    except (sqlite3.Error, OverflowError):
        return None
    new = by_key(original.dump()[table.name])
    expected = {name: [dict(row) for row in rows] for name, rows in at.world.rows.items()}
    out: list[Row] = []
    fresh: list[Row] = []
    for row in expected[table.name]:
        if row["id"] not in matched or not _writable(at, write, row):
            out.append(row)
        elif write.verb == "UPDATE":
            made = {**row, **{name: new[row["id"]][name] for name in write.sets if name not in BOUND_TO_ROW}}
            if any(new[row["id"]][n] != row[n] for n in write.sets if n in BOUND_TO_ROW):
                made = row
            else:
                fresh.append(made)
            out.append(made)
    expected[table.name] = out
    if "visibility" in write.sets:
        world = structs.replace(at.world, rows=expected)
        if not all(_may_set(at, world, write, row) for row in fresh):
            return "denied"
    gone = matched - {row["id"] for row in out}
    return _Effect(expected, [row["id"] for row in fresh] if write.verb == "UPDATE" else sorted(gone))


def _check_returned(at: Scene, write: Write, args: list[object], got: Outcome, effect: _Effect) -> None:
    """RETURNING is a read: of a DELETE before it, else after it. A row that may not be read gives its key."""
    world = at.world if write.verb == "DELETE" else structs.replace(at.world, rows=effect.rows)
    original = Original(may_read(at.law, at.asked, world), at.under.conditional())
    listed = ", ".join(repr(key) for key in effect.keys)
    sql = f'SELECT {write.returns}, "id" AS "the key" FROM "{write.table}" WHERE "id" IN ({listed})'
    try:
        cursor = original.connection.execute(sql, args[marks(write.bare) :])
        found = cursor.fetchall()
    except (sqlite3.Error, OverflowError):
        return
    names = [column[0] for column in cursor.description[:-1]]
    want = [dict(zip(names, row[:-1], strict=True)) for row in found]
    for key in set(effect.keys) - {row[-1] for row in found}:
        want.append({name: _Unread(key) for name in names})
    if got.rows and got.names != tuple(dict.fromkeys(names)):
        raise Difference(f"RETURNING names {got.names} instead of {names}")
    left = [tuple(row.values()) for row in want]
    # What is withheld may stand for any value: the rows that say more choose first.
    for row in sorted(got.rows, key=lambda row: sum(value is WITHHELD for value in row)):
        same = next((other for other in left if _matches(row, other)), None)
        if same is None:
            raise Difference(f"RETURNING gives {row}, and might give {left}")
        left.remove(same)
    if left:
        raise Difference(f"RETURNING does not give {left}")


def _stored(at: Scene, name: str, row: Row) -> Row:
    """The row as the database keeps it: a number in a column of text becomes one."""
    connection = at.original.connection
    connection.execute("SAVEPOINT here")
    try:
        connection.execute(f'DELETE FROM "{name}"')
        marked = ", ".join("?" for _ in row)
        connection.execute(f'INSERT INTO "{name}" VALUES ({marked})', list(row.values()))
        return at.original.dump()[name][0]
    finally:
        connection.execute("ROLLBACK TO here")
        connection.execute("RELEASE here")


def _matches(got: tuple[Any, ...], want: tuple[Any, ...]) -> bool:
    """`Withheld` may stand for what is made of something withheld; of what may not be read the key only."""
    return len(got) == len(want) and all(
        one is WITHHELD or one == (other.key if isinstance(other, _Unread) else other)
        for one, other in zip(got, want, strict=True)
    )


def _writable(at: Scene, write: Write, row: Row) -> bool:
    table = BY_NAME[write.table]
    if write.verb == "DELETE":
        return all(may(at.law, at.asked, at.world, table, row, "delete", c) for c in table.categories)
    if not _may_set(at, at.world, write, row):
        return False
    shown = by_key(at.allowed[table.name]).get(row["id"], {})
    for name in write.set_reads:  # what may not be read is not overwritten with what NULL makes of it
        column = table.column(name)
        assert column is not None
        if column.category != "identifier":
            if not may(at.law, at.asked, at.world, table, row, "read", column.category):
                return False
            if row["id"] not in by_key(at.allowed[table.name]):
                return False
    return bool(shown) or write.idle


def _may_set(at: Scene, world: World, write: Write, row: Row) -> bool:
    table = BY_NAME[write.table]
    operations = ("update", "correct") if at.asked.actor.kind == "subject" else ("update",)
    categories = {c.category for c in table.columns if c.name in write.sets and c.category != "identifier"}
    return all(any(may(at.law, at.asked, world, table, row, o, c) for o in operations) for c in categories)


def _inserted(at: Scene, write: Write, args: list[object]) -> _Effect | str | None:
    table = BY_NAME[write.table]
    if table.with_role("keep_ended") and "keep_ended" not in write.columns:
        return None  # what the database puts there the guard does not know
    expected = {name: [dict(row) for row in rows] for name, rows in at.world.rows.items()}
    cells_of, keys = write.cells, list[Any]()
    if write.select:
        selected = at.original.run(write.select, args[: marks(write.select)])
        if not selected.gave:
            return None
        cells_of = [list(row) for row in selected.rows]
    for cells in cells_of:
        given = dict(zip(write.columns, cells, strict=True))
        filled = {"tenant": at.asked.actor.tenant, "recorded": NOW, "collected_under": 1}
        row = {c.name: given.get(c.name, filled.get(c.name)) for c in table.columns}
        if not isinstance(row["id"], str) or (
            any(row[name] != filled[name] for name in ("tenant", "collected_under"))
            or row["recorded"] is None
        ):
            return None  # refused, and says so
        if row.get("keep_ended") is not None or row["id"] in by_key(expected[table.name]):
            return None
        above = by_key(expected["image"]).get(row["image"]) if table.via is not None else None
        if above is not None and above["tenant"] != row["tenant"]:
            return "denied"  # a row of another tenant is none to hang on
        row = _stored(at, table.name, row)
        world = structs.replace(at.world, rows={**expected, table.name: [*expected[table.name], row]})
        of = [c.category for c in table.columns if c.category != "identifier" and row[c.name] is not None]
        for category in dict.fromkeys(of or table.categories):
            if not may(at.law, at.asked, world, table, row, "create", category):
                return "denied"
        expected[table.name].append(row)
        keys.append(row["id"])
    return _Effect(expected, keys)
