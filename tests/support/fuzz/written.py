"""The theorem for statements that write, and what holds of every one of them whatever it says.

Every write, accepted or not: the tables it does not name stay as they are; a row that is gone was one whose
every category might be deleted; a changed field one that might be updated, of a row that might; a new row one
whose every value might be created; and in a database with other hidden values the same rows change alike.
"""

from __future__ import annotations

from typing import Any

from tests.support.fuzz.checks import Difference, Scene, fitted
from tests.support.fuzz.effects import BOUND_TO_ROW, by_key, changed, check_effect
from tests.support.fuzz.policy import TABLES
from tests.support.fuzz.rig import Outcome, Under
from tests.support.fuzz.world import Row, Rows, World, may
from tests.support.fuzz.writes import Write

__all__ = ["check_write"]


def check_write(at: Scene, write: Write) -> Outcome:
    """Check one statement; raises `Difference`. Both databases are as before afterwards."""
    args = fitted(write.sql, write.args)
    got, after = _tried(at.under, write.sql, args)
    told, other = _tried(at.other, write.sql, args)
    before = at.world.rows
    if at.ringed is not None:
        all_on, with_ring = _tried(at.ringed, write.sql, args)
        if (got.kind, got.said, _alike(got)) != (all_on.kind, all_on.said, _alike(all_on)) or changed(
            after, with_ring
        ):
            raise Difference(
                f"ring three makes it {all_on.kind} {all_on.said} {changed(before, with_ring)}"
                f" instead of {got.kind} {got.said} {changed(before, after)}"
            )
    if not got.gave:
        if after != before:
            raise Difference(f"{got.kind} {got.said}, and rows have changed: {changed(before, after)}")
    else:
        _permitted(at, before, after)
    if (got.kind, got.said) != (told.kind, told.said) or not _same_change(
        before, after, at.other_world.rows, other
    ):
        raise Difference(
            f"what is hidden changes what a write does: {got.kind} {got.said} {changed(before, after)}"
            f" and {told.kind} {told.said} {changed(at.other_world.rows, other)}"
        )
    # A write that sets a fact may make readable what was not: RETURNING shows the row as it is then.
    shows_more = "visibility" in write.sets or "excluded" in write.sql.lower()
    if _alike(got) != _alike(told) and not shows_more:
        raise Difference(f"what is hidden changes what a write returns: {got.rows} and {told.rows}")
    if write.exact and got.kind in ("rows", "denied"):
        check_effect(at, write, args, got, after)
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


def _alike(outcome: Outcome) -> list[str]:
    """The answer as far as it can be compared: `Withheld` equals nothing but itself."""
    return sorted(map(repr, outcome.rows))


def _same_change(before: Rows, after: Rows, other_before: Rows, other_after: Rows) -> bool:
    """Whether two databases changed alike: the same keys, and the same new values."""

    def steps(old: Rows, new: Rows) -> list[tuple[str, Any, str, Any]]:
        out: list[tuple[str, Any, str, Any]] = []
        for table in TABLES:
            was, now = by_key(old[table.name]), by_key(new[table.name])
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
        known = {t.name: by_key(rows[t.name]) for t in TABLES}
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
        old, new = by_key(before[table.name]), by_key(after[table.name])
        if len(new.keys() - {None}) != sum(row["id"] is not None for row in after[table.name]):
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
                if column.name in BOUND_TO_ROW:
                    raise Difference(f"{table.name} {key}: {column.name} has changed")
                if column.name == "keep_ended":
                    continue
                if not ask(table, old[key], updating, column.category):
                    raise Difference(f"{table.name} {key}: {column.name} was updated and might not be")
                kept = new[key]
                if "keep_ended" in kept and kept["keep_ended"] != old[key]["keep_ended"]:
                    kept = {
                        **kept,
                        "keep_ended": None,
                    }  # ending is asked by itself; the facts as of a kept row
                if column.fact is not None and not ask(table, kept, updating, column.category):
                    raise Difference(f"{table.name} {key}: became what it might not be by {column.name}")
