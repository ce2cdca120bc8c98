"""Who says whether an attack was stopped: from the world after it, not from what the guard says of itself.

Three questions, none of which knows how the guard works:

1. does a word that nobody can guess (of hidden rows, withheld fields, the guard's own secrets) stand in
   anything that came back: rows, names of columns, messages, notes and causes of errors
2. was the attacker told the same in two worlds that differ in hidden data only (non-interference)
3. is the database the same outside of what the policy lets the attacker change, and is no file new; and
   does what was changed within it hold nothing hidden: the same in both worlds, without such a word
Time is not asked: how long an answer takes is no part of the promise.
"""

from __future__ import annotations

import contextlib
import re
import sqlite3
from collections.abc import Awaitable, Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeAlias

from msgspec import Struct
from tests.bypass.world import CANARIES, NOW

from gptimage_core.errors import AccessDenied

__all__ = ["Seen", "State", "Told", "found", "is_as_before", "state_of"]

State: TypeAlias = Mapping[str, Mapping[Any, tuple[Any, ...]]]
"""Per table its rows by key; `files`: the files of the world's folder."""


_ADDRESS = re.compile(r"0x[0-9a-f]+|thread id \d+")
"""What differs between any two runs."""


class Told:
    """Everything that an attacker was told, in order, written so that two worlds can be compared."""

    def __init__(self) -> None:
        self.items: list[str] = []

    def add(self, what: object) -> None:
        """Keep something that came back."""
        self.items.append(_written(what))

    @contextlib.contextmanager
    def trying(self) -> Iterator[None]:
        """Keep the error that the block ends with, and go on."""
        try:
            yield
        except Exception as error:
            self.add(error)

    async def run(self, asked: Awaitable[Any] | Callable[[], Any]) -> Any:
        """Await (or call) it and keep the answer or the error; gives the answer, `None` after an error."""
        answer = None
        with self.trying():
            answer = asked() if callable(asked) and not isinstance(asked, Awaitable) else asked
            if isinstance(answer, Awaitable):
                answer = await answer
            self.add(answer)
        return answer


