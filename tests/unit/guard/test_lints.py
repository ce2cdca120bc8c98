"""The lints of the schema: each finds its fault and nothing else, and is content with the mended schema."""

from __future__ import annotations

import ast
import asyncio
import re
import sqlite3
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from piccolo.columns import BigInt, ForeignKey, Integer, Varchar
from piccolo.columns.base import OnDelete, OnUpdate
from piccolo.table import Table as PiccoloTable
from tests.support.governed import ANN, NOW, POLICY, World, in_world
from tests.support.schemas import CASES, DATAMAP, FTS, OWNED, Case, made, picture, unique
from tests.support.schemas import TECHNICAL_SQL as _T

from gptimage_core.adapters.piccolo import (
    GovernedSQLite,
    category,
    collected_under,
    govern,
    keep_ended,
    opaque,
    recorded,
    subject,
    table_of,
    tenant,
)
from gptimage_core.adapters.piccolo.classes import CODES
from gptimage_core.clock import FixedClock
from gptimage_core.errors import Conflict, GuardError, PolicyError
from gptimage_core.guard.lints.check import Verdict, check, judge
from gptimage_core.guard.lints.codes import LINTS, NOTES
from gptimage_core.guard.lints.sqlite import read, read_file
from gptimage_core.policy.bind import bind, datamap_lock
from gptimage_core.policy.binding import Accepted, Column, DataMap, Table
from gptimage_core.policy.loader import parse_document
from gptimage_core.policy.timeline import load_timeline, single
from gptimage_core.store import state
from gptimage_core.store.schema import migrate
from gptimage_server.migrations import migrate as migrate_server
from gptimage_server.wiring import data_map

ROOT = Path(__file__).resolve().parents[3]


def found(*statements: str, datamap: DataMap = DATAMAP) -> Verdict:
    return judge(read(made(*statements)), datamap)


def keys(verdict: Verdict) -> list[str]:
    return sorted(fault.key for fault in verdict.faults)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.key)
def test_each_fault_is_found_and_nothing_else(case: Case) -> None:
    """What the schema would tell or let around is found, under its code and place; mended, it is not."""
    assert keys(found(*case.faulty)) == [case.key]
    assert keys(found(*case.mended)) == []


def test_every_lint_has_an_example_and_every_fault_an_explanation() -> None:
    """The codes that are tested, the codes in the source, and the codes on the page are the same."""
    named = set()
    for path in (ROOT / "src/gptimage_core/guard/lints").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Fault":
                code = node.args[1]
                assert isinstance(code, ast.Constant)
                named.add(code.value)
    assert named == LINTS.keys() | NOTES.keys()
    own_tests = {"reserved-name", "rowid-name", "accept"}
    assert {case.key.partition(":")[0] for case in CASES} | own_tests == LINTS.keys()
    page = (ROOT / "docs/lints.md").read_text("utf-8")
    assert set(re.findall(r"^\| `([a-z-]+)` \|", page, re.M)) == LINTS.keys() | NOTES.keys() | CODES.keys()


def of(*tables: Table, accepted: Mapping[str, str] | None = None) -> DataMap:
    return DataMap(tables, "d", tuple(Accepted(*each) for each in (accepted or {}).items()))


def test_names_that_are_kept_for_others_are_refused() -> None:
    """A governed table under a name of the core's or the catalogue's, a column that is the row's number, two
    tables that the database takes for one."""
    mine = Table("gp_mine", OWNED)
    sql = f"CREATE TABLE gp_mine ({_T}, owner TEXT)"
    assert keys(found(sql, datamap=of(mine))) == ["reserved-name:gp_mine"]
    numbered = Table("t", (*OWNED, Column("oid", "identifier", "integer")))
    assert keys(found(f"CREATE TABLE t ({_T}, owner TEXT, oid INT)", datamap=of(numbered))) == [
        "rowid-name:t.oid"
    ]
    stored = of(Table("words_data", (Column("id", "identifier", "integer", "key"),)))
    assert "not-a-table:words_data" in keys(found(f"{FTS}(a)", datamap=stored))
    beside = of(
        Table("words_of_people", OWNED)
    )  # bears the name of a module's table, and is nobody's but its own
    sql = f"CREATE TABLE words_of_people ({_T}, owner TEXT)"
    assert keys(found(sql, f"{FTS}(a)", datamap=beside)) == []
    two = of(Table("t", OWNED), Table("T", OWNED))
    assert set(keys(found(f"CREATE TABLE t ({_T}, owner TEXT)", datamap=two))) == {"name-case:T"}


