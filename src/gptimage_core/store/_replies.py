"""How a result gets from a database thread back to whoever waits: a coroutine, a thread, or nobody.

INVARIANT (answered-once): every job is answered exactly once, with a result or an error; a waiter that has
gone (cancelled, loop closed) loses the answer and nothing else.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from queue import SimpleQueue
from typing import Protocol, cast
from weakref import WeakKeyDictionary

__all__ = ["AsyncReply", "Mailboxes", "Nobody", "Reply", "SyncReply", "raisable"]


class Reply(Protocol):
    """Takes one answer. Called from a database thread; must not block and must not raise."""

    def send(self, ok: bool, value: object) -> None:
        """`ok`: `value` is the result; otherwise `value` is the exception to raise where it is waited for."""
        ...

    def gone(self) -> bool:
        """Whether nobody waits any more: work that has not started is then not started."""
        ...


def raisable(error: BaseException) -> BaseException:
    """`StopIteration` cannot be raised out of a future (it would never wake its waiter)."""
    if isinstance(error, StopIteration):
        wrapped = RuntimeError("work raised StopIteration; catch it inside the work function")
        wrapped.__cause__ = error
        return wrapped
    return error


class _Mailbox:
    """Answers for one event loop; many answers cost one wake-up of the loop's selector."""

    __slots__ = ("__weakref__", "_awake", "_items", "_wake")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._wake = loop.call_soon_threadsafe
        self._items: deque[tuple[asyncio.Future[object], bool, object]] = deque()
        self._awake = False

    def post(self, future: asyncio.Future[object], ok: bool, value: object) -> None:
        # Append first, look second: `_drain` clears the mark before it empties, so no item is left behind.
        self._items.append((future, ok, value))
        if not self._awake:
            self._awake = True
            try:
                self._wake(self._drain)
            except RuntimeError:  # the loop is closed: nobody waits there any more
                self._items.clear()

    def _drain(self) -> None:
        self._awake = False
        items = self._items
        while items:
            future, ok, value = items.popleft()
            if future.done():  # cancelled meanwhile
                continue
            if ok:
                future.set_result(value)
            else:
                future.set_exception(cast(BaseException, value))


class Mailboxes:
    """One mailbox per event loop, so that several loops in several threads can share a database."""

    def __init__(self) -> None:
        self._boxes: WeakKeyDictionary[asyncio.AbstractEventLoop, _Mailbox] = WeakKeyDictionary()
        self._lock = threading.Lock()

    def here(self) -> AsyncReply:
        """A reply for a new future of the running loop; `RuntimeError` where no loop runs."""
        loop = asyncio.get_running_loop()
        box = self._boxes.get(loop)
        if box is None:
            with self._lock:
                box = self._boxes.setdefault(loop, _Mailbox(loop))
        return AsyncReply(box, loop.create_future())


class AsyncReply:
    """Wakes a coroutine."""

    __slots__ = ("_box", "future")

    def __init__(self, box: _Mailbox, future: asyncio.Future[object]) -> None:
        self._box = box
        self.future = future

    def send(self, ok: bool, value: object) -> None:
        self._box.post(self.future, ok, value)

    def gone(self) -> bool:
        return self.future.cancelled()


class SyncReply:
    """Wakes a thread."""

    __slots__ = ("_answer",)

    def __init__(self) -> None:
        self._answer: SimpleQueue[tuple[bool, object]] = SimpleQueue()

    def send(self, ok: bool, value: object) -> None:
        self._answer.put((ok, value))

    def gone(self) -> bool:
        return False

    def wait(self) -> object:
        ok, value = self._answer.get()
        if ok:
            return value
        raise cast(BaseException, value)


class Nobody:
    """Nobody waits."""

    __slots__ = ()

    def send(self, ok: bool, value: object) -> None:
        return

    def gone(self) -> bool:
        return False
