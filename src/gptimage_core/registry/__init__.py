"""The registry: where people's data stands, and what is derived from it (S15, S32, S36).

places  tables, blobs and copies; the orders of export and of erasure
find    the rows and blobs of a person or of an item, and the end of their keeping
"""

from __future__ import annotations

from gptimage_core.registry.find import Found, end_keeping, of_item, of_person, older_than
from gptimage_core.registry.places import EVERYTHING, Place, Registry

__all__ = ["EVERYTHING", "Found", "Place", "Registry", "end_keeping", "of_item", "of_person", "older_than"]
