"""From a statement's text to a plan: parsed once, shaped once per view, kept.

What depends on the text alone (the tree) is kept per guard; what depends on the view (the shaped statement,
its basis) with the view. Both are bounded: texts come from code, but nothing forces a program to stop
writing new ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from msgspec import structs

from gptimage_core.decision.model import Decision
from gptimage_core.errors import GuardError
from gptimage_core.guard.fresh import fresh_rows
from gptimage_core.guard.inserting import Inserter
from gptimage_core.guard.params import Binder, binder
from gptimage_core.guard.plan import Plan, Returned
from gptimage_core.guard.profiles import Book, Variant, View
from gptimage_core.guard.recording import Basis, basis_of
from gptimage_core.guard.references import References
from gptimage_core.guard.rows import Reader
from gptimage_core.guard.sealer import Sealer
from gptimage_core.guard.shortcuts import by_key, is_brief, is_own, quick, without
from gptimage_core.guard.sqlite.ring import Ring
from gptimage_core.guard.statements import nodes
from gptimage_core.guard.statements.aggregates import refuse_other_than_figures
from gptimage_core.guard.statements.catalog import Catalog
from gptimage_core.guard.statements.functions import is_clock
from gptimage_core.guard.statements.grammar import parse
from gptimage_core.guard.statements.profile import Profile
from gptimage_core.guard.statements.shape import shape
from gptimage_core.guard.statements.shaped import Shaped, StaticDenial, Text
from gptimage_core.guard.updating import Updater
from gptimage_core.guard.upserts import Upserts
from gptimage_core.guard.values import FILLED, WITHHELD
from gptimage_core.policy.binding import Table
from gptimage_core.policy.vocabulary import IDENTIFIER

__all__ = ["Planner"]

_MOST_STATEMENTS = 2048
_MOST_CHARACTERS = 400_000
"""Of all texts of a view: an `IN (?, ?, …)` is another text for each length, and a tree takes some 150 bytes
for a character of its text."""
_VARIANTS: dict[str, Variant] = {"SELECT": "read", "INSERT": "read", "UPDATE": "update", "DELETE": "delete"}
_Key = tuple[str, tuple[int, ...], bool]


class Planner:
    """Makes plans and keeps them."""

    def __init__(self, book: Book, catalog: Catalog, sealer: Sealer, ring: Ring) -> None:
        self._ring = ring
        self.book = book
        self._catalog = catalog
        self._sealer = sealer
        self._trees: dict[str, nodes.Statement] = {}

    def plan(self, view: View, sql: str, args: Sequence[Any]) -> Plan:
        """The plan for a text. Raises `GuardError` for what the guard refuses, `StaticDenial` where the
        policy does whatever the row."""
        plan: Plan | None = view.statements.get(sql)
        if plan is None:
            plan = self._keep(view, sql, self._make(view, sql, (), False))
        if len(args) != plan.takes:
            raise GuardError(f"the statement has {plan.takes} `?` and {len(args)} arguments were given")
        for at in plan.clocked:
            if is_clock(args[at]):
                message = f"argument {at + 1}, `{args[at]!s}`, is a hidden clock in a date function"
                raise GuardError(f"{message}; pass the instant")
        if plan.verb == "UPDATE":
            return self._of_update(view, sql, args, plan)
        if plan.upserts is not None:
            self._of_upserts(view, sql, args, plan, plan.upserts)
        return plan

    def page(self, view: View, plan: Plan, sql: str, args: Sequence[Any]) -> Plan:
        """The plan of one page of `sql`: its record says what the whole query names."""
        basis = self.plan(view, sql, args).basis
        if basis.max_rows is not None:
            raise GuardError(
                f"the rule permits {basis.max_rows} records at a time, and a stream is one reading of all of "
                "them; ask for fewer, in a statement of its own"
            )
        return structs.replace(plan, basis=structs.replace(plan.basis, categories=basis.categories))

    def _of_upserts(self, view: View, sql: str, args: Sequence[Any], plan: Plan, upserts: Upserts) -> None:
        """Make the UPDATEs that the rows of an upsert may take."""
        assert plan.inserter is not None
        body = self._tree(sql).body
        assert isinstance(body, nodes.Insert)
        assert body.upsert is not None
        assert body.upsert.update is not None
        for signature in upserts.signatures(args, plan.inserter.given(args, None)):
            if signature not in upserts.plans:
                dropped, restores = signature
                upserts.plans[signature] = self._of_tree(view, body.upsert.update, dropped, restores)

    def _of_update(self, view: View, sql: str, args: Sequence[Any], plan: Plan) -> Plan:
        """Withheld and unfilled values are dropped from SET; clearing `keep_ended` is asked by itself."""
        ending = plan.ending
        for value in args:
            if value is WITHHELD or value is FILLED:
                break
        else:
            if ending is None:  # the usual case: nothing to drop, nothing to restore
                return plan
        dropped = tuple(n for n, value in enumerate(args) if value is WITHHELD or value is FILLED)
        restores = ending is not None and ending not in dropped and args[ending] is None
        if not dropped and not restores:
            return plan
        key: _Key = (sql, dropped, restores)
        found: Plan | None = view.statements.get(key)
        return found or self._keep(view, key, self._make(view, sql, dropped, restores))

    def _keep(self, view: View, key: str | _Key, plan: Plan) -> Plan:
        _make_room(view.statements, key)
        view.statements[key] = plan
        return plan

    def _tree(self, sql: str) -> nodes.Statement:
        tree = self._trees.get(sql)
        if tree is None:
            tree = parse(sql, self._catalog)
            _make_room(self._trees, sql)
            self._trees[sql] = tree
        return tree

    def _make(self, view: View, sql: str, dropped: tuple[int, ...], restores: bool) -> Plan:
        return self._of_tree(view, self._tree(sql), dropped, restores)

    def _of_tree(
        self, view: View, tree: nodes.Statement, dropped: tuple[int, ...] = (), restores: bool = False
    ) -> Plan:
        takes = tree.placeholders
        variant: Variant = "restore" if restores else _VARIANTS[tree.verb]
        if dropped:
            left = without(tree, dropped)
            if left is None:
                basis = Basis("UPDATE", "update", (), (), "", 0, None, None, False, False)
                return Plan("UPDATE", None, None, None, None, None, basis, idle=True, takes=takes)
            tree = left
        profile = view.profiles[variant]
        shaped = shape(tree, profile, self._catalog)
        target = None if shaped.target is None else self.book.datamap.table(shaped.target)
        basis, decided = self._basis(view, tree, shaped, target, restores)
        if basis.min_persons is not None:
            refuse_other_than_figures(tree)
        entry = None if target is None else self._catalog.entry(target.name)
        plan = Plan(
            verb=shaped.verb,
            shaped=shaped,
            text=Binder(shaped.text),
            touch=binder(shaped.touch),
            quick=None,
            reader=Reader(shaped, profile.tag, self._catalog, self._sealer),
            basis=basis,
            target=target,
            takes=takes,
            grant=self._ring.grant(view, variant, shaped.verb, entry),
            reads=self._ring.grant(view, variant, "SELECT", None),
            clocked=tuple(sorted(tree.clocked)),
        )
        if target is None:
            return structs.replace(plan, brief=is_brief(tree, shaped, basis) and is_own(decided))
        plan = structs.replace(plan, returned=self._returned(view, tree))
        if isinstance(tree.body, nodes.Insert):
            return self._insertion(view, tree, tree.body, plan, target)
        return self._change(view, tree, plan, target, decided, profile)

    def _insertion(
        self, view: View, tree: nodes.Statement, body: nodes.Insert, plan: Plan, target: Table
    ) -> Plan:
        shaped, upserts = cast(Shaped, plan.shaped), None
        insertion = shaped.insertion
        assert insertion is not None
        if body.upsert is not None and body.upsert.update is not None:
            found = shape(cast(nodes.Statement, body.upsert.found), view.profiles["update"], self._catalog)
            upserts = Upserts(
                body.upsert,
                Binder(cast(Text, found.touch)),
                self._ring.grant(view, "update", "SELECT", None),
                insertion.columns,
                tree.placeholders,
            )
        inserter = Inserter(
            self.book.compiled,
            self.book.datamap,
            target,
            insertion,
            self._sealer,
            References(target, insertion.columns, view.profiles["update"], self._catalog, self._ring),
        )
        return structs.replace(
            plan,
            inserter=inserter,
            source=None if body.source is None else self._of_tree(view, body.source),
            nothing=tuple(body.upsert.target) if body.upsert is not None and upserts is None else None,
            upserts=upserts,
        )

    def _change(
        self,
        view: View,
        tree: nodes.Statement,
        plan: Plan,
        target: Table,
        decided: list[Decision],
        profile: Profile,
    ) -> Plan:
        """An UPDATE or DELETE."""
        shaped = cast(Shaped, plan.shaped)
        if shaped.verb == "DELETE":
            at_once = None if plan.returned is not None else binder(quick(tree, shaped, target, plan.basis))
            return structs.replace(plan, quick=at_once)
        updater = Updater(shaped, target, self.book.datamap, self._sealer)
        fresh = fresh_rows(tree, target, profile)
        columns = [assignment.column for assignment in shaped.assignments]
        references = References(target, columns, view.profiles["update"], self._catalog, self._ring)
        at_once = None
        if fresh is None and not references and plan.returned is None:
            at_once = binder(quick(tree, shaped, target, plan.basis))
        texts = [text for text in (shaped.text, shaped.touch, shaped.row) if text is not None]
        return structs.replace(
            plan,
            quick=at_once,
            updater=updater,
            ending=updater.ending,
            fresh=fresh,
            by_key=by_key(tree, shaped, target, decided, profile),
            references=references if references else None,
            uses=frozenset(at for text in texts for at in text.placeholders),
        )

    def _returned(self, view: View, tree: nodes.Statement) -> Returned | None:
        """What RETURNING reads, in an access that may read less than it writes."""
        body = tree.body
        assert not isinstance(body, nodes.Query)
        returning = body.returning
        if returning is None or returning.read is None or returning.keys is None:
            return None
        (core,) = cast(nodes.Query, returning.read.body).cores
        keys = [
            isinstance(item.expr, nodes.ColumnRef)
            and item.expr.provided is not None
            and item.expr.provided.bare == (body.entry.name, body.entry.key)
            for item in core.items
        ]
        try:
            plan = self._of_tree(view, returning.read)
        except StaticDenial as denied:
            if denied.table != body.entry.name:
                raise
            plan = None
        return Returned(plan, returning.keys.index, tuple(item.label for item in core.items), tuple(keys))

    def _basis(
        self, view: View, tree: nodes.Statement, shaped: Shaped, target: Table | None, restores: bool
    ) -> tuple[Basis, list[Decision]]:
        """What the statement stands on, and the decisions that could permit it."""
        if shaped.verb == "SELECT":
            tables = [t for t in self.book.datamap.tables if t.name in shaped.tables]
            decided = [view.decision(view.operation, c) for t in tables for c in t.categories]
            return basis_of(view, "SELECT", view.operation, tables, self._named(shaped), decided), decided
        if target is None:
            raise GuardError("a write names no table of the policy; it is refused")
        if shaped.verb == "INSERT":
            return basis_of(view, "INSERT", "create", [target], target.categories, ()), []
        named = [_column(target, a.column).category for a in shaped.assignments]
        ends = any(_column(target, a.column).role == "keep_ended" for a in shaped.assignments)
        operations: tuple[str, ...] = ("delete",)
        if shaped.verb == "UPDATE" and (restores or not ends):
            operations = view.operations("update")
        named = [] if ends or shaped.verb == "DELETE" else [c for c in named if c != IDENTIFIER]
        named = list(dict.fromkeys(named or target.categories))
        decided = [view.decision(operation, c) for operation in operations for c in named]
        operation = next((o for o in operations if view.permits(o, named)), operations[0])
        reads = self._reads(view, tree, target)
        return basis_of(view, shaped.verb, operation, [target], named, [*decided, *reads]), decided

    def _reads(self, view: View, tree: nodes.Statement, target: Table) -> list[Decision]:
        """What an UPDATE or DELETE reads stands on decisions too: what they oblige to, it obliges to here."""
        names = dict.fromkeys(tree.needs)
        columns = (_column(target, name) for name in tree.target_needs | tree.set_reads)
        if any(column.category != IDENTIFIER for column in columns):
            names[target.name] = None
        tables = [table for table in self.book.datamap.tables if table.name in names]
        return [view.decision("read", category) for table in tables for category in table.categories]

    def _named(self, shaped: Shaped) -> list[str]:
        """The categories of the answer; a computed value may hold any that the tables have: none is named."""
        named: list[str] = []
        for output in shaped.outputs:
            table = None if output.table is None else self.book.datamap.table(output.table)
            if table is None or output.column is None:
                return []
            category = _column(table, output.column).category
            if category != IDENTIFIER and output.withheld != "always":
                named.append(category)
        return named


def _make_room(kept: dict[Any, Any], key: str | _Key) -> None:
    """Forget the older half, until neither the texts nor their characters are too many."""
    left = _MOST_CHARACTERS - len(_text_of(key))
    while kept and (len(kept) >= _MOST_STATEMENTS or sum(len(_text_of(other)) for other in kept) > left):
        for old in list(kept)[: (len(kept) + 1) // 2]:
            del kept[old]


def _text_of(key: str | _Key) -> str:
    return key if isinstance(key, str) else key[0]


def _column(table: Table, name: str) -> Any:
    column = table.column(name)
    if column is None:
        raise GuardError(f"`{table.name}` has no column `{name}`")
    return column
