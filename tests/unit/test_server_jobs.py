"""Jobs: ids only, decided again at the start, alive only as long as their row says so (S23, S24)."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from litestar import Litestar
from litestar.testing import AsyncTestClient
from tests.support.images import ask, blobs_of, finished, make, rows_of
from tests.support.past import past
from tests.support.server import JSON, clock_of, make_app, sign_up, visit

from gptimage_core.clock import HOUR, MINUTE
from gptimage_core.decision.model import DEFAULT_TENANT, Actor
from gptimage_core.errors import AccessDenied
from gptimage_core.sharing.egress import Part
from gptimage_core.sharing.stored import RowRef
from gptimage_core.store import leases
from gptimage_core.store.state import set_flag
from gptimage_server import credits
from gptimage_server.features.images.jobs import Runner
from gptimage_server.gateways.renderer import BuiltinRenderer, Rendering
from gptimage_server.services import Services

Client = AsyncTestClient[Litestar]


def store(services: Services, text: str, *values: Any) -> None:
    """Change rows behind the guard's back: what a crash would leave."""

    def write(connection: sqlite3.Connection) -> None:
        connection.execute(text, values)

    past(services.database.path, write)


def test_the_renderer_gets_three_things_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Prompt and parameters leave: no id, no owner, no address (S24); the share is recorded."""
    seen: list[dict[str, Any]] = []
    real = BuiltinRenderer.send

    async def send(self: BuiltinRenderer, payload: Mapping[str, Any]) -> Rendering:
        seen.append(dict(payload))
        return await real(self, payload)

    async def run() -> None:
        monkeypatch.setattr(BuiltinRenderer, "send", send)
        async with visit(make_app(tmp_path)) as client:
            person = await sign_up(client)
            view = await make(client, "three things", seed=9, style="facets")
            parameters = {"style": "facets", "seed": 9, "width": 512, "height": 512}
            assert seen == [{"prompt": "three things", "generation_parameters": parameters}]
            assert person not in repr(seen)
            assert view["id"] not in repr(seen)
            records = rows_of(client.app.state.services, "gp_access_record")
            (share,) = [row for row in records if row["statement"] == "share:builtin_renderer"]
            assert share["purpose"] == "provide_service"

    asyncio.run(run())


def test_nothing_leaves_for_a_job_that_is_over(tmp_path: Path) -> None:
    """After the job has ended, or for one that never was: refused, recorded, not sent (S20, S23)."""

    async def run() -> None:
        async with visit(make_app(tmp_path)) as client:
            await sign_up(client)
            view = await make(client)
            services = client.app.state.services
            for job in (view["job"], "A" * 22, None):
                with pytest.raises(AccessDenied):
                    await services.egress.share(
                        Actor.service("renderer"),
                        to="builtin_renderer",
                        purpose="provide_service",
                        parts=[Part("prompt", {"prompt": "x"}, (RowRef("images", view["id"]),))],
                        job=job,
                    )
            assert len(rows_of(services, "gp_denial")) == 3

    asyncio.run(run())


def test_a_restart_finds_its_jobs_again(tmp_path: Path) -> None:
    """Killed with a job waiting, one running and one that died too often: two are made, one is given up
    and paid back; a hold whose job was never written comes back, one that was not posted is."""

    async def run() -> None:
        app = make_app(tmp_path)
        async with visit(app) as client:
            person = await sign_up(client)
            cookies = dict(client.cookies)
            views = [await make(client, f"number {number}") for number in range(4)]
            services = app.state.services
            waiting, running, lost, unposted = (view["job"] for view in views)
            store(services, "DELETE FROM credit_entries")
            store(services, "DELETE FROM credit_transfers")
            store(services, "DELETE FROM credit_accounts")
            for view in views:
                await credits.hold(services, person, view["job"], 1)
            await credits.hold(services, person, "never-written", 7)
            store(services, "UPDATE jobs SET state = 'waiting', attempts = 0 WHERE id = ?", waiting)
            store(services, "UPDATE jobs SET state = 'running', attempts = 1 WHERE id = ?", running)
            store(services, "UPDATE jobs SET state = 'running', attempts = 3 WHERE id = ?", lost)
            assert unposted
        again = make_app(tmp_path)
        clock_of(again).advance(HOUR)
        async with visit(again) as client:
            client.cookies.update(cookies)
            states = [(await finished(client, view))["state"] for view in views]
            assert states == ["done", "done", "failed", "done"]
            for _ in range(100):
                account = (await client.get("/credits", headers=JSON)).json()
                if account["held"] == 0:
                    break
                await asyncio.sleep(0.05)
            assert (account["available"], account["held"], account["spent"]) == (97, 0, 3)

    asyncio.run(run())


def test_two_processes_share_one_lease(tmp_path: Path) -> None:
    """While another holds the lease, this runner claims nothing; whoever lost it cannot claim any more."""

    async def run() -> None:
        app = make_app(tmp_path)
        services = app.state.services
        now = services.now()
        other = await services.database.write(
            lambda connection: leases.acquire(connection, "jobs", "other", now, MINUTE)
        )
        assert other is not None
        async with visit(app) as client:
            await sign_up(client)
            view = await ask(client)
            await asyncio.sleep(0.3)
            assert (await client.get(f"/jobs/{view['job']}", headers=JSON)).json()["state"] == "waiting"
            await services.database.write(lambda connection: leases.release(connection, other))
            one, two = Runner(services), Runner(services)
            assert await one._hold_lease()
            assert not await two._hold_lease()
            clock_of(app).advance(MINUTE)
            assert await two._hold_lease()
            assert not await one._hold_lease()
            await two._fill()
            await asyncio.gather(*two._active.values())
            assert (await finished(client, view))["state"] == "done"

    asyncio.run(run())


def test_an_old_attempt_writes_nothing(tmp_path: Path) -> None:
    """The fence: a result of an attempt that is not the newest is dropped, its files too."""

    async def run() -> None:
        async with visit(make_app(tmp_path)) as client:
            person = await sign_up(client)
            services = client.app.state.services
            view = await make(client)
            before = blobs_of(services)
            runner = Runner(services)
            store(services, "UPDATE jobs SET state = 'running', attempts = 5 WHERE id = ?", view["job"])
            from gptimage_server.features.images.jobs import _Claim

            stale = _Claim(view["job"], view["id"], person, DEFAULT_TENANT, 4)
            await runner._work(stale)
            assert blobs_of(services) == before
            (row,) = rows_of(services, "jobs")
            assert (row["state"], row["attempts"]) == ("running", 5)

    asyncio.run(run())


def test_a_restricted_person_reads_and_deletes_but_makes_nothing(tmp_path: Path) -> None:
    """Restriction stops making (S37); looking at one's images and deleting them go on (X10)."""

    async def run() -> None:
        async with visit(make_app(tmp_path)) as client:
            person = await sign_up(client)
            services = client.app.state.services
            view = await make(client)
            services.database.write_sync(
                lambda connection: set_flag(connection, DEFAULT_TENANT, person, "restricted", True)
            )
            reply = await client.post("/studio", json={"prompt": "x", "size": "sketch"}, headers=JSON)
            assert reply.status_code == 403
            assert reply.json()["denial_id"]
            assert len(rows_of(services, "images")) == 1
            assert (await client.get(view["picture"])).status_code == 200
            assert (await client.get("/history", headers=JSON)).status_code == 200
            assert (await client.get("/credits", headers=JSON)).json()["available"] == 99
            assert (await client.get("/studio", headers=JSON)).status_code == 200
            gone = await client.post(f"/images/{view['id']}/delete", json={"now": True}, headers=JSON)
            assert gone.status_code == 200

    asyncio.run(run())
