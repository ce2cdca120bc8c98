"""What differs between databases when a predicate is written. A second dialect is one more `Dialect`."""

from __future__ import annotations

from msgspec import Struct

__all__ = ["SQLITE", "Dialect"]


class Dialect(Struct, frozen=True):
    """`schema` qualifies every table in a sub-select, so that no CTE of a statement can shadow it."""

    name: str
    schema: str

    def quote(self, name: str) -> str:
        """A name as an identifier, whatever is in it."""
        return '"' + name.replace('"', '""') + '"'

    def table(self, name: str) -> str:
        """A base table, past any CTE of the same name."""
        return f"{self.schema}.{self.quote(name)}"


SQLITE = Dialect("sqlite", "main")
