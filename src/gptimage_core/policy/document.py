"""The policy document: what one TOML file may say, as msgspec structs.

The structs are the language: the loader converts into them, the JSON Schema is made from them, and
`docs/language.md` is generated from them and tested against them. A word that is not here does not parse.
Slots `who, may, what, for, when, clauses` stand in every rule, as lists; a missing slot never means "any".
"""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Literal

from msgspec import Meta, Struct, field

from gptimage_core.clock import Span
from gptimage_core.policy.vocabulary import (
    Basis,
    CeilingStart,
    DeniableCondition,
    FactLevel,
    FactType,
    FloorEvent,
    Lift,
    Mechanism,
    NamedCondition,
    Operation,
    Protection,
    RecipientRole,
    Right,
    Store,
    Who,
)

__all__ = [
    "Agreement",
    "Category",
    "Ceiling",
    "Coarsening",
    "Condition",
    "Consent",
    "Controller",
    "Document",
    "Fact",
    "FieldRule",
    "Hastening",
    "Narrowing",
    "Obligation",
    "Overlay",
    "Purpose",
    "Recipient",
    "RightGrant",
    "Rule",
    "Setting",
    "Shortening",
    "Statement",
    "Transfer",
]

Words = Annotated[
    str, Meta(min_length=1, description="words for people; they stand in the notice as written")
]
ClauseId = Annotated[
    str, Meta(pattern=r"^[A-Z][A-Za-z]*[0-9]+$", description="an obligation's id, e.g. `S17`")
]
Name = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_]*$", description="a stable id in snake_case")]


