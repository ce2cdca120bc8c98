"""Ring three: every connection of a governed database asks what runs on it, and its tables ask who writes.

A connection is always in one of these modes (`store.watched.Work`):

`idle`        between accesses: the core's own tables, and of the application's what tells whose a row is
`fence`       `guard.in_transaction(work)`: the same without ending the transaction, and DELETE by key
`lifted`      the handlers of negative decisions, erasure, sweeps: any table; and the guard's own texts
`statement`   an application's statement, by what its view permits
`maintenance` the declared way around
Its cost for a read is setting two slots; for a write one statement of some microseconds on a table in memory.

What it does not stop: Python code that reaches into the guard, and somebody with the file in hand.
"""

from __future__ import annotations

import contextlib
import json
import re
import secrets
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

from gptimage_core.errors import GuardError
from gptimage_core.guard.params import Values
from gptimage_core.guard.profiles import Variant, View
from gptimage_core.guard.sqlite import authorizer
from gptimage_core.guard.sqlite.authorizer import Own, Permitted
from gptimage_core.guard.sqlite.context import ANY, CUTS, NONE, Context
from gptimage_core.guard.sqlite.rules import Kind, RuleSet, base
from gptimage_core.guard.sqlite.schema import Schema, read_schema
from gptimage_core.guard.statements.catalog import Catalog, Entry, fold
from gptimage_core.guard.statements.functions import LISTED
from gptimage_core.guard.statements.profile import WITHHELD, TableAccess
from gptimage_core.store.watched import WatchedConnection, Work

__all__ = ["Grant", "Ring", "watched"]

T = TypeVar("T")

_MOST_SETS = 48
"""Rules that lie on one connection: each trigger of a table is looked at for each row that is written."""
_VERBS = {
    "SELECT": {"SELECT", "WITH", "VALUES"},
    "INSERT": {"INSERT", "REPLACE"},
    "UPDATE": {"UPDATE"},
    "DELETE": {"DELETE"},
}
_FIRST_WORD = re.compile(r"(?:[ \t\n\f\r]+|--[^\n]*\n|/\*.*?\*/)*([A-Za-z]+)", re.DOTALL)
_QUOTED = re.compile(r"""'[^']*'|"[^"]*"|`[^`]*`|\[[^\]]*\]|--[^\n]*|/\*.*?\*/""", re.DOTALL)
_UNASKED = re.compile(r"\b(?:NATURAL|USING)\b", re.IGNORECASE)
_OPERATORS = frozenset({"like", "glob", "->", "->>"})


class _Open(Work):
    """Whatever it likes: the ring's own texts, and those of the trusted paths."""

    __slots__ = ()

    def ask(
        self, action: int, one: str | None, two: str | None, database: str | None, inner: str | None
    ) -> int:
        return _answer(authorizer.may_maintain(action, two or ""))


class _Core(Work):
    """Work of the core's own. `refused` names what it asked for in vain."""

    __slots__ = ("_own", "refused")

    def __init__(self, mark: str, own: Own) -> None:
        super().__init__(mark)
        self._own = own
        self.refused: list[str] = []

    def ask(
        self, action: int, one: str | None, two: str | None, database: str | None, inner: str | None
    ) -> int:
        if authorizer.may_core(self._own, action, one or "", two or "", database, inner):
            return sqlite3.SQLITE_OK
        self.refused[:] = [one or ""]
        return sqlite3.SQLITE_DENY


