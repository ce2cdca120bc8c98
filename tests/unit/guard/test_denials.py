"""Denials are recorded with an id before they are raised; obligations are carried out or refuse."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

import pytest
from tests.support.governed import ANN, BOB, CLERK, NOW, POLICY, World, in_world

from gptimage_core.decision.model import Actor, Effect
from gptimage_core.errors import AccessDenied, GuardError
from gptimage_core.guard.values import WITHHELD
from gptimage_core.store import state

LAB, PRINT = Actor.service("lab"), Actor.service("print")


def test_a_denial_says_rule_clause_file_and_line_and_what_would_allow_it(tmp_path: Path) -> None:
    """People get a neutral sentence with an id; behind the id stands the reason, without content."""

    async def scenario(world: World) -> None:
        Picture, guard = world.Picture, world.guard
        async with guard.access(Actor.staff("clerk"), purpose="secure_service"):
            with pytest.raises(AccessDenied) as denied:
                await Picture.select()
        denial = await guard.explain_denial(denied.value.denial_id)
        assert denial is not None
        assert (denial.actor_kind, denial.actor, denial.operation) == ("staff", "clerk", "read")
        assert denial.rule == "permit.look_into_abuse"
        assert denial.clauses == ("S15",)
        assert denial.file == "policy.toml"
        assert denial.line == POLICY.split("\n").index("[permit.look_into_abuse]") + 1
        assert "ticket" in denial.reason
        assert "ticket" in (denial.nearest or "")
        assert denial.id in str(denied.value)
        assert "clerk" not in str(denied.value)
        async with world.own():
            with pytest.raises(AccessDenied) as planted:
                await Picture(owner="bob", title="secret title").save()
        again = await guard.explain_denial(planted.value.denial_id)
        assert again is not None
        assert again.rule == "permit.own"
        assert "secret title" not in repr(again)
        assert await guard.explain_denial("no-such-id") is None

    in_world(tmp_path, scenario)


def test_a_foreign_id_and_a_missing_one_are_the_same(tmp_path: Path) -> None:
    """INVARIANT (foreign-is-missing): the same answers, by the same statements, for reads and for writes."""

    async def scenario(world: World) -> None:
        Picture, engine = world.Picture, world.engine
        theirs = await world.picture(BOB, title="his")
        seen: list[list[str]] = []

        async def ask(key: Any) -> list[Any]:
            statements: list[str] = []
            for lane in (engine._database.read, engine._database.write):
                await lane(
                    lambda c: c.set_trace_callback(lambda sql: statements.append(sql.replace(str(key), "K")))
                )
            async with world.own():
                answers = [
                    await Picture.select().where(Picture.id == key),
                    await Picture.objects().get(Picture.id == key),
                    await Picture.exists().where(Picture.id == key),
                    await Picture.update({Picture.title: "x"}).where(Picture.id == key).returning(Picture.id),
                    await Picture.delete().where(Picture.id == key).returning(Picture.id),
                ]
            seen.append([s for s in statements if "picture" in s and "gp_access" not in s])
            return answers

        await ask(uuid.uuid4())  # whose rows are asked for says nothing of when the rules are laid
        seen.clear()
        assert await ask(theirs.id) == await ask(uuid.uuid4()) == [[], None, False, [], []]
        assert seen[0] == seen[1]
        assert len(seen[0]) >= 2  # readers may be several; writes are all seen
        assert await world.sql("SELECT title FROM picture") == [("his",)]

    in_world(tmp_path, scenario)


def test_a_withdrawal_binds_the_next_statement(tmp_path: Path) -> None:
    """S17: consent is asked by each statement, of each owner; withdrawn in between, the row is gone."""

    async def scenario(world: World) -> None:
        Picture, guard = world.Picture, world.guard
        await world.picture(ANN, note="hers")
        await world.picture(BOB, note="his")

        def switch(who: str, given: bool) -> Any:
            return guard.in_transaction(
                lambda c: state.set_consent(c, "main", who, "research", given, NOW, 1)
            )

        async with guard.access(LAB, purpose="research", operation="train"):
            assert await Picture.select(Picture.note) == []
            await switch("ann", True)
            await switch("bob", True)
            notes = {row["note"] for row in await Picture.select(Picture.note)}
            assert notes == {"hers", "his"}
            await switch("ann", False)
            assert await Picture.select(Picture.note) == [{"note": "his"}]

    in_world(tmp_path, scenario)


def test_the_cap_of_a_rule_refuses_more(tmp_path: Path) -> None:
    """X4: a bulk read beyond the cap is refused as a whole, and recorded as a denial."""

    async def scenario(world: World) -> None:
        Picture = world.Picture
        for number in range(4):
            await world.picture(ANN, title=str(number), visibility="secret" if number == 3 else "private")
        async with world.staff():
            assert await Picture.count() == 3
            assert len(await Picture.select(Picture.title)) == 3
        await world.picture(BOB, title="one more")
        async with world.staff():
            for query in (Picture.select(), Picture.count(), Picture.objects()):
                with pytest.raises(AccessDenied) as denied:
                    await query.run()
            denial = await world.guard.explain_denial(denied.value.denial_id)
            assert denial is not None
            assert "more than 3 records" in denial.reason
            assert len(await Picture.select(Picture.title).limit(2)) == 2

    in_world(tmp_path, scenario)


def test_figures_are_about_many_or_not_released(tmp_path: Path) -> None:
    """S16: one cell, about at least k people; anything finer is refused."""

    async def scenario(world: World) -> None:
        Picture = world.Picture
        await world.picture(ANN, size=2)
        await world.picture(ANN, size=4)
        count = world.guard.access(LAB, purpose="secure_service", operation="aggregate")
        async with count:
            with pytest.raises(AccessDenied):
                await Picture.count()
        await world.picture(BOB, size=6)
        async with world.guard.access(LAB, purpose="secure_service", operation="aggregate"):
            assert await Picture.count() == 3
            assert await Picture.raw("SELECT avg(size) AS a, sum(size) AS s FROM picture") == [
                {"a": 4.0, "s": 12}
            ]
            with pytest.raises(AccessDenied):
                await Picture.count().where(Picture.size == 6)
            for sql in (
                "SELECT title FROM picture",
                "SELECT max(size) FROM picture",
                "SELECT owner, count(*) FROM picture GROUP BY owner",
                "SELECT sum(CASE WHEN owner = 'bob' THEN size END) FROM picture",
                "SELECT count(*) FILTER (WHERE owner = 'bob') FROM picture",
                "SELECT (SELECT size FROM picture LIMIT 1)",
                "SELECT count(*) FROM (SELECT * FROM picture LIMIT 1) AS x",
                "SELECT count(*) FROM picture HAVING sum(size) > 3",
            ):
                with pytest.raises(GuardError):
                    await Picture.raw(sql)

    in_world(tmp_path, scenario)


def test_a_share_carries_only_the_fields_that_its_rule_names(tmp_path: Path) -> None:
    """S24: `only_fields` projects; the recipient is the one that the rule names."""

    async def scenario(world: World) -> None:
        Picture = world.Picture
        await world.picture(ANN, title="poster", size=5, note="private")
        async with world.guard.access(
            PRINT, purpose="provide_service", operation="share", recipient="printer"
        ):
            assert await Picture.select(Picture.title, Picture.size, Picture.note) == [
                {"title": "poster", "size": WITHHELD, "note": WITHHELD}
            ]
        async with world.guard.access(PRINT, purpose="provide_service"):
            with pytest.raises(AccessDenied):
                await Picture.select()

    in_world(tmp_path, scenario)


def test_an_obligation_that_cannot_be_carried_out_is_a_refusal(tmp_path: Path) -> None:
    """`tell_subject` without a way to tell people denies; with one, each person touched is told."""

    async def scenario(world: World) -> None:
        Picture, guard = world.Picture, world.guard
        await world.picture(ANN, label="a")
        facts = {"ticket_until": NOW + 1000}
        async with guard.access(Actor.staff("clerk"), purpose="answer_requests", facts=facts):
            with pytest.raises(AccessDenied) as denied:
                await Picture.select(Picture.label)
            denial = await guard.explain_denial(denied.value.denial_id)
            assert denial is not None
            assert "told" in denial.reason
            told: list[Any] = []
            guard.tell = lambda connection, record: told.append(record.touched)
            assert await Picture.select(Picture.label) == [{"label": "a"}]
            await Picture.update({Picture.label: "b"}, force=True)
        assert [[person for _, person in touched["picture"]] for touched in told] == [["ann"], ["ann"]]

    in_world(tmp_path, scenario)


def test_keeping_ends_by_delete_and_comes_back_by_the_undo(tmp_path: Path) -> None:
    """S32: from the click nobody reads the row; its owner brings it back in ten seconds, then never."""

    async def scenario(world: World) -> None:
        Picture = world.Picture
        picture = await world.picture(ANN, title="oops", note="n")

        async def end(at: int | None) -> int:
            rows = (
                await Picture.update({Picture.keep_ended: at})
                .where(Picture.id == picture.id)
                .returning(Picture.id)
            )
            return len(rows)

        async with world.own(BOB):
            assert await end(NOW) == 0
        async with world.own():
            for wrong in (NOW + 1, 0, -5, 1.5, "now"):
                with pytest.raises(GuardError, match="instant that has passed"):
                    await end(wrong)  # type: ignore[arg-type]  # on purpose
            assert await end(NOW) == 1
            assert await Picture.count() == 0
            world.clock.advance(9_000_000)
            assert await end(None) == 1
            assert await Picture.count() == 1
            now = world.clock.now()
            assert await end(now) == 1
            world.clock.advance(11_000_000)
            assert await end(None) == 0
            assert await Picture.count() == 0
        records = await world.sql(
            "SELECT operation FROM gp_access_record WHERE statement = 'UPDATE' AND counts != '{}'"
        )
        assert ("delete",) in records

    in_world(tmp_path, scenario)


@pytest.mark.parametrize(
    "changes",
    [{"tenant": "other"}, {"collected_under": 7}, {"recorded": NOW + 1}, {"recorded": 0}],
)
def test_technical_columns_are_the_guards(tmp_path: Path, changes: dict[str, Any]) -> None:
    """X11: tenant, version and instant of collection are filled in; a wrong one is refused."""

    async def scenario(world: World) -> None:
        async with world.own():
            with pytest.raises(GuardError):
                await world.Picture(owner="ann", title="t", **changes).save()
            assert await world.Picture.count() == 0

    in_world(tmp_path, scenario)


def test_nobody_gives_a_row_away(tmp_path: Path) -> None:
    """Whose row it is does not change: an UPDATE that would move it matches nothing."""

    async def scenario(world: World) -> None:
        Picture = world.Picture
        await world.picture(ANN, title="mine")
        async with world.own():
            await Picture.update({Picture.owner: "bob", Picture.title: "gift"}, force=True)
            await Picture.update({Picture.recorded: NOW - 5}, force=True)
            await Picture.update({Picture.owner: "ann", Picture.title: "still mine"}, force=True)
        assert await world.sql("SELECT owner, title, recorded FROM picture") == [("ann", "still mine", NOW)]

    in_world(tmp_path, scenario)


def test_rules_are_asked_outside_tables_too(tmp_path: Path) -> None:
    """`decide_and_record`: a training step is decided with people's facts, and recorded or denied."""

    async def scenario(world: World) -> None:
        guard = world.guard
        async with guard.access(LAB, purpose="research", operation="train"):
            with pytest.raises(AccessDenied) as denied:
                await guard.decide_and_record("note", subjects=["ann"])
            denial = await guard.explain_denial(denied.value.denial_id)
            assert denial is not None
            assert "agreed" in denial.reason
            await guard.in_transaction(
                lambda c: state.set_consent(c, "main", "ann", "research", True, NOW, 1)
            )
            decision = await guard.decide_and_record("note", subjects=["ann"], statement="TRAIN")
            assert decision.effect is Effect.ALLOW
            with pytest.raises(AccessDenied):
                await guard.decide_and_record("note", subjects=["ann", "bob"])
        rows = await world.sql("SELECT statement, operation, touched FROM gp_access_record")
        assert rows == [("TRAIN", "train", '{"note":[["ann","ann"]]}')]

    in_world(tmp_path, scenario)


