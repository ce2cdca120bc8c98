"""Ring three alone: raw texts, neither parsed nor shaped, on a connection that stands as it does for a
statement of an open access. Nothing of a governed table is read; what is written `decide_slowly` permits.

The other way round, that ring three changes nothing of what rings one and two let through, is a part of
`test_guard_fuzz`.
"""

from __future__ import annotations

import contextlib
import random
import sqlite3
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from tests.support.fuzz.checks import fitted
from tests.support.fuzz.policy import ACCESSES, NOW, TABLES, Asked, law
from tests.support.fuzz.reads import select
from tests.support.fuzz.rig import Governed, Original, Under, _dumped
from tests.support.fuzz.world import Rows, World, random_world
from tests.support.fuzz.writes import write
from tests.support.fuzz.written import _permitted as check_permitted
from tests.support.rings import Answer, alone_on

from gptimage_core.decision.model import Actor
from gptimage_core.errors import GuardError, StoreError
from gptimage_core.guard.params import values_of
from gptimage_core.guard.sqlite.ring import Ring
from gptimage_core.guard.statements.catalog import Catalog
from gptimage_core.store.database import Database
from gptimage_core.store.watched import lifted

_SEEDS = st.integers(min_value=0, max_value=2**48)
_ONCE = (Phase.explicit, Phase.reuse, Phase.generate)
_REFUSED = (GuardError, sqlite3.Error, sqlite3.Warning, OverflowError)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Governed:
    return Governed(tmp_path_factory.mktemp("alone"), indexed=True, ringed=True)


class _Scene:
    """A random world under a random policy and access, behind ring three alone."""

    def __init__(self, home: Governed, rng: random.Random, asked: Asked | None = None) -> None:
        self.home, self.world = home, random_world(rng)
        self.law, self.asked = law(rng.randrange(60)), asked or rng.choice(ACCESSES)
        self.under: Under = home.filled(self.world, self.law, self.asked)

    def run(self, sql: str, args: Any = (), **said: str) -> Answer:
        values = values_of(self.asked.actor, self.asked.about, NOW)
        return alone_on(self.home.connection, self.home.ring, self.under.view, values, sql, args, **said)

    def rows(self) -> dict[str, list[dict[str, Any]]]:
        with lifted(self.home.connection):
            return _dumped(self.home.connection)

    def undone(self, work: Callable[[], Any]) -> Any:
        """Do something and take it back."""
        self.home.connection.execute("BEGIN")
        try:
            return work()
        finally:
            if self.home.connection.in_transaction:
                self.home.connection.execute("ROLLBACK")


def _stored(at: _Scene, before: Rows) -> Any:
    """What the check asks of a scene: the rows as they are stored."""
    return SimpleNamespace(world=World(before, at.world.people), law=at.law, asked=at.asked)


_EMPTY = Original({table.name: [] for table in TABLES})


@settings(max_examples=40, deadline=None, phases=_ONCE)
@given(_SEEDS)
def test_a_raw_select_learns_nothing(home: Governed, seed: int) -> None:
    """INVARIANT (read-in-secret): a text that names a governed table is refused; another one answers as it
    does where there is nothing."""
    rng = random.Random(seed)
    at = _Scene(home, rng)
    for _ in range(12):
        written = select(rng)
        args = fitted(written.sql, written.args)
        try:
            answer = at.run(written.sql, args, verb="SELECT")
        except _REFUSED:
            continue
        assert answer.rows == _EMPTY.run(written.sql, args).rows, (written.sql, args)


@settings(max_examples=40, deadline=None, phases=_ONCE)
@given(_SEEDS)
def test_a_raw_write_changes_what_may_be_changed(home: Governed, seed: int) -> None:
    """S7: whatever a text says, rows that go, change or come to be are those that the policy permits, as they
    were and as they are."""
    rng = random.Random(seed)
    at = _Scene(home, rng)
    before = at.rows()

    for _ in range(12):
        written = write(rng)
        said = {} if rng.random() < 0.8 else {"target": rng.choice(TABLES).name}
        sql = _varied(rng, written.sql)

        def attempt(sql: str = sql, args: Any = written.args, said: Any = said) -> Any:
            try:
                at.run(sql, fitted(sql, args), **said)
            except _REFUSED:
                at.home.connection.execute("ROLLBACK")  # as the guard's transaction does
            return at.rows()

        after = at.undone(attempt)
        try:
            check_permitted(_stored(at, before), before, after)
        except AssertionError as failed:
            raise AssertionError(
                f"{failed}\n{sql}\n{written.args}\n{at.asked}\nlaw({at.law.number})"
            ) from failed


