"""Images in tests of the server: asked for as a program does, waited for, and what is left of them."""

from __future__ import annotations

import asyncio
import sqlite3
from typing import Any

from litestar import Litestar
from litestar.testing import AsyncTestClient
from tests.support.past import past
from tests.support.server import JSON

from gptimage_server.services import Services

__all__ = ["ask", "blobs_of", "finished", "make", "rows_of"]


async def ask(
    client: AsyncTestClient[Litestar], prompt: str = "a quiet harbour", **more: Any
) -> dict[str, Any]:
    """POST a prompt for the smallest size; the image as it is then."""
    reply = await client.post("/studio", json={"prompt": prompt, "size": "sketch", **more}, headers=JSON)
    assert reply.status_code == 201, reply.text
    view: dict[str, Any] = reply.json()
    return view


async def finished(client: AsyncTestClient[Litestar], image: dict[str, Any]) -> dict[str, Any]:
    """The image when its job is over; at most 20 seconds."""
    for _ in range(400):
        job = (await client.get(f"/jobs/{image['job']}", headers=JSON)).json()
        if job["done"]:
            view: dict[str, Any] = (await client.get(f"/images/{image['id']}", headers=JSON)).json()
            return view
        await asyncio.sleep(0.05)
    raise AssertionError("the job did not end in 20 seconds")


async def make(
    client: AsyncTestClient[Litestar], prompt: str = "a quiet harbour", **more: Any
) -> dict[str, Any]:
    """Ask, and wait until it is there."""
    view = await finished(client, await ask(client, prompt, **more))
    assert view["state"] == "done"
    return view


def blobs_of(services: Services) -> list[str]:
    """The names of every blob that is stored, whoever's."""
    return sorted(services.blobs._blobs.names())  # type: ignore[attr-defined]  # the files, not the contract


def rows_of(services: Services, table: str) -> list[dict[str, Any]]:
    """Every row as it is stored, behind the guard's back: for looking at what is left."""

    def read(connection: sqlite3.Connection) -> list[dict[str, Any]]:
        cursor = connection.execute(f'SELECT * FROM "{table}"')
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    return past(services.database.path, read)
