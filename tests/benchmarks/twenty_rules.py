# ruff: noqa: E501, SIM102 - the rules stand one to a line; the chain is written as people write it
"""Twenty rules as a policy, and the same twenty rules as the if-chain that somebody would write by hand."""

from __future__ import annotations

import random

from gptimage_core.clock import DAY, Instant
from gptimage_core.decision.model import Access, Actor, Facts, RowFacts, Value

__all__ = ["NOW", "RULES", "chain", "policy", "random_case"]

NOW: Instant = 1_772_000_000_000_000
_CONTRACT_SINCE, _CONTRACT_UNTIL = 1_704_067_200_000_000, 1_893_456_000_000_000
_KEPT = 1500 * DAY

_HEAD = """language = 1
id = "bench"
title = "Bench"
controller = { name = "X", country = "NL", contact = "x@example.org" }
purpose.provide = { says = "serve you", basis = "contract" }
purpose.honour = { says = "honour rights", basis = "legal_obligation" }
purpose.secure = { says = "keep it safe", basis = "legitimate_interest" }
purpose.training = { says = "train", basis = "consent" }
purpose.updates = { says = "send news", basis = "consent" }
purpose.law = { says = "obey", basis = "legal_obligation" }
consent.training = { says = "train on mine", purposes = ["training"] }
consent.updates = { says = "news", purposes = ["updates"] }
fact.visibility = { says = "who sees it", type = "text", of = "row" }
[recipient.model]
says = "a model provider"
role = "processor"
countries = ["NL"]
purposes = ["provide"]
contract = { signed = 2024-01-01, until = 2030-01-01 }
[recipient.courts]
says = "courts"
role = "authority"
countries = ["NL"]
purposes = ["law"]
"""

_CATEGORIES = """
[category.message{n}]
says = "messages"
gone_after = {{ days = 1500, from = "recorded" }}
[category.photo{n}]
says = "photos"
keep_until = ["item_deleted"]
gone_after = {{ days = 30, from = "keep_ended" }}
"""

# kind, name, who, may, what, for, when, more
RULES: tuple[tuple[str, str, str, str, str, str, str, str], ...] = (
    ("permit", "own_message", "subject", "read correct export delete", "message", "provide honour", '"row_is_own"', ""),
    ("permit", "own_photo", "subject", "read correct export delete", "photo", "provide honour", '"row_is_own"', ""),
    ("permit", "write_message", "subject", "create", "message", "provide", '"row_is_own", "age_floor_is_met"', ""),
    ("permit", "add_photo", "subject", "create", "photo", "provide", '"row_is_own", "age_floor_is_met"', ""),
    ("permit", "public_photo", "subject", "read", "photo", "provide", '{ fact = "visibility", is = ["public"] }', ""),
    ("permit", "guest_photo", "guest", "read", "photo", "provide", '{ fact = "visibility", is = ["public"] }', ""),
    ("permit", "staff_message", "staff", "read", "message", "secure", '"ticket_is_open"', "then = [{ max_rows = 20 }]"),
    ("permit", "staff_photo", "staff", "read", "photo", "secure", '"ticket_is_open"', "then = [{ max_rows = 20 }]"),
    ("permit", "take_down", "staff", "delete", "photo", "secure", '"ticket_is_open", "second_person_approved"', ""),
    ("permit", "work_message", "service", "read update", "message", "provide", '"job_is_live"', ""),
    ("permit", "work_photo", "service", "read create update", "photo", "provide", '"job_is_live"', ""),
    ("permit", "train_message", "service", "train", "message", "training", '"always"', ""),
    ("permit", "train_photo", "service", "train", "photo", "training", '"age_floor_is_met"', ""),
    ("permit", "news", "service", "read", "message", "updates", '"account_is_active"', ""),
    ("permit", "send", "service", "share", "message", "provide", '"job_is_live"', 'to = ["model"]'),
    ("permit", "court", "staff", "disclose", "message photo", "law", '"instrument_covers_it", "second_person_approved"',
     'to = ["courts"]\neven_when = ["deleted", "restricted"]'),
    ("forbid", "sale", "anyone", "sell", "anything", "any_purpose", '"always"', ""),
    ("forbid", "children", "anyone", "train", "message photo", "any_purpose", '{ not = "age_floor_is_met" }', ""),
    ("forbid", "locked", "staff", "read", "photo", "any_purpose", '{ fact = "visibility", is = ["locked"] }', ""),
    ("forbid", "old", "anyone", "train", "message", "training", '{ older_than = { days = 1000 } }', ""),
)  # fmt: skip


