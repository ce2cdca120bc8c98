"""Which key seals a column: the item's where deleting the item must reach it, else the person's.

A category whose keeping ends with `item_deleted` is sealed per item (S32): the item is the row that owns it,
that is the row itself, or where the table hangs on another one (`via`), that one. So destroying an image's
key reaches its prompt and its references.

INVARIANT (key-classes): a category that stays for a while after its keeping ended (an address to which the
answer is mailed, S30) is sealed in a retention class of its own name; everything else of a person is in
`content`, whose key can be destroyed at the very deletion without taking along what must stay.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from gptimage_core.errors import GuardError, PolicyError, VaultError
from gptimage_core.policy.binding import Column, DataMap, Table
from gptimage_core.policy.findings import Finding
from gptimage_core.policy.timeline import Timeline
from gptimage_core.vault.context import Context
from gptimage_core.vault.sealing import armour, dearmour
from gptimage_core.vault.vault import Vault

__all__ = ["Sealer"]


class Sealer:
    """Seals and opens column values with the context of their row. Without a vault both raise."""

    def __init__(self, vault: Vault | None, datamap: DataMap, timeline: Timeline) -> None:
        self.vault = vault
        per_item = {
            name
            for version in timeline.versions
            for name, category in version.document.category.items()
            if "item_deleted" in category.keep_until
        }
        self._per_item = frozenset(per_item)
        self._staying = frozenset(_staying(timeline)) - self._per_item
        self._sealed = frozenset(c.category for t in datamap.tables for c in t.columns if c.sealed)
        for table in datamap.tables:
            for column in table.columns:
                if column.sealed and vault is None:
                    raise GuardError(
                        f"`{table.name}.{column.name}` is sealed by the policy; give the guard a vault"
                    )

    def check_follows(self, last: Sealer, datamap: DataMap) -> None:
        """Raise `PolicyError` where what `last` sealed in these tables would be sought under another key, or
        what is stored in the open would be taken for sealed: that is a migration, not a change of policy."""
        findings = [
            Finding(
                f"table `{table.name}`",
                number,
                0,
                "reseals",
                f"`{column.name}` holds `{column.category}`, whose stored values would be sealed otherwise",
                "seal them anew in a migration and start again",
            )
            for table in datamap.tables
            for number, column in enumerate(table.columns, 1)
            if column.sealed != (column.category in self._sealed)
            or (column.sealed and self._keyed(column.category) != last._keyed(column.category))
        ]
        if findings:
            raise PolicyError(findings=findings)

    def _keyed(self, category: str) -> tuple[bool, str]:
        """What decides which key seals a category: per item or per person, and the class."""
        return category in self._per_item, self.retention(category)

    def seal(
        self, table: Table, column: Column, tenant: str, key: Any, subject: str, link: Any, value: Any
    ) -> str | None:
        """The text to store; `None` stays NULL. Raises `GuardError` where the row has no key or no person."""
        if value is None:
            return None
        place = self._context(table, column, tenant, key, subject, link)
        vault = self._open_vault()
        if column.type == "bytes":
            if not isinstance(value, bytes | bytearray | memoryview):
                raise GuardError(
                    f"`{table.name}.{column.name}` holds bytes; {type(value).__name__} was given"
                )
            return armour(vault.seal_bytes(place, bytes(value)))
        if not isinstance(value, str):
            raise GuardError(f"`{table.name}.{column.name}` holds text; {type(value).__name__} was given")
        return vault.seal_text(place, value)

    def open(
        self, table: Table, column: Column, tenant: str, key: str, subject: str, link: str, sealed: str
    ) -> str | bytes:
        """What was sealed in this place; raises `VaultError` for anything else."""
        place = self._context(table, column, tenant, key, subject, link)
        vault = self._open_vault()
        if column.type == "bytes":
            return vault.open_bytes(place, dearmour(sealed))
        return vault.open_text(place, sealed)

    def _open_vault(self) -> Vault:
        if self.vault is None:
            raise VaultError("this guard has no vault; give it one to read or write sealed columns")
        return self.vault

    def _context(
        self, table: Table, column: Column, tenant: str, key: Any, subject: str, link: Any
    ) -> Context:
        if key is None or key == "":
            raise GuardError(
                f"`{table.name}.{column.name}` is sealed to its row, whose key is not known yet; "
                "give the row a random text key (or a UUID) before it is inserted"
            )
        return self.place(table, column.name, column.category, tenant, str(key), subject, str(link))

    def place(
        self, table: Table, column: str, category: str, tenant: str, key: str, subject: str, link: str
    ) -> Context:
        """Where a value of `category` in this column of this row is sealed, or a blob that it names."""
        item = None
        if category in self._per_item:
            item = link if table.via is not None else key
        return Context(tenant, subject, category, table.name, column, key, item, self.retention(category))

    def retention(self, category: str) -> str:
        """The class of the key that seals the category: see INVARIANT (key-classes)."""
        return category if category in self._staying else "content"


def _staying(timeline: Timeline) -> Iterator[str]:
    for version in timeline.versions:
        for name, category in version.document.category.items():
            ceiling = category.gone_after
            if ceiling is not None and ceiling.from_ == "keep_ended" and not ceiling.at_once:
                yield name
