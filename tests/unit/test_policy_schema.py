"""The JSON Schema that editors read is the structs, with words for every key."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import msgspec
import pytest

from gptimage_core.clock import Span
from gptimage_core.policy import document
from gptimage_core.policy.schema import json_schema
from gptimage_core.policy.slots import OPTIONAL_EVERYWHERE, SLOTS, slot_words

SAMPLES = Path(__file__).resolve().parents[2] / "policies"
DOCUMENTS = sorted(
    path for path in SAMPLES.rglob("*.toml") if "language" in tomllib.loads(path.read_text(encoding="utf-8"))
)
CONSTRUCTS = {name: getattr(document, name) for name in document.__all__} | {"Span": Span}


def keys(construct: type) -> set[str]:
    return {field.encode_name for field in msgspec.structs.fields(construct)}


@pytest.mark.parametrize("name", CONSTRUCTS)
def test_every_key_has_words_and_no_words_are_left_over(name: str) -> None:
    """A construct, its words and its schema have the same keys."""
    assert all(slot_words(name, key) for key in keys(CONSTRUCTS[name]))
    assert set(SLOTS[name]) <= keys(CONSTRUCTS[name])


def test_no_words_are_for_a_construct_or_key_that_is_gone() -> None:
    """Words for what is no longer in the language would mislead."""
    assert SLOTS.keys() == CONSTRUCTS.keys()
    everywhere = set().union(*(keys(construct) for construct in CONSTRUCTS.values()))
    assert OPTIONAL_EVERYWHERE.keys() <= everywhere


@pytest.mark.parametrize("of", ["policy", "overlay"])
def test_the_schema_is_closed_and_described(of: Any) -> None:
    """Every object refuses unknown keys, every property has a description, and null does not exist."""
    schema = json_schema(of)
    assert schema["$id"] == f"urn:gptimage:{of}:1"
    assert '"null"' not in json.dumps(schema)
    for name, definition in schema["$defs"].items():
        assert definition["additionalProperties"] is False, name
        assert definition["properties"].keys() == keys(CONSTRUCTS[name])
        assert all(each["description"] for each in definition["properties"].values()), name


def conforms(value: Any, schema: dict[str, Any], root: dict[str, Any]) -> bool:
    """A small validator of the keywords that the schema uses."""
    if "$ref" in schema:
        return conforms(value, root["$defs"][schema["$ref"].rpartition("/")[2]], root)
    if "anyOf" in schema and not any(conforms(value, each, root) for each in schema["anyOf"]):
        return False
    if "enum" in schema and value not in schema["enum"]:
        return False
    if isinstance(value, dict):
        properties = schema.get("properties", {})
        others = schema.get("additionalProperties", True)
        return set(schema.get("required", [])) <= value.keys() and all(
            conforms(each, properties[key], root)
            if key in properties
            else others is True or (isinstance(others, dict) and conforms(each, others, root))
            for key, each in value.items()
        )
    if isinstance(value, list):
        items = schema.get("items", {})
        return len(value) >= schema.get("minItems", 0) and all(conforms(each, items, root) for each in value)
    return True


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_the_policies_of_the_house_conform(path: Path) -> None:
    """An editor with the schema finds nothing wrong in a policy that the loader accepts."""
    raw = tomllib.loads(path.read_text(encoding="utf-8"))
    schema = json_schema("overlay" if "overlay" in raw else "policy")
    assert conforms(raw, schema, schema)
    assert not conforms({**raw, "unknown": 1}, schema, schema)
