"""The new row of an UPDATE that sets a fact of the row (a visibility, a state): may it be so?

The predicates that shape an UPDATE speak of the row before it. What a policy grants for private rows must not
make a row public. INVARIANT (new-row-decided): after the UPDATE, in its transaction, every changed row must
still be one whose SET columns may be updated; otherwise the statement is undone and denied. A statement that
sets no fact asks nothing: nothing of the answer can have changed.
"""

from __future__ import annotations

from gptimage_core.guard.params import Binder
from gptimage_core.guard.statements import nodes
from gptimage_core.guard.statements.profile import ALWAYS, Param, Profile
from gptimage_core.guard.statements.render import quote
from gptimage_core.guard.statements.shaped import Text
from gptimage_core.policy.binding import Table

__all__ = ["fresh_rows"]


def fresh_rows(tree: nodes.Statement, target: Table | None, profile: Profile) -> Binder | None:
    """A statement that finds one of the changed rows that is not permitted as it is now; its one argument of
    its own is a JSON array of their keys. `None` where the UPDATE sets no fact.

    Where keeping ends or goes on in the same statement, the row is asked about as one that is kept: ending
    is decided by itself, and what is ended now may be kept again later, with the facts it has then.
    """
    body = tree.body
    if not isinstance(body, nodes.Update) or target is None:
        return None
    names = {column.name for column, _ in body.sets}
    columns = [column for column in target.columns if column.name in names]
    if not any(column.fact is not None for column in columns):
        return None
    access = profile.tables[target.name].columns
    asked = dict.fromkeys(access[c.name].update for c in columns if c.role != "keep_ended")
    params: list[Param] = []

    def number(param: Param) -> str:
        if param not in params:
            params.append(param)
        return f"?{params.index(param) + 1}"

    holds = " AND ".join(f"({each.render(number)})" for each in asked if each is not None) or ALWAYS.texts[0]
    row = ", ".join(
        f"NULL AS {quote(c.name)}" if c.role == "keep_ended" and c.name in names else quote(c.name)
        for c in target.columns
    )
    table, key, last = quote(target.name), quote(target.key), len(params) + 1
    changed = f"{key} IN (SELECT value FROM json_each(?{last}))"  # noqa: S608  # quoted names
    sql = (
        f"SELECT 1 FROM (SELECT {row} FROM main.{table} WHERE {changed})"  # noqa: S608  # quoted names
        f" AS {table} WHERE ({holds}) IS NOT TRUE LIMIT 1 -- {profile.id}"
    )
    return Binder(Text(sql, tuple(params), (0,)))
