"""From a prompt to a picture and its history, as people and programs do it."""

from __future__ import annotations

import asyncio
import io
import re
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from litestar import Litestar
from litestar.testing import AsyncTestClient
from PIL import Image as Pictures
from tests.support.images import ask, blobs_of, finished, make, rows_of
from tests.support.server import JSON, clock_of, make_app, sign_up, visit

from gptimage_core.clock import MINUTE
from gptimage_core.errors import StorageFull
from gptimage_server import credits
from gptimage_server.features.images import service
from gptimage_server.features.images.choices import SIZES
from gptimage_server.gateways import renderer
from gptimage_server.web.visitor import Person

Client = AsyncTestClient[Litestar]


def walk(home: Path, steps: Callable[[Client], Coroutine[Any, Any, None]]) -> None:
    """Run `steps` with somebody who is signed in."""

    async def run() -> None:
        async with visit(make_app(home)) as client:
            await sign_up(client)
            await steps(client)

    asyncio.run(run())


def test_a_prompt_becomes_a_picture(tmp_path: Path) -> None:
    """Prompt, size, seed and style go in; a PNG without metadata comes out, for its owner (S14)."""

    async def steps(client: Client) -> None:
        view = await make(client, "a fox \N{FOX FACE} in the snow", seed=12, style="bloom")
        assert (view["seed"], view["style"], view["width"], view["height"]) == (12, "bloom", 512, 512)
        assert view["model"] == "gptimage-builtin-1"
        reply = await client.get(view["picture"])
        assert reply.headers["content-type"] == "image/png"
        assert reply.headers["cache-control"] == "no-store"
        with Pictures.open(io.BytesIO(reply.content)) as picture:
            assert (picture.size, picture.info) == ((512, 512), {})
        small = await client.get(view["thumbnail"])
        assert small.headers["content-type"] == "image/webp"
        with Pictures.open(io.BytesIO(small.content)) as picture:
            assert max(picture.size) <= 480
            assert "exif" not in picture.info
        attached = await client.get(view["picture"] + "?download=true")
        assert attached.headers["content-disposition"].startswith("attachment")
        page = await client.get(f"/images/{view['id']}", headers={"accept": "text/html"})
        assert "built-in renderer, an algorithm" in page.text

    walk(tmp_path, steps)


def test_what_the_policy_calls_sealed_is_sealed(tmp_path: Path) -> None:
    """Prompt and picture are nowhere plaintext, in no file at all (S6)."""

    async def steps(client: Client) -> None:
        await make(client, "xylophone-canary")
        services = client.app.state.services
        (row,) = rows_of(services, "images")
        for column in ("prompt", "media_type", "picture_sha256"):
            assert row[column].startswith("gpv1:")
        assert row["collected_under"] == 1
        for file in tmp_path.rglob("*"):
            if file.is_file():
                content = file.read_bytes()
                assert b"xylophone" not in content, file
                assert b"\x89PNG" not in content, file

    walk(tmp_path, steps)


def test_model_events_have_five_keys_and_nobody(tmp_path: Path) -> None:
    """Which model, how long, whether it succeeded; the job is random and the prompt is not there (S10)."""

    async def steps(client: Client) -> None:
        view = await make(client)
        services = client.app.state.services
        for _ in range(100):
            if rows_of(services, "model_events"):
                break
            await asyncio.sleep(0.02)
        (event,) = rows_of(services, "model_events")
        assert (event["job"], event["model"], event["outcome"]) == (view["job"], renderer.MODEL, "succeeded")
        assert event.keys() == {
            "id", "tenant", "timestamp", "collected_under", "job", "model", "duration_ms", "outcome",
        }  # fmt: skip

    walk(tmp_path, steps)


def test_a_foreign_image_is_a_missing_one(tmp_path: Path) -> None:
    """The same answer for another's id and for none, on every way to an image; nothing changes (S7)."""

    async def run() -> None:
        async with visit(make_app(tmp_path)) as client:
            await sign_up(client)
            view = await make(client)
            await sign_up(client, "eve@example.org")

            def neutral(text: str) -> str:
                return re.sub(r'"request_id":"[^"]*"', "", text)

            for way in ("", "/picture", "/thumbnail"):
                theirs = await client.get(f"/images/{view['id']}{way}", headers=JSON)
                none = await client.get(f"/images/{'A' * 22}{way}", headers=JSON)
                assert (theirs.status_code, neutral(theirs.text)) == (404, neutral(none.text))
            for way, body in (("delete", {}), ("delete", {"now": True}), ("undo", {})):
                theirs = await client.post(f"/images/{view['id']}/{way}", json=body, headers=JSON)
                none = await client.post(f"/images/{'A' * 22}/{way}", json=body, headers=JSON)
                assert (theirs.status_code, neutral(theirs.text)) == (404, neutral(none.text))
            assert (await client.get(f"/jobs/{view['job']}", headers=JSON)).status_code == 404
            assert (await client.get(f"/studio?like={view['id']}", headers=JSON)).status_code == 404
            assert (await client.get("/history", headers=JSON)).json()["images"] == []
            (row,) = rows_of(client.app.state.services, "images")
            assert row["keep_ended"] is None
            assert len(blobs_of(client.app.state.services)) == 2

    asyncio.run(run())


