"""A Piccolo engine for SQLite that keeps its connections and takes one thread hop per statement.

With a guard attached every statement goes through it, and what no open access has shaped is refused
(ring two). Without one it is an ordinary engine, about six times faster than Piccolo's own, which opens a
connection per query.
"""

from __future__ import annotations

import contextvars
import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn

import piccolo.engine.sqlite as _converters  # registers Piccolo's adapters and converters with sqlite3
from piccolo.engine.base import Engine
from piccolo.query.base import Query
from piccolo.querystring import QueryString

from gptimage_core.adapters.piccolo.stand_ins import teach
from gptimage_core.adapters.piccolo.streams import written
from gptimage_core.adapters.piccolo.transactions import Atomic, Transaction, TransactionType
from gptimage_core.errors import GuardError
from gptimage_core.guard.guard import Guard
from gptimage_core.guard.streaming import Written
from gptimage_core.guard.transaction import TransactionScope
from gptimage_core.guard.values import FILLED
from gptimage_core.store.database import Database

__all__ = ["GovernedSQLite"]

_TABLE_EXISTS = "SELECT EXISTS(SELECT * FROM sqlite_master WHERE name = ?)"
_DETECT = sqlite3.PARSE_DECLTYPES | sqlite3.PARSE_COLNAMES
assert _converters.CONVERTERS, "Piccolo registers its converters when it is imported"


class GovernedSQLite(Engine[Transaction]):
    """`DB = GovernedSQLite("data/app.sqlite")`; tables are `class Image(Table, db=DB)`.

    `govern(DB, …)` attaches a guard, for good. Until then the engine is open, for migrations at start.
    Statements are not printed: they would carry people's data into a log.
    """

    def __init__(self, path: str | Path, *, readers: int = 4) -> None:
        # Not `super().__init__`: it runs two coroutines in a loop of its own to learn what is known here.
        self.log_queries = False
        self.log_responses = False
        self.engine_type = "sqlite"
        self.min_version_number = 3.35
        self.query_id = 0
        self._database = Database(path, readers, detect_types=_DETECT)
        self._guard: Guard | None = None
        self.current_transaction = contextvars.ContextVar("gptimage_piccolo_transaction", default=None)

    @property
    def database(self) -> Database:
        """The database itself, for migrations at the start. With a guard attached it is not handed out."""
        if self._guard is not None:
            raise GuardError(
                "with a guard attached the database is not handed out: use queries under an access, "
                "`guard.in_transaction(…)` for the core's own tables, `guard.maintenance(reason, ticket, "
                "until)` for migrations"
            )
        return self._database

    # The guard

    @property
    def guard(self) -> Guard | None:
        """The guard that shapes this engine's statements, if one is attached."""
        return self._guard

    def attach(self, guard: Guard) -> None:
        """Hand every statement from now on to `guard`. It cannot be taken off again."""
        if self._guard is not None and self._guard is not guard:
            raise GuardError("this engine has a guard already; one engine has one guard, for good")
        if guard._database is not self._database:
            raise GuardError("the guard works on another database; open it with this engine's `database`")
        teach()
        self._guard = guard
        guard.adapter = self

    @property
    def scope(self) -> TransactionScope | None:
        """The transaction that is open here, for `guard.in_transaction(work, scope)` and
        `guard.decide_and_record(…, scope=…)`; `None` outside of one."""
        transaction = self.current_transaction.get()
        return None if transaction is None else transaction._scope()

    def written(self, query: object) -> Written:
        """A query as text, with what makes of its rows what Piccolo would: for `guard.stream`."""
        return written(query, self)

    # What Piccolo calls

    async def run_querystring(self, querystring: QueryString, in_pool: bool = False) -> Any:
        """Run one statement: shaped by the guard where there is one, as it is otherwise."""
        sql, args = querystring.compile_string("sqlite")
        guard = self._guard
        transaction = self.current_transaction.get()
        if guard is not None:
            if sql.startswith(_TABLE_EXISTS) and not guard.maintenance_is_open:
                raise GuardError(
                    "whether a table exists is asked before the guard is attached, or inside "
                    "`guard.maintenance(reason, ticket, until)`: its tables are governed, so they exist"
                )
            return await guard.run(sql, args, None if transaction is None else transaction._scope())
        if any(value is FILLED for value in args):
            raise GuardError(
                "tenant, recorded and collected_under are filled in by a guard; none is attached"
            )
        work = _bare(sql, args)
        if transaction is not None:
            return await transaction._scope()._run(work)
        if sql[:6] == "SELECT":
            return await self._database.read(work, snapshot=False)
        return await self._database.write(work)

    async def run_ddl(self, ddl: str, in_pool: bool = False) -> Any:
        """Run a change of the schema: before a guard is attached, or inside `guard.maintenance(…)`."""
        transaction = self.current_transaction.get()
        scope = None if transaction is None else transaction._scope()
        if self._guard is not None:
            return await self._guard.run_ddl(ddl, scope)
        work = _bare(ddl, ())
        return await (self._database.write(work) if scope is None else scope._run(work))

    def transaction(
        self, transaction_type: TransactionType = TransactionType.immediate, allow_nested: bool = True
    ) -> Transaction:
        """A transaction; see `Transaction`. All are immediate, whatever `transaction_type` says."""
        return Transaction(self, allow_nested)

    def atomic(self, transaction_type: TransactionType = TransactionType.immediate) -> Atomic:
        """Queries to run in one transaction."""
        return Atomic(self)

    async def get_version(self) -> float:
        return self.get_version_sync()

    def get_version_sync(self) -> float:
        major, minor, _ = sqlite3.sqlite_version_info
        return float(f"{major}.{minor}")

    async def prep_database(self) -> None:
        """Nothing to prepare: the connections prepare themselves."""

    async def start_connection_pool(self) -> None:
        """The connections are kept from the first statement on."""

    async def close_connection_pool(self) -> None:
        """Finish accepted work and close the connections."""
        await self._database.aclose()

    # What is refused

    async def batch(self, query: Query[Any, Any], batch_size: int = 100, node: str | None = None) -> NoReturn:
        """Refused: a cursor that stays open between awaits outlives its access."""
        raise GuardError(
            "`batch` is refused: it would hold a cursor open between awaits; write "
            "`async for rows in guard.stream(query, page=500):`"
        )

    async def get_connection(self) -> NoReturn:
        """Refused: a connection of one's own runs statements that nothing shapes."""
        raise GuardError(
            "connections are not handed out: use queries, `Table.raw(…)`, or `engine.transaction()`"
        )

    async def get_new_connection(self) -> NoReturn:
        """Refused, as `get_connection`."""
        await self.get_connection()

    @property
    def extra_nodes(self) -> NoReturn:
        """Refused: another node would have no guard."""
        raise GuardError("extra nodes are refused: the guard is attached to one database")


def _bare(sql: str, args: Sequence[Any]) -> Callable[[sqlite3.Connection], list[dict[str, Any]]]:
    def work(connection: sqlite3.Connection) -> list[dict[str, Any]]:
        cursor = connection.execute(sql, args)
        rows = cursor.fetchall()
        if not rows:
            return []
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in rows]

    return work
