"""`gptimage policy check | explain | decide | notice | schema | coverage`: readings of one document."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from gptimage_core.cli.coverage import Line, coverage
from gptimage_core.cli.exits import EPILOG, Exit
from gptimage_core.cli.output import add_at, add_json, emit, instant_of, table
from gptimage_core.cli.questions import ask, parse_question, rule_lines, rules_about
from gptimage_core.clock import Instant, to_iso
from gptimage_core.decision import Effect, compile_timeline
from gptimage_core.errors import PolicyError
from gptimage_core.policy.schema import json_schema
from gptimage_core.policy.timeline import Timeline, load_timeline
from gptimage_core.readings.prose import notice_html, notice_markdown

if TYPE_CHECKING:
    Parsers = argparse._SubParsersAction[argparse.ArgumentParser]


def register(nouns: Parsers) -> None:
    """Add the noun `policy` with its verbs."""
    noun = nouns.add_parser("policy", help="check, explain and render a policy", epilog=EPILOG)
    verbs = noun.add_subparsers(title="verbs", metavar="VERB", required=True)
    _check(verbs)
    _explain(verbs)
    _decide(verbs)
    _notice(verbs)
    _schema(verbs)
    _coverage(verbs)


def _verb(verbs: Parsers, name: str, words: str) -> argparse.ArgumentParser:
    parser = verbs.add_parser(name, help=words, description=words, epilog=EPILOG)
    add_json(parser)
    return parser


def _add_policy(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("policy", type=Path, help="a policy file, or a folder with `timeline.toml`")


def _check(verbs: Parsers) -> None:
    parser = _verb(verbs, "check", "compile a policy and list every finding at once")
    _add_policy(parser)
    parser.set_defaults(run=_run_check)


def _run_check(args: argparse.Namespace) -> int:
    try:
        timeline = load_timeline(args.policy)
    except PolicyError as error:
        findings = getattr(error, "findings", ())
        data = {"ok": False, "error": str(error), "findings": [msgspec.to_builtins(f) for f in findings]}
        emit(args, data, str(error))
        return Exit.NO if findings else Exit.REFUSED
    rows = [
        (
            str(v.number),
            "final" if v.sign_off is not None else "draft",
            to_iso(v.effective),
            str(len(v.document.permit)),
            str(len(v.document.forbid)),
            v.digest,
        )
        for v in timeline.versions
    ]
    names = ("version", "status", "effective", "permits", "forbids", "digest")
    data = {"ok": True, "findings": [], "versions": [dict(zip(names, row, strict=True)) for row in rows]}
    emit(args, data, table(rows, names) + "\nno findings")
    return Exit.OK


def _explain(verbs: Parsers) -> None:
    parser = _verb(
        verbs,
        "explain",
        "who may do what with which category, and why not; with the nearest change that would allow",
    )
    _add_policy(parser)
    parser.add_argument("--who", help="actor kind: subject, guest, staff, service, processor, authority")
    parser.add_argument("--operation", help="read, create, update, correct, delete, export, share, …")
    parser.add_argument("--category", help="a category of the policy (all)")
    parser.add_argument("--purpose", help="a purpose of the policy")
    parser.add_argument("--to", help="a recipient, for share and disclose")
    add_at(parser)
    parser.set_defaults(run=_run_explain)


def _run_explain(args: argparse.Namespace) -> int:
    timeline = load_timeline(args.policy)
    now = instant_of(args)
    compiled = compile_timeline(timeline)
    if args.who and args.operation and args.category and args.purpose:
        question = {
            "actor": {"kind": args.who},
            "operation": args.operation,
            "category": args.category,
            "purpose": args.purpose,
            "recipient": args.to,
        }
        answer = ask(compiled, parse_question(question), now)
        emit(args, answer.data, answer.text)
        return Exit.NO if answer.effect is Effect.DENY else Exit.OK
    rows = rules_about(compiled, args, now)
    text = "\n".join(rule_lines(row) for row in rows)
    emit(args, rows, text if rows else "nobody may: no rule permits it")
    return Exit.OK if rows else Exit.NO


def _decide(verbs: Parsers) -> None:
    parser = _verb(verbs, "decide", "decide one access with its facts, given as JSON")
    _add_policy(parser)
    words = "a JSON file, or - for standard input: actor, purpose, operation, category, recipient, facts"
    parser.add_argument("question", nargs="?", default="-", help=words)
    add_at(parser)
    parser.set_defaults(run=_run_decide)


def _run_decide(args: argparse.Namespace) -> int:
    timeline = load_timeline(args.policy)
    raw = sys.stdin.buffer.read() if args.question == "-" else Path(args.question).read_bytes()
    try:
        value = msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise PolicyError(f"the question is not JSON: {error}") from error
    answer = ask(compile_timeline(timeline), parse_question(value), instant_of(args))
    emit(args, answer.data, answer.text)
    return Exit.NO if answer.effect is Effect.DENY else Exit.OK


def _notice(verbs: Parsers) -> None:
    parser = _verb(verbs, "notice", "the notice people read, rendered from the policy")
    _add_policy(parser)
    parser.add_argument("--format", choices=("markdown", "html"), default="markdown")
    add_at(parser)
    parser.set_defaults(run=_run_notice)


def _run_notice(args: argparse.Namespace) -> int:
    timeline = load_timeline(args.policy)
    now = instant_of(args)
    text = _render(timeline, now, args.format)
    version = timeline.at(now)
    emit(
        args, {"version": version.number, "digest": version.digest, "format": args.format, "text": text}, text
    )
    return Exit.OK


def _render(timeline: Timeline, now: Instant, form: str) -> str:
    return notice_html(timeline, now) if form == "html" else notice_markdown(timeline, now)


def _schema(verbs: Parsers) -> None:
    parser = _verb(verbs, "schema", "JSON Schema of the policy language, for editors")
    parser.set_defaults(run=_run_schema)


def _run_schema(args: argparse.Namespace) -> int:
    schema = json_schema()
    emit(args, schema, msgspec.json.format(msgspec.json.encode(schema), indent=2).decode())
    return Exit.OK


def _coverage(verbs: Parsers) -> None:
    parser = _verb(verbs, "coverage", "clause → rules → code → tests; every gap shown")
    _add_policy(parser)
    parser.add_argument("--source", type=Path, default=Path("src"), help="where code cites clauses (src)")
    parser.add_argument("--tests", type=Path, default=Path("tests"), help="where tests cite clauses (tests)")
    add_at(parser)
    parser.set_defaults(run=_run_coverage)


def _run_coverage(args: argparse.Namespace) -> int:
    document = load_timeline(args.policy).at(instant_of(args)).document
    lines = coverage(document, args.source, args.tests, Path())
    emit(args, lines, _coverage_text(lines))
    return Exit.NO if any(line.gaps for line in lines) else Exit.OK


def _coverage_text(lines: list[Line]) -> str:
    rows = [
        (
            line.clause,
            *(
                str(len(places)) if places else "GAP"
                for places in (line.rules, line.code, line.tests)
            ),
            (line.tests or line.code or line.rules or [""])[0],
        )
        for line in lines
    ]  # fmt: skip
    gaps = sum(bool(line.gaps) for line in lines)
    head = ("clause", "rules", "code", "tests", "for example")
    return f"{table(rows, head)}\n{len(lines)} clauses, {gaps} with a gap"
