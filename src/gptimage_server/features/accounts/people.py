"""Finding a person by their address, and opening an account for somebody new.

The address is sealed; it is found by a keyed hash of its own (X7). INVARIANT (one-address-one-account): a
unique index over the hashes of kept accounts holds it in the database; here a lock per hash makes racing
links meet the account that the first of them opened.
"""

from __future__ import annotations

import asyncio
import sqlite3
from weakref import WeakValueDictionary

from msgspec import Struct

from gptimage_core.decision.model import DEFAULT_TENANT, Actor
from gptimage_core.errors import Conflict
from gptimage_core.store.state import create_subject
from gptimage_server.features.accounts.links import Claim
from gptimage_server.secrets import new_id
from gptimage_server.services import Services
from gptimage_server.tables import Acceptance, Account, NoticeShown
from gptimage_server.web.errors import NotAllowed
from gptimage_server.web.visitor import TERMS, Person, access_as

__all__ = [
    "Found",
    "accept_terms",
    "address_hash",
    "find_or_open",
    "has_accepted",
    "own_account",
    "show_notice",
]

_SERVER = Actor.service("server")
_LOCKS: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()


class Found(Struct, frozen=True):
    """Whose account it is, and whether it was opened just now."""

    id: str
    is_new: bool


def address_hash(services: Services, email: str) -> str:
    """The look-up hash: the whole address in lower case, so that typing it differently finds it again."""
    return services.secrets.keyed_hash("email", email.casefold())


async def find_or_open(services: Services, claim: Claim) -> Found:
    """The account of the claim's address, opened if there is none.

    Raises `NotAllowed` when there is none and the claim may not open one: the age gate comes first (S40).
    """
    hashed = address_hash(services, claim.email)
    lock = _LOCKS.setdefault(hashed, asyncio.Lock())
    async with lock:
        known = await _find(services, hashed)
        if known is not None:
            return Found(known, is_new=False)
        if not claim.may_open:
            raise NotAllowed("There is no account for this address yet. Start with your age and country.")
        return Found(await _open(services, claim, hashed), is_new=True)


async def _find(services: Services, hashed: str) -> str | None:
    async with services.guard.access(_SERVER, purpose="honour_rights"):
        row = (
            await Account.objects().where(Account.email_hash == hashed, Account.keep_ended.is_null()).first()
        )
    return None if row is None else str(row.owner)


async def _open(services: Services, claim: Claim, hashed: str) -> str:
    """In one transaction: what is known about the person, on which the row is decided; then the row."""
    person, now = new_id(), services.now()

    def state(connection: sqlite3.Connection) -> None:
        create_subject(
            connection,
            DEFAULT_TENANT,
            person,
            at=now,
            age_floor_is_met=True,
            account_is_active=True,
            jurisdiction=claim.country,
        )

    account = Account(
        id=person,
        owner=person,
        email=claim.email,
        email_hash=hashed,
        state="active",
        age_outcome="old_enough",
        country=claim.country,
    )
    async with services.guard.access(_SERVER, purpose="provide_service"):
        try:
            async with services.transaction() as transaction:
                await services.guard.in_transaction(state, transaction.scope)
                await Account.insert(account).run()
        except Conflict:
            # The address is still held by an account nobody may see any more: its deletion is under way.
            raise NotAllowed("An account with this address is just being deleted. Try again later.") from None
    return person


async def own_account(services: Services, person: Person) -> Account | None:
    """The person's own row, opened for them."""
    async with access_as(services, person, "honour_rights"):
        return await Account.objects().where(Account.id == person.id).first()


async def has_accepted(services: Services, person: Person) -> bool:
    async with access_as(services, person, "honour_rights"):
        return await Acceptance.exists().where(Acceptance.owner == person.id, Acceptance.terms == TERMS)


async def show_notice(services: Services, person: Person) -> None:
    """Take down that the notice in effect was shown: one record for each version (X13); no consent."""
    version = services.version()
    async with access_as(services, person, "honour_rights"):
        if await NoticeShown.exists().where(
            NoticeShown.owner == person.id, NoticeShown.policy_digest == version.digest
        ):
            return
        await NoticeShown.insert(
            NoticeShown(
                id=new_id(), owner=person.id, policy_version=version.number, policy_digest=version.digest
            )
        ).run()


async def accept_terms(services: Services, person: Person) -> None:
    """Take down that the terms were accepted; switches no consent (S1, X13). Twice is once."""
    if await has_accepted(services, person):
        return
    async with access_as(services, person, "honour_rights"):
        await Acceptance.insert(Acceptance(id=new_id(), owner=person.id, terms=TERMS)).run()
