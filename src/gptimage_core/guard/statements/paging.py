"""A SELECT read page by page, by key: the text of the first page and of each that follows.

    SELECT heading FROM picture WHERE size > ? ORDER BY size DESC

    SELECT heading , +"picture"."size" AS "gp:0", +"picture"."id" AS "gp:1" FROM picture WHERE ( size > ? )
    AND ("picture"."size" < ? OR "picture"."size" IS NULL
         OR "picture"."size" = ? AND "picture"."id" > ?) ORDER BY size DESC, "picture"."id" LIMIT 500

What follows the last row is decided by its columns of ORDER BY and its key, so each page is a statement of
its own and nothing is held open between two of them. `+` keeps a value as the database has it: no converter
sees it on its way out and back. The text is the user's otherwise, and is parsed and shaped as any other.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NoReturn

from msgspec import Struct

from gptimage_core.errors import GuardError
from gptimage_core.guard.statements import nodes as n
from gptimage_core.guard.statements.catalog import Catalog
from gptimage_core.guard.statements.grammar import parse
from gptimage_core.guard.statements.lexer import Token, lex, refused
from gptimage_core.guard.statements.render import quote

__all__ = ["Paged", "paged"]

_CLAUSES = ("FROM", "WHERE", "ORDER")
_WINDOWS = ("OVER", "WINDOW")
_LABEL = "gp:"


class _Term(Struct, frozen=True):
    """One column of the order."""

    sql: str
    descending: bool


class Paged(Struct, frozen=True):
    """A statement to be read in pages. Its parts as text; `terms` are the columns of its order, the key last.

    The last `len(terms)` columns of each row are not the user's: `follows` takes their values.
    """

    front: str
    sources: str
    where: str
    terms: tuple[_Term, ...]

    @property
    def labels(self) -> tuple[str, ...]:
        """The names of the columns that say where a row stands."""
        return tuple(f"{_LABEL}{i}" for i in range(len(self.terms)))

    def text(self, size: int, last: Sequence[Any] | None) -> tuple[str, list[Any]]:
        """The text of the page after the row with the values `last` (of the first page: `None`), and the
        arguments that follow the user's own."""
        where, args = ([self.where] if self.where else []), list[Any]()
        if last is not None:
            after, args = self._after(last)
            where.append(f"({after})")
        marks = ", ".join(
            f"+{term.sql} AS {quote(label)}" for term, label in zip(self.terms, self.labels, strict=True)
        )
        order = ", ".join(term.sql + (" DESC" if term.descending else "") for term in self.terms)
        condition = f" WHERE {' AND '.join(where)}" if where else ""
        return f"{self.front}, {marks} {self.sources}{condition} ORDER BY {order} LIMIT {size}", args

    def _after(self, last: Sequence[Any]) -> tuple[str, list[Any]]:
        """What holds for the rows behind `last`; NULL stands before everything, as SQLite sorts."""
        arms, args, same, known = list[str](), list[Any](), list[str](), list[Any]()
        for term, value in zip(self.terms, last, strict=True):
            beyond = _beyond(term, value)
            if beyond:
                arms.append(" AND ".join([*same, beyond]))
                args += [*known, *([] if value is None else [value])]
            same.append(f"{term.sql} IS NULL" if value is None else f"{term.sql} = ?")
            known += [] if value is None else [value]
        return " OR ".join(arms), args


def _beyond(term: _Term, value: Any) -> str:
    if value is None:
        return "" if term.descending else f"{term.sql} IS NOT NULL"
    return f"({term.sql} < ? OR {term.sql} IS NULL)" if term.descending else f"{term.sql} > ?"


