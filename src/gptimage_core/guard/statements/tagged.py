"""How a sealed value leaves the database: tagged with the row it came from.

A value is opened with the context of the row that it stands in, so a ciphertext that somebody swapped into
another row does not open. The row may have gone through joins and subqueries; so the guard's CTE writes the
context in front of the value, behind a tag that is random per process and never leaves it:

    <tag><column>:<length of key>:<length of subject>:<length of link>:<key><subject><link><sealed text>

Lengths make it unambiguous whatever the ids hold. No value of the database can start with the tag by
accident or on purpose: it is 128 random bits that no answer shows.
"""

from __future__ import annotations

from msgspec import Struct

from gptimage_core.errors import GuardError

__all__ = ["Tagged", "is_tagged", "split", "write"]


class Tagged(Struct, frozen=True):
    """A sealed value and the row it came from. `column` is the number in `Catalog.columns`.

    `subject` is the first of the row's subjects that is not NULL (`""` without any); `link` the row's
    `via` column (`""` without one): the item that the row belongs to.
    """

    column: int
    key: str
    subject: str
    link: str
    sealed: str


def is_tagged(value: object, tag: str) -> bool:
    """Whether a fetched value is a tagged sealed one."""
    return isinstance(value, str) and value.startswith(tag)


def split(value: str, tag: str) -> Tagged:
    """Take a tagged value apart; raises `GuardError` on anything that the CTE did not write."""
    if not value.startswith(tag):
        raise GuardError("a sealed value came back without its tag; it is not opened")
    try:
        column, key, subject, link, rest = value[len(tag) :].split(":", 4)
        number, a, b, c = int(column), int(key), int(subject), int(link)
    except ValueError:
        raise GuardError("a sealed value came back with a broken tag; it is not opened") from None
    if min(number, a, b, c) < 0 or len(rest) < a + b + c:
        raise GuardError("a sealed value came back cut short; it is not opened")
    return Tagged(number, rest[:a], rest[a : a + b], rest[a + b : a + b + c], rest[a + b + c :])


def write(tag: str, number: int, key: str, subject: str, link: str, value: str) -> str:
    """The SQL that tags `value`; all arguments but the first two are SQL expressions. NULL stays NULL."""
    parts = (key, subject, link)
    lengths = " || ':' || ".join("'0'" if part == "''" else f"length({part})" for part in parts)
    context = " || ".join(part for part in parts if part != "''")
    return f"'{tag}{number}:' || {lengths} || ':' || {context} || {value}"
