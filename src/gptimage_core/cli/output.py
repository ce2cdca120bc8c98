"""What commands print: words for people, one JSON value for programs (`--json`)."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

import msgspec

from gptimage_core.clock import Clock, Instant, SystemClock, from_iso
from gptimage_core.errors import PolicyError


def add_json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print one JSON value for programs")


def add_at(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--at", metavar="INSTANT", help="decide as of this RFC 3339 instant, e.g. 2027-01-01T00:00:00Z (now)"
    )


def instant_of(args: argparse.Namespace, clock: Clock | None = None) -> Instant:
    """The instant of `--at`, or now. Raises `PolicyError` for one that does not parse."""
    if args.at is None:
        return (clock or SystemClock()).now()
    try:
        return from_iso(args.at)
    except ValueError as error:
        raise PolicyError(
            f"`{args.at}` is not an instant ({error}); write e.g. 2027-01-01T00:00:00Z"
        ) from error


def emit(args: argparse.Namespace, data: object, text: str) -> None:
    """Print `data` as JSON with `--json`, else `text`."""
    if getattr(args, "json", False):
        sys.stdout.write(msgspec.json.format(msgspec.json.encode(data), indent=2).decode() + "\n")
    else:
        sys.stdout.write(text if text.endswith("\n") else text + "\n")


def table(rows: Sequence[Sequence[str]], head: Sequence[str]) -> str:
    """A plain text table; the last column is not padded."""
    lines = [list(head), *[list(row) for row in rows]]
    widths = [max(len(line[i]) for line in lines) for i in range(len(head))]
    return "\n".join(
        "  ".join(
            [cell.ljust(width) for cell, width in zip(line[:-1], widths, strict=False)] + [line[-1]]
        ).rstrip()
        for line in lines
    )
