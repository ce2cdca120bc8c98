"""Names, literals and expressions, from SQLite's syntax diagrams (https://www.sqlite.org/lang_expr.html).

Operators are written without parentheses as often as with them: how they bind is the readers' business.
A pen that is `odd` also writes what a guard has to refuse: ungoverned names, hidden clocks, sealed columns
compared. Where SQLite has a choice (LIMIT without a whole order, bare columns beside aggregates) the pen says
so (`loose`).
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from typing import NamedTuple, TypeAlias

from tests.support.fuzz.policy import TABLES

__all__ = ["GOVERNED", "Column", "Scope", "Source", "Terms"]


class Column(NamedTuple):
    """`kind`: text, int, real, json, key. A sealed one can be selected, and nothing else."""

    name: str
    kind: str
    sealed: bool = False


class Source(NamedTuple):
    """What stands in FROM: its alias and columns, and its name where it is a table."""

    alias: str
    columns: tuple[Column, ...]
    table: str = ""


Scope: TypeAlias = list[Source]

_KINDS = {"integer": "int", "boolean": "int", "instant": "int", "real": "real", "text": "text"}


def _kind(name: str, type_: str) -> str:
    return {"id": "key", "image": "key", "owner": "key", "extra": "json"}.get(name, _KINDS[type_])


GOVERNED: dict[str, tuple[Column, ...]] = {
    table.name: tuple(
        Column(c.name, _kind(c.name, c.type), c.name in ("prompt", "what")) for c in table.columns
    )
    for table in TABLES
}
_TELLING = ("recorded", "tenant", "collected_under", "keep_ended")
"""Technical columns; named less often than the others."""

_LITERALS = (
    "0", "1", "2", "3", "-1", "0x1F", "0X0a", "1.5", ".5", "2.", "1e2", "1E-1", "'a'", "'ab'", "'B'", "''",
    "'it''s'",
    "'3'", "'ß'", "'ann'", "'i1'", "NULL", "TRUE", "false", "x'61'", "X'00fF'", "x''", "100", "'%b%'",
    "'日本'",
)  # fmt: skip
_GIVEN = (
    None,
    0,
    1,
    2,
    3,
    1.5,
    "a",
    "ab",
    "ann",
    "bob",
    "i1",
    "i2",
    "r1",
    "%a%",
    "3",
    b"a",
    "it's",
    "public",
    "main",
)
_KEYWORDS = (
    "select",
    "order",
    "group",
    "key",
    "row",
    "first",
    "end",
    "Table",
    "a b",
    "x.y",
    "ä",
    "no",
    "do",
    "over",
)
_TOTAL: tuple[tuple[str, str], ...] = (
    ("coalesce", "xx"), ("ifnull", "xx"), ("nullif", "xx"), ("iif", "xxx"), ("length", "x"), ("lower", "x"),
    ("upper", "x"), ("substr", "xi"), ("substr", "xii"), ("substring", "xi"), ("trim", "x"), ("trim", "xx"),
    ("ltrim", "x"), ("rtrim", "xx"), ("instr", "xx"), ("round", "x"), ("round", "xi"),
    ("typeof", "x"), ("sign", "x"),
    ("unicode", "x"), ("min", "xx"), ("max", "xxx"), ("coalesce", "xxxx"),
)  # fmt: skip
_RAISING = (
    ("abs", "n"),
    ("replace", "xxx"),
    ("date", "d"),
    ("strftime", "fd"),
    ("unixepoch", "d"),
    ("julianday", "d"),
)
_JSON = ("json_extract({0}, '$.a')", "json_type({0})", "json_type({0}, '$.b')", "json_array_length({0})",
         "json_valid({0})", "json_extract({0}, '$.b[1]')", "json_array_length({0}, '$.b')")  # fmt: skip
_PATHS = ("'$.a'", "'b'", "0", "1", "'$.b[0]'")
_GLOBS = ("'a*'", "'[a-c]?'", "'*'")
_UNLISTED = (
    "printf('%s', {0})", "hex({0})", "quote({0})", "random()", "last_insert_rowid()", "changes()",
    "sqlite_version()",
    "load_extension('x')", "likely({0})", "char(65)", "json({0})", "zeroblob(3)", "date('now')",
    "CURRENT_TIMESTAMP",
    "randomblob(4)", "format('%d', {0})", "datetime({0}, 'localtime')", "total_changes()",
    "sqlite_source_id()",
    "strftime('%s', 'now')", "json_group_object({0}, {0})", "soundex({0})", "fts5({0})", "typeof(rowid)",
    "readfile({0})",
)  # fmt: skip


class Terms:
    """Writes expressions. `query` and `scalar_query` are the other half's."""

    def __init__(self, rng: random.Random, *, odd: bool = False) -> None:
        self.rng = rng
        self.odd = odd
        self.loose = False
        self.given: list[object] = []
        self.names = 0
        self.reads: set[tuple[str, str]] = set()
        """Aliases and columns that were written so far."""

    def inner_query(self, scope: Scope, width: int, depth: int) -> str:
        raise NotImplementedError  # the grammar of queries gives it

    def one_value(self, scope: Scope, depth: int) -> str:
        raise NotImplementedError  # the grammar of queries gives it

    # small things

    def one(self, *choices: str) -> str:
        return self.rng.choice(choices)

    def chance(self, probability: float) -> bool:
        return self.rng.random() < probability

    def oddly(self, probability: float) -> bool:
        """For what should be refused."""
        return self.odd and self.chance(probability)

    def fresh(self) -> str:
        self.names += 1
        if self.chance(0.06):
            return f"{self.rng.choice(_KEYWORDS)}{self.names if self.chance(0.3) else ''}"
        return f"t{self.names}"

    def word(self, name: str) -> str:
        """A name as somebody may write it."""
        simple = re.fullmatch("[a-z_][a-z0-9_]*", name) is not None and name.upper() not in _MUST_QUOTE
        way = self.rng.randrange(9)
        if simple and way < 6:
            return name if way < 5 else name.upper()
        if way == 6 and "`" not in name:
            return f"`{name}`"
        if way == 7 and "]" not in name:
            return f"[{name}]"
        return '"' + name.replace('"', '""') + '"'

    def value(self) -> str:
        if self.chance(0.4):
            self.given.append(self.rng.choice(_GIVEN))
            return f"\x01{len(self.given) - 1}\x01"
        return self.one(*_LITERALS)

    def numbered(self, sql: str) -> tuple[str, list[object]]:
        """The text with `?`, and their values in the order of the text."""
        args: list[object] = []

        def mark(found: re.Match[str]) -> str:
            args.append(self.given[int(found[1])])
            return "?"

        return re.sub("\x01(\\d+)\x01", mark, sql), args

    # columns

    def column(self, scope: Scope, kinds: str = "") -> str:
        """A column of these sources, mostly the first ones; a value where there is none."""
        choices = [
            (source, column)
            for source in scope
            for column in source.columns
            if (not kinds or column.kind in kinds.split())
            and (not column.sealed or self.oddly(0.2))
            and (column.name not in _TELLING or self.chance(0.25))
        ]
        if not choices:
            return self.value()
        source, column = self.rng.choice(choices)
        return self.named(source, column, scope)

    def named(self, source: Source, column: Column, scope: Scope) -> str:
        self.reads.add((source.alias, column.name))
        name = self.word(column.name)
        alone = sum(each.name == column.name for other in scope for each in other.columns) == 1
        if alone and self.chance(0.25):
            return name
        if self.oddly(0.04):
            return f"{self.one('main', 'temp', 'nowhere')}.{self.word(source.alias)}.{name}"
        if self.oddly(0.03):
            return f"{self.word(source.alias)}.{self.one('rowid', '_rowid_', 'oid', 'nothing')}"
        return f"{self.word(source.alias)}.{name}"

    # expressions

    def expr(self, scope: Scope, depth: int = 2) -> str:
        if depth <= 0 or self.chance(0.3):
            return self.column(scope) if scope and self.chance(0.75) else self.value()
        return self.rng.choice(_EXPRESSIONS)(self, scope, depth - 1)

    def _arithmetic(self, scope: Scope, depth: int) -> str:
        op = self.one("+", "-", "*", "/", "%", "&", "|", "<<", ">>", "||", "||")
        text = f"{self.expr(scope, depth)} {op} {self.expr(scope, depth)}"
        return f"({text})" if self.chance(0.5) else text

    def _case(self, scope: Scope, depth: int) -> str:
        base = f" {self.expr(scope, 0)}" if self.chance(0.3) else ""
        arms = [
            f"WHEN {self.expr(scope, 0) if base else self.condition(scope, depth)}"
            f" THEN {self.expr(scope, depth)}"
            for _ in range(self.rng.randint(1, 2))
        ]
        end = f" ELSE {self.expr(scope, depth)}" if self.chance(0.7) else ""
        return f"CASE{base} {' '.join(arms)}{end} END"

    def _cast(self, scope: Scope, depth: int) -> str:
        type_ = self.one("TEXT", "INTEGER", "REAL", "NUMERIC", "BLOB", "INT", "varchar")
        if self.chance(0.15):
            type_ = self.one(
                "VARCHAR(20)", "DECIMAL(10, 2)", "UNSIGNED BIG INT", "whatever", "DOUBLE PRECISION"
            )
        return f"CAST({self.expr(scope, depth)} AS {type_})"

    def _function(self, scope: Scope, depth: int) -> str:
        if self.oddly(0.15):
            return self.one(*_UNLISTED).format(self.column(scope))
        name, takes = self.rng.choice(_RAISING if self.chance(0.2) else _TOTAL)
        args = ", ".join(self._argument(what, scope, depth) for what in takes)
        return f"{self.one(name, name, name.upper())}({args})"

    def _argument(self, what: str, scope: Scope, depth: int) -> str:
        if what == "i":
            return self.one("0", "1", "2", "-1", "3")
        if what == "n":
            return (
                self.column(scope, "int real") if self.chance(0.8) else self.one("-3", "2.5", "NULL", "'x'")
            )
        if what == "f":
            return self.one("'%Y'", "'%d-%m'", "'%%'")
        if what == "d":
            return self.one("'2024-02-29'", "0", "'2000-01-01 12:00'", "'x'", "2460000.5", "NULL")
        return self.expr(scope, depth)

    def _json(self, scope: Scope, depth: int) -> str:
        source = (
            self.column(scope, "json")
            if self.chance(0.8)
            else self.one("'[1, {\"a\": 2}]'", "NULL", "'{\"a\": 5}'")
        )
        if source.startswith("\x01"):
            source = "'{}'"
        if self.chance(0.5):
            return f"{source} {self.one('->', '->>')} {self.one(*_PATHS)}"
        return self.one(*_JSON).format(source)

    def _unary(self, scope: Scope, depth: int) -> str:
        return f"{self.one('-', '+', '~', '- ', 'NOT ')}{self.expr(scope, depth)}"

    def _parentheses(self, scope: Scope, depth: int) -> str:
        return f"({self.expr(scope, depth)})"

    def _scalar(self, scope: Scope, depth: int) -> str:
        if depth < 1:
            return self.column(scope)
        return f"({self.one_value(scope, depth - 1)})"

    def _boolean(self, scope: Scope, depth: int) -> str:
        return f"({self.condition(scope, depth)})"

    def _plain(self, scope: Scope, depth: int) -> str:
        return self.column(scope)

    # conditions

    def condition(self, scope: Scope, depth: int = 2) -> str:
        if depth <= 0:
            return self._comparison(scope, 0)
        return self.rng.choice(_CONDITIONS)(self, scope, depth - 1)

    def _no(self) -> str:
        return self.one("", "", "NOT ")

    def _comparison(self, scope: Scope, depth: int) -> str:
        op = self.one("=", "=", "==", "<>", "!=", "<", "<=", ">", ">=", "IS", "IS NOT")
        if self.chance(0.08):
            op = self.one("IS DISTINCT FROM", "IS NOT DISTINCT FROM")
        if self.chance(0.35):
            return f"{self.column(scope, 'key')} {op} {self.column(scope, 'key')}"
        collate = f" COLLATE {self.one('NOCASE', 'BINARY', 'rtrim')}" if self.chance(0.1) else ""
        return f"{self.expr(scope, depth)} {op} {self.expr(scope, depth)}{collate}"

    def _null(self, scope: Scope, depth: int) -> str:
        return (
            f"{self.expr(scope, depth)} {self.one('IS NULL', 'IS NOT NULL', 'ISNULL', 'NOTNULL', 'NOT NULL')}"
        )

    def _in(self, scope: Scope, depth: int) -> str:
        if self.oddly(0.1):
            return f"{self.column(scope)} IN {self.one('plain', 'image', 'main.image', 'sqlite_master')}"
        if self.chance(0.06):
            rows = ", ".join(f"({self.value()})" for _ in range(2))
            return f"{self.column(scope)} {self._no()}IN (VALUES {rows})"
        if depth > 0 and self.chance(0.5):
            return f"{self.column(scope)} {self._no()}IN ({self.inner_query(scope, 1, depth - 1)})"
        items = ", ".join(self.expr(scope, 0) for _ in range(self.rng.randint(0, 4)))
        return f"{self.expr(scope, 0)} {self._no()}IN ({items})"

    def _between(self, scope: Scope, depth: int) -> str:
        return (
            f"{self.expr(scope, depth)} {self._no()}BETWEEN {self.expr(scope, 0)} AND {self.expr(scope, 0)}"
        )

    def _like(self, scope: Scope, depth: int) -> str:
        if self.chance(0.2):
            pattern = self.one(*_GLOBS, self.expr(scope, 0))
            return f"{self.expr(scope, depth)} {self._no()}GLOB {pattern}"
        escape = self.one(" ESCAPE '!'", " ESCAPE ''''") if self.chance(0.2) else ""
        pattern = self.one("'a%'", "'_b'", "'%!%%'", "'ANN'", self.expr(scope, 0))
        return f"{self.expr(scope, depth)} {self._no()}LIKE {pattern}{escape}"

    def _exists(self, scope: Scope, depth: int) -> str:
        return f"{self._no()}EXISTS ({self.inner_query(scope, self.rng.randint(1, 2), depth)})"

    def _logic(self, scope: Scope, depth: int) -> str:
        left, right = self.condition(scope, depth), self.condition(scope, depth)
        text = f"{left} {self.one('AND', 'AND', 'OR')} {right}"
        return f"({text})" if self.chance(0.5) else text

    def _not(self, scope: Scope, depth: int) -> str:
        return f"NOT {self.condition(scope, depth)}"

    def _bare(self, scope: Scope, depth: int) -> str:
        if self.chance(0.3):
            return self._rows(scope, depth)
        return self.expr(scope, depth)

    def _rows(self, scope: Scope, depth: int) -> str:
        left = f"({self.column(scope)}, {self.column(scope)})"
        match self.rng.randrange(4):
            case 0:
                return f"{left} {self._no()}IN ({self.inner_query(scope, 2, 0)})"
            case 1:
                return f"{left} {self._no()}IN (VALUES ({self.value()}, {self.value()}), (1, 2))"
            case 2:
                right = f"({self.expr(scope, 0)}, {self.expr(scope, 0)})"
                return f"{left} {self.one('=', '<', '>=', 'IS', '<>')} {right}"
            case _:
                return f"{left} BETWEEN (0, {self.value()}) AND ({self.value()}, 'z')"


_MUST_QUOTE = frozenset(
    {"ORDER", "SELECT", "GROUP", "TABLE", "NO", "DO", "OVER", "END", "KEY", "ROW", "FIRST"}
)
_Writer: TypeAlias = Callable[[Terms, Scope, int], str]
_EXPRESSIONS: list[_Writer] = [
    Terms._arithmetic, Terms._arithmetic, Terms._case, Terms._cast, Terms._function, Terms._function,
    Terms._json,
    Terms._unary, Terms._parentheses, Terms._scalar, Terms._boolean, Terms._plain, Terms._plain,
]  # fmt: skip
_CONDITIONS: list[_Writer] = [
    *[Terms._comparison] * 4, Terms._null, Terms._in, Terms._in, Terms._between, Terms._like,
    Terms._exists, Terms._logic,
    Terms._logic, Terms._logic, Terms._not, Terms._bare, Terms._between,
]  # fmt: skip
