"""README tells the truth: its policy is the sample, its code runs and prints what it says."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    """The fenced blocks of a language, in order."""
    return re.findall(rf"^```{language}\n(.*?)^```$", README, flags=re.DOTALL | re.MULTILINE)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A place with the policies in it, where README's code may write."""
    shutil.copytree(ROOT / "policies", tmp_path / "policies")
    (tmp_path / "var").mkdir()
    return tmp_path


def run(arguments: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        arguments,
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        env={
            **os.environ,
            "PYTHONIOENCODING": "utf-8",
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        },
    )


def test_the_policy_shown_is_the_sample() -> None:
    """The policy in README is the file it names, to the letter."""
    assert blocks("toml") == [(ROOT / "policies/samples/notes.toml").read_text(encoding="utf-8")]


@pytest.mark.parametrize("number", [0, 1])
def test_the_code_prints_what_readme_says(number: int, folder: Path) -> None:
    """Each Python block prints exactly the text block that follows it."""
    done = run([sys.executable, "-W", "error", "-c", blocks("python")[number]], folder)
    assert done.stderr == ""
    assert done.stdout == blocks("text")[number]


def test_the_short_example_is_ten_lines() -> None:
    """Ten lines of Python, blank ones not counted, are enough to print a denial."""
    assert len([line for line in blocks("python")[0].splitlines() if line.strip()]) <= 10


QUESTION = (
    '{"actor": {"kind": "service", "id": "exporter"}, "purpose": "research", "operation": "share",'
    ' "category": "note", "recipient": "university"}'
)
EXPECTED = {
    "policy check": 0,
    "policy explain": 1,
    "policy decide": 0,
    "policy notice": 0,
    "policy schema": 0,
}


@pytest.mark.parametrize("command", [c for c in blocks("sh")[1].splitlines() if c.split()[1] == "policy"])
def test_the_commands_run(command: str, folder: Path) -> None:
    """Every policy command of README runs and gives the exit code it documents; with `--json` too."""
    (folder / "question.json").write_text(QUESTION, encoding="utf-8")
    words = command.split()
    for more in ([], ["--json"]):
        done = run([*words, *more], folder)
        assert done.stderr == "", done.stderr
        assert done.returncode == EXPECTED.get(" ".join(words[1:3]), done.returncode)
        assert done.returncode in (0, 1)
