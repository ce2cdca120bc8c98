"""The runner: jobs in this process, one lease for all processes, ids only.

A job is claimed by one conditional UPDATE; its `attempts` is the fence: whoever does not hold the newest
attempt writes nothing. Each step opens an access of its own, with `job_is_live` computed from the job's row
at that moment, never carried (S23). The prompt and the parameters go to the renderer through sharing (S20,
S24) and nowhere else.

What a crash leaves, and what the next holder of the lease does with it:
- claimed, not finished: tried again, given up after three attempts with the credits returned
- finished, not posted: `credits.return_orphans` posts it
- a hold without a job: `credits.return_orphans` gives it back
A job whose image is deleted while it runs is not live any more: its late result is thrown away. Its credits
are settled by the deletion, once; an undo puts the job back in the queue.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import io
import secrets
import sys
from collections.abc import Awaitable, Callable
from hashlib import sha256
from typing import Any
from weakref import WeakKeyDictionary

from msgspec import Struct
from PIL import Image as Pictures

from gptimage_core.clock import SECOND
from gptimage_core.decision.model import Actor
from gptimage_core.errors import AccessDenied, GptimageError, StorageFull
from gptimage_core.guard.handles import AccessBlock
from gptimage_core.sharing.egress import Part
from gptimage_core.sharing.stored import RowRef
from gptimage_core.store import leases
from gptimage_server import credits
from gptimage_server.features.images.choices import SIZES
from gptimage_server.gateways.renderer import MODEL, Rendering
from gptimage_server.liveness import LiveJobs
from gptimage_server.pictures import put_picture, remove_pictures
from gptimage_server.secrets import new_id
from gptimage_server.services import Services
from gptimage_server.tables import Image, Job, ModelEvent

__all__ = ["Runner", "begin", "thumbnail_of", "wake"]

_QUEUE = Actor.service("queue")
_RENDERER = Actor.service("renderer")
_PURPOSE = "provide_service"
_LEASE = "jobs"
_LEASE_LENGTH = 20 * SECOND
_TICK = 6.0
"""Seconds between two renewals of the lease; three fit into its length."""
_ROUND = 300.0
"""Seconds between two looks for what nobody else finds: lost jobs, holds without a job."""
_SLOTS = 2
_ATTEMPTS = 3
_STEP = 0.12
_THUMBNAIL = 480

_RUNNERS: WeakKeyDictionary[Services, Runner] = WeakKeyDictionary()


class _Claim(Struct, frozen=True):
    job: str
    image: str
    owner: str
    tenant: str
    attempt: int


class _Gone(Exception):
    """The job is not live any more: nothing of it is kept."""


def wake(services: Services) -> None:
    """There is something to do. Without a runner here, another process's finds it in its round."""
    runner = _RUNNERS.get(services)
    if runner is not None:
        runner.wake()


async def begin(services: Services) -> Callable[[], Awaitable[None]]:
    """Start the runner; `BACKGROUND` of the app."""
    runner = Runner(services)
    _RUNNERS[services] = runner
    task = asyncio.create_task(runner.run())

    async def stop() -> None:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        await runner.close()

    return stop


