"""The tables of keys: every construct with every key, its type and its words, from the structs themselves."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec
import msgspec.inspect as mi

from gptimage_core.clock import Span
from gptimage_core.policy import document as structs
from gptimage_core.policy.slots import slot_words
from gptimage_core.readings.language.markdown import table

__all__ = ["CONSTRUCTS", "construct_tables"]

CONSTRUCTS: dict[str, type] = {
    "Document": structs.Document,
    "Controller": structs.Controller,
    "Purpose": structs.Purpose,
    "Consent": structs.Consent,
    "Category": structs.Category,
    "Ceiling": structs.Ceiling,
    "FieldRule": structs.FieldRule,
    "Coarsening": structs.Coarsening,
    "Fact": structs.Fact,
    "Recipient": structs.Recipient,
    "Agreement": structs.Agreement,
    "Transfer": structs.Transfer,
    "Rule": structs.Rule,
    "Condition": structs.Condition,
    "Obligation": structs.Obligation,
    "RightGrant": structs.RightGrant,
    "Setting": structs.Setting,
    "Statement": structs.Statement,
    "Span": Span,
    "Overlay": structs.Overlay,
    "Narrowing": structs.Narrowing,
    "Shortening": structs.Shortening,
    "Hastening": structs.Hastening,
}
"""Every construct, in the order of the page."""

_WRITTEN = {
    "Document": "the document itself",
    "Controller": "controller = { … }",
    "Purpose": "[purpose.<id>]",
    "Consent": "[consent.<id>]",
    "Category": "[category.<id>]",
    "Ceiling": "gone_after = { … }",
    "FieldRule": "fields.<field> = { … }",
    "Coarsening": "coarsen_after = { … }",
    "Fact": "[fact.<id>]",
    "Recipient": "[recipient.<id>]",
    "Agreement": "contract = { … }",
    "Transfer": "transfer = { … }",
    "Rule": "[permit.<id>], [forbid.<id>]",
    "Condition": "an item of when",
    "Obligation": "an item of then",
    "RightGrant": "[right.<id>]",
    "Setting": "[setting.<id>]",
    "Statement": "[statement.<id>]",
    "Span": "a length of time",
    "Overlay": "an overlay itself",
    "Narrowing": "[narrow.<permit>]",
    "Shortening": "[shorten.<category>]",
    "Hastening": "[hasten.<right>]",
}


def construct_tables() -> str:
    """One section a construct."""
    return "\n".join(_construct(name, construct) for name, construct in CONSTRUCTS.items())


def _construct(name: str, construct: type) -> str:
    doc = " ".join((construct.__doc__ or "").split())
    return f"### {name}: `{_WRITTEN[name]}`\n\n{doc}\n\n" + table(
        ("key", "value", "needed", "meaning"), _keys(name, construct)
    )


def _keys(name: str, construct: type) -> Iterator[Sequence[str]]:
    info = mi.type_info(construct)
    assert isinstance(info, mi.StructType)
    for field in info.fields:
        needed = "yes" if field.required else _default(field)
        yield (f"`{field.encode_name}`", _value(field.type), needed, slot_words(name, field.encode_name))


def _default(field: mi.Field) -> str:
    if field.default is msgspec.NODEFAULT or field.default in (None, "", 0):
        return "no"
    return f"no; `{str(field.default).lower()}`"


def _value(info: mi.Type) -> str:
    """The type in words, e.g. `list of operations` as the words themselves."""
    match info:
        case mi.Metadata():
            return _value(info.type)
        case mi.UnionType():
            return " or ".join(
                dict.fromkeys(_value(each) for each in info.types if not isinstance(each, mi.NoneType))
            )
        case mi.LiteralType():
            return _words(info.values)
        case mi.ListType():
            return f"list of {_value(info.item_type)}"
        case mi.DictType():
            return f"{_value(info.value_type)} by id"
        case mi.StructType():
            return f"[{info.cls.__name__}](#{_anchor(info.cls.__name__)})"
        case mi.StrType():
            return "id" if info.pattern else "text"
        case mi.IntType():
            return "whole number" if info.ge is None else f"whole number from {info.ge}"
        case mi.BoolType():
            return "`true` or `false`"
        case mi.DateType():
            return "date"
        case _:
            return type(info).__name__.removesuffix("Type").lower()


def _words(values: Sequence[object]) -> str:
    spelled = [f"`{each}`" for each in values]
    return ", ".join(spelled) if len(spelled) <= 4 else "word of its set"


def _anchor(name: str) -> str:
    """The heading's anchor, as GitHub and MkDocs make it."""
    text = f"{name}: {_WRITTEN[name]}".lower()
    return "".join(each for each in text.replace(" ", "-") if each.isalnum() or each in "-_")