def _varied(rng: random.Random, sql: str) -> str:
    """What rings one and two would not let through."""
    word = sql.split(None, 1)[0].upper()
    if word == "INSERT" and rng.random() < 0.3:
        return sql.replace("INSERT", rng.choice(("INSERT OR REPLACE", "REPLACE", "INSERT OR IGNORE")), 1)
    if word == "UPDATE" and rng.random() < 0.3:
        return sql.replace("UPDATE", rng.choice(("UPDATE OR REPLACE", "UPDATE OR IGNORE")), 1)
    if rng.random() < 0.2:
        return sql.partition(" WHERE ")[0]
    return sql


# Attacks by name

READS = {
    "a column": "SELECT note FROM image",
    "a key": "SELECT id FROM image",
    "a technical column": "SELECT owner FROM image",
    "a count": "SELECT count(*) FROM image",
    "a count, qualified": "SELECT count(*) FROM main.image",
    "its existence": "SELECT EXISTS (SELECT 1 FROM image)",
    "a row's number": "SELECT rowid FROM image",
    "NATURAL JOIN": "SELECT 1 FROM image AS a NATURAL LEFT JOIN reference AS b",
    "USING": "WITH a(note) AS (SELECT 'x') SELECT 1 FROM a JOIN image USING (note)",
    "USING in between": "SELECT 1 FROM (SELECT 1 AS note) AS [a'] JOIN image/**/USING(note) WHERE '' = ''",
    "a cross join": "SELECT 1 FROM (SELECT 1) AS a, image AS b",
    "in a CTE of a guessed name": 'WITH "g0_v1_0" AS (SELECT * FROM main.image) SELECT * FROM "g0_v1_0"',
    "in a CTE of the table's name": 'WITH "image" AS (SELECT * FROM main.image) SELECT count(*) FROM "image"',
    "in a CTE within a CTE": "WITH a AS (WITH b AS (SELECT * FROM image) SELECT * FROM b) SELECT * FROM a",
    "recursively": "WITH RECURSIVE a(n) AS (SELECT id FROM image UNION ALL SELECT n FROM a) SELECT n FROM a",
    "the core's tables": "SELECT subject FROM gp_subject_state",
    "a count of the core's tables": "SELECT count(*) FROM gp_subject_state",
    "records": "SELECT touched FROM gp_access_record",
    "the schema": "SELECT sql FROM sqlite_master",
    "the schema, by its other name": "SELECT sql FROM main.sqlite_schema",
    "temporary objects": "SELECT sql FROM sqlite_temp_master",
    "temporary objects, qualified": "SELECT name FROM temp.sqlite_master",
    "pages": "SELECT data FROM sqlite_dbpage",
    "statistics": "SELECT * FROM dbstat",
    "a pragma as a table": "SELECT * FROM pragma_table_info('image')",
    "a pragma as a table, counted": "SELECT count(*) FROM pragma_table_list",
    "a view of somebody's": "SELECT * FROM seen",
    "a view of somebody's, counted": "SELECT count(*) FROM seen",
    "a full-text index": "SELECT * FROM words",
    "its shadow tables": "SELECT * FROM words_content",
    "a table of nobody's": "SELECT * FROM aside",
    "EXPLAIN": "EXPLAIN SELECT 1",
    "EXPLAIN QUERY PLAN": "EXPLAIN QUERY PLAN SELECT note FROM image",
    "EXPLAIN behind a comment": "/* x */ EXPLAIN UPDATE image SET note = 'x'",
    "a pragma": "PRAGMA table_info(image)",
    "ATTACH": "ATTACH ':memory:' AS other",
    "VACUUM INTO": "VACUUM INTO 'copy.db'",
    "a temporary view": "CREATE TEMP VIEW image AS SELECT 1",
    "a temporary table": "CREATE TEMP TABLE t AS SELECT * FROM image",
    "a virtual table": "CREATE VIRTUAL TABLE v USING fts5(a)",
    "the end of the transaction": "COMMIT",
    "a savepoint": "SAVEPOINT x",
    "an extension": "SELECT load_extension('x')",
    "a function that is not listed": "SELECT randomblob(4)",
    "two statements": "SELECT 1; SELECT note FROM image",
    "an empty text": "",
    "ANALYZE": "ANALYZE",
    "REINDEX": "REINDEX image",
}
WRITES = {
    "a hidden row's field": "UPDATE image SET note = 'x' WHERE owner = 'bob'",
    "every row": "UPDATE image SET note = 'x'",
    "by what it may not read": "UPDATE image SET starred = 1 WHERE note LIKE '%hidden%'",
    "a copy of what it may not read": "UPDATE image SET extra = (SELECT group_concat(note) FROM image)",
    "the row's people": "UPDATE image SET owner = 'ann'",
    "the tenant": "UPDATE image SET tenant = 'other'",
    "the key": "UPDATE image SET id = id || 'x'",
    "the row's number": "UPDATE image SET rowid = rowid + 1000",
    "RETURNING": "UPDATE image SET starred = 1 RETURNING prompt",
    "RETURNING of a DELETE": "DELETE FROM image RETURNING prompt",
    "FROM": "UPDATE image SET extra = a.name FROM account AS a",
    "a hidden row replaced": "INSERT OR REPLACE INTO image (id, owner, tenant) SELECT 'i0', 'ann', 'main'",
    "REPLACE": "REPLACE INTO image (id, owner, tenant) VALUES ('i1', 'ann', 'main')",
    "OR REPLACE of an UPDATE": "UPDATE OR REPLACE image SET id = 'i1' WHERE id = 'i0'",
    "a hidden row's upsert": "INSERT INTO image (id, owner, tenant) VALUES ('i1', 'ann', 'main')"
    " ON CONFLICT (id) DO UPDATE SET note = 'x', owner = 'ann'",
    "a row of somebody else's": "INSERT INTO image (id, owner, tenant, note) VALUES ('n', 'bob', 'main', '')",
    "an INSERT of what it may not read": "INSERT INTO account (id, note) SELECT id, note FROM image",
    "the core's tables": "UPDATE gp_subject_state SET deleted = 0",
    "the core's records": "DELETE FROM gp_access_record",
    "a consent": "INSERT INTO gp_consent_state VALUES ('main', 'bob', 'study', 1, 1, 1, 0)",
    "the context": "UPDATE temp.sqlite_master SET sql = ''",
    "the schema": "DELETE FROM sqlite_master",
    "DROP": "DROP TABLE image",
    "ALTER": "ALTER TABLE image RENAME TO other",
    "a trigger": "CREATE TRIGGER t AFTER UPDATE ON image BEGIN SELECT 1; END",
    "a temporary trigger": "CREATE TEMP TRIGGER t AFTER UPDATE ON image BEGIN SELECT RAISE(IGNORE); END",
    "the triggers": "DROP TRIGGER x",
    "through a view": "UPDATE seen SET note = 'x'",
}  # fmt: skip


