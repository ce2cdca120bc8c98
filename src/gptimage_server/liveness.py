"""Whether a job is live, for sharing: computed from its row at that moment, never remembered (S23)."""

from __future__ import annotations

from gptimage_core.clock import Instant
from gptimage_core.decision.model import Actor
from gptimage_core.guard.guard import Guard
from gptimage_server.tables import Job

__all__ = ["LiveJobs"]

_QUEUE = Actor.service("queue")


class LiveJobs:
    """`JobLiveness` over the jobs' table. What the policy hides is not live: a job that was deleted with its
    image, or whose person was deleted or is restricted, is not found here."""

    def __init__(self, guard: Guard) -> None:
        self._guard = guard

    async def is_live(self, job: str, now: Instant) -> bool:
        async with self._guard.access(_QUEUE, purpose="provide_service"):
            return bool(await Job.exists().where(Job.id == job, Job.state == "running"))
