"""What /privacy and /terms answer."""

from __future__ import annotations

from msgspec import Struct

__all__ = ["NoticeView", "TermsView"]


class NoticeView(Struct, frozen=True):
    """The notice's facts; `updated` is the effective version's day in ISO 8601 (S45)."""

    title: str
    version: int
    digest: str
    updated: str
    draft: bool
    contact: str
    controller: str
    markdown: str


class TermsView(Struct, frozen=True):
    version: str
