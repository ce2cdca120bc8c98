"""Two applications that are the same, one on a governed engine, one on Piccolo's own, to run code on both.

Three look at it. `everything`: a service to which all rows and fields are permitted. `own`: a person to whom
half of the rows are permitted, and the column `label` is withheld from all of them. `some`: the same person
for another purpose: the label is withheld from some of the rows. What they get must be what Piccolo gives on
a database that holds the permitted rows and fields only.
"""

from __future__ import annotations

import ast
import asyncio
import contextlib
import datetime as dt
import decimal
import enum
import sqlite3
import uuid
from collections.abc import AsyncIterator, Iterable, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import piccolo.query.functions as functions
from piccolo.columns import (
    JSON,
    JSONB,
    UUID,
    Array,
    BigInt,
    Boolean,
    Bytea,
    Date,
    DoublePrecision,
    Email,
    ForeignKey,
    Integer,
    Interval,
    Numeric,
    Real,
    Secret,
    SmallInt,
    Text,
    Time,
    Timestamp,
    Timestamptz,
    Varchar,
)
from piccolo.columns.base import OnDelete, OnUpdate
from piccolo.columns.combination import WhereRaw
from piccolo.columns.m2m import M2M
from piccolo.columns.reference import LazyTableReference
from piccolo.engine.sqlite import SQLiteEngine
from piccolo.querystring import QueryString
from piccolo.table import Table

from gptimage_core.adapters.piccolo import (
    GovernedSQLite,
    category,
    collected_under,
    fact,
    govern,
    keep_ended,
    recorded,
    subject,
    tenant,
)
from gptimage_core.clock import FixedClock
from gptimage_core.decision.model import Actor
from gptimage_core.guard.guard import Guard
from gptimage_core.policy.loader import parse_document
from gptimage_core.policy.timeline import single
from gptimage_core.store import state
from gptimage_core.store.ledger import NegativeLedger

__all__ = ["NOW", "WHO", "Pair", "Unguarded", "number", "paired", "plain", "run"]

NOW = 1_790_000_000_000_000
ANN = Actor.subject("ann")
WHO: dict[str, tuple[Actor, str]] = {
    "everything": (Actor.service("all"), "provide_service"),
    "own": (ANN, "provide_service"),
    "some": (ANN, "show_labels"),
}
"""Who looks, and for which purpose."""

POLICY = """
language = 1
id = "gallery"
title = "Privacy of the Gallery"
controller = { name = "Gallery", country = "NL", contact = "privacy@gallery.example" }

[purpose.provide_service]
says = "keep and show your pictures"
basis = "contract"
[purpose.show_labels]
says = "show labels"
basis = "contract"
[fact.visibility]
says = "how visible a picture is"
type = "text"
of = "row"
values = ["private", "public"]

[category.picture]
says = "your pictures"
clauses = ["S6"]
[category.note]
says = "your notes"
protection = "sealed"
keep_until = ["item_deleted"]
clauses = ["S6"]
[category.label]
says = "labels that we give"
clauses = ["S6"]

[permit.everything]
who = ["service"]
may = ["read", "create", "update", "delete"]
what = ["picture", "note", "label"]
for = ["provide_service"]
when = ["always"]
clauses = ["S7"]
[permit.own]
who = ["subject"]
may = ["read", "create", "update", "delete"]
what = ["picture", "note"]
for = ["provide_service", "show_labels"]
when = ["row_is_own"]
clauses = ["S7"]
[permit.label]
who = ["subject"]
may = ["create", "update", "delete"]
what = ["label"]
for = ["provide_service", "show_labels"]
when = ["row_is_own"]
clauses = ["S7"]
[permit.read_some_labels]
who = ["subject"]
may = ["read"]
what = ["label"]
for = ["show_labels"]
when = ["row_is_own", { fact = "visibility", is = ["public"] }]
clauses = ["S7"]
"""


_STAYS: Any = {"on_delete": OnDelete.no_action, "on_update": OnUpdate.no_action}


class Mood(enum.Enum):
    """A column's choices."""

    calm = "calm"
    wild = "wild"


