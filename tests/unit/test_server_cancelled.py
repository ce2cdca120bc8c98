"""A task that is cancelled inside its transaction: what it committed is recorded once, the rest never."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

from tests.support.server import make_app

from gptimage_core.decision.model import Actor
from gptimage_server.secrets import new_id
from gptimage_server.tables import SignInLink


def test_a_cancelled_transaction_records_what_it_committed_once(tmp_path: Path) -> None:
    """Cancelled after any number of turns of the loop: each link that is there has its record, no error."""
    app = make_app(tmp_path)
    services = app.state.services

    async def work() -> None:
        async with (
            services.guard.access(Actor.service("server"), purpose="communicate"),
            services.transaction(),
        ):
            await SignInLink.exists().where(SignInLink.token_hash == "x")
            await SignInLink.insert(SignInLink(id=new_id(), token_hash="y", expires_at=1)).run()

    async def whole() -> None:
        for turns in range(60):
            task = asyncio.create_task(work())
            for _ in range(turns // 2):
                await asyncio.sleep(0)
            await asyncio.sleep(turns * 0.0003)
            task.cancel()
            await asyncio.wait([task])
            assert task.cancelled() or task.exception() is None
        await work()
        await services.close()

    asyncio.run(whole())
    with sqlite3.connect(tmp_path / "data" / "gptimage.sqlite") as connection:
        links = connection.execute("SELECT count(*) FROM sign_in_links").fetchone()[0]
        written = connection.execute(
            "SELECT count(*) FROM gp_access_record WHERE operation = 'create'"
        ).fetchone()[0]
    assert 1 <= links <= 61
    assert written == links
