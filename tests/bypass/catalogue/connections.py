"""Ways around the engine: connections, engines, and objects of the library that hold one."""

from __future__ import annotations

from typing import Any

from piccolo.columns import Text, Varchar
from piccolo.engine.finder import engine_finder
from piccolo.query import Select
from piccolo.querystring import QueryString
from piccolo.table import Table, create_db_tables, drop_db_tables
from tests.bypass.attack import Family
from tests.bypass.judge import Told
from tests.bypass.world import NOW, World

from gptimage_core.accesslog.sink import RecordSink
from gptimage_core.ports.records import AccessRecord
from gptimage_core.store import state
from gptimage_core.vault.context import Context

CONNECTIONS = Family(
    "connections",
    "Ways around the engine",
    "Connections of one's own, what Piccolo hands out, a second guard or table on the same engine, and the "
    "library's own objects that hold a connection.",
)
code = CONNECTIONS.code
DATABASE = "the database itself"
OUTSIDE = "running outside an access"

ALL = "SELECT id, title, flag FROM main.picture"


def everything(connection: Any) -> Any:
    """What an attacker does with a connection."""
    rows = connection.execute(ALL).fetchall()
    connection.execute("UPDATE picture SET title = 'mine' WHERE owner = 'bob'")
    return rows


@code("get-connection", "the engine's connection", OUTSIDE)
async def _(w: World, told: Told) -> None:
    async with w.own():
        for get in (w.engine.get_connection, w.engine.get_new_connection):
            connection = await told.run(get())
            if connection is not None:
                await told.run(connection.execute(ALL))


@code("transaction-connection", "a transaction's connection", OUTSIDE)
async def _(w: World, told: Told) -> None:
    async with w.own(), w.engine.transaction() as transaction:
        with told.trying():
            told.add(everything(transaction.connection))


@code("database", "the engine's database", OUTSIDE)
async def _(w: World, told: Told) -> None:
    with told.trying():
        told.add(await w.engine.database.read(everything))
    with told.trying():
        told.add(await w.engine.database.write(everything))


@code("batch", "a batch, whose cursor stays open", OUTSIDE)
async def _(w: World, told: Told) -> None:
    async with w.own():
        batch = await told.run(w.Picture.select().batch(batch_size=1))
    if batch is not None:
        async with batch as rows:
            async for row in rows:
                told.add(row)


@code("extra-nodes", "another node of the engine", OUTSIDE)
async def _(w: World, told: Told) -> None:
    with told.trying():
        told.add(w.engine.extra_nodes)
    async with w.own():
        await told.run(lambda: w.Picture.select().run(node="read_1"))


@code("engine-finder", "the engine that Piccolo finds by itself", OUTSIDE)
async def _(w: World, told: Told) -> None:
    found = engine_finder()
    if found is not None:
        await told.run(found.run_querystring(QueryString(ALL)))


@code("querystring-outside", "a query string where no access is open", OUTSIDE)
async def _(w: World, told: Told) -> None:
    await told.run(w.engine.run_querystring(QueryString("SELECT id, title FROM picture")))
    await told.run(w.engine.run_querystring(QueryString(ALL), in_pool=True))
    await told.run(w.guard.run("SELECT id FROM picture", ()))


@code("ddl-outside", "a change of the schema where no maintenance is open", DATABASE)
async def _(w: World, told: Told) -> None:
    await told.run(w.engine.run_ddl("CREATE TABLE c AS SELECT * FROM picture"))
    async with w.own():
        await told.run(w.engine.run_ddl("DROP TABLE copied"))
        await told.run(w.guard.run_ddl(f"CREATE VIEW v AS {ALL}"))
        await told.run(w.guard.run_ddl(ALL))
        await told.run(w.Picture.alter().drop_column("flag").run())
        await told.run(w.Picture.alter().drop_table().run())
        await told.run(w.Picture.create_index([w.Picture.size]).run())
        await told.run(w.Picture.drop_index([w.Picture.size]).run())
        await told.run(create_db_tables(w.Picture, w.Page))
        await told.run(drop_db_tables(w.Tally))


@code("other-text", "a query string that says something else when it is asked again")
async def _(w: World, told: Told) -> None:
    class Twice(QueryString):
        asked = 0

        def compile_string(self, engine_type: str = "sqlite") -> tuple[str, list[Any]]:
            Twice.asked += 1
            return ("SELECT id FROM picture" if Twice.asked == 1 else ALL), []

    query = Twice("")
    async with w.own():
        await told.run(w.engine.run_querystring(query))
        await told.run(w.engine.run_querystring(query))


