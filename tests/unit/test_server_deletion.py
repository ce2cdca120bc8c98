"""The end of an image: the click, the undo, the end, and a crash at each step of it (S32, X8)."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from litestar import Litestar
from litestar.testing import AsyncTestClient
from tests.support.images import ask, blobs_of, finished, make, rows_of
from tests.support.server import JSON, clock_of, make_app, sign_up, visit

from gptimage_core.clock import SECOND
from gptimage_core.decision.model import DEFAULT_TENANT
from gptimage_core.errors import StorageFull
from gptimage_core.ports.keys import KeyState
from gptimage_server.features.images import deletion
from gptimage_server.gateways import art, renderer
from gptimage_server.services import Services

Client = AsyncTestClient[Litestar]


async def gone(services: Services, person: str, image: str) -> None:
    """Nothing is left of it but the ledger's entry: no row, no blob, no key that could be minted again."""
    for table, column in (("images", "id"), ("jobs", "image")):
        assert [row for row in rows_of(services, table) if row[column] == image] == []
    assert services.vault.state(DEFAULT_TENANT, person, image) is KeyState.ERASED
    deleted = [entry.body for entry in services.ledger.since(0) if entry.kind == "item_deleted"]
    assert {"item": image} in deleted


def test_from_the_click_nobody_reads_it(tmp_path: Path) -> None:
    """Deleted: its owner finds it nowhere; undone within ten seconds it is whole again (S32)."""

    async def run() -> None:
        async with visit(make_app(tmp_path)) as client:
            person = await sign_up(client)
            services = client.app.state.services
            view = await make(client)
            reply = await client.post(f"/images/{view['id']}/delete", json={}, headers=JSON)
            assert reply.json()["undo_until"] - reply.json()["at"] == 10 * SECOND
            for path in (f"/images/{view['id']}", view["picture"], view["thumbnail"], f"/jobs/{view['job']}"):
                assert (await client.get(path, headers=JSON)).status_code == 404
            assert (await client.get("/history", headers=JSON)).json()["images"] == []
            again = await client.post(f"/images/{view['id']}/delete", json={}, headers=JSON)
            assert again.status_code == 404, "a second click moves no instant"
            clock_of(client.app).advance(9 * SECOND)
            assert await deletion.sweep(services) == 0
            undone = await client.post(f"/images/{view['id']}/undo", json={}, headers=JSON)
            assert undone.json() == view
            assert (await client.get(view["picture"])).status_code == 200
            await client.post(f"/images/{view['id']}/delete", json={}, headers=JSON)
            clock_of(client.app).advance(10 * SECOND)
            late = await client.post(f"/images/{view['id']}/undo", json={}, headers=JSON)
            assert late.status_code == 404
            await deletion.sweep(services)
            await gone(services, person, view["id"])
            assert blobs_of(services) == []

    asyncio.run(run())


def test_without_a_script_the_page_offers_the_undo(tmp_path: Path) -> None:
    """The click leads to a page with the undo as a form; when the seconds are over it offers none."""

    async def run() -> None:
        async with visit(make_app(tmp_path)) as client:
            await sign_up(client)
            view = await make(client)
            html = {"accept": "text/html"}
            clicked = await client.post(
                f"/images/{view['id']}/delete", data={}, headers=html, follow_redirects=False
            )
            assert clicked.status_code == 303
            page = await client.get(clicked.headers["location"], headers=html)
            assert f'action="/images/{view["id"]}/undo"' in page.text
            clock_of(client.app).advance(11 * SECOND)
            page = await client.get(clicked.headers["location"], headers=html)
            assert "/undo" not in page.text

    asyncio.run(run())


def test_delete_now_is_final_at_once(tmp_path: Path) -> None:
    """It skips the seconds: key, files and rows are gone when the answer comes, others' images stay (S32)."""

    async def run() -> None:
        async with visit(make_app(tmp_path)) as client:
            person = await sign_up(client)
            services = client.app.state.services
            kept, view = await make(client, "kept"), await make(client, "gone")
            reply = await client.post(f"/images/{view['id']}/delete", json={"now": True}, headers=JSON)
            assert reply.json()["undo_until"] == 0
            await gone(services, person, view["id"])
            assert len(blobs_of(services)) == 2
            assert (await client.post(f"/images/{view['id']}/undo", json={}, headers=JSON)).status_code == 404
            assert (await client.get(kept["picture"])).status_code == 200

    asyncio.run(run())


_STEPS = {
    "the ledger": "gptimage_server.features.images.deletion.enact",
    "the key": "services.vault.destroy_item",
    "the files": "gptimage_server.features.images.deletion.remove_pictures",
}


@pytest.mark.parametrize("now", [False, True], ids=["after the window", "at once"])
@pytest.mark.parametrize("done", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("step", _STEPS)
def test_a_crash_at_each_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str, done: bool, now: bool
) -> None:
    """Whatever step the deletion dies at, before or after its effect: the next finisher brings it to its end,
    and in between the image is either whole or unreadable, never half."""

    class Crash(Exception):
        pass

    async def run() -> None:
        async with visit(make_app(tmp_path)) as client:
            person = await sign_up(client)
            services = client.app.state.services
            view = await make(client)
            if not now:
                await client.post(f"/images/{view['id']}/delete", json={}, headers=JSON)
                clock_of(client.app).advance(11 * SECOND)
            with monkeypatch.context() as broken:
                _break(broken, services, _STEPS[step], done, Crash)
                if now:
                    reply = await client.post(
                        f"/images/{view['id']}/delete", json={"now": True}, headers=JSON
                    )
                    assert reply.status_code == 500
                else:
                    with pytest.raises(Crash):
                        await deletion.sweep(services)
        app = make_app(tmp_path)
        clock_of(app).at = clock_of(client.app).at + 20 * SECOND
        async with visit(app) as client:
            services = client.app.state.services
            await deletion.sweep(services)
            if now and step == "the ledger" and not done:
                assert len(rows_of(services, "images")) == 1, (
                    "nothing was decided yet, and nothing acknowledged"
                )
            else:
                await gone(services, person, view["id"])
                assert blobs_of(services) == []

    asyncio.run(run())


