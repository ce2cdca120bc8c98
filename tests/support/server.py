"""A whole server in a temporary folder, and somebody who signs in: for tests of the features.

async with visit(make_app(tmp_path)) as client:
    person = await sign_up(client)
"""

from __future__ import annotations

import io
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from litestar import Litestar
from litestar.testing import AsyncTestClient

from gptimage_core.clock import Clock, FixedClock, from_iso
from gptimage_server.app import create_app
from gptimage_server.gateways.mail import ConsoleMail
from gptimage_server.settings import Settings

__all__ = ["JSON", "NOON", "POLICY", "clock_of", "mail_of", "make_app", "sign_up", "visit"]

POLICY = Path(__file__).resolve().parents[2] / "policies" / "gptimage"
NOON = from_iso("2026-10-01T12:00:00Z")
JSON = {"accept": "application/json"}


def make_app(home: Path, *, clock: Clock | None = None, **settings: Any) -> Litestar:
    """An app on real parts under `home`, at `NOON` unless a clock is given; its mail is kept in memory."""
    app = create_app(
        Settings(**{"home": home, "policy": POLICY, **settings}), clock=clock or FixedClock(NOON)
    )
    mail = app.state.services.mail
    if isinstance(mail, ConsoleMail):
        mail._out = io.StringIO()
    return app


def mail_of(app: Litestar) -> str:
    """Everything mailed so far."""
    text: str = app.state.services.mail._out.getvalue()
    return text


def clock_of(app: Litestar) -> FixedClock:
    clock: FixedClock = app.state.services.clock
    return clock


@asynccontextmanager
async def visit(app: Litestar) -> AsyncIterator[AsyncTestClient[Litestar]]:
    """A browser or program with cookies of its own; the app starts and ends with it."""
    async with AsyncTestClient(app=app, base_url="http://testserver.local") as client:
        yield client


async def sign_up(
    client: AsyncTestClient[Litestar], email: str = "ada@example.org", *, accept: bool = True
) -> str:
    """Through the age gate, by a mailed link, over the terms; gives the person's id."""
    app = client.app
    client.cookies.clear()
    born = {"day": 4, "month": 2, "year": 1990, "country": "NL"}
    assert (await client.post("/start", json=born)).status_code == 200
    assert (await client.post("/signin", json={"email": email})).status_code == 202
    link = re.findall(r"/link/\S+", mail_of(app))[-1]
    assert (await client.post(link, json={})).status_code == 200
    if accept:
        assert (await client.post("/welcome", json={"accept": True})).status_code == 200
    me = (await client.get("/me", headers=JSON)).json()
    return str(me["id"])
