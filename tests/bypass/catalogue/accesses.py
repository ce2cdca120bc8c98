"""Accesses that say something odd of who asks, what for and about whom."""

from __future__ import annotations

from typing import Any

from tests.bypass.attack import Family
from tests.bypass.judge import Told
from tests.bypass.world import ANN, NOW, World

from gptimage_core.decision.model import Actor

ACCESSES = Family(
    "accesses",
    "What an access says",
    "Ann's code says who asks (Ann), but picks the purpose, the operation, the recipient, the person it is "
    "about and the facts; and asks the policy directly.",
)
code = ACCESSES.code

TEXTS = (
    "SELECT id, title, flag FROM picture ORDER BY id",
    "SELECT id, note, remark FROM picture ORDER BY id",
    "SELECT count(*) FROM picture",
    "SELECT number FROM page",
    "UPDATE picture SET title = 'mine' WHERE owner = 'bob'",
    "UPDATE picture SET flag = 'fine' WHERE owner = 'ann'",
    "DELETE FROM page WHERE picture LIKE 'bob%'",
)


async def tried(w: World, told: Told, actor: Actor = ANN, **access: Any) -> None:
    """Everything in an access that is asked for in this way."""
    with told.trying():
        async with w.guard.access(actor, **{"purpose": "provide_service", **access}):
            for sql in TEXTS:
                await told.run(w.guard.run(sql, ()))


@code("purpose", "every purpose of the policy, and others")
async def _(w: World, told: Told) -> None:
    for purpose in (
        "research",
        "secure_service",
        "any_purpose",
        "",
        "provide_service ",
        "PROVIDE_SERVICE",
        "always",
    ):
        await tried(w, told, purpose=purpose)


@code("operation", "every operation, for the same purpose")
async def _(w: World, told: Told) -> None:
    every = (
        "read",
        "create",
        "update",
        "correct",
        "delete",
        "export",
        "share",
        "disclose",
        "train",
        "aggregate",
        "sell",
    )
    for operation in (*every, "READ", "", "read,train"):
        await tried(w, told, operation=operation)
        await tried(w, told, operation=operation, recipient="printer")
        await tried(w, told, operation=operation, purpose="research")


@code("recipient", "a recipient, with and without sharing")
async def _(w: World, told: Told) -> None:
    for recipient in ("printer", "nobody", ""):
        await tried(w, told, recipient=recipient)


@code("about-other", "an access about another person")
async def _(w: World, told: Told) -> None:
    for person in ("bob", "", "ann' OR '1'='1", "BOB", "bob\x00", "%"):
        await tried(w, told, about=person)


@code("facts-claimed", "facts that staff would have, and facts of rows")
async def _(w: World, told: Told) -> None:
    for facts in (
        {"ticket_until": NOW + 10**12}, {"visibility": "public"}, {"deleted": False}, {"consent:research": True},
        {"second_person_approved": True, "instrument_covers_it": True, "job_is_live": True}, {"row_is_own": True},
        {"restricted": False, "subject": "bob"}, {"owner": "bob"},
    ):  # fmt: skip
        await tried(w, told, facts=facts)
        await tried(w, told, facts=facts, purpose="secure_service")


@code("facts-changed", "facts changed after the access is open")
async def _(w: World, told: Told) -> None:
    facts: dict[str, Any] = {}
    with told.trying():
        async with w.guard.access(ANN, purpose="secure_service", facts=facts):
            facts["ticket_until"] = NOW + 10**12
            for sql in TEXTS:
                await told.run(w.guard.run(sql, ()))


@code("staff-without-ticket", "staff without a ticket, or with one that is over")
async def _(w: World, told: Told) -> None:
    for facts in (
        {},
        {"ticket_until": NOW - 1},
        {"ticket_until": None},
        {"ticket_until": True},
        {"ticket_until": "9" * 20},
    ):
        await tried(w, told, Actor.staff("clerk"), purpose="secure_service", facts=facts)
        await tried(w, told, Actor.staff("clerk"), facts=facts)


@code("staff-too-many", "staff who ask for more rows than the rule leaves")
async def _(w: World, told: Told) -> None:
    facts = {"ticket_until": NOW + 10**12}
    async with w.guard.access(Actor.staff("clerk"), purpose="secure_service", facts=facts):
        for sql in ("SELECT title FROM picture", "SELECT group_concat(title) FROM picture", "SELECT max(flag) FROM picture",
                    "SELECT title FROM picture LIMIT -1", "SELECT count(*) FROM picture WHERE size > 0"):  # fmt: skip
            await told.run(w.guard.run(sql, ()))


@code("figure-of-few", "a figure about fewer people than the rule leaves")
async def _(w: World, told: Told) -> None:
    async with w.guard.access(Actor.service("stats"), purpose="secure_service", operation="aggregate"):
        for sql in ("SELECT count(*) FROM picture", "SELECT max(size) FROM picture", "SELECT total(size) FROM picture WHERE id = 'bob-1'",
                    "SELECT title FROM picture", "SELECT owner, count(*) FROM picture GROUP BY owner",
                    "SELECT group_concat(title) FROM picture", "SELECT avg(a.size) FROM picture a, picture b"):  # fmt: skip
            await told.run(w.guard.run(sql, ()))


@code("share-other-field", "more fields than the share leaves", "a withheld field")
async def _(w: World, told: Told) -> None:
    service = Actor.service("printing")
    async with w.guard.access(
        service, purpose="provide_service", operation="share", recipient="printer", about="ann"
    ):
        for sql in ("SELECT flag FROM picture", "SELECT remark, note FROM picture", "SELECT size FROM picture WHERE flag IS NULL",
                    "SELECT id FROM picture ORDER BY flag", "SELECT title FROM picture WHERE owner = 'bob'"):  # fmt: skip
            await told.run(w.guard.run(sql, ()))


