"""Words checked when an access is opened, and decisions about what is no table."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from typing import TYPE_CHECKING

from msgspec.structs import fields

from gptimage_core.clock import Instant
from gptimage_core.decision.compile import CompiledTimeline
from gptimage_core.decision.decide import decide
from gptimage_core.decision.model import Access, Actor, Decision, Effect, Facts, RowFacts, Value
from gptimage_core.errors import GuardError
from gptimage_core.guard.inserting import Refused
from gptimage_core.guard.recording import Basis, record_of
from gptimage_core.policy.document import Document, Obligation
from gptimage_core.policy.vocabulary import ACTORS, OPERATIONS, SHARING
from gptimage_core.store.facts import facts_for
from gptimage_core.store.watched import lifted

if TYPE_CHECKING:
    from gptimage_core.guard.guard import Guard
    from gptimage_core.guard.handles import Handle

__all__ = ["check_access", "judge"]

_BY_STATEMENT = frozenset({"create", "update", "correct", "delete"})
_OBLIGATIONS = tuple(field.name for field in fields(Obligation))
_BUILT_IN_FACTS = frozenset(
    {
        "signed_in",
        "signed_in_at",
        "ticket_until",
        "job_is_live",
        "second_person_approved",
        "instrument_covers_it",
    }
)


def check_access(
    compiled: CompiledTimeline,
    now: Instant,
    actor: Actor,
    purpose: str,
    operation: str | None,
    recipient: str | None,
    about: str | None,
    facts: Mapping[str, Value],
) -> None:
    """Refuse an access whose words the policy in force does not know: a typing error must not read as a
    denial, and nothing may be asked for a purpose that nobody was told of."""
    document = compiled.timeline.at(now).document
    _check_forms(actor, purpose, about, facts)
    if actor.kind not in ACTORS:
        raise GuardError(f"`{actor.kind}` is no kind of actor{_meant(actor.kind, ACTORS)}")
    if not actor.tenant:
        raise GuardError("an actor has a tenant; leave it out for the default one")
    if purpose not in document.purpose:
        raise GuardError(f"the policy has no purpose `{purpose}`{_meant(purpose, document.purpose)}")
    if operation is not None and operation not in OPERATIONS:
        raise GuardError(f"`{operation}` is no operation{_meant(operation, OPERATIONS)}")
    if operation in _BY_STATEMENT:
        raise GuardError(
            f"`{operation}` is what a statement does, not what reading is for: a SELECT would show whatever "
            "may be changed; leave `operation` out"
        )
    if recipient is not None and recipient not in document.recipient:
        raise GuardError(f"the policy has no recipient `{recipient}`{_meant(recipient, document.recipient)}")
    if operation in SHARING and recipient is None:
        raise GuardError(f"an access that states `{operation}` names its `recipient`")
    for name in facts:
        if name not in _BUILT_IN_FACTS:
            _check_fact(name, document)


def _check_forms(actor: object, purpose: object, about: object, facts: object) -> None:
    """What type checkers see, for whoever has none: an id of another type is nobody's id, and denies all."""
    if not isinstance(actor, Actor):
        raise GuardError(
            f"`{actor!r}` is no actor; write `Actor.subject(id)`, `Actor.staff(id)`, `Actor.service(name)` "
            "or `Actor.guest()`"
        )
    if actor.id is not None and type(actor.id) is not str:
        raise GuardError(f"an actor's id is text, not `{type(actor.id).__name__}`; write `str(id)`")
    if about is not None and type(about) is not str:
        raise GuardError(f"`about` is a person's id, as text, not `{type(about).__name__}`: `str(id)`")
    if not isinstance(purpose, str):
        raise GuardError(f"a purpose is a name that the policy declares, not `{purpose!r}`")
    if not isinstance(facts, Mapping):
        raise GuardError('facts are names with values: `facts={"signed_in_at": instant}`')


def _check_fact(name: str, document: Document) -> None:
    declared = document.fact.get(name)
    if declared is None:
        known = [*_BUILT_IN_FACTS, *(n for n, f in document.fact.items() if f.of == "access")]
        raise GuardError(f"the policy has no fact `{name}`{_meant(name, known)}")
    if declared.of != "access":
        raise GuardError(
            f"`{name}` is a fact of the {declared.of}; it is read there, not given by the access"
        )


def _meant(word: str, known: Sequence[str] | Mapping[str, object]) -> str:
    close = get_close_matches(word, list(known), 1)
    return f"; did you mean `{close[0]}`?" if close else ""


def judge(
    guard: Guard,
    handle: Handle,
    now: Instant,
    category: str,
    operation: str | None,
    recipient: str | None,
    subjects: Sequence[str],
    values: Mapping[str, Value],
    statement: str,
    obligations_met: Sequence[str] = (),
) -> Callable[[sqlite3.Connection], Decision]:
    """The work that decides about people outside a table and writes the record in the same transaction."""
    for name in obligations_met:
        if name not in _OBLIGATIONS:
            raise GuardError(f"`{name}` is no obligation{_meant(name, _OBLIGATIONS)}")
    stated = operation or handle.operation
    if stated is None:
        raise GuardError("say which `operation` is asked about")
    asked = Access(handle.actor, handle.purpose, stated, category, recipient or handle.recipient)
    era = guard.compiled.era(now)
    known = {
        "collected_under": 0 if era is None else era.version,
        "recorded": now,
        "keep_ended": None,
        **values,
    }

    def work(connection: sqlite3.Connection) -> Decision:
        tenant = handle.actor.tenant
        people = facts_for(connection, tenant, subjects, now)
        row = RowFacts(tenant, tuple(subjects), people, known)
        facts = Facts(access=handle.facts, row=row)
        if handle.about is not None and handle.about not in subjects:
            raise Refused(asked, facts, "it is not about the person that the access is about")
        decision = decide(guard.compiled, asked, facts, now)
        if decision.effect is not Effect.ALLOW:
            raise Refused(asked, facts)
        unmet = _unmet(decision, obligations_met, subjects, can_tell=guard.tell is not None)
        if unmet:
            raise Refused(asked, facts, unmet)
        basis = Basis(
            statement,
            stated,
            (category,),
            decision.rules,
            decision.digest,
            decision.version,
            None,
            None,
            _tells(decision, obligations_met),
            False,
        )
        touched = {category: tuple((subject, subject) for subject in subjects)} if subjects else {}
        record = record_of(handle, basis, now, touched)
        guard.sink.write_in(connection, record)
        if basis.tell and guard.tell is not None:
            with lifted(connection):
                guard.tell(connection, record)
        return decision

    return work


def _tells(decision: Decision, met: Sequence[str]) -> bool:
    """Whether people are told here: the rule asks for it, and the caller has not done it."""
    return "tell_subject" not in met and any(duty.tell_subject for duty in decision.obligations)


def _unmet(decision: Decision, met: Sequence[str], subjects: Sequence[str], *, can_tell: bool) -> str:
    """The first obligation that nobody carries out here, in words; empty where all are met."""
    if _tells(decision, met) and not can_tell:
        return "the rule asks that the person is told, and this guard has no way to tell people"
    people = len(set(subjects))
    for duty in decision.obligations:
        if duty.max_rows is not None and "max_rows" not in met and people > duty.max_rows:
            return f"more than {duty.max_rows} records at a time; ask for fewer"
        if duty.min_persons is not None and "min_persons" not in met and people < duty.min_persons:
            return f"a figure about fewer than {duty.min_persons} people is not released"
        if duty.only_fields is not None and "only_fields" not in met:
            return "the rule leaves certain fields only, and nothing here says that no others are used"
    return ""
