"""Jobs: work that happens later. A job carries ids, never an access: it decides again when it starts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from gptimage_core.decision.model import Value

__all__ = ["Jobs"]


class Jobs(Protocol):
    """Contract: at least once. A job may run twice with the same result, also after a restart."""

    async def submit(self, kind: str, key: str, body: Mapping[str, Value]) -> None:
        """Queue one job. The same `key` twice is one job. `body` holds opaque ids only, no content."""
        ...
