"""The running server with JSON over HTTP, as curl speaks to it: the whole way, its races and its refusals."""

from __future__ import annotations

import base64
import io
import json
import re
import shutil
import sqlite3
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeVar

import httpx
import pytest
from tests.support.live import BORN, JSON, LiveServer, live, until
from tests.support.server import POLICY

T = TypeVar("T")

LONGEST = 32_000
ASTRAL = "\N{ARTIST PALETTE}"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    with live(tmp_path_factory.mktemp("http")) as running:
        yield running


@pytest.fixture
def ada(server: LiveServer, request: pytest.FixtureRequest) -> Iterator[httpx.Client]:
    with server.visitor() as curl:
        server.sign_up(curl, f"{request.node.name.replace('[', '.').replace(']', '')}@example.org")
        yield curl


@pytest.fixture(scope="module")
def bob(server: LiveServer) -> Iterator[httpx.Client]:
    with server.visitor() as curl:
        server.sign_up(curl, "bob@example.org")
        yield curl


def _finished(curl: httpx.Client, image: str) -> dict[str, Any]:
    """The image once its job is over."""

    def look() -> dict[str, Any] | None:
        found: dict[str, Any] = curl.get(f"/images/{image}", headers=JSON).json()
        return found if found["state"] in ("done", "failed") else None

    found: dict[str, Any] = until(look)
    return found


def _racing(count: int, act: Callable[[int], T]) -> list[T]:
    with ThreadPoolExecutor(count) as threads:
        return list(threads.map(act, range(count)))


def test_the_whole_way(server: LiveServer) -> None:
    """Age and country, address, link, terms, an image, its bytes, its deletion taken back and made final."""
    with server.visitor() as curl:
        assert curl.post("/signin", json={"email": "ada@example.org"}).status_code == 403
        assert curl.post("/start", json=BORN).status_code == 200
        assert curl.post("/signin", json={"email": "ada@example.org"}).json()["state"] == "mailed"
        link = server.link_for("ada@example.org")
        for _ in range(2):  # a GET uses nothing up (S18)
            assert curl.get(link, headers=JSON).json() == {"state": "unused", "email": "ada@example.org"}
        assert curl.post(link, json={}).json() == {"state": "signed_in", "next": "/welcome"}
        assert curl.post(link, json={}).status_code == 410
        assert curl.post("/studio", json={"prompt": "a heron"}).status_code == 403  # the terms come first
        assert curl.post("/welcome", json={"accept": True}).json()["state"] == "accepted"
        studio = curl.get("/studio", headers=JSON).json()
        before, style = studio["available"], studio["style"]
        made = curl.post("/studio", json={"prompt": "a heron", "size": "sketch", "seed": 7, "style": style})
        assert made.status_code == 201
        image = _finished(curl, made.json()["id"])
        assert (image["state"], image["seed"], image["prompt"]) == ("done", 7, "a heron")
        assert curl.get("/studio", headers=JSON).json()["available"] == before - image["cost"]
        assert curl.get(image["picture"]).content.startswith(b"\x89PNG")
        assert curl.get(image["thumbnail"]).content[8:12] == b"WEBP"
        path = f"/images/{image['id']}"
        assert curl.post(path + "/delete", json={}).json()["undo_until"] > 0
        assert curl.get(path, headers=JSON).status_code == 404
        assert curl.get(image["picture"], headers=JSON).status_code == 404
        assert curl.get("/history", headers=JSON).json()["images"] == []
        assert curl.post(path + "/undo", json={}).json()["id"] == image["id"]
        assert curl.get(image["picture"]).status_code == 200
        assert curl.post(path + "/delete", json={"now": True}).json()["undo_until"] == 0
        for answer in (curl.post(path + "/undo", json={}), curl.get(path, headers=JSON)):
            assert answer.status_code == 404
        assert curl.post("/signout", json={}).json()["state"] == "signed_out"
        assert curl.get("/history", headers=JSON).status_code == 401


