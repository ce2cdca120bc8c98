"""SELECT and what stands in it, from SQLite's syntax diagrams (https://www.sqlite.org/lang_select.html)."""

from __future__ import annotations

import random

from msgspec import Struct
from tests.support.fuzz.terms import GOVERNED, Column, Scope, Source, Terms

__all__ = ["Reads", "Written", "select"]

_UNGOVERNED = (
    "plain", "every_image", "gp_subject_state", "gp_access_record", "gp_meta", "sqlite_master",
    "sqlite_schema",
    "sqlite_temp_master", "main.image", '"main"."account"', "temp.image", "nothing",
    "pragma_table_info('image')",
    "json_each('[1, 2]')", "pragma_database_list", "generate_series(1, 3)", "sqlite_stat1", "dbstat",
    "image_content",
)  # fmt: skip
_LOOSE_AGGREGATES = ("group_concat({0})", "group_concat({0}, ';')", "json_group_array({0})")
_LIMITS = ("", " LIMIT 0", " LIMIT 1", " LIMIT 3", " LIMIT 4 OFFSET 1", " LIMIT 1, 3", " LIMIT -1 OFFSET 2")
_JOINS = (
    *("JOIN", "JOIN", "INNER JOIN", "LEFT JOIN", "LEFT JOIN", "LEFT OUTER JOIN"),
    *(",", "CROSS JOIN", "RIGHT JOIN", "FULL OUTER JOIN"),
)
_OVER_ALL = (
    *("row_number()", "lag({0})", "lead({0}, 1, 0)", "first_value({0})", "last_value({0})", "ntile(2)"),
    *("sum({1})", "count(*)", "nth_value({0}, 2)"),
)
_OVER_SOME = (
    *("rank()", "dense_rank()", "percent_rank()", "cume_dist()", "min({0})", "max({0})", "total({1})"),
    *("count({0})", "count(*) FILTER (WHERE {2})"),
)
_FRAMES = (
    *("", "", " ROWS BETWEEN 1 PRECEDING AND CURRENT ROW", " GROUPS 1 PRECEDING"),
    " ROWS UNBOUNDED PRECEDING EXCLUDE CURRENT ROW",
)
_SETS = ("UNION", "UNION ALL", "EXCEPT", "INTERSECT")


class Written(Struct):
    """A statement. `ordered`: the order of its rows is part of its answer; `loose`: its answer is SQLite's to
    choose in part; `odd`: it may name what must be refused."""

    sql: str
    args: list[object]
    ordered: bool = False
    loose: bool = False
    odd: bool = False


