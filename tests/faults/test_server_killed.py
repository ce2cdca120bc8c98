"""`kill -9` of the running server at moments nobody chose: what it acknowledged is there, credits even."""

from __future__ import annotations

import random
import sqlite3
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.support.live import JSON, LiveServer, live, until


def _rows(server: LiveServer, query: str, *values: str) -> list[tuple[Any, ...]]:
    """What the database holds, read beside the server."""
    with closing(sqlite3.connect(server.home / "var" / "data" / "gptimage.sqlite")) as connection:
        return connection.execute(query, values).fetchall()


def _restart(server: LiveServer) -> None:
    """Start again as if the dead process's lease on the queue (some 20 seconds) had run out meanwhile."""
    with closing(sqlite3.connect(server.home / "var" / "data" / "gptimage.sqlite")) as connection, connection:
        connection.execute("UPDATE gp_lease SET until = 0")
    server.start()


def _books(server: LiveServer, owner: str) -> dict[str, int]:
    """The person's balances, after holding them to their entries: even, sums, never below zero."""
    books = dict(_rows(server, "SELECT kind, balance FROM credit_accounts WHERE owner = ?", owner))
    entries = _rows(
        server,
        "SELECT a.kind, sum(e.amount) FROM credit_entries e JOIN credit_accounts a ON a.id = e.account"
        " WHERE e.owner = ? GROUP BY a.kind",
        owner,
    )
    assert {kind: total for kind, total in entries if total} == {k: v for k, v in books.items() if v}
    assert sum(books.values()) == 0
    assert all(balance >= 0 for kind, balance in books.items() if kind != "granted")
    return books


def _all_over(server: LiveServer, curl: httpx.Client) -> list[dict[str, Any]]:
    """Every image of the person's once no job is under way any more."""

    found: list[dict[str, Any]] = []

    def look() -> bool:
        found[:] = curl.get("/history", headers=JSON).json()["images"]
        return all(image["state"] in ("done", "failed") for image in found)

    until(look, seconds=60)
    return found


def test_a_generation_survives_a_kill(tmp_path: Path) -> None:
    """Killed while an image is drawn: after the restart it is drawn, once, and paid once; nobody signs in
    again. What was deleted before the kill stays deleted, and the link that was used stays used (X8)."""
    with live(tmp_path) as server, server.visitor() as curl:
        owner = server.sign_up(curl, "ada@example.org")
        used = server.link_for("ada@example.org")
        gone = curl.post("/studio", json={"prompt": "gone", "size": "sketch"}).json()["id"]
        _all_over(server, curl)
        assert curl.post(f"/images/{gone}/delete", json={"now": True}).status_code == 200
        made = curl.post("/studio", json={"prompt": "kept through a kill", "size": "portrait"}).json()
        until(lambda: curl.get(f"/jobs/{made['job']}").json()["state"] == "running")
        server.kill()
        assert _rows(server, "SELECT state FROM jobs WHERE id = ?", made["job"]) == [("running",)]
        assert _books(server, owner)["held"] == made["cost"]
        _restart(server)
        [image] = _all_over(server, curl)
        assert (image["id"], image["state"], image["prompt"]) == (made["id"], "done", "kept through a kill")
        assert curl.get(image["picture"]).content.startswith(b"\x89PNG")
        until(lambda: _books(server, owner)["held"] == 0)
        assert _books(server, owner)["spent"] == made["cost"] + 1
        settled = "SELECT count(*) FROM credit_transfers WHERE about = ? AND reason <> 'hold'"
        assert _rows(server, settled, made["job"]) == [(1,)]
        assert curl.get(f"/images/{gone}", headers=JSON).status_code == 404
        assert curl.post(used, json={}).status_code == 410


@pytest.mark.parametrize("seed", [1, *(pytest.param(more, marks=pytest.mark.sweep) for more in range(2, 8))])
def test_kills_at_any_moment_lose_nothing_acknowledged(tmp_path: Path, seed: int) -> None:
    """Six wishes at once, some deleted again, killed in the middle, restarted: acknowledged images are there
    and done, acknowledged deletions stay, credits are settled once each and none is lost or made."""
    chance = random.Random(seed)
    with live(tmp_path) as server, server.visitor() as curl:
        owner = server.sign_up(curl, "ada@example.org")
        cookies = dict(curl.cookies)
        kept: set[str] = set()
        deleted: set[str] = set()
        answered: list[int] = []

        def act(number: int) -> None:
            try:
                with server.visitor(cookies=cookies) as own:
                    reply = own.post("/studio", json={"prompt": f"wish {number}", "size": "sketch"})
                    answered.append(reply.status_code)
                    if reply.status_code != 201:
                        return
                    image = reply.json()["id"]
                    kept.add(image)
                    if number % 3 == 0:
                        kept.discard(image)  # from the attempt on it may be gone; acknowledged, it must be
                        if own.post(f"/images/{image}/delete", json={"now": True}).status_code == 200:
                            deleted.add(image)
            except httpx.TransportError:
                return  # killed before it answered: nothing was acknowledged

        for _ in range(2):
            with ThreadPoolExecutor(6) as threads:
                before = len(answered)
                acts = [threads.submit(act, number) for number in range(6)]
                some = before + chance.randint(1, 4)
                until(lambda some=some: len(answered) >= some)
                time.sleep(chance.uniform(0, 0.3))
                server.kill()
            for each in acts:
                each.result()
            _restart(server)
        images = {image["id"]: image["state"] for image in _all_over(server, curl)}
        assert set(answered) == {201}
        assert kept <= images.keys()
        assert not deleted & images.keys()
        assert set(images.values()) <= {"done"}
        done = len(images)
        finished = "SELECT count(*) FROM jobs WHERE owner = ? AND state = 'done'"
        assert _rows(server, finished, owner) == [(done,)]
        # A hold whose wish was never answered is given back later (by age); whatever is over is settled now.
        books = until(lambda: found if (found := _books(server, owner))["spent"] >= done else None)
        assert books["available"] + books["held"] + books["spent"] == -books["granted"] == 100
        settled = Counter(
            about
            for (about,) in _rows(
                server,
                "SELECT about FROM credit_transfers WHERE owner = ? AND reason IN ('posted', 'given_back')",
                owner,
            )
        )
        assert all(count == 1 for count in settled.values())
