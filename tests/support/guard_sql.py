"""Random statements over the governed world, from a grammar of its own; answers do not depend on row order.

Seeded, so a failure names the seed that makes it again.
"""

from __future__ import annotations

import random
import re
from typing import NamedTuple, TypeAlias

from tests.support.guard_world import TABLES

__all__ = ["COLUMNS", "SEALED", "Scope", "Write", "Writer"]

COLUMNS = {table.name: tuple(c.name for c in table.columns if not c.sealed) for table in TABLES}
SEALED = {"image": "prompt", "reference": "what"}
_SETTABLE = {"image": ("note", "starred", "credits"), "account": ("name", "level"), "reference": ("size",)}
_IDENTIFIERS = frozenset(c.name for t in TABLES for c in t.columns if c.category == "identifier")
_LITERALS = (
    "NULL",
    "0",
    "1",
    "2",
    "3",
    "-1",
    "1.5",
    "'a'",
    "'ab'",
    "'B'",
    "''",
    "'u1'",
    "'i1'",
    "TRUE",
    "x'61'",
)
_GIVEN = (None, 0, 1, 2, "a", "ab", "u1", "u2", "i1", "i2", "%a%", "3")


Scope: TypeAlias = list[tuple[str, tuple[str, ...]]]
"""Aliases and their columns."""


class Write(NamedTuple):
    """An UPDATE or DELETE and its parts; `idle`: its WHERE reads of the table nothing but identifiers."""

    sql: str
    args: list[object]
    table: str
    where: tuple[str, list[object]]
    idle: bool
    assigned: tuple[str, list[object]] = ("", [])
    columns: list[str] = []  # noqa: RUF012  # never changed
    reads: list[str] = []  # noqa: RUF012  # never changed