@pytest.fixture(scope="module")
def furnished(tmp_path_factory: pytest.TempPathFactory) -> Governed:
    """A database in which somebody has left a view, a full-text index and a table of nobody's."""
    made = Governed(tmp_path_factory.mktemp("furnished"), indexed=True)
    for sql in (
        "CREATE VIEW seen AS SELECT id, note FROM image",
        "CREATE VIRTUAL TABLE words USING fts5(note)",
        "CREATE TABLE aside (note TEXT)",
    ):
        made.connection.execute(sql)
    made.ring = Ring(Catalog.of(law(0).datamap))
    made.ring.prepare(made.connection)
    return made


@pytest.mark.parametrize("attack", READS)
@pytest.mark.parametrize("verb", ["SELECT", "UPDATE", "INSERT", "DELETE"])
def test_a_read_is_refused_as_whatever_it_comes(furnished: Governed, attack: str, verb: str) -> None:
    """No text that reads past the shaper runs, as whichever kind of statement the guard takes it for."""
    at = _Scene(furnished, random.Random(1), ACCESSES[0])
    with pytest.raises(_REFUSED):
        at.run(READS[attack], verb=verb, target="image")
    assert not furnished.connection.in_transaction


@pytest.mark.parametrize("attack", WRITES)
def test_a_write_does_what_may_be_done(furnished: Governed, attack: str) -> None:
    """Under many policies: refused, or nothing comes of it that the policy does not permit; and it tells
    nothing but keys and technical columns."""
    for seed in range(12):
        at = _Scene(furnished, random.Random(seed), ACCESSES[0])
        before = at.rows()

        def attempt(at: _Scene = at) -> Any:
            told = []
            try:
                told = at.run(WRITES[attack], target="image").rows
            except _REFUSED:
                at.home.connection.execute("ROLLBACK")
            return told, at.rows()

        told, after = at.undone(attempt)
        assert told == []
        check_permitted(_stored(at, before), before, after)


