"""One reply, as a page for browsers or as JSON for programs: the same struct feeds both.

A handler returns `answer(request, "feature/page.html", View(...))`. Whoever accepts `text/html` (or says
nothing, like curl's `*/*`) gets the page; `Accept: application/json`, or a JSON body in a request that does
not ask for HTML, gets the struct as JSON. After a change, `moved` redirects a browser (303) and tells a
program what now is.
"""

from __future__ import annotations

from typing import Any

from litestar import Request, Response
from litestar.datastructures import State
from litestar.response import Template
from msgspec import Struct

from gptimage_server.web.errors import FieldError, Refused

__all__ = ["AppRequest", "answer", "moved", "wants_json"]

AppRequest = Request[Any, Any, State]

_JSON = "application/json"


def wants_json(request: AppRequest) -> bool:
    """Whether the reply is JSON (see the module's words)."""
    accept = request.headers.get("accept", "")
    if "text/html" in accept:
        return False
    if _JSON in accept or "application/problem+json" in accept:
        return True
    return request.headers.get("content-type", "").startswith(_JSON)


def answer(
    request: AppRequest,
    template: str,
    view: Struct,
    *,
    status: int = 200,
    refused: Refused | None = None,
    **more: Any,
) -> Response[Any]:
    """The struct as JSON, or the template with `view`, `refused` and `more`.

    With `refused` the status is 422 (or the refusal's own) and JSON clients get the problem instead: the
    page shows the form again with what was typed and an error summary tied to its fields.
    """
    if refused is not None:
        if wants_json(request):
            raise refused
        status = refused.status
    if wants_json(request):
        return Response(content=view, status_code=status, media_type=_JSON)
    return page(request, template, status=status, view=view, refused=refused, **more)


def page(request: AppRequest, template: str, *, status: int = 200, **context: Any) -> Response[Any]:
    """The template as a page, with what every page knows (see `templates/base.html`)."""
    common = {
        "request": request,
        "person": request.state.get("person"),
        "services": request.app.state.services,
        "here": request.url.path,
        "refused": None,
        "view": None,
    }
    return Template(template, context={**common, **context}, status_code=status, media_type="text/html")


def moved(request: AppRequest, path: str, view: Struct, *, status: int = 200) -> Response[Any]:
    """After a change: 303 to `path` for a browser, the struct with `status` for a program."""
    if wants_json(request):
        return Response(content=view, status_code=status, media_type=_JSON)
    return Response(content=b"", status_code=303, headers={"location": path}, media_type="text/html")


def field_errors(refused: Refused | None) -> dict[str, str]:
    """Field name → message, for templates."""
    errors: tuple[FieldError, ...] = refused.errors if refused else ()
    return {error.field: error.message for error in errors}
