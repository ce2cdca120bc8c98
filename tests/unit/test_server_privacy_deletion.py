"""The end of an account on real parts: at once, whole, resumed after a crash, honest about what stays."""

from __future__ import annotations

import asyncio
import io
import sqlite3
import zipfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from litestar import Litestar
from litestar.testing import AsyncTestClient
from tests.support.server import JSON, POLICY, clock_of, make_app, sign_up, visit

from gptimage_core.clock import DAY, from_iso
from gptimage_core.decision.model import Actor
from gptimage_core.errors import StoreError
from gptimage_core.policy.timeline import load_timeline
from gptimage_core.ports.keys import KeyState
from gptimage_server.features.privacy import deletion, exports
from gptimage_server.tables import TABLES, Account

Client = AsyncTestClient[Litestar]
CONFIRM = {"confirm": "delete"}
STAY = {"accounts", "acceptances", "notices_shown", "requests", "security_events"}
OWNED = [table._meta.tablename for table in TABLES if "owner" in {c._meta.name for c in table._meta.columns}]


def run(home: Path, walk: Callable[[Client], Awaitable[None]]) -> None:
    async def go() -> None:
        async with visit(make_app(home)) as client:
            await walk(client)

    asyncio.run(go())


def rows(home: Path, sql: str, *values: Any) -> list[tuple[Any, ...]]:
    with sqlite3.connect(next(home.rglob("*.sqlite"))) as connection:
        return connection.execute(sql, values).fetchall()


def files(home: Path) -> set[str]:
    """The names of all blobs."""
    return {path.name for path in (home / "blobs").rglob("*") if path.is_file()}


async def with_export(client: Client) -> str:
    """Somebody with an archive and credits: rows and a blob, quickly."""
    person = await sign_up(client)
    assert (await client.post("/account/export", json={})).status_code == 201
    return person


async def with_content(client: Client, email: str = "ada@example.org") -> str:
    """Somebody with an image, an export and a consent."""
    person = await sign_up(client, email)
    made = (await client.post("/studio", json={"prompt": f"a canary for {email}"})).json()
    for _ in range(200):
        if (await client.get(f"/images/{made['id']}", headers=JSON)).json()["state"] == "done":
            break
        await asyncio.sleep(0.02)
    else:
        pytest.fail("the image was not made in four seconds")
    assert (await client.post("/account/export", json={})).status_code == 201
    await client.post("/account/consents", json={"name": "model_training", "on": True})
    return person


def left(home: Path, person: str) -> dict[str, int]:
    """Per table, the rows of the person that are left."""
    found = {}
    for table in OWNED:
        (count,) = rows(home, f"SELECT count(*) FROM {table} WHERE owner = ?", person)[0]
        if count:
            found[table] = count
    return found


def test_a_deleted_account_is_gone_at_once_and_nobody_elses(tmp_path: Path) -> None:
    """S30, S32, X1: with credits unspent and one word typed; rows, blobs and keys go, what the law keeps
    stays and has ended, every session is out, the consent is off, the other person has everything."""

    async def walk(client: Client) -> None:
        services = client.app.state.services
        other = await with_content(client, "ben@example.org")
        theirs, before = files(tmp_path), left(tmp_path, other)
        ada = await with_content(client)
        preview = (await client.get("/account/delete", headers=JSON)).json()
        assert preview["images"] == 1
        assert preview["credits"] > 0
        reply = await client.post("/account/delete", json=CONFIRM)
        assert reply.status_code == 200
        assert (await client.get("/account", headers=JSON)).status_code == 401
        assert set(left(tmp_path, ada)) <= STAY
        assert files(tmp_path) == theirs
        assert services.vault.state("main", ada) is KeyState.ERASED
        for table in set(left(tmp_path, ada)):
            assert rows(
                tmp_path, f"SELECT count(*) FROM {table} WHERE owner = ? AND keep_ended IS NULL", ada
            )[0] == (0,)
        assert rows(tmp_path, "SELECT given FROM gp_consent_state WHERE subject = ?", ada) == [(0,)]
        assert left(tmp_path, other) == before
        assert [e.kind for e in services.ledger.since(0) if e.subject == ada] == ["account_deleted"]

    run(tmp_path, walk)


