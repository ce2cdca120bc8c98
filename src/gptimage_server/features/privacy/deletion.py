"""The end of an account (S30, S32): the click, and the erasure that follows it.

T0 is the click. In one transaction: the policy decides, the ledger of negative decisions gets the entry and
is synced, the tombstone stands, every row has ended, the sessions are gone (X8). From its commit on nobody
reads anything of the person. Neither credits nor debts are asked about (X1), nor a restriction (X10).

Then the erasure, each step idempotent:

1  the person's key is destroyed, and every item's under it: unreadable here and in every backup
2  the blobs go: originals, thumbnails, archives; their names are opaque and stand unsealed
3  the rows go that the policy lets go; what the law makes us keep stays, readable for that purpose alone
4  when the policy's time is over, the sealed address and its key go too

INVARIANT (erasure-goes-on): the tombstone and what is left of the rows are the cursor. A crash at any point
leaves a deleted person with rows; `resume` finds them at the next start, and in rounds, and takes the same
way again. So does a restored backup, whose tombstones the ledger's replay puts back before.
A job of the person that runs is not live from T0 on: its late result has no key to be sealed under.
"""

from __future__ import annotations

import asyncio
import sqlite3
import sys
from collections.abc import Awaitable, Callable
from weakref import WeakKeyDictionary

from gptimage_core.clock import Instant
from gptimage_core.decision.decide import decide
from gptimage_core.decision.model import Access, Actor, Effect, Facts
from gptimage_core.errors import GptimageError
from gptimage_core.readings.prose import span_words
from gptimage_core.registry import of_person
from gptimage_core.store import subjects
from gptimage_server.features.privacy import exports
from gptimage_server.features.privacy.schemas import DeletedView, DeletionView, Remains
from gptimage_server.services import Services
from gptimage_server.tables import CreditAccount, Image
from gptimage_server.web.visitor import Person, access_as

__all__ = ["begin", "delete_account", "erase", "preview", "resume"]

_ERASER = Actor.service("eraser")
_PURPOSE = "honour_rights"
_ACCOUNTS = "accounts"
_ADDRESS = "account_email"
_BATCH = 200
_ROUND = 600.0
"""Seconds between two rounds."""
_PATIENCE = 20.0
"""Seconds that the answer waits for the erasure; what is unreadable is unreadable before it."""

_RUNNING: WeakKeyDictionary[Services, set[asyncio.Task[bool]]] = WeakKeyDictionary()


async def preview(services: Services, person: Person) -> DeletionView:
    """What would go and what would stay, with the policy's numbers."""
    now = services.now()
    async with access_as(services, person, _PURPOSE):
        images = await Image.count()
        rows = await CreditAccount.select(CreditAccount.balance).where(CreditAccount.kind == "available")
    return DeletionView(
        images=images,
        credits=sum(int(row["balance"]) for row in rows),
        address_until=_ceiling(services, _ADDRESS, now),
        backups_until=_ceiling(services, "prompt", now),
        remains=_remains(services),
    )


async def delete_account(services: Services, person: Person) -> DeletedView:
    """T0, then the erasure. Very large accounts go on erasing after the answer; a crash is resumed."""
    now = services.now()

    def tombstone(connection: sqlite3.Connection) -> None:
        subjects.delete(connection, services.ledger, person.tenant, person.id, now)

    async with access_as(services, person, _PURPOSE), services.transaction() as transaction:
        scope = transaction.scope
        await services.guard.decide_and_record(
            "account_record",
            operation="delete",
            subjects=[person.id],
            statement="DELETE account",
            scope=scope,
        )
        await services.guard.in_transaction(tombstone, scope)
    # Not the request's own task: whoever closes the browser now has deleted all the same.
    task = asyncio.create_task(_erase_quietly(services, person.tenant, person.id))
    running = _RUNNING.setdefault(services, set())
    running.add(task)
    task.add_done_callback(running.discard)
    await asyncio.wait({task}, timeout=_PATIENCE)
    return DeletedView(
        state="deleted",
        deleted_at=now,
        address_until=_ceiling(services, _ADDRESS, now),
        backups_until=_ceiling(services, "prompt", now),
        contact=services.version().document.controller.contact,
    )


async def _erase_quietly(services: Services, tenant: str, person: str) -> bool:
    try:
        await erase(services, tenant, person)
    except (GptimageError, OSError) as error:
        # Nobody reads it any more, and the next round goes on; what the person was told is true all the same.
        sys.stderr.write(f"erasing an account: {type(error).__qualname__}\n")
        return False
    return True


