"""Two worlds that differ in nothing that Ann may see: what is hidden from her is other data, and more of it.

Ann is the attacker: a subject with an open access to what is hers, for `provide_service`. Whatever she is
told in world A and in world B must be equal, or she has learned something of what is hidden. Hidden are: the
rows of Bob (but for one picture and one folder that are public), the fields of those two that are only
their owner's (`remark`, `note`), and of every row the field `flag`, which only staff may read.

The hidden data is full of traps: values that overflow, a malformed JSON, a pattern that is too complex. Words
and numbers of it that nobody can guess are `CANARIES`.

Made once per process and copied for each attack.
"""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import sqlite3
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import Any

from msgspec import Struct
from piccolo.columns import JSON, BigInt, ForeignKey, Integer, Serial, Text, Varchar
from piccolo.columns.base import OnDelete, OnUpdate
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
    via,
)
from gptimage_core.clock import FixedClock
from gptimage_core.decision.model import Actor
from gptimage_core.guard.guard import Guard
from gptimage_core.policy.binding import DataMap
from gptimage_core.policy.loader import parse_document
from gptimage_core.policy.timeline import Timeline, single
from gptimage_core.store import denials, state
from gptimage_core.store.ledger import NegativeLedger

__all__ = ["ANN", "BOB", "CANARIES", "NOW", "World", "Worlds", "opened", "timeline", "worlds"]

NOW = 1_790_000_000_000_000
ANN, BOB = Actor.subject("ann"), Actor.subject("bob")

POLICY = """
language = 1
id = "attacked"
title = "Privacy of the attacked pictures"
controller = { name = "Pictures", country = "NL", contact = "privacy@pictures.example" }

[purpose.provide_service]
says = "keep and show your pictures"
basis = "contract"
[purpose.research]
says = "study how people describe pictures"
basis = "consent"
[purpose.secure_service]
says = "look into abuse"
basis = "legitimate_interest"
[consent.research]
says = "use my notes in research"
purposes = ["research"]
[fact.visibility]
says = "how visible a picture is"
type = "text"
of = "row"
values = ["private", "public"]
[recipient.printer]
says = "the print shop"
role = "processor"
countries = ["NL"]
purposes = ["provide_service"]
contract = { signed = 2026-01-01, until = 2030-01-01 }

[category.picture]
says = "your pictures"
clauses = ["S6"]
[category.remark]
says = "your remarks"
clauses = ["S6"]
[category.note]
says = "your notes"
protection = "sealed"
keep_until = ["item_deleted"]
clauses = ["S6"]
[category.flag]
says = "what moderation thinks of a picture"
clauses = ["S15"]

[permit.own]
who = ["subject"]
may = ["read", "create", "update", "delete"]
what = ["picture", "remark", "note"]
for = ["provide_service"]
when = ["row_is_own"]
clauses = ["S7"]
[permit.delete_whole]
who = ["subject"]
may = ["delete"]
what = ["flag"]
for = ["provide_service"]
when = ["row_is_own"]
clauses = ["S7"]
[permit.public]
who = ["subject"]
may = ["read"]
what = ["picture"]
for = ["provide_service"]
when = [{ fact = "visibility", is = ["public"] }]
clauses = ["S7"]
[permit.look_into_abuse]
who = ["staff"]
may = ["read"]
what = ["picture", "flag"]
for = ["secure_service"]
when = ["ticket_is_open"]
then = [{ max_rows = 3 }]
clauses = ["S15"]
[permit.study]
who = ["service"]
may = ["train"]
what = ["note"]
for = ["research"]
when = ["always"]
clauses = ["S17"]
[permit.count]
who = ["service"]
may = ["aggregate"]
what = ["picture"]
for = ["secure_service"]
when = ["always"]
then = [{ min_persons = 3 }]
clauses = ["S16"]
[permit.print]
who = ["service"]
may = ["share"]
to = ["printer"]
what = ["picture"]
for = ["provide_service"]
when = ["always"]
then = [{ only_fields = ["title"] }]
clauses = ["S24"]
[forbid.sale]
who = ["anyone"]
may = ["sell"]
what = ["anything"]
for = ["any_purpose"]
when = ["always"]
clauses = ["S28"]
"""

CANARIES = {
    "a": ("quartz-plover-91", 7_300_417_201),
    "b": ("saffron-gimbal-46", 6_118_935_777),
}
"""Per world a word and a number that stand in hidden rows and fields only."""

AROUND = """
CREATE VIEW every_picture AS SELECT * FROM picture;
CREATE TABLE copied (id TEXT PRIMARY KEY, title TEXT);
INSERT INTO copied SELECT id, title FROM picture;
CREATE TABLE known (id TEXT);
INSERT INTO known SELECT id FROM picture;
CREATE TABLE counted (n INTEGER PRIMARY KEY AUTOINCREMENT, what TEXT);
INSERT INTO counted (what) SELECT title FROM picture;
CREATE VIRTUAL TABLE picture_fts USING fts5(title);
INSERT INTO picture_fts (title) SELECT title FROM picture;
CREATE INDEX picture_by_size ON picture (size);
ANALYZE;
"""
"""What lies in many a database beside its governed tables."""


