"""The policy of a running server: loaded at the start, taken over anew when its files change.

A change is noticed by SIGHUP or by looking at the files every few seconds, and only once they have stopped
changing. INVARIANT (last-good-stays, S44, S45): whatever is refused changes nothing. The reasons stand on the
console, the server answers as before, and /privacy shows what decides.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING

from gptimage_core.clock import Instant, to_iso
from gptimage_core.errors import PolicyError
from gptimage_core.policy.timeline import Timeline, load_timeline
from gptimage_server.settings import Settings

if TYPE_CHECKING:
    from gptimage_server.services import Services

__all__ = ["begin", "load_policy", "reload_policy"]

_PAUSE = 3.0
"""Seconds between two looks; a change is taken over at the second look that finds the same."""

_Look = tuple[tuple[str, int, int], ...]


def load_policy(settings: Settings, now: Instant) -> Timeline:
    """The timeline of the settings. In production nothing takes effect that counsel has not signed off (S2):
    neither the version of today nor one that is announced. Raises `PolicyError` with every reason."""
    timeline = load_timeline(settings.policy)
    today = timeline.at(now)
    drafts = [v for v in timeline.versions if v.number >= today.number and v.status != "final"]
    if settings.production and drafts:
        raise PolicyError(
            "\n".join(
                f"version `{each.number}` of the policy at `{settings.policy}` is a draft ({each.digest}): "
                "production serves what counsel has signed off (S2); add the sign-off, or set "
                "`GPTIMAGE_ENVIRONMENT=development`"
                for each in drafts
            )
        )
    return timeline


async def reload_policy(services: Services) -> bool:
    """Take over what the files say now, or say on the console why not; whether it was taken over."""
    settings = services.settings
    try:
        # Parsing takes a while and holds up nobody; adopting is short and happens between two statements.
        timeline = await asyncio.to_thread(load_policy, settings, services.now())
        services.adopt(timeline)
    except Exception as error:  # whatever a file makes of us, the last good policy and this watch go on
        sys.stderr.write(
            f"the policy at `{settings.policy}` is refused; version {services.version().number} goes on:\n"
            f"{error}\n"
        )
        sys.stderr.flush()
        return False
    sys.stdout.write(f"the policy at `{settings.policy}` is taken over: {_said(timeline, services.now())}\n")
    sys.stdout.flush()
    return True


async def begin(services: Services) -> Callable[[], Awaitable[None]]:
    """Watch the files, and listen for SIGHUP, until the returned stop is awaited."""
    asked = asyncio.Event()
    loop = asyncio.get_running_loop()
    # Only the main thread may listen for signals; elsewhere (a test, an embedder) the files are watched.
    with contextlib.suppress(ValueError, RuntimeError, NotImplementedError):
        loop.add_signal_handler(signal.SIGHUP, asked.set)
    task = asyncio.create_task(_watch(services, asked))

    async def stop() -> None:
        with contextlib.suppress(ValueError, RuntimeError, NotImplementedError):
            loop.remove_signal_handler(signal.SIGHUP)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    return stop


async def _watch(services: Services, asked: asyncio.Event) -> None:
    place = services.settings.policy
    taken = seen = await asyncio.to_thread(_look, place)
    while True:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_PAUSE):  # `wait_for` can forget a cancellation before Python 3.12
                await asked.wait()
        now = await asyncio.to_thread(_look, place)
        if asked.is_set() or (now != taken and now == seen):
            asked.clear()
            taken = now  # refused files are not read again until they change again
            await reload_policy(services)
        seen = now


def _look(place: Path) -> _Look:
    """Name, size and time of every file a policy may consist of; empty where there is nothing to see."""
    files = sorted(place.rglob("*.toml")) if place.is_dir() else [place]
    found = []
    for file in files:
        with contextlib.suppress(OSError):
            stat = file.stat()
            found.append((str(file), stat.st_mtime_ns, stat.st_size))
    return tuple(found)


def _said(timeline: Timeline, now: Instant) -> str:
    ahead = [each for each in timeline.versions if each.effective > now]
    said = [f"version {timeline.at(now).number} is in effect"]
    said += [f"version {each.number} takes effect {to_iso(each.effective)}" for each in ahead]
    return ", ".join(said)
