"""Every feature of Piccolo that the guard was asked about, in the order of docs/piccolo.md."""

from __future__ import annotations

from tests.support.piccolo_feature import Feature
from tests.support.piccolo_reads import READS
from tests.support.piccolo_writes import WRITES

__all__ = ["FEATURES", "Feature"]

FEATURES: list[Feature] = [feature for section in (*READS, *WRITES) for feature in section.features]
