"""The tree of a statement: what the grammar makes, name resolution completes, and rendering writes anew.

Fields under "resolved" are filled in by `scopes`; after that a tree is never changed, so it may be cached and
shared between threads.
"""

from __future__ import annotations

from typing import Literal as Choice
from typing import TypeAlias

from msgspec import Struct

from gptimage_core.guard.statements.catalog import Entry, Origin, Provided
from gptimage_core.guard.statements.shaped import Cell, Verb
from gptimage_core.policy.binding import Column


class Node(Struct, eq=False):
    """A part of the tree; two parts are the same only if they are one object."""


class Literal(Node):
    """A number, text, blob, NULL, TRUE or FALSE, as SQL. `value` is its Python value (for INSERT)."""

    sql: str
    value: str | int | float | bytes | None
    at: int


class Parameter(Node):
    """The user's `?` number `index`, from 0."""

    index: int


class ColumnRef(Node):
    """A column by name; resolved: the `source` it comes from and what that gives, or the output it names.

    `merged`: the columns that a FULL JOIN … USING makes one; the first that is not NULL is the value.
    """

    qualifier: str | None
    name: str
    at: int
    source: Source | None = None
    provided: Provided | None = None
    output: Expr | None = None
    merged: list[ColumnRef] = []


class Unary(Node):
    op: str
    operand: Expr


class Binary(Node):
    op: str
    left: Expr
    right: Expr
    at: int
    guards: list[Source] | None = None


class Logic(Node):
    """AND or OR over two or more."""

    op: str
    operands: list[Expr]


class IsNull(Node):
    operand: Expr
    negated: bool


class Between(Node):
    operand: Expr
    low: Expr
    high: Expr
    negated: bool
    guards: list[Source] | None = None


class Like(Node):
    """LIKE or GLOB. `escape` gives one character."""

    op: str
    operand: Expr
    pattern: Expr
    escape: Expr | None
    negated: bool


class In(Node):
    operand: Expr
    items: list[Expr] | Query
    negated: bool
    guards: list[Source] | None = None


class Listed(Node):
    """Whether the operand stands in a JSON array, which is an argument (the guard's own, of keys)."""

    operand: ColumnRef
    array: Parameter


class Exists(Node):
    query: Query
    guards: list[Source] | None = None


class Scalar(Node):
    """A subquery as a value."""

    query: Query
    guards: list[Source] | None = None


class Case(Node):
    base: Expr | None
    whens: list[tuple[Expr, Expr]]
    otherwise: Expr | None


class Cast(Node):
    operand: Expr
    type: str


class Collate(Node):
    operand: Expr
    collation: str


class Row(Node):
    """`(a, b)`: beside a comparison, IN or BETWEEN only."""

    items: list[Expr]
    at: int


class Bound(Node):
    """Where a window's frame begins or ends. `text` with `{}` where the number of rows stands."""

    text: str
    rows: Expr | None = None


class Frame(Node):
    unit: str
    start: Bound
    end: Bound | None
    exclude: str


class Window(Node):
    """OVER (…), one of WINDOW, or (`whole`) just the name of one. `base` is a window that it adds to."""

    base: str | None
    whole: bool
    partition: list[Expr]
    order: list[Order]
    frame: Frame | None
    at: int


class Call(Node):
    """A function. `kind`: `total` never raises, `raising` might, `aggregate` sums up rows, `window` looks at
    the rows around, `over` which. `clocked`: the database would take some texts among its arguments for the
    present instant."""

    name: str
    kind: Choice["total", "raising", "aggregate", "window"]
    args: list[Expr]
    star: bool
    distinct: bool
    filter: Expr | None
    at: int
    guards: list[Source] | None = None
    over: Window | None = None
    clocked: bool = False


Expr: TypeAlias = (
    Literal | Parameter | ColumnRef | Unary | Binary | Logic | IsNull | Between | Like | In | Listed | Exists
    | Scalar | Case | Cast | Collate | Row | Call
)  # fmt: skip


class Star(Node):
    """`*` or `t.*`."""

    qualifier: str | None
    at: int


class Item(Node):
    """One expression of a select list; `label` is the name SQLite would give it.

    Resolved: `raises`: it might fail; `over_rows`: it is made of several rows, by an aggregate or a window.
    """

    expr: Expr
    alias: str | None
    label: str
    raises: bool = False
    over_rows: Choice["", "aggregate", "window"] = ""


class Source(Node):
    """Something in FROM: exactly one of a governed table, a CTE of the statement, a subquery, a table-valued
    function (`call`), or a join in parentheses (`group`).

    `name` is what stood there. `using`: the columns of USING or (`natural`, resolved) NATURAL, folded.
    `target` marks the table of an UPDATE or DELETE: `rows` as its WHERE sees it,
    `base` as its SET does.
    """

    alias: str
    at: int
    join: str = ""
    on: Expr | None = None
    name: str = ""
    entry: Entry | None = None
    cte: Cte | None = None
    query: Query | None = None
    call: Call | None = None
    group: list[Source] = []
    using: list[str] = []
    natural: bool = False
    target: Choice["", "rows", "base"] = ""
    provides: dict[str, Provided] = {}


