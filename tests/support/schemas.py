"""Schemas for the lints: sound tables with their data map, and a case per fault with its mended form."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Sequence

from msgspec import Struct

from gptimage_core.policy.binding import Column, DataMap, Table, Via
from gptimage_core.store.schema import migrate

__all__ = ["CASES", "DATAMAP", "FTS", "OWNED", "SOUND", "TECHNICAL_SQL", "Case", "made", "picture", "unique"]

_TECHNICAL = (
    Column("id", "identifier", "text", "key"),
    Column("tenant", "identifier", "text", "tenant"),
)
OWNED = (*_TECHNICAL, Column("owner", "identifier", "text", "subject"))
DATAMAP = DataMap(
    (
        Table(
            "picture",
            (
                *OWNED,
                Column("title", "picture", "text"),
                Column("note", "note", "text"),
                Column("visibility", "picture", "text", fact="visibility"),
                Column("size", "picture", "integer"),
            ),
        ),
        Table(
            "page",
            (
                *_TECHNICAL,
                Column("picture", "identifier", "text", "link", references="picture"),
                Column("text", "note", "text"),
            ),
            Via("picture", "picture"),
        ),
        Table(
            "job",
            (
                *OWNED,
                Column("picture", "identifier", "text", "link", references="picture"),
                Column("token", "picture", "text", opaque=True),
            ),
        ),
        Table("letter", (*OWNED, Column("reader", "identifier", "text", "subject"))),
    ),
    "sha256:test",
)
TECHNICAL_SQL = "id TEXT NOT NULL PRIMARY KEY, tenant TEXT NOT NULL"
_PICTURE = "owner TEXT NOT NULL, title TEXT, note TEXT, visibility TEXT, size INTEGER"
_PAGE = "picture TEXT REFERENCES picture ON DELETE CASCADE, text TEXT"
_JOB = "owner TEXT, picture TEXT REFERENCES picture (id), token TEXT"
SOUND = {
    "picture": f"CREATE TABLE picture ({TECHNICAL_SQL}, {_PICTURE})",
    "page": f"CREATE TABLE page ({TECHNICAL_SQL}, {_PAGE})",
    "job": f"CREATE TABLE job ({TECHNICAL_SQL}, {_JOB})",
    "letter": f"CREATE TABLE letter ({TECHNICAL_SQL}, owner TEXT, reader TEXT)",
}


def made(*statements: str) -> sqlite3.Connection:
    """A database with the sound tables, of which these statements may make some anew, and the core's own."""
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.execute("BEGIN")
    migrate(connection)
    anew = {name for name in SOUND for each in statements if re.match(rf'CREATE \w+ "?{name}\b', each, re.I)}
    for name, sql in SOUND.items():
        if name not in anew:
            connection.execute(sql)
    for statement in statements:
        connection.execute(statement)
    return connection


class Case(Struct):
    """A fault, by its key, and the statements with it and without it."""

    key: str
    faulty: Sequence[str]
    mended: Sequence[str] = ()


def unique(columns: str, rest: str = "", on: str = "picture") -> list[str]:
    return [f"CREATE UNIQUE INDEX u ON {on} ({columns}) {rest}"]


def picture(
    columns: str = _PICTURE, rest: str = "", technical: str = TECHNICAL_SQL, end: str = ""
) -> list[str]:
    return [f"CREATE TABLE picture ({technical}, {columns}{rest}){end}"]


def job(link: str, columns: str = "owner TEXT, token TEXT", rest: str = "") -> list[str]:
    return [f"CREATE TABLE job ({TECHNICAL_SQL}, {columns}, picture TEXT {link}{rest})"]


def letter(key: str, rest: str = "", end: str = "") -> list[str]:
    return [f"CREATE TABLE letter ({key}, tenant TEXT, owner TEXT, reader TEXT{rest}){end}"]


