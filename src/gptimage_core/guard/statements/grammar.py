"""Ring two: the statements that the guard reads, and no others.

An allow-list. `parse` takes one SELECT, INSERT, UPDATE or DELETE of SQLite's dialect, resolves every name in
it against the governed tables, and raises `GuardError` (what, where, what to write instead) on everything
else: other statements, schemas, pragmas, functions that are not listed, clocks. docs/statements.md shows it.
Why an allow-list: lists of what is forbidden failed on quoted names, views, shadow tables and catalogues.
"""

from __future__ import annotations

from gptimage_core.guard.statements import nodes as n
from gptimage_core.guard.statements.catalog import Catalog
from gptimage_core.guard.statements.scope_writes import check_parts
from gptimage_core.guard.statements.scopes import resolve
from gptimage_core.guard.statements.shaped import Verb
from gptimage_core.guard.statements.writes import Writes

__all__ = ["parse"]

_ELSEWHERE = {
    "PRAGMA": "ask pragmas outside the guard",
    "ATTACH": "a governed connection has one database",
    "DETACH": "a governed connection has one database",
    "EXPLAIN": "explain statements outside the guard",
    "REPLACE": "REPLACE deletes rows unseen; write `INSERT … ON CONFLICT (key) DO UPDATE SET a = excluded.a`",
    "BEGIN": "use the adapter's transaction",
    "COMMIT": "use the adapter's transaction",
    "ROLLBACK": "use the adapter's transaction",
    "SAVEPOINT": "use the adapter's transaction",
    "RELEASE": "use the adapter's transaction",
    "CREATE": "change tables under guard.maintenance",
    "ALTER": "change tables under guard.maintenance",
    "DROP": "change tables under guard.maintenance",
    "VACUUM": "run it under guard.maintenance",
    "REINDEX": "run it under guard.maintenance",
    "ANALYZE": "run it under guard.maintenance",
}


def parse(sql: str, catalog: Catalog) -> n.Statement:
    """The statement, resolved: pure, and dependent on nothing but its two arguments. Raises `GuardError`."""
    return _Statements(sql, catalog).statement()


class _Statements(Writes):
    """A statement as a whole; `Queries` reads SELECT, `Writes` the three that write."""

    def statement(self) -> n.Statement:
        try:
            return self._statement()
        except RecursionError:
            raise self.refused("the statement nests too deep; split it") from None

    def _statement(self) -> n.Statement:
        ctes: list[n.Cte] = []
        verb: Verb = "SELECT"
        body: n.Query | n.Insert | n.Update | n.Delete
        if self.take_word("WITH"):
            ctes = self.tables_with()
        if self.is_word("SELECT") or self.is_word("VALUES"):
            body = self.query()
            body.ctes, ctes = ctes, []
        elif self.take_word("INSERT"):
            verb, body = "INSERT", self._insert(ctes)
            ctes = []
        elif self.take_word("UPDATE"):
            verb, body = "UPDATE", self._update()
        elif self.take_word("DELETE"):
            verb, body = "DELETE", self._delete()
        else:
            instead = _ELSEWHERE.get(self.token.upper, "write SELECT, INSERT, UPDATE or DELETE")
            raise self.refused(f"the guard does not read this statement; {instead}")
        self.end()
        statement = n.Statement(verb, self.sql, body, self.parameters, ctes, part=bool(self.parts))
        resolve(statement, self.catalog)
        for added in self.added:
            added.index += self.parameters
        for part in self.parts:
            part.placeholders = self.parameters
            resolve(part, self.catalog)
            statement.clocked |= part.clocked
        if any(at >= self.parameters for at in statement.clocked):
            raise self.refused("a date function takes no value of `excluded`; compute it in Python", 0)
        check_parts(statement)
        return statement
