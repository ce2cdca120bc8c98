"""The core's own tables: migrations, what they hold, switches, facts, refusals and leases."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.stores import TENANT, Place

from gptimage_core.errors import StoreError
from gptimage_core.store import _sqlite, consents, denials, leases, schema, state, subjects
from gptimage_core.store.facts import facts_for
from gptimage_core.store.replay import enact, require_current, resume

CHECKSUMS = {1: "ff5cec6794db62350125d7883fe1d73f993d2d0d6d0620baffad4eb60d4846b8"}
"""Released migrations, frozen: a changed one would leave databases in the world that no code knows."""


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    it = Place(tmp_path)
    yield it
    it.close()


def test_migrations_are_frozen() -> None:
    """A released migration never changes; a new one gets a new number."""
    assert {m.number: schema.checksum(m) for m in _sqlite.MIGRATIONS} == CHECKSUMS


def test_migrating_twice_does_nothing(place: Place) -> None:
    """Starting again is starting."""
    assert place.database.write_sync(schema.migrate) == 0
    assert place.database.read_sync(schema.current_version) == schema.VERSION


def test_a_newer_or_different_history_refuses_to_start(place: Place) -> None:
    """A column this code does not know may carry somebody's refusal."""

    def change(sql: str) -> None:
        place.database.write_sync(lambda c: c.execute(sql).rowcount)

    change("UPDATE gp_migration SET checksum = 'x'")
    with pytest.raises(StoreError, match="not the one that was applied"):
        place.database.write_sync(schema.migrate)
    change("INSERT INTO gp_migration VALUES (999, 'future', 'x')")
    with pytest.raises(StoreError, match="install a newer gptimage"):
        place.database.write_sync(schema.migrate)


def test_every_own_table_and_column_is_in_the_data_map(place: Place) -> None:
    """S6, X9: the core's tables have categories of their own; what has none holds nothing about people."""

    def columns(c: sqlite3.Connection) -> dict[str, list[str]]:
        tables = [
            r[0] for r in c.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name LIKE 'gp%'")
        ]
        return {t: [r[1] for r in c.execute(f"PRAGMA table_info({t})")] for t in tables}

    there = place.database.read_sync(columns)
    mapped = {table.name: [column.name for column in table.columns] for table in schema.own_tables()}
    technical = {"gp_meta", "gp_lease", "gp_ledger_position", "gp_migration"}
    assert {name: cols for name, cols in there.items() if name not in technical} == mapped
    renamed = schema.own_tables({"consent_record": "agreements"})
    assert {c for t in renamed for c in t.categories} >= {
        "agreements",
        "access_record",
        "tombstone",
        "denial_record",
    }


def test_look_ups_by_key_do_not_scan(place: Place) -> None:
    """A question about one person costs the same among ten and ten million."""
    questions = (
        "SELECT 1 FROM gp_subject_state WHERE tenant = 'm' AND subject = 'u' AND deleted = 0",
        "SELECT 1 FROM gp_consent_state WHERE tenant = 'm' AND subject = 'u' AND consent = 'c' AND given = 1",
        "SELECT 1 FROM gp_objection_state WHERE tenant = 'm' AND subject = 'u' AND purpose = 'p'",
        "SELECT 1 FROM gp_subject_fact WHERE tenant = 'm' AND subject = 'u' AND fact = 'f'",
        "SELECT record FROM gp_access_touch WHERE tenant = 'm' AND subject = 'u' ORDER BY record DESC",
        "SELECT 1 FROM gp_denial WHERE id = 'd'",
    )
    for sql in questions:
        plan = place.database.read_sync(
            lambda c, sql=sql: str(c.execute("EXPLAIN QUERY PLAN " + sql).fetchall())
        )
        assert "SEARCH" in plan, sql
        assert "SCAN" not in plan, sql
        assert "TEMP" not in plan, sql


