"""A real Chromium and a real server, for tests that look.

By hand a machine without Chromium skips loudly; in CI (`CI` is set) that is a failure.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from litestar import Litestar
from tests.support.server import make_app

from gptimage_core.clock import Clock, SystemClock

__all__ = ["DESKTOP", "PHONE", "axe_findings", "chromium", "overflows", "page_of", "serving"]

DESKTOP = {"width": 1280, "height": 800}
PHONE = {"width": 390, "height": 844}
_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@contextmanager
def serving(home: Path, *, clock: Clock | None = None, **settings: Any) -> Iterator[tuple[str, Litestar]]:
    """The server on a free port of its own thread: `(address, app)`. Ends gracefully."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        port = listener.getsockname()[1]
        app = make_app(home, clock=clock or SystemClock(), port=port, **settings)
        config = uvicorn.Config(app, access_log=False, log_level="warning", lifespan="on")
        server = uvicorn.Server(config)
        thread = threading.Thread(target=lambda: asyncio.run(server.serve(sockets=[listener])), daemon=True)
        thread.start()
        deadline = time.monotonic() + 20
        while not server.started:
            assert thread.is_alive(), "the server ended before it had started"
            assert time.monotonic() < deadline, "the server did not start in 20 seconds"
            time.sleep(0.02)
        try:
            yield f"http://127.0.0.1:{port}", app
        finally:
            server.should_exit = True
            thread.join(20)


@contextmanager
def chromium() -> Iterator[Any]:
    """A headless Chromium (Debian's package), driven by Playwright."""
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        if os.environ.get("CI"):
            pytest.fail("there is no Chromium; install Debian's package `chromium`")
        pytest.skip("NOT TESTED IN A BROWSER: there is no Chromium; install Debian's package `chromium`")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=_ARGUMENTS)
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def page_of(browser: Any, address: str, size: dict[str, int], scheme: str = "light") -> Iterator[Any]:
    """A page of a fresh profile. Requests to any other host fail the test that made them (S20)."""
    context = browser.new_context(viewport=size, color_scheme=scheme, base_url=address)
    foreign: list[str] = []
    problems: list[str] = []
    page = context.new_page()
    page.set_default_timeout(10_000)
    page.on("request", lambda request: foreign.append(request.url) if address not in request.url else None)
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on(
        "console",
        lambda message: problems.append(message.text) if "Content Security" in message.text else None,
    )
    try:
        yield page
        assert [url for url in foreign if not url.startswith(("data:", "blob:"))] == []
        assert problems == []
    finally:
        context.close()


def axe_findings(page: Any) -> list[tuple[str, list[Any]]]:
    """What axe-core finds wrong with the page as it is now: rule and targets."""
    from axe_core_python.sync_playwright import Axe

    found = Axe().run(page)["violations"]
    return [(each["id"], [node["target"] for node in each["nodes"]]) for each in found]


def overflows(page: Any) -> bool:
    """Whether the page is wider than the screen."""
    wide: bool = page.evaluate("document.documentElement.scrollWidth > window.innerWidth")
    return wide
