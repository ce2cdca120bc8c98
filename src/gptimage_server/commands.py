"""The server's nouns for the `gptimage` command: `serve run`, `training collect`."""

from __future__ import annotations

import argparse
import os
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from gptimage_core.cli.exits import EPILOG, Exit
from gptimage_core.cli.output import add_json, emit

if TYPE_CHECKING:
    from litestar import Litestar

    from gptimage_server.settings import Settings

__all__ = ["serve", "training"]


def serve(nouns: Any) -> None:
    """Register `serve`: `serve run [--host] [--port] [--json]`; other settings come from GPTIMAGE_*."""
    noun = nouns.add_parser("serve", help="the reference server")
    verbs = noun.add_subparsers(dest="verb", metavar="VERB", required=True)
    words = "serve on http://127.0.0.1:8000 until interrupted; SIGHUP reads the policy anew"
    run = verbs.add_parser("run", help=words, description=words, epilog=EPILOG)
    run.add_argument("--host", help="address to listen on (GPTIMAGE_HOST)")
    run.add_argument("--port", type=int, help="port to listen on, 0 for a free one (GPTIMAGE_PORT)")
    add_json(run)
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
        try:
            emit(args, *_started(app, settings.address))
            sys.stdout.flush()
            return _serve(app, settings, listener)
        except KeyboardInterrupt:  # before the server listens for it, or handed on after its clean end
            return Exit.OK


def _started(app: Litestar, address: str) -> tuple[dict[str, Any], str]:
    """What is said once it serves: where, and what the lints of the schema left standing (docs/lints.md)."""
    guard = app.state.services.guard
    accepted = {each.what: each.reason for each in guard.datamap.accepted}
    notes = [note.key for note in guard.notes]
    lines = [
        f"gptimage serves {address} (interrupt to stop)",
        *(f"schema: `{what}` is accepted: {reason}" for what, reason in accepted.items()),
        *(f"schema: {note.message} [{note.code}]" for note in guard.notes),
    ]
    data = {"address": address, "pid": os.getpid(), "schema": {"accepted": accepted, "notes": notes}}
    return data, "\n".join(lines)


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
    server.run(sockets=[listener])
    return Exit.OK if server.started else Exit.FAILED


def training(nouns: Any) -> None:
    """Register `training`: `gptimage training collect --out FOLDER [--limit N] [--json]`."""
    noun = nouns.add_parser("training", help="training sets of what people consented to")
    verbs = noun.add_subparsers(dest="verb", metavar="VERB", required=True)
    collect = verbs.add_parser(
        "collect",
        help="read what owners consented to, item by item, into a new folder",
        description="One statement an item: a consent withdrawn meanwhile binds the very next one.",
        epilog=EPILOG,
    )
    collect.add_argument(
        "--out", required=True, type=Path, metavar="FOLDER", help="does not exist, or is empty"
    )
    collect.add_argument("--limit", type=_count, metavar="N", help="at most so many images")
    add_json(collect)
    collect.set_defaults(run=_collect)


def _collect(args: argparse.Namespace) -> int:
    """0 when the folder stands; 3 for a folder in use or no data; 4 when the disk or the database failed."""
    from gptimage_core.clock import SystemClock
    from gptimage_core.errors import GptimageError
    from gptimage_server.features.images.training import run
    from gptimage_server.settings import from_environment
    from gptimage_server.wiring import wire

    settings = from_environment(os.environ)
    if not settings.database_file.exists():
        raise GptimageError(f"there is no data at `{settings.database_file}`; set `GPTIMAGE_HOME`")
    done = run(wire(settings, SystemClock()), args.out, args.limit, _shown if sys.stderr.isatty() else None)
    if sys.stderr.isatty():
        sys.stderr.write("\r\x1b[K")
    images = "1 image" if done.images == 1 else f"{done.images} images"
    people = "1 person" if done.people == 1 else f"{done.people} people"
    emit(args, done, f"{images} of {people} who agreed, in `{done.out}`")
    return Exit.OK


def _shown(images: int) -> None:
    sys.stderr.write(f"\r{images} collected")
    sys.stderr.flush()


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("give a number from 1")
    return number
