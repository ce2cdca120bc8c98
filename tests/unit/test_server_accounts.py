"""Coming in, through HTTP on real parts: the age gate, mailed links, terms, sessions."""

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
from tests.support.server import JSON, clock_of, mail_of, make_app, sign_up, visit

from gptimage_core.clock import DAY, HOUR, MINUTE
from gptimage_core.store import subjects
from gptimage_core.store.ledger import NegativeLedger
from gptimage_server.features.accounts.sweep import sweep

Client = AsyncTestClient[Litestar]
ADULT = {"day": 4, "month": 2, "year": 1990, "country": "NL"}
CHILD = {"day": 2, "month": 10, "year": 2010, "country": "NL"}
PAGE = {"accept": "text/html"}


def run(home: Path, walk: Callable[[Client], Awaitable[Any]], **settings: Any) -> Litestar:
    """Walk through one app; what is in its memory can be looked at afterwards."""
    app = make_app(home, **settings)

    async def whole() -> None:
        async with visit(app) as client:
            await walk(client)

    asyncio.run(whole())
    return app


def rows(home: Path, sql: str) -> list[tuple[Any, ...]]:
    with sqlite3.connect(home / "data" / "gptimage.sqlite") as connection:
        return connection.execute(sql).fetchall()


def everything_stored(home: Path) -> bytes:
    return b"".join(file.read_bytes() for file in home.rglob("*") if file.is_file())


async def mailed_link(client: Client, email: str = "ada@example.org") -> str:
    assert (await client.post("/start", json=ADULT)).status_code == 200
    assert (await client.post("/signin", json={"email": email})).status_code == 202
    return re.findall(r"/link/\S+", mail_of(client.app))[-1]


def test_somebody_comes_in_and_goes_out(tmp_path: Path) -> None:
    """Age, address, link, terms, out: each step answers what comes next, and the address is stored sealed."""

    async def walk(client: Client) -> None:
        person = await sign_up(client, "Ada@Example.org")
        me = (await client.get("/me", headers=JSON)).json()
        assert me["id"] == person
        assert (me["email"], me["country"], me["terms_accepted"]) == ("Ada@example.org", "NL", True)
        assert (await client.post("/signout", json={})).json()["state"] == "signed_out"
        assert (await client.get("/me", headers=JSON)).status_code == 401

    run(tmp_path, walk)
    assert b"example.org" not in everything_stored(tmp_path)
    assert rows(tmp_path, "SELECT count(*) FROM sessions") == [(0,)]
    assert [kind for (kind,) in rows(tmp_path, "SELECT kind FROM security_events")] == [
        "signed_in",
        "signed_out",
    ]


def test_a_child_leaves_nothing_but_a_block(tmp_path: Path) -> None:
    """S40: no table but `age_blocks` gains a row that tells of the child; no date, country or address."""

    async def walk(client: Client) -> None:
        reply = await client.post("/start", data={k: str(v) for k, v in CHILD.items()}, headers=PAGE)
        assert reply.status_code == 403
        assert "a little too early" in reply.text
        assert "gp_gate" not in client.cookies
        assert client.cookies["gp_young"]
        for again in (ADULT, CHILD):
            assert (await client.post("/start", json=again)).json() == {"state": "turned_away"}
        assert (await client.get("/start", headers=JSON)).status_code == 403
        assert (await client.post("/signin", json={"email": "kid@example.org"})).status_code == 403

    run(tmp_path, walk)
    assert rows(tmp_path, "SELECT count(*) FROM age_blocks") == [(1,)]
    for table in ("accounts", "sign_in_links", "sessions", "security_events", "gp_subject_state"):
        assert rows(tmp_path, f"SELECT count(*) FROM {table}") == [(0,)]
    stored = everything_stored(tmp_path)
    assert b"2010-10" not in stored
    assert b"kid@" not in stored


def test_the_block_expires(tmp_path: Path) -> None:
    """S40, X7: after twelve months the browser is asked again."""

    async def walk(client: Client) -> None:
        await client.post("/start", json=CHILD)
        clock_of(client.app).advance(364 * DAY)
        assert (await client.post("/start", json=ADULT)).status_code == 403
        clock_of(client.app).advance(2 * DAY)
        assert (await client.post("/start", json=ADULT)).status_code == 200

    run(tmp_path, walk)


