"""What every page stands on: headers, the cross-site check, problems, the request log, the look."""

from __future__ import annotations

import asyncio
import re
import sqlite3
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from litestar import Litestar
from litestar.testing import AsyncTestClient
from tests.support.server import JSON, NOON, POLICY, make_app, sign_up, visit

import gptimage_server
from gptimage_core.errors import AccessDenied, Conflict, PolicyError
from gptimage_core.policy.timeline import load_timeline
from gptimage_core.store.watched import lifted
from gptimage_server.app import create_app
from gptimage_server.migrations import MIGRATIONS
from gptimage_server.migrations._first import FILE, text
from gptimage_server.settings import Settings
from gptimage_server.web.requestlog import Line
from gptimage_server.wiring import data_map

Client = AsyncTestClient[Litestar]
PAGE = {"accept": "text/html"}
ADULT = {"day": 4, "month": 2, "year": 1990, "country": "NL"}
SERVER = Path(gptimage_server.__file__).parent
PAGES = sorted(SERVER.rglob("templates/**/*.html"))


def run(home: Path, walk: Callable[[Client], Awaitable[Any]], **settings: Any) -> Litestar:
    app = make_app(home, **settings)

    async def whole() -> None:
        async with visit(app) as client:
            await walk(client)

    asyncio.run(whole())
    return app


def log_lines(home: Path) -> list[tuple[Any, ...]]:
    with sqlite3.connect(home / "data" / "gptimage.sqlite") as connection:
        return connection.execute(
            "SELECT route, response_status, user_agent, ip_address FROM request_log ORDER BY timestamp, rowid"
        ).fetchall()


def test_every_reply_carries_the_headers(tmp_path: Path) -> None:
    """Pages, JSON, errors, redirects: no third party, no sniffing, no framing, no referrer, not stored."""

    async def walk(client: Client) -> None:
        for path in ("/", "/start", "/privacy", "/terms", "/nowhere", "/signin", "/me", "/link/rubbish"):
            for accept in (PAGE, JSON):
                reply = await client.get(path, headers=accept, follow_redirects=False)
                headers = reply.headers
                assert headers["cache-control"] == "no-store", path
                assert headers["referrer-policy"] == "no-referrer"
                assert headers["x-content-type-options"] == "nosniff"
                policy = headers["content-security-policy"]
                assert "default-src 'self'" in policy
                assert "frame-ancestors 'none'" in policy
                assert "unsafe" not in policy
                assert "http" not in policy
                assert headers["x-request-id"]
        style = await client.get("/static/studio.css")
        assert "max-age" in style.headers["cache-control"]

    run(tmp_path, walk)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"sec-fetch-site": "same-origin"}, 200),
        ({"sec-fetch-site": "none"}, 200),
        ({"sec-fetch-site": "cross-site"}, 403),
        ({"sec-fetch-site": "same-site"}, 403),
        ({"origin": "http://testserver.local"}, 200),
        ({"origin": "http://127.0.0.1:8000"}, 200),
        ({"origin": "https://evil.example"}, 403),
        ({"origin": "null"}, 403),
    ],
)
def test_a_change_that_another_site_started_is_refused(
    tmp_path: Path, headers: dict[str, str], status: int
) -> None:
    """A form on another site changes nothing here; curl, which sends neither header, works."""

    async def walk(client: Client) -> None:
        reply = await client.post("/start", json=ADULT, headers=headers)
        assert reply.status_code == status
        assert ("gp_gate" in client.cookies) is (status == 200)

    run(tmp_path, walk)


def test_cookies_are_for_this_site_and_not_for_scripts(tmp_path: Path) -> None:
    """HttpOnly and SameSite=Lax always, Secure wherever the address is https."""

    async def walk(client: Client) -> None:
        reply = await client.post("/start", json=ADULT)
        cookie = reply.headers["set-cookie"]
        assert "HttpOnly" in cookie
        assert "samesite=lax" in cookie.lower()
        assert "Secure" in cookie

    run(tmp_path, walk, origin="https://images.example")


