"""The archive's pages: plain HTML that opens from a disk, without a network and without script.

Everything a person wrote is escaped. Colours follow the reader's system; pictures are the originals, shown
small, by relative paths.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path
from typing import Any

import msgspec

from gptimage_core.clock import Instant, to_datetime
from gptimage_core.policy.document import Document
from gptimage_core.subjects.held import Row

__all__ = ["Part", "index_page", "rows_page", "title_of"]

_YEAR_2000 = 946_684_800_000_000
_QUIET = frozenset(
    {"id", "owner", "subject", "tenant", "collected_under", "keep_ended", "policy_version", "digest"}
    | {"rules", "rows", "token_hash", "email_hash", "transfer", "account"}
)
"""Columns of bookkeeping: they stand in the JSON, and at the end of a card here."""

_CSS = Path(__file__).with_name("archive.css").read_text(encoding="utf-8")

_HEAD = (
    '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
    '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
    '<meta http-equiv="Content-Security-Policy"'
    " content=\"default-src 'none'; img-src 'self' file:; style-src 'unsafe-inline'\">\n"
)


class Part(msgspec.Struct, frozen=True):
    """A page of the archive and the JSON beside it."""

    title: str
    page: str
    data: str
    rows: int


def title_of(name: str) -> str:
    """`consent_history` → `Consent history`."""
    words = name.replace("_", " ").strip()
    return words[:1].upper() + words[1:]


def rows_page(
    document: Document, part: Part, categories: Sequence[str], rows: Iterable[tuple[Row, Sequence[str]]]
) -> str:
    """One page of rows; each with the paths (from the archive's root) of its pictures."""
    says = [document.category[name].says for name in categories if name in document.category]
    body = [
        f"<h1>{escape(part.title)}</h1>",
        f'<p class="quiet">Here: {escape("; ".join(says))}.</p>' if says else "",
    ]
    body.extend(_article(row, pictures) for row, pictures in rows)
    data = f'<a href="../{escape(part.data)}">This page as JSON</a>'
    foot = f'<p><a href="../index.html">Back to the start</a> · {data}</p>'
    return _page(part.title, "\n".join(body), foot)


def index_page(
    document: Document,
    version: int,
    digest: str,
    as_of: Instant,
    parts: Sequence[Part],
    pictures: Sequence[tuple[str, str]],
    withheld: Sequence[str],
) -> str:
    """The first page: what is inside, with counts. `pictures` are (path, words) of a few."""
    body = [
        "<h1>Everything we hold about you</h1>",
        f"<p>Collected on {_moment(as_of)} by {escape(document.controller.name)}. This folder is yours:"
        " it opens without a network, and nothing in it calls home.</p>",
    ]
    if pictures:
        shown = "".join(
            f'<li><a href="{escape(path)}">{_image(path, words)}</a></li>' for path, words in pictures
        )
        body.append(f'<h2>Your pictures</h2>\n<ul class="wall">{shown}</ul>')
    body.append("<h2>What is inside</h2>")
    lines = "".join(
        f'<li><a href="{escape(p.page)}">{escape(p.title)} <span>{_count(p.rows)}</span></a></li>'
        for p in parts
    )
    body.append(f'<ul class="list">{lines}</ul>' if parts else "<p>Nothing.</p>")
    if withheld:
        says = "; ".join(document.category[name].says for name in withheld if name in document.category)
        body.append(f"<h2>What is not inside</h2>\n<p>{escape(says)}. Ask us about it.</p>")
    body.append(
        "<h2>For programs</h2>\n<p>The same as JSON lies in <code>data/</code>; instants are microseconds"
        ' since 1970 in universal time. <a href="manifest.json">manifest.json</a> lists every file with its'
        " SHA-256. Technical records of requests name nobody, so nobody can tell which were yours.</p>"
    )
    foot = (
        f"<p>Under version {version} of the privacy policy ({escape(digest)}).<br>"
        f'Questions: <a href="mailto:{escape(document.controller.contact)}">'
        f"{escape(document.controller.contact)}</a></p>"
    )
    return _page("Everything we hold about you", "\n".join(body), foot)


def _page(title: str, body: str, foot: str) -> str:
    return (
        f"{_HEAD}<title>{escape(title)}</title>\n<style>{_CSS}</style>\n</head>\n<body>\n"
        f"<main>\n{body}\n</main>\n<footer>{foot}</footer>\n</body>\n</html>\n"
    )


def _article(row: Row, pictures: Sequence[str]) -> str:
    shown = [(n, v) for n, v in row.items() if n not in _QUIET and v is not None and v not in pictures]
    rest = [(n, v) for n, v in row.items() if n in _QUIET and v is not None]
    images = "".join(
        f'<a href="../{escape(p)}">{_image(f"../{p}", "The picture of this entry")}</a>' for p in pictures
    )
    more = f"<details><summary>Bookkeeping</summary>{_list(rest)}</details>" if rest else ""
    return f"<article>{images}{_list(shown)}{more}</article>"


def _image(path: str, words: str) -> str:
    return f'<img src="{escape(path)}" alt="{escape(words)}" loading="lazy">'


def _list(values: Sequence[tuple[str, Any]]) -> str:
    lines = "".join(f"<dt>{escape(title_of(n))}</dt><dd>{escape(_words(v))}</dd>" for n, v in values)
    return f"<dl>{lines}</dl>"


def _words(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int) and value > _YEAR_2000:
        return _moment(value)
    if isinstance(value, list) and all(isinstance(each, str) for each in value):
        return ", ".join(value) or "none"
    if isinstance(value, (list, dict)):
        return msgspec.json.encode(value).decode()
    return str(value)


def _moment(instant: Instant) -> str:
    moment = to_datetime(instant)
    return f"{moment.day} {moment:%B %Y, %H:%M:%S} UTC"


def _count(number: int) -> str:
    return f"{number:,} entry" if number == 1 else f"{number:,} entries"
