"""Mailed links: how somebody shows that an address is theirs, without a password (S18).

The link's token carries the address and the country sealed under the server's key, so nothing about a
person is stored until the link is used (S3); the data holds the token's hash alone.

1 a link is asked for: the same work and the same answer whether the address is known
2 opening it (GET) changes nothing; mail scanners open links
3 using it (POST) sets `used_at` where it is still empty. INVARIANT (link-once): of racing uses exactly one
  matches the row, since the condition stands in the UPDATE itself
4 in the same transaction the use goes to the ledger of negative decisions, so that a restored backup cannot
  make the link new (X8). A crash before the commit leaves a link that the next start's replay uses up: it
  was not acknowledged, and nobody was signed in by it.
"""

from __future__ import annotations

import sqlite3

import msgspec
from msgspec import Struct

from gptimage_core.decision.model import DEFAULT_TENANT, Actor
from gptimage_core.store.replay import enact
from gptimage_server.gateways.mail import Letter
from gptimage_server.secrets import new_id, token_hash
from gptimage_server.services import Services
from gptimage_server.tables import SignInLink

__all__ = ["Claim", "is_live", "mail_link", "use"]

_USE = "sign-in-link"
_SERVER = Actor.service("server")
_MAILER = "email_provider"
_LONGEST = 2048


class Claim(Struct, frozen=True):
    """What a link says: this address; whether it may open an account, which the age gate decides; and where
    its owner was going when a fresh sign-in was asked of them."""

    email: str
    country: str | None
    may_open: bool
    nonce: str
    then: str = ""


async def mail_link(
    services: Services, *, email: str, country: str | None, may_open: bool, then: str = ""
) -> None:
    """Make a link and mail it; raises `MailError` when the mail could not be handed over."""
    now = services.now()
    life = services.span("mailed_link_life")
    claim = Claim(email=email, country=country, may_open=may_open, nonce=new_id(), then=then)
    token = services.secrets.seal(_USE, msgspec.json.encode(claim))
    async with services.guard.access(_SERVER, purpose="communicate"):
        await SignInLink.insert(
            SignInLink(id=new_id(), token_hash=token_hash(token), expires_at=life.after(now))
        ).run()
        # The mail is egress (S20): the policy is asked, and its answer recorded, before anything leaves.
        await services.guard.decide_and_record(
            "sign_in_link",
            operation="share",
            recipient=_MAILER,
            statement="MAIL sign-in link",
            obligations_met=("only_fields",),  # a letter has an address and the link
        )
    await services.mail.send(_letter(services, email, token, life.microseconds // 60_000_000), now=now)


async def is_live(services: Services, token: str) -> Claim | None:
    """What an unused, unexpired link says, or `None`; changes nothing."""
    claim = _claim(services, token)
    if claim is None:
        return None
    async with services.guard.access(_SERVER, purpose="communicate"):
        live = await SignInLink.exists().where(
            SignInLink.token_hash == token_hash(token),
            SignInLink.used_at.is_null(),
            SignInLink.expires_at > services.now(),
        )
    return claim if live else None


async def use(services: Services, token: str) -> Claim | None:
    """Use a link up; `None` when it is unknown, expired or used, or when another use was first."""
    claim = _claim(services, token)
    if claim is None:
        return None
    now, hashed = services.now(), token_hash(token)

    def write_down(connection: sqlite3.Connection) -> None:
        enact(connection, services.ledger, "token_used", DEFAULT_TENANT, None, {"hash": hashed}, now)

    async with (
        services.guard.access(_SERVER, purpose="communicate"),
        services.transaction() as transaction,
    ):
        won = (
            await SignInLink.update({SignInLink.used_at: now})
            .where(SignInLink.token_hash == hashed, SignInLink.used_at.is_null(), SignInLink.expires_at > now)
            .returning(SignInLink.id)
        )
        if len(won) == 1:
            await services.guard.in_transaction(write_down, transaction.scope)
    return claim if len(won) == 1 else None


def _claim(services: Services, token: str) -> Claim | None:
    payload = services.secrets.unseal(_USE, token) if len(token) <= _LONGEST else None
    if payload is None:
        return None
    try:
        return msgspec.json.decode(payload, type=Claim)
    except msgspec.DecodeError:
        return None


def _letter(services: Services, email: str, token: str, minutes: int) -> Letter:
    """Essential mail: the link and what it is; no promotion, nothing about images (S18)."""
    return Letter(
        to=email,
        subject="Your sign-in link",
        text=(
            "Open this link to sign in to GPT Image. It works once, for "
            f"{minutes} minutes, and only after you press the button on its page.\n\n"
            f"{services.settings.address}/link/{token}\n\n"
            "If you did not ask for it, do nothing: nobody is signed in without it.\n\n"
            f"Questions: {services.version().document.controller.contact}\n"
        ),
    )
