"""Measuring beside a peer: interleaved medians, ratios as the bar, absolutes only reported.

A benchmark module of this package exposes `def benches() -> Iterable[Bench]`; it says there what is compared
and why that is fair, and asserts that both sides give the same before it yields. How each line is measured:

 1. both sides warm up, for three calls and some batch's time; then what lives is frozen out of the collector
 2. rounds: a short batch of each, right after one another, which side first changing from round to round, the
    collector run before each batch and off in it. So what else the machine does falls on both alike
 3. the ratio is the median of the rounds' ratios, and not the ratio of two medians: a slow second of the
    machine makes both of a round's figures larger, and leaves their ratio
"""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import cast

__all__ = ["Bench", "Result", "measure"]

_BATCH_SECONDS, _WARM_CALLS = 0.01, 3


def _nothing() -> None:
    """The default for a bench that has nothing to close."""


@dataclass(frozen=True)
class Bench:
    """One line of the table: `ours` and `peer` do the same work once (`per` units of it).

    `limit` is the largest ratio that is allowed; `None` reports only, as does a missing peer. `rounds` is how
    many batches of each are timed; `close` runs at the end. `self_timed`: both sides give the seconds that
    they measured themselves (in a process of their own), and those count.
    """

    name: str
    ours: Callable[[], object]
    peer: Callable[[], object] | None = None
    limit: float | None = None
    per: int = 1
    rounds: int = 51
    self_timed: bool = False
    close: Callable[[], object] = field(default=_nothing)


@dataclass(frozen=True)
class Result:
    """Medians in microseconds a unit. `ratio` is the median of the rounds' ratios."""

    name: str
    ours: float
    peer: float | None
    ratio: float | None
    limit: float | None
    ok: bool


def measure(bench: Bench) -> Result:
    """Time both sides in turns; see the docstring of this module."""
    ours: list[float] = []
    peers: list[float] = []
    try:
        sides = [(bench.ours, _calls(bench.ours), ours)]
        if bench.peer:
            sides.append((bench.peer, _calls(bench.peer), peers))
        gc.collect()
        gc.freeze()
        for _ in range(bench.rounds):
            for work, calls, times in sides:
                seconds = cast(float, work()) if bench.self_timed else _batch(work, calls)
                times.append(seconds / bench.per * 1e6)
            sides.reverse()
    finally:
        gc.unfreeze()
        bench.close()
    if not peers:
        return Result(bench.name, statistics.median(ours), None, None, bench.limit, bench.limit is None)
    ratio = statistics.median(a / b for a, b in zip(ours, peers, strict=True))
    ok = bench.limit is None or ratio <= bench.limit
    return Result(bench.name, statistics.median(ours), statistics.median(peers), ratio, bench.limit, ok)


def _calls(work: Callable[[], object]) -> int:
    """How many calls fill a batch, after warming up."""
    for _ in range(_WARM_CALLS):
        work()
    start = time.perf_counter()
    calls = 0
    while calls < 10_000 and time.perf_counter() - start < _BATCH_SECONDS:
        work()
        calls += 1
    return max(1, calls)


def _batch(work: Callable[[], object], calls: int) -> float:
    """Seconds a call."""
    gc.collect()
    gc.disable()
    try:
        start = time.perf_counter()
        for _ in range(calls):
            work()
        return (time.perf_counter() - start) / calls
    finally:
        gc.enable()
