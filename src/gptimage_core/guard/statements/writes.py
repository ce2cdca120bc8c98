"""The half of ring two that reads INSERT, UPDATE and DELETE."""

from __future__ import annotations

from gptimage_core.guard.statements import nodes as n
from gptimage_core.guard.statements.catalog import Entry
from gptimage_core.guard.statements.queries import Queries
from gptimage_core.guard.statements.shaped import Cell

__all__ = ["Writes"]


class Writes(Queries):
    """The statements that write. Queries are the other half's (`grammar`)."""

    def _target(self, *, columns_follow: bool = False) -> Entry:
        at = self.token.at
        name = self._table_name(columns_follow=columns_follow)
        entry = self.catalog.entry(name)
        if entry is None:
            raise self.refused(f"`{name}` is not a governed table", at)
        if self.is_word("AS") or self.token.kind == "name":
            raise self.refused("write the table without an alias here")
        self._no_index_hint()
        return entry

    def _insert(self) -> n.Insert:
        if self.is_word("OR"):
            raise self.refused("`INSERT OR …` is not governed yet; INSERT, and UPDATE where the key is taken")
        self.expect_word("INTO")
        entry = self._target(columns_follow=True)
        columns: list[str] = []
        if self.take_op("("):
            at = self.token.at
            for name in self._names("a column"):
                column = self._column(entry, name, at)
                if column in columns:
                    raise self.refused(f"the column `{name}` stands twice", at)
                columns.append(column)
            self.expect_op(")")
        rows = self._rows(entry, columns)
        if self.is_word("ON"):
            raise self.refused(
                "ON CONFLICT is not governed yet; UPDATE first, and INSERT where it matched no row"
            )
        return n.Insert(entry, columns, rows, self._returning(entry))

    def _column(self, entry: Entry, name: str, at: int) -> str:
        column = entry.find(name)
        if column is None:
            raise self.refused(f"`{entry.name}` has no column `{name}`", at)
        return column.name

    def _rows(self, entry: Entry, columns: list[str]) -> list[tuple[Cell, ...]]:
        if not columns and self.take_word("DEFAULT"):
            self.expect_word("VALUES")
            return [()]
        if self.is_word("SELECT") or self.is_word("WITH"):
            raise self.refused(
                "INSERT … SELECT is not governed yet; read the rows, then insert them with VALUES"
            )
        if not columns:
            columns.extend(column.name for column in entry.table.columns)
        self.expect_word("VALUES")
        rows: list[tuple[Cell, ...]] = []
        while True:
            at = self.token.at
            self.expect_op("(")
            cells = [self._cell()]
            while self.take_op(","):
                cells.append(self._cell())
            self.expect_op(")")
            if len(cells) != len(columns):
                raise self.refused(f"{len(columns)} columns are named and {len(cells)} values given", at)
            rows.append(tuple(cells))
            if not self.take_op(","):
                return rows

    def _cell(self) -> Cell:
        at = self.token.at
        value = self._unary()
        if isinstance(value, n.Parameter):
            return Cell(placeholder=value.index)
        if isinstance(value, n.Literal):
            return Cell(value=value.value)
        raise self.refused("an inserted value is a parameter or a literal; compute it in Python", at)

    def _update(self) -> n.Update:
        if self.is_word("OR"):
            raise self.refused("`UPDATE OR …` is not governed yet; leave the `OR …` out")
        entry = self._target()
        self.expect_word("SET")
        sets: list[tuple[str, n.Expr]] = []
        while True:
            at = self.token.at
            if self.is_op("("):
                raise self.refused("set the columns one by one: `a = ?, b = ?`")
            column = self._column(entry, self.name("a column"), at)
            if any(column == other for other, _ in sets):
                raise self.refused(f"the column `{column}` is set twice", at)
            self.expect_op("=")
            sets.append((column, self.expression()))
            if not self.take_op(","):
                break
        if self.is_word("FROM"):
            raise self.refused(
                "UPDATE … FROM is not governed yet; read the values, then set them as parameters"
            )
        where = self.expression() if self.take_word("WHERE") else None
        columns = [(entry.columns_by_name[name], value) for name, value in sets]
        return n.Update(entry, n.Source(entry.name, 0), columns, where, self._returning(entry))

    def _delete(self) -> n.Delete:
        self.expect_word("FROM")
        entry = self._target()
        where = self.expression() if self.take_word("WHERE") else None
        return n.Delete(entry, n.Source(entry.name, 0), where, self._returning(entry))

    def _returning(self, entry: Entry) -> str | None:
        """The name of the one output, the key; `None` without RETURNING."""
        if self.is_word("ORDER") or self.is_word("LIMIT"):
            raise self.refused("read the keys first, then write the rows with `IN (…)`")
        if not self.take_word("RETURNING"):
            return None
        at = self.token.at
        instead = f'write `RETURNING "{entry.key}"`, then read the row'
        if self.is_op("*"):
            raise self.refused(f"RETURNING gives the key only; {instead}", at)
        value = self.expression()
        if not isinstance(value, n.ColumnRef) or (
            value.qualifier and self.catalog.entry(value.qualifier) is not entry
        ):
            raise self.refused(f"RETURNING gives the key only; {instead}", at)
        if self._column(entry, value.name, at) != entry.key:
            raise self.refused(f"RETURNING gives the key only; {instead}", at)
        return self._alias("a column") or value.name
