"""The guard: every statement of an application passes it, or does not run.

The way of a statement (design, section 4):

 1. an access must be open here; its transaction, if any, must be its own
 2. the plan: parsed, shaped for what this access may do, kept; or refused, or denied whatever the row
 3. one hop: execute, see which rows of which people it touched, open sealed values, write the record
 4. the answer leaves when the record is durable; earlier only where every rule that permits says so
A denial is recorded in a transaction of its own before it is raised. INVARIANT (foreign-is-missing): rows of
others are not matched, so a foreign id and a missing one run the same statements and give the same answer.
INVARIANT (new-row-decided): where an UPDATE sets a fact of a row, the row it becomes is decided as well.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from gptimage_core.clock import Clock, Instant
from gptimage_core.decision.compile import CompiledTimeline, compile_timeline
from gptimage_core.decision.model import Actor, Value
from gptimage_core.errors import AccessDenied, Conflict, GuardError
from gptimage_core.guard.checks import check_access, judge
from gptimage_core.guard.collisions import collides
from gptimage_core.guard.denials import denial_of, refused_before_rows
from gptimage_core.guard.handles import AccessBlock, Handle, current_handle
from gptimage_core.guard.inserting import Refused
from gptimage_core.guard.lints import check as lints
from gptimage_core.guard.lints.sqlite import read_file
from gptimage_core.guard.maintenance import MAINTENANCE, Maintenance, open_maintenance, trusted
from gptimage_core.guard.plan import Plan
from gptimage_core.guard.plans import Planner
from gptimage_core.guard.profiles import Book, View
from gptimage_core.guard.running import Answer, reading, refuse_unmet
from gptimage_core.guard.sealer import Sealer
from gptimage_core.guard.sqlite.ring import Ring
from gptimage_core.guard.statements.catalog import Catalog
from gptimage_core.guard.statements.shaped import StaticDenial
from gptimage_core.guard.streaming import Adapter, Stream, Written
from gptimage_core.guard.telling import both, recorded, told
from gptimage_core.guard.transaction import TransactionScope
from gptimage_core.guard.writing import writing
from gptimage_core.policy.bind import bind
from gptimage_core.policy.binding import DataMap
from gptimage_core.policy.succession import check_succession
from gptimage_core.policy.timeline import Timeline
from gptimage_core.ports.records import AccessRecord, RecordSink
from gptimage_core.store import denials
from gptimage_core.store.database import Database
from gptimage_core.store.denials import Denial
from gptimage_core.vault.context import Context
from gptimage_core.vault.vault import Vault

__all__ = ["Guard"]

T = TypeVar("T")


class Guard:
    """Made once per database, after all tables are migrated and the ledger is replayed. Raises `PolicyError`
    with everything in the database's schema that no ring would reach (`guard.lints`); what was worth saying
    besides stands in `notes`.

    `datamap` is what `policy.bind` gave for the application's tables. `vault` may be left out where the
    policy seals nothing of them. `tell` queues a message to the people that a record touched, in the record's
    own transaction; without it a rule that asks for that (`tell_subject`) permits nothing.
    """

    def __init__(
        self,
        compiled: CompiledTimeline,
        datamap: DataMap,
        database: Database,
        sink: RecordSink,
        clock: Clock,
        vault: Vault | None = None,
        tell: Callable[[sqlite3.Connection, AccessRecord], None] | None = None,
    ) -> None:
        self.compiled = compiled
        self.datamap = datamap
        self._database = database
        self.sink = sink
        self.clock = clock
        self.vault = vault
        self.tell = tell
        self.notes = lints.check(read_file(database.path), datamap)
        self.unfit = False
        self._catalog = Catalog.of(datamap)
        self._ring = Ring(self._catalog)
        self._sealer = Sealer(vault, datamap, compiled.timeline)
        self._planner = Planner(Book(compiled, datamap), self._catalog, self._sealer, self._ring)
        self.adapter: Adapter | None = None
        database.watch(self._ring)

    def adopt(self, timeline: Timeline) -> CompiledTimeline:
        """Go on with another timeline: announced versions come, change and go without a restart (S44).

        Everything that can be refused is refused first, with every finding, and then nothing has changed: a
        timeline that rewrites what has taken effect, tables that have no place in it, values that would be
        sealed otherwise. Statements that run finish as they were planned, the next one is planned anew, under
        accesses that are open too; INVARIANT (history-stands) makes both the same answer at this instant.
        """
        check_succession(self.compiled.timeline, timeline, self.clock.now())
        accepted = {each.what: each.reason for each in self.datamap.accepted}
        datamap = bind(timeline, self.datamap.tables, accepted)
        sealer = Sealer(self.vault, datamap, timeline)
        sealer.check_follows(self._sealer, self.datamap)
        compiled = compile_timeline(timeline)
        planner = Planner(Book(compiled, datamap), self._catalog, sealer, self._ring)
        self.compiled, self._sealer, self._planner = compiled, sealer, planner
        return compiled

    # Accesses

    def access(
        self,
        actor: Actor,
        *,
        purpose: str,
        operation: str | None = None,
        recipient: str | None = None,
        about: str | None = None,
        facts: Mapping[str, Value] | None = None,
    ) -> AccessBlock:
        """Open an access: `async with guard.access(Actor.subject(id), purpose="provide_service"):`.

        `operation` states what reading is for where it is more than reading (export, train, aggregate,
        share, disclose), `recipient` with whom it is shared, `about` narrows it to one person's rows, `facts`
        are what is known of the access itself (e.g. `signed_in_at`). Unknown words raise `GuardError` here.
        """
        return AccessBlock(self._handle(actor, purpose, operation, recipient, about, facts), sync=False)

    def access_sync(
        self,
        actor: Actor,
        *,
        purpose: str,
        operation: str | None = None,
        recipient: str | None = None,
        about: str | None = None,
        facts: Mapping[str, Value] | None = None,
    ) -> AccessBlock:
        """`access` for sync code: `with guard.access_sync(…):`, around `.run_sync()`."""
        return AccessBlock(self._handle(actor, purpose, operation, recipient, about, facts), sync=True)

    def _handle(
        self,
        actor: Actor,
        purpose: str,
        operation: str | None,
        recipient: str | None,
        about: str | None,
        facts: Mapping[str, Value] | None,
    ) -> Handle:
        known = facts or {}
        check_access(self.compiled, self.clock.now(), actor, purpose, operation, recipient, about, known)
        return Handle(self, actor, purpose, operation, recipient, about, known)

    def maintenance(self, reason: str, ticket: str, until: Instant) -> Maintenance:
        """The trusted path for migrations; see `guard.maintenance`. `until` is at most a day from now."""
        return Maintenance(self, reason, ticket, until)

    # Statements

    def stream(
        self,
        query: object,
        *args: Any,
        page: int = 500,
        access: Callable[[], AccessBlock] | None = None,
    ) -> Stream:
        """Read a large answer in pages of `page` rows: `async for rows in guard.stream(query):`.

        `query` is a SELECT as text with its `args`, or a query of the adapter's. Each page is decided anew,
        and recorded; the stream ends with the access that it is read under. `access` makes an access for each
        page instead, opened and left before the page is handed out: for generators that yield rows on.
        Rows come in the order asked for, then by key; no state of the data holds from page to page.
        """
        if isinstance(query, str):
            return Stream(self, Written(query, args), page, access)
        if self.adapter is None or args:
            raise GuardError("`guard.stream` takes a query, or a text and its arguments")
        return Stream(self, self.adapter.written(query), page, access)

    async def run(
        self,
        sql: str,
        args: Sequence[Any],
        scope: TransactionScope | None = None,
        page_of: Written | None = None,
    ) -> Any:
        """Run one statement of the application under the access that is open here.

        Raises `GuardError` for what is refused (`Conflict` for what collides with rows that are there),
        `AccessDenied` (recorded) for what the policy denies, and the database's own errors. `scope` is the
        transaction that is open here, if any; `page_of` the query that the statement is a page of.
        """
        if MAINTENANCE.get() is not None:
            window = open_maintenance(self)
            if window is not None:
                return await self._run_trusted(window, sql, args, scope)
        handle = current_handle(self)
        if scope is not None:
            scope.check(handle)
        now = self.clock.now()
        planner = self._planner  # one throughout, whatever is adopted meanwhile
        view = planner.book.view(handle, now)
        try:
            plan = planner.plan(view, sql, args)
            if page_of is not None:
                plan = planner.page(view, plan, page_of.sql, page_of.args)
            if plan.idle:
                return []
            if self.tell is None and (plan.basis.tell or plan.has_parts):
                for basis in plan.bases:
                    refuse_unmet(handle, basis)
            if plan.verb == "SELECT":
                if (
                    scope is None and not plan.basis.release and not plan.basis.tell
                ):  # the usual way, straight
                    return await self.sink.read(
                        reading(plan, handle, now, args),
                        snapshot=plan.touch is not None,
                        brief=plan.brief,
                    )
                return await self._read(plan, handle, now, args, scope)
            try:
                answer = await self._write(plan, view, handle, now, args, scope)
                if plan.inserter is None or plan.upserts is not None:  # what is updated keeps what it has
                    return answer
                return plan.inserter.completed(answer, args, handle, now)
            except sqlite3.IntegrityError as error:
                if not collides(error):
                    raise
            raise Conflict  # here, where it carries no cause: SQLite's words name columns
        except StaticDenial as denied:
            denial = await self._denied_statically(view, handle, denied, now, scope)
        except Refused as refused:
            denial = await self._denied(refused, now, scope)
        raise denial  # here, where it carries no cause: what was known of people stays inside

    async def _read(
        self, plan: Plan, handle: Handle, now: Instant, args: Sequence[Any], scope: TransactionScope | None
    ) -> Answer:
        work = reading(plan, handle, now, args)
        tell = self.tell if plan.basis.tell else None
        if scope is not None:
            answer, record = await scope._run_plain(work)
            scope.records.append(record)
            if tell is not None:
                await scope._run(lambda connection: told(connection, tell, record))
            return answer
        if tell is not None:
            answer, record = await self._database.read(work)
            await self._database.write(both(self.sink.write_in, tell, record))
            return answer
        answer, record = await self._database.read(work, snapshot=plan.touch is not None)
        self.sink.post(record)
        return answer

    async def _write(
        self,
        plan: Plan,
        view: View,
        handle: Handle,
        now: Instant,
        args: Sequence[Any],
        scope: TransactionScope | None,
    ) -> Answer:
        work = writing(plan, view, handle, now, args)
        work = recorded(work, self.sink.write_in, self.tell, inside=scope is not None)
        if scope is None:
            return (await self._database.write(work)).answer
        written = await scope._run(work)
        for record, _ in written.writes:
            scope.wrote(record)
        scope.records += [record for record, _ in written.reads]
        return written.answer

    async def run_ddl(self, ddl: str, scope: TransactionScope | None = None) -> Any:
        """Change the schema: inside `guard.maintenance(…)` only."""
        window = open_maintenance(self)
        if window is None:
            raise GuardError(
                "the schema changes under `async with guard.maintenance(reason, ticket, until):`, or before "
                "the guard is attached"
            )
        return await self._run_trusted(window, ddl, (), scope)

    @property
    def maintenance_is_open(self) -> bool:
        """Whether a maintenance window is open here."""
        return open_maintenance(self) is not None

    def look_again(self) -> None:
        """The schema may have changed: drop every plan, and hold it against the data map again.

        Raises `PolicyError` with every finding; from then on no access does anything (`unfit`), until another
        maintenance has mended it.
        """
        self.unfit = True
        self._planner = Planner(Book(self.compiled, self.datamap), self._catalog, self._sealer, self._ring)
        self.notes = lints.check(read_file(self._database.path), self.datamap)
        self.unfit = False

    async def _run_trusted(
        self, window: Maintenance, sql: str, args: Sequence[Any], scope: TransactionScope | None
    ) -> Any:
        words = sql.split(None, 1)
        record = window.record(words[0].upper() if words else "")
        write_in = self.sink.write_in

        maintained = self._ring.maintained(trusted(sql, args))

        def work(connection: sqlite3.Connection) -> Answer:
            write_in(connection, record)
            return maintained(connection)

        return await (self._database.write(work) if scope is None else scope._run(work))

    # Denials

    async def _denied_statically(
        self, view: View, handle: Handle, denied: StaticDenial, now: Instant, scope: TransactionScope | None
    ) -> AccessDenied:
        return await self._denied(refused_before_rows(self.datamap, view, handle, denied), now, scope)

    async def _denied(self, refused: Refused, now: Instant, scope: TransactionScope | None) -> AccessDenied:
        denial = denial_of(self.compiled, refused.access, refused.facts, now, refused.reason)
        if scope is not None:
            scope.denials.append(denial)
        else:
            await self.write_denial(denial)
        return AccessDenied(denial.id)

    async def write_denial(self, denial: Denial) -> None:
        """Record a denial in a transaction of its own."""
        await self._database.write(lambda connection: denials.record(connection, denial))

    async def explain_denial(self, id: str) -> Denial | None:
        """The recorded denial with this id, for operators; `None` where there is none."""
        return await self._database.read(lambda connection: denials.lookup(connection, id))

    # Blobs

    def blob_context(
        self, table: str, column: str, category: str, *, tenant: str, subject: str, key: str, link: str = ""
    ) -> Context:
        """The place of a blob that `table.column` of the row `key` names: sealed as a column of `category`
        would be, so that the same key takes both (S32). `link` is the row's `via` column, if it has one."""
        found = self.datamap.table(table)
        if found is None:
            raise GuardError(f"`{table}` is not a governed table")
        return self._sealer.place(found, column, category, tenant, key, subject, link)

    # Rules outside tables

    async def decide_and_record(
        self,
        category: str,
        *,
        operation: str | None = None,
        recipient: str | None = None,
        subjects: Sequence[str] = (),
        values: Mapping[str, Value] | None = None,
        statement: str = "DECIDE",
        obligations_met: Sequence[str] = (),
        scope: TransactionScope | None = None,
    ) -> Any:
        """Ask the policy about something that is no statement on a table (an egress, a training step).

        The open access says who and what for; `subjects` are the people it is about, whose facts are read in
        the same transaction as the record is written; `values` are the row-level facts that are known.
        Returns the `Decision` (with its obligations) once its record is durable; raises `AccessDenied`
        otherwise. A denial says which condition failed, as for a statement.

        Obligations are met or it is denied: people are told, and counted as `subjects`, here; what the caller
        sees to itself it names in `obligations_met` (`only_fields`, …).
        """
        handle = current_handle(self)
        if scope is not None:
            scope.check(handle)
        now = self.clock.now()
        work = judge(
            self,
            handle,
            now,
            category,
            operation,
            recipient,
            subjects,
            values or {},
            statement,
            obligations_met,
        )
        try:
            return await (self._database.write(work) if scope is None else scope._run(work))
        except Refused as refused:
            denial = await self._denied(refused, now, scope)
        raise denial  # as in `run`

    async def in_transaction(
        self, work: Callable[[sqlite3.Connection], T], scope: TransactionScope | None = None
    ) -> T:
        """Run the core's own work (`store.consents`, `store.subjects`, …) in a write transaction, or in the
        application's open one. The connection is fenced: it reaches the core's tables, of the application's
        their keys and technical columns and a DELETE, and nothing else (`GuardError`)."""
        fenced = self._ring.fenced(work)
        return await (self._database.write(fenced) if scope is None else scope._run(fenced))
