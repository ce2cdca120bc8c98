"""The attacks, family by family."""

from __future__ import annotations

from tests.bypass.attack import Attack, Family
from tests.bypass.catalogue.accesses import ACCESSES
from tests.bypass.catalogue.connections import CONNECTIONS
from tests.bypass.catalogue.fields import SEALED, WITHHELD
from tests.bypass.catalogue.handles import HANDLES, MAINTENANCE, TRANSACTIONS
from tests.bypass.catalogue.names import NAMES, SCHEMA
from tests.bypass.catalogue.nothing import FILE, NOTHING
from tests.bypass.catalogue.oracles import COUNTING, ERRORS
from tests.bypass.catalogue.queries import QUERIES
from tests.bypass.catalogue.shapes import SHAPES
from tests.bypass.catalogue.shapes_of_writes import WRITE_SHAPES
from tests.bypass.catalogue.writes import CONFLICTS, WRITES
from tests.bypass.catalogue.writing_text import OWN_NAMES, TEXT

__all__ = ["FAMILIES", "OPEN", "attacks"]

FAMILIES: tuple[Family, ...] = (
    NAMES, SCHEMA, TEXT, OWN_NAMES, COUNTING, SHAPES, ERRORS, WITHHELD, SEALED, WRITES, CONFLICTS, WRITE_SHAPES,
    QUERIES, ACCESSES, CONNECTIONS, HANDLES, TRANSACTIONS, MAINTENANCE, FILE, NOTHING,
)  # fmt: skip

OPEN: dict[str, str] = {}
"""Known to succeed today, with the reason; each is to be closed and taken off this list."""


def attacks() -> dict[str, Attack]:
    """Every attack by `family/id`, but for those of `OPEN`."""
    found = {f"{family.id}/{attack.id}": attack for family in FAMILIES for attack in family.attacks}
    assert len(found) == sum(len(family.attacks) for family in FAMILIES), "two attacks have one id"
    assert OPEN.keys() <= found.keys()
    return {id: attack for id, attack in found.items() if id not in OPEN}
