"""`python -m tests.benchmarks [--only NAME]`: run every benchmark, print a table, write `.bench/latest.json`.

Exits with 1 when a ratio is above its limit; a ratio below a tenth is printed as a fraction. What a module's
`notes()` gives is printed below the table. With `--only` (a part of a name) the file is left as it is, and
there are no notes. Progress is shown on a terminal and not in a pipe.
"""

from __future__ import annotations

import argparse
import importlib
import json
import pkgutil
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import tests.benchmarks as package
from tests.benchmarks.harness import Bench, Result, measure

_LATEST = Path(".bench/latest.json")


def _benches() -> Iterator[Bench]:
    for module in sorted(pkgutil.iter_modules(package.__path__), key=lambda each: each.name):
        if module.name.startswith("bench_"):
            yield from importlib.import_module(f"{package.__name__}.{module.name}").benches()


def _notes() -> Iterator[str]:
    for name in sorted(sys.modules):
        notes = (
            getattr(sys.modules[name], "notes", None)
            if name.startswith(f"{package.__name__}.bench_")
            else None
        )
        if notes is not None:
            yield notes()


def _shown(ratio: float | None, width: int, missing: str) -> str:
    if ratio is None:
        return missing.rjust(width)
    return f"{ratio:{width}.2f}" if ratio >= 0.1 or ratio <= 0 else f"1/{1 / ratio:.0f}".rjust(width)


def _table(results: list[Result]) -> str:
    width = max(len(result.name) for result in results)
    lines = [f"{'':{width}}  {'ours µs':>12}  {'peer µs':>12}  {'ratio':>7}  {'limit':>6}"]
    for each in results:
        peer = f"{each.peer:12.2f}" if each.peer is not None else " " * 12
        ratio, limit = _shown(each.ratio, 7, ""), _shown(each.limit, 6, "–")
        verdict = "" if each.ok else "  too slow"
        lines.append(f"{each.name:{width}}  {each.ours:12.2f}  {peer}  {ratio}  {limit}{verdict}")
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument(
        "--only", default="", metavar="NAME", help="run the benchmarks whose name has this part"
    )
    only: str = parser.parse_args().only
    results: list[Result] = []
    for bench in _benches():
        if only.lower() not in bench.name.lower():
            bench.close()
            continue
        if sys.stderr.isatty():
            print(f"\r\x1b[K{bench.name} …", end="", file=sys.stderr, flush=True)
        results.append(measure(bench))
    if sys.stderr.isatty():
        print("\r\x1b[K", end="", file=sys.stderr)
    if not results:
        print(f"no benchmark has `{only}` in its name", file=sys.stderr)
        return 2
    print(_table(results))
    if not only:
        print("", *_notes(), sep="\n")
        _LATEST.parent.mkdir(exist_ok=True)
        _LATEST.write_text(
            json.dumps([asdict(result) for result in results], indent=2) + "\n", encoding="utf-8"
        )
    return 0 if all(result.ok for result in results) else 1


if __name__ == "__main__":
    sys.exit(main())
