"""The pages of coming in and going out; each takes a form or JSON, and answers a page or JSON.

GET  /            the front page; signed in: to the studio
GET  /start       date of birth and country · POST {day, month, year, country}
GET  /signin      the address · POST {email}; the same answer whether it is known
GET  /link/TOKEN  changes nothing · POST signs in, once
GET  /welcome     terms and notice · POST {accept: true}
GET  /me          the own account · POST /signout
"""

from __future__ import annotations

from typing import Any

from litestar import Response, Router, get, post
from litestar.params import FromPath

from gptimage_core.clock import HOUR
from gptimage_server.features.accounts import gate as gates
from gptimage_server.features.accounts import links, people, sessions
from gptimage_server.features.accounts.addresses import normalised
from gptimage_server.features.accounts.age import Outcome, date_of_birth, outcome
from gptimage_server.features.accounts.schemas import (
    Empty,
    LinkView,
    Me,
    SignInForm,
    SignInView,
    StartForm,
    StartView,
    State,
    WelcomeForm,
)
from gptimage_server.limits import network
from gptimage_server.services import Services
from gptimage_server.web.answers import AppRequest, answer, moved
from gptimage_server.web.cookies import GATE, SESSION, YOUNG, drop_cookie, set_cookie
from gptimage_server.web.errors import Missing, NotAllowed, Refused, TooMany
from gptimage_server.web.forms import read, refuse
from gptimage_server.web.places import CODES, COUNTRIES
from gptimage_server.web.visitor import Given, Person

__all__ = ["router"]

_DAY_SECONDS = 86_400
_STUDIO = "/studio"
_COUNTRIES = (("", "I’d rather not say"), *COUNTRIES)


@get("/")
async def home(
    request: AppRequest, services: Given[Services], visitor: Given[Person | None]
) -> Response[Any]:
    if visitor is not None:
        return moved(request, _STUDIO, State("signed_in", _STUDIO))
    return answer(
        request, "accounts/home.html", State("guest", "/start"), credits=services.count("starting_credits")
    )


@get("/start")
async def start(
    request: AppRequest, services: Given[Services], visitor: Given[Person | None]
) -> Response[Any]:
    if visitor is not None:
        return moved(request, _STUDIO, State("signed_in", _STUDIO))
    if await gates.is_blocked(services, request.cookies.get(YOUNG, "")):
        return _turned_away(request, services)
    view = StartView(minimum_age=services.count("minimum_age"))
    return answer(request, "accounts/start.html", view, countries=_COUNTRIES)


