"""Consents as people meet them: every consent of the policy in force, each a switch (S17, S19).

A switch that was never touched is off. What turns one records what was agreed to: version and digest of the
policy and the control that was used (GDPR 7(1)); withdrawing is as easy as giving (GDPR 7(3)).
"""

from __future__ import annotations

import sqlite3

from msgspec import Struct

from gptimage_core.clock import Instant
from gptimage_core.errors import StoreError
from gptimage_core.policy.timeline import Version
from gptimage_core.store import consents
from gptimage_core.store.ledger import NegativeLedger

__all__ = ["Choice", "choices", "turn"]


class Choice(Struct, frozen=True):
    """One switch: the policy's words, how it stands, and since when (None: it was never touched)."""

    name: str
    says: str
    given: bool
    since: Instant | None


def choices(
    connection: sqlite3.Connection, version: Version, tenant: str, subject: str
) -> tuple[Choice, ...]:
    """Every consent of the policy version, in the policy's order."""
    switches = consents.switches(connection, tenant, subject)
    found = []
    for name, consent in version.document.consent.items():
        switch = switches.get(name)
        given = switch is not None and switch.given
        found.append(Choice(name, consent.says, given, None if switch is None else switch.at))
    return tuple(found)


def turn(
    connection: sqlite3.Connection,
    ledger: NegativeLedger,
    version: Version,
    tenant: str,
    subject: str,
    name: str,
    given: bool,
    at: Instant,
    *,
    how: str,
) -> bool:
    """Turn a switch, inside a write transaction; whether that changed anything.

    Turning off writes the ledger first (X8). A consent the policy does not have raises `StoreError`.
    """
    if name not in version.document.consent:
        raise StoreError(f"the policy has no consent `{name}`")
    switch = consents.switches(connection, tenant, subject).get(name)
    if (switch is not None and switch.given) == given:
        return False
    proof = {"digest": version.digest, "how": how}
    if given:
        consents.give(connection, tenant, subject, name, at, policy_version=version.number, **proof)
    else:
        consents.withdraw(
            connection, ledger, tenant, subject, name, at, policy_version=version.number, **proof
        )
    return True
