"""The benchmarks measure what they say: the peer decides alike, and a ratio above its limit is not ok."""

from __future__ import annotations

import time

from tests.benchmarks import bench_shaping
from tests.benchmarks.bench_decide import agree, cases, compiled_policy
from tests.benchmarks.harness import Bench, measure


def test_the_if_chain_is_the_same_function() -> None:
    """On 2,000 random accesses the hand-written chain and `decide` give the same effect and rules."""
    agree(compiled_policy(20), cases(1))


def test_a_ratio_above_its_limit_is_not_ok() -> None:
    """Ratios are the bar: four times as slow as the peer fails a limit of 1.2 and passes one of 50."""
    slow, fast = (lambda: time.sleep(0.04)), (lambda: time.sleep(0.01))
    assert not measure(Bench("slow", slow, fast, 1.2, rounds=3)).ok
    within = measure(Bench("slow", slow, fast, 50, rounds=3))
    assert within.ok
    assert within.ratio is not None
    assert within.ratio > 1


def test_a_bench_is_closed_and_reports_without_a_peer() -> None:
    """A line without peer or limit is only reported; what it opened is closed."""
    closed: list[bool] = []
    result = measure(Bench("alone", lambda: None, rounds=2, close=lambda: closed.append(True)))
    assert (result.ok, result.ratio, result.peer, closed) == (True, None, None, [True])


def test_the_lines_of_shaping_run() -> None:
    """What the guard has inside may change; the lines that reach for it change with it."""
    lines = list(bench_shaping.benches())
    assert len(lines) == 3
    for line in lines:
        line.ours()
        assert line.peer is not None
        line.peer()
