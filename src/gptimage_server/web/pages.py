"""Templates: one Jinja environment over the shared templates and each feature's own.

A feature's templates lie in `features/<name>/templates/` and are named `<name>/page.html`; the shared ones
lie in `web/templates/` and have no prefix. Undefined names raise, so a page cannot silently miss a part.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from jinja2 import (
    ChoiceLoader,
    Environment,
    FileSystemLoader,
    PrefixLoader,
    StrictUndefined,
    select_autoescape,
)
from msgspec import Struct

from gptimage_core.clock import Instant, to_datetime
from gptimage_server.services import Services
from gptimage_server.web.answers import field_errors

__all__ = ["NAVIGATION", "STATIC", "NavigationItem", "environment"]

_HERE = Path(__file__).parent
_FEATURES = _HERE.parent / "features"
STATIC = _HERE / "static"


class NavigationItem(Struct, frozen=True):
    path: str
    words: str


NAVIGATION = (
    NavigationItem("/studio", "Studio"),
    NavigationItem("/history", "History"),
    NavigationItem("/account", "Account"),
)
"""What a signed-in person finds at the top of every page."""


def environment(services: Services) -> Environment:
    """The environment with what every template may call; `services` gives the policy in effect."""
    folders = {
        folder.parent.name: FileSystemLoader(folder) for folder in sorted(_FEATURES.glob("*/templates"))
    }
    jinja = Environment(
        loader=ChoiceLoader([PrefixLoader(folders), FileSystemLoader(_HERE / "templates")]),
        autoescape=select_autoescape(default=True, default_for_string=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    versions = {file.name: _digest(file) for file in STATIC.iterdir() if file.is_file()}

    def static(name: str) -> str:
        return f"/static/{name}?v={versions[name]}"

    jinja.globals.update(
        static=static,
        navigation=NAVIGATION,
        contact=lambda: services.version().document.controller.contact,
        updated=lambda: day(services.version().effective),
        signed_off=lambda: services.version().status == "final",
        errors_of=field_errors,
    )
    jinja.filters["day"] = day
    jinja.filters["moment"] = moment
    return jinja


def day(instant: Instant) -> str:
    """`1 October 2026` (UTC)."""
    date = to_datetime(instant)
    return f"{date.day} {date:%B %Y}"


def moment(instant: Instant) -> str:
    """`1 October 2026, 14:05 UTC`."""
    return f"{day(instant)}, {to_datetime(instant):%H:%M} UTC"


def _digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()[:12]