def test_the_row_s_number_is_a_key_and_a_note() -> None:
    """An INTEGER PRIMARY KEY is unique and never NULL though nothing says so; it tells of others."""
    table = Table("t", (Column("id", "identifier", "integer", "key"), *OWNED[1:]))
    verdict = found("CREATE TABLE t (id INTEGER PRIMARY KEY, tenant TEXT, owner TEXT)", datamap=of(table))
    assert keys(verdict) == []
    assert "numbered-key:t.id" in [note.key for note in verdict.notes]
    # A key that is a person's value is no random key.
    mail = Table("t", (Column("id", "email", "text", "key"), *OWNED[1:]))
    assert keys(found(f"CREATE TABLE t ({_T}, owner TEXT)", datamap=of(mail))) == ["unique:t.id"]


def test_what_nobody_governs_is_noted_and_stops_nothing() -> None:
    """Statements do not reach such a table; what a module stores is its module's."""
    verdict = found("CREATE TABLE plain (a)", f"{FTS}(a)")
    assert keys(verdict) == []
    assert [note.key for note in verdict.notes] == ["ungoverned-table:plain", "ungoverned-table:words"]


def test_everything_is_found_at_once() -> None:
    """One start tells every fault, sorted, each with what to do."""
    cases = (CASES[0], *(c for c in CASES if c.key in ("view:v", "ungoverned-child:seen.p")))
    statements = dict.fromkeys(s for case in cases[:4] for s in case.faulty)
    with pytest.raises(PolicyError) as error:
        check(read(made(*list(statements)[:3])), DATAMAP)
    codes = [each.code for each in error.value.findings]
    assert sorted(codes) == sorted({"unique", "ungoverned-child", "view"})
    assert all(each.hint for each in error.value.findings)
    assert 'accept={"unique:picture.title": "…"}' in str(error.value)


def test_an_exception_needs_a_reason_and_a_fault() -> None:
    """INVARIANT (nothing-accepted-in-silence): no reason, nothing to accept, or nothing that may be accepted:
    each stops the start; a reason lets exactly its own fault pass, and stands in the lock."""

    def verdict(accepted: Mapping[str, str], *statements: str) -> Verdict:
        return found(*statements, datamap=of(*DATAMAP.tables, accepted=accepted))

    key = "unique:picture.title"
    passed = verdict({key: "they are numbers from a public list"}, *unique("title"))
    assert (keys(passed), [f.key for f in passed.accepted]) == ([], [key])
    assert keys(verdict({key: "x"}, *unique("note"))) == ["accept:picture.title", "unique:picture.note"]
    assert keys(verdict({key: " "}, *unique("title"))) == ["accept:picture.title", key]
    assert keys(verdict({key: "no longer"})) == ["accept:picture.title"]
    assert keys(verdict({"nonsense": "x"})) == ["accept:nonsense"]
    unknown = "column-unknown:picture.face"
    assert keys(verdict({unknown: "x"}, *picture(rest=", face TEXT"))) == ["accept:picture.face", unknown]


def test_what_is_accepted_or_opaque_stands_in_the_lock() -> None:
    """Counsel reads both in `datamap.lock`; the digest changes with them."""
    text = datamap_lock(of(*DATAMAP.tables, accepted={"unique:picture.title": 'a "public" list'}))
    assert '"unique:picture.title" = "a \\"public\\" list"' in text
    assert "opaque = true" in text
    timeline = load_timeline(ROOT / "policies" / "gptimage")
    tables = data_map(timeline).tables
    one, other = bind(timeline, tables), bind(timeline, tables, {"view:v": "r"})
    assert one.digest != other.digest
    assert other.accepted == (Accepted("view:v", "r"),)