def test_of_racing_uses_of_one_link_one_wins(server: LiveServer) -> None:
    """Eight browsers press the button at once: one is signed in, seven hear that the link is dead (S18)."""
    with server.visitor() as curl:
        curl.post("/start", json=BORN)
        curl.post("/signin", json={"email": "race@example.org"})
        link = server.link_for("race@example.org")

        def use(_: int) -> int:
            with server.visitor() as own:
                return own.post(link, json={}).status_code

        assert sorted(_racing(8, use)) == [200] + [410] * 7


def test_of_racing_wishes_only_the_paid_ones_are_made(tmp_path: Path) -> None:
    """Five credits and eight wishes of four: one image, one credit left, the books even."""
    policy = tmp_path / "policy"
    shutil.copytree(POLICY, policy)
    document = policy / "policy-1.toml"
    text = document.read_text(encoding="utf-8")
    few = re.sub(r"(\[setting\.starting_credits\]\n(?:[^\[\n].*\n)*?count = )\d+", r"\g<1>5", text)
    assert few != text
    document.write_text(few, encoding="utf-8")
    with live(tmp_path / "few", GPTIMAGE_POLICY=str(policy)) as server, server.visitor() as curl:
        owner = server.sign_up(curl, "poor@example.org")
        cookies = dict(curl.cookies)

        def wish(number: int) -> tuple[int, str]:
            with server.visitor(cookies=cookies) as own:
                reply = own.post("/studio", json={"prompt": f"wish {number}", "size": "square"})
                return reply.status_code, reply.text

        answers = _racing(8, wish)
        assert sorted(status for status, _ in answers) == [201] + [422] * 7
        assert all("4 credits, and you have 1 left" in text for status, text in answers if status == 422)
        [image] = curl.get("/history", headers=JSON).json()["images"]
        assert _finished(curl, image["id"])["state"] == "done"
        until(lambda: _books(server, owner)["held"] == 0)
        assert _books(server, owner) == {"granted": -5, "available": 1, "held": 0, "spent": 4}


def _books(server: LiveServer, owner: str) -> dict[str, int]:
    with sqlite3.connect(server.home / "var" / "data" / "gptimage.sqlite") as connection:
        rows = connection.execute("SELECT kind, balance FROM credit_accounts WHERE owner = ?", (owner,))
        return dict(rows.fetchall())


@pytest.mark.parametrize("accept", ["application/json", "text/html"])
def test_what_is_not_yours_is_not_there(
    server: LiveServer, ada: httpx.Client, bob: httpx.Client, accept: str
) -> None:
    """S7: a foreign id, a deleted one and one that never was get the same answer, byte for byte."""
    mine = ada.post("/studio", json={"prompt": "mine", "size": "sketch"}).json()
    gone = bob.post("/studio", json={"prompt": "gone", "size": "sketch"}).json()
    assert bob.post(f"/images/{gone['id']}/delete", json={"now": True}).status_code == 200
    never = "A" * len(mine["id"])
    asked = 0
    for kind, method, path in (
        ("id", "GET", "/images/{}"),
        ("id", "GET", "/images/{}/picture"),
        ("id", "GET", "/images/{}/thumbnail"),
        ("id", "POST", "/images/{}/delete"),
        ("id", "POST", "/images/{}/undo"),
        ("id", "GET", "/studio?like={}"),
        ("job", "GET", "/jobs/{}"),
    ):
        seen = set()
        for id in (mine[kind], gone[kind], never):
            data = {} if method == "POST" else None
            reply = bob.request(method, path.format(id), headers={"accept": accept}, json=data)
            assert reply.status_code == 404, path
            seen.add(_without_request(reply))
            asked += 1
        assert len(seen) == 1, path
    assert asked == 21
    assert _finished(ada, mine["id"])["state"] == "done"


def _without_request(reply: httpx.Response) -> tuple[str, tuple[tuple[str, str], ...]]:
    """The answer without what differs between any two answers: the request's id and the date."""
    body = reply.text.replace(reply.headers["x-request-id"], "")
    headers = sorted(item for item in reply.headers.items() if item[0] not in ("x-request-id", "date"))
    return body, tuple(headers)