def _break(
    patch: pytest.MonkeyPatch, services: Services, target: str, done: bool, crash: type[Exception]
) -> None:
    if target.startswith("services."):
        owner: Any = services.vault
        name = target.rpartition(".")[2]
    else:
        owner, name = deletion, target.rpartition(".")[2]
    real: Callable[..., Any] = getattr(owner, name)

    if asyncio.iscoroutinefunction(real):

        async def later(*given: Any) -> None:
            if done:
                await real(*given)
            raise crash

        patch.setattr(owner, name, later)
        return

    def broken(*given: Any) -> None:
        if done:
            real(*given)
        raise crash

    patch.setattr(owner, name, broken)


def test_a_restored_backup_brings_nothing_back(tmp_path: Path) -> None:
    """The database of yesterday comes back with the ledger of today: the image is ended before anything is
    served, unreadable for want of its key, and finished again (S33, X8)."""

    async def run() -> None:
        database = tmp_path / "data" / "gptimage.sqlite"
        async with visit(make_app(tmp_path)) as client:
            person = await sign_up(client)
            cookies = dict(client.cookies)
            view = await make(client)
        shutil.copy(database, tmp_path / "backup.sqlite")
        async with visit(make_app(tmp_path)) as client:
            client.cookies.update(cookies)
            reply = await client.post(f"/images/{view['id']}/delete", json={"now": True}, headers=JSON)
            assert reply.status_code == 200
        for file in database.parent.iterdir():
            file.unlink()
        shutil.copy(tmp_path / "backup.sqlite", database)
        async with visit(make_app(tmp_path)) as client:
            client.cookies.update(cookies)
            services = client.app.state.services
            assert (await client.get(f"/images/{view['id']}", headers=JSON)).status_code == 404
            assert (await client.post(f"/images/{view['id']}/undo", json={}, headers=JSON)).status_code == 404
            clock_of(client.app).advance(11 * SECOND)
            await deletion.sweep(services)
            await gone(services, person, view["id"])

    asyncio.run(run())


def test_a_late_result_of_a_deleted_image_is_thrown_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Deleted while it is drawn: nothing is kept, and the credits come back once (S23, S32)."""
    go_on = asyncio.Event()

    async def run() -> None:
        loop = asyncio.get_running_loop()

        def slow(*given: Any, **chosen: Any) -> bytes:
            asyncio.run_coroutine_threadsafe(go_on.wait(), loop).result(20)
            return art.draw(*given, **chosen)

        monkeypatch.setattr(renderer, "draw", slow)
        async with visit(make_app(tmp_path)) as client:
            person = await sign_up(client)
            services = client.app.state.services
            for body in ({"now": True}, {}):
                go_on.clear()
                view = await ask(client)
                for _ in range(200):
                    if (await client.get(f"/jobs/{view['job']}", headers=JSON)).json()["state"] == "running":
                        break
                    await asyncio.sleep(0.02)
                assert (await client.get("/credits", headers=JSON)).json()["held"] == 1
                await client.post(f"/images/{view['id']}/delete", json=body, headers=JSON)
                go_on.set()
                await asyncio.sleep(0.4)
                assert blobs_of(services) == []
                clock_of(client.app).advance(11 * SECOND)
                await deletion.sweep(services)
                await gone(services, person, view["id"])
                account = (await client.get("/credits", headers=JSON)).json()
                assert (account["available"], account["held"], account["spent"]) == (100, 0, 0)

    asyncio.run(run())


def test_an_undone_deletion_goes_on_drawing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Deleted and taken back while it waits: the job is found again, drawn, and paid once."""
    held_up = asyncio.Event()

    async def run() -> None:
        loop = asyncio.get_running_loop()

        def slow(*given: Any, **chosen: Any) -> bytes:
            asyncio.run_coroutine_threadsafe(held_up.wait(), loop).result(20)
            return art.draw(*given, **chosen)

        monkeypatch.setattr(renderer, "draw", slow)
        async with visit(make_app(tmp_path)) as client:
            await sign_up(client)
            view = await ask(client)
            await asyncio.sleep(0.2)
            await client.post(f"/images/{view['id']}/delete", json={}, headers=JSON)
            held_up.set()
            await asyncio.sleep(0.4)
            await client.post(f"/images/{view['id']}/undo", json={}, headers=JSON)
            assert (await finished(client, view))["state"] == "done"
            await asyncio.sleep(0.1)
            account = (await client.get("/credits", headers=JSON)).json()
            assert (account["available"], account["held"], account["spent"]) == (99, 0, 1)

    asyncio.run(run())


def test_a_full_disk_deletes_nothing_half(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No room for the ledger's entry: 507, and the image is there as before (X8)."""

    async def run() -> None:
        async with visit(make_app(tmp_path)) as client:
            await sign_up(client)
            services = client.app.state.services
            view = await make(client)

            def full(*_: Any) -> int:
                raise StorageFull("no room")

            with monkeypatch.context() as broken:
                broken.setattr(services.ledger, "append", full)
                reply = await client.post(f"/images/{view['id']}/delete", json={"now": True}, headers=JSON)
            assert reply.status_code == 507
            assert (await client.get(view["picture"])).status_code == 200

    asyncio.run(run())