def test_facts_of_people(place: Place) -> None:
    """INVARIANT (state-facts), S17, S19, X6: never asked is no; NULL and unknown people are unknown."""

    def begin(c: sqlite3.Connection) -> None:
        state.create_subject(c, TENANT, "ann", 1, age_floor_is_met=True, jurisdiction="NL")
        state.create_subject(c, "other", "bob", 1)
        consents.give(c, TENANT, "ann", "product_updates", 2, policy_version=1, digest="d", how="page")
        state.set_objection(c, TENANT, "ann", "improve_service", True, 2)
        state.set_objection(c, TENANT, "ann", "secure_service", False, 2)
        state.set_fact(c, TENANT, "ann", "plan", "text", "team", fresh_until=10)
        state.set_fact(c, TENANT, "ann", "seats", "integer", 3)
        state.set_fact(c, TENANT, "ann", "beta", "boolean", True)

    place.database.write_sync(begin)
    people = place.database.read_sync(lambda c: facts_for(c, TENANT, ["ann", "bob", "ann", "nobody"], 9))
    assert set(people) == {"ann"}
    ann = people["ann"]
    assert ann.get("consent:product_updates") is True
    assert ann.get("consent:model_training") is False
    assert ann.get("objection:improve_service") is True
    assert ann.get("objection:secure_service") is False
    assert ann.get("objection:anything_else") is False
    assert ann.get("deleted") is False
    assert ann.get("restricted") is False
    assert ann.get("age_floor_is_met") is True
    assert ann.get("notice_was_given") is None
    assert "notice_was_given" not in ann
    assert (ann.get("plan"), ann.get("seats"), ann.get("beta")) == ("team", 3, True)
    stale = place.database.read_sync(lambda c: facts_for(c, TENANT, ["ann"], 10))
    assert stale["ann"].get("plan") is None
    many = [f"p{n}" for n in range(700)]
    place.database.write_sync(lambda c: [state.create_subject(c, TENANT, who, 1) for who in many])
    assert set(place.database.read_sync(lambda c: facts_for(c, TENANT, many, 1))) == set(many)


def test_a_built_in_fact_cannot_be_shadowed(place: Place) -> None:
    """A product's fact named like a refusal could lift it."""
    place.database.write_sync(lambda c: state.create_subject(c, TENANT, "ann", 1))
    for fact in ("deleted", "restricted", "consent:model_training"):
        with pytest.raises(StoreError, match="built-in"):
            place.database.write_sync(lambda c, f=fact: state.set_fact(c, TENANT, "ann", f, "boolean", False))
    with pytest.raises(StoreError, match="declared as integer"):
        place.database.write_sync(lambda c: state.set_fact(c, TENANT, "ann", "seats", "integer", True))


def test_the_history_proves_every_turn_of_a_switch(place: Place) -> None:
    """Given, withdrawn, given: what, when, where, under which version and digest; replaying adds nothing."""

    def turn(c: sqlite3.Connection) -> None:
        state.create_subject(c, TENANT, "ann", 1)
        for at, version in ((2, 1), (4, 2)):
            consents.give(
                c, TENANT, "ann", "model_training", at, policy_version=version, digest="d1", how="page"
            )
            consents.withdraw(
                c,
                place.ledger,
                TENANT,
                "ann",
                "model_training",
                at + 1,
                policy_version=version,
                digest="d2",
                how="x",
            )

    place.database.write_sync(turn)
    place.database.write_sync(
        lambda c: (
            c.execute("UPDATE gp_ledger_position SET seq = 0, chain = ?", (place.ledger.chain(0),)).rowcount
        )
    )
    assert place.database.write_sync(lambda c: resume(c, place.ledger, 9)).replayed == 2
    told = place.database.read_sync(lambda c: consents.history(c, TENANT, "ann"))
    assert [(e.given, e.at, e.policy_version, e.how) for e in told] == [
        (True, 2, 1, "page"),
        (False, 3, 1, "x"),
        (True, 4, 2, "page"),
        (False, 5, 2, "x"),
    ]
    assert len({event.id for event in told}) == 4


def test_tombstones_are_purged_and_living_people_are_not(place: Place) -> None:
    """S29: only a tombstone may go; an id is never used twice."""
    place.database.write_sync(lambda c: state.create_subject(c, TENANT, "ann", 1))
    with pytest.raises(StoreError, match="not deleted"):
        place.database.write_sync(lambda c: state.purge_subject(c, TENANT, "ann"))
    place.database.write_sync(lambda c: subjects.delete(c, place.ledger, TENANT, "ann", 2))
    with pytest.raises(StoreError, match="exists already"):
        place.database.write_sync(lambda c: state.create_subject(c, TENANT, "ann", 3))
    assert place.database.write_sync(lambda c: state.purge_subject(c, TENANT, "ann"))
    assert place.database.read_sync(lambda c: facts_for(c, TENANT, ["ann"], 9)) == {}


def test_an_application_replays_its_own_kinds(place: Place) -> None:
    """A used link or a deleted item is applied by the replay's own handler; without one it is refused."""
    with pytest.raises(StoreError, match="nothing applies"):
        place.database.write_sync(
            lambda c: enact(c, place.ledger, "token_used", TENANT, None, {"token": "t"}, 1)
        )
    assert place.ledger.last == 0
    seen: list[tuple[int, object]] = []
    place.ledger.on("token_used", lambda c, entry: seen.append((entry.seq, entry.body["token"])))
    place.database.write_sync(lambda c: enact(c, place.ledger, "token_used", TENANT, None, {"token": "t"}, 1))
    assert seen == [(1, "t")]


