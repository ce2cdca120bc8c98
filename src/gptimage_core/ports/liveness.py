"""Whether a job is live: asked at the moment bytes would leave, never remembered (S23)."""

from __future__ import annotations

from typing import Protocol

from gptimage_core.clock import Instant

__all__ = ["JobLiveness"]


class JobLiveness(Protocol):
    """Contract: the truth as stored now. A job that is unknown, ended, cancelled, or whose person or item was
    deleted is not live; so a retry after a deletion and a replay of an old job send nothing.
    """

    async def is_live(self, job: str, now: Instant) -> bool:
        """Whether the job with this id still has work to do for somebody."""
        ...
