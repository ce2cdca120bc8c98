"""The notice as data: sections with items, each item naming the constructs it stands for.

INVARIANT (notice-names-rules): the set of `permit.*` and `forbid.*` ids among the items' sources is exactly
the set of rules of the document in force (S45). Markdown and HTML are two renderings of this one value.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from msgspec import Struct

from gptimage_core.clock import Instant, to_datetime
from gptimage_core.policy.document import Document, Recipient, Rule
from gptimage_core.policy.timeline import Timeline, Version
from gptimage_core.policy.vocabulary import SHARING
from gptimage_core.readings.prose.sentences import retention_words, rule_sentence
from gptimage_core.readings.prose.words import BASIS_WORDS, join, span_words

Part = Literal[
    "start", "collect", "use", "share", "keep", "rights", "children", "transfers", "changes", "contact"
]

_TITLES: dict[Part, str] = {
    "start": "In short",
    "collect": "What we keep about you",
    "use": "What we use it for",
    "share": "Who else receives it",
    "keep": "How long we keep it",
    "rights": "Your rights and choices",
    "children": "Children",
    "transfers": "Other countries",
    "changes": "Changes to this notice",
    "contact": "Contact",
}


class Item(Struct, frozen=True):
    """One thing said. `sources` are construct ids (`permit.own_content`), `clauses` the obligations met."""

    text: str
    term: str = ""
    sources: tuple[str, ...] = ()
    clauses: tuple[str, ...] = ()


class Group(Struct, frozen=True):
    """Items under a heading; `exact` marks the precise rules, which pages may fold away."""

    title: str
    lead: str
    items: tuple[Item, ...]
    exact: bool = False


class Section(Struct, frozen=True):
    id: str
    title: str
    items: tuple[Item, ...]
    groups: tuple[Group, ...] = ()


class Notice(Struct, frozen=True):
    """The whole notice. `updated` is the day the version took effect (UTC), shown at the top (S45)."""

    title: str
    controller: str
    country: str
    contact: str
    updated: str
    version: int
    digest: str
    draft: bool
    sections: tuple[Section, ...]

    def sources(self) -> frozenset[str]:
        """Every construct id the notice names."""
        return frozenset(
            source
            for section in self.sections
            for items in (section.items, *(group.items for group in section.groups))
            for item in items
            for source in item.sources
        )


def build_notice(timeline: Timeline, now: Instant) -> Notice:
    """The notice of the version in force at `now` (S44, S45). Raises `PolicyError` before the first."""
    version = timeline.at(now)
    document = version.document
    parts: dict[Part, tuple[tuple[Item, ...], tuple[Group, ...]]] = {
        "start": (_statements(document, "start"), ()),
        "collect": (_statements(document, "collect"), (_categories(document),)),
        "use": (_statements(document, "use"), tuple(_purposes(document))),
        "share": (_statements(document, "share"), tuple(_sharing(document))),
        "keep": (_statements(document, "keep"), (_retention(document), *_settings(document))),
        "rights": (_statements(document, "rights"), (*_rights(document), *_consents(document))),
        "children": (_statements(document, "children"), ()),
        "transfers": (_statements(document, "transfers"), tuple(_transfers(document))),
        "changes": (_statements(document, "changes"), ()),
        "contact": ((_contact(document), *_statements(document, "contact")), ()),
    }
    sections = tuple(
        Section(
            id=part, title=_TITLES[part], items=items, groups=tuple(group for group in groups if group.items)
        )
        for part, (items, groups) in parts.items()
        if items or any(group.items for group in groups)
    )
    return _notice(version, sections)


def _notice(version: Version, sections: tuple[Section, ...]) -> Notice:
    document = version.document
    return Notice(
        title=document.title,
        controller=document.controller.name,
        country=document.controller.country,
        contact=document.controller.contact,
        updated=to_datetime(version.effective).date().isoformat(),
        version=version.number,
        digest=version.digest,
        draft=version.sign_off is None,
        sections=sections,
    )


def _statements(document: Document, part: Part) -> tuple[Item, ...]:
    return tuple(
        Item(text=statement.says, sources=(f"statement.{name}",), clauses=tuple(statement.clauses))
        for name, statement in document.statement.items()
        if statement.where == part
    )


def _categories(document: Document) -> Group:
    items = []
    for name, category in document.category.items():
        says = "Kept sealed: unreadable without a key of its own." if category.protection == "sealed" else ""
        if category.exactly:
            says += f" Exactly these fields: {join([field.replace('_', ' ') for field in category.exactly])}."
        if category.added:
            says += f" {capital(category.added)}{'' if category.added.endswith('.') else '.'}"
        items.append(
            Item(
                term=capital(category.says),
                text=says.strip(),
                sources=(f"category.{name}",),
                clauses=tuple(category.clauses),
            )
        )
    return Group(title="", lead="", items=tuple(items))


def _rules(document: Document) -> Iterator[tuple[str, str, Rule]]:
    for name, rule in document.permit.items():
        yield "permit", name, rule
    for name, rule in document.forbid.items():
        yield "forbid", name, rule


def _rule_item(kind: str, name: str, rule: Rule, document: Document) -> Item:
    return Item(
        text=rule_sentence(kind, rule, document), sources=(f"{kind}.{name}",), clauses=tuple(rule.clauses)
    )


def _purposes(document: Document) -> Iterator[Group]:
    for name, purpose in document.purpose.items():
        rules = [
            _rule_item(kind, rule_name, rule, document)
            for kind, rule_name, rule in _rules(document)
            if kind == "permit" and name in rule.for_ and not SHARING & set(rule.may)
        ]
        head = Item(
            text=f"{capital(BASIS_WORDS[purpose.basis])}.",
            sources=(f"purpose.{name}",),
            clauses=tuple(purpose.clauses),
        )
        yield Group(title=f"To {purpose.says}", lead="", items=(head,))
        if rules:
            yield Group(title="The exact rules", lead="", items=tuple(rules), exact=True)


def _sharing(document: Document) -> Iterator[Group]:
    yield Group(
        title="",
        lead="",
        items=tuple(
            Item(
                term=capital(recipient.says),
                text=_recipient_words(recipient, document),
                sources=(f"recipient.{name}",),
                clauses=tuple(recipient.clauses),
            )
            for name, recipient in document.recipient.items()
        ),
    )
    shares = tuple(
        _rule_item(kind, name, rule, document)
        for kind, name, rule in _rules(document)
        if kind == "permit" and SHARING & set(rule.may)
    )
    yield Group(title="The exact rules", lead="", items=shares, exact=True)
    never = tuple(
        _rule_item(kind, name, rule, document) for kind, name, rule in _rules(document) if kind == "forbid"
    )
    yield Group(title="What nobody may do, whatever else is said here", lead="", items=never)


def _recipient_words(recipient: Recipient, document: Document) -> str:
    purposes = join([document.purpose[name].says for name in recipient.purposes if name in document.purpose])
    words = f"To {purposes}; in {join(recipient.countries)}."
    if recipient.contract is not None:
        limit = (
            "limits its use to our service"
            if recipient.contract.uses == "service_only"
            else "leaves it free use"
        )
        words += f" A contract {limit} (until {recipient.contract.until.isoformat()})."
    return words


def _retention(document: Document) -> Group:
    """What is kept equally long stands together; the order is that of the first of each."""
    together: dict[str, list[str]] = {}
    for name, category in document.category.items():
        words = retention_words(category) or "Kept as long as the service needs it."
        together.setdefault(words, []).append(name)
    return Group(
        title="",
        lead="",
        items=tuple(
            Item(
                term=capital(join([document.category[name].says for name in names])),
                text=words,
                sources=tuple(f"category.{name}" for name in names),
                clauses=tuple(dict.fromkeys(c for name in names for c in document.category[name].clauses)),
            )
            for words, names in together.items()
        ),
    )


def _settings(document: Document) -> Iterator[Group]:
    items = []
    for name, setting in document.setting.items():
        value = span_words(setting.span) if setting.span is not None else f"{setting.count:,}"
        items.append(
            Item(
                term=capital(setting.says),
                text=f"{value}.",
                sources=(f"setting.{name}",),
                clauses=tuple(setting.clauses),
            )
        )
    yield Group(title="Numbers we keep to", lead="", items=tuple(items))


def _rights(document: Document) -> Iterator[Group]:
    items = []
    for name, right in document.right.items():
        where = "In your account" if right.control else f"Write to {document.controller.contact}"
        items.append(
            Item(
                term=capital(right.says),
                text=f"{where}; answered within {span_words(right.answer_within)}.",
                sources=(f"right.{name}",),
                clauses=tuple(right.clauses),
            )
        )
    yield Group(title="", lead="", items=tuple(items))


def _consents(document: Document) -> Iterator[Group]:
    items = tuple(
        Item(
            term=f"“{consent.says}”",
            text="Off until you switch it on; you can switch it off again at any time.",
            sources=(f"consent.{name}",),
            clauses=tuple(consent.clauses),
        )
        for name, consent in document.consent.items()
    )
    yield Group(title="Switches, all off at first", lead="", items=items)


_MECHANISM_WORDS = {
    "none_needed": "it stays in the same legal area",
    "adequacy": "an adequacy decision covers the country",
    "standard_contractual_clauses": "standard contractual clauses protect it",
    "binding_corporate_rules": "binding corporate rules protect it",
    "derogation": "a statutory exception covers it",
}


def _transfers(document: Document) -> Iterator[Group]:
    items = tuple(
        Item(
            term=capital(recipient.says),
            text=f"{join(recipient.countries)}: {_MECHANISM_WORDS[recipient.transfer.mechanism]}.",
            sources=(f"recipient.{name}",),
            clauses=tuple(recipient.clauses),
        )
        for name, recipient in document.recipient.items()
        if recipient.transfer is not None
    )
    yield Group(title="", lead="", items=items)


def _contact(document: Document) -> Item:
    controller = document.controller
    address = f", {controller.address}" if controller.address else ""
    return Item(
        text=f"{controller.name}{address} ({controller.country}) answers for all this: {controller.contact}.",
        sources=("controller",),
        clauses=("S46",),
    )


def capital(text: str) -> str:
    """The text with its first letter raised."""
    return text[:1].upper() + text[1:]
