"""The end of an image: the click, ten seconds to take it back, then for good (S32).

T0 is the click: `keep_ended` is set on the image, its references and its job in one transaction, and from
then on nobody reads them. Within the undo window the owner alone can clear it. Click and undo stand in the
ledger of negative decisions in that transaction, so that a restored backup knows both (X8): a copy from
before the click does not show the image again, a copy from between the two does not lose it. Afterwards the
finisher, in one transaction:

1  the policy decides the DELETE of the rows (nothing is destroyed that may not be)
2  the ledger of negative decisions gets `item_deleted` and is synced (X8)
3  the item's key is destroyed: unreadable here and in every backup
4  picture and thumbnail are removed
5  the rows' deletion is committed
6  credits that are still held for the image come back

A crash before 2 changes nothing; after it the rows are back (rolled back) and ended by the ledger's replay,
and the finisher takes the same way again: each step is idempotent. `delete_now` is the same way under the
owner's own access, without waiting.
"""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import sys
from collections.abc import Awaitable, Callable
from weakref import WeakKeyDictionary

from gptimage_core.adapters.piccolo.transactions import Transaction
from gptimage_core.clock import Instant
from gptimage_core.decision.model import Actor
from gptimage_core.errors import GptimageError
from gptimage_core.ports.keys import KeyState
from gptimage_core.store.ledger import Kind
from gptimage_core.store.replay import enact
from gptimage_server import credits
from gptimage_server.pictures import remove_pictures
from gptimage_server.services import Services
from gptimage_server.tables import Image, Job, Reference
from gptimage_server.web.visitor import Person, access_as

__all__ = ["begin", "click", "delete_now", "sweep", "undo"]

_FINISHER = Actor.service("finisher")
_PAUSE = 1.0
_ROUND = 600.0
"""Seconds between two looks at everything, for what a crash or another process left."""

_WAITING: WeakKeyDictionary[Services, set[Instant]] = WeakKeyDictionary()


class _NotDue(Exception):
    """There is no such image, or the policy does not let this actor delete it: nothing is changed."""


async def click(services: Services, person: Person, image: str) -> Instant | None:
    """T0: from here on nobody reads it. Gives the instant, or nothing where there is no such image."""
    async with access_as(services, person, "honour_rights"), services.transaction() as transaction:
        now = services.now()
        if not await Image.exists().where(Image.id == image, Image.owner == person.id):
            return None
        await Job.update({Job.keep_ended: now}).where(Job.image == image, Job.keep_ended.is_null()).run()
        await (
            Reference.update({Reference.keep_ended: now})
            .where(Reference.image == image, Reference.keep_ended.is_null())
            .run()
        )
        await Image.update({Image.keep_ended: now}).where(Image.id == image, Image.keep_ended.is_null()).run()
        await _remember(services, transaction, "item_deleted", person.tenant, person.id, image)
    _WAITING.setdefault(services, set()).add(services.span("undo_window").after(now))
    return now


async def undo(services: Services, person: Person, image: str) -> bool:
    """Take the click back, within the window the policy gives; False where there is nothing to take back.

    Where the key is destroyed (a deletion at once that a crash interrupted, or one that was final before a
    backup was restored) there is nothing any more.
    """
    if services.vault.state(person.tenant, person.id, image) is KeyState.ERASED:
        return False
    async with access_as(services, person, "honour_rights"), services.transaction() as transaction:
        back = (
            await Image.update({Image.keep_ended: None})
            .where(Image.id == image, Image.owner == person.id)
            .returning(Image.id)
        )
        if not await Image.exists().where(Image.id == image, Image.owner == person.id):
            return False
        await Reference.update({Reference.keep_ended: None}).where(Reference.image == image).run()
        await Job.update({Job.keep_ended: None}).where(Job.image == image).run()
        if back:
            await _remember(services, transaction, "correction", person.tenant, person.id, image)
    return True


async def delete_now(services: Services, person: Person, image: str) -> bool:
    """For good at once, by the owner's own access; False where there is no such image."""
    jobs = await _erase(services, person.actor, person.id, person.tenant, image)
    if jobs is None:
        return False
    for job in jobs:
        await credits.give_back(services, person.id, job)
    return True


