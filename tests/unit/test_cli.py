"""The command line: words for people, JSON for programs, documented exit codes, errors that help."""

from __future__ import annotations

import io
import json
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from gptimage_core.cli import main
from gptimage_core.cli.coverage import coverage, mentioned
from gptimage_core.cli.exits import Exit
from gptimage_core.policy.timeline import load_timeline
from gptimage_core.store import denials
from gptimage_core.store.schema import migrate

ROOT = Path(__file__).resolve().parents[2]
GPTIMAGE = str(ROOT / "policies/gptimage")
NOTES = str(ROOT / "policies/samples/notes.toml")


def ask(monkeypatch: pytest.MonkeyPatch, question: object) -> int:
    stream = io.TextIOWrapper(io.BytesIO(json.dumps(question).encode()))
    monkeypatch.setattr("sys.stdin", stream)
    return main(["policy", "decide", NOTES, "--json", "--at", "2026-12-01T00:00:00Z"])


def question(**changes: object) -> dict[str, object]:
    base: dict[str, object] = {
        "actor": {"kind": "subject", "id": "ada"},
        "purpose": "keep_notes",
        "operation": "read",
        "category": "note",
    }
    return base | changes


def facts(owner: str) -> dict[str, object]:
    person = {"deleted": False, "restricted": False}
    values = {"collected_under": 1, "keep_ended": None}
    return {"row": {"tenant": "main", "subjects": [owner], "people": {owner: person}, "values": values}}


@pytest.mark.parametrize(
    ("changes", "effect", "code"),
    [
        ({"facts": facts("ada")}, "allow", Exit.OK),
        ({"facts": facts("bob")}, "deny", Exit.NO),
        ({}, "conditional", Exit.OK),
    ],
)
def test_decide_answers_with_effect_and_exit_code(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    changes: dict[str, object],
    effect: str,
    code: Exit,
) -> None:
    """One access and its facts as JSON; 0 for yes and for "depends on the row", 1 for no."""
    assert ask(monkeypatch, question(**changes)) == code
    answer = json.loads(capsys.readouterr().out)
    assert answer["effect"] == effect
    assert answer["rule"] == "permit.own_notes"
    assert answer["where"].endswith("notes.toml:28")


@pytest.mark.parametrize(
    ("bad", "names"),
    [
        ([1, 2], "actor"),
        (question(purpose="keep_note"), "keep_notes"),
        (question(colour="red"), "colour"),
        (question(facts={"row": {"tenant": 5}}), "tenant"),
    ],
)
def test_a_bad_question_is_refused_by_name(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], bad: object, names: str
) -> None:
    """What does not fit is refused (exit 3) with the field that does not fit, or the words that would."""
    assert ask(monkeypatch, bad) == Exit.REFUSED
    assert names in json.loads(capsys.readouterr().err)["error"]


