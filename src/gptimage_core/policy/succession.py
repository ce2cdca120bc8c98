"""Whether one timeline may follow another while rows are held to the first.

INVARIANT (history-stands): at every instant up to the change both timelines decide alike. So a statement that
runs meanwhile is decided the same by either, and a row finds the version it was collected under (X11). What
may change is what has not taken effect: versions may be added, replaced or taken back before their day (S44).
"""

from __future__ import annotations

from collections.abc import Iterator

from gptimage_core.clock import Instant, to_iso
from gptimage_core.errors import PolicyError
from gptimage_core.policy.findings import Finding
from gptimage_core.policy.timeline import Timeline, Version

__all__ = ["check_succession"]


def check_succession(last: Timeline, new: Timeline, now: Instant) -> None:
    """Raise `PolicyError` with every way in which `new` rewrites what `last` has decided by `now`."""
    findings = [*_kept(last, new, now), *_added(last, new, now)]
    if findings:
        raise PolicyError(findings=findings)


def _kept(last: Timeline, new: Timeline, now: Instant) -> Iterator[Finding]:
    for old in last.versions:
        if old.effective > now:
            continue
        again = new.version(old.number)
        if again is None:
            yield _rewritten(
                new.versions[0],
                f"version `{old.number}` is gone, and rows were collected under it",
                "put it back: a row is held to its version and to every one since",
            )
        elif again.digest != old.digest:
            yield _rewritten(
                again,
                f"version `{old.number}` has taken effect and was rewritten",
                "leave it as it was, and announce the change as a new version",
            )
        elif (again.announced, again.effective) != (old.announced, old.effective):
            yield _rewritten(
                again,
                f"version `{old.number}` has taken effect and was given other dates",
                f"it was announced {to_iso(old.announced)} and took effect {to_iso(old.effective)}",
            )


def _added(last: Timeline, new: Timeline, now: Instant) -> Iterator[Finding]:
    for each in new.versions:
        old = last.version(each.number)
        if each.effective <= now and (old is None or old.effective > now):
            yield _rewritten(
                each,
                f"version `{each.number}` would have taken effect already, at {to_iso(each.effective)}",
                "give it a later `effective`: a change is announced before it takes effect (S44)",
            )


def _rewritten(version: Version, message: str, hint: str) -> Finding:
    return Finding(version.source.file, 1, 1, "history", message, hint)