def policy(count: int) -> str:
    """`count` rules (a multiple of 20): the twenty of `RULES` again and again, each time of two categories."""
    parts = [_HEAD]
    for n in range(count // 20):
        parts.append(_CATEGORIES.format(n=n))
        for kind, name, who, may, what, for_, when, more in RULES:
            about = what if what == "anything" else " ".join(f"{each}{n}" for each in what.split())
            if name == "sale" and n:
                about = f"message{n} photo{n}"
            parts.append(
                f"[{kind}.{name}{n}]\nwho = {_list(who)}\nmay = {_list(may)}\nwhat = {_list(about)}\n"
                f'for = {_list(for_)}\nwhen = [{when}]\nclauses = ["S7"]\n{more}\n'
            )
    return "\n".join(parts)


def _list(words: str) -> str:
    return "[" + ", ".join(f'"{word}"' for word in words.split()) + "]"


def random_case(random: random.Random, pairs: int) -> tuple[Access, Facts]:
    """An access that some rule usually speaks of, with facts that usually allow it."""
    _, _, who, may, what, for_, _, more = random.choice(RULES)
    n = random.randrange(pairs)
    usual = random.random() < 0.8
    kind = who if who != "anyone" else "service"
    operation = random.choice(may.split()) if usual else random.choice(("read", "delete", "sell", "train"))
    category = random.choice(("message", "photo") if what == "anything" else what.split())
    purpose = "provide" if for_ == "any_purpose" else random.choice(for_.split())
    recipient = "model" if "model" in more else "courts" if "courts" in more else None
    actor = Actor(kind, None if kind == "guest" else random.choice(("ann", "ann", "bob")))

    def often(value: Value, *others: Value) -> Value:
        return value if random.random() < 0.9 else random.choice(others)

    access: dict[str, Value] = {
        "ticket_until": NOW + random.choice((DAY, DAY, -DAY)),
        "second_person_approved": often(True, False, None),
        "job_is_live": often(True, False, None),
        "instrument_covers_it": often(True, False, None),
    }
    person: dict[str, Value] = {
        "deleted": often(False, True, None),
        "restricted": often(False, True, None),
        "age_floor_is_met": often(True, False, None),
        "account_is_active": often(True, False, None),
        "consent:training": often(True, False, None),
        "consent:updates": often(True, False, None),
        "objection:secure": often(False, True, None),
    }
    values: dict[str, Value] = {
        "collected_under": often(1, 2, None),
        "recorded": NOW - random.choice((1, 900, 1200, 1600)) * DAY,
        "keep_ended": often(None, NOW - DAY, NOW - 40 * DAY),
        "visibility": random.choice(("public", "private", "locked")),
    }
    row = RowFacts("main" if random.random() < 0.95 else "other", ("ann",), {"ann": person}, values)
    return Access(actor, purpose, operation, f"{category}{n}", recipient), Facts(access, row)


def chain(access: Access, facts: Facts, now: Instant) -> tuple[bool, list[str], list[str]]:
    """The twenty rules by hand, for rows of one person: allowed, the rules, what is missing."""
    row = facts.row
    assert row is not None
    values, known = row.values, facts.access
    kind, operation, category, purpose = access.actor.kind, access.operation, access.category, access.purpose
    if values.get("collected_under") != 1:
        return False, [], ["version"]
    subject = row.subjects[0] if row.subjects else None
    person = row.people.get(subject, {}) if subject is not None else {}
    recorded = values.get("recorded")
    denied: list[str] = []
    if operation == "sell":
        denied.append("forbid.sale0")
    if operation == "train" and person.get("age_floor_is_met") is not True:
        denied.append("forbid.children0")
    if operation == "train" and category == "message0" and purpose == "training":
        if recorded is None or recorded > now or recorded + 1000 * DAY <= now:
            denied.append("forbid.old0")
    if kind == "staff" and operation == "read" and category == "photo0":
        if values.get("visibility") is None or values.get("visibility") == "locked":
            denied.append("forbid.locked0")
    if denied:
        return False, denied, []
    missing: list[str] = []
    if row.tenant != access.actor.tenant:
        missing.append("tenant")
    ended = values.get("keep_ended", 0)
    if category == "message0":
        if operation != "delete" and (recorded is None or recorded > now or recorded + _KEPT <= now):
            missing.append("ceiling")
    lifted = kind == "staff" and operation == "disclose" and purpose == "law"
    if lifted:
        if category == "photo0" and ended is not None and not (ended <= now < ended + 30 * DAY):
            missing.append("ceiling")
    else:
        if person.get("deleted") is not False:
            missing.append("deleted")
        if person.get("restricted") is not False:
            missing.append("restricted")
        if ended is not None:
            missing.append("keep_ended")
    if purpose == "secure" and person.get("objection:secure") is not False:
        missing.append("objection")
    if purpose == "training" and person.get("consent:training") is not True:
        missing.append("consent:training")
    if purpose == "updates" and person.get("consent:updates") is not True:
        missing.append("consent:updates")
    ticket = known.get("ticket_until")
    open_ = ticket is not None and now < ticket
    own = subject is not None and access.actor.id == subject
    held: list[str] = []
    if kind == "subject":
        if operation in ("read", "correct", "export", "delete") and purpose in ("provide", "honour"):
            if category == "message0":
                if own:
                    held.append("permit.own_message0")
                else:
                    missing.append("own")
            if category == "photo0":
                if own:
                    held.append("permit.own_photo0")
                else:
                    missing.append("own")
        if operation == "create" and purpose == "provide":
            if not own:
                missing.append("own")
            if person.get("age_floor_is_met") is not True:
                missing.append("age_floor_is_met")
            if own and person.get("age_floor_is_met") is True:
                if category == "message0":
                    held.append("permit.write_message0")
                if category == "photo0":
                    held.append("permit.add_photo0")
        if operation == "read" and category == "photo0" and purpose == "provide":
            if values.get("visibility") == "public":
                held.append("permit.public_photo0")
            else:
                missing.append("visibility")
    if kind == "guest" and operation == "read" and category == "photo0" and purpose == "provide":
        if values.get("visibility") == "public":
            held.append("permit.guest_photo0")
        else:
            missing.append("visibility")
    if kind == "staff":
        if operation == "read" and purpose == "secure":
            if not open_:
                missing.append("ticket")
            elif category == "message0":
                held.append("permit.staff_message0")
            elif category == "photo0":
                held.append("permit.staff_photo0")
        if operation == "delete" and category == "photo0" and purpose == "secure":
            if not open_:
                missing.append("ticket")
            if known.get("second_person_approved") is not True:
                missing.append("second_person_approved")
            if open_ and known.get("second_person_approved") is True:
                held.append("permit.take_down0")
        if lifted and access.recipient == "courts":
            if known.get("instrument_covers_it") is not True:
                missing.append("instrument_covers_it")
            elif known.get("second_person_approved") is not True:
                missing.append("second_person_approved")
            else:
                held.append("permit.court0")
    if kind == "service":
        live = known.get("job_is_live") is True
        if operation in ("read", "update") and category == "message0" and purpose == "provide":
            if live:
                held.append("permit.work_message0")
            else:
                missing.append("job_is_live")
        if operation in ("read", "create", "update") and category == "photo0" and purpose == "provide":
            if live:
                held.append("permit.work_photo0")
            else:
                missing.append("job_is_live")
        if operation == "train" and category == "message0" and purpose == "training":
            held.append("permit.train_message0")
        if operation == "train" and category == "photo0" and purpose == "training":
            if person.get("age_floor_is_met") is True:
                held.append("permit.train_photo0")
            else:
                missing.append("age_floor_is_met")
        if operation == "read" and category == "message0" and purpose == "updates":
            if person.get("account_is_active") is True:
                held.append("permit.news0")
            else:
                missing.append("account_is_active")
        if operation == "share" and category == "message0" and purpose == "provide":
            if access.recipient == "model":
                if not _CONTRACT_SINCE <= now < _CONTRACT_UNTIL:
                    missing.append("contract")
                elif live:
                    held.append("permit.send0")
                else:
                    missing.append("job_is_live")
    unheld = {"tenant", "ceiling", "deleted", "restricted", "keep_ended", "objection"}
    if not held or any(each in unheld or each.startswith("consent") for each in missing):
        return False, [], missing
    return True, held, []
