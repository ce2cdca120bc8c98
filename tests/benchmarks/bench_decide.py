"""The decision: beside a hand-written if-chain, at a thousand rules beside twenty, and loading them.

Both sides of the first line take the same 2,000 random accesses and give effect and reasons, and are first
shown to agree on each. The second line decides as many accesses of the same mix of hits. The third parses,
checks, compiles and decides once (what a compiler puts off, it pays there), beside tomllib's parse of the
same text and nothing else.
"""

from __future__ import annotations

import random
import tomllib
from collections.abc import Callable, Iterable

from tests.benchmarks.harness import Bench
from tests.benchmarks.twenty_rules import NOW, chain, policy, random_case

from gptimage_core.decision.compile import CompiledTimeline, compile_timeline
from gptimage_core.decision.decide import decide
from gptimage_core.decision.model import Access, Effect, Facts
from gptimage_core.policy.loader import parse_document
from gptimage_core.policy.timeline import single

_Cases = list[tuple[Access, Facts]]


def cases(pairs: int) -> _Cases:
    seeded = random.Random(7)
    return [random_case(seeded, pairs) for _ in range(2_000)]


def compiled_policy(rules: int) -> CompiledTimeline:
    return compile_timeline(single(parse_document(policy(rules))))


def agree(compiled: CompiledTimeline, cases: _Cases) -> None:
    """The peer is the same function: equal effects and rules, both effects common."""
    allowed = 0
    for access, facts in cases:
        decision = decide(compiled, access, facts, NOW)
        allows, rules, _ = chain(access, facts, NOW)
        assert (decision.effect is Effect.ALLOW, set(decision.rules)) == (allows, set(rules)), (access, facts)
        allowed += allows
    assert 500 < allowed < 1_500, allowed


def _hits(compiled: CompiledTimeline, cases: _Cases) -> float:
    effects = [decide(compiled, access, facts, NOW).effect for access, facts in cases]
    return effects.count(Effect.ALLOW) / len(effects)


def _deciding(compiled: CompiledTimeline, cases: _Cases) -> Callable[[], None]:
    def work() -> None:
        for access, facts in cases:
            decide(compiled, access, facts, NOW)

    return work


def benches() -> Iterable[Bench]:
    """Three lines, with the limits of the project."""
    twenty, thousand = compiled_policy(20), compiled_policy(1_000)
    few, many = cases(1), cases(50)
    agree(twenty, few)
    assert abs(_hits(twenty, few) - _hits(thousand, many)) < 0.05, "the mix of hits is not the same"

    def chained() -> None:
        for access, facts in few:
            chain(access, facts, NOW)

    yield Bench("decide / if-chain", _deciding(twenty, few), chained, 3.0, per=len(few))
    yield Bench(
        "decide, 1000 rules / 20", _deciding(thousand, many), _deciding(twenty, few), 1.5, per=len(few)
    )
    text = policy(1_000)

    def load() -> None:
        compiled = compile_timeline(single(parse_document(text)))
        decide(compiled, *many[0], NOW)

    yield Bench("load, compile 1000 rules / tomllib", load, lambda: tomllib.loads(text), 4.0, rounds=15)
