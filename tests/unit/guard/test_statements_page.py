"""docs/statements.md tells the truth: what it calls allowed runs, what it calls refused is refused."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from tests.support.guard_world import CATALOG, TABLES, TAG, arguments, make_database

from gptimage_core.errors import GuardError
from gptimage_core.guard.statements.grammar import parse
from gptimage_core.guard.statements.profile import ALWAYS, ColumnAccess, Profile, TableAccess
from gptimage_core.guard.statements.shape import shape

_PAGE = (Path(__file__).resolve().parents[3] / "docs" / "statements.md").read_text(encoding="utf-8")
_EVERYTHING = Profile(
    "all",
    "s3cr3t0123456789",
    TAG,
    {
        t.name: TableAccess(ALWAYS, {c.name: ColumnAccess("bare", None, ALWAYS) for c in t.columns}, ALWAYS)
        for t in TABLES
    },
)
_VERBS = "SELECT|WITH|VALUES|INSERT|UPDATE|DELETE|REPLACE"
_SQL = re.compile(rf"``((?:{_VERBS}) .+?)``|`((?:{_VERBS}) [^`]+)`")


def _rows(heading: str) -> list[tuple[str, str]]:
    """The rows of the page's tables whose first column is called so; `\\|` is how a table writes `|`."""
    out: list[tuple[str, str]] = []
    here = False
    for line in _PAGE.splitlines():
        cells = [cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        if len(cells) != 2:
            here = False
        elif cells[0] in ("Allowed", "Refused"):
            here = cells[0] == heading
        elif here and not set(cells[0]) <= {"-"}:
            out.append((cells[0], cells[1]))
    return out


def _statements(cell: str) -> list[str]:
    return [two or one for two, one in _SQL.findall(cell)]


_ALLOWED = [sql for _, example in _rows("Allowed") for sql in _statements(example)]
_REFUSED = [sql for example, _ in _rows("Refused") for sql in _statements(example)]
_INSTEAD = [sql for _, instead in _rows("Refused") for sql in _statements(instead)]


def test_every_row_of_the_page_has_a_statement() -> None:
    """A row that the tests below would pass over is a mistake in the page."""
    assert all(_statements(example) for _, example in _rows("Allowed"))
    assert all(_statements(example) for example, _ in _rows("Refused"))
    assert len(_ALLOWED) > 4


@pytest.mark.parametrize("sql", [*_ALLOWED, *_INSTEAD])
def test_what_the_page_calls_allowed_is_shaped_and_runs(sql: str) -> None:
    """Allowed, and written instead of what is refused."""
    statement = parse(sql, CATALOG)
    shaped = shape(statement, _EVERYTHING, CATALOG)
    database = make_database({t.name: [] for t in TABLES})
    given: list[object] = [1] * statement.placeholders
    if shaped.insertion is not None:
        cells = sum(len(row) for row in shaped.insertion.rows)
        database.execute(f"EXPLAIN {shaped.text.sql}", [1] * cells).fetchall()
        return
    for text in (shaped.touch, shaped.text):
        if text is not None:
            database.execute(text.sql, arguments(text, given)).fetchall()


@pytest.mark.parametrize("sql", _REFUSED)
def test_what_the_page_calls_refused_is_refused_and_says_where(sql: str) -> None:
    """Refused, with the place in the statement."""
    with pytest.raises(GuardError, match=r"\(line \d+, column \d+"):
        parse(sql, CATALOG)
