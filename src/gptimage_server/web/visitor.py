"""Who is asking: the session's cookie, looked up by the hash of its token.

A handler asks for what it needs, by parameter name; `Given` says that the app fills it in:
`visitor: Given[Person | None]` (signed in or not), `person: Given[Person]` (signed in; else `SignInFirst`),
`member: Given[Person]` (signed in and the terms accepted; else `TermsFirst`). A person's own rights ask for
`person` only, since they hold before any acceptance (X10).
"""

from __future__ import annotations

from typing import Any

from litestar.di import NamedDependency as Given
from msgspec import Struct

from gptimage_core.clock import Instant
from gptimage_core.decision.model import DEFAULT_TENANT, Actor, Value
from gptimage_core.guard.handles import AccessBlock
from gptimage_server.secrets import same, token_hash
from gptimage_server.services import Services
from gptimage_server.tables import Acceptance, Session
from gptimage_server.web.answers import AppRequest
from gptimage_server.web.cookies import SESSION
from gptimage_server.web.errors import SignInFirst, TermsFirst

__all__ = [
    "TERMS",
    "Given",
    "Person",
    "access_as",
    "provide_member",
    "provide_person",
    "provide_services",
    "provide_visitor",
]

TERMS = "terms-1"
"""The terms' version; a new one asks everybody again."""

_SERVER = Actor.service("server")
_TOKEN_LENGTH = 43


class Person(Struct, frozen=True):
    """Somebody who is signed in."""

    id: str
    session: str
    signed_in_at: Instant
    tenant: str = DEFAULT_TENANT

    @property
    def actor(self) -> Actor:
        return Actor.subject(self.id, self.tenant)

    @property
    def facts(self) -> dict[str, Value]:
        """What an access by this person may know about the access itself."""
        return {"signed_in": True, "signed_in_at": self.signed_in_at}


def access_as(services: Services, person: Person, purpose: str, **more: Any) -> AccessBlock:
    """`async with access_as(services, person, "provide_service"):` an access to this person's own rows."""
    return services.guard.access(person.actor, purpose=purpose, about=person.id, facts=person.facts, **more)


def provide_services(request: AppRequest) -> Services:
    services: Services = request.app.state.services
    return services


async def provide_visitor(request: AppRequest, services: Given[Services]) -> Person | None:
    """The person behind the session's cookie, or nobody; `request.state.person` for the page's head."""
    person = await find_session(services, request.cookies.get(SESSION, ""))
    request.state.person = person
    return person


async def provide_person(visitor: Given[Person | None]) -> Person:
    if visitor is None:
        raise SignInFirst
    return visitor


async def provide_member(person: Given[Person], services: Given[Services]) -> Person:
    async with access_as(services, person, "honour_rights"):
        accepted = await Acceptance.exists().where(
            (Acceptance.owner == person.id) & (Acceptance.terms == TERMS)
        )
    if not accepted:
        raise TermsFirst
    return person


async def find_session(services: Services, token: str) -> Person | None:
    """Look up by the token's hash, then compare in constant time; nothing is said about why not."""
    if len(token) != _TOKEN_LENGTH:
        return None
    hashed, now = token_hash(token), services.now()
    async with services.guard.access(_SERVER, purpose="honour_rights"):
        row = await Session.objects().where(Session.token_hash == hashed).first()
    if row is None or not same(row.token_hash, hashed) or row.expires_at <= now:
        return None
    return Person(id=row.owner, session=row.id, signed_in_at=row.signed_in_at, tenant=row.tenant)
