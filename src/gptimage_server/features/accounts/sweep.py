"""Clearing away what coming in leaves behind: dead links, ended sessions, expired blocks (S15, S18, S40).

Each statement states how old; the policy's own rule asks it again, so a sweep that is wrong about the time
still deletes nothing that is not over (`sweep_links` and its siblings).
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable

from gptimage_core.decision.model import Actor
from gptimage_core.errors import GptimageError
from gptimage_server.services import Services
from gptimage_server.tables import AgeBlock, Session, SignInLink

__all__ = ["begin", "sweep"]

_SERVER = Actor.service("server")
_PAUSE = 600.0
"""Seconds between two sweeps."""


async def sweep(services: Services) -> None:
    """One round, under one access."""
    now = services.now()
    async with services.guard.access(_SERVER, purpose="meet_legal_duties"):
        for table, setting in (
            (SignInLink, "mailed_link_purge"),
            (Session, "session_life"),
            (AgeBlock, "age_block_life"),
        ):
            cutoff = services.span(setting).cutoff(now)
            await table.delete().where(table.recorded <= cutoff).run()


async def begin(services: Services) -> Callable[[], Awaitable[None]]:
    """Sweep every ten minutes until the returned stop is awaited."""

    async def rounds() -> None:
        while True:
            await asyncio.sleep(_PAUSE)
            try:
                await sweep(services)
            except GptimageError as error:  # the next round tries again; what stays is unreadable by then
                sys.stderr.write(f"sweep of sign-ins: {type(error).__qualname__}\n")

    task = asyncio.create_task(rounds())

    async def stop() -> None:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    return stop
