"""The data of a decision: what is asked, what is known, what was decided. No behaviour beyond construction.

Nothing flows back: `Access` and `Facts` go in, a `Decision` comes out.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import TypeAlias

from msgspec import Struct

from gptimage_core.clock import Instant
from gptimage_core.decision.conditions import Condition
from gptimage_core.policy.document import Obligation

Value: TypeAlias = str | int | bool | None
"""A fact's value: text, integer, boolean, or an instant in microseconds. `None` is unknown."""

DEFAULT_TENANT = "main"


class Actor(Struct, frozen=True):
    """Who acts. `id` is random and opaque; `tenant` scopes everything the actor can reach."""

    kind: str
    id: str | None = None
    tenant: str = DEFAULT_TENANT

    @classmethod
    def subject(cls, id: str, tenant: str = DEFAULT_TENANT) -> Actor:
        return cls("subject", id, tenant)

    @classmethod
    def guest(cls, tenant: str = DEFAULT_TENANT) -> Actor:
        return cls("guest", None, tenant)

    @classmethod
    def staff(cls, id: str, tenant: str = DEFAULT_TENANT) -> Actor:
        return cls("staff", id, tenant)

    @classmethod
    def service(cls, id: str, tenant: str = DEFAULT_TENANT) -> Actor:
        return cls("service", id, tenant)

    @classmethod
    def processor(cls, id: str, tenant: str = DEFAULT_TENANT) -> Actor:
        return cls("processor", id, tenant)

    @classmethod
    def authority(cls, id: str, tenant: str = DEFAULT_TENANT) -> Actor:
        return cls("authority", id, tenant)


class Access(Struct, frozen=True):
    """One question: may `actor`, for `purpose`, do `operation` with `category` (to `recipient`)?"""

    actor: Actor
    purpose: str
    operation: str
    category: str
    recipient: str | None = None


class RowFacts(Struct, frozen=True):
    """What is known about one row. Missing keys are unknown.

    `subjects` are the ids in the row's subject columns (`None` where a column is NULL; `()` where the table
    has no subject). `people` gives, per subject id, the subject-level facts (see `decision.conditions`).
    `values` gives row-level facts: `recorded`, `keep_ended`, `collected_under` and the product's own.
    INVARIANT (ended-is-known): a row's `keep_ended` is NULL while the row is kept; in `values` that is the
    key present with `None`, which is knowledge; the key missing is not.
    """

    tenant: str | None = None
    subjects: tuple[str | None, ...] = ()
    people: Mapping[str, Mapping[str, Value]] = {}
    values: Mapping[str, Value] = {}


class Facts(Struct, frozen=True):
    """What is known when deciding: facts about the access, and about the row where there is one.

    With `row=None` the decision may be CONDITIONAL: what is left to ask of each row is its `residual`.
    """

    access: Mapping[str, Value] = {}
    row: RowFacts | None = None


class Effect(Enum):
    ALLOW = "allow"
    DENY = "deny"
    CONDITIONAL = "conditional"


Conjunction: TypeAlias = tuple[Condition, ...]


class Residual(Struct, frozen=True):
    """What is left to ask of a row, per policy version that rows may be collected under.

    A row collected under version `v` is permitted iff for **every** `step` in `steps` with
    `step.version >= v`: some conjunction of `step.permits` holds and no conjunction of `step.forbids` fires.
    A permit's conjunction holds when every condition is known to hold; a forbid's fires unless some
    condition is known not to hold. `versions` are the versions a row may carry; any other denies.
    """

    steps: tuple[ResidualStep, ...]


class ResidualStep(Struct, frozen=True):
    version: int
    permits: tuple[Conjunction, ...]
    forbids: tuple[Conjunction, ...]


class Decision(Struct, frozen=True, gc=False):
    """The answer. It has no truth value: code must look at `effect` (style, habit 4).

    `rules` are the rules that determined it, e.g. `("permit.own_content",)`; on a denial the forbids that
    fired, or `()` when no permit held, with `missing` naming, per nearest permit, the conditions that failed.
    """

    effect: Effect
    rules: tuple[str, ...]
    obligations: tuple[Obligation, ...]
    residual: Residual | None
    digest: str
    version: int
    missing: tuple[tuple[str, Condition], ...] = ()
    may_release_before_record: bool = False
    at: Instant = 0

    def __bool__(self) -> bool:
        raise TypeError("a Decision has no truth value; compare `decision.effect` with Effect.ALLOW")