@code("text-that-equals", "a text that claims to equal another one")
async def _(w: World, told: Told) -> None:
    class Equal(str):
        def __eq__(self, other: object) -> bool:
            return True

        def __hash__(self) -> int:
            return hash("SELECT id FROM picture")

    async with w.own():
        await told.run(w.guard.run("SELECT id FROM picture", ()))
        await told.run(w.guard.run(Equal(ALL), ()))
        await told.run(w.guard.run(Equal("DELETE FROM page"), ()))
        await told.run(w.guard.run("SELECT id FROM picture", ()))


@code("other-table", "a table class of one's own over the same rows")
async def _(w: World, told: Told) -> None:
    class Mine(Table, db=w.engine, tablename="picture"):
        id = Varchar(primary_key=True)
        title = Text()
        flag = Text()

    async with w.own():
        await told.run(Mine.select().run())
        await told.run(Mine.select(Mine.flag).where(Mine.title.like("%")).run())
        await told.run(Mine.update({Mine.flag: "x"}, force=True).run())


@code("schema-table", "a table class with a schema")
async def _(w: World, told: Told) -> None:
    class Mine(Table, db=w.engine, tablename="picture", schema="main"):
        id = Varchar(primary_key=True)
        title = Text()

    async with w.own():
        await told.run(Mine.select().run())
        await told.run(Mine.delete(force=True).run())


@code("copy-table", "a table class over what nobody governs")
async def _(w: World, told: Told) -> None:
    class Mine(Table, db=w.engine, tablename="copied"):
        id = Varchar(primary_key=True)
        title = Text()

    async with w.own():
        await told.run(Mine.select().run())
        await told.run(Mine.objects().run())
        await told.run(Mine.exists().where(Mine.title.like("%plover%")).run())


@code("core-table", "a table class over the core's tables", "the core's tables")
async def _(w: World, told: Told) -> None:
    class Facts(Table, db=w.engine, tablename="gp_subject_fact"):
        subject = Varchar(primary_key=True)
        text_value = Text()

    async with w.own():
        await told.run(Facts.select().run())
        await told.run(Facts.update({Facts.text_value: "x"}, force=True).run())


@code("renamed-table", "the name of a governed table changed in its class")
async def _(w: World, told: Told) -> None:
    w.Picture._meta.tablename = "every_picture"
    async with w.own():
        await told.run(w.Picture.select(w.Picture.title).run())
    w.Picture._meta.tablename = 'picture" UNION SELECT id, title FROM main."picture'
    async with w.own():
        await told.run(w.Picture.select(w.Picture.title).run())


@code("attach-again", "another guard put on the engine")
async def _(w: World, told: Told) -> None:
    with told.trying():
        w.engine.attach(None)  # type: ignore[arg-type]  # that is the attack
    with told.trying():
        w.engine.guard = None  # type: ignore[misc]  # that is the attack
    await told.run(w.Picture.select(w.Picture.title).run())


@code("in-transaction", "the trusted path of the core's own work")
async def _(w: World, told: Told) -> None:
    await told.run(w.guard.in_transaction(everything))
    for sql in (
        ALL,
        "SELECT title FROM every_picture",
        "SELECT title FROM copied",
        "SELECT name FROM sqlite_master",
        "SELECT title FROM picture_fts",
        "INSERT INTO gp_meta SELECT id, title FROM picture",
        "CREATE TEMP TABLE c AS SELECT title FROM picture",
        "ATTACH ':memory:' AS m",
        "PRAGMA writable_schema=1",
        "UPDATE picture SET owner = 'ann'",
        "SELECT 1 FROM picture WHERE title LIKE '%plover%'",
        "SELECT json_group_array(flag) FROM picture",
        "DELETE FROM picture WHERE title LIKE '%plover%'",
        "INSERT OR REPLACE INTO page (id, picture) VALUES ('bob-page-1', 'ann-1')",
        "WITH x AS (SELECT title FROM picture) SELECT * FROM x",
    ):
        await told.run(w.guard.in_transaction(lambda c, sql=sql: c.execute(sql).fetchall()))


@code("in-transaction-lifted", "the fence taken off from inside")
async def _(w: World, told: Told) -> None:
    def lifting(connection: Any) -> Any:
        connection.set_authorizer(None)
        return everything(connection)

    await told.run(w.guard.in_transaction(lifting))


