"""Mailed links under any interleaving of looking, using, and time passing (S18, X8)."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from litestar import Litestar
from tests.support.server import NOON, clock_of, mail_of, make_app

from gptimage_core.clock import MINUTE
from gptimage_core.store.ledger import NegativeLedger
from gptimage_server.features.accounts import links

_STEPS = st.lists(
    st.tuples(st.sampled_from(["look", "use", "wait"]), st.integers(0, 6), st.integers(0, 12 * MINUTE)),
    min_size=1,
    max_size=12,
)


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Litestar]:
    app = make_app(tmp_path_factory.mktemp("links"))
    yield app
    asyncio.run(app.state.services.close())


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(_STEPS)
def test_a_link_signs_in_at_most_once_and_never_after_its_time(
    app: Litestar, steps: list[tuple[str, int, int]]
) -> None:
    """S18, INVARIANT (link-once): all steps run at once, each after some turns of the loop; looks never use
    a link up, of the uses in time exactly one wins, and every win stands in the ledger."""
    services, clock = app.state.services, clock_of(app)
    clock.at = NOON
    before = NegativeLedger(Path(services.settings.ledger_file)).last
    wins: list[int] = []
    tries: list[int] = []

    async def walk() -> None:
        await links.mail_link(services, email="ada@example.org", country="NL", may_open=True)
        token = re.findall(r"/link/(\S+)", mail_of(app))[-1]
        made = clock.now()

        async def step(kind: str, turns: int, later: int) -> None:
            for _ in range(turns):
                await asyncio.sleep(0)
            if kind == "wait":
                clock.advance(later)
            elif kind == "look":
                await links.is_live(services, token)
            else:
                at = clock.now()
                tries.append(at - made)
                if await links.use(services, token) is not None:
                    wins.append(at - made)

        await asyncio.gather(*(step(*each) for each in steps))

    asyncio.run(walk())
    in_time = [at for at in tries if at < 15 * MINUTE]
    assert len(wins) == (1 if in_time else 0)
    assert all(at < 15 * MINUTE for at in wins)
    after = NegativeLedger(Path(services.settings.ledger_file)).last
    assert after - before == len(wins)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_a_link_that_was_touched_is_no_link(app: Litestar, data: st.DataObject) -> None:
    """Any other character at any place, or a part of it, opens nothing and uses nothing up."""
    services = app.state.services
    clock_of(app).at = NOON

    async def walk() -> None:
        await links.mail_link(services, email="ada@example.org", country=None, may_open=True)
        token = re.findall(r"/link/(\S+)", mail_of(app))[-1]
        place = data.draw(st.integers(0, len(token) - 1))
        other = data.draw(st.sampled_from("Az09-_.~%").filter(lambda c: c != token[place]))
        for wrong in (token[:place] + other + token[place + 1 :], token[:place], token + other):
            assert await links.use(services, wrong) is None
        assert await links.use(services, token) is not None

    asyncio.run(walk())
