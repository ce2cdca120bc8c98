"""Lints of what else a schema holds: views, triggers, virtual tables, tables that nobody governs."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from gptimage_core.guard.lints.described import Fault, Schema
from gptimage_core.policy.binding import DataMap

__all__ = ["faults", "notes"]

_CORE = "gp_"


def faults(schema: Schema, datamap: DataMap) -> Iterator[Fault]:
    """Every view, trigger and virtual table that reaches a governed table or the core's."""
    reached = _reach(schema, datamap)
    governed = {table.name.lower() for table in datamap.tables}
    named = [
        *(each.name for each in schema.tables),
        *(each.name for each in schema.views),
        *(each.name for each in schema.triggers),
    ]
    for name in named:
        if name.lower().startswith(_CORE) and name.lower() not in governed:
            yield Fault(name, "core-table", f"`{name}` has a name of the core's and is not the core's")
    for view in schema.views:
        over = reached(view.names, view.name)
        if over and view.name.lower() not in governed:
            yield Fault(view.name, "view", f"the view is over {_listed(over)}")
    for table in schema.tables:
        over = reached(table.names, table.name)
        if over and table.name.lower() not in governed:
            yield Fault(table.name, "virtual-table", f"the virtual table is over {_listed(over)}")
    for trigger in schema.triggers:
        over = reached((trigger.table.lower(), *trigger.names), trigger.name)
        if over:
            yield Fault(trigger.name, "trigger", f"the trigger on `{trigger.table}` reaches {_listed(over)}")


def notes(schema: Schema, datamap: DataMap) -> Iterator[Fault]:
    """Tables that nobody governs: statements do not reach them."""
    governed = {table.name.lower() for table in datamap.tables}
    for table in schema.tables:
        lower = table.name.lower()
        if lower not in governed and not lower.startswith(_CORE) and table.kind != "shadow":
            yield Fault(table.name, "ungoverned-table", f"nobody governs `{table.name}`")


def _reach(schema: Schema, datamap: DataMap) -> Callable[[tuple[str, ...], str], list[str]]:
    """Which governed tables, or tables of the core's, the names of an object lead to, also through others."""
    ends = {table.name.lower(): table.name for table in datamap.tables}
    through = {view.name.lower(): view.names for view in schema.views}
    through |= {table.name.lower(): table.names for table in schema.tables if table.kind == "virtual"}

    def reached(names: tuple[str, ...], itself: str) -> list[str]:
        seen = {itself.lower()}
        waiting = list(names)
        found = set()
        while waiting:
            name = waiting.pop()
            if name in seen:
                continue
            seen.add(name)
            if name in ends or name.startswith(_CORE):
                found.add(ends.get(name, name))
            waiting.extend(through.get(name, ()))
        return sorted(found)

    return reached


def _listed(names: list[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)
