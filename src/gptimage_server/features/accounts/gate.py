"""What the age gate leaves behind: a signed cookie for who passed, an expiring block for who did not (S40).

Passed: the cookie says when, and the country; no date of birth. It opens an account for an hour; later it
only says that this browser came through the gate once, which lets somebody with an account sign in again.
Turned away: a random cookie, and a row with its keyed hash. No date, no address, nothing else (X7).
"""

from __future__ import annotations

import msgspec
from msgspec import Struct

from gptimage_core.clock import DAY, HOUR, Instant
from gptimage_core.decision.model import Actor
from gptimage_server.secrets import new_id, new_token
from gptimage_server.services import Services
from gptimage_server.tables import AgeBlock

__all__ = ["GATE_DAYS", "Gate", "block", "gate_cookie", "is_blocked", "read_gate"]

GATE_DAYS = 180
_FRESH = HOUR
_USE = "gate"
_SERVER = Actor.service("server")


class Gate(Struct, frozen=True):
    """Somebody old enough came through, at this instant, from this country (`None`: not told)."""

    at: Instant
    country: str | None

    def may_open(self, now: Instant) -> bool:
        """Whether a new account may be opened on this passage; a shared browser's old one may not."""
        return self.at <= now < self.at + _FRESH


def gate_cookie(services: Services, gate: Gate) -> str:
    return services.secrets.sign(_USE, msgspec.json.encode(gate))


def read_gate(services: Services, cookie: str) -> Gate | None:
    """The passage a cookie proves, or `None`: forged, unreadable, from the future, or too old."""
    payload = services.secrets.opened(_USE, cookie)
    if payload is None:
        return None
    try:
        gate = msgspec.json.decode(payload, type=Gate)
    except msgspec.DecodeError:
        return None
    return gate if gate.at <= services.now() < gate.at + GATE_DAYS * DAY else None


async def block(services: Services) -> str:
    """Write the block and give its cookie's value; raises when it could not be written (fail closed)."""
    token = new_token()
    async with services.guard.access(_SERVER, purpose="meet_legal_duties"):
        await AgeBlock.insert(AgeBlock(id=new_id(), key_hash=_hash(services, token))).run()
    return token


async def is_blocked(services: Services, cookie: str) -> bool:
    """Whether this browser was turned away and the block has not expired (the ceiling hides it then)."""
    if not cookie:
        return False
    life = services.span("age_block_life")
    async with services.guard.access(_SERVER, purpose="meet_legal_duties"):
        row = await AgeBlock.objects().where(AgeBlock.key_hash == _hash(services, cookie)).first()
    return row is not None and services.now() < life.after(row.recorded)


def _hash(services: Services, token: str) -> str:
    return services.secrets.keyed_hash("age-block", token)
