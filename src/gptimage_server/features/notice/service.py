"""The notice as a reading of the policy; nothing here adds a sentence to it."""

from __future__ import annotations

from gptimage_core.clock import Instant, to_iso
from gptimage_core.policy.timeline import Timeline
from gptimage_core.readings import prose
from gptimage_server.features.notice.schemas import NoticeView

__all__ = ["notice_html", "notice_view"]


def notice_view(timeline: Timeline, now: Instant) -> NoticeView:
    version = timeline.at(now)
    controller = version.document.controller
    return NoticeView(
        title=version.document.title,
        version=version.number,
        digest=version.digest,
        updated=to_iso(version.effective)[:10],
        draft=version.status == "draft",
        contact=controller.contact,
        controller=controller.name,
        markdown=prose.notice_markdown(timeline, now),
    )


def notice_html(timeline: Timeline, now: Instant) -> str:
    """The notice's body as HTML; every word of the policy in it is escaped by the reading."""
    return prose.notice_html(timeline, now)
