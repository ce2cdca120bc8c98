"""From parsed TOML to the structs; when that fails, every reason at once.

msgspec converts fast and stops at the first error. Only when it refuses is the value walked a second time,
guided by msgspec's own description of the structs, so that all errors come together, each with its path.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import Any, TypeVar

import msgspec
import msgspec.inspect as mi

from gptimage_core.policy.findings import Path, Problem, did_you_mean

__all__ = ["convert", "schema_problems"]

T = TypeVar("T")


def convert(raw: dict[str, Any], into: type[T]) -> tuple[T | None, list[Problem]]:
    """The struct, or `None` and all reasons why there is none."""
    try:
        return msgspec.convert(raw, into, strict=True), []
    except msgspec.ValidationError as error:
        problems = list(schema_problems(raw, into))
        # The walk and msgspec read the same description; should they ever disagree, msgspec's word stands.
        return None, problems or [Problem((), "schema", str(error).lower())]


def schema_problems(value: object, into: type) -> Iterator[Problem]:
    """Every way in which `value` is not an `into`."""
    yield from _walk(value, _info(into), ())


@cache
def _info(into: type) -> mi.Type:
    return mi.type_info(into)


def _walk(value: object, info: mi.Type, path: Path) -> Iterator[Problem]:
    description = ""
    if isinstance(info, mi.Metadata):
        description = str((info.extra_json_schema or {}).get("description", ""))
        info = info.type
    match info:
        case mi.StructType():
            yield from _struct(value, info, path)
        case mi.DictType():
            yield from _table(value, info, path)
        case mi.ListType():
            yield from _list(value, info, path)
        case mi.UnionType():
            yield from _walk(value, _chosen(value, info), path)
        case mi.LiteralType():
            yield from _word(value, info, path)
        case mi.StrType():
            yield from _text(value, info, description, path)
        case mi.IntType():
            yield from _integer(value, info, path)
        case mi.BoolType():
            if not isinstance(value, bool):
                yield _wrong(value, "`true` or `false`", path)
        case _:
            try:
                msgspec.convert(value, _native(info), strict=True)
            except msgspec.ValidationError:
                yield _wrong(value, _expected(info), path)


def _native(info: mi.Type) -> Any:
    import datetime as dt

    return {mi.DateType: dt.date, mi.DateTimeType: dt.datetime}.get(type(info), object)


def _struct(value: object, info: mi.StructType, path: Path) -> Iterator[Problem]:
    if not isinstance(value, dict):
        yield _wrong(value, f"a table ({_first_line(info.cls)})", path)
        return
    fields = {field.encode_name: field for field in info.fields}
    for key in value.keys() - fields.keys():
        yield Problem(
            (*path, key), "unknown-key", f"unknown key `{key}`{_inside(path)}", did_you_mean(key, fields)
        )
    for name, field in fields.items():
        if name in value:
            yield from _walk(value[name], field.type, (*path, name))
        elif field.required:
            yield Problem(
                path,
                "missing-key",
                f"`{name}` is missing{_inside(path)}",
                f'add `{name} = …` here; a missing slot never means "any"',
            )


def _table(value: object, info: mi.DictType, path: Path) -> Iterator[Problem]:
    if not isinstance(value, dict):
        yield _wrong(value, "a table", path)
        return
    if info.min_length and len(value) < info.min_length:
        yield Problem(path, "empty", f"{_dotted(path)} is empty", "declare at least one")
    for key, each in value.items():
        yield from _walk(key, info.key_type, (*path, key))
        yield from _walk(each, info.value_type, (*path, key))


def _list(value: object, info: mi.ListType, path: Path) -> Iterator[Problem]:
    if not isinstance(value, list):
        if isinstance(value, str | int | bool):
            yield Problem(
                path,
                "scalar-for-list",
                f"{_dotted(path)} is a list; `{value}` is not",
                f"write `{path[-1]} = [{_toml(value)}]`",
            )
        elif isinstance(value, dict):
            yield Problem(
                path, "scalar-for-list", f"{_dotted(path)} is a list, not a table", "write `[{ … }]`"
            )
        else:
            yield _wrong(value, "a list", path)
        return
    if info.min_length and len(value) < info.min_length:
        yield Problem(
            path, "empty", f"{_dotted(path)} is empty", 'an empty list never means "any"; name what is meant'
        )
    for index, each in enumerate(value):
        yield from _walk(each, info.item_type, (*path, index))


def _chosen(value: object, info: mi.UnionType) -> mi.Type:
    """The member of a union that a value of this type was meant to be."""
    members = [member for member in info.types if not isinstance(member, mi.NoneType)]
    wanted: tuple[type, ...]
    if isinstance(value, dict):
        wanted = (mi.StructType, mi.DictType)
    elif isinstance(value, list):
        wanted = (mi.ListType,)
    elif isinstance(value, bool):
        wanted = (mi.BoolType,)
    elif isinstance(value, int):
        wanted = (mi.IntType,)
    else:
        wanted = (mi.LiteralType, mi.StrType)
    for member in members:
        inner = member.type if isinstance(member, mi.Metadata) else member
        if isinstance(inner, wanted):
            return member
    return members[0]


def _word(value: object, info: mi.LiteralType, path: Path) -> Iterator[Problem]:
    if any(value == each and type(value) is type(each) for each in info.values):
        return
    known = [str(each) for each in info.values]
    if isinstance(value, str):
        yield Problem(path, "unknown-word", f"unknown word `{value}`{_for(path)}", did_you_mean(value, known))
    else:
        yield _wrong(value, "one of " + ", ".join(f"`{each}`" for each in known), path)


def _text(value: object, info: mi.StrType, description: str, path: Path) -> Iterator[Problem]:
    if not isinstance(value, str):
        yield _wrong(value, "text", path)
    elif info.min_length and len(value) < info.min_length:
        yield Problem(path, "empty", f"{_dotted(path)} is empty", description)
    elif info.pattern and not re.search(info.pattern, value):
        yield Problem(path, "form", f"`{value}` does not have the form of {_dotted(path)}", description)


def _integer(value: object, info: mi.IntType, path: Path) -> Iterator[Problem]:
    if not isinstance(value, int) or isinstance(value, bool):
        yield _wrong(value, "a whole number", path)
    elif info.ge is not None and value < info.ge:
        yield Problem(path, "too-small", f"`{value}` is too small{_for(path)}", f"at least {info.ge}")


def _wrong(value: object, expected: str, path: Path) -> Problem:
    return Problem(path, "type", f"{_dotted(path)} must be {expected}, not `{_shown(value)}`")


def _expected(info: mi.Type) -> str:
    return {
        mi.DateType: "a date such as 2026-10-01",
        mi.DateTimeType: "an instant such as 2026-10-01T00:00:00Z",
    }.get(type(info), "something else")


def _shown(value: object) -> str:
    if isinstance(value, dict):
        return "a table"
    text = _toml(value) if isinstance(value, str | bool) else str(value)
    return text if len(text) <= 60 else text[:57] + "…"


def _toml(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return f'"{value}"' if isinstance(value, str) else str(value)


def _dotted(path: Path) -> str:
    return f"`{'.'.join(str(each) for each in path)}`" if path else "the document"


def _inside(path: Path) -> str:
    return f" in {_dotted(path)}" if path else ""


def _for(path: Path) -> str:
    return f" for {_dotted(path)}" if path else ""


def _first_line(cls: type) -> str:
    return (cls.__doc__ or cls.__name__).strip().split("\n")[0].rstrip(".")
