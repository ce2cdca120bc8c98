"""What each ring does alone, as it is committed: `outcomes.json`, from which docs/rings.md is written.

python -m tests.bypass.outcomes     # runs every attack and writes the file anew
"""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeAlias

from tests.bypass.catalogue import attacks
from tests.bypass.rings import Ring, lab

__all__ = ["ALONE", "Outcomes", "committed"]

FILE = Path(__file__).with_name("outcomes.json")
ALONE: tuple[Ring, ...] = ("one", "two", "three")
Outcomes: TypeAlias = dict[str, dict[str, bool | None]]
"""By attack and ring: stopped, not stopped, or (`None`) not applicable."""


def committed() -> Outcomes:
    """The committed outcomes, by attack."""
    found: Outcomes = json.loads(FILE.read_text(encoding="utf-8"))
    return found


def write() -> None:
    """Run every attack with each ring alone and keep what came of it."""
    found: Outcomes = {}
    with TemporaryDirectory() as folder, lab(Path(folder)) as laboratory:
        for id, attack in attacks().items():
            if attack.code is not None:
                continue
            found[id] = {}
            for ring in ALONE:
                learned = laboratory.judged(attack, ring)
                found[id][ring] = None if learned is None else not learned
    lines = [f"  {json.dumps(id)}: {json.dumps(outcome)}" for id, outcome in found.items()]
    FILE.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


if __name__ == "__main__":
    write()
