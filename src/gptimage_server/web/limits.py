"""Rate limits in memory, bounded: a flood of addresses cannot grow them (S15).

A sliding window of instants per key. What is full forgets its oldest key, so an attacker with many
addresses can at worst win back what the limits of other keys still hold.
"""

from __future__ import annotations

from collections import OrderedDict, deque

from gptimage_core.clock import Instant

__all__ = ["Limits"]


class Limits:
    """`take` answers at once and counts only what it lets through. Not shared between processes."""

    def __init__(self, keys: int = 20_000) -> None:
        self._keys = keys
        self._seen: OrderedDict[str, deque[Instant]] = OrderedDict()

    def take(self, key: str, *, limit: int, window: int, now: Instant) -> int:
        """0 when one more is within `limit` per `window` (microseconds); else the seconds to wait."""
        seen = self._seen.setdefault(key, deque())
        self._seen.move_to_end(key)
        while seen and seen[0] <= now - window:
            seen.popleft()
        if len(seen) >= limit:
            return max(1, -(-(seen[0] + window - now) // 1_000_000))
        seen.append(now)
        while len(self._seen) > self._keys:
            self._seen.popitem(last=False)
        return 0
