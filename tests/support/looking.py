"""A real Chromium that looks at every page it comes to: sound, reachable, ours alone.

visit = Visit(browser, address, PHONE)
visit.page.goto("/start")
visit.look("start")     # fails with everything that is wrong with the page

`GPTIMAGE_SHOTS=folder` writes a picture of each page looked at, by width and mode.
"""

from __future__ import annotations

import functools
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

__all__ = ["DESKTOP", "PHONE", "Size", "Visit", "axe_findings", "chromium"]

Size = dict[str, int]
DESKTOP: Size = {"width": 1280, "height": 800}
PHONE: Size = {"width": 390, "height": 844}
_NARROWEST = 360
_CONTACT = "privacy@gptimage.example"

_ARGUMENTS = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-quic",
    # Whatever a page would fetch elsewhere fails here, and is on the list of what it asked for.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
]
_LAYOUT = """() => {
    const wide = (e) => e.scrollWidth > e.clientWidth;
    const seen = (e) => e.checkVisibility({visibilityProperty: true, opacityProperty: true});
    const small = [...document.querySelectorAll('button, .button, nav a, footer a, input, select, summary')]
        .filter((e) => seen(e) && !['checkbox', 'radio', 'hidden'].includes(e.type))
        .filter((e) => e.getBoundingClientRect().height < 44).map((e) => e.outerHTML.slice(0, 120));
    const out = [...document.querySelectorAll('body *')].filter((e) => seen(e)
        && !e.closest('.visually-hidden, .skip-link, .scroller')
        && e.getBoundingClientRect().right > document.documentElement.clientWidth + 1)
        .map((e) => e.outerHTML.slice(0, 120));
    return {
        wide: wide(document.documentElement) || wide(document.body) ? out : [],
        overflows: wide(document.documentElement),
        small, headings: document.querySelectorAll('main h1').length, title: document.title,
        contact: [...document.querySelectorAll('footer a')].map((e) => e.href),
        broken: [...document.images].filter((e) => e.complete && !e.naturalWidth).map((e) => e.src),
    };
}"""


@contextmanager
def chromium() -> Iterator[Any]:
    """A headless Chromium (Debian's package), driven by Playwright; a skip by hand, a failure in CI."""
    names = ("chromium", "chromium-browser", "google-chrome")
    path = next(filter(None, map(shutil.which, names)), None)
    if path is None:
        words = "NOT TESTED IN A BROWSER: there is no Chromium here; install Debian's package `chromium`"
        if os.environ.get("CI"):
            pytest.fail(words)
        pytest.skip(words)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        # Pages come back from the browser's own store as they do for people: what is personal must not.
        browser = playwright.chromium.launch(
            executable_path=path, args=_ARGUMENTS, ignore_default_args=["--disable-back-forward-cache"]
        )
        try:
            yield browser
        finally:
            browser.close()