def test_a_turned_away_browser_cannot_use_a_link(tmp_path: Path) -> None:
    """S40: the block stands on every way in, a link from elsewhere too, and the link is not used up by it."""

    async def walk(client: Client) -> None:
        link = await mailed_link(client)
        client.cookies.clear()
        await client.post("/start", json=CHILD)
        assert (await client.post(link, json={})).status_code == 403
        client.cookies.clear()
        assert (await client.post(link, json={})).status_code == 200

    run(tmp_path, walk)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({**ADULT, "day": 30}, "day"),
        ({**ADULT, "year": 2031}, "year"),
        ({**ADULT, "year": 1880}, "year"),
        ({**ADULT, "month": 13}, "month"),
        ({**ADULT, "country": "XX"}, "country"),
        ({**ADULT, "day": "04"}, "day"),
        ({"day": 4, "month": 2, "country": ""}, "year"),
        ({**ADULT, "role": "admin"}, "role"),
    ],
)
def test_a_date_that_cannot_be_is_asked_again(tmp_path: Path, body: dict[str, Any], field: str) -> None:
    """Implausible dates and unknown fields are refused by name, and leave neither a block nor a passage."""

    async def walk(client: Client) -> None:
        reply = await client.post("/start", json=body)
        assert reply.status_code == 422
        assert [error["field"] for error in reply.json()["errors"]] == [field]
        assert not client.cookies

    run(tmp_path, walk)
    assert rows(tmp_path, "SELECT count(*) FROM age_blocks") == [(0,)]


def test_no_address_is_asked_before_the_age(tmp_path: Path) -> None:
    """S3, S40: without the gate's cookie, or with one that was touched, no address is taken."""

    async def walk(client: Client) -> None:
        assert (await client.post("/signin", json={"email": "ada@example.org"})).status_code == 403
        reply = await client.get("/signin", headers=PAGE, follow_redirects=False)
        assert (reply.status_code, reply.headers["location"]) == (303, "/start")
        await client.post("/start", json=ADULT)
        value = client.cookies["gp_gate"]
        client.cookies.clear()
        client.cookies.set("gp_gate", value[:-2] + ("AA" if value[-2:] != "AA" else "BB"))
        assert (await client.post("/signin", json={"email": "ada@example.org"})).status_code == 403

    app = run(tmp_path, walk)
    assert mail_of(app) == ""


def test_opening_a_link_changes_nothing_and_using_it_works_once(tmp_path: Path) -> None:
    """S18: GET any number of times; the first POST signs in, every later one finds the link dead."""

    async def walk(client: Client) -> None:
        link = await mailed_link(client)
        for _ in range(3):
            page = await client.get(link, headers=PAGE)
            assert page.status_code == 200
            assert "ada@example.org" in page.text
        assert (await client.post(link, json={})).json() == {"state": "signed_in", "next": "/welcome"}
        assert (await client.post(link, json={})).status_code == 410
        assert (await client.get(link, headers=PAGE)).status_code == 410

    run(tmp_path, walk)


def test_of_racing_uses_exactly_one_wins(tmp_path: Path) -> None:
    """S18, INVARIANT (link-once): sixteen at once, one session, one account, one entry in the ledger."""

    async def walk(client: Client) -> None:
        for turn in range(3):
            link = await mailed_link(client, f"racer{turn}@example.org")
            replies = await asyncio.gather(*(client.post(link, json={}) for _ in range(16)))
            assert sorted(reply.status_code for reply in replies) == [200] + [410] * 15

    run(tmp_path, walk)
    assert rows(tmp_path, "SELECT count(*) FROM sessions") == [(3,)]
    ledger = NegativeLedger(tmp_path / "ledger" / "negative.jsonl")
    assert [entry.kind for entry in ledger.since(0)] == ["token_used"] * 3
    ledger.close()


def test_two_links_for_one_new_address_open_one_account(tmp_path: Path) -> None:
    """INVARIANT (one-address-one-account): racing first sign-ins by different links meet in one account."""

    async def walk(client: Client) -> None:
        found = [await mailed_link(client, "Ada@example.org"), await mailed_link(client, "ada@EXAMPLE.org")]
        replies = await asyncio.gather(*(client.post(link, json={}) for link in found))
        assert [reply.status_code for reply in replies] == [200, 200]

    run(tmp_path, walk)
    assert rows(tmp_path, "SELECT count(DISTINCT owner) FROM sessions") == [(1,)]
    assert rows(tmp_path, "SELECT count(*) FROM accounts") == [(1,)]


def test_a_link_dies_after_its_minutes(tmp_path: Path) -> None:
    """S18: 15 minutes as the policy says, to the microsecond."""

    async def walk(client: Client) -> None:
        link = await mailed_link(client)
        clock_of(client.app).advance(15 * MINUTE - 1)
        assert (await client.get(link, headers=JSON)).status_code == 200
        clock_of(client.app).advance(1)
        assert (await client.get(link, headers=JSON)).status_code == 410
        assert (await client.post(link, json={})).status_code == 410

    run(tmp_path, walk)


