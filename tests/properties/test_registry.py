"""The registry: export and erasure walk the same places, find the same rows, and in an order that works."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from gptimage_core.errors import PolicyError, StoreError
from gptimage_core.policy.binding import Column, DataMap, Table, Via
from gptimage_core.registry import EVERYTHING, Found, Place, Registry, of_item, of_person

_PEOPLE = ("anna", "ben")


def _table(name: str, subjects: int, via: str | None) -> Table:
    columns = [
        Column("id", "identifier", "text", "key"),
        Column("tenant", "identifier", "text", "tenant"),
        *(Column(f"person{number}", "identifier", "text", "subject") for number in range(subjects)),
        Column("parent", "identifier", "text", "link"),
        Column("blob", "picture", "text"),
        Column("thumb", "picture", "text"),
        Column("note", "prompt", "text", sealed=True),
    ]
    return Table(name, tuple(columns), Via("parent", via) if via else None)


@st.composite
def _datamaps(draw: st.DrawFn) -> DataMap:
    """Up to five tables: with one person, with two, hanging on another one, or about nobody."""
    tables: list[Table] = []
    for number in range(draw(st.integers(1, 5))):
        via = draw(st.sampled_from([None, *(table.name for table in tables)]))
        tables.append(_table(f"t{number}", draw(st.sampled_from([0, 1, 1, 2])), via))
    order = draw(st.permutations(tables))
    return DataMap(tuple(order), "sha256:test")


@st.composite
def _registries(draw: st.DrawFn) -> Registry:
    datamap = draw(_datamaps())
    declared: list[Place] = []
    for table in datamap.tables:
        if not Registry(datamap).holds(table.name):
            continue
        if draw(st.booleans()):
            declared.append(Place(f"{table.name}.blob", table.name, column="blob"))
            if draw(st.booleans()):
                source = draw(st.sampled_from([place.name for place in declared]))
                declared.append(Place(f"{table.name}.thumb", table.name, column="thumb", of=(source,)))
    return Registry(datamap, draw(st.permutations(declared)))


def _fill(
    connection: sqlite3.Connection, registry: Registry, data: st.DataObject
) -> dict[str, list[dict[str, str | None]]]:
    rows: dict[str, list[dict[str, str | None]]] = {}
    tables = {place.table: registry.table(place) for place in registry.places}
    for name, table in tables.items():
        connection.execute(f"CREATE TABLE {name} ({', '.join(column.name for column in table.columns)})")
        rows[name] = []
        for number in range(data.draw(st.integers(0, 3))):
            row: dict[str, str | None] = {"id": f"{name}-{number}", "note": None}
            row["tenant"] = data.draw(st.sampled_from(["main", "main", "other"]))
            parents = [None] if table.via is None else [None, f"{table.via.table}-0", f"{table.via.table}-1"]
            row["parent"] = data.draw(st.sampled_from(parents))
            row |= {person: data.draw(st.sampled_from([*_PEOPLE, None])) for person in table.subjects}
            row |= {
                column: data.draw(st.sampled_from([f"{row['id']}-{column}", None]))
                for column in ("blob", "thumb")
            }
            rows[name].append(row)
            names = [column.name for column in table.columns]
            marks = ", ".join("?" * len(names))
            connection.execute(f"INSERT INTO {name} VALUES ({marks})", [row[column] for column in names])
    return rows


def _owners(
    registry: Registry, rows: Mapping[str, list[dict[str, str | None]]], name: str, row: dict[str, str | None]
) -> set[str | None]:
    """Whose a row is, by following its links one by one."""
    table = next(registry.table(place) for place in registry.places if place.table == name)
    if table.subjects:
        return {row[person] for person in table.subjects}
    assert table.via is not None
    parents = [other for other in rows[table.via.table] if other["id"] == row["parent"]]
    return {owner for parent in parents for owner in _owners(registry, rows, table.via.table, parent)}


@given(registry=_registries(), data=st.data())
@settings(deadline=None, max_examples=150)
def test_a_persons_data_is_found_wherever_it_stands(registry: Registry, data: st.DataObject) -> None:
    """S32, S36: what is found is what a walk over every row finds, and nothing of anybody else's."""
    connection = sqlite3.connect(":memory:")
    rows = _fill(connection, registry, data)
    found = set(of_person(connection, registry, registry.erasure_order(), "main", "anna"))
    expected = set()
    for place in registry.places:
        for row in rows[place.table]:
            if row["tenant"] != "main" or "anna" not in _owners(registry, rows, place.table, row):
                continue
            blob = None if place.column is None else row[place.column]
            shared = bool(_owners(registry, rows, place.table, row) - {"anna", None})
            if place.kind == "row" or blob is not None:
                expected.add(Found(place.name, str(row["id"]), blob, shared))
    assert found == expected