def test_problems_are_pages_for_people_and_problem_json_for_programs(tmp_path: Path) -> None:
    """RFC 9457: title, status, detail, and the request's id; a page says the same in words."""

    async def walk(client: Client) -> None:
        reply = await client.get("/nowhere", headers=JSON)
        assert reply.status_code == 404
        assert reply.headers["content-type"] == "application/problem+json"
        assert reply.json()["status"] == 404
        assert reply.json()["request_id"] == reply.headers["x-request-id"]
        page = await client.get("/nowhere", headers=PAGE)
        assert page.status_code == 404
        assert "There is nothing here, or it is not yours." in page.text
        assert (await client.put("/start", headers=JSON)).json()["status"] == 405
        assert (await client.get("/me", headers=JSON)).status_code == 401
        moved = await client.get("/me", headers=PAGE, follow_redirects=False)
        assert (moved.status_code, moved.headers["location"]) == (303, "/start")

    run(tmp_path, walk)


@pytest.mark.parametrize(
    ("content", "content_type", "status"),
    [
        (b"{", "application/json", 400),
        (b"[1]", "application/json", 400),
        (b'{"day": "\xff"}', "application/json", 400),
        (b"day=1", "text/plain", 415),
        (b"", "application/json", 422),
        (b"{}" + b" " * 300_000, "application/json", 413),
        (b"day=" + b"1" * 300_000, "application/x-www-form-urlencoded", 413),
    ],
)
def test_bodies_that_cannot_be_read_get_a_clear_answer(
    tmp_path: Path, content: bytes, content_type: str, status: int
) -> None:
    """Malformed, foreign or oversized: the right status, a problem, nothing stored."""

    async def walk(client: Client) -> None:
        headers = {"content-type": content_type, **JSON}
        reply = await client.post("/start", content=content, headers=headers)
        assert reply.status_code == status
        assert reply.json()["status"] == status

    run(tmp_path, walk)


def test_a_form_that_was_refused_comes_back_with_its_errors_tied_to_its_fields(tmp_path: Path) -> None:
    """The summary links to the field; the field is marked, described by its error, keeps what was typed."""

    async def walk(client: Client) -> None:
        await client.post("/start", json=ADULT)
        reply = await client.post("/signin", data={"email": 'no"body'}, headers=PAGE)
        assert reply.status_code == 422
        assert 'href="#email"' in reply.text
        assert 'aria-invalid="true"' in reply.text
        assert 'aria-describedby="email-hint email-error"' in reply.text
        assert 'value="no&#34;body"' in reply.text
        assert "<title>Error: " in reply.text

    run(tmp_path, walk)


def test_the_request_log_is_closed(tmp_path: Path) -> None:
    """S8: exactly the five fields and an id; templates for routes; no path, query, body or token anywhere."""
    assert set(Line.__struct_fields__) == {
        "timestamp",
        "ip_address",
        "user_agent",
        "route",
        "response_status",
        "request_id",
    }
    canary = "canary5u9"

    async def walk(client: Client) -> None:
        await sign_up(client)
        await client.get(f"/link/{canary}?q={canary}", headers={"referer": f"http://x/{canary}"})
        await client.get(f"/{canary}")
        await client.post("/signin", json={"email": f"{canary}@example.org"})
        await client.post(f"/link/{canary}", content=canary.encode())

    run(tmp_path, walk)
    lines = log_lines(tmp_path)
    assert ("/link/{token}", 410) in [line[:2] for line in lines]
    assert ("(none)", 404) in [line[:2] for line in lines]
    assert len(lines) >= 9
    stored = b"".join(file.read_bytes() for file in tmp_path.rglob("*") if file.is_file())
    assert canary.encode() not in stored