def timeline() -> Timeline:
    """The policy of the worlds."""
    return single(parse_document(POLICY, "policy.toml"))


def tables_on(engine: Any) -> SimpleNamespace:
    """The application's tables, declared on `engine`; Piccolo wants that at class creation."""

    class Folder(Table, db=engine, tablename="folder"):
        id = Varchar(length=40, primary_key=True, default="")
        owner = subject(Varchar(length=40))
        tenant = tenant(Varchar(length=40))
        recorded = recorded(BigInt())
        keep_ended = keep_ended(BigInt(null=True))
        collected_under = collected_under(Integer())
        visibility = category("picture", fact("visibility", Varchar(length=20, null=True, default="private")))
        name = category("picture", Text())

    class Picture(Table, db=engine, tablename="picture"):
        id = Varchar(length=40, primary_key=True, default="")
        owner = subject(Varchar(length=40))
        tenant = tenant(Varchar(length=40))
        recorded = recorded(BigInt())
        keep_ended = keep_ended(BigInt(null=True))
        collected_under = collected_under(Integer())
        folder = ForeignKey(
            Folder, null=True, default=None, on_delete=OnDelete.no_action, on_update=OnUpdate.no_action
        )
        visibility = category("picture", fact("visibility", Varchar(length=20, null=True, default="private")))
        title = category("picture", Text())
        size = category("picture", BigInt(default=0))
        extra = category("picture", JSON(default="{}"))
        remark = category("remark", Text(null=True, default=None))
        note = category("note", Text(null=True, default=None))
        flag = category("flag", Text(null=True, default=None))

    class Page(Table, db=engine, tablename="page"):
        id = Varchar(length=40, primary_key=True, default="")
        picture = via(ForeignKey(Picture, on_delete=OnDelete.no_action, on_update=OnUpdate.no_action))
        tenant = tenant(Varchar(length=40))
        recorded = recorded(BigInt())
        keep_ended = keep_ended(BigInt(null=True))
        collected_under = collected_under(Integer())
        text = category("note", Text(null=True, default=None))
        number = category("picture", Integer(default=0))

    class Tally(Table, db=engine, tablename="tally"):
        id: Serial
        owner = subject(Varchar(length=40))
        tenant = tenant(Varchar(length=40))
        recorded = recorded(BigInt())
        keep_ended = keep_ended(BigInt(null=True))
        collected_under = collected_under(Integer())
        word = category("picture", Text())

    return SimpleNamespace(Folder=Folder, Picture=Picture, Page=Page, Tally=Tally)


class World:
    """A started application with the data of one world. `name` is `a` or `b`."""

    def __init__(
        self,
        name: str,
        folder: Path,
        engine: GovernedSQLite,
        guard: Guard,
        ledger: NegativeLedger,
        tables: SimpleNamespace,
    ) -> None:
        self.name = name
        self.folder = folder
        self.engine = engine
        self.guard = guard
        self.ledger = ledger
        self.Folder: Any = tables.Folder
        self.Picture: Any = tables.Picture
        self.Page: Any = tables.Page
        self.Tally: Any = tables.Tally

    @property
    def clock(self) -> FixedClock:
        assert isinstance(self.guard.clock, FixedClock)
        return self.guard.clock

    def own(self, actor: Actor = ANN, **more: Any) -> Any:
        """An access of a person to what is theirs."""
        return self.guard.access(actor, purpose="provide_service", **more)


@contextlib.asynccontextmanager
async def opened(folder: Path, keys: Path, name: str, *, around: bool = True) -> AsyncIterator[World]:
    """The world in this folder, started. `around`: it has what lies beside the governed tables."""
    engine = GovernedSQLite(folder / "data.sqlite", readers=2)
    ledger = NegativeLedger(folder.with_name("ledger"))
    tables = tables_on(engine)
    every = [tables.Folder, tables.Picture, tables.Page, tables.Tally]
    for table in every:
        await table.create_table(if_not_exists=True)
    guard = await govern(
        engine,
        policy=timeline(),
        tables=every,
        ledger=ledger,
        keys=keys,
        clock=FixedClock(NOW),
        accept={"view:every_picture": "what lies around is there to be attacked"} if around else None,
    )
    try:
        yield World(name, folder, engine, guard, ledger, tables)
    finally:
        guard.sink.close()  # type: ignore[attr-defined]  # the built-in sink has it
        engine._database.close()
        ledger.close()


def _put_around(path: Path) -> None:
    """Make the views, indexes and tables of `AROUND` in the database file."""
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.executescript(f"BEGIN; {AROUND} COMMIT;")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


