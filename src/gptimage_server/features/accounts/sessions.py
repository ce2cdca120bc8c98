"""Sessions: beginning one, ending one, and taking down that it happened (S15)."""

from __future__ import annotations

import sqlite3

from gptimage_core.decision.model import Actor, Value
from gptimage_core.store.replay import enact
from gptimage_server.secrets import new_id, new_token, token_hash
from gptimage_server.services import Services
from gptimage_server.tables import SecurityEvent, Session
from gptimage_server.web.visitor import Person

__all__ = ["begin", "end", "seconds_of_life"]

_SERVER = Actor.service("server")


def seconds_of_life(services: Services) -> int:
    return services.span("session_life").microseconds // 1_000_000


async def begin(services: Services, person: str, ip_address: str) -> str:
    """A session that begins now; gives the token for the cookie. The data keeps its hash only."""
    now, token = services.now(), new_token()
    async with services.guard.access(_SERVER, purpose="honour_rights"):
        await Session.insert(
            Session(
                id=new_id(),
                owner=person,
                token_hash=token_hash(token),
                signed_in_at=now,
                expires_at=services.span("session_life").after(now),
            )
        ).run()
    await _take_down(services, person, "signed_in", ip_address)
    return token


async def end(services: Services, person: Person, ip_address: str) -> None:
    """End the person's present session, with an entry in the ledger of negative decisions in the same
    transaction, so that a restored backup does not bring it back (X8).
    """
    now = services.now()

    def revoke(connection: sqlite3.Connection) -> None:
        body: dict[str, Value] = {"session": person.session}
        enact(connection, services.ledger, "session_revoked", person.tenant, person.id, body, now)

    async with (
        services.guard.access(_SERVER, purpose="honour_rights"),
        services.transaction() as transaction,
    ):
        await Session.delete().where(Session.id == person.session).run()
        await services.guard.in_transaction(revoke, transaction.scope)
    await _take_down(services, person.id, "signed_out", ip_address)


async def _take_down(services: Services, person: str, kind: str, ip_address: str) -> None:
    async with services.guard.access(_SERVER, purpose="meet_legal_duties"):
        await SecurityEvent.insert(
            SecurityEvent(id=new_id(), owner=person, kind=kind, ip_address=ip_address)
        ).run()