def test_data_behind_its_ledger_is_not_served(place: Place) -> None:
    """S33, INVARIANT (served-is-replayed): an entry that another process appended."""
    place.database.read_sync(lambda c: require_current(c, place.ledger))
    place.ledger.append("restriction", TENANT, "u", {}, 1)
    with pytest.raises(StoreError, match="behind its ledger"):
        place.database.read_sync(lambda c: require_current(c, place.ledger))
    place.database.write_sync(lambda c: resume(c, place.ledger, 2))
    place.database.read_sync(lambda c: require_current(c, place.ledger))


def test_a_ledger_of_other_data_is_refused(place: Place, tmp_path: Path) -> None:
    """A wrong path must not switch everybody's consents off silently."""
    (tmp_path / "other").mkdir()
    other = Place(tmp_path / "other")
    other.database.write_sync(lambda c: subjects.restrict(c, other.ledger, TENANT, "u", 1))
    with pytest.raises(StoreError, match="belongs to other data"):
        place.database.write_sync(lambda c: resume(c, other.ledger, 2))
    other.close()


def test_a_shorter_ledger_switches_every_consent_off(place: Place) -> None:
    """X8: an older copy of the ledger came back; what it lacks cannot be known."""

    def begin(c: sqlite3.Connection) -> None:
        state.create_subject(c, TENANT, "ann", 1)
        consents.give(c, TENANT, "ann", "model_training", 2, policy_version=1, digest="d", how="page")

    place.database.write_sync(begin)
    older = place.ledger.path.read_bytes()
    place.database.write_sync(lambda c: subjects.object_to(c, place.ledger, TENANT, "ann", "p", 3))
    place.close()
    place.ledger.path.write_bytes(older)
    assert place.open(4).lost
    ann = place.database.read_sync(lambda c: facts_for(c, TENANT, ["ann"], 9))["ann"]
    assert ann.get("consent:model_training") is False
    assert ann.get("objection:p") is True
    assert place.database.read_sync(lambda c: consents.history(c, TENANT, "ann"))[-1].how == "ledger lost"


def test_a_denial_is_found_by_its_id(place: Place) -> None:
    """Every field comes back; the same id twice keeps the first."""
    denial = denials.Denial(
        id=denials.new_id(),
        at=1,
        tenant=TENANT,
        actor_kind="staff",
        actor="s1",
        purpose="bill_credits",
        operation="read",
        category="prompt",
        reason="no permit holds",
        digest="sha256:0",
        version=1,
        rule="forbid.sale",
        clauses=("S17", "S28"),
        file="policy.toml",
        line=3,
        column=1,
        nearest="give consent",
    )
    assert place.database.write_sync(lambda c: denials.record(c, denial)) == denial.id
    place.database.write_sync(lambda c: denials.record(c, denial))
    assert place.database.read_sync(lambda c: denials.lookup(c, denial.id)) == denial
    assert place.database.read_sync(lambda c: denials.lookup(c, "no")) is None


def test_a_lease_is_fenced(place: Place) -> None:
    """INVARIANT (fenced), X5: one holder at a time, and one who slept is refused where it writes."""
    db = place.database
    first = db.write_sync(lambda c: leases.acquire(c, "sweep", "a", 0, 100))
    assert first is not None
    assert db.write_sync(lambda c: leases.acquire(c, "sweep", "b", 99, 100)) is None
    renewed = db.write_sync(lambda c: leases.renew(c, first, 50, 100))
    assert renewed.until == 150
    second = db.write_sync(lambda c: leases.acquire(c, "sweep", "b", 150, 100))
    assert second is not None
    assert second.fence > first.fence
    for late in (first, renewed):
        with pytest.raises(StoreError, match="not held"):
            db.write_sync(lambda c, late=late: leases.require(c, late, 151))
    db.write_sync(lambda c: leases.release(c, late))
    db.write_sync(lambda c: leases.require(c, second, 249))
    with pytest.raises(StoreError, match="not held"):
        db.write_sync(lambda c: leases.require(c, second, 250))
    db.write_sync(lambda c: leases.release(c, second))
    third = db.write_sync(lambda c: leases.acquire(c, "sweep", "a", 160, 100))
    assert third is not None
    assert third.fence > second.fence
