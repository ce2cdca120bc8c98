"""`datamap.lock`: the data map as text that is committed, so that counsel reads what changed.

Deterministic TOML: tables by name, columns in their order, one line a column.
"""

from __future__ import annotations

from gptimage_core.policy.binding import Column, DataMap, Table

__all__ = ["datamap_lock"]

_HEAD = """\
# Which column holds which category of data. Made from the tables and the policy; do not edit.
# A change here is a change of what is stored: read it before it is merged.
"""


def datamap_lock(datamap: DataMap) -> str:
    """The text; equal data maps give equal text."""
    parts = [_HEAD + f"digest = {_quoted(datamap.digest)}\n"]
    if datamap.accepted:
        lines = [f"{_quoted(each.what)} = {_quoted(each.reason)}" for each in datamap.accepted]
        parts.append(
            "\n".join(["[accepted]  # what a lint of the schema found, and why it stays", *lines]) + "\n"
        )
    parts.extend(_table(table) for table in sorted(datamap.tables, key=lambda each: each.name))
    return "\n".join(parts)


def _table(table: Table) -> str:
    lines = [f"[table.{_key(table.name)}]"]
    people = ", ".join(_quoted(each) for each in table.subjects)
    if people:
        lines.append(f"subjects = [{people}]")
    if table.via is not None:
        lines.append(f"via = {{ column = {_quoted(table.via.column)}, table = {_quoted(table.via.table)} }}")
    if not people and table.via is None:
        lines.append("subjects = []  # rows are about nobody")
    width = max((len(_key(column.name)) for column in table.columns), default=0)
    lines.extend(f"column.{_key(column.name):<{width}} = {_column(column)}" for column in table.columns)
    return "\n".join(lines) + "\n"


def _column(column: Column) -> str:
    parts = [f"category = {_quoted(column.category)}", f"type = {_quoted(column.type)}"]
    for name in ("role", "fact", "references"):
        value = getattr(column, name)
        if value is not None:
            parts.append(f"{name} = {_quoted(value)}")
    for name in ("sealed", "unique", "opaque"):
        if getattr(column, name):
            parts.append(f"{name} = true")
    return "{ " + ", ".join(parts) + " }"


def _key(name: str) -> str:
    bare = name.isascii() and name.replace("_", "").replace("-", "").isalnum()
    return name if bare else _quoted(name)


def _quoted(text: str) -> str:
    escaped = "".join(_escaped(each) for each in text)
    return f'"{escaped}"'


def _escaped(character: str) -> str:
    if character in '"\\':
        return "\\" + character
    if ord(character) < 0x20 or ord(character) == 0x7F:
        return f"\\u{ord(character):04x}"
    return character
