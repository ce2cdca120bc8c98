"""The account's controls on real parts: consents, objections, restriction, country, sign-ins (S37, S38)."""

from __future__ import annotations

import asyncio
import io
import json
import sqlite3
import zipfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from litestar import Litestar
from litestar.testing import AsyncTestClient
from tests.support.server import JSON, POLICY, clock_of, make_app, sign_up, visit

from gptimage_core.clock import MINUTE
from gptimage_core.policy.timeline import load_timeline
from gptimage_core.store import subjects
from gptimage_core.store.ledger import NegativeLedger

Client = AsyncTestClient[Litestar]
PAGE = {"accept": "text/html"}
RIGHTS = ("/account", "/account/consents", "/account/export", "/account/object", "/account/restrict")


def run(home: Path, walk: Callable[[Client], Awaitable[None]]) -> None:
    async def go() -> None:
        async with visit(make_app(home)) as client:
            await walk(client)

    asyncio.run(go())


def rows(home: Path, sql: str, *values: Any) -> list[tuple[Any, ...]]:
    with sqlite3.connect(next(home.rglob("*.sqlite"))) as connection:
        return connection.execute(sql, values).fetchall()


def ledger_of(home: Path, client: Client) -> list[str]:
    ledger: NegativeLedger = client.app.state.services.ledger
    return [entry.kind for entry in ledger.since(0)]


def test_every_right_of_the_policy_has_a_control_that_answers_or_the_contact(tmp_path: Path) -> None:
    """S38, S39: each `control` in the policy is a page of this server, as HTML and as JSON; the account page
    links them all, and names the contact where there is none."""
    document = load_timeline(POLICY).versions[0].document
    controls = {right.control for right in document.right.values() if right.control}

    async def walk(client: Client) -> None:
        await sign_up(client)
        overview = (await client.get("/account", headers=PAGE)).text
        for control in sorted(controls):
            for headers in (PAGE, JSON):
                reply = await client.get(control, headers=headers)
                assert reply.status_code == 200, control
                assert reply.headers["cache-control"] == "no-store"
            assert f'href="{control}"' in overview
        assert f"mailto:{document.controller.contact}" in overview

    run(tmp_path, walk)
    assert {*RIGHTS, "/account/delete"} == controls


def test_nobody_reaches_an_account_without_signing_in(tmp_path: Path) -> None:
    """S7: every page and every control asks who it is for."""

    async def walk(client: Client) -> None:
        for path in (*RIGHTS, "/account/delete", "/account/export/anything"):
            assert (await client.get(path, headers=JSON)).status_code == 401
        for path in (*RIGHTS[1:], "/account/delete", "/account/country", "/account/signout"):
            assert (await client.post(path, json={})).status_code == 401

    run(tmp_path, walk)


def test_rights_hold_before_any_acceptance(tmp_path: Path) -> None:
    """X10: whoever has not accepted the terms can look, choose, export and delete all the same."""

    async def walk(client: Client) -> None:
        await sign_up(client, accept=False)
        for path in RIGHTS:
            assert (await client.get(path, headers=JSON)).status_code == 200
        assert (await client.post("/account/export", json={})).status_code == 201
        assert (await client.post("/account/delete", json={"confirm": "delete"})).status_code == 200

    run(tmp_path, walk)


