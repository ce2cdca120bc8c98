"""The attacks, family by family."""

from __future__ import annotations

from tests.bypass.attack import Attack, Family
from tests.bypass.catalogue.fields import SEALED, WITHHELD
from tests.bypass.catalogue.names import NAMES, SCHEMA
from tests.bypass.catalogue.oracles import COUNTING, ERRORS
from tests.bypass.catalogue.writes import CONFLICTS, WRITES
from tests.bypass.catalogue.writing_text import OWN_NAMES, TEXT

__all__ = ["FAMILIES", "attacks"]

FAMILIES: tuple[Family, ...] = (
    NAMES, SCHEMA, TEXT, OWN_NAMES, COUNTING, ERRORS, WITHHELD, SEALED, WRITES, CONFLICTS,
)  # fmt: skip


def attacks() -> dict[str, Attack]:
    """Every attack by `family/id`."""
    return {f"{family.id}/{attack.id}": attack for family in FAMILIES for attack in family.attacks}
