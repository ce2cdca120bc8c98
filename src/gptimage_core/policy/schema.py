"""JSON Schema (2020-12) of a policy document and of an overlay, for editors.

Made from the same structs that the loader converts into, with the words of their docstrings and slots. What
a schema cannot say (names, contradictions, spans) `gptimage policy check` says.
"""

from __future__ import annotations

import inspect
from typing import Any, Literal

import msgspec

from gptimage_core.policy.document import Document, Overlay
from gptimage_core.policy.slots import slot_words

__all__ = ["json_schema"]

_DRAFT = "https://json-schema.org/draft/2020-12/schema"
_ROOTS: dict[str, type] = {"policy": Document, "overlay": Overlay}
_TITLES = {"policy": "gptimage policy document", "overlay": "gptimage policy overlay"}


def json_schema(of: Literal["policy", "overlay"] = "policy") -> dict[str, Any]:
    """The schema; `$id` names the language's version, so that an editor can cache it."""
    schema = msgspec.json.schema(_ROOTS[of])
    definitions: dict[str, Any] = schema["$defs"]
    for name, definition in definitions.items():
        if "description" in definition:
            definition["description"] = inspect.cleandoc(definition["description"])
        for key, each in definition.get("properties", {}).items():
            definition["properties"][key] = {"description": slot_words(name, key), **_without_null(each)}
    return {
        "$schema": _DRAFT,
        "$id": f"urn:gptimage:{of}:1",
        "title": _TITLES[of],
        "$ref": schema["$ref"],
        "$defs": definitions,
    }


def _without_null(value: Any) -> Any:
    """TOML has no null: a key is left out instead."""
    if isinstance(value, list):
        return [_without_null(each) for each in value]
    if not isinstance(value, dict):
        return value
    found = {
        key: _without_null(each) for key, each in value.items() if not (key == "default" and each is None)
    }
    members = found.get("anyOf")
    if members is not None and {"type": "null"} in members:
        members = [each for each in members if each != {"type": "null"}]
        del found["anyOf"]
        found = {**members[0], **found} if len(members) == 1 else {"anyOf": members, **found}
    return found
