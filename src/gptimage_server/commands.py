"""The server's nouns for the `gptimage` command: `serve run`."""

from __future__ import annotations

import argparse
import contextlib
import os
import socket
import sys
from typing import TYPE_CHECKING, Any

import msgspec

from gptimage_core.cli.exits import Exit

if TYPE_CHECKING:
    from litestar import Litestar

    from gptimage_server.settings import Settings

__all__ = ["serve"]


def serve(nouns: Any) -> None:
    """Register `serve`: `gptimage serve run [--host] [--port]`; other settings come from GPTIMAGE_*."""
    noun = nouns.add_parser("serve", help="the reference server")
    verbs = noun.add_subparsers(dest="verb", metavar="VERB", required=True)
    run = verbs.add_parser("run", help="serve on http://127.0.0.1:8000 until interrupted")
    run.add_argument("--host", help="address to listen on (GPTIMAGE_HOST)")
    run.add_argument("--port", type=int, help="port to listen on, 0 for a free one (GPTIMAGE_PORT)")
    run.set_defaults(run=_run)


def _run(args: argparse.Namespace) -> int:
    """0 after a clean end; 3 when the settings or the policy stop the start, with every reason; 4 when the
    address is taken or the server fails."""
    from gptimage_core.errors import GptimageError
    from gptimage_server.app import create_app
    from gptimage_server.settings import from_environment

    given = {name: value for name in ("host", "port") if (value := getattr(args, name)) is not None}
    try:
        settings = msgspec.structs.replace(from_environment(os.environ), **given)
        listener = _listen(settings.host, settings.port)
    except GptimageError as error:
        print(f"the server does not start:\n{error}", file=sys.stderr)
        return Exit.REFUSED
    except (OSError, OverflowError) as error:
        print(f"cannot listen on `{settings.host}:{settings.port}`: {error}", file=sys.stderr)
        return Exit.FAILED
    # Port 0 means any free one; links in mails need the one it became.
    settings = msgspec.structs.replace(settings, port=listener.getsockname()[1])
    with listener:
        try:
            app = create_app(settings)
        except GptimageError as error:
            print(f"the server does not start:\n{error}", file=sys.stderr)
            return Exit.REFUSED
        print(f"gptimage serves {settings.address} (interrupt to stop)", flush=True)
        return _serve(app, settings, listener)


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.create_server((host, port), family=family, backlog=256)
    # Accepted sockets inherit this. Without it a body waits some 40 ms for the acknowledgement of its head:
    # asyncio sets it itself only where the socket's protocol number says TCP, and here it says 0.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


def _serve(app: Litestar, settings: Settings, listener: socket.socket) -> int:
    import uvicorn

    config = uvicorn.Config(
        app,
        access_log=False,  # it writes paths; the request log has its own closed schema (S8)
        log_level="warning",
        server_header=False,
        proxy_headers=bool(settings.trusted_proxies),
        forwarded_allow_ips=settings.trusted_proxies or None,
        timeout_graceful_shutdown=10,
        lifespan="on",
    )
    server = uvicorn.Server(config)
    with contextlib.suppress(KeyboardInterrupt):
        server.run(sockets=[listener])
    return Exit.OK if server.started else Exit.FAILED
