"""The notice as a reading of the policy; nothing here adds a sentence to it."""

from __future__ import annotations

from functools import lru_cache

from msgspec import Struct

from gptimage_core.clock import Instant, to_iso
from gptimage_core.policy.timeline import Timeline, Version
from gptimage_core.readings import prose
from gptimage_server.features.notice.schemas import NoticeView

__all__ = ["Rendered", "rendered_notice"]


class Rendered(Struct, frozen=True):
    """The notice of one version: its facts with the Markdown, and the HTML of its body, escaped."""

    view: NoticeView
    html: str


class _Shown:
    """A version as the notice depends on it, and on nothing else: equal ones are rendered once."""

    __slots__ = ("key", "version")

    def __init__(self, version: Version) -> None:
        self.version = version
        self.key = (version.digest, version.number, version.announced, version.effective, version.status)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Shown) and self.key == other.key

    def __hash__(self) -> int:
        return hash(self.key)


def rendered_notice(timeline: Timeline, now: Instant) -> Rendered:
    """The notice in force at `now` (S45). The version is looked up at every call, so that the notice changes
    at the very instant at which another one takes effect; rendering takes milliseconds and is kept."""
    return _render(_Shown(timeline.at(now)))


@lru_cache(maxsize=8)
def _render(shown: _Shown) -> Rendered:
    version = shown.version
    alone, now = Timeline((version,)), version.effective
    controller = version.document.controller
    view = NoticeView(
        title=version.document.title,
        version=version.number,
        digest=version.digest,
        updated=to_iso(version.effective)[:10],
        draft=version.status == "draft",
        contact=controller.contact,
        controller=controller.name,
        markdown=prose.notice_markdown(alone, now),
    )
    return Rendered(view, prose.notice_html(alone, now))