def test_a_restored_backup_does_not_make_a_used_link_or_an_ended_session_new(tmp_path: Path) -> None:
    """X8, S33: the database goes back to before the use and the sign-out; the ledger replays both."""
    kept: dict[str, Any] = {}

    def copy_of_the_data() -> None:
        with sqlite3.connect(tmp_path / "data" / "gptimage.sqlite") as here:
            backup = sqlite3.connect(tmp_path / "backup.sqlite")
            here.backup(backup)
            backup.close()

    async def before(client: Client) -> None:
        await sign_up(client)
        kept["session"] = client.cookies["gp_session"]
        kept["link"] = await mailed_link(client, "grace@example.org")
        copy_of_the_data()
        assert (await client.post("/signout", json={})).status_code == 200
        assert (await client.post(kept["link"], json={})).status_code == 200

    run(tmp_path, before)
    for leftover in (tmp_path / "data").iterdir():
        leftover.unlink()
    (tmp_path / "backup.sqlite").rename(tmp_path / "data" / "gptimage.sqlite")

    async def after(client: Client) -> None:
        assert (await client.post(kept["link"], json={})).status_code == 410
        client.cookies.set("gp_session", kept["session"])
        assert (await client.get("/me", headers=JSON)).status_code == 401

    run(tmp_path, after)


def test_a_session_ends_when_the_policy_says(tmp_path: Path) -> None:
    """S15: 14 days; then the cookie opens nothing."""

    async def walk(client: Client) -> None:
        await sign_up(client)
        clock_of(client.app).advance(14 * DAY - 1)
        assert (await client.get("/me", headers=JSON)).status_code == 200
        clock_of(client.app).advance(1)
        assert (await client.get("/me", headers=JSON)).status_code == 401

    run(tmp_path, walk)


def test_the_answer_does_not_tell_whether_an_address_is_known(tmp_path: Path) -> None:
    """Known or not: the same bytes, the same kind of row, a mail each."""

    async def walk(client: Client) -> None:
        await sign_up(client)
        client.cookies.clear()
        await client.post("/start", json=ADULT)
        known = await client.post("/signin", json={"email": "ada@example.org"})
        unknown = await client.post("/signin", json={"email": "nobody@example.org"})
        assert (known.status_code, known.content) == (unknown.status_code, unknown.content)

    app = run(tmp_path, walk)
    assert mail_of(app).count("Subject: Your sign-in link") == 3


def test_an_old_passage_signs_in_and_opens_no_new_account(tmp_path: Path) -> None:
    """S40: a shared browser that came through the gate long ago opens no account for who sits there now."""

    async def walk(client: Client) -> None:
        person = await sign_up(client)
        await client.post("/signout", json={})
        clock_of(client.app).advance(2 * HOUR)
        await client.post("/signin", json={"email": "ada@example.org"})
        link = re.findall(r"/link/\S+", mail_of(client.app))[-1]
        assert (await client.post(link, json={})).status_code == 200
        assert (await client.get("/me", headers=JSON)).json()["id"] == person
        await client.post("/signout", json={})
        await client.post("/signin", json={"email": "sibling@example.org"})
        link = re.findall(r"/link/\S+", mail_of(client.app))[-1]
        assert (await client.post(link, json={})).status_code == 403

    run(tmp_path, walk)
    assert rows(tmp_path, "SELECT count(*) FROM accounts") == [(1,)]


def test_accepting_the_terms_switches_no_consent(tmp_path: Path) -> None:
    """S1, X13: two records, of the terms and of the notice; no consent row, no consent event."""

    async def walk(client: Client) -> None:
        await sign_up(client)
        assert (await client.post("/welcome", json={"accept": True})).status_code == 200

    run(tmp_path, walk)
    assert rows(tmp_path, "SELECT count(*), max(terms) FROM acceptances") == [(1, "terms-1")]
    assert rows(tmp_path, "SELECT count(*), max(policy_version) FROM notices_shown") == [(1, 1)]
    assert rows(tmp_path, "SELECT count(*) FROM gp_consent_state WHERE given = 1") == [(0,)]
    assert rows(tmp_path, "SELECT count(*) FROM gp_consent_event") == [(0,)]