class Runner:
    """Takes jobs in their order while it holds the lease, two at a time."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._live = LiveJobs(services.guard)
        self._bell = asyncio.Event()
        self._holder = secrets.token_hex(8)
        self._lease: leases.Lease | None = None
        self._active: dict[str, asyncio.Task[None]] = {}
        self._look_back = True

    def wake(self) -> None:
        """Look at the queue now; jobs that nobody runs are found again too (an undo brings them back)."""
        self._look_back = True
        self._bell.set()

    async def run(self) -> None:
        """Until cancelled."""
        loop, next_round = asyncio.get_running_loop(), 0.0
        while True:
            self._bell.clear()
            try:
                if await self._hold_lease():
                    if self._look_back or loop.time() >= next_round:
                        self._look_back = False
                        await self._recover()
                    if loop.time() >= next_round:
                        next_round = loop.time() + _ROUND
                        await credits.return_orphans(self._services)
                    await self._fill()
            except GptimageError as error:  # a full disk, a lost lease: the next round tries again
                _say("the queue", error)
            with contextlib.suppress(TimeoutError):
                # Not `wait_for`: before Python 3.12 it forgets a cancellation that comes with the bell, and
                # the server would never stop.
                async with asyncio.timeout(_TICK):
                    await self._bell.wait()

    async def close(self) -> None:
        """Stop what runs (it is found again at the next start) and give the lease back."""
        tasks = list(self._active.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        lease = self._lease
        if lease is not None:
            with contextlib.suppress(GptimageError):
                await self._services.database.write(lambda connection: leases.release(connection, lease))

    # The queue

    async def _hold_lease(self) -> bool:
        now, database, held = self._services.now(), self._services.database, self._lease
        if held is not None:
            with contextlib.suppress(GptimageError):
                lease = held
                self._lease = await database.write(
                    lambda connection: leases.renew(connection, lease, now, _LEASE_LENGTH)
                )
                return True
        self._lease = await database.write(
            lambda connection: leases.acquire(connection, _LEASE, self._holder, now, _LEASE_LENGTH)
        )
        self._look_back = self._look_back or self._lease is not None
        return self._lease is not None

    async def _recover(self) -> None:
        """Put back what is running nowhere: only the lease's holder runs, and it knows what it runs."""
        async with self._services.guard.access(_QUEUE, purpose=_PURPOSE):
            rows = await Job.select(Job.id, Job.owner, Job.image, Job.tenant, Job.attempts).where(
                Job.state == "running"
            )
            lost = [row for row in rows if row["id"] not in self._active]
            for row in lost:
                if row["attempts"] < _ATTEMPTS:
                    await (
                        Job.update({Job.state: "waiting", Job.progress: 0})
                        .where(Job.id == row["id"], Job.state == "running")
                        .run()
                    )
        for row in lost:
            if row["attempts"] >= _ATTEMPTS:
                claim = _Claim(row["id"], row["image"], row["owner"], row["tenant"], row["attempts"])
                await self._fail(claim, "given_up")

    async def _fill(self) -> None:
        while len(self._active) < _SLOTS and (claim := await self._claim()) is not None:
            task = asyncio.create_task(self._work(claim))
            self._active[claim.job] = task
            task.add_done_callback(functools.partial(self._over, claim.job))

    def _over(self, job: str, task: asyncio.Task[None]) -> None:
        self._active.pop(job, None)
        error = None if task.cancelled() else task.exception()
        if error is not None:  # not even its end could be written: it is found again, running nowhere
            _say("a job", error)
        self._bell.set()

    async def _claim(self) -> _Claim | None:
        """The oldest waiting job, taken by one conditional UPDATE under the lease."""
        services, lease = self._services, self._lease
        assert lease is not None
        async with services.guard.access(_QUEUE, purpose=_PURPOSE), services.transaction() as transaction:
            now = services.now()
            await services.guard.in_transaction(
                lambda connection: leases.require(connection, lease, now), transaction.scope
            )
            row = (
                await Job.select(Job.id, Job.owner, Job.image, Job.tenant, Job.attempts)
                .where(Job.state == "waiting")
                .order_by(Job.recorded)
                .first()
            )
            if row is None:
                return None
            claim = _Claim(row["id"], row["image"], row["owner"], row["tenant"], int(row["attempts"]) + 1)
            await (
                Job.update({Job.state: "running", Job.started_at: now, Job.attempts: claim.attempt})
                .where(Job.id == claim.job, Job.state == "waiting")
                .run()
            )
        return claim

    # One job

    async def _work(self, claim: _Claim) -> None:
        begun = asyncio.get_running_loop().time()
        outcome = "succeeded"
        try:
            await self._make(claim)
            await credits.post(self._services, claim.owner, claim.job)
        except _Gone:
            return
        except Exception as error:
            if not await self._is_live(claim):
                return  # deleted while it was made: that its access was denied is as it must be
            _say("a job", error)
            outcome = "failed"
            fault = "no_room" if isinstance(error, StorageFull) else "renderer_failed"
            with contextlib.suppress(GptimageError):  # it stays running, and the next round finds it
                await self._fail(claim, fault)
        taken = round((asyncio.get_running_loop().time() - begun) * 1000)
        with contextlib.suppress(GptimageError):
            await self._note(claim, taken, outcome)

    async def _make(self, claim: _Claim) -> None:
        """Read, share, draw, keep. Raises `_Gone` as soon as the job is not live."""
        rendering = await self._share(claim)
        shown = 0
        while not await rendering.wait(_STEP):
            if rendering.progress >= shown + 5:
                shown = rendering.progress
                await self._progress(claim, shown)
        content = await rendering.png()
        small = await asyncio.to_thread(thumbnail_of, content)
        await self._keep(claim, content, small)

    async def _share(self, claim: _Claim) -> Rendering:
        async with self._access(claim, await self._is_live(claim)):
            try:
                row = (
                    await Image.select(Image.prompt, Image.size, Image.seed, Image.style)
                    .where(Image.id == claim.image)
                    .first()
                )
            except AccessDenied as error:
                raise _Gone from error
        if row is None:
            raise _Gone
        return await self._draw(claim, row)

    async def _draw(self, claim: _Claim, row: dict[str, Any]) -> Rendering:
        services = self._services
        size, here = SIZES[row["size"]], (RowRef("images", claim.image),)
        parameters = {
            "style": row["style"],
            "seed": row["seed"],
            "width": size.width,
            "height": size.height,
        }
        shared = await services.egress.share(
            _RENDERER,
            to="builtin_renderer",
            purpose=_PURPOSE,
            parts=[
                Part("prompt", {"prompt": row["prompt"]}, here),
                Part("generation_parameters", {"generation_parameters": parameters}, here),
            ],
            job=claim.job,
        )
        rendering: Rendering = shared.answer
        return rendering

    async def _keep(self, claim: _Claim, content: bytes, small: bytes) -> None:
        """Blobs first, then image and job in one transaction that only the newest attempt can win."""
        services, place = self._services, (claim.tenant, claim.owner, claim.image)
        names: list[str] = []
        try:
            if not await self._is_live(claim):
                raise _Gone
            names.append(await put_picture(services, *place, "picture", content))
            names.append(await put_picture(services, *place, "thumbnail", small))
            async with self._access(claim, await self._is_live(claim)), services.transaction():
                now = services.now()
                won = (
                    await Job.update({Job.state: "done", Job.progress: 100, Job.ended_at: now})
                    .where(Job.id == claim.job, Job.state == "running", Job.attempts == claim.attempt)
                    .returning(Job.id)
                )
                kept = won and (
                    await Image.update(
                        {
                            Image.picture: names[0],
                            Image.thumbnail: names[1],
                            Image.media_type: "image/png",
                            Image.picture_sha256: sha256(content).hexdigest(),
                        }
                    )
                    .where(Image.id == claim.image)
                    .returning(Image.id)
                )
                if not kept:
                    raise _Gone
        except BaseException:
            await asyncio.shield(remove_pictures(services, names))
            raise

    async def _progress(self, claim: _Claim, percent: int) -> None:
        async with self._services.guard.access(_QUEUE, purpose=_PURPOSE, about=claim.owner):
            await (
                Job.update({Job.progress: percent})
                .where(Job.id == claim.job, Job.state == "running", Job.attempts == claim.attempt)
                .run()
            )

    async def _fail(self, claim: _Claim, fault: str) -> None:
        """The credits first: a crash between the two leaves a job that is tried again, not credits lost."""
        services = self._services
        await credits.give_back(services, claim.owner, claim.job)
        async with services.guard.access(_QUEUE, purpose=_PURPOSE, about=claim.owner):
            await (
                Job.update({Job.state: "failed", Job.fault: fault, Job.ended_at: services.now()})
                .where(Job.id == claim.job, Job.state == "running", Job.attempts == claim.attempt)
                .run()
            )

    async def _note(self, claim: _Claim, taken: int, outcome: str) -> None:
        """Which model ran, how long, whether it succeeded; nothing else (S10)."""
        async with self._services.guard.access(Actor.service("server"), purpose="bill_credits"):
            await ModelEvent.insert(
                ModelEvent(id=new_id(), job=claim.job, model=MODEL, duration_ms=taken, outcome=outcome)
            ).run()

    async def _is_live(self, claim: _Claim) -> bool:
        return await self._live.is_live(claim.job, self._services.now())

    def _access(self, claim: _Claim, live: bool) -> AccessBlock:
        return self._services.guard.access(
            _RENDERER, purpose=_PURPOSE, about=claim.owner, facts={"job_is_live": live}
        )


def thumbnail_of(content: bytes) -> bytes:
    """A small WebP of a picture, without any metadata."""
    with Pictures.open(io.BytesIO(content)) as picture:
        small = picture.convert("RGB")
        small.thumbnail((_THUMBNAIL, _THUMBNAIL), Pictures.Resampling.LANCZOS)
        out = io.BytesIO()
        small.save(out, "WEBP", quality=86, method=4)
    return out.getvalue()


def _say(what: str, error: BaseException) -> None:
    """The type only: a message may quote a prompt (S8)."""
    sys.stderr.write(f"{what}: {type(error).__module__}.{type(error).__qualname__}\n")