def test_a_text_that_the_cache_holds_is_asked_about_again(furnished: Governed) -> None:
    """INVARIANT (asked-anew): what the core, an access or maintenance has prepared runs for nobody else."""
    connection = furnished.connection
    text = "SELECT subject FROM gp_subject_state WHERE tenant = 'main' ORDER BY subject"
    assert connection.execute(text).fetchall()  # as the core itself
    at = _Scene(furnished, random.Random(3), ACCESSES[0])
    with pytest.raises(GuardError):
        at.run(text)
    everything = "SELECT note FROM image"
    with lifted(connection):
        connection.execute(everything).fetchall()
    furnished.ring.maintained(lambda c: c.execute(everything).fetchall())
    for other in (ACCESSES[0], Asked(Actor.staff("clerk"), "secure")):
        with pytest.raises(GuardError):
            _Scene(furnished, random.Random(3), other).run(everything)
    with pytest.raises(sqlite3.DatabaseError):
        connection.execute(everything)
    assert connection.execute(text).fetchall()


def test_a_rollback_takes_rules_and_context_along_and_the_next_write_has_its_own(home: Governed) -> None:
    """The rules of a view lie on the connection, in the transaction that laid them; a rollback takes them
    away, and whose context stands there afterwards decides nothing."""
    ann, bob = Asked(Actor.subject("ann"), "serve"), Asked(Actor.subject("bob"), "serve")
    star = "UPDATE image SET starred = 1"
    for seed in range(20):
        at = _Scene(home, random.Random(seed), ann)
        other = home.filled(at.world, at.law, bob)
        before = at.rows()

        def attempt(at: _Scene = at, other: Under = other) -> Any:
            for view, person in ((at.under.view, "ann"), (other.view, "bob"), (at.under.view, "ann")):
                home.connection.execute("SAVEPOINT a")
                with contextlib.suppress(GuardError):
                    alone_on(home.connection, home.ring, view, (person, "main", None, NOW), star)
                if person == "bob":
                    home.connection.execute("ROLLBACK TO a")
                home.connection.execute("RELEASE a")
            return at.rows()

        at.undone(attempt)
        check_permitted(_stored(at, before), before, at.undone(attempt))


def test_a_function_that_raises_is_called_on_no_hidden_row(home: Governed) -> None:
    """A raw text calls no function that is not listed; a listed one sees keys and technical columns."""
    home.connection.create_function("probe", 1, lambda value: 1 / 0)
    at = _Scene(home, random.Random(5), ACCESSES[0])
    for sql in (
        "UPDATE image SET starred = 1 WHERE probe(note)",
        "DELETE FROM image WHERE probe(id)",
        "SELECT probe(note) FROM image",
    ):
        with pytest.raises(GuardError):
            at.undone(lambda sql=sql: at.run(sql))  # type: ignore[misc]


def test_a_connection_that_is_watched_hands_out_no_other_way(tmp_path: Path) -> None:
    """What SQLite asks nobody about is refused; a database that is watched stays watched, all lanes."""
    database = Database(tmp_path / "d.db", readers=2)
    database.read_sync(lambda c: c.execute("SELECT 1").fetchall())
    ring = Ring(Catalog.of(law(0).datamap))
    database.watch(ring)
    for attempt in (
        lambda c: c.set_authorizer(None),
        lambda c: c.cursor(),
        lambda c: c.executescript("SELECT 1"),
        lambda c: c.blobopen("gp_meta", "value", 1),
        lambda c: c.backup(sqlite3.connect(":memory:")),
        lambda c: c.serialize(),
        lambda c: c.iterdump(),
        lambda c: c.enable_load_extension(True),
        lambda c: c.execute("PRAGMA query_only=0"),
        lambda c: c.execute("ATTACH ':memory:' AS other"),
    ):
        for lane in (database.read_sync, database.write_sync):
            with pytest.raises(GuardError):
                lane(attempt)  # type: ignore[operator]  # both take work
    with pytest.raises(StoreError, match="has a guard already"):
        database.watch(Ring(Catalog.of(law(0).datamap)))
    database.close()


def test_a_session_that_began_unwatched_is_ended_first(tmp_path: Path) -> None:
    """Its transaction would go on with nobody asked."""
    database = Database(tmp_path / "d.db")
    session = database.session_sync(write=True)
    with pytest.raises(StoreError, match="session is open"):
        database.watch(Ring(Catalog.of(law(0).datamap)))
    session.release_sync()
    database.watch(Ring(Catalog.of(law(0).datamap)))
    database.close()