@code("in-transaction-kept", "the connection of the trusted path kept for later")
async def _(w: World, told: Told) -> None:
    kept: list[Any] = []
    await told.run(w.guard.in_transaction(kept.append))
    for connection in kept:
        await told.run(lambda connection=connection: everything(connection))

        def work(other: Any, connection: Any = connection) -> Any:
            return everything(connection)

        await told.run(w.guard.in_transaction(work))


@code("in-transaction-function", "a function left on the connection")
async def _(w: World, told: Told) -> None:
    kept: list[Any] = []

    def leave(connection: Any) -> None:
        connection.create_function("lower", 1, lambda value: kept.append(value) or value)
        connection.create_function("coalesce", 2, lambda one, other: kept.append(one) or one)

    await told.run(w.guard.in_transaction(leave))
    async with w.own():
        await told.run(w.guard.run("SELECT id FROM picture WHERE lower(title) <> 'x'", ()))
        await told.run(w.guard.run("UPDATE picture SET size = 4 WHERE lower(title) <> 'x'", ()))
    told.add(kept)


@code("in-transaction-factory", "a row factory and a trace left on the connection")
async def _(w: World, told: Told) -> None:
    kept: list[Any] = []

    def leave(connection: Any) -> None:
        connection.row_factory = lambda cursor, row: kept.append(row) or row
        connection.text_factory = lambda raw: kept.append(raw) or raw.decode()

    await told.run(w.guard.in_transaction(leave))
    async with w.own():
        await told.run(w.guard.run("UPDATE picture SET size = 4 WHERE id LIKE '%'", ()))
    told.add(kept)


@code("sink-read", "the record sink, which runs work on a connection")
async def _(w: World, told: Told) -> None:
    sink = w.guard.sink
    record = AccessRecord(
        id="x", at=NOW, tenant="main", actor_kind="subject", actor="ann", purpose="provide_service",
        operation="read", categories=(), rules=(), digest="", version=1, statement="SELECT",
    )  # fmt: skip

    def work(connection: Any) -> Any:
        return connection.execute(ALL).fetchall(), record

    await told.run(sink.read(work, snapshot=False, brief=False))
    await told.run(lambda: sink.read_sync(work))  # type: ignore[attr-defined]  # the built-in sink has it


@code("sink-forged", "a record of an access that never was", "the core's tables")
async def _(w: World, told: Told) -> None:
    def work(connection: Any) -> Any:
        return connection.execute("UPDATE gp_consent_state SET given = 1 WHERE subject = 'bob'").fetchall()

    async with w.own():
        await told.run(w.guard.run("SELECT 1", ()))
        await told.run(RecordSink.read(w.guard.sink, work, snapshot=False, brief=False))  # type: ignore[arg-type]


@code("vault", "the guard's vault asked to open what it can name", "a withheld field")
async def _(w: World, told: Told) -> None:
    vault = w.guard.vault
    assert vault is not None
    async with w.own():
        rows = await told.run(w.Picture.select(w.Picture.id, w.Picture.note).run())
    for row in rows or ():
        place = Context("main", "bob", "note", "picture", "note", str(row["id"]), str(row["id"]), "content")
        await told.run(lambda row=row, place=place: vault.open_text(place, str(row["note"])))


@code("fact-set", "one's own facts set by the core's functions, then another's", "the core's tables")
async def _(w: World, told: Told) -> None:
    async with w.own():
        await told.run(w.guard.run("UPDATE gp_subject_state SET restricted = 0", ()))
        await told.run(w.guard.run("SELECT count(*) FROM gp_subject_state", ()))
    with told.trying():
        told.add(state.exists.__name__)


@code("select-copied", "a query object copied, run outside", OUTSIDE)
async def _(w: World, told: Told) -> None:
    async with w.own():
        query = w.Picture.select(w.Picture.title).freeze()
        told.add(await query.run())
    await told.run(query.run())
    await told.run(Select(w.Picture).run())


@code("run-sync-outside", "a query run from a thread without an access", OUTSIDE)
async def _(w: World, told: Told) -> None:
    import asyncio
    import contextvars
    import threading

    def other() -> None:
        with told.trying():
            told.add(w.Picture.select(w.Picture.title).run_sync())

    async with w.own():
        thread = threading.Thread(target=contextvars.Context().run, args=(other,))
        thread.start()
        await asyncio.to_thread(thread.join)