class Grant(Work):
    """What a view permits one kind of statement. `rules`: for a write, what it may do to each row."""

    __slots__ = ("_ring", "permitted", "rules")

    def __init__(self, mark: str, ring: Ring, permitted: Permitted, rules: RuleSet | None) -> None:
        super().__init__(mark)
        self._ring = ring
        self.permitted = permitted
        self.rules = rules

    def ask(
        self, action: int, one: str | None, two: str | None, database: str | None, inner: str | None
    ) -> int:
        return _answer(
            authorizer.may_statement(
                self.permitted, self._ring.schema, action, one or "", two or "", database, inner
            )
        )

    @property
    def ring(self) -> Ring:
        return self._ring

    @contextlib.contextmanager
    def reading(self, connection: sqlite3.Connection) -> Iterator[None]:
        """The connection for a SELECT of an application."""
        with self._ring.at(watched(connection), self):
            yield

    @contextlib.contextmanager
    def writing(self, connection: sqlite3.Connection, values: Values) -> Iterator[None]:
        """The connection for one write of an application: its rules laid, its context open."""
        here = watched(connection)
        self._ring.open(here, self, values)
        with self._ring.at(here, self):
            yield

    def check(self, sql: str) -> None:
        """SQLite asks nobody about EXPLAIN, which tells the texts of triggers and the names of CTEs, nor
        about the columns of NATURAL and USING. What the guard shapes has neither."""
        found = _FIRST_WORD.match(sql)
        if found is None or found[1].upper() not in _VERBS[self.permitted.verb]:
            raise GuardError(
                "the database refuses this statement: it does not begin as the one that was planned does"
            )
        if _UNASKED.search(_QUOTED.sub(" ", sql)):
            raise GuardError(
                "the database refuses this statement: nobody is asked of columns in NATURAL and USING; "
                "write ON"
            )


def _answer(may: bool) -> int:
    return sqlite3.SQLITE_OK if may else sqlite3.SQLITE_DENY


def watched(connection: sqlite3.Connection) -> WatchedConnection:
    """The connection as `Database` made it; raises `GuardError` for any other."""
    if not isinstance(connection, WatchedConnection):
        raise GuardError("the guard works on connections of its own database only")
    return connection