def test_the_reference_server_passes(tmp_path: Path) -> None:
    """Its own schema holds what its data map says; what stays for a reason is in the lock."""
    connection = sqlite3.connect(tmp_path / "data.sqlite", isolation_level=None)
    connection.execute("BEGIN")
    migrate(connection)
    migrate_server(connection)
    connection.execute("COMMIT")
    connection.close()
    datamap = data_map(load_timeline(ROOT / "policies" / "gptimage"))
    verdict = judge(read_file(tmp_path / "data.sqlite"), datamap)
    assert keys(verdict) == []
    assert [fault.key for fault in verdict.accepted] == ["unique:accounts.accounts_one_address"]
    assert [note.key for note in verdict.notes] == ["ungoverned-table:server_migration"]
    lock = (ROOT / "policies/gptimage/datamap.lock").read_text("utf-8")
    assert "unique:accounts.accounts_one_address" in lock


# With Piccolo


def classes(engine: Any, *, sound: bool, hold: str = "restrict") -> list[type[PiccoloTable]]:
    """Two tables; unsound ones cascade, and are unique over what people have."""
    action = {"on_delete": OnDelete[hold], "on_update": OnUpdate[hold]} if sound else {}

    class Desk(PiccoloTable, db=engine, tablename="desk"):
        id = Varchar(length=40, primary_key=True, default="")
        owner = subject(Varchar(length=40))
        tenant = tenant(Varchar(length=40))
        recorded = recorded(BigInt())
        keep_ended = keep_ended(BigInt(null=True))
        collected_under = collected_under(Integer())
        title = category("picture", Varchar(length=20, unique=not sound))
        token = opaque(category("picture", Varchar(length=20, unique=True)))

    class Lamp(PiccoloTable, db=engine, tablename="lamp"):
        id = Varchar(length=40, primary_key=True, default="")
        owner = subject(Varchar(length=40))
        desk = ForeignKey(Desk, **action)
        tenant = tenant(Varchar(length=40))
        recorded = recorded(BigInt())
        keep_ended = keep_ended(BigInt(null=True))
        collected_under = collected_under(Integer())

    return [Desk, Lamp]


def governed(folder: Path, *, sound: bool, accept: Mapping[str, str] | None = None) -> tuple[str, ...]:
    """Start with these tables; gives the notes."""
    engine = GovernedSQLite(folder / "data.sqlite")
    tables = classes(engine, sound=sound)

    async def start() -> tuple[str, ...]:
        for table in tables:
            await table.create_table(if_not_exists=True)
        try:
            guard = await govern(
                engine,
                policy=single(parse_document(POLICY, "policy.toml")),
                tables=tables,
                ledger=folder / "ledger",
                clock=FixedClock(NOW),
                accept=accept,
            )
            assert engine.guard is guard
            return tuple(note.key for note in guard.notes)
        except PolicyError:
            assert engine.guard is None
            raise
        finally:
            engine._database.close()

    return asyncio.run(start())


def test_a_start_with_faults_attaches_nothing(tmp_path: Path) -> None:
    """`govern` reads the real schema; with faults nothing is attached, and all of them are told."""
    with pytest.raises(PolicyError) as error:
        governed(tmp_path, sound=False)
    assert [each.code for each in error.value.findings] == ["unique", "cascade"]
    assert governed(tmp_path / "..", sound=True) == ()


def test_a_start_with_reasons_goes_on(tmp_path: Path) -> None:
    """Each fault by its key; one reason too many stops it again."""
    reasons = {"unique:desk.title": "numbers", "cascade:lamp.desk": "lamps have no people of their own"}
    assert governed(tmp_path, sound=False, accept=reasons) == ()
    with pytest.raises(PolicyError, match="nothing of that kind is there"):
        governed(tmp_path, sound=False, accept={**reasons, "view:v": "gone"})


