"""Recipients: how data leaves, after sharing has decided that it may and has cut it to what is needed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

__all__ = ["Recipient"]


class Recipient(Protocol):
    """Contract of one recipient of the policy. It sends what it is given and adds nothing (S24)."""

    name: str
    """The recipient's name in the policy: contract, purposes and transfer stand there (S21, S22, S43)."""

    async def send(self, payload: Mapping[str, Any]) -> Any:
        """Send, once. Raises where arrival is not known; a retry is decided again."""
        ...