def test_nobody_looks_without_signing_in(tmp_path: Path) -> None:
    """A guest reaches no page and no byte of an image; a browser is shown the way in (S7)."""

    async def run() -> None:
        async with visit(make_app(tmp_path)) as client:
            await sign_up(client)
            view = await make(client)
            client.cookies.clear()
            for path in (
                "/studio",
                "/history",
                "/credits",
                view["picture"],
                view["thumbnail"],
                f"/images/{view['id']}",
            ):
                assert (await client.get(path, headers=JSON)).status_code == 401
            page = await client.get("/history", headers={"accept": "text/html"}, follow_redirects=False)
            assert (page.status_code, page.headers["location"]) == (303, "/start")

    asyncio.run(run())


def test_input_is_refused_with_reasons_and_costs_nothing(tmp_path: Path) -> None:
    """Empty, too long, unknown size, style, seed and field: every reason at once, what was typed stays."""

    async def steps(client: Client) -> None:
        async def refused(**body: Any) -> set[str]:
            reply = await client.post("/studio", json=body, headers=JSON)
            assert reply.status_code == 422, reply.text
            return {error["field"] for error in reply.json()["errors"]}

        assert await refused(prompt=" \n\t ", size="huge", style="oil") == {"prompt", "size", "style"}
        assert await refused(prompt="x" * 32_001) == {"prompt"}
        assert await refused(prompt="x", seed=-1) == {"seed"}
        assert await refused(prompt="x", seed=2**32) == {"seed"}
        assert await refused(prompt="x", colour="red") == {"colour"}
        assert await refused() == {"prompt"}
        page = await client.post(
            "/studio",
            data={"prompt": "keep <me>", "size": "huge", "style": "bloom"},
            headers={"accept": "text/html"},
        )
        assert page.status_code == 422
        assert "keep &lt;me&gt;" in page.text
        large = await client.post("/studio", json={"prompt": "x" * 1_100_000}, headers=JSON)
        assert large.status_code == 413
        assert (await client.get("/credits", headers=JSON)).json()["available"] == 100
        assert rows_of(client.app.state.services, "images") == []

    walk(tmp_path, steps)


def test_the_longest_prompt_of_the_widest_letters(tmp_path: Path) -> None:
    """32,000 characters of four bytes come back as they were, from a form and from JSON."""

    async def steps(client: Client) -> None:
        prompt = "\N{FOX FACE}" * 32_000
        view = await ask(client, prompt)
        assert view["prompt"] == prompt
        form = await client.post(
            "/studio",
            data={"prompt": prompt, "size": "sketch"},
            headers={"accept": "text/html"},
            follow_redirects=False,
        )
        assert form.status_code == 303
        other = (await client.get(form.headers["location"], headers=JSON)).json()
        assert other["prompt"] == prompt

    walk(tmp_path, steps)


def test_any_unicode_comes_back(tmp_path: Path) -> None:
    """What was written is what is read: any Unicode text; half a surrogate pair is refused."""

    async def steps(client: Client) -> None:
        person = (await client.get("/me", headers=JSON)).json()["id"]
        services = client.app.state.services

        @given(prompt=st.text(min_size=1, max_size=60).filter(str.strip))
        @settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
        def comes_back(prompt: str) -> None:
            found.append(prompt)

        found: list[str] = [
            "a\0b",
            "\N{RIGHT-TO-LEFT OVERRIDE}abc",
            "e\N{COMBINING ACUTE ACCENT}",
            "{{ 7*7 }}",
        ]
        comes_back()
        somebody = Person(person, "", services.now())
        for prompt in found:
            image, _ = await service.ask(
                services, somebody, service.Wish(prompt, SIZES["sketch"], "agate", 1)
            )
            view = await service.find(services, somebody, image)
            assert view is not None
            assert view.prompt == prompt
        half = await client.post(
            "/studio", content=b'{"prompt": "x\\ud800"}', headers={**JSON, "content-type": "application/json"}
        )
        assert half.status_code in (400, 422)

    walk(tmp_path, steps)


