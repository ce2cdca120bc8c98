"""The one root of every error the library raises.

An error says what happened, where, and what to do. Nothing here returns a bool that could be ignored:
what must not be ignored raises (fail closed).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

__all__ = [
    "AccessDenied",
    "Conflict",
    "GptimageError",
    "GuardError",
    "KeyErased",
    "PolicyError",
    "Reason",
    "StorageFull",
    "StoreError",
    "VaultError",
]


class GptimageError(Exception):
    """Root of all errors of `gptimage_core`."""


class Reason(Protocol):
    """What a finding has: where it is (line and column from 1), what is wrong, and what to do."""

    @property
    def file(self) -> str: ...
    @property
    def line(self) -> int: ...
    @property
    def column(self) -> int: ...
    @property
    def code(self) -> str: ...
    @property
    def message(self) -> str: ...
    @property
    def hint(self) -> str: ...


class PolicyError(GptimageError):
    """A policy document, timeline or binding was refused; `findings` holds every reason at once.

    `findings` are sorted by file, line, column; `str(error)` shows all of them.
    """

    def __init__(self, message: str = "", *, findings: Iterable[Reason] = ()) -> None:
        self.findings: tuple[Reason, ...] = tuple(
            sorted(findings, key=lambda each: (each.file, each.line, each.column, each.code, each.message))
        )
        super().__init__("\n".join([*([message] if message else []), *map(str, self.findings)]))


class AccessDenied(GptimageError):
    """The policy does not permit this access.

    `str(error)` is neutral (fit for people): it names the denial's id and nothing about the data.
    Rule, clause and file:line are in the recorded denial (`gptimage access explain ID`).
    """

    def __init__(self, denial_id: str, message: str = "") -> None:
        self.denial_id = denial_id
        super().__init__(message or f"this is not permitted (reference `{denial_id}`)")


class GuardError(GptimageError):
    """A statement or a handle was refused before the database saw it (ring two)."""


class Conflict(GuardError):
    """A write collides with what is there: a value that is there only once, or a row that it must belong to.

    One sentence for all of them, whether the rows may be seen or not: nothing was written.
    """

    def __init__(self) -> None:
        super().__init__("this cannot be written beside what is there; nothing was written")


class StoreError(GptimageError):
    """The core's own tables or ledger could not do what was asked; nothing was acknowledged."""


class StorageFull(StoreError):
    """No room is left (disk or quota full): nothing was acknowledged, nothing half-written stays."""


class VaultError(GptimageError):
    """A sealed value could not be opened, or a key is erased; never returns partial plaintext."""


class KeyErased(VaultError):
    """The key is erased, for ever: what it sealed is gone, and nothing new is sealed under it."""
