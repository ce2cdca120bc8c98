"""Who acts, for what and at which instant: one row of a TEMP table that the ring's triggers read.

Its name is a secret of the process, so nothing that an application writes can name it. It is set by one
statement before each write; a rollback may bring back what stood there before, so nothing is remembered of
it. `inserts`, `updates`, `deletes` name the one table (by number) that the statement at hand may write so;
−1 is none, −2 any: the core's own work. `cut0` … are the calendar's cut-offs at `now`.
"""

from __future__ import annotations

from gptimage_core.clock import Span
from gptimage_core.errors import GuardError
from gptimage_core.readings.sql import Param

__all__ = ["ANY", "CUTS", "NONE", "Context"]

NONE, ANY = -1, -2
CUTS = 6
"""How many calendar cut-offs the rules of one table may have; more are refused."""
_VALUES = ("actor", "tenant", "about", "now")


class Context:
    """The texts for the context's tables. `sets` lists which rules lie on this connection, with their
    triggers: a rollback takes both away together, so the table is right when memory would not be."""

    def __init__(self, secret: str) -> None:
        self.row, self.sets = f'"{secret}c"', f'"{secret}s"'
        cuts = [f"cut{n}" for n in range(CUTS)]
        columns = ("n", "inserts", "updates", "deletes", *_VALUES, *cuts)
        self.create = (
            f"CREATE TEMP TABLE {self.row} (one INTEGER PRIMARY KEY, {', '.join(columns)})",
            f"INSERT INTO temp.{self.row} (one, n, inserts, updates, deletes) VALUES (1, 0, -1, -1, -1)",  # noqa: S608  # a name of ours
            f"CREATE TEMP TABLE {self.sets} (n INTEGER PRIMARY KEY, triggers TEXT)",
        )
        head = f"UPDATE temp.{self.row} SET n=?1,inserts=?2,updates=?3,deletes=?4,"  # noqa: S608  # a name of ours
        values = ",".join(f"{name}=?{5 + n}" for n, name in enumerate(_VALUES))
        more = ",".join(f"{name}=?{9 + n}" for n, name in enumerate(cuts))
        laid = f" WHERE one=1 AND EXISTS (SELECT 1 FROM temp.{self.sets} WHERE n=?1)"  # noqa: S608  # a name of ours
        self.open, self.open_with_cuts = head + values + laid, f"{head}{values},{more}{laid}"
        self.close = f"UPDATE temp.{self.row} SET n=0,inserts=?1,updates=?2,deletes=?3 WHERE one=1"  # noqa: S608  # a name of ours
        """Rules of nobody: none may be written, or any."""
        here = f"FROM temp.{self.sets}"
        self.has = f"SELECT 1 {here} WHERE n = ?"
        self.count = f"SELECT count(*) {here} WHERE n > 0"
        self.every = f"SELECT n, triggers {here}"
        self.oldest = f"SELECT n, triggers {here} WHERE n > 0 ORDER BY n LIMIT ?"
        self.add = f"INSERT INTO temp.{self.sets} (n, triggers) VALUES (?, ?)"  # noqa: S608  # a name of ours
        self.forget = f"DELETE {here} WHERE n = ?"

    def value(self, param: Param, cuts: list[object]) -> str:
        """The SQL for a parameter of a predicate. A constant of the policy is written out."""
        if param.kind == "value":
            return _literal(param.value)
        if param.kind != "cutoff":
            return f'{self.row}."{param.kind}"'
        span = param.value
        if not isinstance(span, Span):
            raise GuardError("a cut-off without a span; nothing is written")
        if not span.is_calendar:
            return f"({self.row}.now - {span.microseconds})"
        if span not in cuts:
            cuts.append(span)
        return f"{self.row}.cut{cuts.index(span)}"


def _literal(value: object) -> str:
    if isinstance(value, bool | int):
        return str(int(value))
    if value is None:
        return "NULL"
    if "\x00" in str(value):  # SQL text would end there
        return f"CAST(x'{str(value).encode().hex()}' AS TEXT)"
    return "'" + str(value).replace("'", "''") + "'"
