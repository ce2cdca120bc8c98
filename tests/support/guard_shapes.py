"""More shapes of random SELECTs: windows, WITH in every place, every JOIN, row values, JSON, dates.

Answers do not depend on the order of rows here either: a window that could tell two rows of one rank apart is
ordered by the keys of all tables, and what is summed up is whole.
"""

from __future__ import annotations

from tests.support.guard_sql import COLUMNS, SEALED, Scope, Writer
from tests.support.guard_world import TABLES

__all__ = ["Shapes"]

_OF_JSON = ("key", "value", "type", "atom")
_PATHS = ("0", "1", "'$[0]'", "7")
_ESCAPES = ("'a'", "'%'", "'^'")
_COMMENTS = ("-- x\n", "/* x */", "")
_IDS = ("id", '"ID"')
_DATES = ("2024-02-29", "2460000.5", "0", "12:30")


class Shapes(Writer):
    """A `Writer` that knows the other shapes, too."""

    # expressions

    def expr(self, scope: Scope, depth: int = 2) -> str:
        if depth <= 0 or self.chance(0.7):
            return super().expr(scope, depth)
        less = depth - 1
        match self.rng.randrange(9):
            case 0:
                items = ", ".join(f"quote({self.expr(scope, 0)})" for _ in range(2))
                return f"json_array({items}) {self.one('->', '->>')} {self.one(*_PATHS)}"
            case 1:
                return f"json_extract(json_object('a', quote({self.expr(scope, 0)})), '$.a')"
            case 2:
                date = self.one("date", "time", "datetime", "unixepoch")
                return f"{date}({self.one(*map(repr, _DATES), self.expr(scope, 0))}, '+1 day')"
            case 3:
                return f"strftime('%Y-%m', {self.expr(scope, less)})"
            case 4:
                call = self.one("floor", "ceil", "trunc", "sign", "unicode", "hex", "quote", "typeof")
                return f"{call}({self.expr(scope, less)})"
            case 5:
                return (
                    f"CAST({self.expr(scope, less)} AS {self.one('VARCHAR(255)', 'DECIMAL(10, 2)', 'BOOL')})"
                )
            case 6:
                return f"printf('%s-%s', {self.expr(scope, less)}, {self.value()})"
            case 7 if depth > 1:
                inner = f"json_each(json_array(quote({self.qualified(scope)}), 1)) AS e"
                return f"(SELECT count(*) FROM {inner} WHERE e.value = {self.qualified(scope)})"
            case _:
                return self.one("0x1F", "1e2", ".5", "'it''s' /* a comment */", "x'0041'")

    def condition(self, scope: Scope, depth: int = 2) -> str:
        if self.chance(0.7):
            return super().condition(scope, depth)
        left, right = self.expr(scope, 0), self.expr(scope, 0)
        match self.rng.randrange(9):
            case 0:
                return f"{left} IS {self.one('', 'NOT ')}DISTINCT FROM {right}"
            case 1:
                op = self.one("=", "<>", "<", ">=", "IS", "IS NOT")
                return f"({left}, {right}) {op} ({self.expr(scope, 0)}, {self.value()})"
            case 2:
                rows = f"VALUES ({self.value()}, {self.value()}), ({self.value()}, {self.value()})"
                return f"({left}, {right}) {self.one('', 'NOT ')}IN ({rows})"
            case 3:
                table, alias = self.rng.choice(TABLES).name, self.fresh()
                one, other = self.rng.choices(COLUMNS[table], k=2)
                listed = f"gp_probe({alias}.{one})" if self.probe else f"{alias}.{one}"
                inner = f"SELECT {listed}, {alias}.{other} FROM {table} AS {alias}"
                if self.chance(0.5):
                    return f"({left}, {right}) {self.one('', 'NOT ')}IN ({inner})"
                return f"({left}, {right}) = ({inner} ORDER BY 1, 2 LIMIT 1)"
            case 4:
                return f"({left}, {right}) BETWEEN ({self.value()}, 1) AND ({self.value()}, 2)"
            case 5:
                return f"{left} {self.one('', 'NOT ')}LIKE {self.value()} ESCAPE {self.one(*_ESCAPES)}"
            case 6:
                test = self.one("ISNULL", "NOTNULL", "NOT NULL", "GLOB '*a*'")
                return f"{left} {test} {self.one(*_COMMENTS)}"
            case 7:
                left, right = self.qualified(scope), self.qualified(scope)
                inner = f"json_each(json_array(quote({left}), quote({right}))) AS e"
                return f"EXISTS (SELECT 1 FROM {inner} WHERE e.value <> {self.value()})"
            case _:
                sealed = self.sealed(scope)
                return (
                    f"{sealed} IS {self.one('', 'NOT ')}NULL" if sealed else super().condition(scope, depth)
                )

    def sealed(self, scope: Scope) -> str | None:
        """A sealed column in scope."""
        found = [
            f"{alias}.{column}"
            for alias, columns in scope
            for table, column in SEALED.items()
            if columns == COLUMNS[table]
        ]
        return self.rng.choice(found) if found else None

    def qualified(self, scope: Scope) -> str:
        """A column with its table: among the arguments of json_each a bare name may be one of its own."""
        alias, columns = self.rng.choice([each for each in scope if each[0]] or [("", ())])
        name = f"{alias}.{self.rng.choice(columns)}" if alias else self.value()
        return f"gp_probe({name})" if self.probe and self.chance(0.6) else name

    def column(self, scope: Scope) -> str:
        shared = [columns for alias, columns in scope if not alias]
        if shared and self.chance(0.3):
            return self.rng.choice(shared[0])
        return super().column([each for each in scope if each[0]] or scope)

    # FROM

    def sources(self, depth: int) -> tuple[str, Scope, list[str]]:
        kind = self.rng.random()
        if kind < 0.6:
            return super().sources(depth)
        if kind < 0.75:
            return self.joined_by_name()
        sql, scope, hidden = super().sources(depth)
        if kind < 0.9:
            inner, more, sealed = super().sources(0)
            if len(more) > 1:
                join = self.one("JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN")
                taken = {alias for alias, _ in scope}
                if all(alias not in taken for alias, _ in more):
                    scope = [*scope, *more]
                    return f"{sql} {join} ({inner}) ON {self.condition(scope, 1)}", scope, hidden + sealed
        elif "RIGHT" not in sql and "FULL" not in sql:
            alias = self.fresh()
            document = f"json_array(quote({self.qualified(scope)}), 1)"
            call = f"{self.one('json_each', 'json_tree')}({document}) AS {alias}"
            on = self.one(",", "JOIN", "LEFT JOIN")
            scope = [*scope, (alias, _OF_JSON)]
            sql += f", {call}" if on == "," else f" {on} {call} ON {self.condition(scope, 1)}"
        return sql, scope, hidden

    def joined_by_name(self) -> tuple[str, Scope, list[str]]:
        """Tables joined by USING or NATURAL: all of them have `id`."""
        tables = self.rng.sample([table.name for table in TABLES], self.rng.randint(2, 3))
        sql, scope, hidden = "", Scope(), list[str]()
        for table in tables:
            alias = self.fresh()
            join = self.one("JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN")
            if sql and self.chance(0.5):
                sql += f" NATURAL {join} {table} AS {alias}"
            elif sql:
                sql += f" {join} {table} AS {alias} USING ({self.one(*_IDS)})"
            else:
                sql = f"{table} AS {alias}"
            scope.append((alias, COLUMNS[table]))
            hidden += [f"{alias}.{SEALED[table]}"] if table in SEALED else []
        return sql, [*scope, ("", ("id",))], hidden

    # select lists

    def core(
        self, depth: int, *, width: int | None = None, shows: bool = False
    ) -> tuple[str, tuple[str, ...]]:
        if self.chance(0.75):
            return super().core(depth, width=width, shows=shows)
        sql, scope, _ = self.sources(depth)
        width = width or self.rng.randint(1, 3)
        where = f" WHERE {self.condition(scope, 1)}" if self.chance(0.5) else ""
        named = ""
        if self.chance(0.3):
            named = f" WINDOW w AS ({self.partition(scope)} ORDER BY {self.column(scope)})"
        columns = tuple(f"c{i}" for i in range(width))
        items = [self.windowed(scope, bool(named)) for _ in columns]
        listed = ", ".join(f"{item} AS {name}" for item, name in zip(items, columns, strict=True))
        return f"SELECT {listed} FROM {sql}{where}{named}", columns

    def partition(self, scope: Scope) -> str:
        return f"PARTITION BY {self.column(scope)}" if self.chance(0.5) else ""

    def windowed(self, scope: Scope, named: bool) -> str:
        """A function over a window; its value does not depend on the order of rows of one rank."""
        if self.chance(0.3):
            return self.expr(scope, 1)
        tables = [(alias, columns) for alias, columns in scope if alias]
        keys = ", ".join(f"{alias}.id" for alias, columns in tables if "id" in columns)
        unique = all(columns in COLUMNS.values() for _, columns in tables)
        column = self.column(scope)
        if unique and self.chance(0.5):
            call = self.one(
                "row_number()", f"lag({column})", f"lead({column}, 2, 'x')", f"first_value({column})",
                f"last_value({column})", f"nth_value({column}, 2)", "ntile(3)", f"group_concat({column})",
            )  # fmt: skip
            frame = self.one(
                "",
                "ROWS 1 PRECEDING",
                "ROWS BETWEEN 1 PRECEDING AND 1 FOLLOWING EXCLUDE CURRENT ROW",
                "ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING",
                "GROUPS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING",
            )
            order = f"ORDER BY {self.column(scope)} DESC, {keys}"
            return f"{call} OVER ({self.partition(scope)} {order} {frame})"
        call = self.one(
            "rank()", "dense_rank()", "CAST(100 * percent_rank()", "CAST(100 * cume_dist()", "count(*)",
            f"max({column})", f"min({column})", f"count({column}) FILTER (WHERE {self.condition(scope, 0)})",
        )  # fmt: skip
        over = f"({self.partition(scope)} ORDER BY {self.column(scope)} {self.one('', 'DESC', 'NULLS LAST')})"
        if named and self.chance(0.5):
            over = self.one("w", "W", "(w)")
        return f"{call} OVER {over}" + (" AS INTEGER)" if call.startswith("CAST") else "")

    # WITH

    def front(self) -> str:
        if self.chance(0.5):
            return ""
        tables = [self.shadowing()] if self.chance(0.15) else []
        for _ in range(self.rng.randint(1, 2)):
            match self.rng.randrange(4):
                case 0:
                    tables.append(self.recursive())
                case 1:
                    inner, columns = self.core(0)
                    name, nested = self.fresh(), self.fresh()
                    chosen = ", ".join(columns)
                    tables.append(f"{name} AS (WITH {nested} AS ({inner}) SELECT {chosen} FROM {nested})")
                    self.ctes.append((name, columns))
                case _:
                    sql, columns = self.core(1)
                    name = self.fresh()
                    hint = self.one("", "MATERIALIZED ", "NOT MATERIALIZED ")
                    tables.append(f"{name} AS {hint}({sql})")
                    self.ctes.append((name, columns))
        return f"WITH {self.one('', 'RECURSIVE ')}{', '.join(tables)} "

    def shadowing(self) -> str:
        """A table that takes the name of a governed one, for all that follows."""
        alias = self.fresh()
        values = ", ".join(f"{alias}.{self.one(*COLUMNS['image'])} AS {name}" for name in COLUMNS["account"])
        where = f"{alias}.credits IS NOT {self.value()}"
        return f"{self.one('account', 'Account')} AS (SELECT {values} FROM image AS {alias} WHERE {where})"

    def recursive(self) -> str:
        """A table that reads itself, and ends."""
        name, step = self.fresh(), self.fresh()
        self.ctes.append((name, ("c0", "c1")))
        if self.chance(0.3):
            first = f"SELECT 1, {self.value()} UNION ALL SELECT c0 + 1, c1 FROM {name} WHERE c0 < 3"
            return f"{name}(c0, c1) AS ({first})"
        table = self.rng.choice(TABLES).name
        scope = [(step, COLUMNS[table])]
        start = (
            f"SELECT {step}.id, {self.column(scope)} FROM {table} AS {step} WHERE {self.condition(scope, 1)}"
        )
        both = [*scope, (name, ("c0", "c1"))]
        joined = f"{table} AS {step} JOIN {name} ON {self.condition(both, 0)}"
        return (
            f"{name}(c0, c1) AS ({start} UNION SELECT {step}.id, {self.column(both)} FROM {joined}"
            f" WHERE {self.condition(scope, 0)})"
        )
