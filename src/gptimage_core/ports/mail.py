"""Mail: handing one message to whoever delivers it."""

from __future__ import annotations

from typing import Protocol

__all__ = ["Mail"]


class Mail(Protocol):
    """Contract: text only, nothing that a reader's program would fetch, no promotion unwanted (S19)."""

    async def send(self, to: str, subject: str, text: str) -> None:
        """Returns when the message was handed over; raises otherwise, without its content in the error."""
        ...
