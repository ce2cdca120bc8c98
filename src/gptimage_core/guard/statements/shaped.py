"""What shaping gives: the statements to run instead of the one asked for, and how to read what comes back."""

from __future__ import annotations

from typing import Literal, TypeAlias

from msgspec import Struct

from gptimage_core.errors import GuardError
from gptimage_core.guard.statements.profile import Param

__all__ = ["Assignment", "Cell", "Insertion", "Output", "Shaped", "StaticDenial", "Text", "Touch", "Verb"]

Verb: TypeAlias = Literal["SELECT", "INSERT", "UPDATE", "DELETE"]


class StaticDenial(GuardError):
    """The profile denies this outright, whatever the rows: record a denial and raise `AccessDenied`.

    `operation` is `read`, `create`, `update` or `delete`; `columns` are those that were asked for and denied
    (empty: the table as a whole).
    """

    def __init__(self, table: str, operation: str, columns: tuple[str, ...] = ()) -> None:
        self.table = table
        self.operation = operation
        self.columns = columns
        named = f"`{table}`" + (f" ({', '.join(f'`{c}`' for c in columns)})" if columns else "")
        super().__init__(f"the open access may not {operation} {named}, whatever the row")


class Text(Struct, frozen=True):
    """One statement. Its arguments: the values of `prefix_params` in order, then the user's own arguments at
    the positions `placeholders` (0-based), in order."""

    sql: str
    prefix_params: tuple[Param, ...]
    placeholders: tuple[int, ...]


class Output(Struct, frozen=True):
    """One column of the answer, hidden ones excluded.

    `table`, `column`: where it comes from unchanged, else `None` (a computed value).
    `withheld`: `always` (show `Withheld` whatever came back), `if_null` (show a NULL as `Withheld`) or `no`.
    `sealed`: every text in it starts with the profile's tag; open it with `tagged.split`.
    `key`: where the key of the row that it is of stands (an index from the row's start), -1 if nowhere.
    """

    name: str
    table: str | None
    column: str | None
    withheld: Literal["no", "if_null", "always"]
    sealed: bool
    key: int = -1


class Touch(Struct, frozen=True):
    """Where one governed table's key and subjects stand in a row of the answer (indexes from its start).

    A NULL key means that the outer join found no row.
    """

    table: str
    key: int
    subjects: tuple[int, ...]


class Cell(Struct, frozen=True):
    """One value of an INSERT: the user's argument number `placeholder`, the value number `output` of a row
    that the statement's own SELECT gave, else the literal `value`.

    `fill` marks a technical column that the statement did not name and the guard fills in.
    """

    placeholder: int | None = None
    value: str | int | float | bytes | None = None
    fill: bool = False
    output: int | None = None


class Insertion(Struct, frozen=True):
    """An INSERT, cell by cell. The shaped SQL binds every cell, row by row, in this order.

    So the guard decides each row, seals what is sealed, fills in what is technical, and binds the values.
    `one` is the same statement for one row, with the key in its RETURNING: for rows that a SELECT gives
    (`each`: the one row of cells is for each of them) and for what may collide (`ignore`, ON CONFLICT).
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    each: bool = False
    ignore: bool = False
    one: str = ""


class Assignment(Struct, frozen=True):
    """One SET of an UPDATE. `placeholder` is the user's argument where the value is one argument and no more
    (always so for a sealed column, whose argument the guard replaces)."""

    column: str
    placeholder: int | None
    sealed: bool


class Shaped(Struct, frozen=True):
    """What to run for one statement under one profile. Arguments as in `Text`; for INSERT see `Insertion`.

    `tables`: the governed tables it names. `target`: the table that INSERT, UPDATE, DELETE write.
    `hidden`: so many columns at the end of each row are not the user's; `touches` says what they are.
    `touch`: a second statement for the same transaction (UPDATE and DELETE: run it **before** them): rows of
    (table number in the catalog, key, subject, subject, …), NULL where a table has fewer subjects.
    `row`: for an UPDATE that sets a sealed column: the same statement for one row, whose key is one more
    argument at the end (a sealed value belongs to its row; run it per key that `touch` gave).
    `returning`: the answer has one column, the key.
    """

    verb: Verb
    text: Text
    tables: tuple[str, ...]
    outputs: tuple[Output, ...] = ()
    hidden: int = 0
    touches: tuple[Touch, ...] = ()
    touch: Text | None = None
    target: str | None = None
    returning: bool = False
    assignments: tuple[Assignment, ...] = ()
    insertion: Insertion | None = None
    row: Text | None = None
