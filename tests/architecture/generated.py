"""Files that are generated and committed: `--check` fails when one is stale, `--write` makes them anew.

To add one, write a function that returns its text and register it in `GENERATED`.
"""

from __future__ import annotations

import argparse
import difflib
import sys
from collections.abc import Callable
from pathlib import Path

from tests.architecture.command_page import page as command_page
from tests.architecture.lints_page import page as lints_page
from tests.architecture.piccolo_page import page as piccolo_page
from tests.bypass.page import page as rings_page

from gptimage_core.policy.loader import load_document
from gptimage_core.policy.timeline import load_timeline
from gptimage_core.readings.language import Sample, language_page
from gptimage_server.migrations._first import text as first_migration
from gptimage_server.wiring import data_map_lock

ROOT = Path(__file__).resolve().parents[2]
SAMPLE_FOLDER = ROOT / "policies" / "samples" / "language"


def language() -> str:
    """docs/language.md: the reference of the policy language."""
    return language_page(
        Sample(
            load_document(SAMPLE_FOLDER / "policy.toml").document,
            *(
                (SAMPLE_FOLDER / name).read_text(encoding="utf-8")
                for name in ("policy.toml", "young_readers.toml", "timeline.toml")
            ),
        )
    )


def server_data_map() -> str:
    """policies/gptimage/datamap.lock: which column of the reference server holds what."""
    return data_map_lock(load_timeline(ROOT / "policies" / "gptimage"))


GENERATED: dict[str, Callable[[], str]] = {
    "docs/commands.md": command_page,
    "docs/language.md": language,
    "docs/rings.md": rings_page,
    "docs/lints.md": lints_page,
    "docs/piccolo.md": piccolo_page,
    "policies/gptimage/datamap.lock": server_data_map,
    "src/gptimage_server/migrations/0001_first.sql": first_migration,
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
