"""What no ring stops. These attacks succeed, and the tests say so."""

from __future__ import annotations

import contextlib
import gc
import sqlite3
import sys
from typing import Any

from tests.bypass.attack import Family
from tests.bypass.judge import Told
from tests.bypass.world import BOB, World

NOTHING = Family(
    "nothing",
    "What no ring stops",
    "Three things lie outside of what a guard inside the process can hold. **Code in the same process** can "
    "reach what the guard can reach: Python has no walls. The guard keeps honest code honest and catches "
    "mistakes; code that nobody trusts belongs in another process. **Who has the file** reads what is not "
    "sealed in it; sealed fields stay shut without the keys, which is what sealing is for (see the family "
    "above). **What is taken is taken**: a key, a number in a row, and a row that others hang on tell of "
    "themselves. Make ids random, and let nobody's rows hang on another's.",
    stopped=False,
)
code = NOTHING.code
OUTSIDE = "running outside an access"


@code("as-somebody-else", "code that opens an access as somebody else: the application says who acts")
async def _(w: World, told: Told) -> None:
    async with w.own(BOB):
        await told.run(w.Picture.select(w.Picture.title).run())


@code("maintenance", "code that opens maintenance: it is recorded, and it reads everything")
async def _(w: World, told: Told) -> None:
    async with w.guard.maintenance("because I can", "NONE", w.clock.now() + 60_000_000):
        await told.run(w.guard.run("SELECT title, flag FROM picture", ()))


@code("handle-changed", "code that writes another name into its open access")
async def _(w: World, told: Told) -> None:
    async with w.own() as handle:
        object.__setattr__(handle, "actor", BOB)
        object.__setattr__(handle, "plans", None)
        await told.run(w.Picture.select(w.Picture.title).run())


@code("garbage-collector", "the guard's memory, by the garbage collector: its secrets", "a withheld field")
async def _(w: World, told: Told) -> None:
    from gptimage_core.guard.profiles import Book

    for book in [found for found in gc.get_objects() if isinstance(found, Book)]:
        if book is w.guard._planner.book:
            told.add(book.secret)


@code("keys-of-the-vault", "the vault, asked for what it was not asked for", "a withheld field")
async def _(w: World, told: Told) -> None:
    with contextlib.closing(sqlite3.connect(w.folder / "data.sqlite")) as connection:
        row = connection.execute("SELECT note FROM picture WHERE id = 'bob-1'").fetchone()
    place = w.guard.blob_context("picture", "note", "note", tenant="main", subject="bob", key="bob-1")
    vault = w.guard.vault
    assert vault is not None
    await told.run(lambda: vault.open_text(place, row[0]))


@code("patched", "a function of the guard's replaced")
async def _(w: World, told: Told) -> None:
    kept: list[Any] = []
    reader = type(w.guard)._read
    spied = sys.modules["gptimage_core.guard.rows"].Reader.rows  # type: ignore[attr-defined]

    def rows(self: Any, fetched: Any, *rest: Any) -> Any:
        kept.append([list(row) for row in fetched])
        return spied(self, fetched, *rest)

    sys.modules["gptimage_core.guard.rows"].Reader.rows = rows  # type: ignore[attr-defined]
    try:
        async with w.own(BOB):
            await w.Picture.select(w.Picture.title)
    finally:
        sys.modules["gptimage_core.guard.rows"].Reader.rows = spied  # type: ignore[attr-defined]
        assert type(w.guard)._read is reader
    told.add(kept)


@code(
    "authorizer-taken-off", "the trusted path's connection, asked by the methods of the class it is made of"
)
async def _(w: World, told: Told) -> None:
    def work(connection: sqlite3.Connection) -> Any:
        sqlite3.Connection.set_authorizer(connection, None)
        return sqlite3.Connection.execute(connection, "SELECT title, flag FROM picture").fetchall()

    await told.run(w.guard.in_transaction(work))


@code("lifted", "the core's own way past the third ring, used by somebody else")
async def _(w: World, told: Told) -> None:
    from gptimage_core.store.watched import lifted

    def work(connection: sqlite3.Connection) -> Any:
        with lifted(connection):
            return connection.execute("SELECT title, flag FROM picture").fetchall()

    await told.run(w.guard.in_transaction(work))


@code(
    "core-by-trusted-path",
    "the core's own tables by the trusted path, which is for them",
    "the core's tables",
)
async def _(w: World, told: Told) -> None:
    sql = "SELECT text_value FROM gp_subject_fact UNION ALL SELECT reason FROM gp_denial"
    await told.run(w.guard.in_transaction(lambda c: c.execute(sql).fetchall()))