def test_an_unexpected_error_prints_its_places_and_not_its_words(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """S8: a message may quote a prompt, so only the type and the places in the code are printed."""
    app = make_app(tmp_path)

    async def broken(*_: Any, **__: Any) -> None:
        raise RuntimeError("a prompt about a canary")

    app.state.services.mail.send = broken

    async def whole() -> None:
        async with visit(app) as client:
            await client.post("/start", json=ADULT)
            reply = await client.post("/signin", json={"email": "ada@example.org"})
            assert reply.status_code == 500
            assert "canary" not in reply.text

    asyncio.run(whole())
    printed = capsys.readouterr().err
    assert "builtins.RuntimeError" in printed
    assert "links.py" in printed
    assert "canary" not in printed


def test_a_denial_shows_a_neutral_sentence_and_its_id(tmp_path: Path) -> None:
    """People and programs get the id that operators can look up, and nothing about rules or data."""
    app = make_app(tmp_path)

    async def denied(*_: Any, **__: Any) -> None:
        raise AccessDenied("denial-42")

    app.state.services.mail.send = denied

    async def whole() -> None:
        async with visit(app) as client:
            await client.post("/start", json=ADULT)
            body = {"email": "ada@example.org"}
            reply = await client.post("/signin", json=body)
            assert reply.status_code == 403
            assert reply.json()["denial_id"] == "denial-42"
            assert reply.json()["detail"] == "Our privacy policy does not permit this."
            page = await client.post("/signin", data=body, headers=PAGE)
            assert page.status_code == 403
            assert '<code class="reference">denial-42</code>' in page.text

    asyncio.run(whole())


def test_a_collision_is_told_in_one_sentence(tmp_path: Path) -> None:
    """409, with no name of a table and no word on whose row is there."""
    app = make_app(tmp_path)

    async def collides(*_: Any, **__: Any) -> None:
        raise Conflict

    app.state.services.mail.send = collides

    async def whole() -> None:
        async with visit(app) as client:
            await client.post("/start", json=ADULT)
            reply = await client.post("/signin", json={"email": "ada@example.org"})
            assert reply.status_code == 409
            assert reply.json()["detail"] == "This cannot be saved beside what is there. Nothing was saved."

    asyncio.run(whole())


def test_a_full_disk_acknowledges_nothing(tmp_path: Path) -> None:
    """507, and no link is mailed: what could not be kept was not done."""
    app = make_app(tmp_path)

    def fill(connection: Any) -> None:
        with lifted(connection):
            (pages,) = connection.execute("PRAGMA page_count").fetchone()
            connection.execute(f"PRAGMA max_page_count = {pages}").fetchone()

    app.state.services.database.write_sync(fill)
    seen: list[int] = []

    async def whole() -> None:
        async with visit(app) as client:
            await client.post("/start", json=ADULT)
            for number in range(200):
                reply = await client.post("/signin", json={"email": f"a{number}@example.org"}, headers=JSON)
                seen.append(reply.status_code)
                if reply.status_code != 202:
                    assert reply.json()["status"] == reply.status_code
                    break

    settings = app.state.services.settings
    assert settings.links_per_address_hour == 30
    asyncio.run(whole())
    assert seen[-1] == 507
    mails = app.state.services.mail._out.getvalue().count("Subject:")
    assert mails == seen.count(202)


def test_production_serves_no_draft(tmp_path: Path) -> None:
    """S2: without counsel's sign-off of this very digest, a production server does not start."""
    with pytest.raises(PolicyError, match="draft"):
        create_app(Settings(home=tmp_path, policy=POLICY, environment="production"))
    assert not (tmp_path / "data").exists()


def test_the_notice_and_every_footer_come_from_the_policy(tmp_path: Path) -> None:
    """S45, S46: the effective version's date and draft on /privacy, the policy's contact in every footer."""
    version = load_timeline(POLICY).at(NOON)

    async def walk(client: Client) -> None:
        for path in ("/", "/start", "/privacy", "/terms", "/nowhere"):
            page = await client.get(path, headers=PAGE)
            footer = page.text[page.text.index("<footer") :]
            assert version.document.controller.contact in footer, path
        page = await client.get("/privacy", headers=PAGE)
        assert "draft, not legal advice" in page.text
        assert '<time datetime="2026-01-01">' in page.text
        notice = (await client.get("/privacy", headers=JSON)).json()
        assert (notice["version"], notice["digest"], notice["draft"]) == (1, version.digest, True)
        assert notice["markdown"].startswith("# ")

    run(tmp_path, walk)


def test_every_column_has_its_category() -> None:
    """S6, X9: the tables bind to the policy; a column without a category would stop the start."""
    bound = data_map(load_timeline(POLICY))
    assert {table.name for table in bound.tables} >= {"accounts", "images", "request_log", "age_blocks"}
    email = next(table for table in bound.tables if table.name == "accounts").column("email")
    assert email is not None
    assert email.sealed


def test_the_migration_is_what_the_tables_say() -> None:
    """`python -m gptimage_server.migrations` was run after the last change of the tables."""
    assert FILE.read_text("utf-8") == text()
    assert FILE in MIGRATIONS


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_no_page_needs_anything_from_elsewhere(page: Path) -> None:
    """S20: no third-party host, no inline script, style or handler, in any template."""
    source = page.read_text("utf-8")
    assert not re.search(r"""(?:src|href|action|srcset)\s*=\s*["']?\s*(?:https?:)?//""", source)
    assert not re.search(r"<style|\sstyle\s*=|\son[a-z]+\s*=\s*[\"']|javascript:", source)
    assert not re.search(r"<script(?![^>]*\ssrc=)", source)


_TEXTS = [
    file for file in sorted((SERVER / "web" / "static").glob("*")) if file.suffix in (".css", ".js", ".svg")
]


@pytest.mark.parametrize("file", _TEXTS, ids=lambda file: file.name)
def test_no_static_file_needs_anything_from_elsewhere(file: Path) -> None:
    """S20: styles, scripts and drawings load nothing; the SVG namespace is a name and not an address."""
    source = file.read_text("utf-8").replace("http://www.w3.org/2000/svg", "")
    assert not re.search(r"(?:https?:)?//[a-z0-9-]+\.[a-z]", source)
    assert "@import" not in source


def _properties(block: str) -> dict[str, tuple[float, float, float]]:
    found = re.findall(r"--([a-z-]+):\s*#([0-9a-f]{6})", block)
    return {
        name: tuple(int(hex_[i : i + 2], 16) / 255 for i in (0, 2, 4))  # type: ignore[misc]
        for name, hex_ in found
    }


def _luminance(color: tuple[float, float, float]) -> float:
    linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in color]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("mode", ["light", "dark"])
def test_text_has_contrast_in_both_modes(mode: str) -> None:
    """WCAG 2.2 AA, from the style's own properties: 4.5 for words, 3 for the edges of fields."""
    style = (SERVER / "web" / "static" / "studio.css").read_text("utf-8")
    light, dark = style.split("@media (prefers-color-scheme: dark)", 1)
    colors = {**_properties(light), **(_properties(dark) if mode == "dark" else {})}
    pairs = [
        (ink, ground, 4.5)
        for ink in ("ink", "quiet", "accent", "wrong", "good")
        for ground in ("wall", "panel", "sunken")
    ]
    pairs += [("on-accent", "accent", 4.5), ("on-accent", "accent-strong", 4.5), ("wall", "ink", 4.5)]
    pairs += [("ink", wash, 4.5) for wash in ("accent-wash", "good-wash", "wrong-wash")]
    pairs += [("wrong", "wrong-wash", 4.5), ("line-strong", "panel", 3), ("line-strong", "wall", 3)]
    for front, ground, least in pairs:
        a, b = sorted((_luminance(colors[front]), _luminance(colors[ground])))
        assert (b + 0.05) / (a + 0.05) >= least, (mode, front, ground)
