"""What the data map must be, as a named table: an edit of a good table, and the finding it must give."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec.structs import replace

from gptimage_core.errors import PolicyError
from gptimage_core.policy.bind import bind, datamap_lock
from gptimage_core.policy.binding import Column, Table, Via
from gptimage_core.policy.timeline import load_timeline

TIMELINE = load_timeline(Path(__file__).resolve().parents[2] / "policies" / "samples" / "language")


def technical(*roles: str) -> tuple[Column, ...]:
    types = {"recorded": "instant", "keep_ended": "integer", "collected_under": "integer"}
    return tuple(Column(f"{role}_column", "identifier", types.get(role, "text"), role=role) for role in roles)  # type: ignore[arg-type]


CARD = Table(
    "card",
    (
        *technical("key", "subject", "tenant", "collected_under", "keep_ended"),
        Column("name", "card", "text"),
        Column("address", "card", "json"),
    ),
)
LOAN = Table(
    "loan",
    (
        *technical("key", "tenant", "collected_under", "keep_ended", "recorded"),
        Column("card", "identifier", "text", role="link", references="card"),
        Column("book", "loan", "text"),
        Column("lent_at", "loan", "instant"),
        Column("due_at", "loan", "instant"),
        Column("late", "identifier", "integer", fact="overdue_days"),
        Column("is_lost", "identifier", "boolean", fact="lost"),
    ),
    via=Via("card", "card"),
)
USAGE = Table("usage", (*technical("key", "tenant", "collected_under"), Column("books", "usage", "integer")))
GOOD = (CARD, LOAN, USAGE)


def with_column(table: Table, column: Column) -> Table:
    others = tuple(each for each in table.columns if each.name != column.name)
    return replace(table, columns=(*others, column))


def without(table: Table, role_or_name: str) -> Table:
    return replace(table, columns=tuple(c for c in table.columns if role_or_name not in (c.role, c.name)))


REFUSED: dict[str, tuple[Callable[[], tuple[Table, ...]], str]] = {
    "no category": (lambda: (with_column(CARD, Column("note", "", "text")), LOAN), "no-category"),
    "an unknown category": (
        lambda: (with_column(CARD, Column("note", "cart", "text")), LOAN),
        "unknown-name",
    ),
    "two categories": (
        lambda: (replace(CARD, columns=(*CARD.columns, Column("name", "reading_hint", "text"))), LOAN),
        "two-categories",
    ),
    "sealed in a number": (
        lambda: (with_column(CARD, Column("name", "card", "integer")), LOAN),
        "cannot-be-sealed",
    ),
    "sealed and unique": (
        lambda: (with_column(CARD, Column("name", "card", "text", unique=True)), LOAN),
        "cannot-be-sealed",
    ),
    "sealed and a subject": (
        lambda: (with_column(CARD, Column("subject_column", "card", "text", role="subject")), LOAN),
        "cannot-be-sealed",
    ),
    "no key": (lambda: (without(CARD, "key"), LOAN), "no-key"),
    "no tenant": (lambda: (without(CARD, "tenant"), LOAN), "no-tenant"),
    "no version": (lambda: (without(CARD, "collected_under"), LOAN), "no-collected-under"),
    "no start of the ceiling": (lambda: (without(CARD, "keep_ended"), LOAN), "no-start"),
    "two tenants": (
        lambda: (with_column(CARD, Column("t2", "identifier", "text", role="tenant")), LOAN),
        "two-columns",
    ),
    "an instant that is text": (
        lambda: (
            with_column(CARD, Column("keep_ended_column", "identifier", "text", role="keep_ended")),
            LOAN,
        ),
        "type",
    ),
    "about people and naming nobody": (lambda: (without(CARD, "subject"), LOAN), "no-subject"),
    "by way of a table that names nobody": (
        lambda: (CARD, replace(LOAN, via=Via("card", "usage")), USAGE),
        "no-subject",
    ),
    "by way of no table": (lambda: (CARD, replace(LOAN, via=Via("card", "carts"))), "unknown-name"),
    "by way of no column": (lambda: (CARD, replace(LOAN, via=Via("cart", "card"))), "unknown-name"),
    "by a circle": (
        lambda: (replace(without(CARD, "subject"), via=Via("key_column", "loan")), LOAN),
        "via-cycle",
    ),
    "a field too many": (lambda: (CARD, with_column(LOAN, Column("mood", "loan", "text"))), "not-exactly"),
    "a field too few": (lambda: (CARD, without(LOAN, "due_at")), "not-exactly"),
    "an unknown fact": (
        lambda: (CARD, with_column(LOAN, Column("f", "identifier", "text", fact="los"))),
        "unknown-name",
    ),
    "a fact of another level": (
        lambda: (CARD, with_column(LOAN, Column("f", "identifier", "text", fact="plan"))),
        "fact-level",
    ),
    "a fact of another type": (
        lambda: (CARD, with_column(LOAN, Column("f", "identifier", "text", fact="lost"))),
        "type",
    ),
    "a table twice": (lambda: (CARD, CARD, LOAN), "name-clash"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_each_refusal_of_a_data_map(name: str) -> None:
    """S6: every stored column has exactly one category, and can do what the policy demands of it."""
    tables, code = REFUSED[name]
    with pytest.raises(PolicyError) as caught:
        bind(TIMELINE, tables())
    assert {each.code for each in caught.value.findings} == {code}, str(caught.value)


def test_a_sealed_column_supplies_no_fact() -> None:
    """A predicate in SQL cannot open what is sealed, so it may not depend on it."""
    with pytest.raises(PolicyError, match="sealed, and supplies a fact"):
        bind(TIMELINE, (with_column(CARD, Column("name", "card", "text", fact="lost")), LOAN))


def test_all_findings_come_at_once() -> None:
    """A start-up that fails says everything that is wrong."""
    bad = without(with_column(CARD, Column("name", "card", "integer")), "tenant")
    with pytest.raises(PolicyError) as caught:
        bind(TIMELINE, (bad, without(LOAN, "key")))
    assert [each.code for each in caught.value.findings] == ["no-tenant", "cannot-be-sealed", "no-key"]
    assert "table `card`: column `name` holds `card`, which is sealed, in `integer`" in str(caught.value)


def test_what_the_policy_seals_is_sealed() -> None:
    """`sealed` is set by the policy, never by the table."""
    datamap = bind(TIMELINE, GOOD)
    assert {c.name for t in datamap.tables for c in t.columns if c.sealed} == {"name", "address"}
    forged = replace(USAGE, columns=tuple(replace(c, sealed=True) for c in USAGE.columns))
    assert bind(TIMELINE, (CARD, LOAN, forged)) == datamap


def test_the_lock_is_deterministic_and_complete() -> None:
    """The committed data map does not depend on the order of the tables, and says every column."""
    text = datamap_lock(bind(TIMELINE, GOOD))
    assert text == datamap_lock(bind(TIMELINE, GOOD[::-1]))
    read = tomllib.loads(text)
    assert read["digest"] == bind(TIMELINE, GOOD).digest
    for table in GOOD:
        assert list(read["table"][table.name]["column"]) == [column.name for column in table.columns]
        for column in table.columns:
            assert read["table"][table.name]["column"][column.name]["category"] == column.category
    assert read["table"]["loan"]["via"] == {"column": "card", "table": "card"}
    assert read["table"]["card"]["column"]["name"]["sealed"] is True