def test_check_lists_every_finding(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A policy with several faults gives all of them, with file:line, and exit 1."""
    text = Path(NOTES).read_text(encoding="utf-8")
    path = tmp_path / "bad.toml"
    path.write_text(
        text.replace('what = ["note"]', 'what = ["nota"]').replace('["university"]', '["universty"]')
    )
    assert main(["policy", "check", str(path), "--json"]) == Exit.NO
    found = json.loads(capsys.readouterr().out)
    assert found["ok"] is False
    assert len(found["findings"]) >= 2
    assert all(finding["line"] > 0 for finding in found["findings"])


@pytest.mark.parametrize("text", ["", "language = 1\n", "[permit", "\x00"])
def test_an_empty_or_malformed_policy_is_refused(tmp_path: Path, text: str) -> None:
    """Nothing parses by accident."""
    path = tmp_path / "bad.toml"
    path.write_text(text)
    assert main(["policy", "check", str(path)]) in (Exit.NO, Exit.REFUSED)
    assert main(["policy", "notice", str(path)]) == Exit.REFUSED


def test_a_missing_policy_names_what_is_missing(capsys: pytest.CaptureFixture[str]) -> None:
    """The error says which path."""
    assert main(["policy", "check", "nowhere.toml"]) in (Exit.REFUSED, Exit.NO, Exit.FAILED)
    captured = capsys.readouterr()
    assert "`nowhere.toml` does not exist" in captured.err + captured.out


def test_explain_lists_rules_and_explains_one_access(capsys: pytest.CaptureFixture[str]) -> None:
    """Who may do what with a category, and for one access why not and what would allow."""
    assert main(["policy", "explain", GPTIMAGE, "--category", "prompt", "--json"]) == Exit.OK
    rows = json.loads(capsys.readouterr().out)
    assert {"permit.train", "forbid.sale"} <= {row["rule"] for row in rows}
    words = ["--who", "staff", "--operation", "read", "--category", "prompt", "--purpose", "secure_service"]
    assert main(["policy", "explain", GPTIMAGE, *words]) == Exit.NO
    out = capsys.readouterr().out
    assert "forbid.browsing" in out
    assert "X3" in out
    assert "a ticket for it is open" in out


def test_access_explain_finds_a_refusal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A recorded refusal is explained from its reference; an unknown one, or no database, is said so."""
    path = tmp_path / "data.sqlite"
    connection = sqlite3.connect(path)
    connection.execute("BEGIN IMMEDIATE")
    migrate(connection)
    denial = denials.Denial(
        id="abc", at=0, tenant="main", actor_kind="staff", actor="eve", purpose="p", operation="read",
        category="note", reason="no ticket", digest="sha256:0", version=1, rule="forbid.browsing",
        clauses=("X3",), file="p.toml", line=7, column=1,
    )  # fmt: skip
    denials.record(connection, denial)
    connection.commit()
    connection.close()
    where = ["--database", str(path)]
    assert main(["access", "explain", "abc", *where]) == Exit.OK
    out = capsys.readouterr().out
    for words in ("forbid.browsing", "X3", "p.toml:7", "no ticket"):
        assert words in out
    assert main(["access", "explain", "abc", *where, "--json"]) == Exit.OK
    assert json.loads(capsys.readouterr().out)["line"] == 7
    assert main(["access", "explain", "nope", *where]) == Exit.REFUSED
    assert main(["access", "explain", "abc", "--database", str(tmp_path / "none")]) == Exit.FAILED


def test_coverage_shows_gaps_as_gaps(tmp_path: Path) -> None:
    """A clause that no code or no test cites is listed with an empty list, not left out."""
    (tmp_path / "src").mkdir()
    (tmp_path / "tests").mkdir()
    (tmp_path / "src/a.py").write_text('def keep():\n    """Keep (S7)."""\n')
    (tmp_path / "tests/t.py").write_text('def test_keep():\n    """S7 and S20–S22 hold."""\n')
    document = load_timeline(GPTIMAGE).at(2_000_000_000_000_000).document
    lines = {each.clause: each for each in coverage(document, tmp_path / "src", tmp_path / "tests", tmp_path)}
    assert set(lines) == {f"S{n}" for n in range(1, 47)} | {f"X{n}" for n in range(1, 14)}
    assert lines["S7"].code == ["src/a.py:keep"]
    assert lines["S7"].tests == ["tests/t.py:test_keep"]
    assert lines["S7"].gaps == []
    assert lines["S21"].tests == ["tests/t.py:test_keep"]
    assert lines["S1"].gaps == ["code", "tests"]


def test_clause_ids_in_text() -> None:
    """Ranges name every clause between; words that merely look alike are none."""
    s, x = "SX"  # written apart, or this test would count as a proof of what it names
    text = f"{s}20–{s}22, {x}1-3 and {s}7, not {s}100 or X{s}1 or A{s}3; {s}1–{s}46 is all and none"
    found = [each.replace(s, "s").replace(x, "x") for each in mentioned(text)]
    assert sorted(set(found)) == ["s20", "s21", "s22", "s7", "x1", "x2", "x3"]


@pytest.mark.parametrize("words", [[], ["policy"], ["policy", "chek"], ["polisy", "check"]])
def test_usage_errors_exit_with_two(words: list[str]) -> None:
    """A command line that is not understood exits with 2."""
    with pytest.raises(SystemExit) as stopped:
        main(words)
    assert stopped.value.code == Exit.USAGE


def test_an_unknown_noun_is_told_all_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    """Those of other packages too."""
    with pytest.raises(SystemExit):
        main(["polisy"])
    said = capsys.readouterr().err
    assert all(f"'{noun}'" in said for noun in ("policy", "access", "serve", "training"))


NO_QUESTIONS = {"deep": b"[" * 100_000, "no UTF-8": b'{"actor": "\xff"}', "half": b'{"actor"', "empty": b""}


@pytest.mark.parametrize("raw", NO_QUESTIONS.values(), ids=NO_QUESTIONS.keys())
def test_what_is_no_question_is_refused(
    raw: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """No input ends in a traceback, whose exit code would read as "denied"."""
    path = tmp_path / "question.json"
    path.write_bytes(raw)
    assert main(["policy", "decide", NOTES, str(path)]) == Exit.REFUSED
    assert "not JSON" in capsys.readouterr().err


STREAMS = {
    "a reader that has enough": (
        "policy notice {notes} | head -c 1 > /dev/null; exit ${{PIPESTATUS[0]}}",
        0,
        "",
    ),
    "no standard output": ("policy notice {notes} >&-", 4, "are closed"),
    "no standard input": ("policy decide {notes} <&-", 4, "are closed"),
    "no stream at all": ("policy notice {notes} <&- >&- 2>&-", 4, ""),
    "a full disk": ("policy notice {notes} > /dev/full", 4, "No space left"),
    "a terminal without our letters": ("policy notice {notes} > /dev/null", 0, ""),
}


@pytest.mark.parametrize("case", STREAMS)
def test_streams_that_fail_have_words_and_a_code(case: str) -> None:
    """0 when the reader of a pipe has read enough, 4 where the output goes nowhere; never a traceback."""
    words, code, says = STREAMS[case]
    line = f"{Path(sys.executable).with_name('gptimage')} {words.format(notes=NOTES)}"
    environment = {**os.environ, "PYTHONIOENCODING": "ascii" if "letters" in case else "utf-8"}
    done = subprocess.run(
        ["/bin/bash", "-c", line], capture_output=True, text=True, env=environment, timeout=60, check=False
    )
    assert (done.returncode, says in done.stderr) == (code, True), done.stderr
    assert "Traceback" not in done.stderr
    assert says or not done.stderr
