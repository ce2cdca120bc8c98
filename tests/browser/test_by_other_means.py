"""The main path for people who have no mouse, or no script, or whose screen is as narrow as screens get."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import expect
from tests.support.live import LiveServer
from tests.support.looking import DESKTOP, PHONE, Visit

pytestmark = pytest.mark.browser

Come = Callable[..., Visit]

_MOST_TABS = 60
_FOCUSED = """() => {
    const e = document.activeElement, box = e.getBoundingClientRect(), style = getComputedStyle(e);
    const ring = (s) => s.outlineStyle !== 'none' && parseFloat(s.outlineWidth) > 0 || s.boxShadow !== 'none';
    const shown = ring(style) || e.labels && [...e.labels].some((l) =>
        ring(getComputedStyle(l)) || [...l.querySelectorAll('*')].some((c) => ring(getComputedStyle(c))));
    return {name: e.labels?.[0]?.textContent.trim() || e.textContent.trim(), ring: Boolean(shown),
            inside: box.bottom > 0 && box.top < innerHeight};
}"""


def _tab_to(page: Any, name: str) -> None:
    """Tab until the control with this label or text has the focus; everything on the way shows its focus."""
    for _ in range(_MOST_TABS):
        page.keyboard.press("Tab")
        focused = page.evaluate(_FOCUSED)
        assert focused["ring"], f"no visible focus on `{focused['name']}`"
        assert focused["inside"], f"`{focused['name']}` has the focus outside the screen"
        if focused["name"].startswith(name):
            return
    pytest.fail(f"`{name}` cannot be reached with the keyboard")


def test_by_keyboard_alone(visit: Come, server: LiveServer) -> None:
    """Tab, type, space, Enter: from the front page to a picture, without touching anything else."""
    own = visit(DESKTOP)
    page = own.page
    page.goto("/")
    _tab_to(page, "Skip to the content")
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    _tab_to(page, "Open your studio")
    page.keyboard.press("Enter")
    page.wait_for_url("**/start")
    for name, text in (("Day", "4"), ("Month", "2"), ("Year", "1990"), ("Country", "Neth")):
        _tab_to(page, name)
        page.keyboard.type(text)
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_url("**/signin")
    _tab_to(page, "Email address")
    page.keyboard.type("keys@example.org")
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="Look in your mail").wait_for()
    page.goto(server.link_for("keys@example.org"))
    _tab_to(page, "Sign in")  # the link at the top
    _tab_to(page, "Sign in")  # the button
    page.keyboard.press("Enter")
    page.wait_for_url("**/welcome")
    _tab_to(page, "I accept the terms")
    page.keyboard.press("Space")
    _tab_to(page, "Open the studio")
    page.keyboard.press("Enter")
    page.wait_for_url("**/studio")
    _tab_to(page, "Your prompt")
    page.keyboard.type("a boat in the reeds")
    page.keyboard.press("Tab")  # into the styles: one stop, arrows choose
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Tab")
    page.keyboard.press("ArrowUp")  # from the first size around to the last, the smallest
    expect(page.get_by_role("radio", name="Sketch")).to_be_checked()
    _tab_to(page, "Seed")
    page.keyboard.type("3")
    _tab_to(page, "Make it")
    page.keyboard.press("Enter")
    page.wait_for_url("**/images/*")
    expect(page.get_by_role("img", name="a boat in the reeds")).to_be_visible(timeout=30_000)
    _tab_to(page, "Delete")
    page.keyboard.press("Enter")
    page.wait_for_url("**/history?deleted=*")
    _tab_to(page, "Undo")
    page.keyboard.press("Enter")
    page.wait_for_url("**/images/*")


def test_without_script(visit: Come, server: LiveServer) -> None:
    """With script switched off the same forms do the same: in, an image, its end, undone, and out."""
    own = visit(PHONE, script=False)
    page = own.page
    page.goto("/")
    page.get_by_role("link", name="Open your studio").click()
    for label, text in (("Day", "31"), ("Month", "2"), ("Year", "1990")):
        page.get_by_label(label).fill(text)
    page.get_by_role("button", name="Continue").click()
    expect(page.locator(".error-summary")).to_contain_text("The calendar has no such day")
    for label, text in (("Day", "4"), ("Month", "2"), ("Year", "1990")):
        page.get_by_label(label).fill(text)
    page.get_by_role("button", name="Continue").click()
    page.get_by_label("Email address").fill("plain@example.org")
    page.get_by_role("button", name="Mail me a link").click()
    page.get_by_role("heading", name="Look in your mail").wait_for()
    page.goto(server.link_for("plain@example.org"))
    page.get_by_role("button", name="Sign in").click()
    page.get_by_label("I accept the terms").check()
    page.get_by_role("button", name="Open the studio").click()
    page.get_by_label("Your prompt").fill("a lamp without script")
    page.get_by_role("radio", name="Sketch").check()
    expect(page.get_by_role("button", name="Make it")).to_contain_text("1 credit")
    page.get_by_role("button", name="Make it").click()
    page.wait_for_url("**/images/*")
    picture = page.get_by_role("img", name="a lamp without script")
    for _ in range(100):
        if picture.count():
            break
        page.wait_for_timeout(200)
        page.get_by_role("link", name="Look again").or_(picture).click()
    expect(picture).to_be_visible()
    page.get_by_role("link", name="History").click()
    page.get_by_role("link", name="a lamp without script").click()
    page.get_by_role("button", name="Delete", exact=True).click()
    page.get_by_role("button", name="Undo").click()
    page.wait_for_url("**/images/*")
    page.get_by_text("Delete now, for good").click()
    page.get_by_role("button", name="Delete for good").click()
    expect(page.get_by_role("status")).to_contain_text("gone for good")
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url(own.address + "/")
