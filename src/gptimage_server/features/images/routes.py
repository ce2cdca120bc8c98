"""The pages of images; each takes a form or JSON, and answers a page or JSON.

GET  /studio               a prompt and how to draw it (?from=ID: as that image) · POST makes an image
GET  /history              one's own, newest first (?after=CURSOR)
GET  /images/ID            one image · /picture, /thumbnail its bytes, read access first
GET  /jobs/ID              how far it is
POST /images/ID/delete     {now}: T0; ten seconds to take it back, or none · POST /images/ID/undo
"""

from __future__ import annotations

from typing import Any

from litestar import Response, Router, get, post
from litestar.params import FromPath, FromQuery

from gptimage_core.clock import HOUR, SECOND
from gptimage_server import credits
from gptimage_server.features.images import deletion, service
from gptimage_server.features.images.choices import DEFAULT_SIZE, DEFAULT_STYLE, SIZES
from gptimage_server.features.images.jobs import wake
from gptimage_server.features.images.schemas import (
    Deleted,
    DeleteForm,
    Empty,
    HistoryView,
    ImageView,
    StudioView,
    WishForm,
)
from gptimage_server.gateways.art import STYLES
from gptimage_server.services import Services
from gptimage_server.web.answers import AppRequest, answer, moved
from gptimage_server.web.errors import Missing, Refused, TooMany
from gptimage_server.web.forms import read, refuse
from gptimage_server.web.visitor import Given, Person

__all__ = ["router"]

_BODY = 1024 * 1024
"""32,000 characters of four bytes, percent-encoded, and room."""
_PER_HOUR = 120
_PAGE = 24
_LATEST = 5


@get("/studio")
async def studio(
    request: AppRequest,
    services: Given[Services],
    member: Given[Person],
    like: FromQuery[str | None] = None,
) -> Response[Any]:
    before = await service.find(services, member, like) if like else None
    if like and before is None:
        raise Missing
    return await _studio(request, services, member, before)


@post("/studio", request_max_body_size=_BODY)
async def make(request: AppRequest, services: Given[Services], member: Given[Person]) -> Response[Any]:
    try:
        form = await read(request, WishForm)
        wish = _checked(services, form)
        wait = services.limits.take(f"generate:{member.id}", limit=_PER_HOUR, window=HOUR, now=services.now())
        if wait:
            raise TooMany(wait)
        try:
            image, _ = await service.ask(services, member, wish)
        except credits.NotEnough as short:
            words = f"This costs {wish.size.cost} credits, and you have {short.left} left."
            raise refuse(form, size=words) from None
    except Refused as refused:
        return await _studio(request, services, member, None, refused)
    wake(services)
    made = await service.find(services, member, image)
    if made is None:
        raise Missing
    return moved(request, f"/images/{image}", made, status=201)


