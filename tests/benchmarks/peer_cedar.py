# ruff: noqa: E501 - a policy stands on one line
"""The twenty rules in Cedar, asked through cedarpy: permits, and as forbids what every permit implies.

Policies that concern all rules are forbids with `unless`, as Cedar's documentation has it; every attribute is
asked for with `has` before it is read. Three ways of asking: everything parsed before the access (policies
and even its entities, which no application can, as the facts are the access's own); policies parsed before,
entities handed over with the request; policies as text, which is what cedarpy's first page shows.
"""

from __future__ import annotations

import json
from typing import Any

import cedarpy
from tests.benchmarks.peers import ENDED, KEPT, OLD, Answer, Flat, Peer

__all__ = ["HANDED_OVER", "PARSED", "TEXT"]

_ON_ROW = (
    "deleted", "restricted", "age_floor_is_met", "account_is_active", "consent_training", "consent_updates",
    "objection_secure", "collected_under", "recorded", "keep_ended", "visibility",
)  # fmt: skip
_ON_ACCESS = (
    "purpose", "recipient", "now", "ticket_until", "second_person_approved", "job_is_live", "instrument_covers_it",
)  # fmt: skip


def _is(where: str, *names: str) -> str:
    return " && ".join(f"{where} has {name} && {where}.{name}" for name in names)


_OWN = '(context.purpose == "provide" || context.purpose == "honour") && resource.owner == principal'
_ADD = f'context.purpose == "provide" && resource.owner == principal && {_is("resource", "age_floor_is_met")}'
_PUBLIC = 'context.purpose == "provide" && resource has visibility && resource.visibility == "public"'
_TICKET = 'context.purpose == "secure" && context has ticket_until && context.now < context.ticket_until'
_LIVE = f'context.purpose == "provide" && {_is("context", "job_is_live")}'
_RIGHTS = 'action in [Action::"read", Action::"correct", Action::"export", Action::"delete"]'
_POLICIES = f"""
@id("forbid.sale0") forbid (principal, action == Action::"sell", resource);
@id("forbid.children0") forbid (principal, action == Action::"train", resource) unless {{ {_is("resource", "age_floor_is_met")} }};
@id("forbid.old0") forbid (principal, action == Action::"train", resource is message) when {{ context.purpose == "training" }} unless {{ resource has recorded && resource.recorded <= context.now && resource.recorded + {OLD} > context.now }};
@id("forbid.locked0") forbid (principal is staff, action == Action::"read", resource is photo) unless {{ resource has visibility && resource.visibility != "locked" }};
@id("version") forbid (principal, action, resource) unless {{ resource has collected_under && resource.collected_under == 1 }};
@id("tenant") forbid (principal, action, resource) unless {{ resource.tenant == principal.tenant }};
@id("kept") forbid (principal, action, resource is message) when {{ action != Action::"delete" }} unless {{ resource has recorded && resource.recorded <= context.now && resource.recorded + {KEPT} > context.now }};
@id("gone") forbid (principal, action, resource) when {{ !(principal is staff && action == Action::"disclose" && context.purpose == "law") }} unless {{ resource has deleted && !resource.deleted && resource has restricted && !resource.restricted && !(resource has keep_ended) }};
@id("ended") forbid (principal is staff, action == Action::"disclose", resource is photo) when {{ context.purpose == "law" && resource has keep_ended }} unless {{ resource.keep_ended <= context.now && context.now < resource.keep_ended + {ENDED} }};
@id("objection") forbid (principal, action, resource) when {{ context.purpose == "secure" }} unless {{ resource has objection_secure && !resource.objection_secure }};
@id("consent_training") forbid (principal, action, resource) when {{ context.purpose == "training" }} unless {{ {_is("resource", "consent_training")} }};
@id("consent_updates") forbid (principal, action, resource) when {{ context.purpose == "updates" }} unless {{ {_is("resource", "consent_updates")} }};
@id("permit.own_message0") permit (principal is subject, {_RIGHTS}, resource is message) when {{ {_OWN} }};
@id("permit.own_photo0") permit (principal is subject, {_RIGHTS}, resource is photo) when {{ {_OWN} }};
@id("permit.write_message0") permit (principal is subject, action == Action::"create", resource is message) when {{ {_ADD} }};
@id("permit.add_photo0") permit (principal is subject, action == Action::"create", resource is photo) when {{ {_ADD} }};
@id("permit.public_photo0") permit (principal is subject, action == Action::"read", resource is photo) when {{ {_PUBLIC} }};
@id("permit.guest_photo0") permit (principal is guest, action == Action::"read", resource is photo) when {{ {_PUBLIC} }};
@id("permit.staff_message0") permit (principal is staff, action == Action::"read", resource is message) when {{ {_TICKET} }};
@id("permit.staff_photo0") permit (principal is staff, action == Action::"read", resource is photo) when {{ {_TICKET} }};
@id("permit.take_down0") permit (principal is staff, action == Action::"delete", resource is photo) when {{ {_TICKET} && {_is("context", "second_person_approved")} }};
@id("permit.work_message0") permit (principal is service, action in [Action::"read", Action::"update"], resource is message) when {{ {_LIVE} }};
@id("permit.work_photo0") permit (principal is service, action in [Action::"read", Action::"create", Action::"update"], resource is photo) when {{ {_LIVE} }};
@id("permit.train_message0") permit (principal is service, action == Action::"train", resource is message) when {{ context.purpose == "training" }};
@id("permit.train_photo0") permit (principal is service, action == Action::"train", resource is photo) when {{ context.purpose == "training" && {_is("resource", "age_floor_is_met")} }};
@id("permit.news0") permit (principal is service, action == Action::"read", resource is message) when {{ context.purpose == "updates" && {_is("resource", "account_is_active")} }};
@id("permit.send0") permit (principal is service, action == Action::"share", resource is message) when {{ context has recipient && context.recipient == "model" && context.now >= 1704067200000000 && context.now < 1893456000000000 && {_LIVE} }};
@id("permit.court0") permit (principal is staff, action == Action::"disclose", resource) when {{ context.purpose == "law" && context has recipient && context.recipient == "courts" && {_is("context", "instrument_covers_it", "second_person_approved")} }};
"""
_parsed = cedarpy.PolicySet.from_str(_POLICIES)