def test_the_account_and_its_end(server: LiveServer) -> None:
    """Consents, an export after a fresh sign-in, and the deletion; while it lives and after it, nothing that
    the policy calls sealed stands in any file in the open (S6, S7, S32)."""
    canary, email = "Kanarienvogel-7Q2X", "canary.bird@example.org"
    with server.visitor() as curl:
        person = server.sign_up(curl, email)
        made = curl.post("/studio", json={"prompt": canary, "size": "sketch"}).json()
        image = _finished(curl, made["id"])
        picture = curl.get(image["picture"]).content
        choices = curl.get("/account/consents", headers=JSON).json()["choices"]
        assert {choice["name"] for choice in choices} == {"model_training", "product_updates"}
        assert not any(choice["given"] for choice in choices)
        for on in (True, False):
            turned = curl.post("/account/consents", json={"name": "model_training", "on": on}).json()
            stands = {choice["name"]: choice["given"] for choice in turned["choices"]}
            assert stands == {"model_training": on, "product_updates": False}
        assert curl.post("/account/consents", json={"name": "nothing", "on": True}).status_code == 404
        [export] = curl.post("/account/export", json={}).json()["archives"]
        archive = curl.get(f"/account/export/{export['id']}").content
        assert sha256(archive).hexdigest() == export["sha256"]
        with zipfile.ZipFile(io.BytesIO(archive)) as packed:
            manifest = json.loads(packed.read("manifest.json"))
            assert manifest["subject"] == person
            for file in manifest["files"]:
                assert sha256(packed.read(file["name"])).hexdigest() == file["sha256"], file["name"]
            assert picture in [packed.read(name) for name in packed.namelist() if name.endswith(".png")]
            assert canary.encode() in packed.read("data/images.json")
        assert _files_that_hold(server, canary, email, picture, archive) == []
        assert curl.post("/account/delete", json={"confirm": "no"}).status_code == 422
        assert curl.post("/account/delete", json={"confirm": "delete"}).status_code == 200
        for path in ("/me", "/history", image["picture"], f"/account/export/{export['id']}"):
            assert curl.get(path, headers=JSON).status_code == 401
    assert _files_that_hold(server, canary, email, picture, archive) == []
    assert canary not in server.printed() + server.complaints()
    with server.visitor() as again:  # the same address opens a new account that has nothing of the old
        assert server.sign_up(again, email) != person
        assert again.get("/history", headers=JSON).json()["images"] == []


def _files_that_hold(server: LiveServer, *secrets: str | bytes) -> list[str]:
    """Every file under the server's home in which one of these stands, as itself or as base64."""
    found = []
    plain = [secret.encode() if isinstance(secret, str) else secret[:4096] for secret in secrets]
    coded = [base64.b64encode(secret)[:-4] for secret in plain]
    for path in sorted((server.home / "var").rglob("*")):
        if path.is_file():
            content = path.read_bytes()
            found += [str(path) for secret in (*plain, *coded) if secret in content]
    return found


def test_any_unicode_up_to_the_limit_is_a_prompt(ada: httpx.Client) -> None:
    """32,000 characters outside the basic plane are taken and come back whole; one more is refused."""
    for sent in ("json", "form"):
        body = {"prompt": ASTRAL * LONGEST, "size": "sketch", "seed": "1"}
        wish: dict[str, Any] = {"json": {**body, "seed": 1}} if sent == "json" else {"data": body}
        reply = ada.post("/studio", headers=JSON, **wish)
        assert reply.status_code == 201, reply.text[:500]
        image = _finished(ada, reply.json()["id"])
        assert (image["state"], image["prompt"]) == ("done", ASTRAL * LONGEST)
    for prompt in (ASTRAL * (LONGEST + 1), "x" * (LONGEST + 1), " \n\t", ""):
        refused = ada.post("/studio", json={"prompt": prompt, "size": "sketch"})
        assert refused.status_code == 422
        assert [error["field"] for error in refused.json()["errors"]] == ["prompt"]
    strange = "\N{RIGHT-TO-LEFT OVERRIDE}\x00\x1b[31m<b>'; DROP TABLE images;-- \N{COMBINING TILDE}" * 9
    kept = ada.post("/studio", json={"prompt": strange, "size": "sketch"})
    assert kept.status_code == 201
    assert ada.get(f"/images/{kept.json()['id']}", headers=JSON).json()["prompt"] == strange
    half = ada.post("/studio", content=b'{"prompt": "\\ud800"}', headers={"content-type": "application/json"})
    assert half.status_code in (400, 422)


