"""docs/language.md is complete: nothing of the language is missing in it, and nothing in it is made up."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest

from gptimage_core.clock import Span
from gptimage_core.decision.conditions import Condition as Shape
from gptimage_core.decision.conditions import Flag
from gptimage_core.decision.terms import implied, subject_fact_names, written
from gptimage_core.policy import document as structs
from gptimage_core.policy import vocabulary
from gptimage_core.policy.codes import CODES
from gptimage_core.policy.document import Condition, Document, Rule
from gptimage_core.policy.loader import load_document
from gptimage_core.readings.language.conditions import EXAMPLES
from gptimage_core.readings.language.keys import CONSTRUCTS
from gptimage_core.readings.language.matrix import EVERYWHERE, READINGS, lines
from gptimage_core.readings.language.words import FACTS, SETS

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "language.md").read_text(encoding="utf-8")
SAMPLE_FOLDER = ROOT / "policies" / "samples" / "language"
SAMPLE = load_document(SAMPLE_FOLDER / "policy.toml").document


def keys(construct: type) -> list[str]:
    return [field.encode_name for field in msgspec.structs.fields(construct)]


def test_every_construct_is_on_the_page() -> None:
    """The page's constructs are the document's structs, and every key stands in a table of its own."""
    assert set(CONSTRUCTS) == {*structs.__all__, "Span"}
    for name, construct in CONSTRUCTS.items():
        section = PAGE.split(f"\n### {name}: ")[1].split("\n### ")[0]
        for key in keys(construct):
            assert f"\n| `{key}` | " in section, (name, key)


def test_every_key_has_its_readings() -> None:
    """Construct × reading: each key is covered by exactly one line, and no reading is left out."""
    span = set(keys(Span))
    expected = {
        f"{name}.{key}"
        for name, construct in CONSTRUCTS.items()
        for key in keys(construct)
        if key not in EVERYWHERE and (name == "Span" or key not in span)
    }
    covered = [each for line in lines() for each in line.covers]
    assert sorted(covered) == sorted(expected)
    for line in lines():
        cells = [getattr(line, reading) for reading in READINGS]
        assert all(cells)
        assert all(len(cell) > len("none: ") for cell in cells)
        assert not all(cell.startswith("none:") for cell in cells), f"`{line.name}` has no reading at all"


def test_every_word_of_the_language_is_explained() -> None:
    """The closed sets on the page are those of the vocabulary."""
    for name, words in SETS.items():
        assert set(words) == set(get_args(getattr(vocabulary, name))), name
    explained = {
        "Who", "Operation", "Basis", "Protection", "FloorEvent", "CeilingStart", "Store", "FactType",
        "FactLevel", "Lift", "Mechanism", "RecipientRole", "Right",
    }  # fmt: skip
    assert set(SETS) == explained
    for name in get_args(vocabulary.NamedCondition):
        assert f"\n| `{name}` | " in PAGE
    for name in get_args(vocabulary.DeniableCondition):
        assert name in get_args(vocabulary.NamedCondition)


def test_every_parametrised_condition_has_an_example() -> None:
    """A key that asks something has an example, with words and SQL."""
    assert set(EXAMPLES) == set(keys(Condition)) - {"fact"}
    for key, example in EXAMPLES.items():
        assert key in msgspec.to_builtins(example)


def shapes(document: Document) -> Iterator[Shape]:
    for rule in [*document.permit.values(), *document.forbid.values()]:
        yield from written(rule, document)


def test_every_built_in_fact_is_explained() -> None:
    """The facts on the page are those that are reserved, and those the compiler asks for."""
    assert set(FACTS) == vocabulary.BUILT_IN_FACTS
    for condition in get_args(vocabulary.NamedCondition):
        rule = Rule(who=["subject"], may=["read"], what=["card"], for_=["lend"], when=[condition], clauses=[])
        for shape in written(rule, SAMPLE):
            fact = getattr(shape, "fact", None)
            assert fact is None or FACTS[fact].level == shape.level
    asked = {name.partition(":")[0] for name in subject_fact_names(SAMPLE)} - SAMPLE.fact.keys()
    assert asked == {name for name, fact in FACTS.items() if fact.level == "subject"}


def test_the_implied_conditions_are_those_the_compiler_adds() -> None:
    """What `implied` adds to any permit of the sample is in the page's table."""
    table = PAGE.split("### Implied in every permit")[1].split("\n## ")[0]
    sentences = {
        "SameTenant": "the row is of the actor's tenant",
        "Empty": "the row's keeping has not ended",
        "Elapsed": "the ceiling is not over",
        "Until": "the contract is in force",
        "Never": "the recipient is registered",
        "deleted": "the person is not deleted",
        "restricted": "processing is not restricted",
        "objection": "there is no objection",
        "consent": "every consent that names the purpose is given",
    }
    assert all(each in table for each in sentences.values())
    seen: set[str] = set()
    for rule in SAMPLE.permit.values():
        for operation in rule.may:
            for category in rule.what:
                for purpose in rule.for_:
                    for recipient in rule.to or [None]:
                        for conjunction in implied(rule, SAMPLE, category, purpose, operation, recipient):
                            seen.update(kind_of(each) for each in conjunction)
    assert seen == set(sentences) - {"Never"}


