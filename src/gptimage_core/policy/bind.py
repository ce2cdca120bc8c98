"""Hold the data map against the policy: every column has exactly one category, and can do what it must (S6).

`bind` refuses, all at once: a column with no or two categories, an unknown one; a ceiling whose start no
column records; sealed data in a column that cannot hold it; a table whose rows belong to nobody it could
name; a closed set of fields that is not kept. Every version of the timeline is asked, since rows are decided
under the version they were collected under and every one since (X11).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

import msgspec

from gptimage_core.errors import PolicyError
from gptimage_core.policy.binding import Accepted, Column, DataMap, Table
from gptimage_core.policy.canonical import digest_of
from gptimage_core.policy.datamap_lock import datamap_lock
from gptimage_core.policy.document import Category, Fact
from gptimage_core.policy.findings import Finding, did_you_mean
from gptimage_core.policy.timeline import Timeline, Version
from gptimage_core.policy.vocabulary import IDENTIFIER

__all__ = ["bind", "datamap_lock"]

_CAN_BE_SEALED = {"text", "bytes", "json"}
_INSTANTS = {"instant", "integer"}
_FITS = {
    "text": {"text"},
    "integer": {"integer"},
    "boolean": {"boolean", "integer"},
    "instant": _INSTANTS,
}
_ROLE_TYPES = {
    "recorded": _INSTANTS,
    "keep_ended": _INSTANTS,
    "collected_under": {"integer"},
    "tenant": {"text"},
    "subject": {"text"},
}
_ONCE = ("key", "tenant", "recorded", "keep_ended", "collected_under")


def bind(timeline: Timeline, tables: Sequence[Table], accept: Mapping[str, str] | None = None) -> DataMap:
    """The data map of all governed tables, with `sealed` set where the policy seals a category.

    `accept` says, per finding of the schema's lints (`code:place`), why it stays; it stands in the data map
    and so in `datamap.lock`, where counsel reads it.
    Raises `PolicyError` with every finding; a finding's file is the table's name.
    """
    findings = list(_clashes(tables))
    known = {table.name: table for table in tables}
    for table in tables:
        findings.extend(_table(timeline, table, known))
    if findings:
        raise PolicyError(findings=findings)
    sealed = _sealed(timeline)
    bound = tuple(
        msgspec.structs.replace(
            table,
            columns=tuple(
                msgspec.structs.replace(column, sealed=column.category in sealed) for column in table.columns
            ),
        )
        for table in sorted(tables, key=lambda each: each.name)
    )
    accepted = tuple(Accepted(what, reason) for what, reason in sorted((accept or {}).items()))
    return DataMap(bound, digest_of((bound, accepted) if accepted else bound), accepted)


def _sealed(timeline: Timeline) -> set[str]:
    """What any version seals is sealed: a later version cannot unseal what an earlier one promised."""
    return {
        name
        for version in timeline.versions
        for name, category in version.document.category.items()
        if category.protection == "sealed"
    }


def _found(table: Table, column: str, code: str, message: str, hint: str = "") -> Finding:
    names = [each.name for each in table.columns]
    place = names.index(column) + 1 if column in names else 0
    return Finding(f"table `{table.name}`", place, 0, code, message, hint)


def _clashes(tables: Sequence[Table]) -> Iterator[Finding]:
    for name, count in Counter(table.name for table in tables).items():
        if count > 1:
            yield Finding(f"table `{name}`", 0, 0, "name-clash", f"table `{name}` is declared {count} times")


def _table(timeline: Timeline, table: Table, known: dict[str, Table]) -> Iterator[Finding]:
    yield from _columns(timeline, table)
    yield from _roles(table)
    yield from _facts(timeline, table)
    yield from _via(table, known)
    about = {
        name
        for version in timeline.versions
        for name in table.categories
        if name in version.document.category and version.document.category[name].about == "subject"
    }
    if about and not table.subjects and table.via is None:
        yield _found(
            table,
            "",
            "no-subject",
            f"`{table.name}` holds `{min(about)}`, which is about a person, and names nobody",
            "tag the column that names the person, or say by `via` which table does",
        )
    for version in timeline.versions:
        for name in table.categories:
            category = version.document.category.get(name)
            if category is not None:
                yield from _ceiling(table, name, category)
    yield from _closed_sets(timeline.latest, table)


def _columns(timeline: Timeline, table: Table) -> Iterator[Finding]:
    known = {name for version in timeline.versions for name in version.document.category} | {IDENTIFIER}
    sealed = _sealed(timeline)
    for name, count in Counter(column.name for column in table.columns).items():
        if count > 1:
            yield _found(
                table,
                name,
                "two-categories",
                f"column `{name}` has {count} categories",
                "give it exactly one",
            )
    for column in table.columns:
        if not column.category:
            yield _found(
                table,
                column.name,
                "no-category",
                f"column `{column.name}` has no category",
                "every stored column has one (S6); keys and technical columns have `identifier`",
            )
        elif column.category not in known:
            hint = did_you_mean(column.category, known)
            yield _found(table, column.name, "unknown-name", f"unknown category `{column.category}`", hint)
        elif column.category in sealed:
            yield from _seal(table, column)


def _seal(table: Table, column: Column) -> Iterator[Finding]:
    what = f"column `{column.name}` holds `{column.category}`, which is sealed"
    if column.type not in _CAN_BE_SEALED:
        yield _found(
            table, column.name, "cannot-be-sealed", f"{what}, in `{column.type}`", "sealed values are text"
        )
    if column.role is not None:
        yield _found(
            table,
            column.name,
            "cannot-be-sealed",
            f"{what}, and is the row's `{column.role}`",
            "use `identifier`",
        )
    if column.fact is not None:
        yield _found(
            table,
            column.name,
            "cannot-be-sealed",
            f"{what}, and supplies a fact",
            "a predicate cannot open it",
        )
    if column.unique:
        yield _found(
            table, column.name, "cannot-be-sealed", f"{what}, and is unique", "equal values seal differently"
        )


def _roles(table: Table) -> Iterator[Finding]:
    needed = ["key", "tenant"] + (["collected_under"] if table.categories else [])
    reasons = {
        "key": "a row without a key cannot be recorded or erased",
        "tenant": "every predicate asks for the tenant",
        "collected_under": "rows carry the policy version they were collected under (X11)",
    }
    for role in _ONCE:
        columns = [column for column in table.columns if column.role == role]
        if len(columns) > 1:
            yield _found(
                table, columns[1].name, "two-columns", f"`{table.name}` has two columns for `{role}`"
            )
        if not columns and role in needed:
            yield _found(
                table,
                "",
                "no-" + role.replace("_", "-"),
                f"`{table.name}` has no column for `{role}`",
                reasons[role],
            )
    for column in table.columns:
        fits = _ROLE_TYPES.get(column.role or "")
        if fits is not None and column.type not in fits:
            hint = "use " + " or ".join(f"`{each}`" for each in sorted(fits))
            yield _found(
                table,
                column.name,
                "type",
                f"`{column.name}` is the row's `{column.role}` and is `{column.type}`",
                hint,
            )


def _facts(timeline: Timeline, table: Table) -> Iterator[Finding]:
    facts: dict[str, Fact] = {}
    for version in timeline.versions:
        facts.update(version.document.fact)
    for column in table.columns:
        if column.fact is None:
            continue
        fact = facts.get(column.fact)
        if fact is None:
            hint = did_you_mean(column.fact, [name for name, each in facts.items() if each.of == "row"])
            yield _found(table, column.name, "unknown-name", f"unknown fact `{column.fact}`", hint)
        elif fact.of != "row":
            yield _found(
                table,
                column.name,
                "fact-level",
                f"`{column.fact}` is a fact of the {fact.of}; a column supplies facts of the row",
            )
        elif column.type not in _FITS[fact.type]:
            yield _found(
                table,
                column.name,
                "type",
                f"`{column.fact}` is `{fact.type}` and `{column.name}` is `{column.type}`",
            )


def _via(table: Table, known: dict[str, Table]) -> Iterator[Finding]:
    if table.via is None:
        return
    if table.column(table.via.column) is None:
        yield _found(
            table, "", "unknown-name", f"`via` names no column of `{table.name}`: `{table.via.column}`"
        )
    seen = {table.name}
    here: Table = table
    while here.via is not None:
        there = known.get(here.via.table)
        if there is None:
            if here is table:
                hint = did_you_mean(here.via.table, known)
                yield _found(
                    table, here.via.column, "unknown-name", f"unknown table `{here.via.table}`", hint
                )
            return
        if there.name in seen:
            yield _found(
                table,
                table.via.column,
                "via-cycle",
                f"`{table.name}` reaches its people by a circle through `{there.name}`",
            )
            return
        seen.add(there.name)
        here = there
    if not here.subjects:
        yield _found(
            table,
            table.via.column,
            "no-subject",
            f"`via` leads to `{here.name}`, which names nobody",
            "tag its subject",
        )


def _ceiling(table: Table, name: str, category: Category) -> Iterator[Finding]:
    """A ceiling whose start no column records could not be kept, in any version."""
    if category.gone_after is None:
        return
    start = category.gone_after.from_
    if not table.with_role(start):
        yield _found(
            table,
            "",
            "no-start",
            f"`{name}` is gone after a span from `{start}`, which no column of `{table.name}` holds",
            f"tag the column that holds the instant with `{start}`",
        )


def _closed_sets(version: Version, table: Table) -> Iterator[Finding]:
    """`exactly` (S8, S10, S12): a table of the category has these fields and no other."""
    names = {column.name for column in table.columns}
    for each in table.categories:
        category = version.document.category.get(each)
        if category is None or not category.exactly:
            continue
        allowed = set(category.exactly)
        for column in table.columns:
            if column.category == each and column.name not in allowed:
                hint = did_you_mean(column.name, allowed - names)
                yield _found(
                    table, column.name, "not-exactly", f"`{each}` has no field `{column.name}`", hint
                )
        for name in sorted(allowed - names):
            yield _found(table, "", "not-exactly", f"`{table.name}` lacks the field `{name}` of `{each}`")