@pytest.mark.parametrize("hold", ["restrict", "no_action"])
def test_a_row_that_others_hang_on_collides_as_any_other(hold: str, tmp_path: Path) -> None:
    """S7: RESTRICT fails under another code than NO ACTION; either way it is the one neutral error, whoever's
    row it is that hangs there, without names and without a cause, and nothing is deleted."""
    engine = GovernedSQLite(tmp_path / "data.sqlite")
    tables = classes(engine, sound=True, hold=hold)
    Desk: Any = tables[0]

    async def scenario() -> None:
        for table in tables:
            await table.create_table()
        guard = await govern(
            engine,
            policy=single(parse_document(POLICY, "policy.toml")),
            tables=tables,
            ledger=tmp_path / "ledger",
            clock=FixedClock(NOW),
        )
        await guard.in_transaction(lambda c: state.create_subject(c, "main", "ann", NOW))
        async with guard.access(ANN, purpose="provide_service"):
            await Desk(id="desk-1", owner="ann", title="t", token="x").save()
        with sqlite3.connect(tmp_path / "data.sqlite") as others:
            others.execute(
                "INSERT INTO lamp (id, owner, desk, tenant, recorded, collected_under)"
                " VALUES ('lamp-1', 'bob', 'desk-1', 'main', 1, 1)"
            )
        others.close()
        async with guard.access(ANN, purpose="provide_service"):
            with pytest.raises(Conflict) as error:
                await Desk.delete().where(Desk.id == "desk-1")
            assert error.value.__context__ is None
            assert await Desk.count() == 1
        guard.sink.close()  # type: ignore[attr-defined]  # the built-in sink has it
        engine._database.close()

    asyncio.run(scenario())


def test_classes_that_would_be_another_way_are_refused_at_once(tmp_path: Path) -> None:
    """`schema=`, two classes for one table, another engine: every one of them is told."""
    engine, other = GovernedSQLite(tmp_path / "a.sqlite"), GovernedSQLite(tmp_path / "b.sqlite")

    class One(PiccoloTable, db=engine, tablename="one", schema="main"):
        pass

    class Uno(PiccoloTable, db=other, tablename="One"):
        pass

    async def start() -> None:
        await govern(
            engine,
            policy=single(parse_document(POLICY, "policy.toml")),
            tables=[One, Uno],
            ledger=tmp_path / "ledger",
        )

    with pytest.raises(PolicyError) as error:
        asyncio.run(start())
    assert sorted(each.code for each in error.value.findings) == sorted(CODES)
    with pytest.raises(PolicyError, match="schema"):
        table_of(One)
    with pytest.raises(GuardError, match="extra nodes"):
        _ = engine.extra_nodes


def test_maintenance_ends_with_the_lints(tmp_path: Path) -> None:
    """What a migration leaves behind is held against the data map too: with a fault nothing is served, not
    under an access that is open either, until another maintenance has mended it."""

    async def scenario(world: World) -> None:
        Picture, guard = world.Picture, world.guard
        async with world.own():
            assert await Picture.count() == 0
            with pytest.raises(PolicyError, match=r"picture\.title"):
                async with guard.maintenance("unique titles", "OPS-1", NOW + 10):
                    await Picture.raw("CREATE UNIQUE INDEX titles ON picture (title)")
            with pytest.raises(GuardError, match="nothing is served"):
                await Picture.count()
        with pytest.raises(ZeroDivisionError):  # what went wrong inside is what is told
            async with guard.maintenance("try", "OPS-2", NOW + 10):
                raise ZeroDivisionError
        async with world.own():
            with pytest.raises(GuardError, match="nothing is served"):
                await Picture.count()
        async with guard.maintenance("no unique titles", "OPS-3", NOW + 10):
            await Picture.raw("DROP INDEX titles")
        await world.picture(ANN)
        async with world.own():
            assert await Picture.count() == 1

    in_world(tmp_path, scenario)
