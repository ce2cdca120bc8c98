"""GET /credits: the balance, and every transfer that led to it (S11, S14)."""

from __future__ import annotations

from typing import Any

from litestar import Response, Router, get
from litestar.params import FromQuery

from gptimage_server import credits
from gptimage_server.features.billing.schemas import CreditsView
from gptimage_server.services import Services
from gptimage_server.web.answers import AppRequest, answer
from gptimage_server.web.visitor import Given, Person

__all__ = ["router"]

_PAGE = 50

_WORDS = {
    "start": "Your starting credits",
    "hold": "Held for an image",
    "posted": "Image made",
    "given_back": "Given back",
}


@get("/credits")
async def show_credits(
    request: AppRequest,
    services: Given[Services],
    person: Given[Person],
    after: FromQuery[str | None] = None,
) -> Response[Any]:
    balance = await credits.balance(services, person)
    lines, following = await credits.history(services, person, after=after, limit=_PAGE)
    view = CreditsView(balance.available, balance.held, balance.spent, lines, following)
    return answer(
        request, "billing/credits.html", view, words=_WORDS, start=services.count("starting_credits")
    )


router = Router(path="/", route_handlers=[show_credits])
