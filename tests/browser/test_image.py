"""An image in a real browser: from words over its making to its end, and any words at all."""

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


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_an_image_from_words_to_its_end(visit: Come, server: LiveServer, size: Size) -> None:
    """A prompt, its price in the button, its making, the picture, the history, undo, and the final end."""
    own = visit(size)
    page = own.page
    with server.visitor() as curl:
        server.sign_up(curl, f"image.{size['width']}@example.org")
        own.take(curl.cookies)
    page.goto("/studio")
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
        own.take(curl.cookies)
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


def _rows(server: LiveServer, query: str, *values: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(server.home / "var" / "data" / "gptimage.sqlite")) as connection:
        return connection.execute(query, values).fetchall()


def _run(server: LiveServer, statement: str, *values: str) -> None:
    path = server.home / "var" / "data" / "gptimage.sqlite"
    with closing(sqlite3.connect(path)) as connection, connection:
        assert connection.execute(statement, values).rowcount == 1