def _written(what: object) -> str:
    if isinstance(what, BaseException):
        text = " <- ".join(_of_error(error) for error in _chain(what))
    else:
        text = repr(what)
    return _ADDRESS.sub("…", text)


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The error, those it was made of, and those inside a group."""
    seen: list[BaseException] = []
    left = [error]
    while left:
        here = left.pop(0)
        if here in seen:
            continue
        seen.append(here)
        yield here
        left += [e for e in (here.__cause__, here.__context__) if e is not None]
        left += here.exceptions if isinstance(here, BaseExceptionGroup) else ()


def _of_error(error: BaseException) -> str:
    notes = getattr(error, "__notes__", [])
    text = f"{type(error).__name__}: {error} {error.args!r} {notes!r} {vars(error)!r}"
    if isinstance(error, AccessDenied):
        text = text.replace(error.denial_id, "DENIAL")  # random by design
    return text


class Seen(Struct, frozen=True):
    """One run of an attack in one world. `secrets`: of this run, what nobody may learn; `said`: what the
    attacker said, whose guesses may come back."""

    world: str
    told: list[str]
    before: State
    after: State
    secrets: tuple[str, ...] = ()
    said: str = ""


def found(a: Seen, b: Seen) -> list[str]:
    """What the attacker learned or changed that the policy does not permit; empty: it was stopped."""
    out: list[str] = []
    for seen in (a, b):
        out += [f"world {seen.world}: `{word}` came back" for word in _canaries(seen)]
        out += [f"world {seen.world}: {change}" for change in _changes(seen.before, seen.after)]
    for n, (one, other) in enumerate(zip(a.told, b.told, strict=False)):
        if one != other:
            out.append(f"answer {n + 1} differs: {one[:200]} | {other[:200]}")
            break
    one, other = _own_changes(a), _own_changes(b)
    if one != other:
        out.append(f"what was written differs: {one!s:.300} | {other!s:.300}")
    if len(a.told) != len(b.told):
        out.append(f"{len(a.told)} answers in one world and {len(b.told)} in the other")
    return out


def _canaries(seen: Seen) -> list[str]:
    told = "\n".join([*seen.told, str(_own_changes(seen))])
    words = [str(canary) for pair in CANARIES.values() for canary in pair]
    return [word for word in (*words, *seen.secrets) if word in told and word not in seen.said]


# The database

_KEYS = {
    "folder": "id", "picture": "id", "page": "id", "tally": "id",
    "gp_access_record": "id", "sqlite_sequence": "name", "gp_denial": "id", "gp_consent_event": "id",
}  # fmt: skip
_GROWING = ("gp_access_record", "gp_access_touch", "gp_denial")
"""Who asked what is written down: rows come, and none goes."""
_COUNTER = ("sqlite_sequence", "gp_access_record")
_OF_THE_PROCESS = ("gp_lease", "sqlite_stat1", "sqlite_stat4")
_WRITABLE = ("folder", "picture", "page", "tally")
_FIXED = ("owner", "tenant", "recorded", "collected_under", "flag")
"""What the attacker may change of no row, her own included."""


def state_of(path: Path, own: sqlite3.Connection | None = None, rings: str = "") -> State:
    """Everything in the database, the files beside it, and what is temporary in the attacker's connection,
    but for what the third ring put there (`rings`: what its names begin with).

    Read past every ring."""
    temporary: dict[Any, tuple[Any, ...]] = {}
    if own is not None:
        execute = sqlite3.Connection.execute
        sqlite3.Connection.set_authorizer(own, None)
        found = execute(own, "SELECT name FROM sqlite_temp_master").fetchall()
        names = [name for (name,) in found if not (rings and name.startswith(rings))]
        attached = execute(own, "SELECT name FROM pragma_database_list WHERE seq > 1").fetchall()
        temporary = dict.fromkeys((*names, *attached), ())
    with contextlib.closing(sqlite3.connect(path)) as connection:
        return {**_rows_of(connection), "files": _files(path.parent), "temporary": temporary}


def is_as_before(before: State, after: State) -> bool:
    """Whether nothing has changed but what is written down of accesses."""
    told = (*_GROWING, "sqlite_sequence")
    return all(
        before.get(table) == after.get(table) for table in before.keys() | after.keys() if table not in told
    )


def _rows_of(connection: sqlite3.Connection) -> State:
    connection.row_factory = sqlite3.Row
    try:
        out: dict[str, dict[Any, tuple[Any, ...]]] = {"schema": {}}
        for name, sql in connection.execute("SELECT name, sql FROM main.sqlite_master"):
            out["schema"][name] = (sql,)
        tables = connection.execute(
            "SELECT name FROM main.sqlite_master WHERE type = 'table' AND (sql NOT LIKE 'CREATE VIRTUAL%')"
        ).fetchall()
        for (name,) in tables:
            if name in _OF_THE_PROCESS:
                continue
            rows = connection.execute(f'SELECT * FROM main."{name}"').fetchall()  # our own names
            out[name] = {
                row[_KEYS[name]] if name in _KEYS else tuple(row): tuple(dict(row).items()) for row in rows
            }
        return out
    finally:
        connection.row_factory = None


def _files(folder: Path) -> dict[Any, tuple[Any, ...]]:
    names = [path.name for path in folder.iterdir() if not path.name.endswith(("-wal", "-shm", "-journal"))]
    return dict.fromkeys(names, ())


def _own_changes(seen: Seen) -> list[tuple[str, dict[str, Any]]]:
    """The rows of the attacker's own that are new or other than before, as far as worlds may be compared: of
    what is sealed only that there is something, and no number that the database gave."""
    out = []
    own = _own_pictures(seen.after)
    for table in _WRITABLE:
        for key, items in seen.after.get(table, {}).items():
            row = dict(items)
            mine = row["picture"] in own if table == "page" else row["owner"] == "ann"
            if mine and seen.before.get(table, {}).get(key) != items:
                hidden = ("flag", "id") if table == "tally" else ("flag",)
                told = {name: value for name, value in row.items() if name not in hidden}
                for name in {"note", "text"} & told.keys():
                    told[name] = told[name] is not None
                out.append((table, told))
    return out


def _changes(before: State, after: State) -> list[str]:
    out: list[str] = []
    own = _own_pictures(before) & _own_pictures(after) | (_own_pictures(after) - before["picture"].keys())
    for table in sorted(before.keys() | after.keys()):
        old, new = before.get(table, {}), after.get(table, {})
        for key in sorted(old.keys() | new.keys(), key=str):
            if old.get(key) == new.get(key):
                continue
            if (table in _GROWING and key not in old) or (table, key) == _COUNTER:
                continue
            is_theirs = table in _WRITABLE and _may_change(
                table, dict(old.get(key, ())), dict(new.get(key, ())), own
            )
            if not is_theirs:
                out.append(f"`{table}` changed at {str(key)[:80]}")
    return out


def _own_pictures(state: State) -> set[Any]:
    return {key for key, row in state.get("picture", {}).items() if dict(row)["owner"] == "ann"}


def _may_change(table: str, old: dict[str, Any], new: dict[str, Any], own: set[Any]) -> bool:
    """Whether the attacker may have made `new` of `old` (empty: no row), by the policy of the worlds."""
    if table == "page":
        return all(not row or row["picture"] in own for row in (old, new))
    if any(row and (row["owner"] != "ann" or row["tenant"] != "main") for row in (old, new)):
        return False
    if old and new:
        return all(old.get(name) == new.get(name) for name in _FIXED)
    return not new or (new.get("flag") is None and new["recorded"] <= NOW and new["collected_under"] == 1)
