"""The built-in renderer, as a recipient: it gets what sharing hands it, and knows nothing else (S24).

It is an algorithm, no model: colours, forms and their order are computed from the words, the seed, the style
and the size, so the same request makes the same picture. Nothing leaves the machine.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from gptimage_server.gateways.art import draw

__all__ = ["MODEL", "BuiltinRenderer", "Rendering"]

MODEL = "gptimage-builtin-1"
"""The name that stands with every picture it made."""

_THREADS = 2


class Rendering:
    """A picture under way: `progress` in percent, and `png()` to wait for its bytes."""

    def __init__(self) -> None:
        self.progress = 0
        self._work: asyncio.Future[bytes] | None = None

    def note(self, percent: int) -> None:
        self.progress = max(self.progress, min(percent, 100))

    @property
    def done(self) -> bool:
        return self._work is not None and self._work.done()

    async def wait(self, seconds: float) -> bool:
        """Wait at most so long; whether it is done."""
        assert self._work is not None
        await asyncio.wait([self._work], timeout=seconds)
        return self._work.done()

    async def png(self) -> bytes:
        """The picture; raises what the drawing raised."""
        assert self._work is not None
        return await self._work


class BuiltinRenderer:
    """`Recipient` `builtin_renderer` of the policy."""

    name = "builtin_renderer"

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="renderer")

    async def send(self, payload: Mapping[str, Any]) -> Rendering:
        """Begin drawing in a thread; the answer tells how far it is. The payload is S24's."""
        chosen = payload["generation_parameters"]
        rendering = Rendering()
        rendering._work = asyncio.get_running_loop().run_in_executor(
            self._threads,
            lambda: draw(
                str(payload["prompt"]),
                style=chosen["style"],
                seed=chosen["seed"],
                width=chosen["width"],
                height=chosen["height"],
                progress=rendering.note,
            ),
        )
        return rendering