@pytest.mark.parametrize("body", [{"accept": False}, {}, {"accept": "yes please"}])
def test_terms_are_accepted_by_saying_so(tmp_path: Path, body: dict[str, Any]) -> None:
    """Without the tick nothing is taken down."""

    async def walk(client: Client) -> None:
        await sign_up(client, accept=False)
        assert (await client.post("/welcome", json=body)).status_code == 422

    run(tmp_path, walk)
    assert rows(tmp_path, "SELECT count(*) FROM acceptances") == [(0,)]


def test_links_are_limited_by_address_and_by_origin(tmp_path: Path) -> None:
    """S15: five an hour to one address, more from one place; the refusal says how long to wait."""

    async def walk(client: Client) -> None:
        await client.post("/start", json=ADULT)
        for _ in range(5):
            assert (await client.post("/signin", json={"email": "ada@example.org"})).status_code == 202
        late = await client.post("/signin", json={"email": "ADA@example.org"})
        assert late.status_code == 429
        assert 0 < int(late.headers["retry-after"]) <= 3600
        for number in range(2):
            assert (await client.post("/signin", json={"email": f"b{number}@c.example"})).status_code == 202
        assert (await client.post("/signin", json={"email": "b3@c.example"})).status_code == 429
        clock_of(client.app).advance(HOUR)
        await client.post("/start", json=ADULT)
        assert (await client.post("/signin", json={"email": "ada@example.org"})).status_code == 202

    run(tmp_path, walk, links_per_email_hour=5, links_per_address_hour=8)


def test_the_mail_is_essential_and_nothing_else(tmp_path: Path) -> None:
    """S18: the link, how long it works, the contact; no promotion, no picture, no other address."""

    async def walk(client: Client) -> None:
        await mailed_link(client)

    app = run(tmp_path, walk)
    text = mail_of(app)
    assert "works once" in text
    assert "15 minutes" in text
    assert set(re.findall(r"https?://[^/\s]+", text)) == {"http://127.0.0.1:8000"}
    assert not re.search(r"new feature|try |offer|discount|upgrade|credit", text, re.IGNORECASE)


def test_the_sweep_clears_what_is_over_and_nothing_else(tmp_path: Path) -> None:
    """S15, S18, S40: links after 24 hours, sessions after 14 days, blocks after 12 months; to the instant."""

    async def walk(client: Client) -> None:
        services, clock = client.app.state.services, clock_of(client.app)
        await client.post("/start", json=CHILD)
        await sign_up(client)
        began = clock.now()

        async def left() -> list[int]:
            await sweep(services)
            tables = ("sign_in_links", "sessions", "age_blocks")
            return [rows(tmp_path, f"SELECT count(*) FROM {table}")[0][0] for table in tables]

        clock.at = began + DAY - 1
        assert await left() == [1, 1, 1]
        clock.at = began + DAY
        assert await left() == [0, 1, 1]
        clock.at = began + 14 * DAY - 1
        assert await left() == [0, 1, 1]
        clock.at = began + 14 * DAY
        assert await left() == [0, 0, 1]
        clock.at = began + 365 * DAY - 1
        assert await left() == [0, 0, 1]
        clock.at = began + 365 * DAY
        assert await left() == [0, 0, 0]

    run(tmp_path, walk)


def test_restriction_and_objection_lock_nobody_out(tmp_path: Path) -> None:
    """X10: whoever restricted processing or objected to an interest of ours still comes in and goes out."""

    async def walk(client: Client) -> None:
        services = client.app.state.services
        person = await sign_up(client)
        now = services.now()

        def decide(connection: sqlite3.Connection) -> None:
            subjects.restrict(connection, services.ledger, "main", person, now)
            subjects.object_to(connection, services.ledger, "main", person, "secure_service", now)

        await services.database.write(decide)
        assert (await client.get("/me", headers=JSON)).json()["email"] == "ada@example.org"
        assert (await client.post("/signout", json={})).status_code == 200
        assert await sign_up(client) == person

    run(tmp_path, walk)


def test_a_deleted_person_is_signed_out_everywhere_and_comes_back_as_somebody_new(tmp_path: Path) -> None:
    """S32: from the tombstone on no session opens, and the address is free: it opens another account."""

    async def walk(client: Client) -> None:
        services = client.app.state.services
        person = await sign_up(client)
        now = services.now()
        await services.database.write(
            lambda connection: subjects.delete(connection, services.ledger, "main", person, now)
        )
        assert (await client.get("/me", headers=JSON)).status_code == 401
        assert rows(tmp_path, "SELECT count(*) FROM gp_subject_state WHERE deleted = 0") == [(0,)]
        assert rows(tmp_path, "SELECT state, email_hash, age_outcome, country FROM accounts") == [
            ("deleted", "", "", None)
        ]
        assert await sign_up(client) != person

    run(tmp_path, walk)