class Ring:
    """The third ring of one guard, on all connections of its database."""

    def __init__(self, catalog: Catalog) -> None:
        self.secret = "r" + secrets.token_hex(16)
        self.schema = Schema()
        self._catalog = catalog
        self._context = Context(self.secret)
        self._technical = {
            fold(e.name): frozenset(fold(c.name) for c in e.table.columns if c.category == "identifier")
            for e in catalog.entries
        }
        # Facts of rows decide what may leave (`sharing`): the core's own work reads them.
        facts = {
            fold(e.name): self._technical[fold(e.name)]
            | {fold(c.name) for c in e.table.columns if c.fact is not None or c.role is not None}
            for e in catalog.entries
        }
        self._functions = _OPERATORS | catalog.functions | LISTED
        self.idle = _Core(f"{self.secret} idle", Own(self.secret, facts, False, True))
        self._fence = Own(self.secret, self._technical, True, False)
        self._own = _Open(f"{self.secret} own")
        self._lifted = _Open(f"{self.secret} lifted")

    # Connections

    def prepare(self, connection: WatchedConnection) -> None:
        """Watch a connection; see `store.watched.Watch`."""
        if not connection.read_only:
            for text in self._context.create:
                connection.execute(text)
            self._lay_base(connection)
        # At their first use SQLite declares them, and asks as if the schema were changed.
        for name in ("json_each", "json_tree"):
            connection.execute(f"SELECT count(*) FROM {name}('[]')")  # noqa: S608  # two constants
        self.schema = read_schema(connection).after(self.schema)
        connection.watched_by(self, self.idle)

    def _lay_base(self, connection: WatchedConnection) -> None:
        there = {
            fold(name)
            for (name,) in connection.execute("SELECT name FROM main.sqlite_master WHERE type = 'table'")
        }
        for entry in self._catalog.entries:
            if fold(entry.name) in there:
                self._lay(connection, -1 - entry.number, base(self._context, self.secret, entry))

    def _lay(self, connection: WatchedConnection, number: int, triggers: list[tuple[str, str]]) -> None:
        for _, text in triggers:
            connection.execute(text)
        connection.execute(self._context.add, (number, json.dumps([name for name, _ in triggers])))

    def _take_away(self, connection: WatchedConnection, which: str, *args: Any) -> None:
        for number, names in connection.execute(which, args).fetchall():
            for name in json.loads(names):
                connection.execute(f"DROP TRIGGER IF EXISTS temp.{name}")
            connection.execute(self._context.forget, (number,))

    # Modes

    @contextlib.contextmanager
    def at(self, connection: WatchedConnection, work: Work) -> Iterator[None]:
        """The connection in another mode."""
        before, connection.work = connection.work, work
        try:
            yield
        finally:
            connection.work = before

    @contextlib.contextmanager
    def trusted(self, connection: WatchedConnection) -> Iterator[None]:
        """Any table, any row; see `store.watched.lifted`."""
        with self._any(connection, (ANY, ANY, ANY)), self.at(connection, self._lifted):
            yield

    @contextlib.contextmanager
    def own_texts(self, connection: sqlite3.Connection) -> Iterator[None]:
        """For a SELECT of the guard's own, in which nothing of a user stands."""
        with self.at(watched(connection), self._own):
            yield

    @contextlib.contextmanager
    def _any(self, connection: WatchedConnection, standing: tuple[int, int, int]) -> Iterator[None]:
        """The context of nobody, with what may be written so."""
        if connection.read_only:
            yield
            return
        before: tuple[int, int, int] = connection.standing or (NONE, NONE, NONE)
        connection.standing = standing
        self._run(connection, self._context.close, standing)
        try:
            yield
        finally:
            connection.standing = before
            with contextlib.suppress(sqlite3.Error):  # a courtesy: every write opens a context of its own
                self._run(connection, self._context.close, before)

    def fenced(self, work: Callable[[sqlite3.Connection], T]) -> Callable[[sqlite3.Connection], T]:
        """Work of the core's own that an application hands in, inside its fence. Raises `GuardError`."""

        def run(connection: sqlite3.Connection) -> T:
            here = watched(connection)
            fence = _Core(f"{self.secret} fence", self._fence)
            with self._any(here, (NONE, NONE, ANY)), self.at(here, fence):
                try:
                    return work(connection)
                except sqlite3.DatabaseError:
                    if fence.refused:
                        raise GuardError(self._fence_words(fence.refused[0])) from None
                    raise

        return run

    def _fence_words(self, name: str) -> str:
        if fold(name) in self._technical:
            return (
                f"what people have in `{name}` is not reached in `guard.in_transaction(…)`: it is for the "
                "core's own tables; read and write it by queries under an access"
            )
        return (
            "`guard.in_transaction(…)` is for the core's own tables; use queries under an access, or "
            "`guard.maintenance(reason, ticket, until)` for the schema"
        )

    def maintained(self, work: Callable[[sqlite3.Connection], T]) -> Callable[[sqlite3.Connection], T]:
        """A step of maintenance. The triggers are taken away before it and laid anew after it, as the schema
        is then. Its texts carry a mark of its own: nobody runs them again."""

        def run(connection: sqlite3.Connection) -> T:
            here = watched(connection)
            if here.read_only:
                raise GuardError("maintenance runs where the database is written")
            with self.at(here, self._own):
                self._take_away(here, self._context.every)
            try:
                with self.at(here, _Open(f"m{secrets.token_hex(16)}")):
                    return work(connection)
            finally:
                with self.at(here, self._own):
                    if here.in_transaction:  # else it was rolled back, and they with it
                        self._lay_base(here)
                    self.schema = read_schema(here).after(self.schema)

        return run

    # Statements

    def grant(self, view: View, variant: Variant, verb: str, target: Entry | None) -> Grant:
        """What `view` permits a statement; kept with the view."""
        key = (variant, verb, "" if target is None else target.name)
        found: Grant | None = view.grants.get(key)
        if found is not None:
            return found
        profile = view.profiles[variant]
        kind: Kind | None = None
        sets: frozenset[str] = frozenset()
        if target is not None and verb != "SELECT":
            kind = "RESTORE" if variant == "restore" else verb  # type: ignore[assignment]  # one of the three others
            sets = _sets(view, "update" if verb == "INSERT" else variant, target)
        made = Grant(
            f"{self.secret} {profile.id} {verb} {0 if target is None else target.number}",
            self,
            Permitted(
                cte=f"{profile.secret}_{profile.id}_",
                ring=self.secret,
                readable=_Readable(self._catalog, profile.tables),
                functions=self._functions,
                technical=self._technical,
                verb=verb,
                target="" if target is None else fold(target.name),
                sets=sets,
            ),
            None
            if kind is None or target is None
            else RuleSet(self._context, self.secret, view, target, kind),
        )
        view.grants[key] = made
        return made

    def open(self, connection: WatchedConnection, grant: Grant, values: Values) -> None:
        """Open the context of a write."""
        rules = grant.rules
        if rules is None:
            raise GuardError("this statement writes nothing; its context is not opened")
        if not self._set(connection, rules, values):
            with self.at(connection, self._own):
                self._lay_rules(connection, rules)
            if not self._set(connection, rules, values):
                raise GuardError("the rules for this write do not lie on the connection; nothing is written")

    def _set(self, connection: WatchedConnection, rules: RuleSet, values: Values) -> bool:
        args: tuple[Any, ...] = rules.row + values
        if not rules.cuts:
            return self._run(connection, self._context.open, args) == 1
        cuts = [span.cutoff(values[3]) for span in rules.spans()]
        args += (*cuts, *([None] * (CUTS - len(cuts))))
        return self._run(connection, self._context.open_with_cuts, args) == 1

    def _lay_rules(self, connection: WatchedConnection, rules: RuleSet) -> None:
        texts, of_all = self._context, -1 - rules.entry.number
        if connection.execute(texts.has, (of_all,)).fetchone() is None:
            self._lay(connection, of_all, base(texts, self.secret, rules.entry))
        (count,) = connection.execute(texts.count).fetchone()
        if count >= _MOST_SETS:
            self._take_away(connection, texts.oldest, count // 2)
        defaults = {
            str(name): str(default)
            for name, default in connection.execute(
                "SELECT name, dflt_value FROM pragma_table_info(?) WHERE dflt_value IS NOT NULL",
                (rules.entry.name,),
            )
        }
        self._lay(connection, rules.number, rules.triggers(defaults))

    def _run(self, connection: WatchedConnection, sql: str, args: tuple[Any, ...]) -> int:
        before, connection.work = connection.work, self._own
        try:
            return connection.execute(sql, args).rowcount
        finally:
            connection.work = before


class _Readable:
    """Per table, the columns within a secret CTE: those that the view does not withhold whatever the row, and
    those that its predicates ask."""

    __slots__ = ("_catalog", "_found", "_tables")

    def __init__(self, catalog: Catalog, tables: Mapping[str, TableAccess]) -> None:
        self._catalog, self._tables = catalog, tables
        self._found: dict[str, frozenset[str]] = {}

    def __call__(self, name: str) -> frozenset[str]:
        found = self._found.get(name)
        if found is None:
            entry = self._catalog.entry(name)
            found = self._found[name] = frozenset() if entry is None else self._columns(entry)
        return found

    def _columns(self, entry: Entry) -> frozenset[str]:
        access = self._tables[entry.name]
        may = {name: access.columns.get(name, WITHHELD) for name in entry.columns_by_name}
        asked = [access.rows, access.delete]
        for column in may.values():
            asked += [column.when, column.update]
        texts = "".join("".join(template.texts) for template in asked if template is not None)
        return frozenset(
            fold(name)
            for name, column in may.items()
            if column.read != "withheld"
            or entry.columns_by_name[name].category == "identifier"
            or f"{_quoted(entry.name)}.{_quoted(name)}" in texts
        )


def _sets(view: View, variant: Variant, target: Entry) -> frozenset[str]:
    """What an UPDATE may set; the key too, to the value that it has."""
    columns = view.profiles[variant].tables[target.name].columns
    return frozenset(
        fold(name)
        for name in target.columns_by_name
        if name == target.key
        or (not target.is_pinned(name) and columns.get(name, WITHHELD).update is not None)
    )


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