class Writer:
    """Writes one statement; `probe` puts `gp_probe` around columns."""

    def __init__(self, rng: random.Random, *, probe: bool = False) -> None:
        self.rng = rng
        self.given: list[object] = []
        self.probe = probe
        self.names = 0
        self.reads: set[tuple[str, str]] = set()
        """Aliases and columns that were written so far."""
        self.ctes: Scope = []

    # small things

    def one(self, *choices: str) -> str:
        return self.rng.choice(choices)

    def chance(self, probability: float) -> bool:
        return self.rng.random() < probability

    def fresh(self) -> str:
        self.names += 1
        return f"t{self.names}"

    def value(self) -> str:
        if self.chance(0.5):
            self.given.append(self.rng.choice(_GIVEN))
            return f"\x01{len(self.given) - 1}\x01"
        return self.one(*_LITERALS)

    def column(self, scope: Scope) -> str:
        alias, columns = self.rng.choice(scope)
        name = self.rng.choice(columns)
        self.reads.add((alias, name))
        quoted = self.one(name, f'"{name}"', f"[{name}]", f"`{name}`", f'"{name.upper()}"')
        text = f"{alias}.{quoted}" if self.chance(0.9) or len(scope) > 1 else quoted
        return f"gp_probe({text})" if self.probe and self.chance(0.6) else text

    # expressions

    def expr(self, scope: Scope, depth: int = 2) -> str:
        if depth <= 0 or self.chance(0.3):
            return self.column(scope) if scope and self.chance(0.7) else self.value()
        less = depth - 1
        kind = self.rng.randrange(11)
        if kind == 0:
            op = self.one("+", "-", "*", "%", "&", "|")
            return f"({self.expr(scope, less)} {op} {self.expr(scope, less)})"
        if kind == 1:
            return f"{self.expr(scope, less)} || {self.expr(scope, less)}"
        if kind == 2:
            whens = f"WHEN {self.condition(scope, less)} THEN {self.expr(scope, less)}"
            return f"CASE {whens} ELSE {self.expr(scope, less)} END"
        if kind == 3:
            return f"CAST({self.expr(scope, less)} AS {self.one('TEXT', 'INTEGER', 'REAL')})"
        if kind == 4:
            return f"{self.one('lower', 'length', 'abs', 'upper', 'trim')}({self.expr(scope, less)})"
        if kind == 5:
            name = self.one("coalesce", "ifnull", "nullif", "min", "max")
            return f"{name}({self.expr(scope, less)}, {self.value()})"
        if kind == 6 and depth > 1:
            return f"({self.scalar(scope)})"
        if kind == 7:
            return f"- {self.expr(scope, less)}"
        if kind == 8:
            return f"replace({self.expr(scope, less)}, 'a', {self.expr(scope, less)})"
        return self.column(scope) if scope else self.value()

    def condition(self, scope: Scope, depth: int = 2) -> str:
        less = depth - 1
        kind = self.rng.randrange(13) if depth > 0 else self.rng.randrange(5)
        if kind in (7, 8):
            word = self.one("AND", "OR")
            return f"({self.condition(scope, less)} {word} {self.condition(scope, less)})"
        if kind == 9:
            return f"NOT ({self.condition(scope, less)})"
        if kind == 11:
            return f"{self.one('', 'NOT ')}EXISTS ({self.subquery(scope)})"
        left = self.expr(scope, min(less, 1))
        if kind <= 2:
            op = self.one("=", "<>", "<", ">=", "IS", "IS NOT", "==", "!=")
            return f"{left} {op} {self.expr(scope, min(less, 1))}"
        if kind == 3:
            return f"{left} IS {self.one('', 'NOT ')}NULL"
        if kind == 4:
            return f"{left} {self.one('', 'NOT ')}IN ({self.value()}, {self.value()})"
        if kind == 5:
            return f"{left} {self.one('', 'NOT ')}BETWEEN {self.value()} AND {self.value()}"
        if kind == 6:
            return f"{left} {self.one('', 'NOT ')}LIKE {self.value()}"
        if kind == 10:
            return f"{left} {self.one('', 'NOT ')}IN ({self.subquery(scope)})"
        return f"{left} = {self.expr(scope, 0)} COLLATE NOCASE"

    def subquery(self, outer: Scope) -> str:
        table, alias = self.rng.choice(TABLES).name, self.fresh()
        scope = [(alias, COLUMNS[table])]
        where = (
            f" WHERE {self.condition(scope + (outer if self.chance(0.5) else []), 1)}"
            if self.chance(0.8)
            else ""
        )
        return f"SELECT {alias}.{self.rng.choice(COLUMNS[table])} FROM {table} {alias}{where}"

    def scalar(self, outer: Scope) -> str:
        table, alias = self.rng.choice(TABLES).name, self.fresh()
        scope = [(alias, COLUMNS[table])]
        column = f"{alias}.{self.rng.choice(COLUMNS[table])}"
        where = f" WHERE {self.condition(scope + (outer if self.chance(0.5) else []), 1)}"
        if self.chance(0.5):
            return f"SELECT {self.one('count', 'max', 'min')}({column}) FROM {table} {alias}{where}"
        return f"SELECT {column} FROM {table} AS {alias}{where} ORDER BY 1 LIMIT 1"

    # SELECT

    def source(self, depth: int) -> tuple[str, str, tuple[str, ...], str | None]:
        """SQL, alias, columns, and the sealed column if the source is a table that has one."""
        if depth > 0 and self.chance(0.2):
            alias = self.fresh()
            sql, columns = self.core(depth - 1)
            return f"({sql}) AS {alias}", alias, columns, None
        if self.ctes and self.chance(0.3):
            name, columns = self.rng.choice(self.ctes)
            alias = self.fresh()
            return f"{name} {alias}", alias, columns, None
        table = self.rng.choice(TABLES).name
        written = self.one(table, f'"{table}"', table.upper(), f"[{table}]")
        if self.chance(0.3):
            return written, table, COLUMNS[table], SEALED.get(table)
        alias = self.fresh()
        return f"{written}{self.one(' ', ' AS ')}{alias}", alias, COLUMNS[table], SEALED.get(table)

    def sources(self, depth: int) -> tuple[str, Scope, list[str]]:
        sql, alias, columns, sealed = self.source(depth)
        scope = [(alias, columns)]
        hidden = [f"{alias}.{sealed}"] if sealed else []
        for _ in range(self.rng.choice((0, 0, 0, 1, 1, 2))):
            more, alias, columns, sealed = self.source(depth)
            if any(alias == other for other, _ in scope):
                continue
            scope.append((alias, columns))
            hidden += [f"{alias}.{sealed}"] if sealed else []
            join = self.one("JOIN", "LEFT JOIN", "INNER JOIN", ",", "CROSS JOIN", "RIGHT JOIN", "FULL JOIN")
            on = "" if join in (",", "CROSS JOIN") else f" ON {self.condition(scope, 1)}"
            sql += f"{join}  {more}" if join == "," else f" {join} {more}{on}"
        return sql, scope, hidden

    def core(
        self, depth: int, *, width: int | None = None, shows: bool = False
    ) -> tuple[str, tuple[str, ...]]:
        sql, scope, sealed = self.sources(depth)
        width = width or self.rng.randint(1, 3)
        where = f" WHERE {self.condition(scope, 2)}" if self.chance(0.7) else ""
        if self.probe and self.chance(0.5):  # what an index can answer is asked before the row is read
            alias, names = self.rng.choice(scope)
            tested = f"{alias}.{self.rng.choice(names)}"
            where += f"{' AND' if where else ' WHERE'} {tested} > '' AND gp_probe({tested}) IS NOT NULL"
        distinct, after = "", ""
        if self.chance(0.25):
            items, after = self.grouped(scope, width)
        else:
            distinct = "DISTINCT " if self.chance(0.15) else ""
            items = [self.expr(scope, 2) for _ in range(width)]
            if sealed and shows and not distinct and self.chance(0.4):
                items[0] = self.rng.choice(sealed)
        columns = tuple(f"c{i}" for i in range(width))
        named = ", ".join(f"{item} AS {name}" for item, name in zip(items, columns, strict=True))
        return f"SELECT {distinct}{named} FROM {sql}{where}{after}", columns

    def aggregate(self, scope: Scope) -> str:
        if self.chance(0.3):
            return "count(*)"
        name = self.one("count", "sum", "min", "max", "total", "count(DISTINCT", "sum(DISTINCT")
        inner = self.column(scope) if self.chance(0.7) else self.expr(scope, 1)
        text = f"{name} {inner})" if "(" in name else f"{name}({inner})"
        return f"{text} FILTER (WHERE {self.condition(scope, 1)})" if self.chance(0.2) else text

    def grouped(self, scope: Scope, width: int) -> tuple[list[str], str]:
        group = [self.column(scope) for _ in range(self.rng.randint(0, 2))]
        keys = [self.rng.choice(group) if group and self.chance(0.5) else "" for _ in range(width)]
        items = [key or self.aggregate(scope) for key in keys]
        if not group:
            return items, ""
        after = f" GROUP BY {', '.join(group)}"
        if self.chance(0.4):
            after += f" HAVING {self.aggregate(scope)} {self.one('>', '<', '=')} {self.value()}"
            if self.chance(0.5):
                after += f" AND {self.rng.choice(group)} IS NOT {self.value()}"
        return items, after

    def front(self) -> str:
        """A WITH, or nothing."""
        if not self.chance(0.2):
            return ""
        name = self.fresh()
        sql, columns = self.core(1)
        self.ctes.append((name, columns))
        return f"WITH {name} AS ({sql}) "

    def select(self) -> tuple[str, list[object], bool]:
        """SQL, arguments, and whether the order of the rows is part of the answer."""
        front = self.front()
        limited = self.chance(0.25)
        sql, columns = self.core(2, shows=not limited)
        if self.chance(0.15):
            for _ in range(self.rng.randint(1, 2)):
                arm, _ = self.core(1, width=len(columns))
                sql += f" {self.one('UNION', 'UNION ALL', 'EXCEPT', 'INTERSECT')} {arm}"
        if limited:
            order = ", ".join(f"{i + 1}{self.one('', ' DESC', ' NULLS LAST')}" for i in range(len(columns)))
            sql += f" ORDER BY {order} LIMIT {self.rng.randint(0, 5)}"
            sql += f" OFFSET {self.rng.randint(0, 3)}" if self.chance(0.3) else ""
        return (*self.numbered(front + sql), limited)

    def numbered(self, sql: str) -> tuple[str, list[object]]:
        """The text with `?`, and their values in the order of the text."""
        args: list[object] = []

        def mark(found: re.Match[str]) -> str:
            args.append(self.given[int(found[1])])
            return "?"

        return re.sub("\x01(\\d+)\x01", mark, sql), args

    # UPDATE, DELETE

    def where(self, table: str) -> tuple[str, bool]:
        """A condition over a written table (its subqueries stay with the others), and whether it reads of the
        table nothing but identifiers."""
        scope = [(table, COLUMNS[table])]
        if self.chance(0.3):
            scope = [(table, tuple(c for c in COLUMNS[table] if c in _IDENTIFIERS))]
        while True:
            self.reads.clear()
            condition = self.condition(scope, 1)
            if not re.search(rf"FROM {table}\b", condition):
                return condition, all(name in _IDENTIFIERS for alias, name in self.reads if alias == table)

    def update(self) -> Write:
        table = self.rng.choice(list(_SETTABLE))
        chosen = self.rng.sample(_SETTABLE[table], self.rng.randint(1, len(_SETTABLE[table])))
        values = [self.set_value(column) for column in chosen]
        where, idle = self.where(table)
        assigned = ", ".join(f"{column} = {value}" for column, value in zip(chosen, values, strict=True))
        sql, args = self.numbered(f"UPDATE {table} SET {assigned} WHERE {where} RETURNING id")
        reads = [column for column, value in zip(chosen, values, strict=True) if value.startswith(column)]
        return Write(sql, args, table, self.numbered(where), idle, self.numbered(assigned), chosen, reads)

    def set_value(self, column: str) -> str:
        if column in ("credits", "level", "size") and self.chance(0.5):
            return f"{column} + {self.value()}"
        return self.value()

    def delete(self) -> Write:
        table = self.rng.choice(list(_SETTABLE))
        where, idle = self.where(table)
        return Write(*self.numbered(f"DELETE FROM {table} WHERE {where}"), table, self.numbered(where), idle)
