"""Problems: the exceptions a handler raises, and what people and programs get to read about them.

Programs get RFC 9457 (`application/problem+json`), people a page. Neither shows a path, a value or a
traceback; a denial shows its neutral sentence and its id. What is unexpected is printed as a type and its
places in the code, never with its message: a message may quote a prompt (S8).
"""

from __future__ import annotations

import sys
import traceback
from typing import Any

from litestar import Response
from litestar.exceptions import HTTPException
from msgspec import Struct

from gptimage_core.errors import AccessDenied, Conflict, GptimageError, StorageFull
from gptimage_server.gateways.mail import MailError
from gptimage_server.web.ids import request_id

__all__ = ["FieldError", "Missing", "NotAllowed", "Problem", "Refused", "SignInFirst", "TooMany", "handlers"]


class FieldError(Struct, frozen=True):
    """What is wrong with one field, as a sentence that says what to do."""

    field: str
    message: str


class Problem(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """RFC 9457's members, and ours: the request's id, a denial's id, the fields that were refused."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    request_id: str
    denial_id: str = ""
    errors: tuple[FieldError, ...] = ()


class ServerError(Exception):
    """Root of the problems that handlers raise on purpose."""

    status = 500
    title = "Something went wrong"
    detail = "It is our fault, not yours. Try again in a moment."

    def __init__(self, detail: str = "") -> None:
        self.detail = detail or self.detail
        super().__init__(self.detail)


class Missing(ServerError):
    """Not there, or not this person's: one answer for both, so that nobody can ask which (S7)."""

    status = 404
    title = "Not found"
    detail = "There is nothing here, or it is not yours."


class NotAllowed(ServerError):
    """Understood and refused, for a reason that may be told."""

    status = 403
    title = "Not possible"
    detail = "This is not possible."


class SignInFirst(ServerError):
    """The way leads through signing in; browsers are sent there."""

    status = 401
    title = "Sign in first"
    detail = "Sign in to go on."
    location = "/start"


class TermsFirst(SignInFirst):
    """Signed in, but the terms are not accepted yet."""

    status = 403
    title = "Accept the terms first"
    detail = "Accept the terms to go on."
    location = "/welcome"


class TooMany(ServerError):
    """Over a rate limit; `seconds` to wait."""

    status = 429
    title = "Slow down a little"

    def __init__(self, seconds: int) -> None:
        self.seconds = seconds
        minutes = -(-seconds // 60)
        unit = "minute" if minutes == 1 else "minutes"
        super().__init__(f"That was too many tries. Try again in about {minutes} {unit}.")


class Refused(ServerError):
    """Input that cannot be taken, with every field's reason and what was typed; nothing was changed."""

    status = 422
    title = "Some of this cannot be right"
    detail = "Check the fields below. Nothing was saved."

    def __init__(
        self, errors: tuple[FieldError, ...], values: dict[str, str] | None = None, *, status: int = 422
    ) -> None:
        self.errors = errors
        self.values = values or {}
        self.status = status
        super().__init__()


_HTTP_WORDS = {
    400: ("Not understood", "The request could not be read."),
    404: (Missing.title, Missing.detail),
    405: ("Not like that", "This address does not take that kind of request."),
    409: ("Something else is there", "This cannot be saved beside what is there. Nothing was saved."),
    413: ("Too large", "What was sent is larger than this page takes. Nothing was saved."),
    415: ("Not understood", "Send a form or JSON."),
    503: ("Not available", "This is not available right now. Try again in a moment."),
    507: ("No room", "There is no room left to keep this, so nothing was saved. Try again later."),
}


def _problem(request: Any, error: Exception) -> Problem:
    named = request_id(request.scope)
    if isinstance(error, AccessDenied):
        return Problem(
            title="Not permitted",
            status=403,
            detail="Our privacy policy does not permit this.",
            request_id=named,
            denial_id=error.denial_id,
        )
    if isinstance(error, Conflict):
        title, detail = _HTTP_WORDS[409]
        return Problem(title=title, status=409, detail=detail, request_id=named)
    if isinstance(error, ServerError):
        errors = error.errors if isinstance(error, Refused) else ()
        return Problem(
            title=error.title, status=error.status, detail=error.detail, request_id=named, errors=errors
        )
    if isinstance(error, HTTPException):
        title, detail = _HTTP_WORDS.get(error.status_code, (ServerError.title, ServerError.detail))
        return Problem(title=title, status=error.status_code, detail=detail, request_id=named)
    status = 507 if isinstance(error, StorageFull) else 503 if isinstance(error, MailError) else 500
    _print_places(error, named)
    title, detail = _HTTP_WORDS.get(status, (ServerError.title, ServerError.detail))
    return Problem(title=title, status=status, detail=detail, request_id=named)


def _print_places(error: Exception, named: str) -> None:
    """Type and code places on standard error; no message, no values (S8)."""
    frames = traceback.extract_tb(error.__traceback__)
    places = "".join(f"\n  {frame.filename}:{frame.lineno} in {frame.name}" for frame in frames[-12:])
    sys.stderr.write(f"request {named}: {type(error).__module__}.{type(error).__qualname__}{places}\n")


def respond(request: Any, error: Exception) -> Response[Any]:
    """The reply to an exception: a page or problem+json; a browser that must sign in is sent there."""
    from gptimage_server.web.answers import page, wants_json

    problem = _problem(request, error)
    headers = {"retry-after": str(error.seconds)} if isinstance(error, TooMany) else {}
    if wants_json(request):
        return Response(
            content=problem,
            status_code=problem.status,
            media_type="application/problem+json",
            headers=headers,
        )
    if isinstance(error, SignInFirst):
        return Response(
            content=b"", status_code=303, headers={"location": error.location}, media_type="text/html"
        )
    reply = page(request, "error.html", status=problem.status, problem=problem)
    reply.headers.update(headers)
    return reply


handlers: dict[type[Exception] | int, Any] = {
    AccessDenied: respond,
    ServerError: respond,
    GptimageError: respond,
    HTTPException: respond,
    Exception: respond,
}
"""Litestar's `exception_handlers`."""
