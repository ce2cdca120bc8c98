"""Lints of foreign keys: what they do to rows that nobody decided, and what their errors tell."""

from __future__ import annotations

from collections.abc import Iterator

from gptimage_core.guard.lints.described import Fault, ForeignKey, Schema
from gptimage_core.policy.binding import DataMap, Table

__all__ = ["faults"]

_HARMLESS = frozenset({"NO ACTION", "RESTRICT"})
_CORE = "gp_"


def faults(schema: Schema, datamap: DataMap) -> Iterator[Fault]:
    """Every foreign key that reaches rows of others, or tables that nobody governs."""
    governed = {table.name.lower(): table for table in datamap.tables}
    for found in schema.tables:
        child = governed.get(found.name.lower())
        for link in found.links:
            place = f"{found.name}.{'+'.join(link.columns)}"
            parent = governed.get(link.table.lower())
            if link.table.lower().startswith(_CORE):
                yield Fault(place, "core-table", f"it references the core's `{link.table}`")
            elif child is None and parent is not None:
                message = f"`{found.name}`, which nobody governs, references `{parent.name}`"
                yield Fault(place, "ungoverned-child", message)
            elif child is not None and parent is None:
                message = f"it references `{link.table}`, which nobody governs"
                yield Fault(place, "ungoverned-parent", message)
            elif child is not None and parent is not None:
                yield from _between(place, child, parent, link)


def _between(place: str, child: Table, parent: Table, link: ForeignKey) -> Iterator[Fault]:
    column = child.column(link.columns[0]) if len(link.columns) == 1 else None
    targeted = tuple(target.lower() for target in link.targets)  # as the foreign key spells them
    if column is None or column.references != parent.name or targeted != (parent.key.lower(),):
        targets = ", ".join(f"`{parent.name}.{target}`" for target in link.targets)
        yield Fault(place, "unknown-link", f"it references {targets}, which the data map does not say so")
    actions = (("ON DELETE", link.on_delete), ("ON UPDATE", link.on_update))
    acting = [f"{when} {what}" for when, what in actions if what.upper() not in _HARMLESS]
    is_owned = child.via is not None and (child.via.column,) == link.columns and not child.subjects
    if acting and not is_owned:
        message = (
            f"{' and '.join(acting)}: rows of `{child.name}` would go along with rows of `{parent.name}`"
        )
        yield Fault(place, "cascade", message)
