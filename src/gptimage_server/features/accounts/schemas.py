"""What coming in takes and answers; a description is what people read when the field is wrong."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from gptimage_core.clock import Instant

__all__ = [
    "Empty",
    "LinkView",
    "Me",
    "SignInForm",
    "SignInView",
    "StartForm",
    "StartView",
    "State",
    "WelcomeForm",
]

Day = Annotated[int, Meta(ge=1, le=31, description="Give the day as a number from 1 to 31.")]
Month = Annotated[int, Meta(ge=1, le=12, description="Give the month as a number from 1 to 12.")]
Year = Annotated[int, Meta(ge=1000, le=9999, description="Give the year with four digits, for example 1990.")]
Country = Annotated[str, Meta(max_length=2, description="Choose a country, or “I’d rather not say”.")]
Address = Annotated[
    str,
    Meta(min_length=3, max_length=254, description="Give an email address, for example name@example.org."),
]


class StartForm(Struct, frozen=True, forbid_unknown_fields=True):
    """Date of birth and country. `country` is ISO 3166-1 alpha-2, or empty for "not told" (X6)."""

    day: Day
    month: Month
    year: Year
    country: Country


class SignInForm(Struct, frozen=True, forbid_unknown_fields=True):
    """The address; `then` is where to go after the sign-in, for somebody who was asked for a fresh one."""

    email: Address
    then: Literal["", "/account/export"] = ""


class WelcomeForm(Struct, frozen=True, forbid_unknown_fields=True):
    accept: Annotated[bool, Meta(description="Tick the box to accept the terms.")]


class Empty(Struct, frozen=True, forbid_unknown_fields=True):
    """A form that is only a button."""


class State(Struct, frozen=True, omit_defaults=True):
    """Where somebody stands: what `state` says, and what comes next (a path)."""

    state: str
    next: str = ""


class StartView(Struct, frozen=True):
    minimum_age: int
    day: str = ""
    month: str = ""
    year: str = ""
    country: str = ""


class SignInView(Struct, frozen=True):
    state: str
    minutes: int


class LinkView(Struct, frozen=True):
    """A link that has not been used; `email` is the address it was mailed to."""

    state: str
    email: str


class Me(Struct, frozen=True):
    """The person's own account, as they see it."""

    id: str
    email: str
    country: str | None
    state: str
    opened_at: Instant
    signed_in_at: Instant
    terms_accepted: bool
