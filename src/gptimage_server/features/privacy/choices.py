"""Consents, objections and restriction: switches of the person's own, each with its proof (S17, S19, S37).

Turning something off writes the ledger of negative decisions first and then commits, so that no restore turns
it on again (X8); it binds the next statement of whatever is running. All of them work while the account is
restricted (X10). Each is decided by the policy (`choose`) and leaves an access record.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable

from gptimage_core.errors import StoreError
from gptimage_core.store import consents, subjects
from gptimage_core.subjects.consent import choices, turn
from gptimage_server.features.privacy.schemas import (
    ConsentsView,
    Objection,
    ObjectionsView,
    RestrictionView,
    Turned,
)
from gptimage_server.services import Services
from gptimage_server.web.errors import Missing
from gptimage_server.web.visitor import Person, access_as

__all__ = ["consents_of", "object_to", "objections_of", "restrict", "restriction_of", "switch_consent"]

_HOW = "the switch in the account"
_RECORD = "consent_record"
_REQUEST = "request_record"


async def consents_of(services: Services, person: Person) -> ConsentsView:
    version = services.version()

    def work(connection: sqlite3.Connection) -> ConsentsView:
        told = version.document.consent
        events = consents.history(connection, person.tenant, person.id)
        return ConsentsView(
            choices(connection, version, person.tenant, person.id),
            tuple(
                Turned(
                    told[event.consent].says if event.consent in told else event.consent,
                    event.given,
                    event.at,
                    event.policy_version,
                    event.how,
                )
                for event in reversed(events)
            ),
        )

    async with access_as(services, person, "honour_rights"):
        await services.guard.decide_and_record(_RECORD, operation="read", subjects=[person.id])
        return await services.database.read(work)


async def switch_consent(services: Services, person: Person, name: str, on: bool) -> None:
    """Turn one switch. An unknown name is `Missing`; turning it where it stands changes nothing."""
    version, now = services.version(), services.now()
    if name not in version.document.consent:
        raise Missing

    def work(connection: sqlite3.Connection) -> None:
        turn(
            connection,
            services.ledger,
            version,
            person.tenant,
            person.id,
            name,
            on,
            now,
            how=_HOW,
        )

    await _choose(services, person, _RECORD, work)


async def objections_of(services: Services, person: Person) -> ObjectionsView:
    """Every purpose of a legitimate interest: those one can object to (GDPR 21)."""
    document = services.version().document

    def work(connection: sqlite3.Connection) -> dict[str, bool]:
        rows = connection.execute(
            "SELECT purpose, objected FROM gp_objection_state WHERE tenant = ? AND subject = ?",
            (person.tenant, person.id),
        )
        return {purpose: objected == 1 for purpose, objected in rows}

    async with access_as(services, person, "honour_rights"):
        await services.guard.decide_and_record(_RECORD, operation="read", subjects=[person.id])
        stands = await services.database.read(work)
    return ObjectionsView(
        tuple(
            Objection(name, purpose.says, stands.get(name, False))
            for name, purpose in document.purpose.items()
            if purpose.basis == "legitimate_interest"
        )
    )


async def object_to(services: Services, person: Person, purpose: str, on: bool) -> None:
    """Object to a purpose, or take an objection back."""
    named = services.version().document.purpose.get(purpose)
    if named is None or named.basis != "legitimate_interest":
        raise Missing
    now = services.now()

    def work(connection: sqlite3.Connection) -> None:
        if on:
            subjects.object_to(connection, services.ledger, person.tenant, person.id, purpose, now)
        else:
            subjects.end_objection(connection, person.tenant, person.id, purpose, now)

    await _choose(services, person, _REQUEST, work)


async def restriction_of(services: Services, person: Person) -> RestrictionView:
    def work(connection: sqlite3.Connection) -> bool:
        row = connection.execute(
            "SELECT restricted FROM gp_subject_state WHERE tenant = ? AND subject = ?",
            (person.tenant, person.id),
        ).fetchone()
        if row is None:
            raise StoreError("the person who is signed in has no state")
        return bool(row[0] != 0)  # unknown counts as restricted, as everywhere

    async with access_as(services, person, "honour_rights"):
        await services.guard.decide_and_record("account_record", operation="read", subjects=[person.id])
        return RestrictionView(await services.database.read(work))


async def restrict(services: Services, person: Person, on: bool) -> None:
    """Have the data kept and not used, or lift that again (GDPR 18)."""
    now = services.now()

    def work(connection: sqlite3.Connection) -> None:
        if on:
            subjects.restrict(connection, services.ledger, person.tenant, person.id, now)
        else:
            subjects.end_restriction(connection, person.tenant, person.id)

    await _choose(services, person, _REQUEST, work)


async def _choose(
    services: Services, person: Person, category: str, work: Callable[[sqlite3.Connection], None]
) -> None:
    """The decision, its record and the choice itself in one transaction."""
    async with access_as(services, person, "honour_rights"), services.transaction() as transaction:
        scope = transaction.scope
        await services.guard.decide_and_record(
            category, operation="create", subjects=[person.id], scope=scope
        )
        await services.guard.in_transaction(work, scope)
