"""Measuring beside a peer: interleaved medians, ratios as the bar, absolutes only reported.

A benchmark module of this package exposes `def benches() -> Iterable[Bench]`. Both sides of a `Bench` are
called in turns (A B A B …), so that what the machine does meanwhile falls on both alike.
"""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field

__all__ = ["Bench", "Result", "measure"]

_BATCH_SECONDS = 0.02


def _nothing() -> None:
    """The default for a bench that has nothing to close."""


@dataclass(frozen=True)
class Bench:
    """One line of the table: `ours` and `peer` do the same work once (`per` units of it).

    `limit` is the largest ratio that is allowed; `None` reports only, as does a missing peer. `rounds` is how
    many batches of each are timed; `close` runs at the end.
    """

    name: str
    ours: Callable[[], object]
    peer: Callable[[], object] | None = None
    limit: float | None = None
    per: int = 1
    rounds: int = 25
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
    """Time both sides in turns; the garbage collector runs between batches only."""
    try:
        calls = _calls(bench.ours)
        peer_calls = _calls(bench.peer) if bench.peer else 0
        ours: list[float] = []
        peers: list[float] = []
        for _ in range(bench.rounds):
            ours.append(_batch(bench.ours, calls) / bench.per * 1e6)
            if bench.peer:
                peers.append(_batch(bench.peer, peer_calls) / bench.per * 1e6)
    finally:
        bench.close()
    if not peers:
        return Result(bench.name, statistics.median(ours), None, None, bench.limit, bench.limit is None)
    ratio = statistics.median(a / b for a, b in zip(ours, peers, strict=True))
    ok = bench.limit is None or ratio <= bench.limit
    return Result(bench.name, statistics.median(ours), statistics.median(peers), ratio, bench.limit, ok)


def _calls(work: Callable[[], object]) -> int:
    """How many calls fill a batch; the first one warms up."""
    work()
    start = time.perf_counter()
    work()
    once = time.perf_counter() - start
    return max(1, min(10_000, int(_BATCH_SECONDS / max(once, 1e-7))))


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