async def sweep(services: Services) -> int:
    """Finish every deletion whose window is over; returns how many. Each one alone: one that fails stays
    unreadable and is tried again in the next round."""
    cutoff = services.span("undo_window").cutoff(services.now())

    def due(connection: sqlite3.Connection) -> list[tuple[str, str, str]]:
        return connection.execute(
            "SELECT id, owner, tenant FROM images WHERE keep_ended <= ?", (cutoff,)
        ).fetchall()

    rows = await services.database.read(due)
    count = 0
    for image, owner, tenant in rows:
        try:
            jobs = await _erase(services, _FINISHER, owner, tenant, image)
            for job in jobs or ():
                await credits.give_back(services, owner, job)
            count += jobs is not None
        except GptimageError as error:
            sys.stderr.write(f"finishing a deletion: {type(error).__qualname__}\n")
    return count


async def _erase(services: Services, actor: Actor, owner: str, tenant: str, image: str) -> list[str] | None:
    """The steps 1 to 5; gives the image's jobs, or nothing where `actor` finds no such image."""
    access = services.guard.access(
        actor,
        purpose="honour_rights",
        about=owner,
        facts={"signed_in": True} if actor.kind == "subject" else {},
    )
    with contextlib.suppress(_NotDue):
        async with access, services.transaction() as transaction:
            names, jobs = await services.guard.in_transaction(
                lambda connection: _held(connection, tenant, owner, image), transaction.scope
            )
            await Reference.delete().where(Reference.image == image).run()  # 1
            await Job.delete().where(Job.image == image).run()
            if not await Image.delete().where(Image.id == image, Image.owner == owner).returning(Image.id):
                raise _NotDue
            await _remember(services, transaction, "item_deleted", tenant, owner, image)  # 2
            await asyncio.to_thread(services.vault.destroy_item, tenant, owner, image)  # 3
            await remove_pictures(services, names)  # 4
        return jobs  # 5 was the transaction's end
    return None


async def _remember(
    services: Services, transaction: Transaction, kind: Kind, tenant: str, owner: str, image: str
) -> None:
    """Into the ledger of negative decisions, in the transaction that is open."""
    now = services.now()

    def work(connection: sqlite3.Connection) -> None:
        enact(connection, services.ledger, kind, tenant, owner, {"item": image}, now)

    await services.guard.in_transaction(work, transaction.scope)


def _held(connection: sqlite3.Connection, tenant: str, owner: str, image: str) -> tuple[list[str], list[str]]:
    """The blobs and the jobs of an image: names and ids, no content.

    Looked up beside the policy's reads, as every erasure is: what is over its ceiling nobody may read any
    more, and a server that stood still for longer than that must still find it (S32). Names stand in the row
    unsealed: a key that is destroyed already (a crash after step 3) hides nothing that must be removed.
    """
    place = (tenant, owner, image)
    rows = connection.execute(
        "SELECT picture, thumbnail FROM images WHERE tenant = ? AND owner = ? AND id = ?", place
    ).fetchall()
    if not rows:
        raise _NotDue
    references = connection.execute("SELECT blob FROM reference_images WHERE image = ?", (image,)).fetchall()
    jobs = connection.execute("SELECT id FROM jobs WHERE image = ?", (image,)).fetchall()
    return [name for row in (*rows, *references) for name in row if name], [id for (id,) in jobs]


async def begin(services: Services) -> Callable[[], Awaitable[None]]:
    """Finish what is due: at the start, when a window ends, and in rounds, until the stop is awaited."""
    waiting = _WAITING.setdefault(services, set())

    async def rounds() -> None:
        loop = asyncio.get_running_loop()
        next_round = loop.time()
        while True:
            now = services.now()
            due = {instant for instant in waiting if instant <= now}
            if due or loop.time() >= next_round:
                try:
                    await sweep(services)
                    waiting.difference_update(due)
                except GptimageError as error:
                    sys.stderr.write(f"finishing deletions: {type(error).__qualname__}\n")
                next_round = loop.time() + _ROUND
            await asyncio.sleep(_PAUSE)

    task = asyncio.create_task(rounds())

    async def stop() -> None:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task

    return stop
