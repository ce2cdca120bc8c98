"""The CTEs that stand for governed tables: permitted rows, permitted fields, and nothing else.

For each governed table of a statement: a CTE under a secret name that reads the base table through the
profile's predicate, and one under the table's own name, which is all that the statement can reach.
"""

from __future__ import annotations

from gptimage_core.guard.statements import tagged
from gptimage_core.guard.statements.catalog import Catalog, Entry
from gptimage_core.guard.statements.profile import ALWAYS, WITHHELD, Param, Profile, TableAccess, Template
from gptimage_core.guard.statements.render import MEMBER, quote
from gptimage_core.guard.statements.shaped import StaticDenial
from gptimage_core.policy.binding import Column

__all__ = ["Shadows", "subject_columns"]


def subject_columns(entry: Entry, catalog: Catalog) -> list[str]:
    """The columns of the table's CTE that name the row's people: its own, or `gp:s0`, … reached by a join."""
    if entry.subjects or entry.table.via is None:
        return list(entry.subjects)
    return [f"gp:s{i}" for i in range(len(_subjects(entry, catalog, quote(entry.name), 0)))]


def _subjects(entry: Entry, catalog: Catalog, row: str, depth: int) -> list[str]:
    """SQL for each of the people of `row`; by scalar subqueries in the select list where `via` leads on."""
    via = entry.table.via
    if entry.subjects or via is None or depth > 8:
        return [f"{row}.{quote(name)}" for name in entry.subjects]
    parent = catalog.entry(via.table)
    if parent is None:
        return []
    alias = quote(f"gp:p{depth}")
    inner = _subjects(parent, catalog, alias, depth + 1)
    same = f"{alias}.{quote(parent.key)} = {row}.{quote(via.column)}"
    joined = f"FROM main.{quote(parent.name)} AS {alias} WHERE {same}"
    return [f"(SELECT {sql} {joined})" for sql in inner]


class Shadows:
    """Writes the CTEs of one statement and numbers their parameters, `?1` first; each parameter once."""

    def __init__(self, profile: Profile, catalog: Catalog) -> None:
        self.profile = profile
        self.catalog = catalog
        self.params: dict[Param, int] = {}

    def number(self, param: Param) -> str:
        """The placeholder of a symbolic parameter."""
        return f"?{self.params.setdefault(param, len(self.params) + 1)}"

    def secret(self, entry: Entry, suffix: str = "") -> str:
        """The quoted name that nobody can guess; the profile's id in it keeps statement caches apart."""
        return f'"{self.profile.secret}_{self.profile.id}_{entry.number}{suffix}"'

    def access(self, entry: Entry) -> TableAccess:
        found = self.profile.tables.get(entry.name)
        if found is None:
            raise StaticDenial(entry.name, "read")
        return found

    def shadow(self, entry: Entry, needs: set[str], *, flagged: bool) -> str:
        """The two CTEs of a table that is read."""
        access = self.access(entry)
        if access.rows is None:
            raise StaticDenial(entry.name, "read")
        secret = self.secret(entry)
        body = self.select(entry, access, needs, (access.rows,), flagged=flagged)
        return f"{secret} AS ({body}), {quote(entry.name)} AS (SELECT * FROM {secret})"  # noqa: S608  # names are quoted, values bound

    def select(
        self, entry: Entry, access: TableAccess, needs: set[str], rows: tuple[Template, ...], *, flagged: bool
    ) -> str:
        """The SELECT over the base table: needed columns and the guard's own, where all of `rows` hold."""
        shown = dict.fromkeys((entry.key, *entry.subjects))
        columns = [
            self._column(entry, access, c) for c in entry.table.columns if c.name in needs or c.name in shown
        ]
        if not entry.subjects and entry.table.via is not None:
            reached = _subjects(entry, self.catalog, quote(entry.name), 0)
            columns += [f'{sql} AS "gp:s{i}"' for i, sql in enumerate(reached)]
        asked = [template for template in dict.fromkeys(rows) if template is not ALWAYS] or [ALWAYS]
        where = " AND ".join(f"({template.render(self.number)})" for template in asked)
        if f"{quote(entry.name)}." not in where:
            # Of a table of which no column is named SQLite asks the authorizer outside of the CTE: name one.
            key = f"{quote(entry.name)}.{quote(entry.key)}"
            where = f"{key} IS {key} AND {where}"
        if flagged:
            columns.append(f"(({where}) IS TRUE) AS {quote(MEMBER)}")
        return f"SELECT {', '.join(columns)} FROM main.{quote(entry.name)} WHERE {where}"  # noqa: S608  # names are quoted, values bound

    def _column(self, entry: Entry, access: TableAccess, column: Column) -> str:
        name = quote(column.name)
        full = f"{quote(entry.name)}.{name}"
        may = access.columns.get(column.name, WITHHELD)
        if may.read == "withheld":
            return f"NULL AS {name}"
        value = self._tagged(entry, column, full) if column.sealed else full
        if may.read == "bare" or may.when is None:
            return f"{value} AS {name}" if column.sealed else value
        # A scalar subquery keeps the column's affinity and declared type; CASE would lose both.
        return f"(SELECT {value} WHERE {may.when.render(self.number)}) AS {name}"

    def _tagged(self, entry: Entry, column: Column, value: str) -> str:
        row = quote(entry.name)
        people = _subjects(entry, self.catalog, row, 0)
        subject = f"coalesce({', '.join([*people, chr(39) * 2])})" if people else "''"
        via = entry.table.via
        link = f"coalesce({row}.{quote(via.column)}, '')" if via is not None else "''"
        key = f"{row}.{quote(entry.key)}"
        return tagged.write(self.profile.tag, entry.column_number(column.name), key, subject, link, value)