FTS = "CREATE VIRTUAL TABLE words USING fts5"
CASES = [
    Case("unique:picture.title", unique("title"), unique("tenant, owner, title")),
    Case("unique:picture.tenant+title", picture(rest=", UNIQUE (tenant, title)"), picture()),
    Case("unique:picture.u", unique("tenant, title", "WHERE note IS NULL"), unique("id, title")),
    Case("unique:picture.u", unique("tenant, lower(title)"), unique("tenant, lower(title), owner")),
    Case("unique:picture.u", unique("tenant, lower(owner)"), unique("tenant, owner")),
    Case("unique:picture.u", unique("tenant, owner COLLATE NOCASE"), unique("tenant, owner COLLATE BINARY")),
    Case("unique:page.text", unique("text", on="page"), unique("picture, text", on="page")),
    Case(
        "unique:letter.tenant+reader",
        unique("tenant, reader", on="letter"),
        unique("tenant, owner, reader", on="letter"),
    ),
    Case("unique:job.picture", unique("picture", on="job"), unique("token", on="job")),
    Case("unique-tenant:picture.owner+title", unique("owner, title"), unique("tenant, owner, title")),
    Case("unique-tenant:picture.u", unique("owner, lower(title)"), unique("tenant, owner, lower(title)")),
    Case("key:letter.id", letter("id TEXT PRIMARY KEY"), letter("id TEXT NOT NULL UNIQUE")),
    Case("key:letter.id", letter("id TEXT NOT NULL"), letter("id TEXT PRIMARY KEY", end=" WITHOUT ROWID")),
    Case(
        "key:letter.id",
        letter("id TEXT NOT NULL", ", PRIMARY KEY (id, tenant)"),
        letter("id TEXT PRIMARY KEY NOT NULL", end=" STRICT"),
    ),
    Case(
        "key:letter.id",
        [*letter("id TEXT NOT NULL"), "CREATE UNIQUE INDEX k ON letter (id) WHERE owner > 1"],
        [*letter("id TEXT NOT NULL"), "CREATE UNIQUE INDEX k ON letter (id)"],
    ),
    Case(
        "conflict-clause:picture",
        picture(technical="id TEXT NOT NULL PRIMARY KEY ON CONFLICT REPLACE, tenant TEXT"),
        picture(technical="id TEXT NOT NULL PRIMARY KEY ON CONFLICT ABORT, tenant TEXT"),
    ),
    Case(
        "conflict-clause:picture",
        picture(rest=", UNIQUE (tenant, owner, size) on/**/conflict IGNORE"),
        picture(rest=", UNIQUE (tenant, owner, size)"),
    ),
    Case(
        "loose-compare:picture.owner",
        picture(_PICTURE.replace("owner TEXT", "owner TEXT COLLATE NOCASE")),
        picture(_PICTURE.replace("owner TEXT", "owner TEXT COLLATE BINARY")),
    ),
    Case(
        "loose-compare:picture.tenant",
        picture(technical="id TEXT NOT NULL PRIMARY KEY, tenant INTEGER"),
        picture(technical="id TEXT NOT NULL PRIMARY KEY, tenant VARCHAR(40)"),
    ),
    Case(
        "loose-compare:picture.visibility",
        picture(_PICTURE.replace("visibility TEXT", "visibility TEXT collate [RTRIM]")),
        picture(_PICTURE.replace("title TEXT", "title TEXT COLLATE NOCASE")),
    ),
    Case("loose-compare:job.picture", job("COLLATE NOCASE REFERENCES picture"), job("REFERENCES picture")),
    Case("column-unknown:picture.face", picture(rest=", face TEXT"), picture()),
    Case("column-unknown:picture.face", picture(rest=", face AS (title)"), picture()),
    Case("column-missing:picture.size", picture(_PICTURE.replace(", size INTEGER", "")), picture()),
    Case(
        "name-case:picture.title",
        picture(_PICTURE.replace("title", "Title")),
        picture(_PICTURE.replace("title", "[title]")),
    ),
    Case("name-case:letter", ['CREATE TABLE "Letter" (a)']),
    Case("table-missing:letter", ["DROP TABLE letter"]),
    Case("not-a-table:letter", ["CREATE VIEW letter AS SELECT 1"]),
    Case("not-a-table:letter", ["DROP TABLE letter", "CREATE VIRTUAL TABLE letter USING fts5(a)"]),
    Case(
        "check-categories:picture.title+note",
        picture(rest=", CHECK (title <> note)"),
        picture(rest=", CHECK (title <> '' AND owner <> '')"),
    ),
    Case(
        "check-categories:picture.note+size",
        picture(_PICTURE + " CONSTRAINT c CHECK (length(note) < size)"),
        picture(_PICTURE + " CHECK (size < 'note')"),
    ),
    Case(
        "raising-expression:picture.note",
        picture(rest=", CHECK (json(note))"),
        picture(rest=", CHECK (json_valid(note))"),
    ),
    Case(
        "raising-expression:picture.i",
        ["CREATE INDEX i ON picture (note ->> 'a')"],
        ["CREATE INDEX i ON picture (lower(note), CAST(size AS VARCHAR(9)))"],
    ),
    Case(
        "raising-expression:picture.i",
        ["CREATE INDEX i ON picture (size) WHERE abs(size) > 1"],
        ["CREATE INDEX i ON picture (size) WHERE size IN (1, 2)"],
    ),
    Case(
        "generated-copy:picture.title",
        picture(_PICTURE.replace("title TEXT", "title TEXT AS (lower(note)) STORED")),
        picture(_PICTURE.replace("title TEXT", "title TEXT GENERATED ALWAYS AS (visibility || owner)")),
    ),
    Case(
        "raising-expression:picture.title",
        picture(_PICTURE.replace("title TEXT", "title TEXT AS (json(visibility))")),
        picture(),
    ),
    Case(
        "cascade:job.picture",
        job("REFERENCES picture ON DELETE CASCADE"),
        job("REFERENCES picture ON DELETE RESTRICT"),
    ),
    Case(
        "cascade:job.picture",
        job("REFERENCES picture (id) ON DELETE SET NULL"),
        job("REFERENCES picture (id) ON DELETE NO ACTION"),
    ),
    Case(
        "cascade:job.picture",
        job("REFERENCES picture ON UPDATE SET DEFAULT"),
        job("REFERENCES picture ON UPDATE RESTRICT"),
    ),
    Case(
        "unknown-link:letter.reader",
        [f"CREATE TABLE letter ({TECHNICAL_SQL}, owner TEXT, reader TEXT REFERENCES picture)"],
    ),
    Case("unknown-link:job.picture", job("REFERENCES page"), job("REFERENCES picture")),
    Case("unknown-link:job.picture", job("REFERENCES picture (title)"), job("REFERENCES Picture (ID)")),
    Case(
        "unknown-link:job.picture+tenant",
        job("", rest=", FOREIGN KEY (picture, tenant) REFERENCES picture (id, tenant)"),
        job(""),
    ),
    Case(
        "ungoverned-parent:job.token",
        ["CREATE TABLE tokens (t TEXT PRIMARY KEY)", *job("", "owner TEXT, token TEXT REFERENCES tokens")],
        ["CREATE TABLE tokens (t TEXT PRIMARY KEY)"],
    ),
    Case(
        "ungoverned-child:seen.p",
        ["CREATE TABLE seen (p REFERENCES picture ON DELETE CASCADE)"],
        ["CREATE TABLE seen (p)"],
    ),
    Case(
        "core-table:job.owner",
        [f"CREATE TABLE job ({TECHNICAL_SQL}, owner TEXT REFERENCES gp_denial, picture TEXT, token TEXT)"],
    ),
    Case("core-table:gp_mine", ["CREATE TABLE gp_mine (a)"], ["CREATE TABLE mine (a)"]),
    Case("core-table:GP_peek", ["CREATE VIEW GP_peek AS SELECT 1"], ["CREATE VIEW peek AS SELECT 1"]),
    Case("view:v", ["CREATE VIEW v AS SELECT count(*) FROM picture"], ["CREATE VIEW v AS SELECT 1"]),
    Case(
        "view:v",
        ["CREATE TABLE o (a)", "CREATE VIEW v AS WITH x AS (SELECT * FROM [PICTURE]) SELECT * FROM o, x"],
        ["CREATE TABLE o (a)", "CREATE VIEW v AS SELECT * FROM o"],
    ),
    Case("view:v", ["CREATE VIEW v AS SELECT * FROM gp_denial"], ["CREATE VIEW v AS SELECT 1 -- picture\n"]),
    Case("trigger:t", ["CREATE TRIGGER t AFTER DELETE ON page BEGIN SELECT 1; END"]),
    Case(
        "trigger:t",
        [
            "CREATE TABLE o (a)",
            "CREATE TRIGGER t AFTER INSERT ON o BEGIN UPDATE picture SET title = new.a; END",
        ],
        ["CREATE TABLE o (a)", "CREATE TRIGGER t AFTER INSERT ON o BEGIN UPDATE o SET a = new.a; END"],
    ),
    Case(
        "trigger:t",
        [
            "CREATE VIEW v AS SELECT 1 AS a",
            "CREATE TRIGGER t INSTEAD OF INSERT ON v BEGIN DELETE FROM `picture`; END",
        ],
        ["CREATE VIEW v AS SELECT 1 AS a", "CREATE TRIGGER t INSTEAD OF INSERT ON v BEGIN SELECT 1; END"],
    ),
    Case("trigger:t", ["CREATE TRIGGER t AFTER INSERT ON gp_denial BEGIN SELECT 1; END"]),
    Case("virtual-table:words", [f"{FTS}(title, content='picture')"], [f"{FTS}(title)"]),
    Case(
        "virtual-table:words",
        [f'{FTS}(title, content="Picture", content_rowid=rowid)'],
        [f"{FTS}(title, content='')"],
    ),
]
