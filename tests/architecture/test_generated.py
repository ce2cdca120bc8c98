"""Committed files that are generated are not stale, and the check can fail."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tests.architecture.generated", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def test_no_generated_file_is_stale() -> None:
    """`make check` fails when docs/language.md does not say what the language is."""
    done = run("--check")
    assert done.returncode == 0, done.stderr


def test_a_stale_file_is_found(tmp_path: Path) -> None:
    """A check that cannot fail would prove nothing."""
    assert run("--write", "--root", str(tmp_path)).returncode == 0
    assert run("--check", "--root", str(tmp_path)).returncode == 0
    page = tmp_path / "docs" / "language.md"
    page.write_text(page.read_text(encoding="utf-8").replace("row_is_own", "row_is_mine"), encoding="utf-8")
    done = run("--check", "--root", str(tmp_path))
    assert done.returncode == 1
    assert "`docs/language.md` is stale" in done.stderr