@post("/start")
async def pass_gate(request: AppRequest, services: Given[Services]) -> Response[Any]:
    """Age and country before anything else (S40). The date of birth is used here and goes no further."""
    now = services.now()
    _limit(services, f"start:{network(_ip(request))}", services.settings.starts_per_address_hour)
    if await gates.is_blocked(services, request.cookies.get(YOUNG, "")):
        return _turned_away(request, services)
    minimum = services.count("minimum_age")
    try:
        form = await read(request, StartForm)
        found = _decide(form, minimum, now)
    except Refused as refused:
        view = StartView(minimum_age=minimum)
        return answer(request, "accounts/start.html", view, refused=refused, countries=_COUNTRIES)
    if found is Outcome.TOO_YOUNG:
        token = await gates.block(services)
        reply = _turned_away(request, services)
        life = services.span("age_block_life").after(now) - now
        set_cookie(reply, services.settings, YOUNG, token, seconds=life // 1_000_000)
        drop_cookie(reply, services.settings, GATE)
        return reply
    reply = moved(request, "/signin", State("passed", "/signin"))
    _leave_gate(reply, services, gates.Gate(at=now, country=form.country.upper() or None))
    return reply


def _decide(form: StartForm, minimum: int, now: int) -> Outcome:
    """The outcome, or `Refused` for a date or country that cannot be; the refusal repeats no date."""
    kept = {"country": form.country}
    if form.country and form.country.upper() not in CODES:
        raise refuse(kept, country="Choose a country from the list, or “I’d rather not say”.")
    born = date_of_birth(form.year, form.month, form.day)
    if born is None:
        raise refuse(kept, day="The calendar has no such day. Check day, month and year.")
    found = outcome(born, minimum, now)
    if found is Outcome.IMPLAUSIBLE:
        raise refuse(kept, year="This date cannot be right. Check the year.")
    return found


def _turned_away(request: AppRequest, services: Services) -> Response[Any]:
    view = State("turned_away")
    return answer(request, "accounts/young.html", view, status=403, minimum_age=services.count("minimum_age"))


@get("/signin")
async def sign_in(
    request: AppRequest, services: Given[Services], visitor: Given[Person | None]
) -> Response[Any]:
    if visitor is not None:
        return moved(request, _STUDIO, State("signed_in", _STUDIO))
    if await _gate(request, services) is None:
        return moved(request, "/start", State("age_first", "/start"))
    return answer(request, "accounts/signin.html", SignInView("email", _minutes(services)))


@post("/signin")
async def ask_for_link(request: AppRequest, services: Given[Services]) -> Response[Any]:
    """Mail a link. The same work, the same answer and the same limits whether the address is known."""
    gate = await _gate(request, services)
    if gate is None:
        raise NotAllowed("Give your date of birth and country first.")
    try:
        form = await read(request, SignInForm)
        email = normalised(form.email)
        if email is None:
            raise refuse(form, email="This is not an email address. An example: name@example.org.")
    except Refused as refused:
        view = SignInView("email", _minutes(services))
        return answer(request, "accounts/signin.html", view, refused=refused)
    settings = services.settings
    _limit(services, f"link-from:{network(_ip(request))}", settings.links_per_address_hour)
    _limit(services, f"link-to:{people.address_hash(services, email)}", settings.links_per_email_hour)
    may_open = gate.may_open(services.now())
    await links.mail_link(services, email=email, country=gate.country, may_open=may_open, then=form.then)
    return answer(request, "accounts/sent.html", SignInView("mailed", _minutes(services)), status=202)


@get("/link/{token:str}")
async def show_link(request: AppRequest, services: Given[Services], token: FromPath[str]) -> Response[Any]:
    """A page with a button; opening it uses nothing up, since mail programs open links (S18)."""
    claim = await links.is_live(services, token)
    if claim is None:
        return _dead(request)
    return answer(request, "accounts/link.html", LinkView("unused", claim.email))


@post("/link/{token:str}")
async def use_link(request: AppRequest, services: Given[Services], token: FromPath[str]) -> Response[Any]:
    """Use the link up and sign in; one of two racing uses wins."""
    if await gates.is_blocked(services, request.cookies.get(YOUNG, "")):
        return _turned_away(request, services)
    _limit(services, f"use:{network(_ip(request))}", services.settings.starts_per_address_hour)
    claim = await links.use(services, token)
    if claim is None:
        return _dead(request)
    found = await people.find_or_open(services, claim)
    session = await sessions.begin(services, found.id, _ip(request))
    then = claim.then or "/welcome"
    reply = moved(request, then, State("signed_in", then))
    set_cookie(reply, services.settings, SESSION, session, seconds=sessions.seconds_of_life(services))
    # From now on this browser may ask for links without the date of birth; it opens no new account.
    _leave_gate(reply, services, gates.Gate(at=services.now() - HOUR, country=claim.country))
    return reply


def _dead(request: AppRequest) -> Response[Any]:
    return answer(request, "accounts/dead.html", State("dead", "/start"), status=410)


@get("/welcome")
async def welcome(request: AppRequest, services: Given[Services], person: Given[Person]) -> Response[Any]:
    """The terms and the notice; that the notice was shown is taken down, and is no consent (X13)."""
    if await people.has_accepted(services, person):
        return moved(request, _STUDIO, State("accepted", _STUDIO))
    await people.show_notice(services, person)
    return answer(
        request,
        "accounts/welcome.html",
        State("terms", "/welcome"),
        credits=services.count("starting_credits"),
    )


@post("/welcome")
async def accept(request: AppRequest, services: Given[Services], person: Given[Person]) -> Response[Any]:
    """Accept the terms: a record of its own, which switches no consent on (S1)."""
    try:
        form = await read(request, WelcomeForm)
        if not form.accept:
            raise refuse({}, accept="Tick the box to accept the terms.")
    except Refused as refused:
        return _welcome(request, services, refused)
    await people.show_notice(services, person)
    await people.accept_terms(services, person)
    return moved(request, _STUDIO, State("accepted", _STUDIO))


def _welcome(request: AppRequest, services: Services, refused: Refused | None = None) -> Response[Any]:
    view, credits = State("terms", "/welcome"), services.count("starting_credits")
    return answer(request, "accounts/welcome.html", view, refused=refused, credits=credits)


@get("/me")
async def me(request: AppRequest, services: Given[Services], person: Given[Person]) -> Response[Any]:
    """The own account as JSON; a browser is sent to its page."""
    row = await people.own_account(services, person)
    if row is None:
        raise Missing
    accepted = await people.has_accepted(services, person)
    view = Me(
        id=row.id,
        email=row.email,
        country=row.country,
        state=row.state,
        opened_at=row.recorded,
        signed_in_at=person.signed_in_at,
        terms_accepted=accepted,
    )
    return moved(request, "/account", view)


@post("/signout")
async def sign_out(
    request: AppRequest, services: Given[Services], visitor: Given[Person | None]
) -> Response[Any]:
    await read(request, Empty)
    if visitor is not None:
        await sessions.end(services, visitor, _ip(request))
    reply = moved(request, "/", State("signed_out", "/"))
    drop_cookie(reply, services.settings, SESSION)
    return reply


async def _gate(request: AppRequest, services: Services) -> gates.Gate | None:
    """The passage through the age gate that this browser proves; a block stands before it."""
    if await gates.is_blocked(services, request.cookies.get(YOUNG, "")):
        return None
    return gates.read_gate(services, request.cookies.get(GATE, ""))


def _leave_gate(reply: Response[Any], services: Services, gate: gates.Gate) -> None:
    value = gates.gate_cookie(services, gate)
    set_cookie(reply, services.settings, GATE, value, seconds=gates.GATE_DAYS * _DAY_SECONDS)


def _limit(services: Services, key: str, limit: int) -> None:
    wait = services.limits.take(key, limit=limit, window=HOUR, now=services.now())
    if wait:
        raise TooMany(wait)


def _minutes(services: Services) -> int:
    return services.span("mailed_link_life").microseconds // 60_000_000


def _ip(request: AppRequest) -> str:
    return request.client.host if request.client else ""


router = Router(
    path="/",
    route_handlers=[
        home,
        start,
        pass_gate,
        sign_in,
        ask_for_link,
        show_link,
        use_link,
        welcome,
        accept,
        me,
        sign_out,
    ],
)
