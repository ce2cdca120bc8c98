"""The frame: finds the noun, runs the verb, turns errors into words and exit codes."""

from __future__ import annotations

import argparse
import io
import os
import sys
from collections.abc import Callable, Sequence
from importlib.metadata import EntryPoint, entry_points, version
from typing import TYPE_CHECKING

import msgspec

from gptimage_core.cli.access import register as register_access
from gptimage_core.cli.exits import EPILOG, Exit
from gptimage_core.cli.policy import register as register_policy
from gptimage_core.errors import GptimageError, PolicyError, StoreError

if TYPE_CHECKING:
    Nouns = argparse._SubParsersAction[argparse.ArgumentParser]

_BUILT_IN: dict[str, Callable[[Nouns], None]] = {
    "policy": register_policy,
    "access": register_access,
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit code (`cli.exits.Exit`)."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    args = _parser(arguments).parse_args(arguments)
    try:
        _check_streams()
        code = int(args.run(args))
        sys.stdout.flush()  # here, where a full disk still has words; at the interpreter's end it has none
        return code
    except PolicyError as error:
        return _fail(args, error, Exit.REFUSED)
    except BrokenPipeError:
        # Whoever reads has read enough (`| head`). What is left in the buffer goes nowhere, silently.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return Exit.OK
    except (StoreError, OSError) as error:
        return _fail(args, error, Exit.FAILED)
    except GptimageError as error:
        return _fail(args, error, Exit.REFUSED)


def _check_streams() -> None:
    """Python has no stream where the descriptor was closed; and a terminal may lack letters of the notice."""
    if sys.stdout is None or sys.stdin is None:
        raise StoreError("standard input and output are closed; open them, e.g. `< /dev/null > answer.txt`")
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def _parser(arguments: Sequence[str]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="gptimage", description="One privacy policy decides every data access.", epilog=EPILOG
    )
    parser.add_argument("--version", action="version", version=f"gptimage {version('gptimage')}")
    nouns = parser.add_subparsers(title="nouns", metavar="NOUN", required=True)
    for register in _BUILT_IN.values():
        register(nouns)
    wanted = next((word for word in arguments if not word.startswith("-")), None)
    for point in sorted(entry_points(group="gptimage.commands"), key=lambda point: point.name):
        # An entry point is loaded only when its noun is asked for, or a noun that nobody has (so that the
        # error names all there are): a server's imports must not slow `policy`.
        if wanted == point.name or wanted not in nouns.choices:
            _register(point, nouns)
    return parser


def _register(point: EntryPoint, nouns: Nouns) -> None:
    try:
        register = point.load()
    except (ImportError, AttributeError) as error:
        # The extra that brings this noun is not installed: the noun is listed, and says what to install.
        missing = nouns.add_parser(point.name, help=f"not available: {error}")
        reason = str(error)
        missing.set_defaults(run=lambda args: _unavailable(point.name, reason))
        missing.add_argument("rest", nargs=argparse.REMAINDER)
        return
    register(nouns)


def _unavailable(noun: str, reason: str) -> int:
    sys.stderr.write(
        f"gptimage: `{noun}` needs a package that is not installed ({reason}); "
        "pip install 'gptimage[server]'\n"
    )
    return Exit.FAILED


def _fail(args: argparse.Namespace, error: Exception, code: Exit) -> int:
    if sys.stderr is None:
        return code
    if getattr(args, "json", False):
        findings = [msgspec.to_builtins(finding) for finding in getattr(error, "findings", ())]
        sys.stderr.write(msgspec.json.encode({"error": str(error), "findings": findings}).decode() + "\n")
    else:
        sys.stderr.write(f"gptimage: {error}\n")
    return code
