"""Tables of every shape, and random policies over them: what an access may do differs by row and by field."""

from __future__ import annotations

import random
from functools import cache

from msgspec import Struct

from gptimage_core.decision.compile import CompiledTimeline, compile_timeline
from gptimage_core.decision.model import Actor
from gptimage_core.policy.bind import bind
from gptimage_core.policy.binding import Column, DataMap, Table, Via
from gptimage_core.policy.loader import parse_document
from gptimage_core.policy.timeline import single

__all__ = ["ACCESSES", "NOW", "TABLES", "Asked", "Law", "ddl", "law"]

NOW = 1_790_000_000_000_000

_KEY = Column("id", "identifier", "text", "key")
_COMMON = (
    Column("tenant", "identifier", "text", "tenant"),
    Column("recorded", "identifier", "instant", "recorded"),
    Column("collected_under", "identifier", "integer", "collected_under"),
)
_ENDED = Column("keep_ended", "identifier", "instant", "keep_ended")

TABLES = (
    Table(
        "image",
        (
            _KEY,
            Column("owner", "identifier", "text", "subject"),
            *_COMMON,
            _ENDED,
            Column("visibility", "picture", "text", fact="visibility"),
            Column("starred", "picture", "boolean"),
            Column("credits", "picture", "integer"),
            Column("price", "picture", "real"),
            Column("extra", "picture", "text"),
            Column("note", "note", "text"),
            Column("prompt", "prompt", "text"),
        ),
    ),
    Table(
        "account",
        (
            _KEY,
            Column("giver", "identifier", "text", "subject"),
            Column("taker", "identifier", "text", "subject"),
            *_COMMON,
            _ENDED,
            Column("name", "profile", "text"),
            Column("level", "profile", "integer"),
            Column("note", "note", "text"),
        ),
    ),
    Table(
        "reference",
        (
            _KEY,
            Column("image", "identifier", "text", "link"),
            *_COMMON,
            Column("size", "picture", "integer"),
            Column("order", "note", "text"),
            Column("what", "prompt", "text"),
        ),
        Via("image", "image"),
    ),
    Table(
        "plan",
        (
            _KEY,
            *_COMMON,
            Column("label", "tariff", "text"),
            Column("cents", "tariff", "integer"),
        ),
    ),
)

"""One person, two people, people by a join, nobody. Two sealed columns, one named by a keyword."""

_TYPES = {"text": "TEXT", "integer": "INTEGER", "boolean": "BOOLEAN", "instant": "INTEGER", "real": "REAL"}
_CATEGORIES = {
    "picture": ("image", "reference"),
    "note": ("image", "account", "reference"),
    "prompt": ("image", "reference"),
    "profile": ("account",),
    "tariff": ("plan",),
}

_HEAD = """
language = 1
id = "fuzzed"
title = "Privacy of Fuzz"
controller = { name = "Fuzz", country = "NL", contact = "privacy@fuzz.example" }
[purpose.serve]
says = "serve"
basis = "contract"
[purpose.study]
says = "study"
basis = "consent"
[purpose.secure]
says = "secure"
basis = "legitimate_interest"
[consent.study]
says = "study"
purposes = ["study"]
[fact.visibility]
says = "how visible it is"
type = "text"
of = "row"
values = ["private", "public", "secret"]
[category.note]
says = "notes"
clauses = ["S6"]
[category.prompt]
says = "prompts"
protection = "sealed"
clauses = ["S6"]
[category.profile]
says = "profiles"
clauses = ["S6"]
[category.tariff]
says = "tariffs"
about = "nobody"
clauses = ["S6"]
"""
_PUBLIC = '{ fact = "visibility", is = ["public"] }'
_ENDS = "{ deleted_within = { seconds = 10 } }"
_NEW = "{ recorded_within = { days = 20 } }"


