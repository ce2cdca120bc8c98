"""docs/language.md: the complete reference of the policy language, generated.

Nothing is typed twice: keys come from the structs, words of conditions from the prose reading, their SQL from
the SQL reading, their shapes from the compiler's terms, codes from the findings, and the sample is a file
that the tests load. The prose around them is `template.md`; each `{{…}}` in it names a part made here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from importlib.resources import files

from msgspec import Struct

from gptimage_core.policy.codes import CODES
from gptimage_core.policy.document import Document
from gptimage_core.policy.slots import SLOTS
from gptimage_core.readings.language.conditions import implied_table, named_table, parametrised_table
from gptimage_core.readings.language.keys import construct_tables
from gptimage_core.readings.language.markdown import table
from gptimage_core.readings.language.matrix import NOT_YET, READINGS, lines
from gptimage_core.readings.language.words import FACTS, SETS
from gptimage_core.readings.prose import rule_sentence

__all__ = ["Sample", "language_page"]

_SHOWN = "look_for_lost_books"
_PART = re.compile(r"\{\{(.+?)\}\}")


class Sample(Struct, frozen=True):
    """A whole policy that the page shows: the checked document, and the texts of its files."""

    document: Document
    policy: str
    overlay: str
    timeline: str


def language_page(sample: Sample) -> str:
    """The page, as Markdown. A part of the template that nobody makes raises `KeyError`."""
    parts = _parts(sample)
    template = files(__package__).joinpath("template.md").read_text(encoding="utf-8")
    return _PART.sub(lambda match: parts[match[1]].rstrip("\n"), template)


def _parts(sample: Sample) -> dict[str, str]:
    document = sample.document
    parts = {f"set {name}": _set(name) for name in SETS}
    return parts | {
        "rule": _excerpt(sample.policy, f"[permit.{_SHOWN}]"),
        "sentence": rule_sentence("permit", document.permit[_SHOWN], document),
        "named conditions": named_table(document),
        "parametrised conditions": parametrised_table(document),
        "implied conditions": implied_table(),
        "built-in facts": table(("fact", "level", "type", "where it comes from"), _facts()),
        "obligations": table(
            ("`then`", "meaning"), ((f"`{key}`", words) for key, words in SLOTS["Obligation"].items())
        ),
        "matrix": table(("construct", *_headings()), _matrix()),
        "keys": construct_tables(),
        "codes": table(("code", "meaning"), ((f"`{code}`", words) for code, words in CODES.items())),
        "policy": sample.policy,
        "overlay": sample.overlay,
        "timeline": sample.timeline,
    }


_SET_TITLES = {
    "Who": "`who`",
    "Operation": "`may`",
    "Lift": "`even_when`",
    "FactLevel": "`of`",
    "FactType": "`type`",
    "Basis": "`basis`",
    "FloorEvent": "`keep_until`",
    "CeilingStart": "`from`",
    "Store": "`stores`",
    "Protection": "`protection`",
    "RecipientRole": "`role`",
    "Mechanism": "`mechanism`",
    "Right": "`right`",
}


def _set(name: str) -> str:
    return table((_SET_TITLES[name], "meaning"), ((f"`{word}`", words) for word, words in SETS[name].items()))


def _facts() -> Iterable[Sequence[str]]:
    return ((f"`{name}`", fact.level, fact.type, fact.source) for name, fact in FACTS.items())


def _headings() -> list[str]:
    return [words + (" †" if name in NOT_YET else "") for name, words in READINGS.items()]


def _matrix() -> Iterable[Sequence[str]]:
    for line in lines():
        keys = ", ".join(dict.fromkeys(f"`{each.partition('.')[2]}`" for each in line.covers))
        yield (f"**{line.name}**: {keys}", *(getattr(line, name) for name in READINGS))


def _excerpt(text: str, header: str) -> str:
    """One table of the sample, as it is written."""
    start = text.index(header)
    end = text.find("\n\n", start)
    return text[start:end]
