"""docs/ tells the truth: its commands run, end and print as it says; its names are the program's."""

from __future__ import annotations

import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from tests.architecture.command_page import EXAMPLES, QUESTION, commands
from tests.support.live import live

from gptimage_core.cli.main import _parser
from gptimage_core.store import denials
from gptimage_core.store.denials import Denial
from gptimage_server.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
PAGES = {
    page.relative_to(ROOT).as_posix(): page.read_text(encoding="utf-8")
    for page in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
}
COMMANDS = PAGES["docs/commands.md"]
VERBS = dict(commands(_parser([])))
SHELL = [
    line
    for name, text in PAGES.items()
    if name.startswith("docs/")
    for block in re.findall(r"^```sh\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    for line in block.splitlines()
]
ANSWERS = dict(
    re.findall(
        r"^```sh\n([^\n]+)\n```\n\nIt ends with (\d:\n\n```text\n.*?)```$", COMMANDS, re.DOTALL | re.MULTILINE
    )
)
REFUSAL = Denial(
    id="01JAB", at=1, tenant="main", actor_kind="staff", actor="eve", purpose="secure_service",
    operation="read", category="prompt", recipient=None, reason="no rule permits this", digest="sha256:0",
    version=1, rule=None, clauses=(), file=None, line=None, column=None,
)  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where the examples run: policies, source, the question, and the data of a server that has run here."""
    place = tmp_path_factory.mktemp("docs")
    for name in ("policies", "src", "tests"):
        (place / name).symlink_to(ROOT / name)
    (place / "question.json").write_text(QUESTION, encoding="utf-8")
    with live(place):
        pass
    with sqlite3.connect(place / "var" / "data" / "gptimage.sqlite") as connection:
        denials.record(connection, REFUSAL)
    connection.close()
    yield place
    shutil.rmtree(place / "var")


def environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GPTIMAGE_")}
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    return {**kept, "PATH": path, "PYTHONIOENCODING": "utf-8", "PYTHONUNBUFFERED": "1"}


def test_every_command_has_an_example() -> None:
    """The page shows each command that the program has, once, and an example of it."""
    assert re.findall(r"^## gptimage (.*)$", COMMANDS, re.MULTILINE) == list(VERBS) == list(EXAMPLES)
    assert {" ".join(line.split()[1:3]) for line in SHELL} == set(VERBS)


@pytest.mark.parametrize("line", [line for line in SHELL if "serve run" not in line])
def test_an_example_runs_and_prints_what_the_page_says(line: str, folder: Path) -> None:
    """The exit code and the answer, to the letter where the page shows it; without a complaint."""
    done = subprocess.run(
        line.split(), cwd=folder, env=environment(), capture_output=True, text=True, timeout=120
    )
    assert done.stderr == ""
    assert done.stdout
    assert done.returncode in ((0, 1) if "coverage" in line else (0,) if line not in ANSWERS else (0, 1))
    if line in ANSWERS:
        assert f"{done.returncode}:\n\n```text\n{done.stdout}" == ANSWERS[line]


def test_the_example_of_the_server_serves_until_it_is_interrupted(folder: Path) -> None:
    """`serve run` as the page shows it, on a free port; an interrupt is a clean end."""
    (line,) = (line for line in SHELL if "serve run" in line)
    words = re.sub(r"--port \d+", "--port 0", line).split()
    process = subprocess.Popen(
        words, cwd=folder, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("gptimage serves http://127.0.0.1:")
        process.send_signal(signal.SIGINT)
        _, complaints = process.communicate(timeout=60)
    finally:
        process.kill()
    assert (process.returncode, complaints) == (0, "")


MENTIONS = sorted(
    {
        (name, mention)
        for name, text in PAGES.items()
        for mention in re.findall(r"`(?:\.venv/bin/)?gptimage ([a-z][^`\n]*)`", text)
    }
)


@pytest.mark.parametrize(("page", "mention"), MENTIONS)
def test_a_command_that_is_mentioned_exists(page: str, mention: str) -> None:
    """Nouns, verbs and options in the text are the program's own; `check | explain` lists verbs."""
    noun, _, rest = mention.partition(" ")
    verbs = re.match(r"[a-z]+(?: \| [a-z]+)*", rest)
    assert verbs is not None, mention
    for verb in verbs[0].split(" | "):
        parser = VERBS[f"{noun} {verb}"]
        for option in re.findall(r"--[a-z-]+", rest):
            assert option in parser._option_string_actions, f"{page}: `{mention}`"


def test_a_target_of_make_that_is_mentioned_exists() -> None:
    """`make x` in the text is a target of the Makefile, and every target with words is mentioned."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z]+):", makefile, re.MULTILINE))
    mentioned = {
        word for text in PAGES.values() for word in re.findall(r"(?:`|^)make ([a-z]+)\b", text, re.MULTILINE)
    }
    assert mentioned
    assert mentioned <= targets


def test_every_setting_stands_in_the_page_and_nothing_else_does() -> None:
    """docs/server.md names the settings that the server reads, in full or by their ending."""
    text = PAGES["docs/server.md"]
    fields = {field.name.upper() for field in msgspec.structs.fields(Settings)}
    table = text[text.index("| variable |") : text.index("## A change of the policy")]
    named = {
        word.removeprefix("GPTIMAGE").lstrip("_") for word in re.findall(r"`(GPTIMAGE_\w+|_[A-Z_]+)`", table)
    }
    endings = {"PORT", "USER", "PASSWORD", "SECURITY"}
    assert fields - named <= {f"SMTP_{ending}" for ending in endings}
    assert named - fields - {"HOME"} <= endings
    assert set(re.findall(r"GPTIMAGE_(\w+)", "".join(PAGES.values()))) <= fields
