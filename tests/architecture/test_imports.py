"""`import gptimage_core` brings what deciding needs, and nothing else."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import cryptography
import msgspec

import gptimage_core

FOLDERS = [str(Path(module.__file__ or "").parents[1]) for module in (gptimage_core, msgspec, cryptography)]


def _modules(statement: str) -> set[str]:
    """What a new interpreter without start-up files has imported after the statement."""
    code = f"import sys\nsys.path[:0] = {FOLDERS!r}\n{statement}\nprint(*sys.modules)"
    found = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code], capture_output=True, check=True, text=True
    )
    return set(found.stdout.split())


def test_importing_the_core_brings_policy_and_decision_only() -> None:
    """No other part of the core, no package but its two, and of Python what these two do not bring anyway."""
    found = _modules("import gptimage_core") - _modules("import msgspec, cryptography")
    parts = {name.split(".")[1] for name in found if name.startswith("gptimage_core.")}
    assert parts == {"clock", "decision", "errors", "policy"}
    others = {name.partition(".")[0] for name in found} - {"gptimage_core"}
    assert others <= {"_bisect", "bisect", "_heapq", "heapq", "_locale", "_string"}, others


def test_what_is_exported_is_there_at_once() -> None:
    """The exports are no promises that a first use would pay for: every name is bound by the import."""
    code = (
        "import gptimage_core as g\nassert not hasattr(g, '__getattr__') and set(g.__all__) <= set(vars(g))"
    )
    assert "gptimage_core.decision.decide" in _modules(code)


def test_the_guard_needs_no_package_but_the_two() -> None:
    """An embedder who writes an adapter imports the guard, and no ORM or web framework comes along."""
    found = _modules("import gptimage_core.guard.guard, gptimage_core.vault.vault")
    found -= _modules("import msgspec, cryptography")
    outside = {name.partition(".")[0] for name in found} - set(sys.stdlib_module_names)
    assert outside <= {"gptimage_core", "msgspec", "cryptography", "_cffi_backend", "_openssl"}, outside