@get("/history")
async def history(
    request: AppRequest,
    services: Given[Services],
    person: Given[Person],
    after: FromQuery[str | None] = None,
    deleted: FromQuery[str | None] = None,
    until: FromQuery[int | None] = None,
) -> Response[Any]:
    images, following = await service.page_of(services, person, after, _PAGE)
    window = services.span("undo_window").microseconds // SECOND
    left = min(window, (until or 0) - services.now() // SECOND) if deleted else 0
    return answer(
        request,
        "images/history.html",
        HistoryView(images, following),
        styles=STYLES,
        first=after is None,
        deleted=deleted if left > 0 else None,
        gone=deleted is not None and until == 0,
        left=left,
    )


@get("/images/{image:str}")
async def show(
    request: AppRequest, services: Given[Services], person: Given[Person], image: FromPath[str]
) -> Response[Any]:
    view = await service.find(services, person, image)
    if view is None:
        raise Missing
    window = services.span("undo_window").microseconds // SECOND
    return answer(request, "images/image.html", view, style=STYLES.get(view.style), window=window)


@get("/images/{image:str}/picture")
async def picture(
    services: Given[Services],
    person: Given[Person],
    image: FromPath[str],
    download: FromQuery[bool] = False,
) -> Response[bytes]:
    found = await service.picture(services, person, image, "picture")
    if found is None:
        raise Missing
    how = f'attachment; filename="gpt-image-{image[:8]}.png"' if download else "inline"
    return Response(content=found[0], media_type=found[1], headers={"content-disposition": how})


@get("/images/{image:str}/thumbnail")
async def thumbnail(
    services: Given[Services], person: Given[Person], image: FromPath[str]
) -> Response[bytes]:
    found = await service.picture(services, person, image, "thumbnail")
    if found is None:
        raise Missing
    return Response(content=found[0], media_type=found[1], headers={"content-disposition": "inline"})


@get("/jobs/{job:str}")
async def job_state(services: Given[Services], person: Given[Person], job: FromPath[str]) -> Response[Any]:
    view = await service.find_job(services, person, job)
    if view is None:
        raise Missing
    return Response(content=view, media_type="application/json")


@post("/images/{image:str}/delete")
async def delete(
    request: AppRequest, services: Given[Services], person: Given[Person], image: FromPath[str]
) -> Response[Any]:
    form = await read(request, DeleteForm)
    if form.now:
        if not await deletion.delete_now(services, person, image):
            raise Missing
        return moved(request, "/history?deleted=now&until=0", Deleted(image, services.now(), 0))
    at = await deletion.click(services, person, image)
    if at is None:
        raise Missing
    until = services.span("undo_window").after(at)
    return moved(request, f"/history?deleted={image}&until={until // SECOND}", Deleted(image, at, until))


@post("/images/{image:str}/undo")
async def undo(
    request: AppRequest, services: Given[Services], person: Given[Person], image: FromPath[str]
) -> Response[Any]:
    await read(request, Empty)
    if not await deletion.undo(services, person, image):
        raise Missing
    wake(services)  # a job that the deletion interrupted goes on
    view = await service.find(services, person, image)
    if view is None:
        raise Missing
    return moved(request, f"/images/{image}", view)


def _checked(services: Services, form: WishForm) -> service.Wish:
    """The wish, or `Refused` with every field's reason."""
    wrong: dict[str, str] = {}
    prompt, longest = form.prompt.replace("\r\n", "\n"), services.count("max_prompt_characters")
    if not prompt.strip():
        wrong["prompt"] = "Write what you would like to see."
    elif len(prompt) > longest:
        wrong["prompt"] = f"This has {len(prompt):,} characters; {longest:,} is the most. Shorten it."
    elif any("\ud800" <= letter <= "\udfff" for letter in prompt):
        wrong["prompt"] = "This holds half a character that is not Unicode text. Take it out."
    if form.size not in SIZES:
        wrong["size"] = "Choose one of the sizes."
    if form.style not in STYLES:
        wrong["style"] = "Choose one of the styles."
    if wrong:
        raise refuse(form, **wrong)
    return service.Wish(prompt, SIZES[form.size], form.style, form.seed)


async def _studio(
    request: AppRequest,
    services: Services,
    member: Person,
    before: ImageView | None,
    refused: Refused | None = None,
) -> Response[Any]:
    credit = await credits.balance(services, member)
    latest, _ = await service.page_of(services, member, None, _LATEST)
    view = StudioView(
        available=credit.available,
        prompt=before.prompt if before else "",
        size=before.size if before and before.size in SIZES else DEFAULT_SIZE,
        style=before.style if before and before.style in STYLES else DEFAULT_STYLE,
        seed=before.seed if before else None,
        latest=latest,
    )
    return answer(
        request,
        "images/studio.html",
        view,
        refused=refused,
        sizes=SIZES,
        styles=STYLES,
        longest=services.count("max_prompt_characters"),
    )


router = Router(
    path="/",
    route_handlers=[studio, make, history, show, picture, thumbnail, job_state, delete, undo],
)
