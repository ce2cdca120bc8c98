"""Whatever is sent, the answer is one that was meant: no 500, no exception, nothing stored by accident."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterator
from typing import Any

import httpx
import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from litestar import Litestar
from tests.support.server import make_app

_NAMES = st.sampled_from(["day", "month", "year", "country", "email", "accept", "\x00", "é", "__class__"])
_VALUES = st.none() | st.booleans() | st.integers() | st.text(max_size=40) | st.lists(st.text(max_size=3))
_JSON = st.dictionaries(_NAMES, _VALUES | st.dictionaries(_NAMES, _VALUES, max_size=2), max_size=6)
_FORMS = st.dictionaries(_NAMES, st.text(max_size=60) | st.lists(st.text(max_size=5), max_size=3), max_size=6)
_PATHS = st.sampled_from(["/start", "/signin", "/welcome", "/signout", "/link/x", "/link/%00%ff", "/me", "/"])
_MEANT = {200, 202, 303, 400, 401, 403, 404, 405, 410, 413, 415, 422, 429}
_TYPES = st.sampled_from(
    ["application/json", "text/html", "multipart/form-data", "multipart/form-data; boundary=x", ""]
)


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Litestar]:
    app = make_app(tmp_path_factory.mktemp("input"), starts_per_address_hour=1_000_000)
    yield app
    asyncio.run(app.state.services.close())


def _ask(app: Litestar, method: str, path: str, **parts: Any) -> httpx.Response:
    async def one() -> httpx.Response:
        transport = httpx.ASGITransport(app=app)  # type: ignore[arg-type]  # an ASGI app, whatever its types say
        async with httpx.AsyncClient(transport=transport, base_url="http://testserver.local") as client:
            return await client.request(method, path, **parts)

    return asyncio.run(one())


_quick = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@_quick
@given(_PATHS, _JSON)
def test_any_json_gets_an_answer_that_was_meant(app: Litestar, path: str, body: dict[str, Any]) -> None:
    """Unknown fields, wrong types, half surrogates, huge numbers: refused by name, never an error of ours."""
    content = msgspec.json.encode(body)
    reply = _ask(app, "POST", path, content=content, headers={"content-type": "application/json"})
    assert reply.status_code in _MEANT
    if reply.status_code >= 400 and reply.headers["content-type"] == "application/problem+json":
        assert reply.json()["status"] == reply.status_code


@_quick
@given(_PATHS, _FORMS, st.sampled_from(["text/html", "*/*", "application/json"]))
def test_any_form_gets_an_answer_that_was_meant(
    app: Litestar, path: str, body: dict[str, Any], accept: str
) -> None:
    """The same for forms, as pages and as JSON; what is shown again is escaped."""
    body = {**body, "q": '<script>alert("x")</script>'}
    reply = _ask(app, "POST", path, data=body, headers={"accept": accept})
    assert reply.status_code in _MEANT
    assert '<script>alert("x")' not in reply.text or reply.headers["content-type"] != "text/html"


@_quick
@given(_PATHS, st.binary(max_size=200), _TYPES, st.sampled_from(["POST", "GET", "PUT"]))
def test_any_bytes_get_an_answer_that_was_meant(
    app: Litestar, path: str, body: bytes, kind: str, method: str
) -> None:
    """Bytes that are nothing at all, under any content type."""
    headers = {"content-type": kind} if kind else {}
    assert _ask(app, method, path, content=body, headers=headers).status_code in _MEANT


@_quick
@given(st.text(max_size=60), st.text(max_size=60), st.text(max_size=60))
def test_any_cookie_is_nobody(app: Litestar, session: str, gate: str, young: str) -> None:
    """Cookies that we did not make open nothing and break nothing."""
    values = {"gp_session": session, "gp_gate": gate, "gp_young": young}
    header = "; ".join(f"{name}={value.encode('utf-8', 'ignore').hex()}" for name, value in values.items())
    assert (
        _ask(app, "GET", "/me", headers={"cookie": header, "accept": "application/json"}).status_code == 401
    )
    raw = {"cookie": "; ".join(f"{name}={value}" for name, value in values.items()).encode("utf-8", "ignore")}
    reply = _ask(app, "GET", "/signin", headers={**raw, "accept": "application/json"})
    assert reply.json()["state"] == "age_first"


def test_none_of_it_left_a_trace(app: Litestar) -> None:
    """After all of the above: no account, no link, no session."""
    with sqlite3.connect(app.state.services.settings.database_file) as connection:
        for table in ("accounts", "sign_in_links", "sessions"):
            assert connection.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,)