def test_the_same_address_makes_somebody_new(tmp_path: Path) -> None:
    """S32: who comes back starts from nothing, under another id, and finds no trace of before."""

    async def walk(client: Client) -> None:
        before = await with_export(client)
        await client.post("/account/consents", json={"name": "model_training", "on": True})
        await client.post("/account/delete", json=CONFIRM)
        after = await sign_up(client)
        assert after != before
        view = (await client.get("/account", headers=JSON)).json()
        assert {h["category"]: h["entries"] for h in view["held"]}.get("export_archive", 0) == 0
        assert before not in str(view)
        choices = (await client.get("/account/consents", headers=JSON)).json()
        assert not any(choice["given"] for choice in choices["choices"])
        assert choices["history"] == []

    run(tmp_path, walk)


@pytest.mark.parametrize(
    "form", [{}, {"confirm": ""}, {"confirm": "yes"}, {"confirm": "delete", "more": "1"}]
)
def test_nothing_is_deleted_without_the_word(tmp_path: Path, form: dict[str, str]) -> None:
    """A slip of the hand deletes nothing, and the page says what to type; case and spaces do not matter."""

    async def walk(client: Client) -> None:
        person = await sign_up(client)
        assert (await client.post("/account/delete", json=form)).status_code == 422
        reply = await client.post("/account/delete", data=form, headers={"accept": "text/html"})
        assert reply.status_code == 422
        assert "error-summary" in reply.text
        assert left(tmp_path, person)["accounts"] == 1
        assert (await client.post("/account/delete", json={"confirm": " Delete "})).status_code == 200

    run(tmp_path, walk)


STEPS = ["keys", "blobs", "rows"]


@pytest.mark.parametrize("step", STEPS)
def test_an_erasure_that_was_cut_off_goes_on_at_the_next_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """S32, X8: whatever fails at any step, the person is unreadable and signed out at once, and the next
    start ends the erasure by the same way."""

    def die(*_: Any, **__: Any) -> Any:
        raise StoreError("the disk is gone")

    async def before(client: Client) -> None:
        services = client.app.state.services
        person = await with_export(client)
        with monkeypatch.context() as patch:
            if step == "keys":
                patch.setattr(services.vault, "destroy_person", die)
            elif step == "blobs":
                patch.setattr(services.blobs, "delete", die)
            else:
                patch.setattr(deletion, "_delete", die)
            assert (await client.post("/account/delete", json=CONFIRM)).status_code == 200
        assert set(left(tmp_path, person)) - STAY
        assert (await client.get("/account", headers=JSON)).status_code == 401

    async def after(client: Client) -> None:
        services = client.app.state.services
        ((person,),) = rows(tmp_path, "SELECT subject FROM gp_subject_state WHERE deleted = 1")
        for _ in range(100):
            if not files(tmp_path) and not set(left(tmp_path, person)) - STAY:
                break
            await asyncio.sleep(0.02)
        assert set(left(tmp_path, person)) <= STAY
        assert files(tmp_path) == set()
        assert services.vault.state("main", person) is KeyState.ERASED
        assert await deletion.resume(services) == 0

    run(tmp_path, before)
    run(tmp_path, after)