class _Part(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Common configuration of every construct: frozen and closed."""


class Controller(_Part, frozen=True):
    """Who is responsible (GDPR 4(7)); the contact stands in every page's footer (S46)."""

    name: Words
    country: Annotated[str, Meta(pattern=r"^[A-Z]{2}$", description="ISO 3166-1 alpha-2")]
    contact: Annotated[str, Meta(pattern=r"^[^@\s]+@[^@\s]+$", description="the email address for questions")]
    address: str = ""


class Purpose(_Part, frozen=True):
    """What data is used for, and on which legal basis (GDPR 6(1)).

    `basis = "consent"` implies the check that the person whose data it is consents (a `consent` must name
    the purpose); `basis = "legitimate_interest"` implies the check that they have not objected.
    """

    says: Words
    basis: Basis
    clauses: list[ClauseId] = []
    dpv: str = ""
    added: str = ""


class Consent(_Part, frozen=True):
    """A switch a person may turn on; off until they do, and off again when it cannot be known."""

    says: Words
    purposes: Annotated[list[Name], Meta(min_length=1)]
    clauses: list[ClauseId] = []
    added: str = ""


class Ceiling(Span, frozen=True, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """When data must be gone (a `Span` with its start and its reach). Past it all but `delete` is denied.

    `margin_days` lets the sweep aim before the limit; the limit that people read is the span itself.
    `at_once` (with `from = "keep_ended"` only): the live stores lose it as soon as its keeping ends, and the
    span bounds the other stores, backups above all (S32).
    """

    from_: CeilingStart = field(name="from")
    stores: Literal["all"] | list[Store] = "all"
    margin_days: Annotated[int, Meta(ge=0)] = 0
    at_once: bool = False


class Coarsening(Span, frozen=True, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """After this span only a coarser value is kept: `network` keeps /24 of IPv4 and /48 of IPv6."""

    to: Literal["network", "day", "nothing"] = "network"


class FieldRule(_Part, frozen=True):
    """What holds for one field of a category."""

    coarsen_after: Coarsening


class Category(_Part, frozen=True):
    """A kind of data: how it is protected, how long it is kept at least (floor) and at most (ceiling).

    `exactly` closes the set of fields: a table or log of this category has these and no other.
    `keep_until` is the floor and what ends it; `gone_after` the ceiling and where it starts.
    `added` explains a category the seed text does not name ("for counsel", X9).
    """

    says: Words
    protection: Protection = "plain"
    about: Literal["subject", "nobody"] = "subject"
    keep_until: list[FloorEvent] = []
    gone_after: Ceiling | None = None
    exactly: list[Name] = []
    fields: dict[Name, FieldRule] = {}
    clauses: list[ClauseId] = []
    dpv: str = ""
    added: str = ""


class Agreement(_Part, frozen=True):
    """The contract with a recipient. `uses = "own"` leaves it free use: sharing then compiles as `sell`."""

    signed: dt.date
    until: dt.date
    uses: Literal["service_only", "own"] = "service_only"


class Transfer(_Part, frozen=True):
    """What makes sending data to the recipient's country lawful, and until when (GDPR 44-49)."""

    mechanism: Mechanism
    until: dt.date | None = None


class Recipient(_Part, frozen=True):
    """Somebody data may be sent to. Contract, purposes and transfer are implied conditions of sharing."""

    says: Words
    role: RecipientRole
    countries: Annotated[list[Annotated[str, Meta(pattern=r"^[A-Z]{2}$")]], Meta(min_length=1)]
    purposes: Annotated[list[Name], Meta(min_length=1)]
    contract: Agreement | None = None
    transfer: Transfer | None = None
    hosts: list[str] = []
    clauses: list[ClauseId] = []
    added: str = ""


class Fact(_Part, frozen=True):
    """A product's own fact, declared so that it has words, SQL and formula like the built-in ones.

    `of` says what it is about: the access (supplied by the caller or the Facts port), the subject (kept
    beside the data, at most `fresh_for` old) or the row (a column tagged with the fact).
    """

    says: Words
    type: FactType
    of: FactLevel
    values: list[str] = []
    fresh_for: Span | None = None
    clauses: list[ClauseId] = []


class Condition(_Part, frozen=True):
    """A condition with a parameter; exactly one of `fact`, `consent`, `not` or a span is set.

    With `fact`, exactly one of the tests is set. `given = false` asks that the consent is not given. A
    `forbid` with `not` or `given = false` fires unless the opposite is known: unknown is not enough.
    The spans: `signed_in_within` and `recorded_within` since the sign-in and the record, `older_than` since
    the record, `deleted_within` and `ended_for` since the row's keeping ended (the second: at least so long
    ago; a row that is still kept satisfies neither). All conditions of a rule must hold; "or" is a second
    rule.
    """

    fact: Name | None = None
    is_: list[str | int | bool] | None = field(default=None, name="is")
    is_not: list[str | int | bool] | None = None
    at_least: int | None = None
    at_most: int | None = None
    passed: bool | None = None
    consent: Name | None = None
    given: bool | None = None
    not_: DeniableCondition | None = field(default=None, name="not")
    signed_in_within: Span | None = None
    recorded_within: Span | None = None
    older_than: Span | None = None
    deleted_within: Span | None = None
    ended_for: Span | None = None


class Obligation(_Part, frozen=True):
    """What a permit demands of whoever uses it; exactly one key is set. The guard carries it out or refuses.

    `max_rows` caps a bulk read (X4); `min_persons` suppresses aggregate cells below k (S16);
    `tell_subject` queues a message to the person; `only_fields` projects a share to these fields (S24).
    """

    max_rows: Annotated[int, Meta(ge=1)] | None = None
    min_persons: Annotated[int, Meta(ge=2)] | None = None
    tell_subject: bool | None = None
    only_fields: list[Name] | None = None


class Rule(_Part, frozen=True):
    """One sentence: *who* may (or must not) do *what* with which category *for* which purpose *when*.

    Implied in every permit, and named in every explanation: the same tenant; the row not deleted; its
    person's processing not restricted; no objection to a legitimate interest; the ceiling not passed;
    consent where that is the basis; contract, purpose and transfer of a recipient; the policy version the
    row was collected under and every one since. `even_when` lifts `deleted`, `restricted` or `objected`
    and nothing else, for a person's own rights and for legal obligations only.
    """

    who: Annotated[list[Who], Meta(min_length=1)]
    may: Annotated[list[Operation], Meta(min_length=1)]
    what: Annotated[list[Name], Meta(min_length=1)]
    for_: Annotated[list[Name], Meta(min_length=1)] = field(name="for")
    when: Annotated[list[NamedCondition | Condition], Meta(min_length=1)]
    clauses: list[ClauseId]
    to: list[Name] = []
    then: list[Obligation] = []
    even_when: list[Lift] = []
    may_release_before_record: bool = False


class Statement(_Part, frozen=True):
    """A clause that is words only; `where` says which part of the notice it stands in."""

    says: Words
    where: Literal[
        "start", "collect", "use", "share", "keep", "rights", "children", "transfers", "changes", "contact"
    ]
    clauses: Annotated[list[ClauseId], Meta(min_length=1)]


class RightGrant(_Part, frozen=True):
    """A right of people (GDPR 15-22) and the control that exercises it; without a control, the contact."""

    right: Right
    says: Words
    answer_within: Span
    control: str = ""
    clauses: list[ClauseId] = []


class Setting(_Part, frozen=True):
    """A number the policy settles and software reads, e.g. how long a mailed link lives; with its ground.

    Exactly one of `span`, `count` is set.
    """

    says: Words
    span: Span | None = None
    count: int | None = None
    clauses: list[ClauseId] = []
    added: str = ""


class Document(_Part, frozen=True):
    """One policy document. Versions and dates stand in `timeline.toml`, the sign-off in a detached file."""

    language: Literal[1]
    id: Name
    title: Words
    controller: Controller
    purpose: Annotated[dict[Name, Purpose], Meta(min_length=1)]
    category: Annotated[dict[Name, Category], Meta(min_length=1)]
    consent: dict[Name, Consent] = {}
    fact: dict[Name, Fact] = {}
    recipient: dict[Name, Recipient] = {}
    permit: dict[Name, Rule] = {}
    forbid: dict[Name, Rule] = {}
    right: dict[Name, RightGrant] = {}
    setting: dict[Name, Setting] = {}
    statement: dict[Name, Statement] = {}


class Narrowing(_Part, frozen=True):
    """What an overlay adds to a permit of the base: conditions and obligations, with their ground."""

    when: list[NamedCondition | Condition] = []
    then: list[Obligation] = []
    clauses: list[ClauseId] = []


class Shortening(_Part, frozen=True):
    """A ceiling that an overlay shortens, or sets where the base has none; it never ends later."""

    gone_after: Ceiling
    clauses: list[ClauseId] = []


class Hastening(_Part, frozen=True):
    """A right of the base that an overlay has answered sooner."""

    answer_within: Span
    clauses: list[ClauseId] = []


class Overlay(_Part, frozen=True):
    """A law, a country or a product laid over a base document; it narrows and never widens.

    It may add prohibitions, conditions and obligations (`narrow.<permit>`), shorten ceilings
    (`shorten.<category>`), add rights or have them answered sooner (`hasten.<right>`), and declare the facts
    and statements that these need. There is no construct that adds a permit.
    """

    language: Literal[1]
    overlay: Name
    says: Words
    fact: dict[Name, Fact] = {}
    forbid: dict[Name, Rule] = {}
    narrow: dict[Name, Narrowing] = {}
    shorten: dict[Name, Shortening] = {}
    right: dict[Name, RightGrant] = {}
    hasten: dict[Name, Hastening] = {}
    statement: dict[Name, Statement] = {}
