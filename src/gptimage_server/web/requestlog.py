"""The request log: exactly timestamp, IP address, user agent, route, response status, and a request id (S8).

The route is its template, never the path: paths carry ids and tokens. No query, no body, no header but the
user agent. Lines are kept in batches: a full queue drops the line and counts it, since a log must never
stop a request; the server's end writes what is left.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from typing import TypeAlias

import msgspec
from litestar.types import Message, Scope
from msgspec import Struct

from gptimage_core.clock import Clock, Instant
from gptimage_core.decision.model import Actor
from gptimage_server.services import Services
from gptimage_server.tables import RequestLine
from gptimage_server.web.ids import request_id

__all__ = ["Line", "RequestLog", "keep_in"]

_USER_AGENT_LIMIT = 512
_BATCH = 200
_QUEUE = 10_000
_LINGER = 1.0


class Line(Struct, frozen=True):
    """One request. INVARIANT (log-schema): these fields and no other (S8)."""

    timestamp: Instant
    ip_address: str
    user_agent: str
    route: str
    response_status: int
    request_id: str


Keep: TypeAlias = Callable[[list[Line]], Awaitable[None]]


def keep_in(services: Services) -> Keep:
    """Lines as rows of `request_log`, a batch in one statement under one access of the service's own."""

    async def keep(lines: list[Line]) -> None:
        async with services.guard.access(Actor.service("server"), purpose="secure_service"):
            await RequestLine.insert(*(RequestLine(**msgspec.structs.asdict(line)) for line in lines)).run()

    return keep


class RequestLog:
    """Collects lines and hands them to `keep` in batches; `start` and `stop` belong to the app's lifespan."""

    def __init__(self, keep: Keep, clock: Clock) -> None:
        self._keep = keep
        self._clock = clock
        self._queue: asyncio.Queue[Line] = asyncio.Queue(_QUEUE)
        self._task: asyncio.Task[None] | None = None
        self.dropped = 0

    async def note(self, message: Message, scope: Scope) -> None:
        """Litestar's `before_send`: one line per reply."""
        if message["type"] != "http.response.start":
            return
        line = Line(
            timestamp=self._clock.now(),
            ip_address=(scope["client"] or ("", 0))[0],
            user_agent=_header(scope, b"user-agent")[:_USER_AGENT_LIMIT],
            route=str(scope.get("path_template") or "(none)"),
            response_status=message["status"],
            request_id=request_id(scope),
        )
        try:
            self._queue.put_nowait(line)
        except asyncio.QueueFull:
            self.dropped += 1

    def start(self) -> None:
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Write what is left; called once, after the last request."""
        if self._task:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        while not self._queue.empty():
            await self._write(self._batch())

    async def flush(self) -> None:
        """Write what is waiting now (tests, and a log that must be read at once)."""
        while not self._queue.empty():
            await self._write(self._batch())

    async def _run(self) -> None:
        while True:
            first = await self._queue.get()
            batch = [first]
            try:
                await asyncio.sleep(_LINGER)
            finally:
                batch += self._batch()
                await asyncio.shield(self._write(batch))

    def _batch(self) -> list[Line]:
        lines: list[Line] = []
        while len(lines) < _BATCH and not self._queue.empty():
            lines.append(self._queue.get_nowait())
        return lines

    async def _write(self, batch: list[Line]) -> None:
        try:
            await self._keep(batch)
        except Exception as error:  # the log must not end with one bad batch; the type says what happened
            self.dropped += len(batch)
            sys.stderr.write(f"request log: {len(batch)} lines lost ({type(error).__qualname__})\n")


def _header(scope: Scope, name: bytes) -> str:
    for key, value in scope["headers"]:
        if key.lower() == name:
            return value.decode("latin-1")
    return ""
