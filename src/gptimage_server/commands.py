"""The server's nouns for the `gptimage` command: `serve run`."""

from __future__ import annotations

import argparse
import os
import sys
from typing import Any

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
    """0 after a clean end; 2 when the settings or the policy stop the start, with every reason."""
    import msgspec
    import uvicorn

    from gptimage_core.errors import GptimageError
    from gptimage_server.app import create_app
    from gptimage_server.settings import from_environment

    given = {name: value for name in ("host", "port") if (value := getattr(args, name)) is not None}
    try:
        settings = msgspec.structs.replace(from_environment(os.environ), **given)
        app = create_app(settings)
    except GptimageError as error:
        print(f"the server does not start:\n{error}", file=sys.stderr)
        return 2
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        access_log=False,  # it writes paths; the request log has its own closed schema (S8)
        log_level="warning",
        server_header=False,
        proxy_headers=bool(settings.trusted_proxies),
        forwarded_allow_ips=settings.trusted_proxies or None,
        timeout_graceful_shutdown=10,
        lifespan="on",
    )
    print(f"gptimage serves {settings.address} (interrupt to stop)", flush=True)
    uvicorn.Server(config).run()
    return 0