class Asked(Struct, frozen=True):
    """An access: who, what for, about whom."""

    actor: Actor
    purpose: str
    about: str | None = None
    facts: tuple[tuple[str, int | str | bool], ...] = ()


_TICKET = (("ticket_until", NOW + 1),)
_ANN = Actor.subject("ann")
ACCESSES = (
    *[Asked(_ANN, "serve")] * 6,
    Asked(Actor.subject("bob"), "serve"),
    Asked(Actor.subject("ann", "other"), "serve"),
    Asked(_ANN, "serve", "ann"),
    Asked(Actor.staff("clerk"), "secure", None, _TICKET),
    Asked(Actor.staff("clerk"), "secure", "bob", _TICKET),
    Asked(Actor.service("lab"), "study"),
)


class Law(Struct, frozen=True):
    """One random policy, compiled and bound; `number` makes it again."""

    number: int
    compiled: CompiledTimeline
    datamap: DataMap


@cache
def law(seed: int) -> Law:
    """The policy of this number; the same one every time."""
    text = _text(random.Random(seed))
    timeline = single(parse_document(text, "fuzzed.toml"))
    return Law(seed, compile_timeline(timeline), bind(timeline, TABLES))


def _text(rng: random.Random) -> str:
    ceiling = 'gone_after = { days = 30, from = "recorded" }\n' if rng.random() < 0.3 else ""
    parts = [_HEAD, f'[category.picture]\nsays = "pictures"\n{ceiling}clauses = ["S6"]\n']
    number = 0

    def rule(kind: str, who: str, may: str, what: str, for_: str, when: str, more: str = "") -> None:
        nonlocal number
        number += 1
        parts.append(
            f'[{kind}.r{number}]\nwho = ["{who}"]\nmay = [{may}]\nwhat = ["{what}"]\nfor = ["{for_}"]\n'
            f'when = [{when}]\n{more}clauses = ["S7"]\n'
        )

    for category in _CATEGORIES:
        for verb, own, public, always in (
            ("read", 0.8, 0.45, 0.25),
            ("update", 0.75, 0.2, 0.2),
            ("delete", 0.85, 0.15, 0.25),
            ("create", 0.85, 0.1, 0.25),
        ):
            may = f'"{verb}"'
            if category == "tariff":
                if rng.random() < 0.85:
                    rule("permit", "subject", may, category, "serve", rng.choice(('"always"', _NEW)))
                continue
            if rng.random() < own:
                rule("permit", "subject", may, category, "serve", '"row_is_own"')
            if rng.random() < public:
                rule("permit", "subject", may, category, "serve", _PUBLIC)
            if rng.random() < always:
                rule("permit", "subject", may, category, "serve", '"always"')
        if category != "tariff" and rng.random() < 0.3:
            rule("permit", "subject", '"update"', category, "serve", f'"row_is_own", {_ENDS}',
                 'even_when = ["deleted"]\n')  # fmt: skip
        if category in ("picture", "note") and rng.random() < 0.25:
            secret = '{ fact = "visibility", is = ["secret"] }'
            rule("forbid", "subject", rng.choice(('"read"', '"update"')), category, "any_purpose", secret)
    for category in ("picture", "profile", "note"):
        rule("permit", "staff", '"read", "update", "delete"', category, "secure", '"ticket_is_open"')
        rule("permit", "service", '"read"', category, "study", '"always"')
    return "".join(parts)


def ddl(table: Table, *, collated: bool = True) -> str:
    """How the table is created. One column compares without case; a column that an access shows only in part
    loses its collation (the theorem says so), and then the restriction is made without it."""
    columns = []
    for column in table.columns:
        text = f'"{column.name}" {_TYPES[column.type]}'
        if column.role == "key":
            text += " PRIMARY KEY"
        if column.name == "name" and collated:
            text += " COLLATE NOCASE"
        columns.append(text)
    return f'CREATE TABLE "{table.name}" ({", ".join(columns)})'
