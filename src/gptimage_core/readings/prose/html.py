"""The notice as an HTML fragment: headings, lists and folds, no script, no style, nothing from elsewhere.

Every item carries `data-source` (construct ids) and `data-clauses`, so that a page, a test or an auditor can
go from a sentence to the rule that makes it true.
"""

from __future__ import annotations

from html import escape

from gptimage_core.clock import Instant
from gptimage_core.policy.timeline import Timeline
from gptimage_core.readings.prose.notice import Group, Item, Notice, Section, build_notice


def notice_html(timeline: Timeline, now: Instant) -> str:
    """The notice in force at `now`, as a fragment for a page's `main`; the page adds its own frame."""
    notice = build_notice(timeline, now)
    return "\n".join([_head(notice), *(_section(section) for section in notice.sections)])


def _head(notice: Notice) -> str:
    draft = '<strong class="draft">draft, not legal advice</strong>' if notice.draft else ""
    return (
        f'<header class="notice-head"><h1>{escape(notice.title)}</h1>\n'
        f'<p>Updated <time datetime="{notice.updated}">{notice.updated}</time>'
        f" · version {notice.version}{' · ' + draft if draft else ''}</p></header>\n"
        '<nav aria-label="Sections of this notice" class="notice-toc"><ul>'
        + "".join(f'<li><a href="#{s.id}">{escape(s.title)}</a></li>' for s in notice.sections)
        + "</ul></nav>"
    )


def _section(section: Section) -> str:
    body = "\n".join(f"<p{_marks(item)}>{escape(item.text)}</p>" for item in section.items)
    groups = "\n".join(_group(group) for group in section.groups)
    return (
        f'<section id="{section.id}" aria-labelledby="{section.id}-title" class="notice-section">\n'
        f'<h2 id="{section.id}-title">{escape(section.title)}</h2>\n{body}\n{groups}\n</section>'
    )


def _group(group: Group) -> str:
    if group.exact:
        rows = "\n".join(f"<li{_marks(item)}>{escape(item.text)}</li>" for item in group.items)
        summary = f"<summary>{escape(group.title)}</summary>"
        return f'<details class="notice-rules">{summary}\n<ul>\n{rows}\n</ul></details>'
    title = f"<h3>{escape(group.title)}</h3>\n" if group.title else ""
    if all(item.term for item in group.items):
        rows = "\n".join(_pair(item) for item in group.items)
        return f'{title}<dl class="notice-list">\n{rows}\n</dl>'
    if len(group.items) == 1:
        item = group.items[0]
        return f"{title}<p{_marks(item)}>{escape(item.text)}</p>"
    rows = "\n".join(f"<li{_marks(item)}>{escape(item.text)}</li>" for item in group.items)
    return f"{title}<ul>\n{rows}\n</ul>"


def _pair(item: Item) -> str:
    return f"<div{_marks(item)}><dt>{escape(item.term)}</dt><dd>{escape(item.text)}</dd></div>"


def _marks(item: Item) -> str:
    marks = ""
    if item.sources:
        marks += f' data-source="{escape(" ".join(item.sources))}"'
    if item.clauses:
        marks += f' data-clauses="{escape(" ".join(item.clauses))}"'
    return marks
