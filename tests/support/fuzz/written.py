"""The theorem for statements that write, and what holds of every one of them whatever it says.

Every write, accepted or not: the tables it does not name stay as they are; a row that is gone was one whose
every category might be deleted; a changed field one that might be updated, of a row that might; a new row one
whose every value might be created; and in a database with other hidden values the same rows change alike.
"""

from __future__ import annotations

import sqlite3
from typing import Any

from msgspec import structs
from tests.support.fuzz.checks import Difference, Scene, fitted
from tests.support.fuzz.policy import NOW, TABLES
from tests.support.fuzz.rig import Original, Outcome, Under
from tests.support.fuzz.text import marks
from tests.support.fuzz.world import BY_NAME, Row, Rows, World, may
from tests.support.fuzz.writes import Write

__all__ = ["check_write"]

_BOUND_TO_ROW = ("id", "owner", "giver", "taker", "tenant", "recorded", "collected_under", "image")


def check_write(at: Scene, write: Write) -> Outcome:
    """Check one statement; raises `Difference`. Both databases are as before afterwards."""
    args = fitted(write.sql, write.args)
    got, after = _tried(at.under, write.sql, args)
    told, other = _tried(at.other, write.sql, args)
    before = at.world.rows
    if not got.gave:
        if after != before:
            raise Difference(f"{got.kind} {got.said}, and rows have changed: {_changed(before, after)}")
    else:
        _permitted(at, before, after)
    if (got.kind, got.said) != (told.kind, told.said) or not _same_change(
        before, after, at.other_world.rows, other
    ):
        raise Difference(
            f"what is hidden changes what a write does: {got.kind} {got.said} {_changed(before, after)}"
            f" and {told.kind} {told.said} {_changed(at.other_world.rows, other)}"
        )
    if write.exact and got.kind in ("rows", "denied"):
        _exact(at, write, args, got, after)
    return got


def _tried(under: Under, sql: str, args: list[object]) -> tuple[Outcome, Rows]:
    connection = under.home.connection
    connection.execute("BEGIN")
    try:
        outcome = under.run(sql, args)
        if not connection.in_transaction:
            raise Difference("the statement ended the transaction around it")
        if not outcome.gave:  # as the guard's transaction does
            connection.execute("ROLLBACK")
            connection.execute("BEGIN")
        return outcome, under.opened()
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")


def _by_key(rows: list[Row]) -> dict[Any, Row]:
    return {row["id"]: row for row in rows}


def _changed(before: Rows, after: Rows) -> list[str]:
    out = []
    for table in TABLES:
        old, new = _by_key(before[table.name]), _by_key(after[table.name])
        out += [f"{table.name} {key} gone" for key in old.keys() - new.keys()]
        out += [f"{table.name} {new[key]}" for key in new if new[key] != old.get(key)]
    return sorted(out)


def _same_change(before: Rows, after: Rows, other_before: Rows, other_after: Rows) -> bool:
    """Whether two databases changed alike: the same keys, and the same new values."""

    def steps(old: Rows, new: Rows) -> list[tuple[str, Any, str, Any]]:
        out: list[tuple[str, Any, str, Any]] = []
        for table in TABLES:
            was, now = _by_key(old[table.name]), _by_key(new[table.name])
            out += [(table.name, key, "", None) for key in was.keys() ^ now.keys()]
            for key in now:
                row = was.get(key, {})
                out += [(table.name, key, n, v) for n, v in now[key].items() if key not in was or row[n] != v]
        return out

    one, two = steps(before, after), steps(other_before, other_after)
    if sorted(map(repr, one)) == sorted(map(repr, two)):
        return True

    # A field whose hidden value was the new value already is no change in one of them.
    def settled(rows: Rows, asked: list[tuple[str, Any, str, Any]]) -> bool:
        known = {t.name: _by_key(rows[t.name]) for t in TABLES}
        return all(
            (key not in known[table]) if name == "" and value is None and key not in known[table]
            else name == "" or known[table].get(key, {}).get(name) == value
            for table, key, name, value in asked
        )  # fmt: skip

    return settled(other_after, one) and settled(after, two)


# What holds of every write


def _permitted(at: Scene, before: Rows, after: Rows) -> None:
    def ask(table: Any, row: Row, operations: tuple[str, ...], category: str) -> bool:
        world = World({**before, table.name: [*before[table.name], row]}, at.world.people)
        return any(may(at.law, at.asked, world, table, row, o, category) for o in operations)

    updating = ("update", "correct")
    for table in TABLES:
        old, new = _by_key(before[table.name]), _by_key(after[table.name])
        if len(new) != len(after[table.name]):
            raise Difference(f"two rows of {table.name} have one key")
        for key in old.keys() - new.keys():
            if not all(ask(table, old[key], ("delete",), c) for c in table.categories):
                raise Difference(f"{table.name} {key} was deleted and might not be: {old[key]}")
        for key in new.keys() - old.keys():
            row = new[key]
            given = [
                c.category for c in table.columns if c.category != "identifier" and row[c.name] is not None
            ]
            for category in dict.fromkeys(given or table.categories):
                if not ask(table, row, ("create",), category):
                    raise Difference(f"{table.name} {row} was created and {category} might not be")
        for key in old.keys() & new.keys():
            for column in table.columns:
                if old[key][column.name] == new[key][column.name]:
                    continue
                if column.name in _BOUND_TO_ROW:
                    raise Difference(f"{table.name} {key}: {column.name} has changed")
                if column.name == "keep_ended":
                    continue
                if not ask(table, old[key], updating, column.category):
                    raise Difference(f"{table.name} {key}: {column.name} was updated and might not be")
                if column.fact is not None and not ask(table, new[key], updating, column.category):
                    raise Difference(f"{table.name} {key}: became what it might not be by {column.name}")