async def _seen(world: World) -> None:
    """What both worlds have: what Ann may see, and nothing else."""

    def people(connection: sqlite3.Connection) -> None:
        for person in ("ann", "bob"):
            state.create_subject(connection, "main", person, NOW, age_floor_is_met=True)

    await world.guard.in_transaction(people)
    Folder, Picture, Page, Tally = world.Folder, world.Picture, world.Page, world.Tally
    async with world.own(ANN):
        await Folder(id="ann-folder", owner="ann", name="my folder").save()
        await Folder(id="ann-shared", owner="ann", name="for all", visibility="public").save()
        for n in (1, 2):
            values = {"title": f"my title {n}", "size": n, "remark": f"mine {n}", "note": f"my note {n}"}
            await Picture(id=f"ann-{n}", owner="ann", folder="ann-folder", **values).save()
        await Page(id="ann-page", picture="ann-1", text="my page", number=1).save()
        await Tally(owner="ann", word="one").save()
    async with world.own(BOB):
        await Folder(id="bob-shared", owner="bob", name="look here", visibility="public").save()


async def _hidden(world: World) -> None:
    """What differs: Bob's rows, and the fields that are not Ann's to see."""
    first = world.name == "a"
    word, number = CANARIES[world.name]
    Folder, Picture, Page, Tally = world.Folder, world.Picture, world.Page, world.Tally
    shown = {"title": "a public title", "size": 5, "folder": "bob-shared", "visibility": "public"}
    async with world.own(BOB):
        await Picture(id="bob-open", owner="bob", **shown, remark=word, note=f"{word} note").save()
        for n in (1, 2, 3, 4) if first else (1, 5, 6, 7, 8, 9):
            hidden = {"title": f"{word} {n}", "remark": f"{word} {n}", "note": f"{word} note {n}"}
            await Picture(id=f"bob-{n}", owner="bob", size=number + n, **hidden).save()
            await Page(id=f"bob-page-{n}", picture=f"bob-{n}", text=f"{word} page", number=n * 97).save()
            await Folder(id=f"bob-folder-{n}", owner="bob", name=f"{word} {n}").save()
            await Tally(owner="bob", word=word).save()
        if first:
            await Picture(id="bob-least", owner="bob", title="%a" * 26_000, size=-(2**63)).save()
        await Picture(id="bob-hung", owner="bob", title=word, folder="ann-shared" if first else None).save()

    def beside(connection: sqlite3.Connection) -> None:
        state.set_fact(connection, "main", "bob", "plan", "text", word, None)
        state.set_consent(connection, "main", "bob", "research", first, NOW, 1)
        who = {"actor_kind": "subject", "actor": "bob", "purpose": "provide_service", "operation": "read"}
        what = {"category": "flag", "reason": word, "digest": "", "version": 1, "tenant": "main"}
        refusal = denials.Denial(id=f"denial-of-bob-{word}", at=NOW, **who, **what)  # type: ignore[arg-type]  # by name
        denials.record(connection, refusal)

    await world.guard.in_transaction(beside)


def _unsaid(path: Path, name: str) -> None:
    """What no access writes: the flags, and a JSON that no application would."""
    word, _ = CANARIES[name]
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE picture SET flag = ? || id", (f"{word} ",))
        connection.execute("UPDATE picture SET flag = NULL WHERE id = ?", (f"ann-{1 + (name == 'a')}",))
        if name == "a":
            connection.execute("UPDATE picture SET extra = '{\"' WHERE id = 'bob-2'")


class Worlds(Struct, frozen=True):
    """The two worlds, to be copied from."""

    base: Path
    datamap: DataMap

    def keys(self, name: str) -> Path:
        """The keyring of the world `a` or `b`. It is not copied: an attack mints keys, and destroys none."""
        return self.base / f"keys of {name}"

    def copy(self, name: str, to: Path) -> Path:
        """The database's folder of the world `a` or `b`, copied into a new folder `to`."""
        (to / "data").mkdir(parents=True)
        shutil.copyfile(self.base / name / "data" / "data.sqlite", to / "data" / "data.sqlite")
        shutil.copyfile(self.base / name / "ledger", to / "ledger")
        return to / "data"


@contextlib.contextmanager
def worlds() -> Iterator[Worlds]:
    """Make both. They share every row and every sealed byte that Ann may see."""

    async def make(base: Path) -> Worlds:
        first = base / "seen" / "data"
        first.mkdir(parents=True)
        async with opened(first, base / "keys", "seen", around=False) as world:
            await _seen(world)
            made = Worlds(base, world.guard.datamap)
        for name in ("a", "b"):
            folder = made.copy("seen", base / name)
            shutil.copytree(base / "keys", made.keys(name))
            async with opened(folder, made.keys(name), name, around=False) as world:
                await _hidden(world)
            _unsaid(folder / "data.sqlite", name)
            _put_around(folder / "data.sqlite")
        return made

    with TemporaryDirectory(prefix="bypass") as folder:
        yield asyncio.run(make(Path(folder)))