class Reads(Terms):
    """Queries."""

    def __init__(self, rng: random.Random, *, odd: bool = False) -> None:
        super().__init__(rng, odd=odd)
        self.ctes: Scope = []
        self.unnamed = False
        """Whether the outputs that are written next go without names of their own."""

    # FROM

    def source(self, depth: int, before: Scope) -> tuple[str, Source]:
        if self.oddly(0.12):
            return self.one(*_UNGOVERNED), Source("plain", (Column("id", "key"), Column("note", "text")))
        if self.ctes and self.chance(0.4):
            cte = self.rng.choice(self.ctes)
            alias = self.fresh()
            return f"{self.word(cte.alias)} {self.one('', 'AS ')}{self.word(alias)}", Source(
                alias, cte.columns
            )
        if depth > 0 and self.chance(0.2):
            sql, columns = self.core(depth - 1, [], width=self.rng.randint(1, 3))
            alias = self.fresh()
            return f"({sql}) {self.one('', 'AS ')}{self.word(alias)}", Source(alias, columns)
        if self.chance(0.03):
            rows = ", ".join(f"({self.value()}, {self.value()})" for _ in range(self.rng.randint(1, 3)))
            alias = self.fresh()
            columns = (Column("column1", "text"), Column("column2", "text"))
            return f"(VALUES {rows}) AS {self.word(alias)}", Source(alias, columns)
        if before and self.chance(0.04):
            return self._each(before)
        name = self.rng.choice(("image", "image", "image", "account", "reference", "reference", "plan"))
        if self.chance(0.3) and all(source.alias != name for source in before):
            return self.word(name), Source(name, GOVERNED[name], name)
        alias = self.fresh()
        hint = f" {self.one('NOT INDEXED', 'INDEXED BY image_note')}" if self.oddly(0.05) else ""
        return f"{self.word(name)} {self.one('', 'AS ')}{self.word(alias)}{hint}", Source(
            alias, GOVERNED[name], name
        )

    def _each(self, before: Scope) -> tuple[str, Source]:
        argument = self.column(before, "json")
        if argument.startswith("\x01"):
            argument = "'[1, 2]'"
        alias = self.fresh()
        columns = (Column("key", "text"), Column("value", "text"), Column("type", "text"))
        return f"{self.one('json_each', 'json_each', 'json_tree')}({argument}) AS {self.word(alias)}", Source(
            alias, columns
        )

    def sources(self, depth: int) -> tuple[str, Scope]:
        sql, first = self.source(depth, [])
        scope = [first]
        for _ in range(self.rng.choice((0, 0, 0, 0, 1, 1, 1, 2))):
            more, source = self.source(depth, scope)
            if any(source.alias.lower() == other.alias.lower() for other in scope):
                continue
            before, scope = scope, [*scope, source]
            sql += self._joined(more, source, before, scope)
            if self.chance(0.06):
                sql = f"({sql})"
        return sql, scope

    def _joined(self, more: str, source: Source, before: Scope, scope: Scope) -> str:
        if more.startswith("json_"):
            return f"{self.one(',', ' JOIN', ' CROSS JOIN')} {more}"
        join = self.one(*_JOINS)
        if join == ",":
            return f", {more}"
        shared = [
            c.name
            for c in source.columns
            if not c.sealed and sum(o.name == c.name for s in before for o in s.columns) == 1
        ]
        if shared and self.chance(0.12):
            if self.chance(0.25):
                return f" NATURAL {join} {more}"
            return f" {join} {more} USING ({', '.join(self.word(n) for n in self.rng.sample(shared, 1))})"
        if join == "CROSS JOIN" or (join == "JOIN" and self.chance(0.2)):
            return f" {join} {more}"
        return f" {join} {more} ON {self._on(source, before, scope)}"

    def _on(self, source: Source, before: Scope, scope: Scope) -> str:
        if {source.table, before[0].table} == {"image", "reference"} and self.chance(0.7):
            image, other = (source, before[0]) if source.table == "image" else (before[0], source)
            return f"{self.word(image.alias)}.id = {self.word(other.alias)}.{self.word('image')}"
        return self.condition(scope, 1)

    # SELECT

    def core(self, depth: int, outer: Scope, width: int) -> tuple[str, tuple[Column, ...]]:
        """One SELECT of so many outputs, and their names."""
        unnamed, self.unnamed = self.unnamed, False
        if self.chance(0.02):
            items = [self.expr(outer, 1) for _ in range(width)]
            return f"SELECT {self._items(items, unnamed)}", _columns(width)
        sql, scope = self.sources(depth)
        seen = [*scope, *outer] if self.chance(0.5) else scope
        where = f" WHERE {self.condition(seen, 2)}" if self.chance(0.5) else ""
        if self.chance(0.25):
            items, after = self._grouped(scope, seen, width, named=not unnamed)
            return f"SELECT {self._items(items, unnamed)} FROM {sql}{where}{after}", _columns(width)
        distinct = self.one("DISTINCT ", "ALL ", "DISTINCT ") if self.chance(0.15) else ""
        after = ""
        items = [self.expr(seen, 2) for _ in range(width)]
        if self.chance(0.12):
            place, after = self.rng.randrange(width), ""
            items[place], after = self._window(scope)
        return f"SELECT {distinct}{self._items(items, unnamed)} FROM {sql}{where}{after}", _columns(width)

    def _items(self, items: list[str], unnamed: bool) -> str:
        if unnamed:
            return ", ".join(items)
        return ", ".join(f"{item} {self.one('', 'AS ', 'AS ')}c{i}" for i, item in enumerate(items))

    def aggregate(self, scope: Scope, seen: Scope) -> str:
        if self.chance(0.25):
            text = self.one("count(*)", "count()", "COUNT ( * )")
        elif self.chance(0.05):
            self.loose = True
            text = self.one(*_LOOSE_AGGREGATES).format(self.column(scope))
        else:
            name = self.one("count", "sum", "min", "max", "total", "avg", "count", "min")
            distinct = "DISTINCT " if self.chance(0.25) else ""
            kinds = "int real" if name in ("sum", "total", "avg") and self.chance(0.8) else ""
            inner = self.column(scope, kinds) if self.chance(0.7) else self.expr(scope, 1)
            text = f"{name}({distinct}{inner})"
        if self.chance(0.15):
            text += f" FILTER (WHERE {self.condition(scope, 1)})"
        return text

    def _grouped(self, scope: Scope, seen: Scope, width: int, *, named: bool) -> tuple[list[str], str]:
        group = [
            self.column(scope) if self.chance(0.8) else self.expr(scope, 1)
            for _ in range(self.rng.randint(0, 2))
        ]
        items = []
        for _ in range(width):
            key = self.rng.choice(group) if group and self.chance(0.5) else ""
            if self.chance(0.03):
                self.loose, key = True, self.column(scope)
            items.append(key or self._over_aggregate(scope, seen))
        if not group:
            return items, f" HAVING {self.aggregate(scope, seen)} > 0" if self.chance(0.1) else ""
        told = [c.name for source in seen for c in source.columns]  # a column is meant before an output
        places = [
            str(i + 1) if self.chance(0.5) or f"c{i}" in told else f"c{i}"
            for i, item in enumerate(items)
            if item in group
        ]
        if places and named and self.chance(0.25):
            group = [items[i] for i, item in enumerate(items) if item in group]
            after = f" GROUP BY {', '.join(places)}"
        else:
            after = f" GROUP BY {', '.join(group)}"
        if self.chance(0.35):
            tested = self.aggregate(scope, seen)
            if named and self.chance(0.2):
                tested = f"c{self.rng.randrange(width)}"
            after += f" HAVING {tested} {self.one('>', '<', '=', '<>')} {self.value()}"
            if self.chance(0.4):
                after += f" AND {self.rng.choice(group)} IS NOT {self.value()}"
        return items, after

    def _over_aggregate(self, scope: Scope, seen: Scope) -> str:
        text = self.aggregate(scope, seen)
        if self.chance(0.15):
            return f"{text} {self.one('+', '-', '||', '>', 'IS')} {self.value()}"
        return f"coalesce({text}, 0)" if self.chance(0.1) else text

    def _window(self, scope: Scope) -> tuple[str, str]:
        """A window function over rows that are ordered as far as they differ, and the WINDOW clause."""
        whole = [self.named(s, c, scope) for s in scope for c in s.columns if not c.sealed]
        partition = f"PARTITION BY {self.column(scope)} " if self.chance(0.4) else ""
        if self.chance(0.6):
            what = self.one(*_OVER_ALL)
            order = f"ORDER BY {', '.join(whole)}"
            frame = self.one(*_FRAMES)
        else:
            what = self.one(*_OVER_SOME)
            order, frame = f"ORDER BY {self.column(scope)}{self.one('', ' DESC')}", ""
            if not what.startswith(("rank", "dense", "percent", "cume")) and self.chance(0.4):
                order = ""
        text = what.format(self.column(scope), self.column(scope, "int real"), self.condition(scope, 0))
        window = f"{partition}{order}{frame if order else ''}"
        if self.chance(0.25):
            if partition and order and self.chance(0.4):
                clause = f" WINDOW win AS ({partition}), other AS (win {order})"
                return (
                    f"{text} OVER (other{frame})",
                    clause if not frame else f" WINDOW other AS ({partition}{order})",
                )
            return f"{text} OVER win", f" WINDOW win AS ({window})"
        return f"{text} OVER ({window})", ""

    def one_value(self, scope: Scope, depth: int) -> str:
        """A subquery as a value: of several rows it is settled which one counts."""
        if self.chance(0.5):
            return self._figures(scope, 1)
        return f"{self.core(depth, scope, 1)[0]} ORDER BY 1{self.one('', ' DESC')} LIMIT 1"

    def _figures(self, scope: Scope, width: int) -> str:
        source, table = self.source(0, [])
        count = ", ".join(self.aggregate([table], [table]) for _ in range(width))
        where = f" WHERE {self.condition([table, *scope], 1)}" if self.chance(0.7) else ""
        return f"SELECT {count} FROM {source}{where}"

    def inner_query(self, scope: Scope, width: int, depth: int) -> str:
        """A subquery in an expression; whole orders under its LIMIT."""
        if self.chance(0.03):
            name, kept = self.fresh(), self.ctes
            inner, columns = self.core(0, [], 1)
            self.ctes = [*kept, Source(name, columns)]
            text = f"WITH {self.word(name)} AS ({inner}) {self.core(max(depth, 0), scope, width)[0]}"
            self.ctes = kept
            return text
        text, _ = self.core(max(depth, 0), scope, width)
        if width == 1 and self.chance(0.4):
            return f"{text} ORDER BY 1{self.one('', ' DESC')} LIMIT 1"
        if self.chance(0.1):
            text += f" {self.one(*_SETS)} {self.core(0, scope, width)[0]}"
        elif self.chance(0.5):
            return self._figures(scope, width)
        return text

    # statements

    def with_(self) -> str:
        """WITH and its tables; they may be named from now on."""
        recursive = self.chance(0.35)
        parts = []
        for _ in range(self.rng.choice((1, 1, 2))):
            name = self.fresh()
            if self.oddly(0.15):
                name = self.one("image", "plain", "sqlite_master", "gp_meta", "account", "every_image")
            if recursive and self.chance(0.7):
                sql, columns = self._recursive(name)
            else:
                sql, columns = self.core(1, [], self.rng.randint(1, 3))
            listed = ""
            if recursive or self.chance(0.3):
                columns = tuple(Column(f"k{i}", c.kind) for i, c in enumerate(columns))
                listed = f"({', '.join(c.name for c in columns)})"
            hint = self.one("", "", "", "MATERIALIZED ", "NOT MATERIALIZED ")
            parts.append(f"{self.word(name)}{listed} AS {hint}({sql})")
            self.ctes.append(Source(name, columns))
        return f"WITH {'RECURSIVE ' if recursive else ''}{', '.join(parts)} "

    def _recursive(self, name: str) -> tuple[str, tuple[Column, ...]]:
        """Counting, or walking along rows; it ends by a bound."""
        named = self.word(name)
        if self.chance(0.5):
            return f"SELECT 1 UNION ALL SELECT k0 + 1 FROM {named} WHERE k0 < {self.rng.randint(1, 5)}", (
                Column("k0", "int"),
            )
        start = self.one(
            "SELECT id, 0 FROM image", "SELECT giver, 0 FROM account", "SELECT owner, 0 FROM image"
        )
        step = self.one(
            "SELECT r.id, w.k1 + 1 FROM {0} AS w JOIN reference r ON r.image = w.k0 WHERE w.k1 < 3",
            "SELECT a.taker, k1 + 1 FROM account a, {0} WHERE a.giver = k0 AND k1 < 3",
            "SELECT i.id, w.k1 + 1 FROM {0} w INNER JOIN image i ON i.owner = w.k0 WHERE w.k1 < 2",
        ).format(named)  # fmt: skip
        return f"{start} {self.one('UNION', 'UNION ALL')} {step}", (Column("k0", "key"), Column("k1", "int"))

    def select(self) -> Written:
        """A whole SELECT."""
        front = self.with_() if self.chance(0.2) else ""
        width = self.rng.choice((1, 1, 2, 2, 3))
        if self.chance(0.03):
            rows = ", ".join(f"({', '.join(self.value() for _ in range(width))})" for _ in range(2))
            return self._finished(f"{front}VALUES {rows}", False)
        if self.chance(0.12):
            return self._starred(front)
        unnamed = self.unnamed = self.chance(0.15)
        sql, _ = self.core(2, [], width)
        self.unnamed = False
        if self.chance(0.15):
            for _ in range(self.rng.randint(1, 2)):
                sql += f" {self.one(*_SETS)} {self.core(1, [], width)[0]}"
        if not self.chance(0.3):
            return self._finished(front + sql, False)
        order = ", ".join(
            f"{str(i + 1) if unnamed else self.one(str(i + 1), f'c{i}')}{self._direction()}"
            for i in range(width)
        )
        limit = self.one(*_LIMITS)
        if limit and self.chance(0.1):
            order, self.loose = "1", True
        return self._finished(f"{front}{sql} ORDER BY {order}{limit}", not self.loose)

    def _direction(self) -> str:
        return self.one("", "", " ASC", " DESC", " NULLS LAST", " DESC NULLS FIRST")

    def _starred(self, front: str) -> Written:
        """`*`, sealed columns and columns as they are; maybe ordered by a key."""
        sql, scope = self.sources(1)
        bare = [self.named(s, c, scope) for s in scope for c in s.columns if self.chance(0.2)] or ["1"]
        star = f"{self.word(self.rng.choice(scope).alias)}.*"
        items = self.one("*", star, ", ".join(bare), ", ".join(bare), f"{star}, 1 AS one")
        where = f" WHERE {self.condition(scope, 1)}" if self.chance(0.5) else ""
        return self._finished(f"{front}SELECT {items} FROM {sql}{where}", False)

    def _finished(self, sql: str, ordered: bool) -> Written:
        text, args = self.numbered(sql)
        if self.chance(0.05):
            text = text.replace(" ", self.one("  ", "\n", "\t", "\r\n", "\f"))
        if self.oddly(0.15):
            at = text.find(" ", self.rng.randrange(len(text)))
            comment = self.one("/* c */", "-- c\n", "/**/", "/* open", "--")
            text = f"{text[:at]} {comment}{text[at:]}" if at > 0 else text
        if self.oddly(0.05):
            text += self.one("; DROP TABLE image", "; SELECT 1", ";;")
        elif self.chance(0.03):
            text += self.one(";", " ; ", "\n")
        return Written(text, args, ordered, self.loose, self.odd)


def _columns(width: int) -> tuple[Column, ...]:
    return tuple(Column(f"c{i}", "text") for i in range(width))


def select(rng: random.Random) -> Written:
    """A random SELECT."""
    return Reads(rng, odd=rng.random() < 0.2).select()
