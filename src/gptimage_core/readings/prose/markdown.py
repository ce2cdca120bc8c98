"""The notice as Markdown (CommonMark)."""

from __future__ import annotations

import re

from gptimage_core.clock import Instant
from gptimage_core.policy.timeline import Timeline
from gptimage_core.readings.prose.notice import Group, Item, build_notice

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|])")


def notice_markdown(timeline: Timeline, now: Instant) -> str:
    """The notice in force at `now`, as Markdown; ends with a newline."""
    notice = build_notice(timeline, now)
    lines = [f"# {_text(notice.title)}", "", f"Updated {notice.updated} · version {notice.version}"]
    if notice.draft:
        lines[-1] += " · **draft, not legal advice**"
    lines.append("")
    for section in notice.sections:
        lines += [f"## {section.title}", ""]
        lines += _paragraphs(section.items)
        for group in section.groups:
            lines += _group(group)
    return "\n".join(lines).rstrip() + "\n"


def _paragraphs(items: tuple[Item, ...]) -> list[str]:
    return [line for item in items for line in (_text(item.text), "")]


def _group(group: Group) -> list[str]:
    lines = [f"### {_text(group.title)}", ""] if group.title else []
    for item in group.items:
        term = (
            f"**{_text(item.term)}** — "
            if item.term and item.text
            else f"**{_text(item.term)}**" * bool(item.term)
        )
        lines.append(f"- {term}{_text(item.text)}")
    return [*lines, ""]


def _text(text: str) -> str:
    return _SPECIAL.sub(r"\\\1", text)
