"""`GET /privacy`: the notice, rendered from the policy in effect; `GET /terms`: the terms."""

from __future__ import annotations

from typing import Any

from litestar import Response, Router, get

from gptimage_server.features.notice.schemas import TermsView
from gptimage_server.features.notice.service import rendered_notice
from gptimage_server.services import Services
from gptimage_server.web.answers import AppRequest, answer
from gptimage_server.web.visitor import TERMS, Given, Person

__all__ = ["router"]


@get("/privacy")
async def privacy(
    request: AppRequest, services: Given[Services], visitor: Given[Person | None]
) -> Response[Any]:
    """The notice of the version in effect (S45); JSON gives its facts and the notice as Markdown."""
    notice = rendered_notice(services.timeline, services.now())
    return answer(request, "notice/privacy.html", notice.view, html=notice.html)


@get("/terms")
async def terms(request: AppRequest, visitor: Given[Person | None]) -> Response[Any]:
    return answer(request, "notice/terms.html", TermsView(version=TERMS))


router = Router(path="/", route_handlers=[privacy, terms])
