"""The language's reference page: docs/language.md, made from the structs, the terms and the readings."""

from __future__ import annotations

from gptimage_core.readings.language.page import Sample, language_page

__all__ = ["Sample", "language_page"]
