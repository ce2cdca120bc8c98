"""Other engines on our rules: they decide as we do, and what they do where a forbid's fact is missing."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
_MODULES = {"zen-engine": "zen", "cedarpy": "cedarpy", "casbin": "casbin"}


@pytest.fixture(scope="module", autouse=True)
def _peers_are_installed() -> None:
    """A skip by hand, a failure in CI."""
    lacking = [name for name, module in _MODULES.items() if importlib.util.find_spec(module) is None]
    if lacking:
        words = f"NOT TESTED BESIDE PEERS: {', '.join(lacking)} not installed; `make setup` does"
        if os.environ.get("CI"):
            pytest.fail(words)
        pytest.skip(words)


def test_peers_decide_alike() -> None:
    """Every peer gives the effect of `decide` on random accesses, and its rules where it names rules."""
    from tests.benchmarks.bench_decide import cases, compiled_policy
    from tests.benchmarks.bench_peers import PEERS, agree

    compiled, asked = compiled_policy(20), cases(1)
    for peer, count in PEERS:
        agree(compiled, asked[: min(200, 10 * count)], peer)


def test_what_is_unknown_denies_here_and_not_everywhere() -> None:
    """With the attribute known all engines agree; without it ours denies, by the rule that reads it."""
    from tests.benchmarks.missing_facts import ENGINES, PROHIBITIONS, outcome

    for engine in ENGINES:
        for attribute, (forbidden, fine) in PROHIBITIONS.items():
            assert outcome(engine, attribute, forbidden) == "denies", (engine, attribute)
            assert outcome(engine, attribute, fine) == "allows", (engine, attribute)
    assert [outcome("gptimage", attribute) for attribute in PROHIBITIONS] == ["denies"] * len(PROHIBITIONS)


def test_the_page_shows_what_the_engines_do() -> None:
    """The table of docs/peers.md is what the installed engines answer."""
    from tests.benchmarks.missing_facts import table

    assert table() in (ROOT / "docs" / "peers.md").read_text(encoding="utf-8")