def test_the_address_stays_thirty_days_for_the_answer_and_then_goes(tmp_path: Path) -> None:
    """S30: sealed under a key of its own it can be read for the answer until the policy's day, by that rule
    alone; then the key and the row go."""
    ceiling = load_timeline(POLICY).versions[0].document.category["account_email"].gone_after
    assert ceiling is not None

    async def walk(client: Client) -> None:
        services, clock = client.app.state.services, clock_of(client.app)
        person = await sign_up(client)
        done = (await client.post("/account/delete", json=CONFIRM)).json()
        assert done["address_until"] == ceiling.after(done["deleted_at"])
        clock.advance(done["address_until"] - DAY - clock.now())
        await deletion.resume(services)
        async with services.guard.access(Actor.service("answers"), purpose="honour_rights", about=person):
            row = await Account.select(Account.email).where(Account.id == person).first()
        assert row == {"email": "ada@example.org"}
        async with services.guard.access(Actor.service("mailer"), purpose="communicate", about=person):
            assert await Account.select(Account.id).where(Account.id == person).first() is None
        clock.advance(done["address_until"] - clock.now())
        await deletion.resume(services)
        assert rows(tmp_path, "SELECT count(*) FROM accounts") == [(0,)]
        assert services.vault.state("main", person, retention="account_email") is KeyState.ERASED

    run(tmp_path, walk)


def test_an_export_waits_a_week_and_goes(tmp_path: Path) -> None:
    """S36: the archive is there until its day, then its bytes and its row are gone; removing it early does
    the same at once."""

    async def walk(client: Client) -> None:
        services, clock = client.app.state.services, clock_of(client.app)
        await sign_up(client)
        view = (await client.post("/account/export", json={})).json()
        (archive,) = view["archives"]
        assert archive["until"] == services.span("export_life").after(archive["made_at"])
        second = (await client.post("/account/export", json={})).json()["archives"]
        other = next(each["id"] for each in second if each["id"] != archive["id"])
        assert (await client.post(f"/account/export/{other}/remove", json={})).status_code == 200
        assert len(files(tmp_path)) == 1
        clock.advance(archive["until"] - 1 - clock.now())
        assert await exports.sweep(services) == 0
        clock.advance(archive["until"] - clock.now())
        assert await exports.sweep(services) == 1
        assert files(tmp_path) == set()
        assert rows(tmp_path, "SELECT count(*) FROM exports") == [(0,)]

    run(tmp_path, walk)


def test_deleting_an_image_takes_the_archives_along_that_hold_it(tmp_path: Path) -> None:
    """S32: a copy in an archive does not outlive the image: it is unreadable with the deletion, its bytes go
    with the next sweep, and an archive made afterwards has nothing of it."""

    async def walk(client: Client) -> None:
        services = client.app.state.services
        person = await with_content(client)
        ((image,),) = rows(tmp_path, "SELECT id FROM images WHERE owner = ?", person)
        assert len(files(tmp_path)) == 3
        (archive,) = (await client.get("/account/export", headers=JSON)).json()["archives"]
        assert (await client.post(f"/images/{image}/delete", json={"now": True})).status_code == 200
        assert (await client.get("/account/export", headers=JSON)).json()["archives"] == []
        assert (await client.get(f"/account/export/{archive['id']}", headers=JSON)).status_code == 404
        await exports.sweep(services)
        assert files(tmp_path) == set()
        (after,) = (await client.post("/account/export", json={})).json()["archives"]
        content = (await client.get(f"/account/export/{after['id']}")).content
        names = zipfile.ZipFile(io.BytesIO(content)).namelist()
        assert not [name for name in names if name.startswith("files/") or name == "data/images.json"]

    run(tmp_path, walk)


