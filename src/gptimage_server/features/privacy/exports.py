"""A copy of everything: made in one pass, sealed under the person's key while it is written, kept for the
policy's `export_life`, fetched with a sign-in not older than `export_sign_in` (S36, X10).

The archive dies with the account: its key does, at once (S32). A request that ends half-way leaves nothing,
since a blob has no name before it is whole.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import sqlite3
from collections.abc import AsyncIterator, Coroutine, Iterator
from typing import Any
from weakref import WeakValueDictionary

import msgspec
from msgspec import Struct

from gptimage_core.decision.model import Actor
from gptimage_core.errors import GptimageError, KeyErased
from gptimage_core.registry import Found, older_than
from gptimage_core.subjects.export import Archive
from gptimage_core.subjects.source import Source
from gptimage_core.vault.context import Context
from gptimage_server.features.privacy.schemas import ArchiveView
from gptimage_server.holdings import ARCHIVE
from gptimage_server.secrets import new_id
from gptimage_server.services import Services
from gptimage_server.tables import Export
from gptimage_server.web.errors import Missing
from gptimage_server.web.visitor import Person, access_as

__all__ = ["fetch", "is_fresh", "make", "remove", "sweep", "waiting"]

_SERVER = Actor.service("server")
_BUILDING: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()


class _Summary(Struct, frozen=True):
    """What the row says about its archive; it is sealed."""

    size: int
    sha256: str
    entries: int
    files: int


def is_fresh(services: Services, person: Person) -> bool:
    """Whether the sign-in is recent enough. The policy's rule asks it again: this only chooses the page."""
    return services.span("export_sign_in").after(person.signed_in_at) > services.now()


async def make(services: Services, person: Person) -> str:
    """Make an archive; gives its id. Raises `AccessDenied` where the sign-in is too old."""
    lock = _BUILDING.setdefault(person.id, asyncio.Lock())
    async with lock:
        export, version, now = new_id(), services.version(), services.now()
        loop = asyncio.get_running_loop()

        def wait(work: Coroutine[Any, Any, Any]) -> Any:
            return asyncio.run_coroutine_threadsafe(work, loop).result()

        async with access_as(services, person, "honour_rights", operation="export"):
            source = Source(
                services.guard,
                services.registry,
                services.blobs,
                person.actor,
                purpose="honour_rights",
                facts=person.facts,
                wait=wait,
            )
            archive = Archive(source, version, now)
            measured = _Measured(archive)
            place = _place(services, person, export)
            try:
                name = await asyncio.to_thread(services.blobs.put, place, measured)
            except KeyErased:
                raise Missing from None  # the account was deleted meanwhile
        manifest = archive.manifest
        assert manifest is not None
        entries = sum(manifest.counts.values())
        summary = _Summary(measured.size, measured.digest.hexdigest(), entries, len(manifest.files))
        try:
            async with services.guard.access(_SERVER, purpose="honour_rights", about=person.id):
                await Export.insert(
                    Export(
                        id=export,
                        owner=person.id,
                        archive=name,
                        summary=msgspec.json.encode(summary).decode(),
                    )
                ).run()
        except BaseException:
            # Nobody would find it again: deleted meanwhile, or no room for the row.
            services.blobs.delete(name)
            raise
        return export


async def waiting(services: Services, person: Person) -> tuple[ArchiveView, ...]:
    """The archives that wait, newest first."""
    async with access_as(services, person, "honour_rights"):
        rows = await Export.select(Export.id, Export.recorded, Export.summary).order_by(
            Export.recorded, ascending=False
        )
    life = services.span("export_life")
    found = []
    for row in rows:
        said = msgspec.json.decode(row["summary"], type=_Summary)
        until = life.after(row["recorded"])
        found.append(
            ArchiveView(row["id"], row["recorded"], until, said.size, said.sha256, said.entries, said.files)
        )
    return tuple(found)


async def fetch(services: Services, person: Person, export: str) -> tuple[int, AsyncIterator[bytes]]:
    """The archive's size and its bytes; `Missing` where there is none of theirs.

    Raises `AccessDenied` where the sign-in is too old: fetching is decided as `export`, not as reading.
    """
    async with access_as(services, person, "honour_rights", operation="export"):
        row = (
            await Export.select(Export.id, Export.archive, Export.summary).where(Export.id == export).first()
        )
    if row is None:
        raise Missing
    said = msgspec.json.decode(row["summary"], type=_Summary)
    pieces = await asyncio.to_thread(
        services.blobs.open, _place(services, person, export), str(row["archive"])
    )
    return said.size, _in_threads(pieces)


async def remove(services: Services, person: Person, export: str) -> None:
    """Take an archive away before its time; `Missing` where there is none of theirs."""
    async with access_as(services, person, "honour_rights"):
        row = await Export.select(Export.id, Export.archive).where(Export.id == export).first()
        if row is None:
            raise Missing
        await asyncio.to_thread(services.blobs.delete, str(row["archive"]))
        await Export.delete().where(Export.id == export).run()


async def sweep(services: Services) -> int:
    """Remove the archives whose time is over: the sealed bytes first, then their rows; returns how many.

    Of one that ended before (an item in it was deleted) the bytes go now and the row in its time.
    """
    now = services.now()
    cutoff = services.span("export_life").cutoff(now)

    def work(connection: sqlite3.Connection) -> tuple[list[Found], list[Found]]:
        registry = services.registry
        ended = list(older_than(connection, registry, ARCHIVE, now, "keep_ended"))
        return ended, list(older_than(connection, registry, ARCHIVE, cutoff))

    ended, over = await services.database.read(work)
    for found in (*ended, *over):
        if found.blob is not None:
            await asyncio.to_thread(services.blobs.delete, found.blob)
    if over:
        async with services.guard.access(_SERVER, purpose="meet_legal_duties"):
            await Export.delete().where(Export.recorded <= cutoff).run()
    return len(over)


class _Measured:
    """Passes the archive's bytes on and learns their length and digest."""

    def __init__(self, archive: Archive) -> None:
        self.size = 0
        self.digest = hashlib.sha256()
        self._archive = archive

    def __iter__(self) -> Iterator[bytes]:
        for piece in self._archive:
            self.size += len(piece)
            self.digest.update(piece)
            yield piece


def _place(services: Services, person: Person, export: str) -> Context:
    assert ARCHIVE.column is not None
    return services.guard.blob_context(
        ARCHIVE.table, ARCHIVE.column, ARCHIVE.category, tenant=person.tenant, subject=person.id, key=export
    )


async def _in_threads(pieces: Iterator[bytes]) -> AsyncIterator[bytes]:
    """Opening a sealed piece takes a disk and a cipher: not in the event loop."""
    try:
        while (piece := await asyncio.to_thread(next, pieces, None)) is not None:
            yield piece
    finally:
        close = getattr(pieces, "close", None)
        if close is not None:
            with contextlib.suppress(GptimageError, ValueError):
                close()
