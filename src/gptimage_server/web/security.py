"""Headers on every reply, and the refusal of requests that another site started.

Nothing on a page comes from another host: the content security policy says so to the browser, and a test
reads every page for it. Every reply is `no-store` unless it says otherwise itself (static files do).
"""

from __future__ import annotations

from urllib.parse import urlsplit

from litestar.types import Message, Scope

from gptimage_server.settings import Settings
from gptimage_server.web.answers import AppRequest
from gptimage_server.web.errors import NotAllowed
from gptimage_server.web.ids import request_id

__all__ = ["CSP", "harden", "refuse_other_sites"]

CSP = "; ".join(
    [
        "default-src 'self'",
        "img-src 'self' blob: data:",
        "object-src 'none'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    ]
)

_HEADERS: tuple[tuple[bytes, bytes], ...] = (
    (b"content-security-policy", CSP.encode()),
    (b"referrer-policy", b"no-referrer"),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (
        b"permissions-policy",
        b"camera=(), microphone=(), geolocation=(), browsing-topics=()",
    ),
)
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


async def harden(message: Message, scope: Scope) -> None:
    """Litestar's `before_send`: the headers above, unless the reply has set one itself."""
    if message["type"] != "http.response.start":
        return
    headers = list(message["headers"])
    present = {name.lower() for name, _ in headers}
    headers.extend(pair for pair in _HEADERS if pair[0] not in present)
    if b"cache-control" not in present:
        headers.append((b"cache-control", b"no-store"))
    if b"vary" not in present:
        headers.append((b"vary", b"accept, cookie"))
    headers.append((b"x-request-id", request_id(scope).encode()))
    if scope["scheme"] == "https":
        headers.append((b"strict-transport-security", b"max-age=63072000; includeSubDomains"))
    message["headers"] = headers


async def refuse_other_sites(request: AppRequest) -> None:
    """Litestar's `before_request`: a changing request that another site's page started is refused.

    `Sec-Fetch-Site` where the browser sends it, else `Origin`; a program like curl sends neither and is let
    through, since it carries no browser's cookies. `SameSite=Lax` stands behind this.
    """
    if request.method in _SAFE:
        return
    site = request.headers.get("sec-fetch-site")
    if site is not None and site not in ("same-origin", "none"):
        raise NotAllowed("This request came from another site, so it was not carried out.")
    origin = request.headers.get("origin")
    if site is None and origin is not None and not _is_ours(origin, request):
        raise NotAllowed("This request came from another site, so it was not carried out.")


def _is_ours(origin: str, request: AppRequest) -> bool:
    settings: Settings = request.app.state.services.settings
    return origin == settings.address or urlsplit(origin).netloc == request.headers.get("host")
