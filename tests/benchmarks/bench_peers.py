"""The decision beside other engines: the same rules, the same accesses, the same answers.

The workload is `bench_decide`'s: twenty rules, 2,000 random accesses; how each engine is asked stands in its
`peer_*.py`. `benches` first asserts that every peer gives the effect of `decide` on each access, and the same
rules where it names rules. `decide` gives more than any of them: the nearest conditions on a denial, the
obligations, the version and the digest.

The ratio is ours / peer, so "nine times as fast" is a ratio of at most 1/9. Limits stand on the way of asking
that an engine's own documentation shows; the faster ways beside it, which take work that its users would have
to do, are reported (docs/peers.md). The slow peers are asked the first of the 2,000 only, as are we then.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from tests.benchmarks import peer_casbin, peer_cedar, peer_zen
from tests.benchmarks.bench_decide import cases, compiled_policy
from tests.benchmarks.harness import Bench
from tests.benchmarks.missing_facts import table
from tests.benchmarks.peers import Peer, flat
from tests.benchmarks.twenty_rules import NOW

from gptimage_core.decision.compile import CompiledTimeline
from gptimage_core.decision.decide import decide
from gptimage_core.decision.model import Access, Effect, Facts

__all__ = ["PEERS", "agree", "benches", "notes"]

_Cases = list[tuple[Access, Facts]]
PEERS: tuple[tuple[Peer, int], ...] = (
    (replace(peer_zen.WITH_RULES, limit=1 / 9), 2_000),
    (peer_zen.EFFECT_ONLY, 2_000),
    (replace(peer_cedar.TEXT, limit=1 / 200), 20),
    (peer_cedar.HANDED_OVER, 100),
    (peer_cedar.PARSED, 100),
    (replace(peer_casbin.LANGUAGE, limit=1 / 700), 10),
    (peer_casbin.FUNCTIONS, 50),
    (peer_casbin.INDEXED, 100),
)
"""With how many accesses a batch has."""


def agree(compiled: CompiledTimeline, asked: _Cases, peer: Peer) -> None:
    """The peer decides each access as `decide` does, by the same rules where it names them."""
    for access, facts in asked:
        decision = decide(compiled, access, facts, NOW)
        effect, rules = peer.answer(peer.ask(peer.prepare(flat(access, facts))))
        assert effect is (decision.effect is Effect.ALLOW), (peer.name, access, facts)
        if peer.names == "rules":
            assert rules == set(decision.rules), (peer.name, access, facts, rules, decision.rules)


def _deciding(compiled: CompiledTimeline, asked: _Cases) -> Callable[[], None]:
    def work() -> None:
        for access, facts in asked:
            decide(compiled, access, facts, NOW)

    return work


def _asking(peer: Peer, requests: list[Any]) -> Callable[[], None]:
    ask = peer.ask

    def work() -> None:
        for request in requests:
            ask(request)

    return work


def notes() -> str:
    """Who allows when an attribute that a prohibition reads is missing."""
    return f"an attribute that a prohibition reads is missing (docs/peers.md):\n{table()}"


def benches() -> Iterable[Bench]:
    """A line per engine and way of asking it."""
    compiled, asked = compiled_policy(20), cases(1)
    for peer, count in PEERS:
        agree(compiled, asked, peer)
        requests = [peer.prepare(flat(*case)) for case in asked[:count]]
        yield Bench(
            f"decide / {peer.name}",
            _deciding(compiled, asked[:count]),
            _asking(peer, requests),
            peer.limit,
            per=count,
            rounds=25,
        )
