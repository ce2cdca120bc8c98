# ruff: noqa: E501 - a condition stands on one line
"""The twenty rules in casbin: lines of a policy with a condition each, and a matcher that evaluates it.

Conditions are text of casbin's own language, evaluated by `eval` in the matcher (its ABAC rules). Three ways:
`Enforcer`, which goes through every line; the same with a Python function for every condition instead of
casbin's language; and `FastEnforcer`, with the lines written out for every combination of kind, operation,
category and purpose, so that its index finds the few that speak of the access.
casbin raises where `eval` finds no line at all; that is read as a denial.
"""

from __future__ import annotations

import itertools
import logging
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import casbin
from casbin.model import FastModel, Model
from tests.benchmarks.peers import ENDED, KEPT, OLD, Answer, Flat, Peer
from tests.benchmarks.twenty_rules import RULES

__all__ = ["FUNCTIONS", "INDEXED", "LANGUAGE"]

_MODEL = """[request_definition]
r = kind, operation, category, purpose, f
[policy_definition]
p = kind, operation, category, purpose, name, when, eft
[policy_effect]
e = some(where (p.eft == allow)) && !some(where (p.eft == deny))
[matchers]
m = """
_SLOTS = (
    ("subject", "guest", "staff", "service"),
    ("read", "correct", "export", "delete", "create", "update", "share", "disclose", "train", "sell"),
    ("message", "photo"),
    ("provide", "honour", "secure", "training", "updates", "law"),
)
_OWN, _AGE = "r.f.actor == r.f.owner", "r.f.age_floor_is_met == True"
_TICKET, _SECOND = "r.f.ticket_until > r.f.now", "r.f.second_person_approved == True"
_LIVE, _PUBLIC = "r.f.job_is_live == True", "r.f.visibility == 'public'"
_WHEN = {
    "own_message": _OWN,
    "own_photo": _OWN,
    "write_message": f"{_OWN} and {_AGE}",
    "add_photo": f"{_OWN} and {_AGE}",
    "public_photo": _PUBLIC,
    "guest_photo": _PUBLIC,
    "staff_message": _TICKET,
    "staff_photo": _TICKET,
    "take_down": f"{_TICKET} and {_SECOND}",
    "work_message": _LIVE,
    "work_photo": _LIVE,
    "train_message": "True",
    "train_photo": _AGE,
    "news": "r.f.account_is_active == True",
    "send": f"r.f.recipient == 'model' and {_LIVE} and 1704067200000000 <= r.f.now and r.f.now < 1893456000000000",
    "court": f"r.f.recipient == 'courts' and r.f.instrument_covers_it == True and {_SECOND}",
    "sale": "True",
    "children": "r.f.age_floor_is_met != True",
    "locked": "r.f.visibility == None or r.f.visibility == 'locked'",
    "old": f"r.f.recorded == None or r.f.recorded > r.f.now or r.f.recorded + {OLD} <= r.f.now",
}
_CONSENTS = {
    "secure": "r.f.objection_secure == False",
    "training": "r.f.consent_training == True",
    "updates": "r.f.consent_updates == True",
}


def _implied(name: str, operation: str, category: str, purpose: str) -> list[str]:
    found = ["r.f.collected_under == 1 and r.f.row_tenant == r.f.tenant"]
    if name != "court":
        found.append("r.f.deleted == False and r.f.restricted == False and r.f.keep_ended == None")
    elif category == "photo":
        found.append(
            f"(r.f.keep_ended == None or r.f.keep_ended <= r.f.now and r.f.now < r.f.keep_ended + {ENDED})"
        )
    if category == "message" and operation != "delete":
        found.append(f"r.f.recorded != None and r.f.recorded <= r.f.now and r.f.recorded + {KEPT} > r.f.now")
    if purpose in _CONSENTS:
        found.append(_CONSENTS[purpose])
    return found


def _slots(who: str, may: str, what: str, for_: str) -> tuple[list[str], list[str], list[str], list[str]]:
    return (
        list(_SLOTS[0]) if who == "anyone" else [who],
        may.split(),
        list(_SLOTS[2]) if what == "anything" else what.split(),
        list(_SLOTS[3]) if for_ == "any_purpose" else for_.split(),
    )


def _lines() -> dict[tuple[str, ...], list[tuple[str, ...]]]:
    """Per rule and condition, the combinations it is for: what a rule implies depends on them."""
    found: dict[tuple[str, ...], list[tuple[str, ...]]] = {}
    for sort, name, who, may, what, for_, _, _ in RULES:
        for kind, operation, category, purpose in itertools.product(*_slots(who, may, what, for_)):
            when, effect = _WHEN[name], "deny"
            if sort == "permit":
                when, effect = " and ".join([*_implied(name, operation, category, purpose), when]), "allow"
            found.setdefault((f"{sort}.{name}0", when, effect), []).append(
                (kind, operation, category, purpose)
            )
    return found


def _enforcer(matcher: str) -> Any:
    """One line per rule and condition; its slots are sets that `r.… in p.…` looks into."""
    model = Model()
    model.load_model_from_text(_MODEL + matcher)
    enforcer = casbin.Enforcer(model)
    for rule, combinations in _lines().items():
        slots = [frozenset(each) for each in zip(*combinations, strict=True)]
        model.model["p"]["p"].policy.append([*slots, *rule])
    return enforcer


def _fast_enforcer() -> Any:
    model = FastModel([0, 1, 2, 3])
    model.load_model_from_text(_MODEL + "eval(p.when)")
    enforcer = casbin.FastEnforcer(model, cache_key_order=[0, 1, 2, 3])
    for rule, combinations in _lines().items():
        for each in combinations:
            model.model["p"]["p"].policy.append((*each, *rule))
    return enforcer


def _function(when: str) -> Callable[[Any], bool]:
    return eval(f"lambda f: bool({when.replace('r.f.', 'f.')})")  # type: ignore[no-any-return]


_SAME_SLOTS = (
    "r.kind in p.kind && r.operation in p.operation && r.category in p.category && r.purpose in p.purpose && "
)
_FUNCTIONS = {when: _function(when) for _, when, _ in _lines()}


def _holds(when: str, facts: Any) -> bool:
    return _FUNCTIONS[when](facts)


def _asking(enforcer: Any) -> Callable[[Any], Any]:
    def ask(request: Any) -> Any:
        try:
            return enforcer.enforce(*request)
        except RuntimeError as error:
            if "make sure rule exists" not in str(error):
                raise
            return False

    return ask


def _request(facts: Flat) -> Any:
    return (
        facts["kind"],
        facts["operation"],
        facts["category"],
        facts["purpose"],
        SimpleNamespace(**facts),
    )


def _answer(found: bool) -> Answer:
    return found, frozenset()


def _peer(name: str, enforcer: Any) -> Peer:
    # It logs each decision, a denial as a warning: nobody reads them here, and writing them is not deciding.
    enforcer.logger.disabled = True
    enforcer.logger.setLevel(logging.CRITICAL)
    return Peer(name, _request, _asking(enforcer), _answer, "none")


_with_functions = _enforcer(_SAME_SLOTS + "holds(p.when, r.f)")
_with_functions.add_function("holds", _holds)
LANGUAGE = _peer("casbin, rules in its language", _enforcer(_SAME_SLOTS + "eval(p.when)"))
FUNCTIONS = _peer("casbin, conditions as Python functions", _with_functions)
INDEXED = _peer("casbin, rules in its language, indexed", _fast_enforcer())