class Visit:
    """Somebody with a profile of their own. `close()` fails for whatever went wrong on the way:
    requests to another host (S20), errors on the console, resources that did not come."""

    def __init__(
        self, browser: Any, address: str, size: Size, *, script: bool = True, shots: str = ""
    ) -> None:
        self.size = size
        self.context = browser.new_context(
            viewport=size,
            base_url=address,
            color_scheme="light",
            java_script_enabled=script,
            reduced_motion="reduce",
            has_touch=size is PHONE,
            is_mobile=size is PHONE,
            accept_downloads=True,
        )
        self.address = address
        self.problems: list[str] = []
        self.asked: set[str] = set()
        self._script = script
        self._shots = shots or ("phone" if size is PHONE else "desktop")
        self.page = self.new_page()

    def new_page(self) -> Any:
        page = self.context.new_page()
        page.set_default_timeout(15_000)
        page.on("request", self._note_request)
        page.on("response", self._note_response)
        page.on("requestfailed", self._note_failure)
        page.on("pageerror", lambda error: self.problems.append(f"script: {error}"))
        page.on("console", self._note_console)
        return page

    def take(self, cookies: Any) -> None:
        """Go on as whoever these cookies (of an httpx client) sign in."""
        self.context.add_cookies(
            [{"name": name, "value": value, "url": self.address} for name, value in cookies.items()]
        )

    def look(self, name: str, *, narrow: bool = True) -> None:
        """Everything that can be asked of the page as it is now, in both modes and at both phone widths."""
        page = self.page
        page.wait_for_load_state("load")
        wrong: list[str] = []
        widths = [self.size["width"], *([_NARROWEST] if self.size is PHONE and narrow else [])]
        for width in reversed(widths):
            if len(widths) > 1:
                page.set_viewport_size({**self.size, "width": width})
            found = page.evaluate(_LAYOUT)
            if found["overflows"]:
                wrong.append(f"scrolls sideways at {width}: {found['wide']}")
        if found["small"] and self.size is PHONE:
            wrong.append(f"too small to touch: {found['small']}")
        if found["headings"] != 1:
            wrong.append(f"{found['headings']} main headings")
        if f"mailto:{_CONTACT}" not in found["contact"]:
            wrong.append("no contact in the footer (S46)")
        if found["broken"]:
            wrong.append(f"images that did not come: {found['broken']}")
        for mode in ("dark", "light"):
            page.emulate_media(color_scheme=mode, reduced_motion="reduce")
            self.shoot(name, mode, page)
            # In the other mode only colours differ.
            wrong += [f"{mode}: {finding}" for finding in axe_findings(page, colours=mode == "dark")]
        assert not wrong, f"{name} ({page.url}):\n  " + "\n  ".join(wrong)

    def close(self) -> None:
        self.context.close()
        assert not self.problems, "\n".join(self.problems)

    def shoot(self, name: str, mode: str, page: Any) -> None:
        """A picture for people to look at, where `GPTIMAGE_SHOTS` names a folder."""
        folder = os.environ.get("GPTIMAGE_SHOTS")
        if folder:
            Path(folder).mkdir(parents=True, exist_ok=True)
            page.screenshot(path=Path(folder) / f"{name}-{self._shots}-{mode}.png", full_page=True)

    def _note_request(self, request: Any) -> None:
        self.asked.add(request.url)
        if not request.url.startswith((self.address + "/", "data:", "blob:", "file:", "about:")):
            self.problems.append(f"asked another host: {request.url}")

    def _note_response(self, response: Any) -> None:
        if response.status >= 400 and not response.request.is_navigation_request():
            self.problems.append(f"{response.status} for {response.url}")

    def _note_failure(self, request: Any) -> None:
        # A page that is left stops what it was fetching, and a download is not a page.
        if not request.is_navigation_request() and request.failure != "net::ERR_ABORTED":
            self.problems.append(f"{request.failure} for {request.url}")

    def _note_console(self, message: Any) -> None:
        if message.type == "error" and not message.text.startswith("Failed to load resource"):
            self.problems.append(f"console: {message.text}")


def axe_findings(page: Any, *, colours: bool = False) -> list[str]:
    """What axe-core finds wrong with the page as it is now; `colours` asks about the contrasts only."""
    if not page.evaluate("typeof window.axe === 'object'"):
        page.evaluate(_axe())
    only = "{runOnly: ['color-contrast'], resultTypes: ['violations']}"
    every = "{resultTypes: ['violations']}"
    found = page.evaluate(f"axe.run(document, {only if colours else every})")["violations"]
    return [
        f"{each['id']}: {node['html'][:160]} {node.get('failureSummary', '')[:300]}"
        for each in found
        for node in each["nodes"]
    ]


@functools.cache
def _axe() -> str:
    from axe_core_python.base import AXE_FILE_PATH

    text: str = AXE_FILE_PATH.read_text(encoding="utf-8")
    return text
