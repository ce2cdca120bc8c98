"""The account's pages: a control for every right (S38). Each takes a form or JSON, answers a page or JSON.

GET  /account           what is held, who looked · POST /account/country {country} · POST /account/signout
GET  /account/consents  the switches and their history · POST {name, on}
GET  /account/export    make and fetch a copy · POST makes one · GET /account/export/ID · POST …/ID/remove
GET  /account/object    objections · POST {name, on}        GET /account/restrict · POST {on}
GET  /account/delete    what goes and what stays · POST {confirm: "delete"}

They ask for a person, not for a member: rights hold before any acceptance, and under restriction (X10).
"""

from __future__ import annotations

from typing import Any

from litestar import Response, Router, get, post
from litestar.params import FromPath
from litestar.response import Stream

from gptimage_core.clock import HOUR, to_iso
from gptimage_server.features.privacy import account, choices, deletion, exports
from gptimage_server.features.privacy.schemas import (
    CountryForm,
    DeleteForm,
    Empty,
    ExportView,
    State,
    SwitchForm,
    TurnForm,
)
from gptimage_server.services import Services
from gptimage_server.web.answers import AppRequest, answer, moved, wants_json
from gptimage_server.web.cookies import SESSION, drop_cookie
from gptimage_server.web.errors import NotAllowed, Refused, TooMany
from gptimage_server.web.forms import read, refuse
from gptimage_server.web.places import CODES, COUNTRIES, country_name
from gptimage_server.web.visitor import Given, Person

__all__ = ["router"]

_COUNTRIES = (("", "I’d rather not say"), *COUNTRIES)
_CONFIRM = "delete"
_EXPORTS_AN_HOUR = 6


@get("/account")
async def overview(request: AppRequest, services: Given[Services], person: Given[Person]) -> Response[Any]:
    return await _overview(request, services, person)


async def _overview(
    request: AppRequest, services: Services, person: Person, refused: Refused | None = None
) -> Response[Any]:
    view = await account.look(services, person)
    return answer(
        request,
        "privacy/account.html",
        view,
        refused=refused,
        countries=_COUNTRIES,
        country=country_name(view.country),
    )


@post("/account/country")
async def correct_country(
    request: AppRequest, services: Given[Services], person: Given[Person]
) -> Response[Any]:
    """Correct the country (S36); an empty one takes the answer back: the widest rights then (X6)."""
    try:
        form = await read(request, CountryForm)
        if form.country and form.country.upper() not in CODES:
            raise refuse(form, country="Choose a country from the list, or “I’d rather not say”.")
    except Refused as refused:
        return await _overview(request, services, person, refused)
    await account.set_country(services, person, form.country.upper() or None)
    return moved(request, "/account", State("corrected", "/account"))


@post("/account/signout")
async def sign_out_everywhere(
    request: AppRequest, services: Given[Services], person: Given[Person]
) -> Response[Any]:
    await read(request, Empty)
    await account.sign_out_everywhere(services, person, request.client.host if request.client else "")
    reply = moved(request, "/", State("signed_out", "/"))
    drop_cookie(reply, services.settings, SESSION)
    return reply


@get("/account/consents")
async def consents(request: AppRequest, services: Given[Services], person: Given[Person]) -> Response[Any]:
    view = await choices.consents_of(services, person)
    turned = request.query_params.get("turned", "")
    return answer(request, "privacy/consents.html", view, turned=turned)


@post("/account/consents")
async def switch_consent(
    request: AppRequest, services: Given[Services], person: Given[Person]
) -> Response[Any]:
    """Turn one switch (S17, S19); the answer for programs is how all of them stand now."""
    form = await read(request, SwitchForm)
    await choices.switch_consent(services, person, form.name, form.on)
    view = await choices.consents_of(services, person)
    return moved(request, f"/account/consents?turned={form.name}", view)


@get("/account/object")
async def objections(request: AppRequest, services: Given[Services], person: Given[Person]) -> Response[Any]:
    view = await choices.objections_of(services, person)
    return answer(request, "privacy/object.html", view, turned=request.query_params.get("turned", ""))


@post("/account/object")
async def object_to(request: AppRequest, services: Given[Services], person: Given[Person]) -> Response[Any]:
    form = await read(request, SwitchForm)
    await choices.object_to(services, person, form.name, form.on)
    view = await choices.objections_of(services, person)
    return moved(request, f"/account/object?turned={form.name}", view)