def test_unknown_fields_and_values_are_refused_by_name(ada: httpx.Client) -> None:
    """Nothing is ignored: each wrong field is named, all at once, and nothing is made or paid."""
    before = ada.get("/studio", headers=JSON).json()
    wish = {"prompt": "x", "size": "huge", "style": "cubist", "seed": -1, "owner": "somebody"}
    reply = ada.post("/studio", json=wish)
    assert reply.status_code == 422
    assert reply.headers["content-type"] == "application/problem+json"
    assert {error["field"] for error in reply.json()["errors"]} == {"owner", "seed"}
    chosen = ada.post("/studio", json={"prompt": "x", "size": "huge", "style": "cubist"})
    assert {error["field"] for error in chosen.json()["errors"]} == {"size", "style"}
    for seed in ("1", 1.5, 2**32, True, [1], {"a": 1}):
        assert ada.post("/studio", json={"prompt": "x", "seed": seed}).status_code == 422
    assert ada.post("/studio", json=["prompt"]).status_code == 400
    kind = {"content-type": "application/xml"}
    assert ada.post("/studio", content=b"<a/>", headers=kind).status_code == 415
    assert ada.get("/studio", headers=JSON).json() == before


def test_oversized_bodies_are_refused(server: LiveServer, ada: httpx.Client) -> None:
    """413 whether the length is announced or the body just keeps coming; the server serves on."""
    large = b'{"prompt": "' + b"x" * (2 * 1024 * 1024) + b'"}'

    def stream() -> Iterator[bytes]:
        for start in range(0, len(large), 65_536):
            yield large[start : start + 65_536]

    kind = {"content-type": "application/json", **JSON}
    for path in ("/studio", "/start", "/signout"):
        for body in (large, stream()):
            reply = _sent(ada, path, body, kind)
            # A server may close on somebody who goes on sending; httpx then may see no answer.
            assert reply is None or reply.status_code == 413, path
    assert ada.post("/studio", content=large, headers=kind).status_code == 413
    assert ada.get("/history", headers=JSON).status_code == 200


def _sent(
    curl: httpx.Client, path: str, body: bytes | Iterator[bytes], headers: dict[str, str]
) -> httpx.Response | None:
    try:
        return curl.post(path, content=body, headers=headers)
    except (httpx.WriteError, httpx.RemoteProtocolError, httpx.ReadError):
        return None


def test_every_answer_carries_its_headers(server: LiveServer, ada: httpx.Client) -> None:
    """S7, S20: no-store, nosniff, a policy that names no other host, on pages, JSON, pictures and errors."""
    made = ada.post("/studio", json={"prompt": "headers", "size": "sketch"}).json()
    image = _finished(ada, made["id"])
    for path in ("/", "/privacy", "/studio", "/history", image["picture"], image["thumbnail"], "/nowhere"):
        for accept in ("text/html", "application/json"):
            reply = ada.get(path, headers={"accept": accept})
            moved = path == "/" and accept == "text/html"
            assert reply.status_code == (303 if moved else 404 if path == "/nowhere" else 200), path
            headers = reply.headers
            assert headers["cache-control"] == "no-store", path
            assert headers["x-content-type-options"] == "nosniff", path
            assert headers["referrer-policy"] == "no-referrer", path
            policy = headers["content-security-policy"]
            assert "default-src 'self'" in policy, path
            assert "frame-ancestors 'none'" in policy, path
            assert "http" not in policy, path
            assert "unsafe" not in policy, path
            assert "server" not in headers, path
    for cookie in ada.post("/start", json=BORN).headers.get_list("set-cookie"):
        assert "httponly" in cookie.lower()
        assert "samesite=lax" in cookie.lower()


def test_another_site_changes_nothing(ada: httpx.Client) -> None:
    """A form on another site's page, sent with this person's cookies, is refused before anything is read."""
    before = ada.get("/history", headers=JSON).json()
    for headers in (
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"origin": "https://elsewhere.example"},
        {"origin": "null"},
    ):
        reply = ada.post("/studio", data={"prompt": "not mine"}, headers=headers)
        assert reply.status_code == 403
    assert ada.get("/history", headers=JSON).json() == before
