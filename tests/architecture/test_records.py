"""The decision records are numbered, listed, and true where that can be checked."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DECISIONS = ROOT / "docs" / "decisions"
RECORDS = sorted(path for path in DECISIONS.glob("*.md") if path.name != "README.md")


def test_records_are_numbered_without_a_gap() -> None:
    """File name, title and place in the index agree."""
    index = (DECISIONS / "README.md").read_text(encoding="utf-8")
    for number, path in enumerate(RECORDS, 1):
        title = path.read_text(encoding="utf-8").partition("\n")[0]
        assert re.fullmatch(rf"{number:04}-[a-z0-9-]+\.md", path.name), path.name
        assert title.startswith(f"# {number}. "), title
        assert f"| [{number}]({path.name}) | {title.removeprefix(f'# {number}. ')} |" in index
    assert index.count("](0") == len(RECORDS)


def test_every_dependency_has_a_reason_and_every_reason_a_dependency() -> None:
    """The record on dependencies lists what `pyproject.toml` names, and nothing else."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    named = [
        *project["project"]["dependencies"],
        *(each for extra in project["project"]["optional-dependencies"].values() for each in extra),
        *(each for group in project["dependency-groups"].values() for each in group),
    ]
    wanted = {re.match(r"[a-z0-9-]+", each)[0] for each in named} - {"gptimage"}  # type: ignore[index]
    record = next(path for path in RECORDS if path.name.endswith("dependencies.md")).read_text(
        encoding="utf-8"
    )
    assert set(re.findall(r"^\| `([a-z0-9-]+)` \|", record, re.MULTILINE)) == wanted


def test_every_dependency_is_used_or_says_from_when_on() -> None:
    """What nothing imports and no tool runs is named with the part that will."""
    modules = {
        "pillow": "PIL",
        "axe-core-python": "axe_core_python",
        "import-linter": "importlinter",
        "zen-engine": "zen",
    }
    tools = {"pytest-timeout", "pytest-xdist", "ruff", "mypy", "import-linter"}
    text = "\n".join(
        path.read_text(encoding="utf-8")
        for folder in ("src", "tests")
        for path in sorted((ROOT / folder).rglob("*.py"))
    )
    record = (DECISIONS / "0008-dependencies.md").read_text(encoding="utf-8")
    for name, row in re.findall(r"^\| `([a-z0-9-]+)` \|(.*)$", record, re.MULTILINE):
        module = modules.get(name, name)
        is_used = re.search(rf"^\s*(import|from) {module}\b", text, re.MULTILINE) is not None
        assert is_used or name in tools or re.search(r"Used from the \w+", row), name


def test_links_between_documents_lead_somewhere() -> None:
    """Every relative link in README, CONTRIBUTING and docs is a file or folder of this repository."""
    pages = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    assert len(pages) > 10
    for page in pages:
        for target in re.findall(r"\]\((?!https?:|mailto:|#)([^)#\s]+)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.relative_to(ROOT)} links to `{target}`"
