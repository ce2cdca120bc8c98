"""Access handles: who acts, for which purpose, from when to when.

    async with guard.access(Actor.subject(user_id), purpose="provide_service"):
        images = await Image.select()

INVARIANT (handle-is-open): a statement runs only under a handle that is open at that moment. Child tasks and
threads inherit the handle of the code that started them, and lose it with it: at exit the handle is revoked,
whoever still holds it, in whatever context. The innermost access wins; the outer one is restored at its end.
"""

from __future__ import annotations

import contextlib
import sys
import threading
from collections.abc import Mapping
from contextvars import ContextVar, Token
from types import CodeType, FrameType, TracebackType
from typing import TYPE_CHECKING, Any, NoReturn

from gptimage_core.decision.model import Actor, Value
from gptimage_core.errors import GuardError

if TYPE_CHECKING:
    from gptimage_core.guard.guard import Guard

__all__ = ["AccessBlock", "Handle", "current_handle"]

_GENERATORS = 0x20 | 0x200  # inspect.CO_GENERATOR | inspect.CO_ASYNC_GENERATOR
_CONTEXT_MANAGERS: frozenset[CodeType] = frozenset(
    {
        contextlib._AsyncGeneratorContextManager.__aenter__.__code__,
        contextlib._GeneratorContextManager.__enter__.__code__,
    }
)
_ENTERING = frozenset({"__aenter__", "__enter__"})
_CURRENT: ContextVar[Handle | None] = ContextVar("gptimage_access", default=None)


class Handle:
    """One open access. Made by `guard.access`; nothing else may make one."""

    __slots__ = (
        "about",
        "actor",
        "facts",
        "guard",
        "open",
        "operation",
        "outer",
        "plans",
        "purpose",
        "recipient",
    )

    def __init__(
        self,
        guard: Guard,
        actor: Actor,
        purpose: str,
        operation: str | None,
        recipient: str | None,
        about: str | None,
        facts: Mapping[str, Value],
    ) -> None:
        self.guard = guard
        self.actor = actor
        self.purpose = purpose
        self.operation = operation
        self.recipient = recipient
        self.about = about
        self.facts = facts
        self.open = False
        self.outer: Handle | None = None
        self.plans: Any = None

    def __repr__(self) -> str:
        state = "open" if self.open else "closed"
        return f"<{state} access of {self.actor.kind} for {self.purpose}>"

    def __reduce__(self) -> Any:
        raise GuardError("an access is not sent elsewhere: send ids, and open an access where they are used")


def _is_held_by_a_generator(frame: FrameType | None) -> bool:
    """Whether what enters the access (`frame`: whoever wrote the `with`) may yield before it leaves it.

    The generator of a context manager may, if whoever enters that manager may not; an exit stack holds for
    whoever filled it, a class with `__aenter__` for whoever enters it. So the frames of `contextlib` and of
    such methods are looked through.
    """
    while frame is not None:
        entering = frame.f_code.co_name in _ENTERING
        if not entering and frame.f_globals.get("__name__") != contextlib.__name__:
            if not frame.f_code.co_flags & _GENERATORS:
                return False
            back = frame.f_back
            if back is None or back.f_code not in _CONTEXT_MANAGERS:
                return True
        frame = frame.f_back
    return False


def current_handle(guard: Guard) -> Handle:
    """The innermost open access of this guard; raises `GuardError` where there is none or it has ended."""
    handle = _CURRENT.get()
    while handle is not None and handle.guard is not guard:
        handle = handle.outer
    if handle is None:
        inherits = threading.current_thread() is threading.main_thread()
        raise GuardError(
            'no access is open here; write `async with guard.access(Actor.subject(…), purpose="…"):` around'
            " what reads or writes people's data"
            + ("" if inherits else " (a pool's thread inherits none: `asyncio.to_thread` hands it on)")
        )
    if not handle.open:
        raise GuardError(
            f"the access for `{handle.purpose}` has ended and this code outlived it; a task that goes on"
            " needs an access of its own: give it ids, and let it open one when it starts"
        )
    if guard.unfit:
        raise GuardError(
            "the schema does not stand up to the data map since the last maintenance, and nothing is served; "
            "what it found stands in its error: mend it in another one"
        )
    return handle


class AccessBlock:
    """What `guard.access(…)` gives: open it with `async with`, or (from `access_sync`) with `with`."""

    __slots__ = ("_handle", "_sync", "_token")

    def __init__(self, handle: Handle, sync: bool) -> None:
        self._handle = handle
        self._sync = sync
        self._token: Token[Handle | None] | None = None

    def __await__(self) -> NoReturn:
        raise GuardError("an access is opened for a block: write `async with guard.access(…):` around it")

    async def __aenter__(self) -> Handle:
        if self._sync:
            raise GuardError(
                "`access_sync` is opened with `with`; in a coroutine write `async with guard.access(…)`"
            )
        return self._enter()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._exit()

    def __enter__(self) -> Handle:
        if not self._sync:
            raise GuardError(
                "`access` is opened with `async with`; in sync code write `with guard.access_sync(…)`"
            )
        return self._enter()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._exit()

    def _enter(self) -> Handle:
        handle = self._handle
        if _is_held_by_a_generator(sys._getframe(2)):
            raise GuardError(
                "a generator would hold this access open between its yields; write `async for rows in "
                "guard.stream(query, access=…): yield rows`, or collect the rows and yield them after it"
            )
        if self._token is not None:
            raise GuardError("an access is opened once; call `guard.access(…)` again")
        handle.outer = _CURRENT.get()
        self._token = _CURRENT.set(handle)
        handle.open = True
        return handle

    def _exit(self) -> None:
        self._handle.open = False  # first: whatever happens below, nobody uses it any more
        if self._token is not None:
            try:
                _CURRENT.reset(self._token)
            except (ValueError, RuntimeError):
                # Left in another context than it was entered in, or for the second time: the context that it
                # was entered in keeps a revoked handle, which refuses; there is nothing to restore here.
                return