def test_taking_a_copy_away_asks_for_a_fresh_sign_in_and_leads_back(tmp_path: Path) -> None:
    """S36: after ten minutes neither making nor fetching works, for programs and browsers, until a mailed
    link was used; the link leads back to the page. Looking works all the time."""

    async def walk(client: Client) -> None:
        from tests.support.server import mail_of

        services, clock = client.app.state.services, clock_of(client.app)
        await sign_up(client)
        (archive,) = (await client.post("/account/export", json={})).json()["archives"]
        path = f"/account/export/{archive['id']}"
        clock.advance(services.span("export_sign_in").microseconds)
        for reply in (await client.post("/account/export", json={}), await client.get(path, headers=JSON)):
            assert reply.status_code == 403
            assert "Sign in again" in reply.json()["detail"]
        page = await client.get(path, headers={"accept": "text/html"})
        assert page.status_code == 403
        assert "Mail me a link" in page.text
        assert (await client.get("/account/export", headers=JSON)).json()["fresh"] is False
        form = {"email": "ada@example.org", "then": "/account/export"}
        assert (await client.post("/signin", data=form)).status_code == 202
        link = mail_of(client.app).split("/link/")[-1].split()[0]
        back = await client.post(f"/link/{link}", data={}, follow_redirects=False)
        assert (back.status_code, back.headers["location"]) == (303, "/account/export")
        assert (await client.get(path)).status_code == 200
        elsewhere = {"email": "ada@example.org", "then": "https://evil.example"}
        assert (await client.post("/signin", json=elsewhere)).status_code == 422

    run(tmp_path, walk)


def test_the_rule_asks_for_the_fresh_sign_in_and_not_only_the_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """S36: with the page's own look switched off, the policy refuses, with a denial that has an id."""
    monkeypatch.setattr(exports, "is_fresh", lambda *_: True)

    async def walk(client: Client) -> None:
        services, clock = client.app.state.services, clock_of(client.app)
        await sign_up(client)
        (archive,) = (await client.post("/account/export", json={})).json()["archives"]
        clock.advance(services.span("export_sign_in").microseconds + 1)
        for reply in (
            await client.post("/account/export", json={}),
            await client.get(f"/account/export/{archive['id']}", headers=JSON),
        ):
            assert reply.status_code == 403
            assert reply.json()["denial_id"]
        assert len(files(tmp_path)) == 1

    run(tmp_path, walk)


def test_a_foreign_archive_is_a_missing_one(tmp_path: Path) -> None:
    """S7: the same answer for somebody else's archive and for none, for fetching and for removing."""

    async def walk(client: Client) -> None:
        await sign_up(client, "ben@example.org")
        (archive,) = (await client.post("/account/export", json={})).json()["archives"]
        await sign_up(client)
        for id_ in (archive["id"], "nothing"):
            assert (await client.get(f"/account/export/{id_}", headers=JSON)).status_code == 404
            assert (await client.post(f"/account/export/{id_}/remove", json={})).status_code == 404
        assert len(files(tmp_path)) == 1

    run(tmp_path, walk)


def test_the_dates_on_the_last_page_are_the_policys(tmp_path: Path) -> None:
    """S30, S32: the page names the day the address goes and the day the last copy is unreadable."""

    async def walk(client: Client) -> None:
        await sign_up(client)
        reply = await client.post("/account/delete", data=CONFIRM, headers={"accept": "text/html"})
        assert reply.status_code == 200
        assert "Your account is deleted" in reply.text
        assert "31 October 2026" in reply.text  # 30 days after the 1st
        assert 'href="/start"' in reply.text  # the head knows that nobody is signed in

    run(tmp_path, walk)
    assert from_iso("2026-10-31T12:00:00Z") - from_iso("2026-10-01T12:00:00Z") == 30 * DAY


@pytest.mark.parametrize("head_start", [0.0, 0.02, 0.05, 0.1])
def test_an_export_that_races_the_deletion_leaves_nothing(tmp_path: Path, head_start: float) -> None:
    """S32: whichever comes first, in the end there is no archive, no row of one, and no key to open it."""

    async def walk(client: Client) -> None:
        services = client.app.state.services
        person = await sign_up(client)

        async def late() -> int:
            await asyncio.sleep(head_start)
            return (await client.post("/account/delete", json=CONFIRM)).status_code

        made, deleted = await asyncio.gather(client.post("/account/export", json={}), late())
        assert deleted == 200
        assert made.status_code in (201, 401, 403, 404)
        await deletion.resume(services)
        assert files(tmp_path) == set()
        assert "exports" not in left(tmp_path, person)
        assert services.vault.state("main", person) is KeyState.ERASED

    run(tmp_path, walk)
