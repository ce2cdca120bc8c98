"""What each engine does when the attribute that a prohibition reads is not known: the table of docs/peers.md.

One permit that allows, and one prohibition written the plain way, as each engine's first page would have it,
without a guard against a missing attribute, because that is what people forget. Three attributes: a yes or
no, a word, a number.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import Any

import casbin
import cedarpy
import zen
from casbin.model import Model

from gptimage_core.decision.compile import compile_timeline
from gptimage_core.decision.decide import decide
from gptimage_core.decision.model import Access, Actor, Effect, Facts, RowFacts
from gptimage_core.policy.loader import parse_document
from gptimage_core.policy.timeline import single

__all__ = ["ENGINES", "PROHIBITIONS", "outcome", "table"]

_UNKNOWN = object()
# attribute: what forbids, what does not
PROHIBITIONS: dict[str, tuple[Any, Any]] = {
    "flagged": (True, False),
    "visibility": ("locked", "public"),
    "reports": (4, 3),
}
_PLAIN = {
    "zen-engine": {
        "flagged": "not (flagged == true)",
        "visibility": "not (visibility == 'locked')",
        "reports": "not (reports > 3)",
    },
    "cedarpy": {
        "flagged": "resource.flagged",
        "visibility": 'resource.visibility == "locked"',
        "reports": "resource.reports > 3",
    },
    "casbin": {
        "flagged": "r.row.flagged == True",
        "visibility": "r.row.visibility == 'locked'",
        "reports": "r.row.reports > 3",
    },
    "gptimage": {
        "flagged": '{ fact = "flagged", is = [true] }',
        "visibility": '{ fact = "visibility", is = ["locked"] }',
        "reports": '{ fact = "reports", at_least = 4 }',
    },
}


def _zen(forbids: str, row: Mapping[str, Any]) -> bool:
    return zen.compile_expression(f"owner == actor and {forbids}").evaluate(
        {"owner": "ann", "actor": "ann", **row}
    )  # type: ignore[no-any-return]


def _cedar(forbids: str, row: Mapping[str, Any]) -> bool:
    policies = (
        f"permit (principal, action, resource); forbid (principal, action, resource) when {{ {forbids} }};"
    )
    entities = [{"uid": {"type": "Row", "id": "1"}, "attrs": dict(row), "parents": []}]
    asked = {"principal": 'User::"ann"', "action": 'Action::"read"', "resource": 'Row::"1"'}
    return cedarpy.is_authorized(asked, policies, json.dumps(entities)).allowed


def _casbin(forbids: str, row: Mapping[str, Any]) -> bool:
    model = Model()
    model.load_model_from_text(
        "[request_definition]\nr = act, row\n[policy_definition]\np = act, when, eft\n[policy_effect]\n"
        "e = some(where (p.eft == allow)) && !some(where (p.eft == deny))\n"
        "[matchers]\nm = r.act == p.act && eval(p.when)\n"
    )
    enforcer = casbin.Enforcer(model)
    enforcer.logger.disabled = True
    enforcer.add_policy("read", "True", "allow")
    enforcer.add_policy("read", forbids, "deny")
    return enforcer.enforce("read", SimpleNamespace(**row))  # type: ignore[no-any-return]


_POLICY = """
language = 1
id = "missing"
title = "Missing"
controller = {{ name = "B", country = "NL", contact = "b@b.example" }}
purpose.show = {{ says = "show it", basis = "contract" }}
category.picture = {{ says = "pictures", clauses = ["S6"] }}
[fact.{name}]
says = "the {name}"
type = "{type}"
of = "row"
[permit.all]
who = ["subject"]
may = ["read"]
what = ["picture"]
for = ["show"]
when = ["row_is_own"]
clauses = ["S7"]
[forbid.some]
who = ["anyone"]
may = ["read"]
what = ["picture"]
for = ["any_purpose"]
when = [{forbids}]
clauses = ["S7"]
"""
_TYPES = {"flagged": "boolean", "visibility": "text", "reports": "integer"}


def _ours(forbids: str, row: Mapping[str, Any]) -> bool:
    name = next(each for each in PROHIBITIONS if f'"{each}"' in forbids)
    text = _POLICY.format(name=name, type=_TYPES[name], forbids=forbids)
    compiled = compile_timeline(single(parse_document(text)))
    access = Access(Actor.subject("ann"), "show", "read", "picture")
    person = {"deleted": False, "restricted": False}
    values = {"collected_under": 1, "recorded": 1, "keep_ended": None, **row}
    decision = decide(compiled, access, Facts({}, RowFacts("main", ("ann",), {"ann": person}, values)), 2)
    assert decision.effect is Effect.ALLOW or decision.rules == ("forbid.some",), decision
    return decision.effect is Effect.ALLOW


ENGINES: dict[str, Callable[[str, Mapping[str, Any]], bool]] = {
    "zen-engine": _zen,
    "cedarpy": _cedar,
    "casbin": _casbin,
    "gptimage": _ours,
}


def outcome(engine: str, attribute: str, value: Any = _UNKNOWN) -> str:
    """`allows`, `denies` or `raises`: the answer with the attribute at `value`, or not known at all."""
    row = {} if value is _UNKNOWN else {attribute: value}
    try:
        allowed = ENGINES[engine](_PLAIN[engine][attribute], row)
    except AssertionError:
        raise
    except Exception:  # whatever an engine raises is its answer here
        return "raises"
    return "allows" if allowed else "denies"


def table() -> str:
    """The table of docs/peers.md: a row per engine, a column per prohibition, `**allows**` in bold."""
    lines = ["| | a yes or no | a word | a number |", "|-|-|-|-|"]
    for engine in ENGINES:
        found = [outcome(engine, each) for each in PROHIBITIONS]
        cells = ["**allows**" if each == "allows" else each for each in found]
        lines.append(f"| {engine} | {' | '.join(cells)} |")
    return "\n".join(lines)
