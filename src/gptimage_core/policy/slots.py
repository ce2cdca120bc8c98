"""One line of words for every key of every construct, for editors (JSON Schema) and for docs/language.md.

A key without a line fails a test: what cannot be explained in a line is not in the language.
"""

from __future__ import annotations

__all__ = ["OPTIONAL_EVERYWHERE", "SLOTS", "slot_words"]

OPTIONAL_EVERYWHERE: dict[str, str] = {
    "says": "words for people; they stand in the notice as written",
    "clauses": "ids of the obligations this carries, e.g. `S17`; they link clause, rule, code and tests",
    "added": "why this stands here although the policy's prose does not name it (“for counsel”)",
    "dpv": "the term of the W3C Data Privacy Vocabulary that says the same",
    "seconds": "fixed unit",
    "minutes": "fixed unit: 60 s",
    "hours": "fixed unit: 3,600 s",
    "days": "fixed unit: 86,400 s",
    "months": "calendar unit; never together with fixed units",
    "years": "calendar unit; never together with fixed units",
    "end_of": "round a calendar span up to the end of its month or year (“the end of the 10th year”)",
}
"""Keys that mean the same wherever they stand."""

SLOTS: dict[str, dict[str, str]] = {
    "Document": {
        "language": "the version of this language",
        "id": "the document's stable id",
        "title": "the notice's title",
        "controller": "who is responsible",
        "purpose": "what data is used for, by id",
        "category": "the kinds of data, by id",
        "consent": "the switches people have, by id",
        "fact": "facts of this product that conditions ask for, by id",
        "recipient": "to whom data may be sent, by id",
        "permit": "what is permitted, by the rule's stable id; what no permit permits is denied",
        "forbid": "what is forbidden whatever is permitted, by the rule's stable id",
        "right": "the rights of people and the control for each, by id",
        "setting": "numbers that the policy settles and software reads, by id",
        "statement": "clauses that are words only, by id",
    },
    "Controller": {
        "name": "the organisation's name",
        "country": "where it is established, ISO 3166-1 alpha-2; transfers are measured from here",
        "contact": "the email address for questions, in every page's footer",
        "address": "the postal address",
    },
    "Purpose": {
        "basis": "the legal basis (GDPR 6(1)); `consent` and `legitimate_interest` imply a check",
    },
    "Consent": {
        "purposes": "what the person agrees to when they turn it on; each must stand on consent",
    },
    "Category": {
        "protection": "`sealed` is stored encrypted under a key whose destruction erases it; `plain` is not",
        "about": "`nobody` for data that is about no person; nobody's consent or objection is asked then",
        "keep_until": "the floor: it is kept until the first of these events",
        "gone_after": "the ceiling: when it must be gone, in which stores",
        "exactly": "the closed set of fields; a table of this category has these and no other",
        "fields": "what holds for one field",
    },
    "Ceiling": {
        "from": "where the span starts: when it was `recorded`, or when its keeping ended (`keep_ended`)",
        "stores": "which stores it reaches; `all` unless said otherwise",
        "margin_days": "how many days before the limit the sweep aims",
        "at_once": "the live stores lose it as soon as its keeping ends; the span bounds the others",
    },
    "FieldRule": {"coarsen_after": "after this span a coarser value is kept"},
    "Coarsening": {
        "to": "`network` keeps /24 of IPv4 and /48 of IPv6, `day` keeps the day, `nothing` keeps nothing"
    },
    "Agreement": {
        "signed": "the contract's first day (from 00:00 UTC)",
        "until": "the day it ends (at 00:00 UTC)",
        "uses": "`own` leaves the recipient free use of its own: sharing is then decided as `sell`, too",
    },
    "Transfer": {
        "mechanism": "what makes sending data there lawful (GDPR 44-49)",
        "until": "the day it ends (at 00:00 UTC), where it ends",
    },
    "Recipient": {
        "role": "processor, controller of its own, or authority",
        "countries": "where it may hold the data, ISO 3166-1 alpha-2",
        "purposes": "for what it may receive data",
        "contract": "without one it receives nothing, unless it is an authority",
        "transfer": "without one it receives nothing when a country of it is not the controller's",
        "hosts": "the host names data may go to",
    },
    "Fact": {
        "type": "the type of its values; an instant is microseconds since 1970 in UTC",
        "of": "what it is about, and so where it comes from",
        "values": "the words a text fact may have",
        "fresh_for": "how long a subject's stored value is trusted; older is unknown",
    },
    "Condition": {
        "fact": "the declared fact that is tested; exactly one test stands beside it",
        "is": "the fact is one of these",
        "is_not": "the fact is known and is none of these",
        "at_least": "the fact is this or more",
        "at_most": "the fact is this or less",
        "passed": "`true`: the instant has passed; `false`: it lies ahead",
        "consent": "the consent that is given",
        "given": "`false` asks that the consent is known not to be given",
        "not": "the named condition does not hold; in a `forbid`, it is not known to hold",
        "signed_in_within": "the actor signed in no longer ago than this",
        "recorded_within": "the row was recorded no longer ago than this",
        "older_than": "the row was recorded longer ago than this",
        "deleted_within": "the row's keeping ended no longer ago than this",
        "ended_for": "the row's keeping ended at least this long ago",
    },
    "Obligation": {
        "max_rows": "at most so many rows at once",
        "min_persons": "a cell of an aggregate with fewer persons is suppressed",
        "tell_subject": "the person is told",
        "only_fields": "only these fields are sent",
    },
    "Rule": {
        "who": "the kinds of actors; `anyone` in `forbid` only",
        "may": "the operations",
        "what": "the categories; `anything` in `forbid` only",
        "for": "the purposes; `any_purpose` in `forbid` only",
        "when": "the conditions, all of which must hold; “or” is a second rule",
        "to": "the recipients; stands exactly with `share` and `disclose`",
        "then": "what the permit demands of whoever uses it",
        "even_when": "implied conditions that this permit lifts",
        "may_release_before_record": "the answer need not wait for the access record; own reads only",
    },
    "RightGrant": {
        "right": "which right it is (GDPR 15-22)",
        "answer_within": "how soon it is answered",
        "control": "the path of the page that exercises it; without one, the contact does",
    },
    "Setting": {
        "span": "a length of time",
        "count": "a number",
    },
    "Statement": {"where": "the part of the notice it stands in"},
    "Overlay": {
        "language": "the version of this language",
        "overlay": "the overlay's stable id",
        "fact": "facts that its conditions ask for",
        "forbid": "prohibitions it adds",
        "narrow": "permits of the base, and what is added to them",
        "shorten": "categories of the base, and the ceiling they get",
        "right": "rights it adds",
        "hasten": "rights of the base, and how soon they are answered",
        "statement": "words it adds",
    },
    "Narrowing": {
        "when": "conditions that are added",
        "then": "obligations that are added",
    },
    "Shortening": {"gone_after": "the new ceiling; it ends no later and reaches no less"},
    "Hastening": {"answer_within": "the new span; it is no longer"},
    "Span": {},
}


def slot_words(construct: str, key: str) -> str:
    """The line for a key of a construct; `KeyError` if there is none."""
    own = SLOTS[construct]
    return own[key] if key in own else OPTIONAL_EVERYWHERE[key]
