"""What the account's pages take and answer; a description is what people read when the field is wrong."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from gptimage_core.clock import Instant
from gptimage_core.subjects.consent import Choice

__all__ = [
    "AccountView",
    "ArchiveView",
    "ConsentsView",
    "CountryForm",
    "DeleteForm",
    "DeletedView",
    "DeletionView",
    "Empty",
    "ExportView",
    "Held",
    "Looked",
    "ObjectionsView",
    "RestrictionView",
    "RightView",
    "SessionView",
    "State",
    "SwitchForm",
    "TurnForm",
]


class Empty(Struct, frozen=True, forbid_unknown_fields=True):
    """A form that is only a button."""


class CountryForm(Struct, frozen=True, forbid_unknown_fields=True):
    """ISO 3166-1 alpha-2, or empty for "not told" (X6)."""

    country: Annotated[str, Meta(max_length=2, description="Choose a country, or “I’d rather not say”.")] = ""


class SwitchForm(Struct, frozen=True, forbid_unknown_fields=True):
    """One switch, and which way it is turned."""

    name: Annotated[str, Meta(max_length=80, description="Say which switch.")]
    on: Annotated[bool, Meta(description="Say whether it is switched on or off.")]


class TurnForm(Struct, frozen=True, forbid_unknown_fields=True):
    on: Annotated[bool, Meta(description="Say whether it is switched on or off.")]


class DeleteForm(Struct, frozen=True, forbid_unknown_fields=True):
    confirm: Annotated[str, Meta(max_length=40, description="Type “delete” to confirm.")]


class Held(Struct, frozen=True):
    """One kind of data that is held about the person: the policy's words, and how many entries."""

    category: str
    says: str
    added: str
    entries: int
    control: str = ""


class SessionView(Struct, frozen=True):
    """A signed-in browser; `present` is the one that asks."""

    signed_in_at: Instant
    expires_at: Instant
    present: bool


class Looked(Struct, frozen=True):
    """Somebody reached the person's data: role, purpose and time; never an employee's name (X3)."""

    who: str
    did: tuple[str, ...]
    purpose: str
    times: int
    last: Instant


class RightView(Struct, frozen=True):
    """A right and where it is used: a path of ours, or empty for "write to us" (S38, S39)."""

    name: str
    says: str
    control: str


class AccountView(Struct, frozen=True):
    id: str
    email: str
    country: str | None
    state: str
    opened_at: Instant
    restricted: bool
    held: tuple[Held, ...]
    sessions: tuple[SessionView, ...]
    looked: tuple[Looked, ...]
    rights: tuple[RightView, ...]


class Turned(Struct, frozen=True):
    """One turn of one switch, as the history shows it."""

    says: str
    given: bool
    at: Instant
    policy_version: int
    how: str


class ConsentsView(Struct, frozen=True):
    choices: tuple[Choice, ...]
    history: tuple[Turned, ...]


class Objection(Struct, frozen=True):
    purpose: str
    says: str
    objected: bool


class ObjectionsView(Struct, frozen=True):
    purposes: tuple[Objection, ...]


class RestrictionView(Struct, frozen=True):
    restricted: bool


class ArchiveView(Struct, frozen=True):
    """An export that waits: until when, and what is in it."""

    id: str
    made_at: Instant
    until: Instant
    size: int
    sha256: str
    entries: int
    files: int


class ExportView(Struct, frozen=True):
    """`fresh` says whether the sign-in is recent enough to make or fetch one."""

    fresh: bool
    minutes: int
    days: int
    email: str
    archives: tuple[ArchiveView, ...]


class Remains(Struct, frozen=True):
    """What stays after the account, how long, and why (S30)."""

    says: str
    how_long: str
    why: str


class DeletionView(Struct, frozen=True):
    images: int
    credits: int
    address_until: Instant
    backups_until: Instant
    remains: tuple[Remains, ...]


class DeletedView(Struct, frozen=True):
    state: str
    deleted_at: Instant
    address_until: Instant
    backups_until: Instant
    contact: str


class State(Struct, frozen=True, omit_defaults=True):
    state: str
    next: str = ""
