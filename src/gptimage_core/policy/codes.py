"""Every code that a finding can have, with what it means. A code without a line fails a test."""

from __future__ import annotations

__all__ = ["CODES"]

CODES: dict[str, str] = {
    # the text
    "unreadable": "the file cannot be read",
    "encoding": "the file is not UTF-8",
    "too-long": "the file is longer than any policy",
    "syntax": "the text is not TOML",
    "unseen": "a character that the eye does not see: a control character, a turn of direction, no width",
    # the form
    "schema": "the value has not the form of the construct",
    "unknown-key": "a key that the construct does not have",
    "missing-key": "a slot is missing; a missing slot never means “any”",
    "scalar-for-list": "a single word where a list stands",
    "type": "a value of another type",
    "empty": "an empty list, table or text; empty never means “any”",
    "unknown-word": "a word that is not in the closed set",
    "form": "an id, a country or an address that is not in its form",
    "too-small": "a number below its least value",
    # names
    "empty-policy": "nothing is permitted",
    "unknown-name": "a name that is declared nowhere",
    "unknown-country": "no code of ISO 3166-1",
    "name-clash": "a name that the language or another rule has already",
    "unused": "a purpose, consent, fact or recipient that no rule uses",
    "duplicate": "said twice",
    "age": "a category or fact called `age`: store the outcome, not the age",
    "basis-without-consent": "a purpose stands on consent and no consent names it",
    "consent-without-basis": "a consent names a purpose that does not stand on consent",
    # time
    "mixed-units": "fixed and calendar units in one span",
    "empty-span": "a span of no length",
    "negative-span": "a span that goes backward",
    "too-big": "a number or a span beyond what instants can be reckoned with",
    "floor-outlasts-ceiling": "what must be kept would be due to be gone",
    "ceiling-never-starts": "a ceiling from `keep_ended` where nothing ends the keeping",
    "margin": "a margin as long as its span",
    # rules
    "share-without-to": "sharing that names no recipient",
    "to-without-share": "a recipient where nothing is shared",
    "mixed-sharing": "sharing and something else in one rule",
    "forbid-only": "`anyone`, `anything` or `any_purpose` in a permit",
    "permit-only": "an option that has a meaning in a permit only",
    "lift": "`even_when` where it may not lift",
    "release": "release before the record that is not a subject's own read",
    "no-meaning": "an option where it has no meaning",
    "exactly-one": "not exactly one key where exactly one says what is meant",
    "fact-type": "a test or value that does not fit the fact's type",
    "always-and": "`always` beside another condition",
    "never-applies": "a rule, or a part of one, that can never apply",
    # overlays
    "overlay-replaces": "an overlay says anew what the base says",
    "overlay-widens": "an overlay would widen",
    "never-narrows": "an overlay adds what narrows nothing",
    # timeline
    "announced-late": "a version that is not announced before it takes effect (S44)",
    "order": "numbers or instants that do not increase",
    "time-zone": "an instant without a time zone",
    "history": "what has taken effect is rewritten; found when a running program takes a timeline over",
    "reseals": "stored values would be sealed otherwise; found when a running program takes a timeline over",
    # tables
    "no-category": "a column without a category (S6)",
    "two-categories": "a column with more than one",
    "cannot-be-sealed": "a sealed category in a column that cannot hold it",
    "no-key": "a table without a key",
    "no-tenant": "a table without a tenant",
    "no-collected-under": "a table without the version its rows were collected under (X11)",
    "two-columns": "two columns for one role",
    "no-start": "no column records where a ceiling starts",
    "no-subject": "data about a person in a table that names nobody",
    "not-exactly": "fields other than the closed set",
    "fact-level": "a column that supplies a fact which is not of the row",
    "via-cycle": "ownership that leads in a circle",
}