def test_consents_begin_off_and_each_turn_is_proved(tmp_path: Path) -> None:
    """S1, S17, S19: nothing is on after signing up; a turn names version, digest and control; a turn back is
    in the ledger first (X8); turning a switch where it stands changes nothing."""

    async def walk(client: Client) -> None:
        person = await sign_up(client)
        view = (await client.get("/account/consents", headers=JSON)).json()
        assert {c["name"]: c["given"] for c in view["choices"]} == {
            "model_training": False,
            "product_updates": False,
        }
        assert view["history"] == []
        for on in (True, True, False, False):
            form = {"name": "model_training", "on": "true" if on else "false"}
            reply = await client.post("/account/consents", data=form, follow_redirects=False, headers=PAGE)
            assert reply.status_code == 303
        version = client.app.state.services.version()
        found = rows(
            tmp_path,
            "SELECT consent, given, policy_version, digest, how FROM gp_consent_event WHERE subject = ?"
            " ORDER BY given DESC",
            person,
        )
        assert found == [
            ("model_training", given, version.number, version.digest, "the switch in the account")
            for given in (1, 0)
        ]
        assert ledger_of(tmp_path, client).count("consent_withdrawn") == 1
        records = rows(
            tmp_path,
            "SELECT actor, rules FROM gp_access_record WHERE operation = 'create' AND categories = ?",
            '["consent_record"]',
        )
        assert set(records) == {(person, '["permit.choose"]')}
        page = (await client.get("/account/consents?turned=model_training", headers=PAGE)).text
        assert 'role="switch"' in page
        assert "Switched off" in page

    run(tmp_path, walk)


@pytest.mark.parametrize(
    ("path", "form"),
    [
        ("/account/consents", {"name": "sell_everything", "on": True}),
        ("/account/object", {"name": "provide_service", "on": True}),
        ("/account/object", {"name": "nothing", "on": False}),
    ],
)
def test_a_switch_that_the_policy_does_not_have_is_not_there(
    tmp_path: Path, path: str, form: dict[str, Any]
) -> None:
    """A name of one's own is answered as missing; an unknown field and a missing one are refused."""

    async def walk(client: Client) -> None:
        await sign_up(client)
        assert (await client.post(path, json=form)).status_code == 404
        assert (await client.post(path, json={**form, "more": 1})).status_code == 422
        assert (await client.post(path, json={"name": form["name"]})).status_code == 422

    run(tmp_path, walk)


def test_objecting_binds_the_next_statement_and_can_be_taken_back(tmp_path: Path) -> None:
    """S37: only what rests on our own interest can be objected to; the objection is in the ledger (X8)."""

    async def walk(client: Client) -> None:
        person = await sign_up(client)
        view = (await client.get("/account/object", headers=JSON)).json()
        document = client.app.state.services.version().document
        assert {p["purpose"] for p in view["purposes"]} == {
            name for name, purpose in document.purpose.items() if purpose.basis == "legitimate_interest"
        }
        for on in (True, False):
            view = (await client.post("/account/object", json={"name": "improve_service", "on": on})).json()
            assert {p["purpose"]: p["objected"] for p in view["purposes"]}["improve_service"] is on
        assert ledger_of(tmp_path, client).count("objection") == 1
        assert rows(tmp_path, "SELECT objected FROM gp_objection_state WHERE subject = ?", person) == [(0,)]

    run(tmp_path, walk)


def test_rights_work_under_restriction(tmp_path: Path) -> None:
    """X10, S37: restricted, making images stops and every right of one's own goes on, the way back too."""

    async def walk(client: Client) -> None:
        await sign_up(client)
        assert (await client.post("/account/restrict", json={"on": True})).json() == {"restricted": True}
        assert (await client.post("/studio", json={"prompt": "a boat"})).status_code == 403
        for path in RIGHTS:
            assert (await client.get(path, headers=JSON)).status_code == 200
        turned = await client.post("/account/consents", json={"name": "product_updates", "on": True})
        assert turned.status_code == 200
        assert (await client.post("/account/country", json={"country": "fr"})).status_code == 200
        assert (await client.post("/account/export", json={})).status_code == 201
        assert (await client.post("/account/restrict", json={"on": False})).json() == {"restricted": False}
        assert (await client.post("/studio", json={"prompt": "a boat"})).status_code == 201
        await client.post("/account/restrict", json={"on": True})
        assert (await client.post("/account/delete", json={"confirm": "delete"})).status_code == 200

    run(tmp_path, walk)