async def erase(services: Services, tenant: str, person: str) -> None:
    """Steps 1 to 3 for somebody who is deleted."""
    registry, database = services.registry, services.database
    await asyncio.to_thread(services.vault.destroy_person, tenant, person)  # 1
    order = registry.erasure_order()
    blobs = tuple(place for place in order if place.kind == "blob")

    def named(connection: sqlite3.Connection) -> list[str]:
        found = of_person(connection, registry, blobs, tenant, person)
        return [each.blob for each in found if each.blob is not None and not each.shared]

    for name in await database.read(named):  # 2
        await asyncio.to_thread(services.blobs.delete, name)
    for place in order:  # 3
        table = registry.table(place)
        if place.kind != "row" or place.table == _ACCOUNTS or not _may_go(services, table.categories):
            continue

        def keys(connection: sqlite3.Connection, place: object = place) -> list[str]:
            found = of_person(connection, registry, (place,), tenant, person)  # type: ignore[arg-type]  # bound
            return [each.key for each in found if not each.shared]

        await _delete(services, person, place.table, table.key, await database.read(keys))


async def resume(services: Services) -> int:
    """Erase everybody whose tombstone stands and of whom something is left; then the addresses that are over.

    Returns how many people's erasures it ended.
    """
    count = 0
    for tenant, person in await services.database.read(lambda c: _unfinished(c, services)):
        count += await _erase_quietly(services, tenant, person)
    await _forget_addresses(services)
    return count


async def begin(services: Services) -> Callable[[], Awaitable[None]]:
    """Resume erasures at the start, then in rounds; sweep old archives. Ends when the stop is awaited."""

    async def rounds() -> None:
        while True:
            try:
                await resume(services)
                await exports.sweep(services)
            except (GptimageError, OSError) as error:
                sys.stderr.write(f"erasures and exports: {type(error).__qualname__}\n")
            await asyncio.sleep(_ROUND)

    task = asyncio.create_task(rounds())

    async def stop() -> None:
        tasks = [task, *_RUNNING.get(services, ())]
        for each in tasks:
            each.cancel()  # the next start goes on
        await asyncio.gather(*tasks, return_exceptions=True)

    return stop


def _unfinished(connection: sqlite3.Connection, services: Services) -> list[tuple[str, str]]:
    registry = services.registry
    going = tuple(
        place
        for place in registry.erasure_order()
        if place.kind == "row"
        and place.table != _ACCOUNTS
        and _may_go(services, registry.table(place).categories)
    )
    people = connection.execute("SELECT tenant, subject FROM gp_subject_state WHERE deleted = 1").fetchall()
    return [
        (tenant, person)
        for tenant, person in people
        if any(not each.shared for each in of_person(connection, registry, going, tenant, person))
    ]


async def _forget_addresses(services: Services) -> None:
    """Step 4: the key of the address first, then the account's row (S30: 30 days)."""
    ceiling = services.version().document.category[_ADDRESS].gone_after
    assert ceiling is not None
    cutoff = ceiling.cutoff(services.now())

    def over(connection: sqlite3.Connection) -> list[tuple[str, str, str]]:
        return connection.execute(
            "SELECT a.tenant, a.owner, a.id FROM accounts AS a JOIN gp_subject_state AS s"
            " ON s.tenant = a.tenant AND s.subject = a.owner WHERE a.keep_ended <= ? AND s.deleted = 1",
            (cutoff,),
        ).fetchall()

    for tenant, person, key in await services.database.read(over):
        await asyncio.to_thread(services.vault.destroy_person, tenant, person, retention=_ADDRESS)
        await _delete(services, person, _ACCOUNTS, "id", [key])


async def _delete(services: Services, person: str, table: str, key: str, keys: list[str]) -> None:
    """Delete by key under the policy, a few at a time, so that no write lock is held for long."""
    for start in range(0, len(keys), _BATCH):
        batch = keys[start : start + _BATCH]
        marks = ", ".join("?" * len(batch))
        async with services.guard.access(_ERASER, purpose=_PURPOSE, about=person):
            await services.guard.run(f'DELETE FROM "{table}" WHERE "{key}" IN ({marks})', batch)  # noqa: S608


def _may_go(services: Services, categories: tuple[str, ...]) -> bool:
    """Whether the policy lets the service delete all of it, for somebody who is deleted."""
    for category in categories:
        asked = Access(_ERASER, _PURPOSE, "delete", category, None)
        decision = decide(services.guard.compiled, asked, Facts(), services.now())
        if decision.effect is Effect.DENY:
            return False
    return True


def _remains(services: Services) -> tuple[Remains, ...]:
    """What the policy keeps beyond the account, with how long and why, in its words (S30)."""
    found = []
    for name, category in services.version().document.category.items():
        ceiling = category.gone_after
        stays = name == _ADDRESS or not _may_go(services, (name,))
        if ceiling is None or category.about == "nobody" or not stays:
            continue
        found.append(Remains(category.says, span_words(ceiling), category.added))
    return tuple(found)


def _ceiling(services: Services, category: str, start: Instant) -> Instant:
    ceiling = services.version().document.category[category].gone_after
    assert ceiling is not None
    return ceiling.after(start)