class Core(Node):
    """One SELECT … or VALUES (…), … without ORDER BY and LIMIT.

    Resolved: `items` with stars expanded; `leaves`: what stands under FROM, parentheses taken off;
    `exists`: its list is never looked at; `correlated`: it depends on
    an outer row.
    """

    distinct: bool
    select: list[Item | Star]
    sources: list[Source]
    where: Expr | None
    group: list[Expr]
    having: Expr | None
    values: list[list[Expr]] | None
    at: int
    windows: dict[str, Window] = {}
    leaves: list[Source] = []
    items: list[Item] = []
    provides: list[Provided] = []
    aggregate: bool = False
    windowed: bool = False
    exists: bool = False
    correlated: bool = False


class Order(Node):
    """One term of ORDER BY; `ordinal` is set where it names an output."""

    expr: Expr
    ordinal: int | None
    suffix: str
    collation: str | None = None


class Query(Node):
    """Cores joined by UNION, UNION ALL, EXCEPT, INTERSECT, with what follows."""

    cores: list[Core]
    ops: list[str]
    order: list[Order]
    limit: Expr | None
    offset: Expr | None
    at: int
    ctes: list[Cte] = []
    provides: list[Provided] = []
    raises: bool = False


class Cte(Node):
    """One table of a WITH, `hint` as it stood there.

    Resolved: `label`: its name in what runs, where no table is called so; `initial`: how many cores of a
    recursive one come before those that name itself, else 0; `fenced`: its rows are made first, and filtered
    after.
    """

    name: str
    columns: list[str]
    query: Query
    at: int
    hint: str = ""
    label: str = ""
    state: Choice["later", "open", "done"] = "later"
    initial: int = 0
    provides: list[Provided] = []
    fenced: bool = False


class Use(Node):
    """A governed column used where its value decides something: refused where it is withheld."""

    origin: Origin
    clause: str


class Returning(Node):
    """RETURNING. `label` names the one output where it is the key and no more; else `read` is a SELECT of the
    list over the written rows, whose keys are a JSON array in one more argument of its own."""

    label: str | None
    read: Statement | None = None
    keys: Parameter | None = None


class Upsert(Node):
    """ON CONFLICT. `target`: its columns (none: whatever collides), `partial`: with a WHERE of its own.

    DO UPDATE: `update` is an UPDATE of the row that collides, `found` the same without the WHERE after SET,
    to know whether there is one that may be changed. In both the arguments after the user's own are the
    values of the row that was to be inserted: as given, then as filled in. DO NOTHING: both are `None`.
    """

    target: list[str]
    partial: bool
    update: Statement | None = None
    found: Statement | None = None


class Insert(Node):
    """`columns`: those named and those that the guard fills in; `rows`: a cell for each.

    `source`: a SELECT. `each`: the one row of cells stands for every row that it gives; else it gives one
    row, of the values that have to be computed. `ignore`: OR IGNORE.
    """

    entry: Entry
    columns: list[str]
    rows: list[tuple[Cell, ...]]
    returning: Returning | None
    source: Statement | None = None
    each: bool = False
    ignore: bool = False
    upsert: Upsert | None = None


class Update(Node):
    """`source` is the table as its WHERE sees it; `sets` the columns and their values; `sources` its FROM,
    resolved: with the parentheses taken off in `leaves`."""

    entry: Entry
    source: Source
    sets: list[tuple[Column, Expr]]
    where: Expr | None
    returning: Returning | None
    sources: list[Source] = []
    leaves: list[Source] = []
    order: list[Order] = []
    limit: Expr | None = None
    offset: Expr | None = None


class Delete(Node):
    entry: Entry
    source: Source
    where: Expr | None
    returning: Returning | None
    order: list[Order] = []
    limit: Expr | None = None
    offset: Expr | None = None


class Statement(Node):
    """A parsed statement, resolved against a catalog; it depends on nothing else.

    `front`: the WITH in front of a statement that writes. Resolved: `ctes`: the tables of every WITH, and
    subqueries that are made like them, each after those it reads; `clocked`: the arguments that flow into
    functions that would take a text for the present instant;
    `tables`: the governed tables it names, and what it reads of them: `needs`; `guarded`: those whose
    membership flag it asks; `cores`: every SELECT in it; the `target_…` ones say the same of the rows that
    an UPDATE or DELETE writes, `set_reads` of what its SET reads. `part`: there are several,
    of one text, and each takes of the arguments those that it names.
    """

    verb: Verb
    sql: str
    body: Query | Insert | Update | Delete
    placeholders: int
    front: list[Cte] = []
    ctes: list[Cte] = []
    clocked: set[int] = set()
    tables: dict[str, Entry] = {}
    needs: dict[str, set[str]] = {}
    guarded: set[str] = set()
    uses: list[Use] = []
    cores: list[Core] = []
    target_needs: set[str] = set()
    target_guarded: bool = False
    set_reads: set[str] = set()
    part: bool = False
