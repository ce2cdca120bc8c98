"""What `import gptimage_core` costs beside importing what it needs anyway: msgspec and cryptography.

Each measurement is a new interpreter (`-I -S`: no site, no start-up files) that is given the same two folders
to look in and times the import statement itself, so that starting Python is not counted. Bytecode is there
for both sides. The names that the package exports come with it; what only a document, a digest or a finding
needs (tomllib, OpenSSL, difflib) comes with the first one of these (`tests/architecture/test_imports.py`).

The second line is what somebody with Piccolo imports; it brings the guard, the vault and the core's store. It
is reported, beside Piccolo alone.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

import msgspec
from tests.benchmarks.harness import Bench

import gptimage_core

__all__ = ["FOLDERS", "benches"]

FOLDERS = [str(Path(module.__file__ or "").parents[1]) for module in (gptimage_core, msgspec)]
_CODE = """
import sys, time
sys.path[:0] = {folders!r}
start = time.perf_counter()
import {names}
print(time.perf_counter() - start)
"""


def _importing(*names: str) -> Callable[[], float]:
    code = _CODE.format(folders=FOLDERS, names=", ".join(names))

    def work() -> float:
        found = subprocess.run([sys.executable, "-I", "-S", "-c", code], capture_output=True, check=True)
        return float(found.stdout)

    return work


def benches() -> Iterable[Bench]:
    """The core beside its two dependencies; the adapter beside Piccolo."""
    yield Bench(
        "import gptimage_core / msgspec, cryptography",
        _importing("gptimage_core"),
        _importing("msgspec", "cryptography"),
        limit=1.5,
        rounds=31,
        self_timed=True,
    )
    yield Bench(
        "import gptimage_core.adapters.piccolo / piccolo",
        _importing("gptimage_core.adapters.piccolo"),
        _importing("piccolo.table", "piccolo.columns", "piccolo.engine.sqlite"),
        rounds=11,
        self_timed=True,
    )
