# ruff: noqa: E501 - a condition stands on one line
"""The twenty rules as one compiled expression of zen-engine (GoRules), with the rules that decided or without.

One expression beats one per rule by far, because turning the Python dict into zen's own values is most of its
time; so does short-circuiting by kind. `null` stands for what is not known and never satisfies a permit.
The dict is handed over as it is; zen takes JSON text too, which somebody would have to make per access first.
"""

from __future__ import annotations

from typing import Any

import zen
from tests.benchmarks.peers import ENDED, KEPT, OLD, Answer, Flat, Peer

__all__ = ["EFFECT_ONLY", "WITH_RULES"]

_LAW = "kind == 'staff' and operation == 'disclose' and purpose == 'law'"
_FORBIDS = {
    "sale": "operation == 'sell'",
    "children": "operation == 'train' and age_floor_is_met != true",
    "old": f"operation == 'train' and category == 'message' and purpose == 'training' and (recorded == null or recorded > now or recorded + {OLD} <= now)",
    "locked": "kind == 'staff' and operation == 'read' and category == 'photo' and (visibility == null or visibility == 'locked')",
}
_IMPLIED = (
    "row_tenant == tenant",
    f"(category != 'message' or operation == 'delete' or recorded != null and recorded <= now and recorded + {KEPT} > now)",
    f"({_LAW} ? category != 'photo' or keep_ended == null or keep_ended <= now and now < keep_ended + {ENDED} : deleted == false and restricted == false and keep_ended == null)",
    "(purpose != 'secure' or objection_secure == false)",
    "(purpose != 'training' or consent_training == true)",
    "(purpose != 'updates' or consent_updates == true)",
)
_PUBLIC = "operation == 'read' and category == 'photo' and purpose == 'provide' and visibility == 'public'"
_OWN = "actor == owner and operation in ['read', 'correct', 'export', 'delete'] and purpose in ['provide', 'honour']"
_ADD = "actor == owner and operation == 'create' and purpose == 'provide' and age_floor_is_met == true"
_TICKET = "ticket_until != null and now < ticket_until and purpose == 'secure'"
_LIVE = "job_is_live == true and purpose == 'provide'"
_PERMITS = {
    "subject": {
        "own_{}": _OWN,
        "write_message": f"category == 'message' and {_ADD}",
        "add_photo": f"category == 'photo' and {_ADD}",
        "public_photo": _PUBLIC,
    },
    "guest": {"guest_photo": _PUBLIC},
    "staff": {
        "staff_{}": f"operation == 'read' and {_TICKET}",
        "take_down": f"operation == 'delete' and category == 'photo' and {_TICKET} and second_person_approved == true",
        "court": "operation == 'disclose' and purpose == 'law' and recipient == 'courts' and instrument_covers_it == true and second_person_approved == true",
    },
    "service": {
        "work_{}": f"(operation in ['read', 'update'] or operation == 'create' and category == 'photo') and {_LIVE}",
        "send": f"operation == 'share' and category == 'message' and recipient == 'model' and {_LIVE} and now >= 1704067200000000 and now < 1893456000000000",
        "train_message": "operation == 'train' and purpose == 'training' and category == 'message'",
        "train_photo": "operation == 'train' and purpose == 'training' and category == 'photo' and age_floor_is_met == true",
        "news": "operation == 'read' and category == 'message' and purpose == 'updates' and account_is_active == true",
    },
}


def _effect() -> str:
    forbidden = " or ".join(f"({each})" for each in _FORBIDS.values())
    by_kind = "false"
    for kind, permits in reversed(_PERMITS.items()):
        some = " or ".join(f"({each})" for each in permits.values())
        by_kind = f"(kind == '{kind}' ? ({some}) : {by_kind})"
    return f"collected_under == 1 and not ({forbidden}) and {' and '.join(_IMPLIED)} and {by_kind}"


def _rules() -> str:
    """The forbids that fire, whether what is implied holds, and the permits that hold."""

    def named(kind: str, name: str, when: str) -> str:
        if "{}" not in name:
            return f"{when} ? '{kind}.{name}0' : null"
        both = (f"'{kind}.{name.format(each)}0'" for each in ("message", "photo"))
        return f"{when} ? (category == 'message' ? {' : '.join(both)}) : null"

    forbids = ", ".join(named("forbid", name, when) for name, when in _FORBIDS.items())
    by_kind = "[]"
    for kind, permits in reversed(_PERMITS.items()):
        held = ", ".join(named("permit", name, when) for name, when in permits.items())
        by_kind = f"kind == '{kind}' ? [{held}] : {by_kind}"
    implied = " and ".join(_IMPLIED)
    return f"collected_under == 1 ? {{ forbids: [{forbids}], implied: {implied}, permits: {by_kind} }} : null"


_compiled_effect = zen.compile_expression(_effect())
_compiled_rules = zen.compile_expression(_rules())
_NOTHING: frozenset[str] = frozenset()


def _ask(request: Flat) -> Answer:
    """Evaluate, and read the rules off: what `decide` gives, but for the nearest conditions."""
    found: dict[str, Any] | None = _compiled_rules.evaluate(request)
    if found is None:
        return False, _NOTHING
    fired = [each for each in found["forbids"] if each]
    if fired:
        return False, frozenset(fired)
    held = [each for each in found["permits"] if each]
    return (True, frozenset(held)) if held and found["implied"] else (False, _NOTHING)


WITH_RULES = Peer("zen-engine, compiled, with rules", dict, _ask, lambda found: found, "rules")
EFFECT_ONLY = Peer(
    "zen-engine, compiled, effect only",
    dict,
    _compiled_effect.evaluate,
    lambda found: (found is True, _NOTHING),
    "none",
)
