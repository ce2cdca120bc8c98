"""Coming in with a real browser: at desktop and phone width, in both modes, by keyboard too."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from tests.support.browser import DESKTOP, PHONE, axe_findings, chromium, overflows, page_of, serving
from tests.support.server import mail_of

pytestmark = pytest.mark.browser


def _sound(page: Any) -> None:
    """No axe finding, nothing wider than the screen, a heading, a landmark, and big enough to touch."""
    assert axe_findings(page) == []
    assert not overflows(page)
    assert page.locator("main h1").count() == 1
    small = page.evaluate(
        """() => [...document.querySelectorAll('button, .button, nav a, footer a, input, select')]
            .filter((e) => e.offsetParent && e.type !== 'checkbox' && e.getBoundingClientRect().height < 44)
            .map((e) => e.outerHTML)"""
    )
    assert small == []


@pytest.mark.parametrize(
    ("size", "scheme"), [(DESKTOP, "light"), (PHONE, "dark"), ({"width": 360, "height": 640}, "light")]
)
def test_coming_in(tmp_path: Path, size: dict[str, int], scheme: str) -> None:
    """Front page, age and country, a refusal first, the address, the link's button, the terms, and out."""
    with (
        serving(tmp_path) as (address, app),
        chromium() as browser,
        page_of(browser, address, size, scheme) as page,
    ):
        for path in ("/", "/privacy", "/terms", "/nowhere"):
            page.goto(path)
            _sound(page)
        page.goto("/")
        page.get_by_role("link", name="Open your studio").click()
        _sound(page)
        page.get_by_label("Day").fill("31")
        page.get_by_label("Month").fill("2")
        page.get_by_label("Year").fill("1990")
        page.get_by_role("button", name="Continue").click()
        assert page.locator(".error-summary").evaluate("e => e === document.activeElement")
        _sound(page)
        page.get_by_role("link", name="The calendar has no such day").click()
        assert page.locator("#day").evaluate("e => e === document.activeElement")
        page.get_by_label("Day").fill("28")
        page.get_by_label("Month").fill("2")
        page.get_by_label("Year").fill("1990")
        page.get_by_label("Country you live in").select_option("NL")
        page.get_by_role("button", name="Continue").click()
        _sound(page)
        page.get_by_label("Email address").fill("ada@example.org")
        page.get_by_role("button", name="Mail me a link").click()
        page.get_by_role("heading", name="Look in your mail").wait_for()
        _sound(page)
        link = re.findall(r"http\S+/link/\S+", mail_of(app))[-1]
        page.goto(link)
        _sound(page)
        page.get_by_role("button", name="Sign in").click()
        page.get_by_role("heading", name="Two things to read").wait_for()
        _sound(page)
        page.get_by_role("button", name="Open the studio").click()
        _sound(page)
        page.get_by_label("I accept the terms").check()
        page.get_by_role("button", name="Open the studio").click()
        page.wait_for_url("**/studio")
        page.goto("/privacy")
        page.get_by_role("button", name="Sign out").click()
        page.wait_for_url(address + "/")
        page.goto(link)
        page.get_by_role("heading", name="This link does not work any more").wait_for()
        _sound(page)


def test_coming_in_by_keyboard_alone(tmp_path: Path) -> None:
    """Tab, type, Enter: the skip link first, then every control in the order in which it is seen."""
    with (
        serving(tmp_path) as (address, _app),
        chromium() as browser,
        page_of(browser, address, DESKTOP) as page,
    ):
        page.goto("/start")
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
        page.keyboard.press("Enter")
        assert page.evaluate("document.activeElement.id") == "main"
        for text in ("4", "2", "1990"):
            page.keyboard.press("Tab")
            page.keyboard.type(text)
        page.keyboard.press("Tab")
        page.keyboard.type("Neth")
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        page.wait_for_url("**/signin")


def test_a_child_is_told_kindly(tmp_path: Path) -> None:
    """S40: the page is friendly, sound, and stays when the child comes back; only one cookie is left."""
    with (
        serving(tmp_path) as (address, _app),
        chromium() as browser,
        page_of(browser, address, PHONE) as page,
    ):
        page.goto("/start")
        for label, text in (("Day", "1"), ("Month", "5"), ("Year", "2015")):
            page.get_by_label(label).fill(text)
        page.get_by_role("button", name="Continue").click()
        page.get_by_role("heading", name="a little too early").wait_for()
        _sound(page)
        assert [cookie["name"] for cookie in page.context.cookies()] == ["gp_young"]
        page.goto("/start")
        page.get_by_role("heading", name="a little too early").wait_for()
