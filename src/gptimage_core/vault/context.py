"""Where a sealed value stands. The place is part of the cryptography, not a comment beside it.

INVARIANT (sealed-in-place): a ciphertext opens only with the context it was sealed with: the same tenant,
subject, category, table, column, row and key version (and under its own scope's key). Moved anywhere else,
by a bug, an operator or a thief with write access, it does not open.
"""

from __future__ import annotations

import struct

from msgspec import Struct

from gptimage_core.errors import VaultError

__all__ = ["Context"]

_FORMAT = b"gptimage/1"
_LENGTHS = struct.Struct(">7I").pack


class Context(Struct, frozen=True):
    """The place of one sealed value, all ids as text. `item` selects the key: an item's, or the person's.

    `retention` is the retention class of the key (a person has one content key per class).
    """

    tenant: str
    subject: str
    category: str
    table: str
    column: str
    row: str
    item: str | None = None
    retention: str = "content"

    def encode(self, key_version: int) -> bytes:
        """The bytes that are bound: format, the six lengths, the key's version, then the six parts.

        Their number is fixed and every length stands in front, so no two contexts encode alike.
        """
        try:
            tenant, subject, category = self.tenant.encode(), self.subject.encode(), self.category.encode()
            table, column, row = self.table.encode(), self.column.encode(), self.row.encode()
        except UnicodeEncodeError:
            raise VaultError("a part of a context holds half a surrogate pair; ids are plain text") from None
        if not (tenant and subject):
            raise VaultError("a context needs a tenant and a subject: without them no key can be named")
        lengths = _LENGTHS(
            len(tenant), len(subject), len(category), len(table), len(column), len(row), key_version
        )
        return _FORMAT + lengths + tenant + subject + category + table + column + row
