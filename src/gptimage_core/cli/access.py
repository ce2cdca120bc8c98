"""`gptimage access explain ID`: what stands behind a refusal's reference."""

from __future__ import annotations

import argparse
import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from gptimage_core.cli.exits import EPILOG, Exit
from gptimage_core.cli.output import add_json, emit
from gptimage_core.clock import to_iso
from gptimage_core.errors import GptimageError, StoreError
from gptimage_core.store.denials import Denial, lookup

if TYPE_CHECKING:
    Parsers = argparse._SubParsersAction[argparse.ArgumentParser]


def register(nouns: Parsers) -> None:
    """Add the noun `access` with its verbs."""
    noun = nouns.add_parser("access", help="look at what accesses were refused, and why", epilog=EPILOG)
    verbs = noun.add_subparsers(title="verbs", metavar="VERB", required=True)
    words = "the rule, clause, file and line behind a refusal, and the nearest change that would allow"
    explain = verbs.add_parser("explain", help=words, description=words, epilog=EPILOG)
    add_json(explain)
    explain.add_argument("id", metavar="ID", help="the reference that the person was shown")
    explain.add_argument(
        "--database",
        type=Path,
        default=Path("var/data/gptimage.sqlite"),
        help="the governed database (var/data/gptimage.sqlite)",
    )
    explain.set_defaults(run=_run_explain)


def _run_explain(args: argparse.Namespace) -> int:
    if not args.database.is_file():
        raise StoreError(f"there is no database at `{args.database}`; name it with --database")
    # Read-only: explaining must never create or change what it explains.
    connection = sqlite3.connect(f"{args.database.resolve().as_uri()}?mode=ro", uri=True)
    try:
        denial = lookup(connection, args.id)
    except sqlite3.DatabaseError as error:
        raise StoreError(f"`{args.database}` holds no refusals that can be read ({error})") from error
    finally:
        connection.close()
    if denial is None:
        raise GptimageError(f"no refusal has the reference `{args.id}` in `{args.database}`")
    emit(args, msgspec.to_builtins(denial) | {"at": to_iso(denial.at)}, denial_text(denial))
    return Exit.OK


def denial_text(denial: Denial) -> str:
    """The refusal in words for operators; several lines, no content, no email."""
    actor = f"{denial.actor_kind} {denial.actor}" if denial.actor else denial.actor_kind
    lines = [
        f"refused   {to_iso(denial.at)}, reference {denial.id}",
        f"access    {actor} may not {denial.operation} {denial.category} for {denial.purpose}"
        + (f", to {denial.recipient}" if denial.recipient else ""),
        f"rule      {denial.rule or 'no permit holds'}",
        f"clauses   {' '.join(denial.clauses) or '-'}",
        f"stands    {denial.file}:{denial.line}" if denial.file else "stands    -",
        f"because   {denial.reason}",
        f"nearest   {denial.nearest or 'nothing would allow it'}",
        f"policy    version {denial.version}, {denial.digest}",
    ]
    return "\n".join(lines)
