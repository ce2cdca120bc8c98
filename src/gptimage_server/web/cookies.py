"""The three cookies there are, each named here and in the notice (X9); HttpOnly, SameSite=Lax, ours only.

`gp_session`  a random token of a session; its hash is in the data
`gp_gate`     signed: the age gate was passed at this instant, and the country; no date of birth
`gp_young`    a random key of the expiring block after the age gate turned somebody away (S40)
"""

from __future__ import annotations

from typing import Any

from litestar import Response
from litestar.datastructures import Cookie

from gptimage_server.settings import Settings

__all__ = ["GATE", "SESSION", "YOUNG", "drop_cookie", "set_cookie"]

SESSION = "gp_session"
GATE = "gp_gate"
YOUNG = "gp_young"


def set_cookie(reply: Response[Any], settings: Settings, name: str, value: str, *, seconds: int) -> None:
    reply.cookies.append(
        Cookie(
            key=name,
            value=value,
            max_age=seconds,
            path="/",
            httponly=True,
            secure=settings.secure_cookies,
            samesite="lax",
        )
    )


def drop_cookie(reply: Response[Any], settings: Settings, name: str) -> None:
    set_cookie(reply, settings, name, "", seconds=0)