def tables_on(engine: Any, module: str) -> SimpleNamespace:
    """The application's tables on `engine`. `module` keeps the two applications' lazy references apart."""

    class Studio(Table, db=engine, tablename="studio"):
        owner = subject(Varchar(length=40))
        tenant = tenant(Varchar(length=40))
        collected_under = collected_under(Integer())
        name = category("picture", Varchar())
        label = category("label", Varchar(null=True, default=None))

    class Artist(Table, db=engine, tablename="artist"):
        owner = subject(Varchar(length=40))
        tenant = tenant(Varchar(length=40))
        collected_under = collected_under(Integer())
        name = category("picture", Varchar())
        label = category("label", Varchar(null=True, default=None))
        studio = ForeignKey(Studio, null=True, **_STAYS)
        mentor = ForeignKey("self", null=True, **_STAYS)

    class Tag(Table, db=engine, tablename="tag"):
        owner = subject(Varchar(length=40))
        tenant = tenant(Varchar(length=40))
        collected_under = collected_under(Integer())
        word = category("picture", Varchar(unique=True))
        weight = category("picture", Numeric(null=True, default=None))
        pictures = M2M(LazyTableReference("Pin", module_path=module))

    class Picture(Table, db=engine, tablename="picture"):
        id = UUID(primary_key=True)
        owner = subject(Varchar(length=40))
        tenant = tenant(Varchar(length=40))
        collected_under = collected_under(Integer())
        recorded = recorded(BigInt())
        keep_ended = keep_ended(BigInt(null=True))
        label = category("label", Varchar(null=True, default=None))
        secrets = category("label", JSON(null=True, default=None))
        artist = ForeignKey(Artist, null=True, **_STAYS)
        visibility = category("picture", fact("visibility", Varchar(default="private")))
        title = category("picture", Varchar(db_column_name="heading"))
        size = category("picture", Integer(default=0))
        starred = category("picture", Boolean(default=False))
        meta = category("picture", JSON(default="{}"))
        note = category("note", Text(null=True, default=None))
        tags = M2M(LazyTableReference("Pin", module_path=module))

    class Pin(Table, db=engine, tablename="pin"):
        owner = subject(Varchar(length=40, default="ann"))
        tenant = tenant(Varchar(length=40))
        collected_under = collected_under(Integer())
        picture = ForeignKey(Picture, **_STAYS)
        tag = ForeignKey(Tag, **_STAYS)
        reason = category("picture", Varchar(default=""))

    class Kind(Table, db=engine, tablename="kind"):
        id = UUID(primary_key=True)
        owner = subject(Varchar(length=40))
        tenant = tenant(Varchar(length=40))
        collected_under = collected_under(Integer())
        small = category("picture", SmallInt(default=1))
        big = category("picture", BigInt(default=2**53 + 1))
        half = category("picture", Real(default=0.5))
        third = category("picture", DoublePrecision(default=1 / 3))
        price = category("picture", Numeric(digits=(8, 2), default=decimal.Decimal("1.50")))
        on = category("picture", Boolean(default=True))
        at = category("picture", Timestamp(default=dt.datetime(2026, 1, 2, 3, 4, 5)))
        at_zone = category("picture", Timestamptz(default=dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.UTC)))
        day = category("picture", Date(default=dt.date(2026, 2, 28)))
        hour = category("picture", Time(default=dt.time(23, 59, 1)))
        wait = category("picture", Interval(default=dt.timedelta(days=1, seconds=2)))
        blob = category("picture", Bytea(default=b"\x00\xff"))
        words = category("picture", Array(base_column=Varchar(), default=list))
        days = category("picture", Array(base_column=Date(), default=list))
        grid = category("picture", Array(base_column=Array(base_column=Integer()), default=list))
        data = category("picture", JSON(default="{}"))
        dense = category("picture", JSONB(default="{}"))
        mood = category("picture", Varchar(choices=Mood, default=Mood.calm))
        hidden = category("picture", Secret(default="hush"))
        mail = category("picture", Email(default="a@b.example"))
        label = category("label", Varchar(null=True, default=None))

    tables = SimpleNamespace(Studio=Studio, Artist=Artist, Tag=Tag, Picture=Picture, Pin=Pin, Kind=Kind)
    for owner in (Tag, Picture):
        for relation in owner._meta.m2m_relationships:
            relation._meta.joining_table = Pin
    return tables


_FILLED = {"tenant": "main", "recorded": NOW, "collected_under": 1}
TABLES = ("studio", "artist", "tag", "picture", "pin", "kind")


def number(value: int) -> uuid.UUID:
    """The key of a picture or kind, by its number."""
    return uuid.UUID(int=value + 2**100)


