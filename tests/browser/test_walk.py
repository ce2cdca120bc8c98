"""Coming in with a real browser, at desktop and phone width: gate, mailed link, terms, and out again."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from typing import Any

import pytest
from playwright.sync_api import expect
from tests.support.live import LiveServer
from tests.support.looking import DESKTOP, PHONE, Size, Visit

pytestmark = pytest.mark.browser

Come = Callable[..., Visit]


def _pass_the_gate(page: Any, year: str = "1990") -> None:
    page.get_by_label("Day").fill("4")
    page.get_by_label("Month").fill("2")
    page.get_by_label("Year").fill(year)
    page.get_by_role("button", name="Continue").click()


def _come_in(visit: Visit, server: LiveServer, email: str, *, look: bool = False) -> str:
    """From the front page into the studio; gives the link that was used."""
    page = visit.page
    page.goto("/")
    page.get_by_role("link", name="Open your studio").click()
    page.get_by_label("Country you live in").select_option("NL")
    _pass_the_gate(page)
    page.get_by_label("Email address").wait_for()
    if look:
        visit.look("email")
    page.get_by_label("Email address").fill(email)
    page.get_by_role("button", name="Mail me a link").click()
    page.get_by_role("heading", name="Look in your mail").wait_for()
    if look:
        visit.look("mailed")
    link = server.link_for(email)
    page.goto(link)
    page.reload()  # opening it, twice, uses nothing up
    if look:
        visit.look("link")
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("heading", name="Two things to read").wait_for()
    if look:
        visit.look("welcome")
        page.get_by_role("button", name="Open the studio").click()
        expect(page.locator(".error-summary")).to_be_focused()
        visit.look("welcome-refused")
    page.get_by_label("I accept the terms").check()
    page.get_by_role("button", name="Open the studio").click()
    page.wait_for_url("**/studio")
    return link


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_coming_in(visit: Come, server: LiveServer, size: Size) -> None:
    """Front page, notice, terms, the gate's refusals, the address, the link, the terms, and out again."""
    first = visit(size)
    page = first.page
    for path, name in (("/", "home"), ("/privacy", "privacy"), ("/terms", "terms"), ("/nowhere", "missing")):
        page.goto(path)
        first.look(name)
    page.goto("/privacy")
    expect(page.locator("main")).to_contain_text("Updated")
    expect(page.locator("main")).to_contain_text("draft, not legal advice")
    page.goto("/start")
    first.look("start")
    page.get_by_label("Day").fill("31")
    page.get_by_label("Month").fill("2")
    page.get_by_label("Year").fill("1990")
    page.get_by_role("button", name="Continue").click()
    expect(page.locator(".error-summary")).to_be_focused()
    first.look("start-refused")
    page.get_by_role("link", name="The calendar has no such day").click()
    expect(page.get_by_label("Day")).to_be_focused()
    email = f"in.{size['width']}@example.org"
    link = _come_in(first, server, email, look=True)
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url(first.address + "/")
    page.goto(link)
    page.get_by_role("heading", name="This link does not work any more").wait_for()
    first.look("link-dead")


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_a_child_is_told_kindly(visit: Come, server: LiveServer, size: Size) -> None:
    """S40: one friendly page, again when they come back; one random cookie here, its keyed hash there."""
    tables = ("accounts", "sessions", "sign_in_links", "acceptances", "notices_shown")
    before = {table: _count(server, table) for table in (*tables, "age_blocks")}
    child = visit(size)
    page = child.page
    page.goto("/start")
    _pass_the_gate(page, year="2015")
    page.get_by_role("heading", name="a little too early").wait_for()
    child.look("young")
    assert [cookie["name"] for cookie in child.context.cookies()] == ["gp_young"]
    for path in ("/start", "/signin"):
        page.goto(path)
        page.get_by_role("heading", name="a little too early").wait_for()
    assert page.evaluate("[localStorage.length, sessionStorage.length]") == [0, 0]
    after = {table: _count(server, table) for table in (*tables, "age_blocks")}
    assert after == {**before, "age_blocks": before["age_blocks"] + 1}


def _rows(server: LiveServer, query: str, *values: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(server.home / "var" / "data" / "gptimage.sqlite")) as connection:
        return connection.execute(query, values).fetchall()


def _count(server: LiveServer, table: str) -> int:
    return int(_rows(server, f"SELECT count(*) FROM {table}")[0][0])
