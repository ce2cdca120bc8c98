"""The registry: where people's data stands, and what is derived from it (S15, S32, S36).

places  tables, blobs and copies; the orders of export and of erasure
find    the rows and blobs of a person or of an item
"""

from __future__ import annotations

from gptimage_core.registry.find import Found, of_item, of_person
from gptimage_core.registry.places import EVERYTHING, Place, Registry

__all__ = ["EVERYTHING", "Found", "Place", "Registry", "of_item", "of_person"]
