"""Egress: the one way out. Whatever leaves, to whomever, is decided here, item by item, at that moment.

INVARIANT (egress-is-decided, S20): bytes reach a recipient only through `Egress.share`, and only if for every
row of every part a rule of the policy in force permits sharing that category, for that purpose, with that
recipient, now. So, without a word in the calling code, nothing leaves to an unknown recipient (S21), under
an expired contract (S22) or without a transfer mechanism (S43), for a job that is not live (S23), of a
deleted or restricted person or another tenant, or to a recipient that uses data as its own (S28: that is
decided as a sale too).

The way of a share:
1  the instant is taken, the rows' facts are read as stored now, the job's liveness is asked now;
2  every part is decided for every row of it; one refusal refuses the whole, is recorded and raises; so does
   an obligation that is not met here (more rows than a rule releases, a person who is to be told: nobody
   tells them here);
3  each part is cut to the fields that its permits name (S24);
4  the access record is durable;
5  the recipient is handed the cut payload, and nothing else. Its answer goes back to the caller.
A crash after 4 leaves a record of a share that may not have arrived: the log says too much, never too little.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, NoReturn

from msgspec import Struct

from gptimage_core.clock import Clock, Instant
from gptimage_core.decision.compile import CompiledTimeline
from gptimage_core.decision.decide import decide
from gptimage_core.decision.model import Access, Actor, Decision, Effect, Facts, RowFacts, Value
from gptimage_core.errors import AccessDenied, GuardError, StoreError
from gptimage_core.policy.binding import DataMap
from gptimage_core.ports.liveness import JobLiveness
from gptimage_core.ports.records import AccessRecord, RecordSink
from gptimage_core.sharing.recipients import Recipients
from gptimage_core.sharing.stored import Denials, RowRef, Rows
from gptimage_core.store.denials import Denial
from gptimage_core.store.state import new_id

__all__ = ["Egress", "Part", "Shared"]


class Part(Struct, frozen=True):
    """A piece of a payload: fields of one category, and the rows they come from (at least one).

    A part with a row that may not be shared is refused; so put into one part what belongs together.
    """

    category: str
    fields: Mapping[str, Any]
    rows: tuple[RowRef, ...]


class Shared(Struct, frozen=True):
    """The recipient's answer, the fields that went, the fields that were cut, and the record's id."""

    answer: Any
    sent: tuple[str, ...]
    dropped: tuple[str, ...]
    record: str


class Egress:
    """The port through which anything leaves. Adapters are given to it alone; keep no other reference."""

    def __init__(
        self,
        compiled: CompiledTimeline,
        datamap: DataMap,
        recipients: Recipients,
        *,
        rows: Rows,
        jobs: JobLiveness,
        sink: RecordSink,
        denials: Denials,
        clock: Clock,
    ) -> None:
        self._compiled = compiled
        self._datamap = datamap
        self._recipients = recipients
        self._rows = rows
        self._jobs = jobs
        self._sink = sink
        self._denials = denials
        self._clock = clock

    def adopt(self, compiled: CompiledTimeline) -> None:
        """Decide by what the guard has adopted, from the next share on; one that is decided goes its way."""
        self._compiled = compiled

    async def share(
        self,
        actor: Actor,
        *,
        to: str,
        purpose: str,
        parts: Sequence[Part],
        job: str | None = None,
        facts: Mapping[str, Value] | None = None,
        operation: Literal["share", "disclose"] = "share",
    ) -> Shared:
        """Share `parts` with the recipient `to`, or raise `AccessDenied` (recorded) having sent nothing.

        `job` is the job this is for; whether it is live is asked here and cannot be claimed in `facts`.
        Fields that no permit names are cut. Raises `GuardError` for a payload that cannot be judged,
        `StoreError` if the record does not become durable, and whatever the recipient raises.
        """
        self._check(parts, facts or {})
        now = self._clock.now()  # 1
        known = dict(facts or {})
        if job is not None:
            known["job_is_live"] = await self._jobs.is_live(job, now)
        rows = await self._rows([ref for part in parts for ref in part.rows], now)
        decided: list[list[Decision]] = []
        for part in parts:  # 2
            access = Access(actor, purpose, operation, part.category, to)
            decisions = [
                decide(self._compiled, access, Facts(known, rows.get(ref, RowFacts())), now)
                for ref in part.rows
            ]
            for decision in decisions:
                if decision.effect is not Effect.ALLOW:
                    await self._refuse(access, decision, now)
            unmet = _unmet(part, decisions, rows)
            if unmet:
                await self._refuse(access, decisions[0], now, unmet)
            decided.append(decisions)
        recipient = self._recipients.adapter(to)
        payload, dropped = _cut(parts, decided)  # 3
        record = self._record(actor, purpose, operation, to, parts, decided, rows, now)
        await self._sink.write(record)  # 4
        answer = await recipient.send(payload)  # 5
        return Shared(answer, tuple(payload), dropped, record.id)

    def _check(self, parts: Sequence[Part], facts: Mapping[str, Value]) -> None:
        """Refuse what cannot be judged: no rows, a category its table does not hold, a claimed liveness."""
        if "job_is_live" in facts:
            raise GuardError(
                "whether a job is live is asked when something is shared; give the job, not the fact"
            )
        if not parts:
            raise GuardError("there is nothing to share: give at least one part")
        seen: set[str] = set()
        for part in parts:
            if not part.rows:
                raise GuardError(f"the part `{part.category}` names no row, so nobody can say whose it is")
            for ref in part.rows:
                table = self._datamap.table(ref.table)
                if table is None or part.category not in table.categories:
                    raise GuardError(
                        f"the table `{ref.table}` holds nothing of the category `{part.category}`; "
                        "name the row that the fields come from"
                    )
            if twice := seen & part.fields.keys():
                raise GuardError(f"the field `{min(twice)}` stands in two parts; one would hide the other")
            seen |= part.fields.keys()

    async def _refuse(self, access: Access, decision: Decision, now: Instant, reason: str = "") -> NoReturn:
        denial = self._explained(access, decision, now, reason)
        try:
            await self._denials(denial)
        except StoreError as error:
            # The refusal stands whether or not it could be written down.
            raise AccessDenied(denial.id) from error
        raise AccessDenied(denial.id)

    def _explained(self, access: Access, decision: Decision, now: Instant, reason: str) -> Denial:
        actor, version = access.actor, self._compiled.timeline.version(decision.version)
        rule = decision.rules[0] if decision.rules else None
        clauses: tuple[str, ...] = ()
        place = None
        named = rule or next((name for name, _ in decision.missing if name), None)
        if version is not None and named is not None:
            kind, _, name = named.partition(".")
            found = (version.document.permit if kind == "permit" else version.document.forbid).get(name)
            clauses = tuple(found.clauses) if found is not None else ()
            place = version.source.locate((kind, name))
        missing = "; ".join(
            f"{name or 'every rule'} asks {condition!r}" for name, condition in decision.missing[:8]
        )
        return Denial(
            id=new_id(),
            at=now,
            tenant=actor.tenant,
            actor_kind=actor.kind,
            actor=actor.id,
            purpose=access.purpose,
            operation=access.operation,
            category=access.category,
            recipient=access.recipient,
            reason=reason
            or (f"`{rule}` forbids it" if rule else f"no permit holds: {missing or 'no rule speaks of it'}"),
            digest=decision.digest,
            version=decision.version,
            rule=rule,
            clauses=clauses,
            file=place.file if place else None,
            line=place.line if place else None,
            column=place.column if place else None,
        )

    @staticmethod
    def _record(
        actor: Actor,
        purpose: str,
        operation: str,
        to: str,
        parts: Sequence[Part],
        decided: Sequence[Sequence[Decision]],
        rows: Mapping[RowRef, RowFacts],
        now: Instant,
    ) -> AccessRecord:
        touched: dict[str, dict[tuple[str, str | None], None]] = {}
        for ref in dict.fromkeys(ref for part in parts for ref in part.rows):
            for subject in rows[ref].subjects or (None,):
                touched.setdefault(ref.table, {})[(ref.key, subject)] = None
        first = decided[0][0]
        rules = dict.fromkeys(rule for decisions in decided for each in decisions for rule in each.rules)
        return AccessRecord(
            id=new_id(),
            at=now,
            tenant=actor.tenant,
            actor_kind=actor.kind,
            actor=actor.id,
            purpose=purpose,
            operation=operation,
            categories=tuple(dict.fromkeys(part.category for part in parts)),
            rules=tuple(rules),
            digest=first.digest,
            version=first.version,
            statement=f"{operation}:{to}",
            counts={table: len({key for key, _ in found}) for table, found in touched.items()},
            touched={table: tuple(found) for table, found in touched.items()},
        )


def _unmet(part: Part, decisions: Sequence[Decision], rows: Mapping[RowRef, RowFacts]) -> str:
    """Why an obligation of the rules that permit the part is not met; empty where all are (X3, X4, S16)."""
    duties = [duty for decision in decisions for duty in decision.obligations]
    if any(duty.tell_subject for duty in duties):
        return "the rule asks that the person is told, and sharing has no way to tell people"
    most = min((duty.max_rows for duty in duties if duty.max_rows is not None), default=None)
    if most is not None and len(set(part.rows)) > most:
        return f"more than {most} records at a time; share fewer"
    fewest = max((duty.min_persons for duty in duties if duty.min_persons is not None), default=0)
    if len({subject for ref in part.rows for subject in rows[ref].subjects}) < fewest:
        return f"a figure about fewer than {fewest} people is not released"
    return ""


def _cut(
    parts: Sequence[Part], decided: Sequence[Sequence[Decision]]
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """(payload, names of what was cut): of each part the fields that every obligation on it leaves (S24)."""
    payload: dict[str, Any] = {}
    dropped: list[str] = []
    for part, decisions in zip(parts, decided, strict=True):
        limits = [o.only_fields for d in decisions for o in d.obligations if o.only_fields is not None]
        for name, value in part.fields.items():
            if all(name in limit for limit in limits):
                payload[name] = value
            else:
                dropped.append(name)
    if not payload:
        raise GuardError("nothing is left to share after the fields were cut to what the policy names")
    return payload, tuple(dropped)