def test_an_obligation_outside_tables_is_met_or_it_is_denied(tmp_path: Path) -> None:
    """X3, X4, S24: `decide_and_record` tells, counts people, or refuses, unless its caller sees to it."""

    async def scenario(world: World) -> None:
        guard = world.guard
        told: list[Any] = []

        async def refused(why: str, category: str, **how: Any) -> None:
            with pytest.raises(AccessDenied) as denied:
                await guard.decide_and_record(category, **how)
            found = await guard.explain_denial(denied.value.denial_id)
            assert found is not None
            assert why in found.reason

        service, ticket = Actor.service("press"), {"ticket_until": NOW + 10**9}
        async with guard.access(service, purpose="provide_service", operation="share", recipient="printer"):
            await refused("certain fields", "picture", subjects=["ann"])
            with pytest.raises(GuardError, match="did you mean `only_fields`"):
                await guard.decide_and_record("picture", subjects=["ann"], obligations_met=["only_field"])
            await guard.decide_and_record("picture", subjects=["ann"], obligations_met=["only_fields"])
        async with guard.access(CLERK, purpose="answer_requests", facts=ticket):
            asked: dict[str, Any] = {"operation": "read", "subjects": ["ann"]}
            await refused("is told", "label", **asked)
            await guard.decide_and_record("label", **asked, obligations_met=["tell_subject"])
            guard.tell = lambda connection, record: told.append(record)
            await guard.decide_and_record("label", **asked)
        assert [record.touched for record in told] == [{"label": (("ann", "ann"),)}]
        async with guard.access(LAB, purpose="secure_service", operation="aggregate"):
            await refused("fewer than 2 people", "picture", subjects=["ann", "ann"])
            await guard.decide_and_record("picture", subjects=["ann", "bob"])
        async with guard.access(CLERK, purpose="secure_service", facts=ticket):
            await guard.in_transaction(lambda c: state.create_subject(c, "main", "dora", NOW))
            many: dict[str, Any] = {"operation": "read", "values": {"visibility": "private"}}
            await guard.decide_and_record("picture", subjects=["ann", "bob", "cleo"], **many)
            await refused("more than 3", "picture", subjects=["ann", "bob", "cleo", "dora"], **many)

    in_world(tmp_path, scenario)