# What it does


def _exact(at: Scene, write: Write, args: list[object], got: Outcome, after: Rows) -> None:
    if write.verb == "INSERT":
        expected = _inserted(at, write)
    else:
        expected = _written(at, write, args)
    if expected is None:
        return
    if expected == "denied":
        if got.kind != "denied" and _changed(at.world.rows, after):
            raise Difference(f"changed and should be denied: {_changed(at.world.rows, after)}")
        return
    assert isinstance(expected, dict)
    if got.kind == "denied":  # whatever the rows: then there is none that might be written
        if _changed(at.world.rows, expected):
            raise Difference(f"denied, and should change {_changed(at.world.rows, expected)}")
        return
    if _changed(expected, after):
        raise Difference(
            f"changed {_changed(at.world.rows, after)} instead of {_changed(at.world.rows, expected)}"
        )


def _written(at: Scene, write: Write, args: list[object]) -> Rows | str | None:
    """What UPDATE or DELETE makes of the restriction, where the row may be written."""
    table = BY_NAME[write.table]
    rows = {name: [dict(row) for row in rows] for name, rows in at.allowed.items()}
    if write.idle:  # of what nobody may read it reads nothing: the keys of all rows are known to it
        shown = _by_key(rows[table.name])
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
    new = _by_key(original.dump()[table.name])
    expected = {name: [dict(row) for row in rows] for name, rows in at.world.rows.items()}
    out: list[Row] = []
    fresh: list[Row] = []
    for row in expected[table.name]:
        if row["id"] not in matched or not _writable(at, write, row):
            out.append(row)
        elif write.verb == "UPDATE":
            made = {**row, **{name: new[row["id"]][name] for name in write.sets if name not in _BOUND_TO_ROW}}
            if any(new[row["id"]][n] != row[n] for n in write.sets if n in _BOUND_TO_ROW):
                made = row
            else:
                fresh.append(made)
            out.append(made)
    expected[table.name] = out
    if "visibility" in write.sets:
        world = structs.replace(at.world, rows=expected)
        if not all(_may_set(at, world, write, row) for row in fresh):
            return "denied"
    return expected


def _writable(at: Scene, write: Write, row: Row) -> bool:
    table = BY_NAME[write.table]
    if write.verb == "DELETE":
        return all(may(at.law, at.asked, at.world, table, row, "delete", c) for c in table.categories)
    if not _may_set(at, at.world, write, row):
        return False
    shown = _by_key(at.allowed[table.name]).get(row["id"], {})
    for name in write.set_reads:  # what may not be read is not overwritten with what NULL makes of it
        column = table.column(name)
        assert column is not None
        if column.category != "identifier":
            if not may(at.law, at.asked, at.world, table, row, "read", column.category):
                return False
            if row["id"] not in _by_key(at.allowed[table.name]):
                return False
    return bool(shown) or write.idle


def _may_set(at: Scene, world: World, write: Write, row: Row) -> bool:
    table = BY_NAME[write.table]
    operations = ("update", "correct") if at.asked.actor.kind == "subject" else ("update",)
    categories = {c.category for c in table.columns if c.name in write.sets and c.category != "identifier"}
    return all(any(may(at.law, at.asked, world, table, row, o, c) for o in operations) for c in categories)


def _inserted(at: Scene, write: Write) -> Rows | str | None:
    table = BY_NAME[write.table]
    if table.with_role("keep_ended") and "keep_ended" not in write.columns:
        return None  # what the database puts there the guard does not know
    expected = {name: [dict(row) for row in rows] for name, rows in at.world.rows.items()}
    for cells in write.cells:
        given = dict(zip(write.columns, cells, strict=True))
        filled = {"tenant": at.asked.actor.tenant, "recorded": NOW, "collected_under": 1}
        row = {c.name: given.get(c.name, filled.get(c.name)) for c in table.columns}
        if (
            any(row[name] != filled[name] for name in ("tenant", "collected_under"))
            or row["recorded"] is None
        ):
            return None  # refused, and says so
        if row.get("keep_ended") is not None or row["id"] in _by_key(expected[table.name]):
            return None
        above = _by_key(expected["image"]).get(row["image"]) if table.via is not None else None
        if above is not None and above["tenant"] != row["tenant"]:
            return "denied"  # a row of another tenant is none to hang on
        world = structs.replace(at.world, rows={**expected, table.name: [*expected[table.name], row]})
        of = [c.category for c in table.columns if c.category != "identifier" and row[c.name] is not None]
        for category in dict.fromkeys(of or table.categories):
            if not may(at.law, at.asked, world, table, row, "create", category):
                return "denied"
        expected[table.name].append(row)
    return expected
