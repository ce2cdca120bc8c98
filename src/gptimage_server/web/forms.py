"""Reading input: a form or JSON into a struct, with every field's error at once.

Unknown fields are refused, not ignored. Text is taken as it is (any Unicode); only fields typed as
something else are converted. A struct's field may carry `Meta(description=…)`: the sentence that people
read when the field is missing or cannot be read.
"""

from __future__ import annotations

import typing
from typing import Any, TypeVar

import msgspec
from litestar.exceptions import HTTPException
from msgspec import Struct

from gptimage_server.web.answers import AppRequest
from gptimage_server.web.errors import FieldError, Refused

__all__ = ["read", "refuse"]

T = TypeVar("T", bound=Struct)


async def read(request: AppRequest, kind: type[T]) -> T:
    """The request's body as `kind`; raises `Refused` with all field errors, or 400/413/415."""
    given = await _given(request)
    values = {name: value for name, value in given.items() if isinstance(value, str)}
    errors: list[FieldError] = []
    found: dict[str, Any] = {}
    fields = {field.encode_name: field for field in msgspec.structs.fields(kind)}
    types = typing.get_type_hints(kind, include_extras=True)
    for name in sorted(given.keys() - fields.keys()):
        errors.append(FieldError(name, f"There is no field `{name[:64]}`."))
    for name, field in fields.items():
        value = given.get(name)
        empty = name not in given or (value == "" and not _is_text(types[field.name]))
        if empty and field.required:
            errors.append(FieldError(name, _says(types[field.name]) or "Fill this in."))
        elif not empty:
            try:
                found[field.name] = _converted(
                    value, types[field.name], typed=request.state.get("typed_body")
                )
            except msgspec.ValidationError as error:
                errors.append(FieldError(name, _says(types[field.name]) or f"{error}."))
    if errors:
        raise Refused(tuple(errors), values)
    return kind(**found)


def refuse(values: Struct | dict[str, str], **messages: str) -> Refused:
    """A `Refused` of your own: `raise refuse(form, born="This date does not exist.")`."""
    if isinstance(values, Struct):
        values = {
            name: str(value) for name, value in msgspec.structs.asdict(values).items() if value is not None
        }
    return Refused(tuple(FieldError(name, message) for name, message in messages.items()), values)


async def _given(request: AppRequest) -> dict[str, Any]:
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if content_type == "application/json":
        body = await request.body()
        try:
            given = msgspec.json.decode(body or b"{}")
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise HTTPException(status_code=400) from error
        if not isinstance(given, dict):
            raise HTTPException(status_code=400)
        request.state.typed_body = True
        return given
    request.state.typed_body = False
    if content_type in ("application/x-www-form-urlencoded", "multipart/form-data"):
        form = await request.form()
        return {name: _one_or_many(form.getall(name)) for name in dict.fromkeys(form)}
    if not content_type and not await request.body():
        return {}
    raise HTTPException(status_code=415)


def _one_or_many(values: list[Any]) -> Any:
    return values[0] if len(values) == 1 else values


def _converted(value: Any, kind: Any, *, typed: bool | None) -> Any:
    bare = typing.get_origin(_unannotated(kind))
    if bare in (list, tuple) and not isinstance(value, (list, tuple)):
        value = [value]
    if _unannotated(kind) is bool and value == "on":
        return True
    if not isinstance(value, (str, int, float, bool, list, dict, type(None))):
        return value  # an uploaded file: the handler reads it
    return msgspec.convert(value, kind, strict=bool(typed))


def _unannotated(kind: Any) -> Any:
    return typing.get_args(kind)[0] if typing.get_origin(kind) is typing.Annotated else kind


def _is_text(kind: Any) -> bool:
    bare = _unannotated(kind)
    return bare is str or str in typing.get_args(bare)


def _says(kind: Any) -> str:
    if typing.get_origin(kind) is not typing.Annotated:
        return ""
    for meta in kind.__metadata__:
        if isinstance(meta, msgspec.Meta) and meta.description:
            return meta.description
    return ""
