"""Asking for an image, and reading one's own.

A foreign id, a deleted one and one that never was run the same statements and give the same nothing (S7).
"""

from __future__ import annotations

import contextlib
import secrets
from typing import Any

from piccolo.columns.combination import Where
from piccolo.query import Select

from gptimage_core.clock import Instant
from gptimage_core.errors import StorageFull, VaultError
from gptimage_server import credits
from gptimage_server.features.images.choices import MAX_SEED, SIZES, Size
from gptimage_server.features.images.schemas import ImageView, JobView
from gptimage_server.gateways.renderer import MODEL
from gptimage_server.pictures import Column, read_picture
from gptimage_server.secrets import new_id
from gptimage_server.services import Services
from gptimage_server.tables import Image, Job
from gptimage_server.web.cursors import cursor_of, read_cursor
from gptimage_server.web.visitor import Person, access_as

__all__ = ["OVER", "Wish", "ask", "find", "find_job", "page_of", "picture"]

OVER = ("done", "failed")


class Wish:
    """What somebody asks for, checked."""

    def __init__(self, prompt: str, size: Size, style: str, seed: int | None) -> None:
        self.prompt = prompt
        self.size = size
        self.style = style
        self.seed = secrets.randbelow(MAX_SEED + 1) if seed is None else seed


async def ask(services: Services, person: Person, wish: Wish) -> tuple[str, str]:
    """Hold the credits, then write image and job; gives (image, job). Raises `credits.NotEnough`.

    Where the rows cannot be written (a full disk, a refusal) the credits come back and nothing is
    acknowledged; where even that cannot be written, the runner's round finds the hold and returns it.
    """
    image, job = new_id(), new_id()
    await credits.hold(services, person.id, job, wish.size.cost)
    try:
        async with access_as(services, person, "provide_service"), services.transaction():
            await Image.insert(
                Image(
                    id=image,
                    owner=person.id,
                    prompt=wish.prompt,
                    size=wish.size.name,
                    seed=wish.seed,
                    style=wish.style,
                    model=MODEL,
                    made_from_upload=False,
                )
            ).run()
            await Job.insert(
                Job(id=job, owner=person.id, image=image, state="waiting", progress=0, cost=wish.size.cost)
            ).run()
    except BaseException:
        with contextlib.suppress(StorageFull):
            await credits.give_back(services, person.id, job)
        raise
    return image, job


async def find(services: Services, person: Person, image: str) -> ImageView | None:
    """One image of the person's own, or nothing."""
    async with access_as(services, person, "provide_service"):
        rows = await _images().where(Image.owner == person.id, Image.id == image).limit(1)
        jobs = await _jobs([image])
    return _view(rows[0], jobs) if rows else None


async def page_of(
    services: Services, person: Person, after: str | None, limit: int
) -> tuple[tuple[ImageView, ...], str | None]:
    """Newest first, by key: (images, the cursor of the next page). An unreadable cursor is the first page."""
    query = _images().where(Image.owner == person.id)
    place = read_cursor(after)
    if place is not None:
        query = query.where(_older(*place))
    async with access_as(services, person, "provide_service"):
        rows = (
            await query.order_by(Image.recorded, ascending=False)
            .order_by(Image.id, ascending=False)
            .limit(limit + 1)
        )
        more, rows = len(rows) > limit, rows[:limit]
        jobs = await _jobs([row["id"] for row in rows]) if rows else {}
    following = cursor_of(rows[-1]["recorded"], rows[-1]["id"]) if more else None
    return tuple(_view(row, jobs) for row in rows), following


async def find_job(services: Services, person: Person, job: str) -> JobView | None:
    """How far a job of the person's own is."""
    async with access_as(services, person, "provide_service"):
        row = (
            await Job.select(Job.id, Job.image, Job.state, Job.progress)
            .where(Job.owner == person.id, Job.id == job)
            .first()
        )
    if row is None:
        return None
    return JobView(row["id"], row["image"], row["state"], row["progress"], row["state"] in OVER)


async def picture(services: Services, person: Person, image: str, column: Column) -> tuple[bytes, str] | None:
    """(bytes, media type) of a picture of one's own: read access first, then the blob."""
    field = Image.picture if column == "picture" else Image.thumbnail
    async with access_as(services, person, "provide_service"):
        row = (
            await Image.select(Image.tenant, field, Image.media_type)
            .where(Image.owner == person.id, Image.id == image)
            .first()
        )
    if row is None or row[column] is None:
        return None
    try:
        content = await read_picture(services, row["tenant"], person.id, image, column, row[column])
    except VaultError:
        return None  # deleted between the two: its key is gone
    return content, row["media_type"] if column == "picture" else "image/webp"


def _images() -> Select[Image]:
    return Image.select(
        Image.id,
        Image.prompt,
        Image.size,
        Image.seed,
        Image.style,
        Image.model,
        Image.recorded,
    )


def _older(recorded: Instant, id: str) -> Any:
    same: Where = Image.recorded == recorded
    return (Image.recorded < recorded) | (same & (Image.id < id))


async def _jobs(images: list[str]) -> dict[str, dict[str, Any]]:
    rows = await Job.select(Job.id, Job.image, Job.state, Job.progress, Job.cost).where(
        Job.image.is_in(images)
    )
    return {row["image"]: row for row in rows}


def _view(row: dict[str, Any], jobs: dict[str, dict[str, Any]]) -> ImageView:
    size = SIZES.get(row["size"]) or Size(row["size"], row["size"], 0, 0, 0)
    job = jobs.get(row["id"], {})
    done = job.get("state") == "done"
    base = f"/images/{row['id']}"
    return ImageView(
        id=row["id"],
        prompt=row["prompt"],
        size=row["size"],
        width=size.width,
        height=size.height,
        seed=row["seed"],
        style=row["style"],
        model=row["model"],
        made_at=row["recorded"],
        state=job.get("state", "failed"),
        progress=job.get("progress", 0),
        cost=job.get("cost", 0),
        job=job.get("id", ""),
        picture=f"{base}/picture" if done else None,
        thumbnail=f"{base}/thumbnail" if done else None,
    )
