"""Sharing: whatever leaves passes here and is decided here (S20 to S24, S28, S43).

recipients  who the policy names, and the adapters that reach them
egress      the one way out
stored      facts of rows as stored now; refusals
"""

from __future__ import annotations

from gptimage_core.sharing.egress import Egress, Part, Shared
from gptimage_core.sharing.recipients import Recipients
from gptimage_core.sharing.stored import RowRef, StoredDenials, StoredRows

__all__ = ["Egress", "Part", "Recipients", "RowRef", "Shared", "StoredDenials", "StoredRows"]
