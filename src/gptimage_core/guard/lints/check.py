"""All lints at once; what was accepted with a reason does not stop a start, and stands in the data map.

INVARIANT (nothing-accepted-in-silence): a fault that does not stop the start is named, with its reason, in
the data map, in its digest and in `datamap.lock`; an exception that nothing needs stops the start itself.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
from msgspec import Struct

from gptimage_core.errors import PolicyError
from gptimage_core.guard.lints import columns, links, objects, uniqueness
from gptimage_core.guard.lints.codes import LINTS, NOTES
from gptimage_core.guard.lints.described import Fault, Schema
from gptimage_core.policy.binding import DataMap

__all__ = ["Verdict", "check", "judge"]


class Verdict(Struct, frozen=True):
    """`faults` stop the start; `accepted` would, without their reasons; `notes` are worth knowing."""

    faults: tuple[Fault, ...]
    accepted: tuple[Fault, ...]
    notes: tuple[Fault, ...]


def judge(schema: Schema, datamap: DataMap) -> Verdict:
    """Hold the schema against the data map; pure, and the same for every database."""
    found = sorted({_with_hint(fault) for fault in _all(schema, datamap)})
    by_key = {fault.key: fault for fault in found}
    reasons = {each.what: each.reason for each in datamap.accepted}
    may = {key for key, reason in reasons.items() if reason.strip() and _may(key)}
    wrong = [fault for key, reason in reasons.items() for fault in _not_accepted(key, reason, by_key)]
    return Verdict(
        tuple(sorted([*(f for f in found if f.key not in may), *wrong])),
        tuple(fault for fault in found if fault.key in may),
        tuple(sorted(_noted(schema, datamap))),
    )


def check(schema: Schema, datamap: DataMap) -> tuple[Fault, ...]:
    """The notes; raises `PolicyError` with every fault at once."""
    verdict = judge(schema, datamap)
    if verdict.faults:
        raise PolicyError(findings=verdict.faults)
    return verdict.notes


def _all(schema: Schema, datamap: DataMap) -> Iterator[Fault]:
    for lint in (columns, uniqueness, links, objects):
        yield from lint.faults(schema, datamap)


def _noted(schema: Schema, datamap: DataMap) -> Iterator[Fault]:
    for each in (*uniqueness.notes(schema, datamap), *objects.notes(schema, datamap)):
        yield msgspec.structs.replace(each, hint=each.hint or NOTES[each.code].do)


def _with_hint(fault: Fault) -> Fault:
    lint = LINTS[fault.code]
    hint = fault.hint or lint.do
    if lint.may_be_accepted:
        hint += f'; or say why it stays: accept={{"{fault.key}": "…"}}'
    return msgspec.structs.replace(fault, hint=hint)


def _may(key: str) -> bool:
    lint = LINTS.get(key.partition(":")[0])
    return lint is not None and lint.may_be_accepted


def _not_accepted(key: str, reason: str, found: dict[str, Fault]) -> Iterator[Fault]:
    place = key.partition(":")[2] or key
    do = LINTS["accept"].do
    if not reason.strip():
        yield Fault(place, "accept", f"`{key}` is accepted without a reason", do)
    if key not in found:
        near = ", ".join(f"`{each}`" for each in sorted(found) if _may(each))
        hint = f"{do}; found: {near}" if near else do
        yield Fault(place, "accept", f"`{key}` is accepted, and nothing of that kind is there", hint)
    elif not _may(key):
        yield Fault(place, "accept", f"`{key}` cannot be accepted", LINTS[found[key].code].do)