def rows_of(t: SimpleNamespace) -> Iterable[Table]:
    """The rows, half of them ann's; one of her pictures is by an artist that is not hers. The last row of
    each table is hers: SQLite gives the next key after the last row that is there, seen or not."""
    for n in (1, 2, 3, 4, 5):
        yield t.Studio(owner=_owner(n), name=f"studio {n}", label=f"s{n}")
    for n in (1, 2, 3, 4, 5):
        yield t.Artist(
            owner=_owner(n), name=f"artist {n}", studio=n, label=f"a{n}", mentor=(None, None, 1, 1, 2)[n - 1]
        )
    for n, word in enumerate(("sea", "hill", "wood", "moor", "sand", "lake", "fen"), 1):
        yield t.Tag(owner=_owner(n), word=word, weight=decimal.Decimal(n) / 4)
    for n in range(1, 9):
        yield t.Picture(
            id=number(n),
            owner=_owner(n),
            label=f"l{n}",
            secrets={"secret": n},
            artist={1: 1, 2: 2, 3: 3, 4: 4, 5: 2, 6: 1, 7: None, 8: 4}[n],
            visibility="public" if n < 5 else "private",
            title=f"picture {'abcabcab'[n - 1]}",
            size=n * n % 7,
            starred=n % 3 == 0,
            meta={"width": n * 10, "deep": {"list": [n, n + 1]}, "word": f"w{n}"},
            note=f"note {n}" if n % 4 else None,
        )
    for n, (picture, tag) in enumerate(((1, 1), (1, 3), (3, 3), (3, 2), (2, 2), (5, 5), (4, 6), (7, 1)), 1):
        yield t.Pin(owner=_owner(picture), picture=number(picture), tag=tag, reason=f"r{n}")
    for n in range(1, 5):
        yield t.Kind(
            id=number(n), owner=_owner(n), small=n, price=decimal.Decimal(n) / 4, label=f"k{n}",
            words=["a", f"w{n}"], days=[dt.date(2026, 3, n)], grid=[[n, 1], [2]], data={"n": n, "t": ["x"]},
            dense={"d": {"e": n}}, mood=Mood.wild if n == 3 else Mood.calm, blob=bytes([n, 0, 255]),
            day=dt.date(2026, 2, 27) + dt.timedelta(days=n), at=dt.datetime(2026, 1, n, 3, 4, 5, 600_000),
        )  # fmt: skip


def _owner(n: int) -> str:
    return "ann" if n % 2 else "bob"


