"""What is held about a person, in the policy's words; country, sign-ins, and who looked (S36, S38).

Nothing is listed by hand: the tables come from the registry, the words from the policy in force.
"""

from __future__ import annotations

import sqlite3
from collections import Counter

from gptimage_core.accesslog.records import records_about
from gptimage_core.decision.decide import decide
from gptimage_core.decision.model import Access, Actor, Effect, Facts, Value
from gptimage_core.store.replay import enact
from gptimage_core.store.state import set_jurisdiction
from gptimage_server.features.privacy.schemas import AccountView, Held, Looked, RightView, SessionView
from gptimage_server.secrets import new_id
from gptimage_server.services import Services
from gptimage_server.tables import Account, SecurityEvent, Session
from gptimage_server.web.errors import Missing
from gptimage_server.web.visitor import Person, access_as

__all__ = ["address_of", "look", "set_country", "sign_out_everywhere"]

_SERVER = Actor.service("server")
_NEWEST = 1000
"""How many access records the page sums up; the export has them all."""
_WHO = {
    "you": "You",
    "service": "Our software",
    "staff": "Our staff",
    "processor": "A company working for us",
    "authority": "An authority",
}
_ORDER = ("authority", "staff", "processor", "service", "you")


async def look(services: Services, person: Person) -> AccountView:
    """Everything the account page shows; raises `Missing` for an account that is gone."""
    document = services.version().document
    async with access_as(services, person, "honour_rights"):
        row = await Account.objects().where(Account.id == person.id).first()
        if row is None:
            raise Missing
        sessions = await Session.select(Session.id, Session.signed_in_at, Session.expires_at).order_by(
            Session.signed_in_at, ascending=False
        )
        counts = await _counts(services, person)
    restricted, looked, about = await _records(services, person)
    counts.update(about)
    held = tuple(
        Held(name, category.says, category.added, counts[name])
        for name, category in document.category.items()
        if counts[name]
    )
    rights = tuple(RightView(right.right, right.says, right.control) for right in document.right.values())
    now = services.now()
    return AccountView(
        id=row.id,
        email=row.email,
        country=row.country,
        state=row.state,
        opened_at=row.recorded,
        restricted=restricted,
        held=held,
        sessions=tuple(
            SessionView(s["signed_in_at"], s["expires_at"], s["id"] == person.session)
            for s in sessions
            if s["expires_at"] > now
        ),
        looked=looked,
        rights=rights,
    )


async def address_of(services: Services, person: Person) -> str:
    async with access_as(services, person, "honour_rights"):
        row = await Account.select(Account.email).where(Account.id == person.id).first()
    if row is None:
        raise Missing
    return str(row["email"])


async def set_country(services: Services, person: Person, country: str | None) -> None:
    """Correct the country: in the row, and in what decides which law applies (S35). None: not told (X6)."""
    async with access_as(services, person, "honour_rights"), services.transaction() as transaction:
        await Account.update({Account.country: country}).where(Account.id == person.id).run()
        await services.guard.in_transaction(
            lambda connection: set_jurisdiction(connection, person.tenant, person.id, country),
            transaction.scope,
        )


async def sign_out_everywhere(services: Services, person: Person, ip_address: str) -> int:
    """End every session of the person, each with its entry in the ledger (X8); returns how many."""
    now = services.now()
    async with (
        services.guard.access(_SERVER, purpose="honour_rights", about=person.id),
        services.transaction() as transaction,
    ):
        rows = await Session.select(Session.id).where(Session.owner == person.id)
        await Session.delete().where(Session.owner == person.id).run()
        ids = [str(row["id"]) for row in rows]

        def revoke(connection: sqlite3.Connection) -> None:
            for session in ids:
                body: dict[str, Value] = {"session": session}
                enact(connection, services.ledger, "session_revoked", person.tenant, person.id, body, now)

        await services.guard.in_transaction(revoke, transaction.scope)
    async with services.guard.access(_SERVER, purpose="meet_legal_duties"):
        await SecurityEvent.insert(
            SecurityEvent(id=new_id(), owner=person.id, kind="signed_out_everywhere", ip_address=ip_address)
        ).run()
    return len(ids)


async def _counts(services: Services, person: Person) -> Counter[str]:
    """Per category, the rows that hold it. Inside the person's own access."""
    found: Counter[str] = Counter()
    tables = {place.table: services.registry.table(place) for place in services.registry.places}
    for name, table in tables.items():
        readable = [category for category in table.categories if _may_read(services, person, category)]
        if readable:
            rows = await services.guard.run(f'SELECT count(*) AS n FROM "{name}"', [])  # noqa: S608 - registry
            for category in readable:
                found[category] += int(rows[0]["n"])
    return found


async def _records(services: Services, person: Person) -> tuple[bool, tuple[Looked, ...], dict[str, int]]:
    """Whether the person is restricted, who looked, and how many entries the core's own tables have."""
    purposes = services.version().document.purpose

    def work(connection: sqlite3.Connection) -> tuple[bool, tuple[Looked, ...], dict[str, int]]:
        mine = (person.tenant, person.id)
        state = connection.execute(
            "SELECT restricted FROM gp_subject_state WHERE tenant = ? AND subject = ?", mine
        ).fetchone()
        events = connection.execute(
            "SELECT count(*) FROM gp_consent_event WHERE tenant = ? AND subject = ?", mine
        ).fetchone()
        sums: dict[tuple[str, str], Looked] = {}
        own = others = 0
        for _, record in records_about(connection, *mine, limit=_NEWEST):
            who = "you" if record.actor == person.id else record.actor_kind
            own, others = own + (who == "you"), others + (who != "you")
            key = (who, record.purpose)
            told = purposes.get(record.purpose)
            seen = sums.get(key)
            sums[key] = Looked(
                _WHO.get(who, who),
                tuple(sorted({record.operation, *(() if seen is None else seen.did)})),
                record.purpose if told is None else told.says,
                1 if seen is None else seen.times + 1,
                record.at if seen is None else seen.last,
            )
        order = sorted(sums, key=lambda key: (_ORDER.index(key[0]) if key[0] in _ORDER else 0, key))
        refused = connection.execute(
            "SELECT count(*) FROM gp_denial WHERE tenant = ? AND actor_kind = 'subject' AND actor = ?", mine
        ).fetchone()
        counts = {
            "consent_record": int(events[0]),
            "access_record": others,
            "own_access_record": own,
            "denial_record": int(refused[0]),
        }
        return state is None or state[0] != 0, tuple(sums[key] for key in order), counts

    async with access_as(services, person, "honour_rights"):
        for category in ("access_record", "own_access_record", "consent_record", "denial_record"):
            await services.guard.decide_and_record(category, operation="read", subjects=[person.id])
        return await services.database.read(work)


def _may_read(services: Services, person: Person, category: str) -> bool:
    asked = Access(person.actor, "honour_rights", "read", category, None)
    facts = Facts(access=person.facts)
    return decide(services.guard.compiled, asked, facts, services.now()).effect is not Effect.DENY
