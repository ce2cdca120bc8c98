"""Files that are generated and committed: `--check` fails when one is stale, `--write` makes them anew.

To add one, write a function that returns its text and register it in `GENERATED`.
"""

from __future__ import annotations

import argparse
import difflib
import sys
from collections.abc import Callable
from pathlib import Path

from gptimage_core.policy.loader import load_document
from gptimage_core.readings.language import Sample, language_page

ROOT = Path(__file__).resolve().parents[2]
LIBRARY = ROOT / "policies" / "samples" / "library"


def language() -> str:
    """docs/language.md: the reference of the policy language."""
    return language_page(
        Sample(
            load_document(LIBRARY / "policy.toml").document,
            *(
                (LIBRARY / name).read_text(encoding="utf-8")
                for name in ("policy.toml", "young_readers.toml", "timeline.toml")
            ),
        )
    )


GENERATED: dict[str, Callable[[], str]] = {
    "docs/language.md": language,
}


def stale(root: Path = ROOT) -> dict[str, str]:
    """Each stale file with the difference between what is there and what should be."""
    found = {}
    for name, make in GENERATED.items():
        path, wanted = root / name, make()
        there = path.read_text(encoding="utf-8") if path.exists() else ""
        if there != wanted:
            lines = difflib.unified_diff(
                there.splitlines(), wanted.splitlines(), name, f"{name} (made)", lineterm="", n=1
            )
            found[name] = "\n".join(lines)
    return found


def write(root: Path = ROOT) -> None:
    """Make every generated file anew."""
    for name, make in GENERATED.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(make(), encoding="utf-8")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    mode = parser.add_mutually_exclusive_group(required=True)
    mode.add_argument("--check", action="store_true", help="fail if a file is stale")
    mode.add_argument("--write", action="store_true", help="make the files anew")
    parser.add_argument("--root", type=Path, default=ROOT, help="where the files stand")
    arguments = parser.parse_args()
    if arguments.write:
        write(arguments.root)
        return 0
    found = stale(arguments.root)
    for name, difference in found.items():
        print(
            f"`{name}` is stale; run `python -m tests.architecture.generated --write`\n{difference}",
            file=sys.stderr,
        )
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
