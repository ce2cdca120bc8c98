"""One Chromium and one server for the tests of a file; each test comes with profiles of its own.

Per file, not per run: Playwright keeps an event loop in the thread it was started in, and tests of other
files run loops of their own there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from tests.support.live import LiveServer, live
from tests.support.looking import DESKTOP, Size, Visit, chromium


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as found:
        yield found


@pytest.fixture(scope="module")
def server(browser: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """Asked for after the browser: without one nothing is started."""
    with live(tmp_path_factory.mktemp("browser")) as running:
        yield running


@pytest.fixture
def visit(browser: Any, server: LiveServer) -> Iterator[Callable[..., Visit]]:
    """`visit(PHONE)`: a fresh profile at that width; what went wrong on its way fails the test at its end."""
    visits: list[Visit] = []

    def come(size: Size = DESKTOP, **options: Any) -> Visit:
        visits.append(Visit(browser, server.address, size, **options))
        return visits[-1]

    yield come
    for each in visits:
        each.close()
