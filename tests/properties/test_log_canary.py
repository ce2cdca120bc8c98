"""What people write is never in what the server writes about them: logs, records, refusals, mail, console.

Words stand in every place where a request can carry them; afterwards every trail is read as it lies on the
disk. The one thing that may name an address is the head of the mail that goes to it.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

import httpx
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from tests.support.life import Browser, House, traces_of
from tests.support.server import JSON

from gptimage_core.clock import DAY
from gptimage_core.decision.model import Actor
from gptimage_core.errors import AccessDenied
from gptimage_core.sharing.egress import Part
from gptimage_core.sharing.stored import RowRef
from gptimage_server.web.requestlog import Line

ADULT = {"day": 4, "month": 2, "year": 1990, "country": "NL"}
TRAILS = (
    "request_log",
    "gp_access_record",
    "gp_access_touch",
    "gp_denial",
    "model_events",
    "security_events",
    "sign_in_links",
    "sessions",
    "jobs",
    "exports",
)
_LETTERS = st.characters(codec="utf-8", categories=("L", "N"))
_ASCII = st.sampled_from("abcdefghijklmnopqrstuvwxyz0123456789")


class Said(NamedTuple):
    """What somebody says somewhere, and every secret they get."""

    prompt: str
    email: str
    tokens: list[str]


said = st.builds(
    lambda prompt, name: Said(f"prompt {prompt}", f"{name}@example.org", []),
    st.text(_LETTERS, min_size=16, max_size=40),
    st.text(_ASCII, min_size=16, max_size=30),
)


def test_no_trail_of_a_walk_holds_a_word_of_it() -> None:
    """S8, S10, S18, X7: prompt, address, link and session stand in no log, record, refusal or ledger."""
    house = House()

    @settings(
        max_examples=6,
        deadline=None,
        phases=(Phase.explicit, Phase.reuse, Phase.generate),
        suppress_health_check=list(HealthCheck),
    )
    @given(said)
    def walks(words: Said) -> None:
        house.console.seek(0)
        house.console.truncate()
        _walk(house, words)
        house.settle()
        _read_the_trails(house, words)

    try:
        walks()
    finally:
        house.end()


def _walk(house: House, words: Said) -> None:
    """In by the front door, through everything that works and everything that is refused."""
    browser = Browser(house)
    browser.post("/start", ADULT)
    assert browser.post("/signin", {"email": words.email}).status_code == 202
    link = re.findall(r"/link/\S+", house._mail.getvalue())[-1]
    words.tokens.append(link.removeprefix("/link/"))
    assert browser.get(link).status_code == 200
    assert browser.post(link).status_code == 200
    assert browser.post(link).status_code == 410
    words.tokens.append(browser.token)
    assert browser.post("/welcome", {"accept": True}).status_code == 200

    wish: dict[str, Any] = {"prompt": words.prompt, "size": "sketch"}
    _in_every_place(house, browser, words)
    for wrong in ({"style": words.prompt}, {"size": words.email}, {words.prompt: 1}, {"seed": words.prompt}):
        assert browser.post("/studio", {**wish, **wrong}).status_code in (400, 422)
    assert browser.post("/studio", {**wish, "prompt": words.prompt * 3000}).status_code in (413, 422)

    house.spy.fails = True  # a provider whose error quotes the prompt (S10)
    failed = browser.post("/studio", wish).json()
    house.run_jobs()
    house.spy.fails = False
    image = browser.post("/studio", wish).json()
    house.run_jobs()
    assert browser.get(f"/images/{image['id']}").json()["state"] == "done"
    assert browser.get(f"/images/{failed['id']}").json()["state"] == "failed"
    _refused(house, image["id"], words)

    assert browser.post("/account/consents", {"name": words.prompt, "on": True}).status_code == 404
    assert browser.post("/account/export").status_code == 201
    house.clock.advance(DAY)
    assert browser.post("/account/export").status_code == 403
    assert browser.post(f"/images/{failed['id']}/delete", {"now": True}).status_code == 200
    browser.post("/account/delete", {"confirm": words.prompt})
    assert browser.post("/account/delete", {"confirm": "delete"}).status_code == 200


def _in_every_place(house: House, browser: Browser, words: Said) -> None:
    """Paths, queries, headers, cookies and bodies that nobody asked for."""

    async def send() -> None:
        forged = Browser(house)
        forged.cookies.set("gp_session", words.prompt.encode().hex())
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(house.app),
            base_url="http://testserver.local",
            headers=JSON,
            cookies=browser.cookies,
        ) as client:
            query = {"q": words.prompt, "after": words.email, words.prompt: words.tokens[0]}
            coded = {"referer": f"/link/{words.tokens[0]}", "x-name": words.email}
            for path in ("/history", "/start", "/nowhere"):
                await client.get(path, params=query, headers=coded)
            for path in (f"/images/{words.prompt}", f"/jobs/{words.email}", f"/{words.prompt}/{words.email}"):
                await client.get(path)
            await client.post("/studio", content=words.prompt.encode())
        await forged.send("POST", "/signin", {"email": words.prompt})

    house.do(send())


def _refused(house: House, image: str, words: Said) -> None:
    """Refusals of the policy, which are taken down: a sale, and a share with nobody's job."""

    async def sell() -> None:
        async with house.services.guard.access(Actor.service("server"), purpose="provide_service"):
            await house.services.guard.decide_and_record(
                "prompt", operation="sell", recipient="model_provider", values={}, subjects=[]
            )

    async def share() -> None:
        parts = [Part("prompt", {"prompt": words.prompt}, (RowRef("images", image),))]
        await house.services.egress.share(
            Actor.service("renderer"), to="builtin_renderer", purpose="provide_service", parts=parts
        )

    for attempt in (sell, share):
        with pytest.raises(AccessDenied) as denied:
            house.do(attempt())
        assert words.prompt not in str(denied.value)


def _read_the_trails(house: House, words: Said) -> None:
    needles = [words.prompt, words.email, *words.tokens]
    for table in TRAILS:
        for row in house.rows(f'SELECT * FROM "{table}"'):
            for needle in needles:
                assert needle not in repr(row), table
    for needle in needles:
        assert needle not in house.console.getvalue()
        for trace in traces_of(needle):
            for path, content in house.files().items():
                assert trace not in content, path.name
    mail = house.take_mail()
    assert words.prompt not in mail
    assert f"To: {words.email}" in mail
    assert words.email not in re.sub(r"^To: .*$", "", mail, flags=re.M)


def test_a_line_of_the_log_has_its_five_fields_and_an_id() -> None:
    """S8: exactly timestamp, IP address, user agent, route, response status; a request id; how it is kept."""
    named = {"timestamp", "ip_address", "user_agent", "route", "response_status", "request_id"}
    assert set(Line.__struct_fields__) == named
    house = House()
    try:
        Browser(house).get("/history?q=words")
        house.settle()
        columns = {name for (name,) in house.rows("SELECT name FROM pragma_table_info('request_log')")}
        assert columns == named | {"tenant", "collected_under"}
        assert house.rows("SELECT route, response_status, ip_address, user_agent FROM request_log") == [
            ("/history", 401, "127.0.0.1", house.rows("SELECT user_agent FROM request_log")[0][0])
        ]
    finally:
        house.end()
