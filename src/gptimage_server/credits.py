"""Credits: double-entry books, below the features that hold them and the one that shows them.

Each person has four accounts: `granted` (what we owe them, below zero), `available`, `held`, `spent`.
INVARIANT (double-entry): the entries of a transfer sum to zero, so a person's accounts do; each balance is
the sum of its entries.
INVARIANT (never-below-zero): one conditional UPDATE takes from an account, inside BEGIN IMMEDIATE, together
with the entries; of racing attempts only those for which there is enough are made.
INVARIANT (settled-once): what was held for a job is posted or given back exactly once, whoever tries how
often: both have one id, made from the job, and the first decides.
"""

from __future__ import annotations

import contextlib
import hashlib

from msgspec import Struct

from gptimage_core.clock import MINUTE, Instant
from gptimage_core.decision.model import Actor
from gptimage_core.errors import AccessDenied
from gptimage_server.secrets import new_id
from gptimage_server.services import Services
from gptimage_server.tables import CreditAccount, Entry, Job, Transfer
from gptimage_server.web.cursors import cursor_of, read_cursor
from gptimage_server.web.visitor import Person, access_as

__all__ = [
    "KINDS",
    "Balance",
    "Line",
    "NotEnough",
    "balance",
    "give_back",
    "grant_start",
    "history",
    "hold",
    "post",
    "return_orphans",
]

KINDS = ("granted", "available", "held", "spent")

_BOOKS = Actor.service("books")
_CHANGE = {"start": 1, "hold": -1, "posted": 0, "given_back": 1}
_ORPHAN_AGE = 5 * MINUTE


class NotEnough(Exception):
    """There are fewer credits than asked for; nothing was moved. `left` is what there is."""

    def __init__(self, left: int) -> None:
        self.left = left
        super().__init__("not enough credits")


class Balance(Struct, frozen=True):
    """Credits of one person: free to use, held for images under way, used up."""

    available: int
    held: int
    spent: int


class Line(Struct, frozen=True):
    """A line of the history: what moved, what for, and what it did to what is available (`change`)."""

    id: str
    at: Instant
    reason: str
    amount: int
    change: int


async def grant_start(services: Services, owner: str) -> None:
    """The starting credits, once for an account, ever: the transfer's id is made from the account's."""
    amount = services.count("starting_credits")
    if amount > 0:
        await _move(services, owner, "start", owner, amount, "granted", "available")


async def hold(services: Services, owner: str, job: str, amount: int) -> None:
    """Hold credits for a job before it is asked for; raises `NotEnough`. Twice for one job is once."""
    await grant_start(services, owner)
    await _move(services, owner, "hold", job, amount, "available", "held")


async def post(services: Services, owner: str, job: str) -> bool:
    """The job succeeded: what was held for it is spent. False where it was settled before."""
    return await _settle(services, owner, job, "posted", "spent")


async def give_back(services: Services, owner: str, job: str) -> bool:
    """The job came to nothing: what was held for it is available again. False where it was settled before."""
    return await _settle(services, owner, job, "given_back", "available")


async def balance(services: Services, person: Person) -> Balance:
    """The person's own look at their credits; the first one brings the starting grant.

    Looking works under restriction (X10); being granted something does not, and then there is nothing yet.
    """
    found = await _own(services, person)
    if not found:
        with contextlib.suppress(AccessDenied):
            await grant_start(services, person.id)
            found = await _own(services, person)
    return Balance(found.get("available", 0), found.get("held", 0), found.get("spent", 0))


async def _own(services: Services, person: Person) -> dict[str, int]:
    async with access_as(services, person, "bill_credits"):
        rows = await CreditAccount.select(CreditAccount.kind, CreditAccount.balance).where(
            CreditAccount.owner == person.id
        )
    return {row["kind"]: int(row["balance"]) for row in rows}


async def history(
    services: Services, person: Person, *, after: str | None = None, limit: int = 50
) -> tuple[tuple[Line, ...], str | None]:
    """The person's transfers, newest first, by key: (lines, the cursor of the next page)."""
    query = Transfer.select(Transfer.id, Transfer.recorded, Transfer.reason, Transfer.amount).where(
        Transfer.owner == person.id
    )
    place = read_cursor(after)
    if place is not None:
        same = Transfer.recorded == place[0]
        query = query.where((Transfer.recorded < place[0]) | (same & (Transfer.id < place[1])))
    async with access_as(services, person, "bill_credits"):
        rows = (
            await query.order_by(Transfer.recorded, ascending=False)
            .order_by(Transfer.id, ascending=False)
            .limit(limit + 1)
        )
    lines = tuple(
        Line(row["id"], row["recorded"], row["reason"], row["amount"], _CHANGE[row["reason"]] * row["amount"])
        for row in rows[:limit]
    )
    return lines, cursor_of(lines[-1].at, lines[-1].id) if len(rows) > limit else None