def test_the_cost_is_in_the_button_and_held_before(tmp_path: Path) -> None:
    """Each size's cost stands in the button; what cannot be paid is refused and nothing is held (S14)."""

    async def steps(client: Client) -> None:
        page = (await client.get("/studio", headers={"accept": "text/html"})).text
        button = re.search(r'<button type="submit" class="wide">(.*?)</button>', page, re.DOTALL)
        assert button is not None
        for size in SIZES.values():
            assert f'cost-{size.name}">· {size.cost} ' in button[1]
        services, person = client.app.state.services, (await client.get("/me", headers=JSON)).json()["id"]
        await credits.hold(services, person, "elsewhere", 98)
        poor = await client.post("/studio", json={"prompt": "x", "size": "square"}, headers=JSON)
        assert poor.status_code == 422
        assert "you have 2 left" in poor.text
        await make(client)
        account = (await client.get("/credits", headers=JSON)).json()
        assert (account["available"], account["held"], account["spent"]) == (1, 98, 1)
        assert [line["reason"] for line in account["lines"]].count("posted") == 1

    walk(tmp_path, steps)


def test_history_pages_by_key(tmp_path: Path) -> None:
    """Newest first, each image once, page after page; a cursor that is none begins at the beginning (S31)."""

    async def steps(client: Client) -> None:
        services, person = client.app.state.services, (await client.get("/me", headers=JSON)).json()["id"]
        somebody, made = Person(person, "", services.now()), []
        for number in range(30):
            image, _ = await service.ask(
                services, somebody, service.Wish(f"n{number}", SIZES["sketch"], "agate", 1)
            )
            made.append(image)
            if number % 3 == 0:
                clock_of(client.app).advance(MINUTE)
        seen: list[str] = []
        after = ""
        for _ in range(9):
            page = (await client.get(f"/history?after={after}", headers=JSON)).json()
            seen += [view["id"] for view in page["images"]]
            after = page["next"]
            if after is None:
                break
        assert len(seen) == len(set(seen)) == 30
        assert set(seen) == set(made)
        newest = (await client.get("/history?after=%27%20or%201", headers=JSON)).json()
        assert newest["images"][0]["id"] == seen[0]

    walk(tmp_path, steps)


def test_use_again_fills_the_studio_in(tmp_path: Path) -> None:
    """The prompt travels by the image's id, never in an address (S8)."""

    async def steps(client: Client) -> None:
        view = await make(client, "an old song", seed=5, style="currents")
        again = (await client.get(f"/studio?like={view['id']}", headers=JSON)).json()
        assert (again["prompt"], again["seed"], again["style"]) == ("an old song", 5, "currents")

    walk(tmp_path, steps)


def test_a_failed_drawing_gives_the_credits_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The renderer raises: the job says failed, the credits come back once (S10)."""

    def broken(prompt: str, **_: Any) -> bytes:
        raise ValueError(prompt)

    async def steps(client: Client) -> None:
        monkeypatch.setattr(renderer, "draw", broken)
        view = await finished(client, await ask(client, "canary-in-the-error"))
        assert (view["state"], view["picture"]) == ("failed", None)
        account = (await client.get("/credits", headers=JSON)).json()
        assert (account["available"], account["held"], account["spent"]) == (100, 0, 0)
        page = await client.get(f"/images/{view['id']}", headers={"accept": "text/html"})
        assert "could not be made" in page.text

    walk(tmp_path, steps)


def test_a_full_disk_acknowledges_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The rows do not fit: 507, no image, and the credits that were held are free again."""

    async def steps(client: Client) -> None:
        services = client.app.state.services

        def full(*_: Any, **__: Any) -> str:
            raise StorageFull("no room")

        with monkeypatch.context() as broken:
            broken.setattr(services.vault, "seal_text", full)
            reply = await client.post("/studio", json={"prompt": "x", "size": "sketch"}, headers=JSON)
        assert reply.status_code == 507
        assert rows_of(services, "images") == []
        assert rows_of(services, "jobs") == []
        account = (await client.get("/credits", headers=JSON)).json()
        assert (account["available"], account["held"]) == (100, 0)
        with monkeypatch.context() as broken:
            broken.setattr(services.blobs, "put", full)
            view = await finished(client, await ask(client))
        assert view["state"] == "failed"
        assert (await client.get("/credits", headers=JSON)).json()["available"] == 100

    walk(tmp_path, steps)