@get("/account/restrict")
async def restriction(request: AppRequest, services: Given[Services], person: Given[Person]) -> Response[Any]:
    view = await choices.restriction_of(services, person)
    return answer(request, "privacy/restrict.html", view, turned=request.query_params.get("turned", ""))


@post("/account/restrict")
async def restrict(request: AppRequest, services: Given[Services], person: Given[Person]) -> Response[Any]:
    form = await read(request, TurnForm)
    await choices.restrict(services, person, form.on)
    view = await choices.restriction_of(services, person)
    return moved(request, "/account/restrict?turned=restriction", view)


@get("/account/export")
async def export(request: AppRequest, services: Given[Services], person: Given[Person]) -> Response[Any]:
    return answer(request, "privacy/export.html", await _export_view(services, person))


@post("/account/export")
async def make_export(request: AppRequest, services: Given[Services], person: Given[Person]) -> Response[Any]:
    """Make a copy of everything (S36). An old sign-in is asked for anew; the policy asks it again."""
    await read(request, Empty)
    if not exports.is_fresh(services, person):
        return await _ask_for_sign_in(request, services, person)
    wait = services.limits.take(
        f"export:{person.id}", limit=_EXPORTS_AN_HOUR, window=HOUR, now=services.now()
    )
    if wait:
        raise TooMany(wait)
    await exports.make(services, person)
    return moved(request, "/account/export", await _export_view(services, person), status=201)


@get("/account/export/{export:str}")
async def fetch_export(
    request: AppRequest, services: Given[Services], person: Given[Person], export: FromPath[str]
) -> Response[Any]:
    """The archive itself; asks for a fresh sign-in. A foreign one is answered as a missing one (S7)."""
    if not exports.is_fresh(services, person):
        return await _ask_for_sign_in(request, services, person)
    size, pieces = await exports.fetch(services, person, export)
    name = f"gptimage-export-{to_iso(services.now())[:10]}.zip"
    headers = {"content-disposition": f'attachment; filename="{name}"', "content-length": str(size)}
    return Stream(pieces, media_type="application/zip", headers=headers)


@post("/account/export/{export:str}/remove")
async def remove_export(
    request: AppRequest, services: Given[Services], person: Given[Person], export: FromPath[str]
) -> Response[Any]:
    await read(request, Empty)
    await exports.remove(services, person, export)
    return moved(request, "/account/export", await _export_view(services, person))


@get("/account/delete")
async def before_deletion(
    request: AppRequest, services: Given[Services], person: Given[Person]
) -> Response[Any]:
    return answer(request, "privacy/delete.html", await deletion.preview(services, person))


@post("/account/delete")
async def delete(request: AppRequest, services: Given[Services], person: Given[Person]) -> Response[Any]:
    """T0. Afterwards nobody is signed in, and the page says what is gone and what stays until when."""
    try:
        form = await read(request, DeleteForm)
        if form.confirm.strip().casefold() != _CONFIRM:
            raise refuse({"confirm": form.confirm}, confirm="Type “delete” to confirm.")
    except Refused as refused:
        view = await deletion.preview(services, person)
        return answer(request, "privacy/delete.html", view, refused=refused)
    done = await deletion.delete_account(services, person)
    request.state.person = None
    reply = answer(request, "privacy/deleted.html", done)
    drop_cookie(reply, services.settings, SESSION)
    return reply


async def _export_view(services: Services, person: Person) -> ExportView:
    return ExportView(
        fresh=exports.is_fresh(services, person),
        minutes=services.span("export_sign_in").microseconds // 60_000_000,
        days=services.span("export_life").days,
        email=await account.address_of(services, person),
        archives=await exports.waiting(services, person),
    )


async def _ask_for_sign_in(request: AppRequest, services: Services, person: Person) -> Response[Any]:
    view = await _export_view(services, person)
    if wants_json(request):
        raise NotAllowed(f"Sign in again first: this asks for a sign-in of the last {view.minutes} minutes.")
    return answer(request, "privacy/export.html", view, status=403)


router = Router(
    path="/",
    route_handlers=[
        overview,
        correct_country,
        sign_out_everywhere,
        consents,
        switch_consent,
        objections,
        object_to,
        restriction,
        restrict,
        export,
        make_export,
        fetch_export,
        remove_export,
        before_deletion,
        delete,
    ],
)
