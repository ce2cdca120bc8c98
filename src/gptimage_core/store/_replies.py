"""How a result gets from a database thread back to whoever waits: a coroutine, a thread, or nobody.

INVARIANT (answered-once): every job is answered exactly once, with a result or an error; a waiter that has
gone (cancelled, loop closed) loses the answer and nothing else.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Iterable
from queue import SimpleQueue
from typing import Protocol, TypeAlias, cast
from weakref import WeakKeyDictionary

__all__ = ["Answer", "AsyncReply", "Mailboxes", "Nobody", "Reply", "SyncReply", "raisable", "send_all"]


class Reply(Protocol):
    """Takes one answer. Called from a database thread; must not block and must not raise."""

    def send(self, ok: bool, value: object) -> None:
        """`ok`: `value` is the result; otherwise `value` is the exception to raise where it is waited for."""
        ...

    def gone(self) -> bool:
        """Whether nobody waits any more: work that has not started is then not started."""
        ...


Answer: TypeAlias = tuple[Reply, bool, object]


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

    def put(self, future: asyncio.Future[object], ok: bool, value: object) -> None:
        """Leave an answer; `wake` must follow."""
        self._items.append((future, ok, value))

    def wake(self) -> None:
        # Append first, look second: `_drain` clears the mark before it empties, so no item is left behind.
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
        self._box.put(self.future, ok, value)
        self._box.wake()

    def put(self, ok: bool, value: object) -> _Mailbox:
        """`send` without the wake-up, which the mailbox that it gives must get."""
        self._box.put(self.future, ok, value)
        return self._box

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


def send_all(answers: Iterable[Answer]) -> None:
    """Answer many. A loop is woken once, when all its answers lie there: woken by the first, it would take
    Python's lock for that one alone, and the thread that answers would wait for the lock before each other.
    """
    boxes: set[_Mailbox] = set()
    for reply, ok, value in answers:
        if isinstance(reply, AsyncReply):
            boxes.add(reply.put(ok, value))
        else:
            reply.send(ok, value)
    for box in boxes:
        box.wake()


class Nobody:
    """Nobody waits."""

    __slots__ = ()

    def send(self, ok: bool, value: object) -> None:
        return

    def gone(self) -> bool:
        return False
