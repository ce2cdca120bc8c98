"""A training set of what owners consented to: one statement an item, so a withdrawal binds the very next one.

INVARIANT (consent-at-the-read, S17): each item is the answer of a statement of its own, under the operation
`train` for the purpose `model_training`; the policy's rule (consent, age, an active account, not made from an
upload) is part of that statement, read in its transaction. Nothing is read ahead.

The set is a folder: `manifest.jsonl`, one line an image with its prompt and parameters, `images/`, and
`collection.json`. It stands whole or not at all: it is written beside its place and moved there at the end.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import shutil
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any, BinaryIO

import msgspec
from msgspec import Struct

from gptimage_core.clock import to_iso
from gptimage_core.decision.model import Actor
from gptimage_core.errors import GptimageError, StoreError, VaultError
from gptimage_server.pictures import read_picture
from gptimage_server.services import Services
from gptimage_server.tables import Image

__all__ = ["CollectError", "Collected", "collect", "run"]

_TRAINER = Actor.service("trainer")
_LINE = ("prompt", "style", "size", "seed", "model")


class CollectError(GptimageError):
    """The output folder cannot be what it should be; nothing was read."""


class Collected(Struct, frozen=True):
    """What was collected: how many images of how many people, where, when, under which policy."""

    images: int
    people: int
    out: str
    as_of: str
    policy: str


class _Draft:
    """The set while it is made: a hidden folder beside its place."""

    def __init__(self, out: Path) -> None:
        if out.exists() and (not out.is_dir() or any(out.iterdir())):
            raise CollectError(f"`{out}` is there already; name a folder that does not exist or is empty")
        self.out = out
        self.images = 0
        self.folder = out.absolute().parent / f".{out.name}.{secrets.token_hex(4)}.partial"
        (self.folder / "images").mkdir(parents=True, mode=0o700)
        self._manifest = (self.folder / "manifest.jsonl").open("xb")

    def add(self, content: bytes, line: dict[str, Any]) -> None:
        self.images += 1
        name = f"images/{self.images:06}.png"
        with (self.folder / name).open("xb") as file:
            file.write(content)
            _settle(file)
        self._manifest.write(
            msgspec.json.encode({"image": name, "sha256": sha256(content).hexdigest(), **line}) + b"\n"
        )

    def finish(self, summary: dict[str, Any]) -> None:
        """Everything on disk, then in its place in one step."""
        with self._manifest:
            _settle(self._manifest)
        with (self.folder / "collection.json").open("xb") as file:
            file.write(msgspec.json.format(msgspec.json.encode(summary), indent=2) + b"\n")
            _settle(file)
        self.folder.replace(self.out)

    def drop(self) -> None:
        self._manifest.close()
        shutil.rmtree(self.folder, ignore_errors=True)


async def collect(
    services: Services,
    out: Path,
    *,
    limit: int | None = None,
    progress: Callable[[int], None] | None = None,
) -> Collected:
    """Collect into the folder `out`, which must not exist or be empty; `progress(images so far)`.

    Raises `CollectError` for a folder that is in use; on this or any other error nothing is left behind.
    """
    as_of, digest = to_iso(services.now()), services.version().digest
    draft = _Draft(out)
    try:
        people = await _items(services, draft, limit, progress)
        await asyncio.to_thread(
            draft.finish, {"images": draft.images, "people": people, "as_of": as_of, "policy": digest}
        )
    except BaseException:
        draft.drop()
        raise
    return Collected(draft.images, people, str(out), as_of, digest)


async def _items(
    services: Services, draft: _Draft, limit: int | None, progress: Callable[[int], None] | None
) -> int:
    """All items, one after the other; gives the number of their people."""
    last, people = "", set[str]()
    while limit is None or draft.images < limit:
        row = await _next(services, last)
        if row is None:
            break
        last = row["id"]
        content = await _picture(services, row)
        if content is None:
            continue
        line = {"item": row["id"], **{name: row[name] for name in _LINE}}
        await asyncio.to_thread(draft.add, content, line)
        people.add(row["owner"])
        if progress is not None:
            progress(draft.images)
    return len(people)


async def _next(services: Services, last: str) -> dict[str, Any] | None:
    """The next item that may be trained on now: one statement, decided by itself."""
    access = services.guard.access(_TRAINER, purpose="model_training", operation="train")
    async with access:
        row: dict[str, Any] | None = (
            await Image.select(
                Image.id,
                Image.owner,
                Image.tenant,
                Image.prompt,
                Image.style,
                Image.size,
                Image.seed,
                Image.model,
                Image.picture,
                Image.picture_sha256,
            )
            .where(Image.id > last)
            .order_by(Image.id)
            .first()
        )
    return row


async def _picture(services: Services, row: dict[str, Any]) -> bytes | None:
    """The bytes, or nothing where there are none yet, or no more: a deletion since has taken the key."""
    if not row["picture"] or not isinstance(row["picture_sha256"], str):
        return None
    try:
        content = await read_picture(
            services, row["tenant"], row["owner"], row["id"], "picture", row["picture"]
        )
    except (VaultError, StoreError):
        return None
    return content if sha256(content).hexdigest() == row["picture_sha256"] else None


def _settle(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())


def run(
    services: Services, out: Path, limit: int | None, progress: Callable[[int], None] | None
) -> Collected:
    """`collect` for a command: in a loop of its own, closing the services at the end."""

    async def work() -> Collected:
        try:
            return await collect(services, out, limit=limit, progress=progress)
        finally:
            await services.close()

    return asyncio.run(work())
