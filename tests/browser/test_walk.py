"""The whole way in a real browser: at desktop and phone width, in both modes, by keyboard, without script."""

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


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_an_image_from_words_to_its_end(visit: Come, server: LiveServer, size: Size) -> None:
    """A prompt, its price in the button, its making, the picture, the history, undo, and the final end."""
    own = visit(size)
    page = own.page
    _come_in(own, server, f"image.{size['width']}@example.org")
    own.look("studio-empty")
    page.goto("/history")
    own.look("history-empty")
    page.goto("/studio")
    page.get_by_role("button", name="Make it").click()
    expect(page.locator(".error-summary")).to_be_focused()
    own.look("studio-refused")

    page.get_by_label("Your prompt").fill("Eine rote Düne am Abend 🏜️ <b>&amp;")
    page.get_by_role("radio", name="Portrait").check()
    expect(page.get_by_role("button", name="Make it")).to_contain_text("4 credits")
    page.get_by_role("radio", name="Sketch").check()
    expect(page.get_by_role("button", name="Make it")).to_contain_text("1 credit")
    page.get_by_label("Seed").fill("7")
    page.locator("#style input").nth(2).check()
    page.get_by_role("button", name="Make it").click()
    page.wait_for_url("**/images/*")
    picture = page.get_by_role("img", name="Eine rote Düne")
    expect(picture).to_be_visible(timeout=30_000)
    assert picture.evaluate("image => image.decode().then(() => image.naturalWidth)") == 512
    own.look("image")
    image = page.url.rpartition("/")[2]

    # As it looks while it is made: the same job, put back to where it was.
    _run(server, "UPDATE jobs SET state = 'running', progress = 40 WHERE image = ?", image)
    page.reload()
    expect(page.get_by_role("progressbar")).to_have_js_property("value", 40)
    own.look("image-making")
    _run(server, "UPDATE jobs SET state = 'failed' WHERE image = ?", image)
    expect(page.get_by_text("could not be made")).to_be_visible()  # without a hand: the page asks
    own.look("image-failed")
    _run(server, "UPDATE jobs SET state = 'done', progress = 100 WHERE image = ?", image)

    page.goto("/studio")
    expect(page.get_by_text("99 credits left")).to_be_visible()
    own.look("studio")
    page.goto("/history")
    thumbnail = page.get_by_role("img", name="Eine rote Düne")
    expect(thumbnail).to_be_visible()
    own.look("history")
    page.goto("/credits")
    own.look("credits")
    page.goto("/history")
    page.get_by_role("link", name="Eine rote Düne").click()
    page.get_by_role("button", name="Delete", exact=True).click()
    page.wait_for_url("**/history?deleted=*")
    expect(page.get_by_role("button", name="Undo")).to_be_visible()
    expect(page.get_by_role("link", name="Eine rote Düne")).to_have_count(0)
    own.look("history-undo")
    page.get_by_role("button", name="Undo").click()
    page.wait_for_url(f"**/images/{image}")
    expect(picture).to_be_visible()

    if size is PHONE:
        page.get_by_text("Delete now, for good").click()
        own.look("image-delete-now")
        page.get_by_role("button", name="Delete for good").click()
        expect(page.get_by_role("status")).to_contain_text("gone for good")
    else:
        page.get_by_role("button", name="Delete", exact=True).click()
        expect(page.get_by_role("button", name="Undo")).to_be_visible()
        expect(page.get_by_role("button", name="Undo")).to_have_count(0, timeout=15_000)
    _until_gone(page, server, image)
    page.goto(f"/images/{image}")
    page.get_by_role("heading", name="Not found").wait_for()
    page.goto("/history")
    expect(page.get_by_role("heading", name="The walls are empty")).to_be_visible()

    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url(own.address + "/")
    page.go_back()
    page.wait_for_url("**/start")  # nothing personal comes back: it was never kept (no-store)


def _until_gone(page: Any, server: LiveServer, image: str) -> None:
    """Row, picture and thumbnail are gone within a few seconds of the window's end."""
    for _ in range(100):
        if not _rows(server, "SELECT id FROM images WHERE id = ?", image):
            break
        page.wait_for_timeout(100)
    assert _rows(server, "SELECT id FROM images WHERE id = ?", image) == []
    assert _rows(server, "SELECT id FROM jobs WHERE image = ?", image) == []


def _rows(server: LiveServer, query: str, *values: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(server.home / "var" / "data" / "gptimage.sqlite")) as connection:
        return connection.execute(query, values).fetchall()


def _run(server: LiveServer, statement: str, *values: str) -> None:
    path = server.home / "var" / "data" / "gptimage.sqlite"
    with closing(sqlite3.connect(path)) as connection, connection:
        assert connection.execute(statement, values).rowcount == 1


def _count(server: LiveServer, table: str) -> int:
    return int(_rows(server, f"SELECT count(*) FROM {table}")[0][0])


_STRANGE = {
    "one word": "w" * 4000,
    "right to left": "غروب الشمس فوق الكثبان الحمراء " * 8,
    "stacked": "Z" + "\N{COMBINING DIAERESIS}" * 200 + " \N{RIGHT-TO-LEFT OVERRIDE}abc\x00\x1b[31m",
    "markup": "<h1>no</h1><img src=x onerror=alert(1)>{{ 7 * 7 }}</textarea><script>alert(1)</script>",
}


def test_any_prompt_fits_its_page(visit: Come, server: LiveServer) -> None:
    """Whatever is written stays inside its page at a phone's width, and is words there, never markup."""
    own = visit(PHONE)
    page = own.page
    with server.visitor() as curl:
        server.sign_up(curl, "strange@example.org")
        images = [
            curl.post("/studio", json={"prompt": prompt, "size": "sketch"}).json()["id"]
            for prompt in _STRANGE.values()
        ]
        own.context.add_cookies(
            [{"name": name, "value": value, "url": server.address} for name, value in curl.cookies.items()]
        )
    for image, prompt in zip(images, _STRANGE.values(), strict=True):
        page.goto(f"/images/{image}")
        expect(page.get_by_role("img")).to_be_visible(timeout=30_000)
        shown = page.locator("blockquote.prompt").evaluate("e => e.textContent")
        assert shown == prompt.replace("\x00", "")  # HTML has no NUL
    own.look("image-strange")
    page.goto(f"/studio?like={images[0]}")
    own.look("studio-strange")
    page.get_by_label("Your prompt").fill("w" * 32_001)
    page.get_by_role("button", name="Make it").click()
    expect(page.locator(".error-summary")).to_contain_text("32,001 characters")
    expect(page.get_by_label("Your prompt")).to_have_value("w" * 32_001)  # nothing typed is lost
    page.goto("/history")
    own.look("history-strange")