@given(registry=_registries(), data=st.data())
@settings(deadline=None, max_examples=100)
def test_what_is_exported_is_erased(registry: Registry, data: st.DataObject) -> None:
    """INVARIANT (one-registry): what an export finds an erasure finds; what it leaves out is a copy."""
    connection = sqlite3.connect(":memory:")
    _fill(connection, registry, data)
    exported = set(of_person(connection, registry, registry.export_order(), "main", "anna"))
    erased = set(of_person(connection, registry, registry.erasure_order(), "main", "anna"))
    copies = {place.name for place in registry.places if place.of}
    assert exported == {found for found in erased if found.place not in copies}
    assert sorted(registry.erasure_order(), key=lambda p: p.name) == list(registry.places)


@given(registry=_registries())
@settings(deadline=None, max_examples=150)
def test_the_order_of_erasure_never_loses_the_way(registry: Registry) -> None:
    """S32: copies go before their sources, blobs before the rows that name them, rows before their owners."""
    at = {place.name: number for number, place in enumerate(registry.erasure_order())}
    for place in registry.places:
        for source in place.of:
            assert at[place.name] < at[source]
        if place.kind == "blob":
            assert at[place.name] < at[place.table]
        elif (owner := registry.owner_of(registry.table(place))) is not None:
            assert at[place.name] < at[owner.name]
        for copy in registry.derived_from(place.name):
            assert copy.name != place.name


@given(registry=_registries(), data=st.data())
@settings(deadline=None, max_examples=100)
def test_an_item_goes_with_all_that_hangs_on_it(registry: Registry, data: st.DataObject) -> None:
    """S32: of an item, its row, its blobs and copies, and the rows that hang on it, whoever made them."""
    connection = sqlite3.connect(":memory:")
    assume(registry.places)
    rows = _fill(connection, registry, data)
    root = data.draw(st.sampled_from([place.table for place in registry.places]))
    found = {(each.place, each.key) for each in of_item(connection, registry, "main", root, f"{root}-0")}

    def hangs(name: str, row: dict[str, str | None]) -> bool:
        if name == root:
            return row["id"] == f"{root}-0"
        via = next(registry.table(place) for place in registry.places if place.table == name).via
        parents = rows.get(via.table, []) if via is not None else []
        return any(other["id"] == row["parent"] and hangs(via.table, other) for other in parents)  # type: ignore[union-attr]

    expected = {
        (place.name, row["id"])
        for place in registry.places
        for row in rows[place.table]
        if row["tenant"] == "main"
        and hangs(place.table, row)
        and (place.column is None or row[place.column] is not None)
    }
    assert found == expected
    assert {name for name, _ in found} - {root} <= {place.name for place in registry.derived_from(root)}


IMAGES, EXPORTS = _table("images", 1, None), _table("exports", 1, None)
REFERENCES = _table("references", 0, "images")
NOBODY = _table("totals", 0, None)
APPLICATION = DataMap((IMAGES, REFERENCES, EXPORTS, NOBODY), "sha256:test")


def test_an_archive_is_a_copy_of_everything() -> None:
    """S32, S36: an archive is derived from every place, is erased first and is not exported itself."""
    registry = Registry(
        APPLICATION,
        [
            Place("exports.archive", "exports", column="blob", of=(EVERYTHING,)),
            Place("images.original", "images", column="blob"),
            Place("images.thumbnail", "images", column="thumb", of=("images.original",)),
            Place("references.original", "references", column="blob"),
        ],
    )
    assert registry.erasure_order()[0].name == "exports.archive"
    assert not registry.holds("totals")
    assert [place.name for place in registry.derived_from("images")] == [
        name
        for name in (place.name for place in registry.erasure_order())
        if name
        in {"exports.archive", "images.original", "images.thumbnail", "references", "references.original"}
    ]
    assert "exports.archive" in {place.name for place in registry.derived_from("images.thumbnail")}
    assert {place.name for place in registry.export_order()} == {
        "images",
        "references",
        "exports",
        "images.original",
        "references.original",
    }
    with pytest.raises(StoreError):
        list(of_item(sqlite3.connect(":memory:"), registry, "main", "totals", "1"))
    with pytest.raises(PolicyError):
        registry.derived_from("nowhere")


WRONG = {
    "not a governed table": Place("a", "nothing", column="blob"),
    "belongs to nobody": Place("a", "totals", column="blob"),
    "must be a blob": Place("a", "images"),
    "does not have": Place("a", "images", column="nothing"),
    "takes plain text": Place("a", "images", column="note"),
    "is not a place": Place("a", "images", column="blob", of=("nothing",)),
    "declared twice": Place("images", "images", column="blob"),
    "in a circle": Place("a", "images", column="blob", of=("a",)),
}


@pytest.mark.parametrize(("says", "place"), WRONG.items())
def test_a_wrong_declaration_stops_the_start(says: str, place: Place) -> None:
    """S15: a copy cannot be declared where it would never be found."""
    with pytest.raises(PolicyError, match=says):
        Registry(APPLICATION, [place])


def test_every_wrong_declaration_is_said_at_once() -> None:
    """Errors are collected, not shown one at a time."""
    with pytest.raises(PolicyError, match=r"`one`.*; .*`two`"):
        Registry(APPLICATION, [Place("two", "nothing"), Place("one", "images")])