def test_a_corrected_country_counts_everywhere(tmp_path: Path) -> None:
    """S35, S36: the row and the jurisdiction change together; taken back, it is unknown (X6); what is no
    country is refused and nothing changes."""

    async def walk(client: Client) -> None:
        person = await sign_up(client)
        for given, kept in (("de", "DE"), ("", None), ("PT", "PT")):
            assert (await client.post("/account/country", json={"country": given})).status_code == 200
            assert rows(tmp_path, "SELECT country FROM accounts WHERE id = ?", person) == [(kept,)]
            state = "SELECT jurisdiction FROM gp_subject_state WHERE subject = ?"
            assert rows(tmp_path, state, person) == [(kept,)]
        for wrong in ("XX", "Nederland"):
            assert (await client.post("/account/country", json={"country": wrong})).status_code == 422
        assert (await client.get("/account", headers=JSON)).json()["country"] == "PT"

    run(tmp_path, walk)


def test_signing_out_everywhere_ends_every_browser_for_good(tmp_path: Path) -> None:
    """S15, X8: two browsers, one button; both are out, and the ledger remembers both."""

    async def walk(client: Client) -> None:
        person = await sign_up(client)
        first = dict(client.cookies)
        clock_of(client.app).advance(MINUTE)
        assert await sign_up(client) == person
        assert len((await client.get("/account", headers=JSON)).json()["sessions"]) == 2
        assert (await client.post("/account/signout", json={})).status_code == 200
        assert (await client.get("/account", headers=JSON)).status_code == 401
        client.cookies.clear()
        client.cookies.update(first)
        assert (await client.get("/account", headers=JSON)).status_code == 401
        assert ledger_of(tmp_path, client).count("session_revoked") == 2

    run(tmp_path, walk)


def test_people_see_roles_and_purposes_and_never_an_employee(tmp_path: Path) -> None:
    """X3: staff who looked with a ticket are shown as a role with a purpose; their name is nowhere, not in
    the page and not in the export's records."""
    from gptimage_core.accesslog.records import AccessRecord

    async def walk(client: Client) -> None:
        person = await sign_up(client)
        services = client.app.state.services
        record = AccessRecord(
            id="r-1",
            at=services.now(),
            tenant="main",
            actor_kind="staff",
            actor="employee-mallory",
            purpose="secure_service",
            operation="read",
            categories=("prompt",),
            rules=("look_into_abuse",),
            digest="sha256:0",
            version=1,
            statement="SELECT",
            touched={"images": (("image-1", person), ("image-2", "somebody-else"))},
        )
        await services.guard.sink.write(record)
        view = (await client.get("/account", headers=JSON)).json()
        staff = [each for each in view["looked"] if each["who"] == "Our staff"]
        assert [(each["times"], each["did"]) for each in staff] == [(1, ["read"])]
        page = (await client.get("/account", headers=PAGE)).text
        assert "Our staff" in page
        assert "mallory" not in page + str(view)
        assert "somebody-else" not in page + str(view)
        (archive,) = (await client.post("/account/export", json={})).json()["archives"]
        found = zipfile.ZipFile(io.BytesIO((await client.get(f"/account/export/{archive['id']}")).content))
        records = json.loads(found.read("data/access_records.json"))
        assert [each["rows"] for each in records if each["who"] == "staff"] == [{"images": ["image-1"]}]
        everything = b"".join(found.read(name) for name in found.namelist())
        assert b"mallory" not in everything
        assert b"somebody-else" not in everything
        assert b"image-2" not in everything

    run(tmp_path, walk)


def test_a_tombstone_from_a_replay_ends_every_row(tmp_path: Path) -> None:
    """S33, X8: a deletion that only the ledger knows (a restored copy) ends all rows before anything is
    served, and the erasure takes them at the start."""

    async def before(client: Client) -> None:
        person = await sign_up(client)
        services = client.app.state.services
        await services.database.write(
            lambda c: subjects.delete(c, services.ledger, "main", person, services.now())
        )

    async def after(client: Client) -> None:
        await asyncio.sleep(0.2)

    run(tmp_path, before)
    run(tmp_path, after)
    assert rows(tmp_path, "SELECT count(*) FROM sessions") == [(0,)]
    assert rows(tmp_path, "SELECT state, email_hash FROM accounts") == [("deleted", "")]
    assert rows(tmp_path, "SELECT count(*) FROM acceptances WHERE keep_ended IS NULL") == [(0,)]