@code("trace", "a trace left on the trusted path's connection: the texts of others", "a withheld field")
async def _(w: World, told: Told) -> None:
    kept: list[str] = []
    await told.run(w.guard.in_transaction(lambda c: c.set_trace_callback(kept.append)))
    async with w.own(BOB):
        await w.Picture.update({w.Picture.title: f"secret of {w.name}"}).where(w.Picture.id == "bob-1")
    told.add(kept)


@code("file-in-hand", "the file in hand: every row and every field that is not sealed")
async def _(w: World, told: Told) -> None:
    with contextlib.closing(sqlite3.connect(w.folder / "data.sqlite")) as connection:
        told.add(connection.execute("SELECT id, title, remark, flag FROM picture").fetchall())


@code("file-written", "the file in hand: every row changed", "a change of another's row")
async def _(w: World, told: Told) -> None:
    with contextlib.closing(sqlite3.connect(w.folder / "data.sqlite")) as connection, connection:
        connection.execute("UPDATE picture SET title = 'mine'")


@code("second-engine", "another engine on the same file, which is the file in hand")
async def _(w: World, told: Told) -> None:
    from gptimage_core.store.database import connect

    with contextlib.closing(connect(w.folder / "data.sqlite")) as connection:
        told.add(connection.execute("SELECT title FROM picture").fetchall())


@code("key-taken", "a row under a guessed key: whether it is taken", "a hidden row's existence")
async def _(w: World, told: Told) -> None:
    async with w.own():
        await told.run(w.Picture(id="bob-2", owner="ann", title="x").save().run())


@code("number-counts", "the number of a new row: how many came before", "a hidden row's existence")
async def _(w: World, told: Told) -> None:
    async with w.own():
        row = w.Tally(owner="ann", word="two")
        await row.save()
        told.add(row.id)


@code("hangs-on-mine", "a row of one's own that cannot go: another's hangs on it", "a hidden row's existence")
async def _(w: World, told: Told) -> None:
    async with w.own():
        await told.run(w.Folder.delete().where(w.Folder.id == "ann-shared").run())


FILE = Family(
    "file",
    "What sealing stops when no ring does",
    "The file in somebody's hands: no ring binds them, but what the policy seals stays shut, and a ciphertext "
    "that was moved does not open.",
)
code = FILE.code


@code("sealed-notes", "the sealed notes in the file", "a withheld field")
async def _(w: World, told: Told) -> None:
    with contextlib.closing(sqlite3.connect(w.folder / "data.sqlite")) as connection:
        found = connection.execute("SELECT note FROM picture UNION ALL SELECT text FROM page").fetchall()
        raw = (w.folder / "data.sqlite").read_bytes()
    word = "quartz-plover-91 note" if w.name == "a" else "saffron-gimbal-46 note"
    told.add([word in str(note) for (note,) in found].count(True))
    told.add(word.encode() in raw)


@code("swapped", "another's ciphertext put into one's own row, in the file", "a withheld field")
async def _(w: World, told: Told) -> None:
    with contextlib.closing(sqlite3.connect(w.folder / "data.sqlite")) as connection, connection:
        found = connection.execute("SELECT note FROM picture WHERE id IN ('ann-1', 'bob-open') ORDER BY id")
        mine, his = (note for (note,) in found.fetchall())
        connection.execute("UPDATE picture SET note = ? WHERE id = 'ann-1'", (his,))
    async with w.own():
        await told.run(w.Picture.select(w.Picture.note).where(w.Picture.id == "ann-1").run())
    with contextlib.closing(sqlite3.connect(w.folder / "data.sqlite")) as connection, connection:
        connection.execute("UPDATE picture SET note = ? WHERE id = 'ann-1'", (mine,))


@code(
    "given-back", "a row given to oneself, in the file: its sealed field stays another's", "a withheld field"
)
async def _(w: World, told: Told) -> None:
    with contextlib.closing(sqlite3.connect(w.folder / "data.sqlite")) as connection, connection:
        connection.execute("UPDATE picture SET owner = 'ann' WHERE id = 'bob-open'")
    async with w.own():
        await told.run(w.Picture.select(w.Picture.note).where(w.Picture.id == "bob-open").run())
    with contextlib.closing(sqlite3.connect(w.folder / "data.sqlite")) as connection, connection:
        connection.execute("UPDATE picture SET owner = 'bob' WHERE id = 'bob-open'")


NOTHING.sql(
    "key-taken-and-left-out",
    "the same by an upsert that does nothing, and a look at what came of it",
    "INSERT INTO picture (keep_ended, id, owner, title) VALUES (NULL, 'bob-2', 'ann', 'mine') ON CONFLICT DO NOTHING",
    "SELECT title FROM picture WHERE id = 'bob-2'",
    after="a hidden row's existence",
)
