"""Rate limits in memory, bounded: a flood of addresses cannot grow them (S15).

A sliding window of instants per key. What is full forgets its oldest key, so an attacker with many
addresses can at worst win back what the limits of other keys still hold.
"""

from __future__ import annotations

import ipaddress
from collections import OrderedDict, deque

from gptimage_core.clock import Instant

__all__ = ["Limits", "network"]


def network(address: str) -> str:
    """What one visitor holds: an IPv4 address, or the /64 that an IPv6 host draws its addresses from."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(found, ipaddress.IPv6Address):
        if found.ipv4_mapped is not None:
            return str(found.ipv4_mapped)
        return str(ipaddress.IPv6Network((found, 64), strict=False))
    return str(found)


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
