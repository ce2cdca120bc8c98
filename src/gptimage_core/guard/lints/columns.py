"""Lints of tables and columns: the database holds what the data map says, under the names it says (S6)."""

from __future__ import annotations

from collections.abc import Iterator

from gptimage_core.guard.lints.described import DbTable, Expression, Fault, Schema, View
from gptimage_core.policy.binding import Column, DataMap, Table
from gptimage_core.policy.vocabulary import IDENTIFIER

__all__ = ["faults", "pairs"]

_RESERVED = ("gp_", "sqlite_", "pg_", "pragma_")
_ROWIDS = frozenset({"rowid", "oid", "_rowid_"})
_WHOSE = frozenset({"key", "subject", "tenant", "link"})
_NEVER_RAISE = frozenset(
    {
        *(
            "cast",
            "coalesce",
            "hex",
            "ifnull",
            "iif",
            "instr",
            "json_valid",
            "length",
            "lower",
            "ltrim",
            "max",
        ),
        *("min", "nullif", "octet_length", "quote", "round", "rtrim", "sign", "substr", "substring", "trim"),
        *("typeof", "unicode", "upper"),
    }
)


def pairs(schema: Schema, datamap: DataMap) -> Iterator[tuple[Table, DbTable]]:
    """Each governed table with the database's table of that name."""
    for table in datamap.tables:
        found = schema.table(table.name)
        if found is not None and found.kind == "table":
            yield table, found


def faults(schema: Schema, datamap: DataMap) -> Iterator[Fault]:
    """Every fault of names, presence, keys, comparisons and computed values."""
    yield from _names(schema, datamap)
    for table, found in pairs(schema, datamap):
        yield from _columns(table, found)
        yield from _key(table, found)
        if found.conflicts:
            message = f"a constraint says ON CONFLICT {' and '.join(found.conflicts)}"
            yield Fault(table.name, "conflict-clause", message)
        yield from _compared(table, found)
        yield from _computed(table, found)


def _names(schema: Schema, datamap: DataMap) -> Iterator[Fault]:
    there: dict[str, DbTable | View] = {each.name: each for each in schema.tables}
    there |= {each.name: each for each in schema.views}
    by_lower = {name.lower(): name for name in there}
    seen: dict[str, str] = {}
    for table in datamap.tables:
        name, lower = table.name, table.name.lower()
        if lower.startswith(_RESERVED):
            yield Fault(name, "reserved-name", f"`{name}` has a name that is kept for others")
        if lower in seen:
            message = f"`{name}` and `{seen[lower]}` are one table to the database"
            yield Fault(name, "name-case", message)
        seen[lower] = name
        found = there.get(name)
        if found is None and lower in by_lower:
            message = f"the database calls `{name}` `{by_lower[lower]}`"
            yield Fault(name, "name-case", message)
        elif found is None:
            yield Fault(name, "table-missing", f"the database has no table `{name}`")
        elif not isinstance(found, DbTable):
            yield Fault(name, "not-a-table", f"`{name}` is a view")
        elif found.kind != "table":
            yield Fault(name, "not-a-table", f"`{name}` is a {found.kind} table")


def _columns(table: Table, found: DbTable) -> Iterator[Fault]:
    known = {column.name for column in table.columns}
    stored = {column.name for column in found.columns}
    by_lower = {name.lower(): name for name in stored - known}
    renamed = {name: by_lower[name.lower()] for name in known - stored if name.lower() in by_lower}
    for name, other in renamed.items():
        yield Fault(f"{table.name}.{name}", "name-case", f"the database calls `{name}` `{other}`")
    for name in stored - known - set(renamed.values()):
        yield Fault(
            f"{table.name}.{name}", "column-unknown", f"column `{name}` is stored and has no category"
        )
    for name in known - stored - renamed.keys():
        yield Fault(f"{table.name}.{name}", "column-missing", f"the database has no column `{name}`")
    for column in table.columns:
        if column.name.lower() in _ROWIDS and column.role != "key":
            message = f"`{column.name}` is a name of SQLite's own number of the row"
            yield Fault(f"{table.name}.{column.name}", "rowid-name", message)


def _key(table: Table, found: DbTable) -> Iterator[Fault]:
    key = next((column for column in found.columns if column.name == table.key), None)
    if key is None:
        return  # missing; that is said
    if not any(i.unique and i.total and i.columns == (key.name,) and not i.loose for i in found.indexes):
        yield Fault(f"{table.name}.{key.name}", "key", f"the key `{key.name}` is not unique in the database")
    elif key.null:
        yield Fault(f"{table.name}.{key.name}", "key", f"the key `{key.name}` may be NULL in the database")


def _compared(table: Table, found: DbTable) -> Iterator[Fault]:
    loose = {column.name for column in found.columns if not column.exact}
    for column in table.columns:
        matters = column.role in _WHOSE or column.fact is not None
        if matters and column.type == "text" and column.name in loose:
            what = f"fact `{column.fact}`" if column.fact is not None else f"`{column.role}`"
            message = f"`{column.name}` is the row's {what} and takes different texts for the same"
            yield Fault(f"{table.name}.{column.name}", "loose-compare", message)


def _computed(table: Table, found: DbTable) -> Iterator[Fault]:
    known = {column.name: column for column in table.columns}
    for index in found.indexes:
        if index.computed is not None:
            yield from _raising(f"{table.name}.{index.name}", "the index", index.computed)
    for check in found.checks:
        place = f"{table.name}.{'+'.join(check.columns)}" if check.columns else table.name
        yield from _raising(place, "a CHECK", check)
        held = _categories(check, known)
        if len(held) > 1:
            words = ", ".join(f"`{each}`" for each in sorted(held))
            yield Fault(place, "check-categories", f"a CHECK holds {words} against each other")
    for column in found.columns:
        if column.generated is None:
            continue
        place = f"{table.name}.{column.name}"
        yield from _raising(place, "the generated column", column.generated)
        own = known.get(column.name)
        others = _categories(column.generated, known) - {"" if own is None else own.category}
        if own is not None and others:
            words = ", ".join(f"`{each}`" for each in sorted(others))
            message = f"`{column.name}` holds `{own.category}` and is computed from {words}"
            yield Fault(place, "generated-copy", message)


def _categories(computed: Expression, known: dict[str, Column]) -> set[str]:
    return {known[name].category for name in computed.columns if name in known} - {IDENTIFIER}


def _raising(place: str, what: str, computed: Expression) -> Iterator[Fault]:
    calls = [call for call in computed.calls if call not in _NEVER_RAISE]
    if calls:
        words = ", ".join(f"`{call}`" for call in calls)
        yield Fault(place, "raising-expression", f"{what} calls {words}, which may raise")