def kind_of(shape: Shape) -> str:
    return shape.fact.partition(":")[0] if isinstance(shape, Flag) else type(shape).__name__


def used(value: Any, found: set[str]) -> None:
    """Collect `Construct.key` for everything that differs from its default."""
    if isinstance(value, msgspec.Struct):
        for field in msgspec.structs.fields(value):
            each = getattr(value, field.name)
            has_factory = field.default_factory is not msgspec.NODEFAULT
            if each != (field.default_factory() if has_factory else field.default):
                found.add(f"{type(value).__name__}.{field.encode_name}")
                used(each, found)
    elif isinstance(value, dict | list):
        for each in value.values() if isinstance(value, dict) else value:
            used(each, found)


WRITTEN_OUT = {"Agreement.uses", "Coarsening.to"}
"""Keys whose default the sample spells out, since another value would have no place in it."""


def test_the_sample_uses_every_construct() -> None:
    """A reader finds each key and each word of a rule used once in a policy that compiles and runs."""
    found: set[str] = set()
    used(SAMPLE, found)
    of_policy = [
        name for name in CONSTRUCTS if name not in {"Overlay", "Narrowing", "Shortening", "Hastening", "Span"}
    ]
    units = set(keys(Span))
    expected = {f"{name}.{key}" for name in of_policy for key in keys(CONSTRUCTS[name]) if key not in units}
    assert expected - found == WRITTEN_OUT
    assert all(f"{each.partition('.')[2]} = " in PAGE for each in WRITTEN_OUT)
    rules = [*SAMPLE.permit.values(), *SAMPLE.forbid.values()]
    assert {each for rule in rules for each in rule.who} == set(get_args(vocabulary.Who))
    assert {each for rule in rules for each in rule.may} == set(get_args(vocabulary.Operation))
    assert {each for rule in rules for each in rule.even_when} == set(get_args(vocabulary.Lift))
    named = {each for rule in rules for each in rule.when if isinstance(each, str)}
    assert named == set(get_args(vocabulary.NamedCondition))


ARGUMENT = {"Problem": 1, "_found": 2, "_at_start": 1, "Finding": 3}


def codes_in(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            index = ARGUMENT.get(getattr(node.func, "id", ""))
            if index is not None and len(node.args) > index:
                code = node.args[index]
                if isinstance(code, ast.Constant) and isinstance(code.value, str):
                    yield code.value


def test_every_code_of_a_finding_is_explained() -> None:
    """The codes on the page are the codes in the source."""
    found = {f"no-{role}" for role in ("key", "tenant", "collected-under")}
    for path in sorted((ROOT / "src" / "gptimage_core").rglob("*.py")):
        found.update(codes_in(ast.parse(path.read_text(encoding="utf-8"))))
    assert found == set(CODES)


@pytest.mark.parametrize("name", ["policy.toml", "young_readers.toml", "timeline.toml"])
def test_the_sample_on_the_page_is_the_file(name: str) -> None:
    """The sample is shown whole, and it is the file that the tests load."""
    assert (SAMPLE_FOLDER / name).read_text(encoding="utf-8").rstrip("\n") in PAGE