def _request(facts: Flat) -> tuple[dict[str, Any], str]:
    actor, row = facts["actor"] or "-", facts["category"]
    attributes = {name: facts[name] for name in _ON_ROW if facts[name] is not None}
    attributes["tenant"] = facts["row_tenant"]
    attributes["owner"] = {"__entity": {"type": "subject", "id": facts["owner"]}}
    entities = [
        {"uid": {"type": facts["kind"], "id": actor}, "attrs": {"tenant": facts["tenant"]}, "parents": []},
        {"uid": {"type": row, "id": "1"}, "attrs": attributes, "parents": []},
    ]
    request = {
        "principal": f'{facts["kind"]}::"{actor}"',
        "action": f'Action::"{facts["operation"]}"',
        "resource": f'{row}::"1"',
        "context": json.dumps({name: facts[name] for name in _ON_ACCESS if facts[name] is not None}),
    }
    return request, json.dumps(entities)


def _with_handle(facts: Flat) -> tuple[dict[str, Any], cedarpy.Entities]:
    request, entities = _request(facts)
    return request, cedarpy.Entities.from_json_str(entities)


def _answer(found: Any) -> Answer:
    """The rules of the twenty that decided; what is implied is a forbid of its own here, and no rule there."""
    names = frozenset(found.diagnostics.id_annotations_by_reason.values())
    if "version" in names:
        return False, frozenset()
    return found.allowed, frozenset(name for name in names if "." in name)


def _ask(request: tuple[dict[str, Any], Any]) -> Any:
    return cedarpy.is_authorized(request[0], _parsed, request[1])


def _ask_with_text(request: tuple[dict[str, Any], str]) -> Any:
    return cedarpy.is_authorized(request[0], _POLICIES, request[1])


PARSED = Peer("cedarpy, policies and entities parsed before", _with_handle, _ask, _answer, "rules")
HANDED_OVER = Peer("cedarpy, policies parsed before", _request, _ask, _answer, "rules")
TEXT = Peer("cedarpy, policies as text", _request, _ask_with_text, _answer, "rules")
