"""The one root of every error the library raises.

An error says what happened, where, and what to do. Nothing here returns a bool that could be ignored:
what must not be ignored raises (fail closed).
"""

from __future__ import annotations

__all__ = ["AccessDenied", "GptimageError", "GuardError", "PolicyError", "StoreError", "VaultError"]


class GptimageError(Exception):
    """Root of all errors of `gptimage_core`."""


class PolicyError(GptimageError):
    """A policy document, timeline or binding was refused; `findings` holds every reason at once."""


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


class StoreError(GptimageError):
    """The core's own tables or ledger could not do what was asked; nothing was acknowledged."""


class VaultError(GptimageError):
    """A sealed value could not be opened, or a key is erased; never returns partial plaintext."""
