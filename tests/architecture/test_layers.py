"""The house as import-linter holds it: each contract is kept, and each one can be broken."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

BREACHES = {
    "server": ("gptimage_server/limits.py", "from gptimage_server.features.images import service\n"),
    "features": (
        "gptimage_server/features/billing/routes.py",
        "import gptimage_server.features.images.jobs\n",
    ),
    "house": ("gptimage_core/store/leases.py", "import gptimage_core.guard.guard\n"),
    "core-dependencies": ("gptimage_core/errors.py", "import litestar\n"),
    "orm-in-adapters": ("gptimage_core/guard/statements/words.py", "import piccolo\n"),
}


def lint(root: Path, contract: str) -> subprocess.CompletedProcess[str]:
    command = Path(sys.executable).parent / "lint-imports"
    return subprocess.run(
        [str(command), "--no-cache", "--contract", contract],
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root / "src")},
        capture_output=True,
        text=True,
        timeout=120,
    )


@pytest.mark.parametrize("contract", BREACHES)
def test_a_breach_of_the_layers_is_found(contract: str, tmp_path: Path) -> None:
    """One import upward, or to a neighbour, and the contract is broken; without it, it is kept."""
    shutil.copytree(ROOT / "src", tmp_path / "src", ignore=shutil.ignore_patterns("__pycache__", "static"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    name, line = BREACHES[contract]
    file = tmp_path / "src" / name
    text = file.read_text(encoding="utf-8")
    broken = text.replace(
        "from __future__ import annotations\n", f"from __future__ import annotations\n\n{line}", 1
    )
    assert broken != text
    file.write_text(broken, encoding="utf-8")
    found = lint(tmp_path, contract)
    assert found.returncode == 1, found.stdout + found.stderr
    assert "1 broken" in found.stdout
    file.write_text(text, encoding="utf-8")
    assert lint(tmp_path, contract).returncode == 0


def test_every_contract_can_fail() -> None:
    """A contract without a breach in this file's table would be one that nobody has seen fail."""
    import tomllib

    config = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert {each["id"] for each in config["tool"]["importlinter"]["contracts"]} == set(BREACHES)