@code("train-without-consent", "training on what nobody agreed to", "a withheld field")
async def _(w: World, told: Told) -> None:
    async with w.guard.access(Actor.service("lab"), purpose="research", operation="train", about="ann"):
        for sql in (
            "SELECT note FROM picture",
            "SELECT title FROM picture",
            "SELECT text FROM page",
            "SELECT flag FROM picture",
        ):
            await told.run(w.guard.run(sql, ()))


@code("odd-actor", "an actor whose name is SQL, a wildcard, or nearly Bob's")
async def _(w: World, told: Told) -> None:
    for id in (
        "ann' OR 1 --",
        "%",
        "_ob",
        "BOB",
        "bob ",
        "bob\x00",
        "b\u200dob",
        "",
        '"',
        "bob' COLLATE NOCASE",
    ):
        await tried(w, told, Actor.subject(id))
    for actor in (
        Actor("subject"),
        Actor.guest(),
        Actor("anyone"),
        Actor("Subject", "bob"),
        Actor("", "bob"),
        Actor.processor("bob"),
    ):
        await tried(w, told, actor)


@code("other-kind-of-id", "an actor's id that is no text")
async def _(w: World, told: Told) -> None:
    for id in (b"bob", 1, True, ["bob"], {"bob"}):
        await tried(w, told, Actor("subject", id))  # type: ignore[arg-type]  # that is the attack


@code("tenant", "another tenant, and tenants that are nearly the same")
async def _(w: World, told: Told) -> None:
    for tenant in ("other", "", "MAIN", "main ", "%", "main' OR 1 --"):
        await tried(w, told, Actor.subject("ann", tenant=tenant))
        await tried(w, told, Actor.subject("bob", tenant=tenant))


@code("decide-about-other", "the policy asked about another person")
async def _(w: World, told: Told) -> None:
    async with w.own():
        for subject in ("bob", "nobody", "ann", "", "%"):
            for category in ("picture", "flag", "note", "anything", "gp_subject_state"):
                for operation in ("read", "train", "export", None):
                    asked = w.guard.decide_and_record(category, operation=operation, subjects=[subject])
                    decision = await told.run(_effect(asked))
                    del decision


async def _effect(asked: Any) -> Any:
    return (await asked).effect


@code("decide-claimed", "the policy told what the row would say")
async def _(w: World, told: Told) -> None:
    async with w.own():
        for values in (
            {"visibility": "public"},
            {"owner": "ann"},
            {"keep_ended": None},
            {"recorded": 2**62},
            {"subjects": ["ann"]},
        ):
            asked = w.guard.decide_and_record("remark", operation="read", subjects=["bob"], values=values)
            await told.run(_effect(asked))
        for met in (("max_rows",), ("everything",), ("tell_subject", "only_fields")):
            asked = w.guard.decide_and_record("flag", operation="read", subjects=["bob"], obligations_met=met)
            await told.run(_effect(asked))


@code("denial-of-other", "another's refusal looked up", "the core's tables")
async def _(w: World, told: Told) -> None:
    async with w.own():
        for id in ("", "%", "denial-of-bob", "' OR 1 --", None, "denial-of-bob-%", b"denial-of-bob"):
            await told.run(w.guard.explain_denial(id))  # type: ignore[arg-type]  # that is the attack


@code("denial-tells", "what a refusal says of the row it was about", "a hidden row's existence")
async def _(w: World, told: Told) -> None:
    from gptimage_core.errors import AccessDenied

    async with w.own():
        for sql, *args in (
            ("INSERT INTO page (id, picture, number, keep_ended) VALUES ('x', ?, 1, NULL)", "bob-1"),
            ("INSERT INTO page (id, picture, number, keep_ended) VALUES ('x', ?, 1, NULL)", "bob-2"),
            ("INSERT INTO picture (id, owner, keep_ended) VALUES ('x', ?, NULL)", "bob"),
            ("INSERT INTO picture (id, owner, keep_ended) VALUES ('x', ?, NULL)", "nobody"),
        ):
            try:
                await w.guard.run(sql, args)
            except AccessDenied as denied:
                told.add(denied)
                told.add([error for error in (denied.__cause__, denied.__context__) if error is not None])


@code("policy-adopted", "a laxer policy adopted in the place of the one in force")
async def _(w: World, told: Told) -> None:
    from tests.bypass.world import POLICY

    from gptimage_core.policy.loader import parse_document
    from gptimage_core.policy.timeline import single

    for old, new in (
        ('when = ["row_is_own"]', 'when = ["always"]'),
        ('who = ["staff"]', 'who = ["subject", "staff"]'),
    ):
        await told.run(
            lambda old=old, new=new: w.guard.adopt(single(parse_document(POLICY.replace(old, new))))
        )
        async with w.own():
            for sql in TEXTS:
                await told.run(w.guard.run(sql, ()))


@code("nested-purposes", "an access of staff inside Ann's, and out of it again")
async def _(w: World, told: Told) -> None:
    async with w.own():
        for sql in TEXTS[:3]:
            await told.run(w.guard.run(sql, ()))
        async with w.guard.access(Actor.staff("clerk"), purpose="secure_service"):
            for sql in TEXTS:
                await told.run(w.guard.run(sql, ()))
        for sql in TEXTS:
            await told.run(w.guard.run(sql, ()))
