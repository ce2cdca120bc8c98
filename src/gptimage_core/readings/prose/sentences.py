"""One rule as one English sentence, and retention as words."""

from __future__ import annotations

from msgspec import structs

from gptimage_core.decision.conditions import Condition, Flag, Passed
from gptimage_core.decision.terms import written
from gptimage_core.policy.document import Category, Ceiling, Coarsening, Document, Obligation, Rule
from gptimage_core.policy.vocabulary import ANY_PURPOSE, ANYONE, ANYTHING
from gptimage_core.readings.prose.words import (
    OPERATION_WORDS,
    actor_words,
    condition_words,
    join,
    span_words,
    to_you,
)

_FLOOR_WORDS = {
    "item_deleted": "until you delete it",
    "account_deleted": "until you delete your account",
    "child_verified": "until we learn that it came from a child",
    "consent_withdrawn": "until you withdraw your consent",
    "used": "until it is used",
    "hold_ended": "until the order to preserve it ends",
}

_LIFT_WORDS = {
    "deleted": "also after a deletion",
    "restricted": "also while processing is restricted",
    "objected": "also after an objection",
}

_STORE_WORDS = {
    "live": "our live systems",
    "backups": "backups",
    "logs": "logs",
    "exports": "exports",
    "recipients": "those we sent it to",
}


def rule_sentence(kind: str, rule: Rule, document: Document) -> str:
    """The rule as a sentence: `kind` is `permit` or `forbid`.

    `You may read or export the text you write, to make and show your images, when it is the person's own.`
    """
    who = _who(kind, rule)
    what = _what(kind, rule, document)
    operations = join([OPERATION_WORDS[operation] for operation in rule.may], "or")
    parts = [f"{who} {operations} {what}"]
    if rule.to:
        parts.append(f"with {join([document.recipient[name].says for name in rule.to], 'or')}")
    sentence = " ".join(parts) + ", " + _purposes(rule, document)
    sentence += _when(kind, rule, document)
    sentence += "".join(f", {_LIFT_WORDS[lift]}" for lift in rule.even_when)
    duties = [obligation_words(obligation) for obligation in rule.then]
    if duties:
        sentence += f"; then {join(duties)}"
    return sentence[0].upper() + sentence[1:] + "."


def _who(kind: str, rule: Rule) -> str:
    if kind == "permit":
        return f"{actor_words(rule.who)} may"
    return "nobody may" if ANYONE in rule.who else f"{actor_words(rule.who)} must not"


def _what(kind: str, rule: Rule, document: Document) -> str:
    if ANYTHING in rule.what:
        return "anything"
    return join([_category(name, document) for name in rule.what], "and" if kind == "permit" else "or")


def _category(name: str, document: Document) -> str:
    return document.category[name].says if name in document.category else name.replace("_", " ")


def _purposes(rule: Rule, document: Document) -> str:
    if ANY_PURPOSE in rule.for_:
        return "for any purpose"
    return "to " + join([document.purpose[name].says for name in rule.for_], "or to")


def _when(kind: str, rule: Rule, document: Document) -> str:
    """The conditions; in a `forbid`, a denied one reads "unless we know that …": unknown fires (X6)."""
    conditions = written(rule, document)
    denied = [(each, _opposite(each)) for each in conditions if kind == "forbid"]
    unless = [opposite for _, opposite in denied if opposite is not None]
    spared = {each for each, opposite in denied if opposite is not None}
    said = [to_you(condition_words(each, document)) for each in conditions if each not in spared]
    words = f", when {join(said)}" if said else ""
    for each in unless:
        words += f", unless we know that {to_you(condition_words(each, document))}"
    return words


def _opposite(condition: Condition) -> Condition | None:
    """What must be known to hold for a denied condition not to fire; `None` for one that is not denied."""
    match condition:
        case Flag(expected=False) | Passed(fact="ticket_until", expected=True):
            return structs.replace(condition, expected=not condition.expected)
        case _:
            return None


def written_words(rule: Rule, document: Document) -> str:
    """What the rule's `when` says, in an engineer's words; `always` where it asks nothing."""
    return join([condition_words(c, document) for c in written(rule, document)]) or "always"


def obligation_words(obligation: Obligation) -> str:
    """What whoever uses the permit must do, as a clause that follows "then"."""
    if obligation.max_rows is not None:
        return f"at most {obligation.max_rows} records at a time"
    if obligation.min_persons is not None:
        return f"only figures about at least {obligation.min_persons} people are shown"
    if obligation.only_fields is not None:
        return f"nothing but {join([name.replace('_', ' ') for name in obligation.only_fields])} goes along"
    return "the person is told"


def retention_words(category: Category) -> str:
    """How long the category is kept, as sentences: the floor, the ceiling, and what coarsens first."""
    sentences = []
    if category.keep_until:
        sentences.append(f"Kept {join([_FLOOR_WORDS[event] for event in category.keep_until], 'or')}.")
    if category.gone_after is not None:
        sentences.append(ceiling_words(category.gone_after))
    for name, rule in sorted(category.fields.items()):
        sentences.append(coarsening_words(name, rule.coarsen_after))
    return " ".join(sentences)


def ceiling_words(ceiling: Ceiling) -> str:
    """`Gone from everywhere, backups included, within 30 days after that.`"""
    if ceiling.stores == "all":
        where = "everywhere, backups included,"
    else:
        where = join([_STORE_WORDS[store] for store in ceiling.stores])
    start = "after that" if ceiling.from_ == "keep_ended" else "after it was recorded"
    if ceiling.end_of is not None:
        return f"Kept at most {span_words(ceiling)} {start}, then gone from {where.rstrip(',')}."
    if ceiling.at_once:
        return f"Then gone from our live systems at once, and from {where} within {span_words(ceiling)}."
    return f"Gone from {where} within {span_words(ceiling)} {start}."


def coarsening_words(name: str, coarsening: Coarsening) -> str:
    """`After 14 days the ip address is kept as its network only.`"""
    to = {"network": "as its network only", "day": "to the day only", "nothing": "no longer"}[coarsening.to]
    return f"After {span_words(coarsening)} the {name.replace('_', ' ')} is kept {to}."
