"""Hypothesis strategies: random policies, timelines, accesses, facts and stored worlds.

They draw from a small vocabulary, so that rules meet accesses and facts often. Documents are built as
structs, past the linter: a decision must be right for every document that could be represented. Needs
`hypothesis`; nothing else in the package imports this module.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

import msgspec
from hypothesis import strategies as st

from gptimage_core.clock import DAY, Instant, Span, from_datetime
from gptimage_core.decision.model import Access, Actor, Facts, RowFacts, Value
from gptimage_core.policy.document import Document
from gptimage_core.policy.source import Source
from gptimage_core.policy.timeline import Timeline, Version

__all__ = [
    "NOW",
    "PEOPLE",
    "access_facts",
    "accesses",
    "documents",
    "facts",
    "instants",
    "people_facts",
    "row_facts",
    "row_values",
    "timelines",
    "version",
]

NOW: Instant = from_datetime(dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC))
PEOPLE = ("ann", "bob", "cyd", "dan")
TENANTS = ("main", "main", "main", "other")
ACTORS = ("subject", "subject", "subject", "staff", "service", "guest", "processor", "authority")
OPERATIONS = ("read", "read", "update", "delete", "create", "share", "sell", "train")
CATEGORIES = ("letter", "letter", "number")
PURPOSES = {
    "serve": "contract",
    "protect": "legitimate_interest",
    "learn": "consent",
    "obey": "legal_obligation",
}
CONSENTS = {"learning": ["learn"], "learning_more": ["learn"]}
RECIPIENTS = ("printer", "broker", "court", "stranger")
SPANS = (
    Span(days=10),
    Span(days=30),
    Span(months=1),
    Span(years=1, end_of="year"),
    Span(months=0, end_of="month"),
)
FACTS = {
    "plan": ("text", "access"),
    "distance": ("integer", "access"),
    "urgent": ("boolean", "access"),
    "booked": ("instant", "access"),
    "tier": ("text", "subject"),
    "score": ("integer", "subject"),
    "member": ("boolean", "subject"),
    "paid_until": ("instant", "subject"),
    "visibility": ("text", "row"),
    "rank": ("integer", "row"),
    "starred": ("boolean", "row"),
    "embargo": ("instant", "row"),
}
WORDS = ("public", "private", 'Ünïcode ’"')
NUMBERS = (-1, 0, 1, 5, 2**40)
_NAMED = (
    "row_is_own",
    "actor_is_signed_in",
    "ticket_is_open",
    "job_is_live",
    "second_person_approved",
    "instrument_covers_it",
    "notice_was_given",
    "age_floor_is_met",
    "account_is_active",
    "account_is_deleted",
    "processing_is_restricted",
)
_DENIABLE = tuple(word for word in _NAMED if word[:3] not in ("row", "pro") and word != "account_is_deleted")


def _mostly(usual: Any, *others: Any) -> st.SearchStrategy[Any]:
    return st.sampled_from((*(usual,) * 6, *others))


def instants() -> st.SearchStrategy[Instant]:
    """Instants at, and one microsecond beside, the edges of the spans in use."""
    edges = {NOW, *(span.cutoff(NOW) for span in SPANS), NOW - 3 * DAY, NOW - 500 * DAY, NOW + 5 * DAY}
    return st.builds(
        lambda edge, beside: edge + beside, st.sampled_from(sorted(edges)), st.sampled_from((-1, 0, 0, 1))
    )


def _value(kind: str) -> st.SearchStrategy[Value]:
    kinds: dict[str, st.SearchStrategy[Any]] = {
        "text": st.sampled_from(WORDS),
        "integer": st.sampled_from(NUMBERS),
        "boolean": st.booleans(),
        "instant": instants(),
    }
    return kinds[kind]


def _fact_condition(name: str) -> st.SearchStrategy[dict[str, Any]]:
    kind, _ = FACTS[name]
    choices: list[st.SearchStrategy[dict[str, Any]]] = []
    if kind != "instant":
        values = st.lists(_value(kind), min_size=1, max_size=2, unique=True)
        choices += [st.fixed_dictionaries({key: values}) for key in ("is", "is_not")]
    if kind == "integer":
        choices += [st.fixed_dictionaries({key: st.sampled_from(NUMBERS)}) for key in ("at_least", "at_most")]
    if kind == "instant":
        choices.append(st.fixed_dictionaries({"passed": st.booleans()}))
    return st.one_of(choices).map(lambda test: {"fact": name, **test})


_SPAN = st.sampled_from([msgspec.to_builtins(span) for span in SPANS])


def conditions() -> st.SearchStrategy[Any]:
    """One item of `when`."""
    return st.one_of(
        st.just("row_is_own"),
        st.sampled_from(_NAMED),
        st.sampled_from(sorted(FACTS)).flatmap(_fact_condition),
        st.fixed_dictionaries({"consent": st.sampled_from(sorted(CONSENTS))}),
        st.fixed_dictionaries({"consent": st.sampled_from(sorted(CONSENTS)), "given": st.booleans()}),
        st.fixed_dictionaries({"not": st.sampled_from(_DENIABLE)}),
        *(
            st.fixed_dictionaries({key: _SPAN})
            for key in ("signed_in_within", "recorded_within", "older_than", "deleted_within", "ended_for")
        ),
    )


def _some(words: Any) -> st.SearchStrategy[list[Any]]:
    return st.lists(st.sampled_from(sorted(set(words))), min_size=1, max_size=3, unique=True)


def _rules(forbid: bool) -> st.SearchStrategy[dict[str, Any]]:
    def wide(words: Any, any_of_them: str) -> st.SearchStrategy[list[Any]]:
        return st.one_of(_some(words), st.just([any_of_them])) if forbid else _some(words)

    when = st.lists(conditions(), min_size=1, max_size=3 if forbid else 2)
    more: dict[str, st.SearchStrategy[Any]] = {
        "even_when": st.lists(
            st.sampled_from(("deleted", "restricted", "objected")), max_size=2, unique=True
        ),
        "then": st.sampled_from(([], [{"max_rows": 10}], [{"max_rows": 10}, {"tell_subject": True}])),
        "may_release_before_record": st.booleans(),
    }
    return st.fixed_dictionaries(
        {
            "who": st.just(["subject"]) | wide(ACTORS, "anyone"),
            "may": st.just(["read", "update", "delete"]) | _some(OPERATIONS) | st.just(["share", "sell"]),
            "what": st.just(["letter"]) | wide(CATEGORIES, "anything"),
            "for": st.just(["serve", "protect"]) | wide(PURPOSES, "any_purpose"),
            "when": when if forbid else st.just(["row_is_own"]) | st.just(["always"]) | when,
            "clauses": st.just(["S7"]),
            "to": st.lists(st.sampled_from(RECIPIENTS[:3]), max_size=2, unique=True),
        },
        optional={} if forbid else more,
    )


def _recipients() -> st.SearchStrategy[dict[str, Any]]:
    def date(days: int) -> str:
        return (dt.date(2026, 3, 1) + dt.timedelta(days=days)).isoformat()

    contract: st.SearchStrategy[Any] = st.fixed_dictionaries(
        {
            "signed": st.sampled_from((date(-400), date(0), date(1))),
            "until": _mostly(date(400), date(0), date(1), date(-1)),
            "uses": st.sampled_from(("service_only", "own")),
        }
    )
    transfer: st.SearchStrategy[Any] = st.fixed_dictionaries(
        {"mechanism": st.just("adequacy")}, optional={"until": st.sampled_from((date(9), date(0)))}
    )
    agreed: dict[str, st.SearchStrategy[Any]] = {"contract": contract, "transfer": transfer}
    one: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
        {
            "says": st.just("somebody"),
            "role": _mostly("processor", "authority"),
            "countries": st.sampled_from((["NL"], ["US"], ["NL", "US"])),
            "purposes": st.one_of(st.just(sorted(PURPOSES)), _some(PURPOSES)),
        },
        optional=agreed,
    )
    return st.fixed_dictionaries(dict.fromkeys(RECIPIENTS[:3], one))


def _categories() -> st.SearchStrategy[dict[str, Any]]:
    ceiling = st.builds(
        lambda span, start, stores: {**span, "from": start, "stores": stores},
        _SPAN,
        st.sampled_from(("recorded", "keep_ended")),
        _mostly("all", ["backups"], ["live"]),
    )
    one = st.fixed_dictionaries(
        {"says": st.just("something"), "about": _mostly("subject", "nobody")},
        optional={"gone_after": ceiling},
    )
    return st.fixed_dictionaries(dict.fromkeys(sorted(set(CATEGORIES)), one))


def documents(max_rules: int = 4) -> st.SearchStrategy[Document]:
    """Policies over the small vocabulary, built past the linter."""

    def build(permits: list[Any], forbids: list[Any], categories: Any, recipients: Any) -> Document:
        return msgspec.convert(
            {
                "language": 1,
                "id": "random",
                "title": "random",
                "controller": {"name": "X", "country": "NL", "contact": "x@example.org"},
                "purpose": {name: {"says": name, "basis": basis} for name, basis in PURPOSES.items()},
                "category": categories,
                "consent": {name: {"says": name, "purposes": which} for name, which in CONSENTS.items()},
                "fact": {
                    name: {"says": name, "type": kind, "of": level} for name, (kind, level) in FACTS.items()
                },
                "recipient": recipients,
                "permit": {f"p{number}": rule for number, rule in enumerate(permits)},
                "forbid": {f"f{number}": rule for number, rule in enumerate(forbids)},
            },
            Document,
        )

    return st.builds(
        build,
        st.lists(_rules(False), min_size=1, max_size=max_rules),
        st.lists(_rules(True), max_size=max(1, max_rules // 2)),
        _categories(),
        _recipients(),
    )


def version(number: int, effective: Instant, document: Document) -> Version:
    """A version of a timeline, announced a day before it takes effect."""
    return Version(number, effective - DAY, effective, document, f"sha256:{number}", Source("<random>", ""))


def timelines(max_rules: int = 4) -> st.SearchStrategy[Timeline]:
    """One to three versions, some equal to the one before; the last may not be in effect yet."""

    @st.composite
    def build(draw: st.DrawFn) -> Timeline:
        count = draw(st.sampled_from((1, 1, 2, 3)))
        chosen: list[Document] = []
        for _ in range(count):
            again = bool(chosen) and draw(st.booleans())
            chosen.append(chosen[-1] if again else draw(documents(max_rules)))
        starts = [NOW - 300 * DAY, NOW - 20 * DAY, draw(st.sampled_from((NOW - 2 * DAY, NOW, NOW + 1)))]
        return Timeline(tuple(version(i + 1, starts[i], document) for i, document in enumerate(chosen)))

    return build()


def accesses(timeline: Timeline | None = None) -> st.SearchStrategy[Access]:
    """Accesses in the small vocabulary; usually ones that some permit of `timeline` speaks of."""
    free = st.builds(
        _access,
        _mostly("subject", *ACTORS, "robot"),
        st.sampled_from(("ann", "ann", "ann", *PEOPLE, None)),
        _mostly("main", "other"),
        _mostly("serve", *PURPOSES, "unknown_purpose"),
        _mostly("read", *OPERATIONS, "unknown_operation"),
        _mostly("letter", *CATEGORIES, "unknown_category"),
        st.sampled_from((*RECIPIENTS, None)),
    )
    rules = [r for v in timeline.versions for r in v.document.permit.values()] if timeline else []
    if not rules:
        return free
    spoken_of = st.sampled_from(rules).flatmap(
        lambda rule: st.builds(
            _access,
            st.sampled_from(rule.who),
            st.sampled_from(("ann", "ann", *PEOPLE)),
            _mostly("main", "other"),
            st.sampled_from(rule.for_),
            st.sampled_from(rule.may),
            st.sampled_from(rule.what),
            st.sampled_from(rule.to or RECIPIENTS),
        )
    )
    return spoken_of | spoken_of | free


def _access(
    kind: str, id: str | None, tenant: str, purpose: str, operation: str, category: str, recipient: str | None
) -> Access:
    to = recipient if operation in ("share", "disclose", "sell") else None
    return Access(Actor(kind, None if kind == "guest" else id, tenant), purpose, operation, category, to)


_GONE = object()
"""Stands for a key that is missing: unknown."""


def _usual(
    usual: Mapping[str, Value], kinds: Mapping[str, st.SearchStrategy[Any]]
) -> st.SearchStrategy[dict[str, Value]]:
    """The usual facts with a few changed or missing."""

    def changed(changes: list[tuple[str, Any]]) -> dict[str, Value]:
        return {fact: value for fact, value in {**usual, **dict(changes)}.items() if value is not _GONE}

    one = [st.tuples(st.just(name), kind | st.just(_GONE)) for name, kind in kinds.items()]
    return st.lists(st.one_of(one), max_size=3).map(changed)


_OF_TYPE: dict[str, Value] = {"text": "public", "integer": 1, "boolean": True, "instant": NOW - 3 * DAY}


def _own_facts(level: str) -> tuple[dict[str, Value], dict[str, st.SearchStrategy[Value]]]:
    chosen = {name: kind for name, (kind, of) in FACTS.items() if of == level}
    usual = {name: _OF_TYPE[kind] for name, kind in chosen.items()}
    return usual, {name: _value(kind) for name, kind in chosen.items()}


def access_facts() -> st.SearchStrategy[dict[str, Value]]:
    """Facts about the access."""
    usual, kinds = _own_facts("access")
    flags = ("signed_in", "job_is_live", "second_person_approved", "instrument_covers_it")
    return _usual(
        {"signed_in_at": NOW - DAY, "ticket_until": NOW + DAY, **dict.fromkeys(flags, True), **usual},
        {
            "signed_in_at": instants(),
            "ticket_until": instants(),
            **dict.fromkeys(flags, st.booleans()),
            **kinds,
        },
    )


def people_facts() -> st.SearchStrategy[dict[str, Value]]:
    """Facts about one person; usually of somebody whose data may be used."""
    usual, kinds = _own_facts("subject")
    good = (
        "age_floor_is_met",
        "account_is_active",
        "notice_was_given",
        *(f"consent:{name}" for name in CONSENTS),
    )
    bad = ("deleted", "restricted", *(f"objection:{name}" for name in PURPOSES))
    return _usual(
        {**dict.fromkeys(bad, False), **dict.fromkeys(good, True), **usual},
        {**dict.fromkeys((*bad, *good), st.booleans()), **kinds},
    )


def row_values() -> st.SearchStrategy[dict[str, Value]]:
    """Row-level facts, usually of a row that is kept and recent."""
    usual, kinds = _own_facts("row")
    return _usual(
        {"recorded": NOW - DAY, "keep_ended": None, "collected_under": 1, **usual},
        {
            "recorded": instants() | st.none(),
            "keep_ended": instants(),
            "collected_under": st.sampled_from((1, 2, 2, 3, 0, None)),
            **kinds,
        },
    )


def row_facts() -> st.SearchStrategy[RowFacts]:
    """Facts about rows with nobody, one or two people."""
    one = st.sampled_from([("ann",), ("ann",), ("bob",), (None,), ()])
    people = st.fixed_dictionaries({"ann": people_facts()}, optional={"bob": people_facts()})
    return st.builds(
        RowFacts,
        st.sampled_from((*TENANTS, "main", "main", None)),
        one | st.tuples(*(st.sampled_from(("ann", "bob", None)),) * 2),
        people,
        row_values(),
    )


def facts() -> st.SearchStrategy[Facts]:
    """Facts about an access and one row."""
    return st.builds(Facts, access_facts(), row_facts())