def paged(sql: str, catalog: Catalog) -> Paged:
    """Take a SELECT apart for pages. Raises `GuardError` for one that has no row-by-row order by key."""
    tree = parse(sql, catalog)
    body = tree.body
    if not isinstance(body, n.Query):
        _refuse("writes; only a SELECT is streamed: write in one statement, or read the keys first")
    if len(body.cores) != 1:
        _refuse("joins several SELECTs; stream one after the other")
    if body.limit is not None or body.offset is not None:
        _refuse("has a LIMIT; stop reading when there is enough")
    core = body.cores[0]
    if core.values is not None or not core.sources:
        _refuse("reads no table; run it as it is")
    if core.distinct or core.group or core.having is not None or core.aggregate:
        _refuse("computes over all rows (DISTINCT, GROUP BY, an aggregate); run it as it is")
    terms = _terms(body.order, core.sources, sql)
    return _cut(sql, terms)


def _terms(order: Sequence[n.Order], sources: Sequence[n.Source], sql: str) -> tuple[_Term, ...]:
    root, *others = sources
    if root.entry is None:
        _refuse("begins with a subquery or a WITH table; begin with the table whose rows are streamed")
    for source in others:
        if source.entry is None or source.join not in ("JOIN", "LEFT JOIN") or not _is_by_key(source):
            raise refused(
                f"a streamed statement joins `{source.alias}` by its key (`ON {source.alias}.key = …`), so "
                "that each row of the first table stands there once; other conditions go into WHERE",
                sql,
                source.at,
            )
    terms: list[_Term] = []
    for each in order:
        column = each.expr
        if not isinstance(column, n.ColumnRef) or column.source is None or column.provided is None:
            _refuse("is ordered by something that is no column; order by columns, or in Python")
        if each.suffix not in ("", " DESC") or each.collation is not None:
            _refuse("is ordered with NULLS or COLLATE; order by bare columns")
        term = _Term(_name(column.source, column.provided.name), each.suffix == " DESC")
        terms.append(term)
        if column.source is root and column.provided.name == root.entry.key:
            return tuple(terms)
    return (*terms, _Term(_name(root, root.entry.key), False))


def _is_by_key(source: n.Source) -> bool:
    """Whether at most one row of the source meets its ON: its key is said to be something else."""
    on, entry = source.on, source.entry
    if entry is None:
        return False
    for term in on.operands if isinstance(on, n.Logic) and on.op == "AND" else [on]:
        if isinstance(term, n.Binary) and term.op in ("=", "=="):
            for one, other in ((term.left, term.right), (term.right, term.left)):
                if (
                    isinstance(one, n.ColumnRef)
                    and one.source is source
                    and one.provided is not None
                    and one.provided.name == entry.key
                    and not (isinstance(other, n.ColumnRef) and other.source is source)
                    and isinstance(other, n.ColumnRef | n.Parameter | n.Literal)
                ):
                    return True
    return False


def _name(source: n.Source, column: str) -> str:
    return f"{quote(source.alias)}.{quote(column)}"


def _cut(sql: str, terms: tuple[_Term, ...]) -> Paged:
    """The text in parts, at the clauses of the outermost SELECT."""
    at: dict[str, Token] = {}
    depth, previous = 0, ""
    tokens = lex(sql)
    for token in tokens:
        if token.kind == "word" and token.upper in _WINDOWS:
            _refuse("computes over all rows (a window); run it as it is")
        if token.kind == "op" and token.value in "()":
            depth += 1 if token.value == "(" else -1
        elif depth == 0 and token.kind == "word" and token.upper in _CLAUSES and previous != "DISTINCT":
            at.setdefault(token.upper, token)  # the FROM of `IS DISTINCT FROM` is none
        previous = token.upper if token.kind == "word" else ""
    end = next((t.at for t in tokens if t.kind == "op" and t.value == ";"), len(sql))
    start = at["FROM"].at
    order = at["ORDER"].at if "ORDER" in at else end
    where = at["WHERE"].at if "WHERE" in at else order
    condition = sql[where + len("WHERE") : order].strip() if "WHERE" in at else ""
    return Paged(
        sql[:start].rstrip(), sql[start:where].rstrip(), f"({condition})" if condition else "", terms
    )


def _refuse(why: str) -> NoReturn:
    raise GuardError(f"this statement cannot be streamed: it {why}")
