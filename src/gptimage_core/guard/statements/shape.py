"""Ring one: the statement that runs instead of the one that was asked for.

THEOREM (guard-equivalence). Let P be a profile and D a database. Restrict D to P: keep the rows of each
governed table that P permits, and in them put NULL for every field that it does not. For every SELECT that
`parse` accepts and `shape` does not refuse, running the shaped statement on D gives what the original gives
on the restriction: rows, names of columns, and an error where that is one; for UPDATE and DELETE, the rows
they change in D are those that the original changes in the restriction and P lets be written, and no other
row of D is different after. (Where the original leaves the choice to the database, so does the shaped one:
bare columns beside aggregates, LIMIT without an order, which of two equal values stands for both, in which
order AND asks what may fail, and whether what fails on a permitted row is ever asked: the statement for the
rows touched may ask it where the original's plan stops before, and a fenced table is made where that plan
skips it. The collation that a conditional column declares is lost.)

It follows that what P hides changes no answer: two databases with one restriction answer alike, errors
included. What may show is an order that the statement does not ask for: rows come in that of an index, and an
index may hold hidden fields. `tests/properties/test_guard_equivalence.py` holds both with statements of the
guard's own grammar, `test_guard_fuzz.py` with SQL from one that knows nothing of it, with policies instead of
profiles, and with the third ring on, which refuses nothing that these two accept.

How: governed names are shadowed by CTEs (`shadow`), so whatever is read is read through the predicate; the
rest is written anew from the resolved tree (`render`). UPDATE and DELETE keep their verb in front (a WITH
there loses the row count) and take their rows from `WHERE key IN (WITH … SELECT key …)`.

 1. numbering: the profile's parameters first (`?1` … `?k`), then the user's own (`?k+1` …)
 2. the shadows of every governed table that is read
 3. the statement over them, with hidden key and subject columns where it is plain
 4. a second statement for the rows touched that step 3 cannot show
"""

from __future__ import annotations

from typing import Literal

from msgspec import structs

from gptimage_core.errors import GuardError
from gptimage_core.guard.statements import nodes as n
from gptimage_core.guard.statements.catalog import Catalog, Entry, Origin, Provided
from gptimage_core.guard.statements.profile import WITHHELD, Profile
from gptimage_core.guard.statements.render import Renderer, quote
from gptimage_core.guard.statements.shadow import Shadows, subject_columns
from gptimage_core.guard.statements.shape_writes import insertion, written
from gptimage_core.guard.statements.shaped import Output, Shaped, Text, Touch

__all__ = ["Shaping", "WithheldUse", "shape"]


class WithheldUse(GuardError):
    """A withheld column would decide something; `table`, `column`, `clause` say which and where."""

    def __init__(self, table: str, column: str, clause: str) -> None:
        self.table = table
        self.column = column
        self.clause = clause
        message = f"`{table}.{column}` is withheld from the open access and cannot be used in {clause}"
        super().__init__(f"{message}; leave it out, or open an access for a purpose that may read it")


def shape(statement: n.Statement, profile: Profile, catalog: Catalog) -> Shaped:
    """What to run under `profile`: pure; may be cached by (`profile.id`, `statement.sql`).

    Raises `StaticDenial` where the profile denies whatever the row, `WithheldUse` (a `GuardError`) where a
    withheld column would decide something.
    """
    if isinstance(statement.body, n.Insert):
        return insertion(statement, statement.body)
    for use in statement.uses:
        _check_use(use, profile)
    try:
        return Shaping(statement, profile, catalog).shaped()
    except RecursionError:
        raise GuardError("the statement nests too deep; split it") from None


def _check_use(use: n.Use, profile: Profile) -> None:
    table, column = use.origin
    access = profile.tables.get(table)
    if access is not None and access.columns.get(column, WITHHELD).read == "withheld":
        raise WithheldUse(table, column, use.clause)


