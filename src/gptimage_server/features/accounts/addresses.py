"""Email addresses: what is taken for one. The mailed link proves the rest."""

from __future__ import annotations

import re
import unicodedata

__all__ = ["normalised"]

_LOCAL = re.compile(r"[^\s@<>()\[\]\\,;:\"\x00-\x1f\x7f]{1,64}")
_LABEL = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)")
_LONGEST = 254


def normalised(text: str) -> str | None:
    """The address with its domain in lower-case ASCII (IDNA), or `None` when it cannot be one."""
    address = unicodedata.normalize("NFC", text.strip())
    local, at, domain = address.rpartition("@")
    if not at or not _LOCAL.fullmatch(local) or local.startswith(".") or local.endswith(".") or ".." in local:
        return None
    try:
        ascii_domain = domain.lower().encode("idna").decode("ascii")
    except UnicodeError:
        return None
    labels = ascii_domain.split(".")
    if len(labels) < 2 or not all(_LABEL.fullmatch(label) for label in labels) or labels[-1].isdigit():
        return None
    result = f"{local}@{ascii_domain}"
    return result if len(result) <= _LONGEST else None
