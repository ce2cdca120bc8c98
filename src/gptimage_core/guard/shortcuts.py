"""Where a statement needs less than its shape: it names its row by its key, or nothing must be known before.

And an UPDATE without the values that were withheld.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import cast

from msgspec import structs

from gptimage_core.decision.conditions import Own
from gptimage_core.decision.model import Decision, Effect
from gptimage_core.errors import GuardError
from gptimage_core.guard.params import Binder
from gptimage_core.guard.plan import ByKey
from gptimage_core.guard.recording import Basis
from gptimage_core.guard.statements import nodes
from gptimage_core.guard.statements.profile import Profile
from gptimage_core.guard.statements.render import quote
from gptimage_core.guard.statements.shaped import Shaped, Text
from gptimage_core.policy.binding import Table

__all__ = ["by_key", "is_brief", "is_own", "quick", "without"]


def by_key(
    tree: nodes.Statement,
    shaped: Shaped,
    target: Table | None,
    decided: Iterable[Decision],
    profile: Profile,
) -> ByKey | None:
    """For an UPDATE `… WHERE key = ? AND …`: RETURNING would cost more than asking for the row's people."""
    body = tree.body
    if not isinstance(body, nodes.Update) or target is None or shaped.returning or body.where is None:
        return None
    where = body.where
    for term in where.operands if isinstance(where, nodes.Logic) and where.op == "AND" else [where]:
        if not isinstance(term, nodes.Binary) or term.op not in ("=", "=="):
            continue
        column, value = term.left, term.right
        named = isinstance(column, nodes.ColumnRef) and column.name == target.key
        if named and isinstance(value, nodes.Parameter):
            people = ", ".join(quote(name) for name in (target.key, *target.subjects))
            table, key = quote(target.name), quote(target.key)
            sql = f"SELECT {people} FROM main.{table} WHERE {key} = ?"  # noqa: S608  # quoted names
            direct = _direct(body, shaped, target, value.index, profile) if term is where else None
            text = direct or Binder(shaped.text)
            return ByKey(value.index, text, sql, len(target.subjects) == 1 and is_own(decided))
    return None


def is_brief(tree: nodes.Statement, shaped: Shaped, basis: Basis) -> bool:
    """Whether the statement is `SELECT … FROM t WHERE key = ? AND …` and nothing more: a look-up."""
    body = tree.body
    if not isinstance(body, nodes.Query) or tree.ctes or len(tree.cores) != 1 or shaped.touch is not None:
        return False
    (core,) = tree.cores
    if len(core.sources) != 1 or core.sources[0].entry is None or basis.max_rows or basis.min_persons:
        return False
    key, where = core.sources[0].entry.key, core.where
    terms = where.operands if isinstance(where, nodes.Logic) and where.op == "AND" else [where]
    return any(
        isinstance(term, nodes.Binary)
        and term.op in ("=", "==")
        and isinstance(term.left, nodes.ColumnRef)
        and term.left.name == key
        and isinstance(term.right, nodes.Parameter)
        for term in terms
    )


def _direct(body: nodes.Update, shaped: Shaped, target: Table, at: int, profile: Profile) -> Binder | None:
    """`UPDATE t SET a = ?, … WHERE key = ?` needs no rows chosen first: the predicate stands beside the key.

    Only where the statement is nothing else: values that are arguments, one comparison with the key, no
    column that is pinned. Then no expression of the user runs on a row at all.
    """
    entry, columns = body.entry, profile.tables[target.name].columns
    if any(not isinstance(v, nodes.Parameter) or entry.is_pinned(c.name) for c, v in body.sets):
        return None
    if body.sources or body.limit is not None:
        return None
    numbers = {param: n + 1 for n, param in enumerate(shaped.text.prefix_params)}
    after = len(numbers) + 1
    updates = [columns[column.name].update for column, _ in body.sets]
    templates = [template for template in dict.fromkeys(updates) if template is not None]
    if len(templates) < 1 or None in updates or any(p not in numbers for t in templates for p in t.params):
        return None
    sets = ", ".join(f"{quote(c.name)} = ?{after + cast(nodes.Parameter, v).index}" for c, v in body.sets)
    where = "".join(f" AND ({each.render(lambda p: f'?{numbers[p]}')})" for each in templates)
    table, name = f"main.{quote(target.name)}", f"{quote(target.name)}.{quote(target.key)}"
    # The predicate stands within a secret CTE, which is where ring three lets it be read.
    secret = f'"{profile.secret}_{profile.id}_{entry.number}d"'
    row = f"{secret} AS (SELECT {name} FROM {table} WHERE {name} = ?{after + at}{where})"  # noqa: S608
    keys = f"{name} = ?{after + at} AND {name} IN (WITH {row} SELECT * FROM {secret})"  # noqa: S608
    sql = f"UPDATE {table} SET {sets} WHERE {keys}"  # noqa: S608
    return Binder(structs.replace(shaped.text, sql=sql))


def is_own(decided: Iterable[Decision]) -> bool:
    """Whether whatever these permit is the actor's own."""
    residuals = [decision.residual for decision in decided if decision.effect is not Effect.DENY]
    return bool(residuals) and all(
        residual is not None and all(Own() in permit for step in residual.steps for permit in step.permits)
        for residual in residuals
    )


def quick(tree: nodes.Statement, shaped: Shaped, target: Table | None, basis: Basis) -> Text | None:
    """The write with key and people in its RETURNING, where nothing must be known of its rows before."""
    body = tree.body
    plain = target is not None and bool(target.subjects) and not tree.cores and shaped.row is None
    if not isinstance(body, nodes.Update | nodes.Delete) or body.limit is not None:
        return None
    if isinstance(body, nodes.Update) and body.sources:
        return None
    if shaped.verb not in ("UPDATE", "DELETE") or not plain or basis.max_rows is not None or target is None:
        return None
    people = ", ".join(quote(name) for name in target.subjects)
    front = "," if shaped.returning else f" RETURNING {quote(target.key)},"
    return structs.replace(shaped.text, sql=f"{shaped.text.sql}{front} {people}")


def without(tree: nodes.Statement, dropped: tuple[int, ...]) -> nodes.Statement | None:
    """The UPDATE without the assignments whose value was withheld; `None` where none is left."""
    body = tree.body
    if not isinstance(body, nodes.Update):
        raise GuardError("a withheld field was used as a value; ask `value is WITHHELD` first")
    kept = [
        (column, value)
        for column, value in body.sets
        if not (isinstance(value, nodes.Parameter) and value.index in dropped)
    ]
    if len(body.sets) - len(kept) != len(dropped):
        raise GuardError("a withheld field was used as a value in WHERE or in an expression of SET")
    if not kept:
        return None
    placeholders = tree.placeholders
    while placeholders - 1 in dropped:  # the database counts arguments up to the last one that is used
        placeholders -= 1
    return structs.replace(tree, body=structs.replace(body, sets=kept), placeholders=placeholders)