class Shaping:
    """One statement and one profile on their way together."""

    def __init__(self, statement: n.Statement, profile: Profile, catalog: Catalog) -> None:
        self.statement = statement
        self.profile = profile
        self.catalog = catalog
        self.shadows = Shadows(profile, catalog)
        self.prefix = ""
        self.prefixed = 0

    def shaped(self) -> Shaped:
        self.prefix = self._shadow_all()
        body = self.statement.body
        if isinstance(body, n.Query):
            self.prefixed = len(self.shadows.params)
            return self._select(body)
        assert isinstance(body, n.Update | n.Delete)
        return written(self, body)

    # the shadows

    def _shadow_all(self) -> str:
        statement = self.statement
        return ", ".join(
            self.shadows.shadow(statement.tables[name], needs, flagged=name in statement.guarded)
            for name, needs in statement.needs.items()
        )

    def front(self, renderer: Renderer, extra: str = "") -> str:
        """The WITH: shadows, then (for writes) the target's rows, then the statement's own."""
        parts = [part for part in (self.prefix, extra) if part]
        recursive = ""
        for cte in self.statement.ctes:
            parts.append(renderer.cte(cte))
            if cte.initial:
                recursive = "RECURSIVE "
        return f"WITH {recursive}{', '.join(parts)} " if parts else ""

    # SELECT

    def _select(self, query: n.Query) -> Shaped:
        renderer, text = self.main()
        core = query.cores[0]
        plain = not query.ops and core.values is None and not core.aggregate and not core.distinct
        if core.windowed and query.limit is not None:  # a window goes over rows that the answer leaves out
            plain = False
        outputs = self._outputs(query.provides)
        touches: list[Touch] = []
        hidden: list[str] = []
        keys: dict[int, int] = {}
        if plain:
            for source in core.leaves:
                if source.entry is not None:
                    touches.append(self._hide(source, source.entry, core, hidden))
                    keys[id(source)] = touches[-1].key
            outputs = tuple(
                structs.replace(output, key=keys.get(id(item.expr.source), -1))
                if isinstance(item.expr, n.ColumnRef) and item.expr.source is not None
                else output
                for output, item in zip(outputs, core.items, strict=True)
            )
        labelled = "".join(f', {sql} AS "gp:{i}"' for i, sql in enumerate(hidden))
        sql = self.front(renderer) + renderer.query(query, labelled)
        return Shaped(
            "SELECT",
            text(sql),
            tuple(self.statement.tables),
            outputs,
            len(hidden),
            tuple(touches),
            self._touch(except_for=core if plain else None),
        )

    def _hide(self, source: n.Source, entry: Entry, core: n.Core, hidden: list[str]) -> Touch:
        """Where the source's key and subjects stand: where the answer shows them, else hidden at its end."""
        shown: dict[str, int] = {}
        for index, item in enumerate(core.items):
            column = item.expr
            if isinstance(column, n.ColumnRef) and column.source is source and column.provided is not None:
                shown.setdefault(column.provided.name, index)

        def place(name: str) -> int:
            if name not in shown:
                shown[name] = len(core.items) + len(hidden)
                hidden.append(f"{quote(source.alias)}.{quote(name)}")
            return shown[name]

        key = place(entry.key)
        return Touch(entry.name, key, tuple(place(name) for name in subject_columns(entry, self.catalog)))

    def _outputs(self, provides: list[Provided]) -> tuple[Output, ...]:
        return tuple(self._output(provided) for provided in provides)

    def _output(self, provided: Provided) -> Output:
        bare = provided.bare or (None, None)
        reads = {self._read(origin) for origin in provided.origins}
        withheld: Literal["no", "if_null", "always"]
        withheld = "always" if "withheld" in reads else "if_null" if "conditional" in reads else "no"
        if provided.arms:
            of_arms = {self._output(arm).withheld for arm in provided.arms}
            withheld = of_arms.pop() if len(of_arms) == 1 else "if_null"
        return Output(provided.name, bare[0], bare[1], withheld, provided.sealed)

    def _read(self, origin: Origin) -> str:
        access = self.profile.tables.get(origin[0])
        return "withheld" if access is None else access.columns.get(origin[1], WITHHELD).read

    # numbering

    def main(self) -> tuple[Renderer, Texter]:
        """A renderer whose user parameters keep their order, and what makes its `Text`."""
        if self.statement.part:
            return self.picking()
        k = self.prefixed
        return Renderer(
            lambda index: f"?{k + index + 1}", self.shadows.secret, len(self.statement.sql)
        ), Texter(tuple(self.shadows.params)[:k], list(range(self.statement.placeholders)))

    def picking(self) -> tuple[Renderer, Texter]:
        """A renderer for a part of the statement: only the user parameters that it uses, in order of use."""
        k = self.prefixed
        texter = Texter(tuple(self.shadows.params)[:k], [])

        def parameter(index: int) -> str:
            if index not in texter.placeholders:
                texter.placeholders.append(index)
            return f"?{k + texter.placeholders.index(index) + 1}"

        return Renderer(parameter, self.shadows.secret, len(self.statement.sql)), texter

    # the rows touched

    def _touch(self, except_for: n.Core | None) -> Text | None:
        renderer, text = self.picking()
        return self.touch_text(renderer, text, [], "", except_for)

    def touch_text(
        self, renderer: Renderer, text: Texter, arms: list[str], extra: str, except_for: n.Core | None = None
    ) -> Text | None:
        """Key and subjects of every row that the statement's SELECTs go over, but for those of `except_for`.

        What it over-approximates: GROUP BY, HAVING and LIMIT are not asked (windows and aggregates do go over
        rows that the answer leaves out); a subquery that depends on an outer row counts as every row that the
        access permits of its tables; a WITH table counts whether it is read or not.
        """
        for core in self.statement.cores:
            if core is except_for:
                continue
            for source in core.leaves:
                if source.entry is None:
                    continue
                people = subject_columns(source.entry, self.catalog)
                rest = f" FROM {renderer.source(source)}" if core.correlated else renderer.rest(core)
                arms.append(self.arm(source.entry, quote(source.alias), people, rest))
        if not arms:
            return None
        union = " UNION ".join(dict.fromkeys(arms))
        return text(
            self.front(renderer, extra)
            + (union if len(arms) > 1 else union.replace("SELECT", "SELECT DISTINCT", 1))
        )

    def arm(self, entry: Entry, alias: str, people: list[str], rest: str) -> str:
        width = max(len(subject_columns(e, self.catalog)) for e in self.statement.tables.values())
        # As text: in a UNION one table's declared type would convert the keys of another.
        named = [f"CAST({alias}.{quote(name)} AS TEXT)" for name in (entry.key, *people)]
        columns = [str(entry.number), *named]
        columns += ["NULL"] * (width - len(people))
        return f"SELECT {', '.join(columns)}{rest}"


class Texter:
    """Makes a `Text` of SQL, with the parameters that its renderer has used by then."""

    def __init__(self, prefix: tuple[object, ...], placeholders: list[int]) -> None:
        self.prefix = prefix
        self.placeholders = placeholders

    def __call__(self, sql: str) -> Text:
        return Text(sql, self.prefix, tuple(self.placeholders))
