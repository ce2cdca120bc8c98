"""The request's id: random, on every reply, in the request log and in every problem."""

from __future__ import annotations

from typing import Any

from gptimage_server.secrets import new_id

__all__ = ["request_id"]


def request_id(scope: Any) -> str:
    """This request's id; made at its first use, the same afterwards."""
    state: dict[str, Any] = scope["state"]
    if "request_id" not in state:
        state["request_id"] = new_id()
    return str(state["request_id"])
