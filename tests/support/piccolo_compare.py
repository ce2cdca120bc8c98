"""A stage for two applications that are the same, and how their answers and rows are compared."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from typing import Any

from tests.support.piccolo_world import Pair, paired, run

from gptimage_core.guard.values import WITHHELD

__all__ = ["Stage", "compare_rows", "outcome", "shown"]


class Stage:
    """The two applications, and a loop to run in."""

    def __init__(self, folder: Any) -> None:
        self.loop = asyncio.new_event_loop()
        self.stack = AsyncExitStack()
        self.pair: Pair = self.run(self.stack.enter_async_context(paired(folder)))

    def run(self, work: Any) -> Any:
        return self.loop.run_until_complete(asyncio.wait_for(work, 30))

    def close(self) -> None:
        self.run(self.stack.aclose())
        self.loop.close()


async def outcome(code: str, tables: Any, guard: Any) -> Any:
    """The value of a piece of code, or what it raised."""
    try:
        return await run(code, tables, guard)
    except Exception as error:
        return error


def shown(value: Any, exact: bool) -> Any:
    """An answer to compare: withheld as NULL; in no order where none was asked for."""
    if value is WITHHELD:
        return None
    if isinstance(value, dict):
        return {key: shown(each, exact) for key, each in value.items()}
    if isinstance(value, list):
        rows = [shown(each, exact) for each in value]
        return rows if exact else sorted(rows, key=repr)
    return value


def compare_rows(before: Any, after: Any, wanted: Any, who: str) -> None:
    """Permitted rows are as in the stock database, withheld fields and hidden rows as they were."""
    for table, rows in after.items():
        hidden = {} if who == "everything" else {k: r for k, r in before[table].items() if not _own(r)}
        assert {k: rows[k] for k in hidden if k in rows} == hidden
        own = {k: _without_withheld(r, who) for k, r in rows.items() if k not in hidden}
        assert own == {k: _without_withheld(r, who) for k, r in wanted[table].items()}
        if who != "everything":
            for key in own.keys() & before[table].keys():
                for name in ("label", "secrets"):
                    assert rows[key].get(name) == before[table][key].get(name)


def _own(row: Any) -> bool:
    return bool(row["owner"][1] == "ann")


def _without_withheld(row: Any, who: str) -> Any:
    return row if who == "everything" else {n: v for n, v in row.items() if n not in ("label", "secrets")}