class Pair:
    """The two applications; `governed` and `stock` are their tables."""

    def __init__(
        self,
        folder: Path,
        engine: GovernedSQLite,
        guard: Guard,
        governed: SimpleNamespace,
        stock: SimpleNamespace,
    ) -> None:
        self.engine = engine
        self.guard = guard
        self.governed = governed
        self.stock = stock
        self._governed_file = folder / "governed.sqlite"
        self._stock_file = folder / "stock.sqlite"
        self._kept = {path: _contents(path) for path in (self._governed_file, self._stock_file)}

    def access(self, who: str) -> Any:
        actor, purpose = WHO[who]
        return self.guard.access(actor, purpose=purpose)

    def reset(self, who: str) -> None:
        """Both as they were; the stock one holds what `who` may see and nothing else."""
        for path, kept in self._kept.items():
            _refill(path, kept)
        if who != "everything":
            with contextlib.closing(sqlite3.connect(self._stock_file)) as connection, connection:
                for table in TABLES:
                    connection.execute(f"DELETE FROM {table} WHERE owner <> 'ann'")
                    labels = "label" if table not in ("tag", "pin") else None
                    if labels is not None:
                        shown = "visibility = 'public'" if (who, table) == ("some", "picture") else "FALSE"
                        also = ", secrets = NULL" if table == "picture" else ""
                        connection.execute(f"UPDATE {table} SET label = NULL{also} WHERE NOT ({shown})")

    def rows(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """What lies in both now: table → key → (storage class, value) of each column that is not sealed."""
        return _contents(self._governed_file, typed=True), _contents(self._stock_file, typed=True)


def _contents(path: Path, *, typed: bool = False) -> dict[str, Any]:
    with contextlib.closing(sqlite3.connect(path)) as connection:
        found: dict[str, Any] = {}
        for table in TABLES:
            names = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
            if not typed:
                found[table] = (names, connection.execute(f"SELECT * FROM {table}").fetchall())
                continue
            listed = ", ".join(f'typeof("{n}"), "{n}"' for n in names)
            found[table] = {}
            for row in connection.execute(f"SELECT {listed} FROM {table}"):
                values = {n: row[2 * i : 2 * i + 2] for i, n in enumerate(names) if n != "note"}
                found[table][values["id"][1]] = values
        return found


def _refill(path: Path, kept: dict[str, Any]) -> None:
    with contextlib.closing(sqlite3.connect(path, timeout=5)) as connection, connection:
        for table in reversed(TABLES):
            connection.execute(f"DELETE FROM {table}")
        for table in TABLES:
            names, rows = kept[table]
            marks = ", ".join("?" * len(names))
            connection.executemany(f"INSERT INTO {table} VALUES ({marks})", rows)


@contextlib.asynccontextmanager
async def paired(folder: Path) -> AsyncIterator[Pair]:
    """Both applications, filled."""
    stock_engine = SQLiteEngine(str(folder / "stock.sqlite"))
    stock = tables_on(stock_engine, "stock")
    for table in vars(stock).values():
        for column in table._meta.columns:
            if column._meta.name in _FILLED:
                column.default = _FILLED[column._meta.name]
    engine = GovernedSQLite(folder / "governed.sqlite", readers=2)
    governed = tables_on(engine, "governed")
    for tables in (governed, stock):
        for table in vars(tables).values():
            await table.create_table(if_not_exists=True)
    ledger = NegativeLedger(folder / "apart" / "ledger")
    guard = await govern(
        engine,
        policy=single(parse_document(POLICY, "policy.toml")),
        tables=list(vars(governed).values()),
        ledger=ledger,
        keys=folder / "apart" / "keys",
        clock=FixedClock(NOW),
        accept={"unique:tag.word": "words are nobody's secret here"},
    )

    def people(connection: Any) -> None:
        for name in ("ann", "bob"):
            state.create_subject(connection, "main", name, NOW, age_floor_is_met=True)

    await guard.in_transaction(people)
    actor, purpose = WHO["everything"]
    async with guard.access(actor, purpose=purpose):
        for row in rows_of(governed):
            await row.save()
    for row in rows_of(stock):
        await row.save()
    try:
        yield Pair(folder, engine, guard, governed, stock)
    finally:
        guard.sink.close()  # type: ignore[attr-defined]  # the built-in sink has it
        engine._database.close()
        ledger.close()


# Running a piece of code

_KNOWN: dict[str, Any] = {
    **{name: getattr(functions, name) for name in functions.__all__},
    "Mood": Mood,
    "QueryString": QueryString,
    "Varchar": Varchar,
    "WhereRaw": WhereRaw,
    "asyncio": asyncio,
    "date": dt.date,
    "datetime": dt.datetime,
    "Decimal": decimal.Decimal,
    "number": number,
    "timedelta": dt.timedelta,
    "time": dt.time,
    "utc": dt.UTC,
}


async def run(code: str, tables: SimpleNamespace, guard: Any) -> Any:
    """The value of the last expression of `code`, which may `await`."""
    tree = ast.parse(code)
    last = tree.body[-1]
    if isinstance(last, ast.Expr):
        tree.body[-1] = ast.copy_location(ast.Assign([ast.Name("_answer", ast.Store())], last.value), last)
    ast.fix_missing_locations(tree)
    compiled = compile(tree, "<feature>", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    space: dict[str, Any] = {**_KNOWN, **vars(tables), "engine": tables.Picture._meta.db, "guard": guard}
    waiting = eval(compiled, space)  # code of this package's own table
    if waiting is not None:
        await waiting
    return plain(space.get("_answer"))


class Unguarded:
    """What stands for the guard where there is none: pages of what Piccolo gives at once."""

    def __init__(self, tables: SimpleNamespace) -> None:
        self._tables = tables

    async def stream(self, query: Any, *args: Any, page: int) -> AsyncIterator[list[Any]]:
        if isinstance(query, str):
            query = self._tables.Picture.raw(query.replace("?", "{}"), *args)
        rows = await query.run()
        for start in range(0, len(rows), page):
            yield rows[start : start + page]


def plain(value: Any) -> Any:
    """An answer as plain values, to compare: objects are dicts with their table's name."""
    if isinstance(value, Table):
        names = [column._meta.name for column in value._meta.columns]
        return {"": type(value).__name__, **{name: plain(getattr(value, name)) for name in names}}
    if isinstance(value, Mapping):
        return {key: plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    if isinstance(value, enum.Enum):
        return (type(value).__name__, value.value)
    return (type(value).__name__, value) if isinstance(value, bool | int | float | decimal.Decimal) else value