async def return_orphans(services: Services) -> int:
    """Give back what is held for a job that was never written or is over; returns how many.

    A crash between a hold and its job, or between a job's end and its settling, leaves such a hold. Young
    ones are left alone: their request may still be under way.
    """
    now = services.now()
    async with services.guard.access(_BOOKS, purpose="bill_credits"):
        owners = await CreditAccount.select(CreditAccount.owner).where(
            CreditAccount.kind == "held", CreditAccount.balance > 0
        )
        orphans: list[tuple[str, str]] = []
        for owner in (row["owner"] for row in owners):
            rows = await Transfer.select(Transfer.about, Transfer.reason, Transfer.recorded).where(
                Transfer.owner == owner, Transfer.reason.is_in(["hold", "posted", "given_back"])
            )
            settled = {row["about"] for row in rows if row["reason"] != "hold"}
            orphans += [
                (owner, row["about"])
                for row in rows
                if row["reason"] == "hold"
                and row["about"] not in settled
                and row["recorded"] < now - _ORPHAN_AGE
            ]
    count = 0
    for owner, job in orphans:
        state = await _state_of(services, job)
        if state == "done":
            count += await post(services, owner, job)
        elif state in ("", "failed"):
            count += await give_back(services, owner, job)
    return count


async def _state_of(services: Services, job: str) -> str:
    """The job's state; empty where there is no job to be seen: never written, or its image was deleted."""
    async with services.guard.access(_BOOKS, purpose="provide_service"):
        row = await Job.select(Job.state).where(Job.id == job).first()
    return "" if row is None else str(row["state"])


async def _settle(services: Services, owner: str, job: str, reason: str, target: str) -> bool:
    async with services.guard.access(_BOOKS, purpose="bill_credits", about=owner):
        held = await Transfer.select(Transfer.amount).where(Transfer.id == _derived("hold", job)).first()
    if held is None:
        return False
    return await _move(services, owner, reason, job, int(held["amount"]), "held", target, key="settle")


async def _move(
    services: Services,
    owner: str,
    reason: str,
    about: str,
    amount: int,
    source: str,
    target: str,
    *,
    key: str = "",
) -> bool:
    """Move `amount` once; False where this transfer was made before. Raises `NotEnough`, moving nothing."""
    transfer = _derived(key or reason, about)
    async with services.guard.access(_BOOKS, purpose="bill_credits", about=owner), services.transaction():
        if await Transfer.exists().where(Transfer.id == transfer):
            return False
        await _open_accounts(owner)
        taken = CreditAccount.balance - amount
        given = CreditAccount.balance + amount
        change = CreditAccount.update({CreditAccount.balance: taken}).where(
            CreditAccount.id == _derived(source, owner)
        )
        if source != "granted":
            change = change.where(CreditAccount.balance >= amount)
        if not await change.returning(CreditAccount.id):
            row = (
                await CreditAccount.select(CreditAccount.balance)
                .where(CreditAccount.id == _derived(source, owner))
                .first()
            )
            raise NotEnough(0 if row is None else int(row["balance"]))
        await (
            CreditAccount.update({CreditAccount.balance: given})
            .where(CreditAccount.id == _derived(target, owner))
            .run()
        )
        await Transfer.insert(
            Transfer(id=transfer, owner=owner, reason=reason, about=about, amount=amount)
        ).run()
        await Entry.insert(
            _entry(owner, transfer, source, -amount), _entry(owner, transfer, target, amount)
        ).run()
    return True


async def _open_accounts(owner: str) -> None:
    if await CreditAccount.exists().where(CreditAccount.id == _derived(KINDS[0], owner)):
        return
    await CreditAccount.insert(
        *(CreditAccount(id=_derived(kind, owner), owner=owner, kind=kind, balance=0) for kind in KINDS)
    ).run()


def _entry(owner: str, transfer: str, kind: str, amount: int) -> Entry:
    return Entry(id=new_id(), owner=owner, transfer=transfer, account=_derived(kind, owner), amount=amount)


def _derived(reason: str, about: str) -> str:
    """An opaque id that the same reason always makes again: 128 bits in hexadecimal."""
    return hashlib.sha256(f"{reason}\0{about}".encode()).hexdigest()[:32]
