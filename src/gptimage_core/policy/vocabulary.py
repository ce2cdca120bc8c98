"""The closed sets of the policy language, each word with the words people read for it.

Everything a document may say comes from here or is declared in the document itself; nothing else parses.
"""

from __future__ import annotations

from typing import Literal, TypeAlias, get_args

Who: TypeAlias = Literal["subject", "guest", "staff", "service", "processor", "authority", "anyone"]
Operation: TypeAlias = Literal[
    "read",
    "create",
    "update",
    "correct",
    "delete",
    "export",
    "share",
    "disclose",
    "train",
    "aggregate",
    "sell",
]
Basis: TypeAlias = Literal[
    "consent", "contract", "legal_obligation", "legitimate_interest", "vital_interest", "public_task"
]
Protection: TypeAlias = Literal["plain", "sealed"]
FloorEvent: TypeAlias = Literal[
    "item_deleted", "account_deleted", "child_verified", "consent_withdrawn", "hold_ended", "used"
]
CeilingStart: TypeAlias = Literal["recorded", "keep_ended"]
Store: TypeAlias = Literal["live", "backups", "logs", "exports", "recipients"]
FactType: TypeAlias = Literal["text", "integer", "boolean", "instant"]
FactLevel: TypeAlias = Literal["access", "subject", "row"]
Lift: TypeAlias = Literal["deleted", "restricted", "objected"]
NamedCondition: TypeAlias = Literal[
    "always",
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
]
DeniableCondition: TypeAlias = Literal[
    "actor_is_signed_in",
    "ticket_is_open",
    "job_is_live",
    "second_person_approved",
    "instrument_covers_it",
    "notice_was_given",
    "age_floor_is_met",
    "account_is_active",
]
"""What `{ not = "…" }` may deny: in a `forbid` it fires unless the condition is *known* to hold."""
Mechanism: TypeAlias = Literal[
    "none_needed", "adequacy", "standard_contractual_clauses", "binding_corporate_rules", "derogation"
]
RecipientRole: TypeAlias = Literal["processor", "independent_controller", "authority"]
Right: TypeAlias = Literal[
    "access", "correct", "export", "delete", "object", "restrict", "withdraw_consent", "complain"
]

ACTORS: tuple[str, ...] = tuple(w for w in get_args(Who) if w != "anyone")
OPERATIONS: tuple[str, ...] = get_args(Operation)
SHARING: frozenset[str] = frozenset({"share", "disclose"})
"""Operations that name a recipient: `to` stands exactly with these."""

ANYONE, ANYTHING, ANY_PURPOSE = "anyone", "anything", "any_purpose"
"""The three words that are legal in `forbid` only."""

IDENTIFIER = "identifier"
"""Built-in category of keys and technical columns; visible with the row, never decided by itself."""

SQL_OPERATIONS: dict[str, str] = {
    "SELECT": "read",
    "INSERT": "create",
    "UPDATE": "update",
    "DELETE": "delete",
}

OWN_RIGHTS: frozenset[str] = frozenset({"read", "correct", "export", "delete"})
"""What a person may always do with their own data, also under restriction (X10, GDPR 18(2))."""

BUILT_IN_FACTS: frozenset[str] = frozenset(
    {
        "account_is_active",
        "age_floor_is_met",
        "collected_under",
        "consent",
        "deleted",
        "instrument_covers_it",
        "job_is_live",
        "keep_ended",
        "notice_was_given",
        "objection",
        "recorded",
        "restricted",
        "second_person_approved",
        "signed_in",
        "signed_in_at",
        "subject",
        "tenant",
        "ticket_until",
    }
)
"""Facts that the language has of its own; a policy may not declare one of its own by such a name."""
