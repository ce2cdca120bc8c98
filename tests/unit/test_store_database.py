"""Kept connections: one hop, no transaction left open, a clean end."""

from __future__ import annotations

import asyncio
import gc
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from gptimage_core.errors import StorageFull, StoreError
from gptimage_core.store.database import Database


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    database = Database(tmp_path / "a.db", readers=2)
    database.write_sync(lambda c: c.execute("CREATE TABLE t (id TEXT PRIMARY KEY, n INT)").fetchall())
    yield database
    database.close()


def put(key: str, n: int = 0):
    return lambda c: c.execute("INSERT INTO t VALUES (?, ?)", (key, n)).rowcount


def keys(c: sqlite3.Connection) -> list[str]:
    return [row[0] for row in c.execute("SELECT id FROM t ORDER BY id").fetchall()]


def test_a_connection_is_set_up_for_durability_and_deletion(db: Database) -> None:
    """Writers and readers alike: WAL, synchronous=FULL, secure deletion, enforced references."""

    def pragmas(c: sqlite3.Connection) -> dict[str, object]:
        return {name: c.execute(f"PRAGMA {name}").fetchone()[0] for name in expected}

    expected = {
        "journal_mode": "wal",
        "synchronous": 2,
        "foreign_keys": 1,
        "recursive_triggers": 1,
        "secure_delete": 1,
        "cell_size_check": 1,
        "trusted_schema": 0,
    }
    assert db.write_sync(pragmas) == expected
    assert db.read_sync(pragmas) == expected


def test_a_reader_cannot_write(db: Database) -> None:
    """What runs as a read changes nothing, whatever its SQL says."""
    with pytest.raises(StoreError, match="read-only"):
        db.read_sync(put("x"))
    assert db.read_sync(keys) == []


def test_work_runs_on_the_connections_own_thread(db: Database) -> None:
    """One lane, one thread: the same reader serves one caller after another."""
    threads = {db.read_sync(lambda c: threading.get_ident()) for _ in range(20)}
    assert len(threads) == 1
    assert threading.get_ident() not in threads


def test_an_error_rolls_back_and_is_raised(db: Database) -> None:
    """A failing write leaves nothing, and the next one is not disturbed."""

    def fails(c: sqlite3.Connection) -> None:
        put("half")(c)
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        db.write_sync(fails)
    with pytest.raises(sqlite3.IntegrityError):
        db.write_sync(lambda c: (put("a")(c), put("a")(c)))
    db.write_sync(put("b"))
    assert db.read_sync(keys) == ["b"]


def test_stop_iteration_does_not_hang_its_waiter(db: Database) -> None:
    """An exception that futures cannot carry is wrapped, or its waiter would wait for ever."""

    async def main() -> None:
        with pytest.raises(RuntimeError, match="StopIteration"):
            await asyncio.wait_for(db.read(lambda c: next(iter(()))), 5)

    asyncio.run(main())


def test_work_that_ends_its_transaction_itself_is_refused(db: Database) -> None:
    """COMMIT inside work would acknowledge half a transaction."""

    def commits(c: sqlite3.Connection) -> None:
        c.execute("COMMIT")

    with pytest.raises(StoreError, match="ended its transaction"):
        db.write_sync(commits)


def test_an_open_cursor_is_refused(db: Database) -> None:
    """A cursor that leaves its thread would keep an old snapshot alive."""
    for run in (db.read_sync, db.write_sync):
        with pytest.raises(StoreError, match="open cursor"):
            run(lambda c: c.execute("SELECT 1"))


def test_a_snapshot_sees_one_instant(db: Database) -> None:
    """Two statements of one read see the same data, whatever is committed between them."""

    def twice(c: sqlite3.Connection) -> tuple[list[str], list[str]]:
        first = keys(c)
        threading.Thread(target=lambda: done.append(db.write_sync(put("new")))).start()
        while not done:
            time.sleep(0.001)
        return first, keys(c)

    done: list[int] = []
    assert db.read_sync(twice) == ([], [])
    assert db.read_sync(keys) == ["new"]


def test_a_cancelled_waiter_leaves_no_transaction_open(db: Database) -> None:
    """Work that has started runs to its own end; work that has not is dropped."""
    started, go = threading.Event(), threading.Event()

    def slow(c: sqlite3.Connection) -> None:
        put("slow")(c)
        started.set()
        go.wait(5)

    async def main() -> None:
        running = asyncio.create_task(db.write(slow))
        queued = asyncio.create_task(db.write(put("queued")))
        await asyncio.to_thread(started.wait, 5)
        running.cancel()
        queued.cancel()
        await asyncio.gather(running, queued, return_exceptions=True)
        go.set()
        await db.write(put("after"))

    asyncio.run(main())
    assert db.read_sync(keys) == ["after", "slow"]


def test_a_session_pins_a_transaction(db: Database) -> None:
    """Nothing is seen before the commit; without it nothing ever is."""

    async def breaks() -> None:
        async with await db.session(write=True) as session:
            await session.run(put("b"))
            raise ZeroDivisionError

    async def main() -> None:
        async with await db.session(write=True) as session:
            await session.run(put("a"))
            assert await db.read(keys) == []
            assert await session.run(keys) == ["a"]
        assert await db.read(keys) == ["a"]
        with pytest.raises(ZeroDivisionError):
            await breaks()
        session = await db.session(write=True)
        await session.run(put("c"))
        await session.release()
        await session.release()
        with pytest.raises(StoreError, match="ended"):
            await session.run(keys)
        assert await db.read(keys) == ["a"]

    asyncio.run(main())


def test_a_statement_that_fails_leaves_the_session_open(db: Database) -> None:
    """Savepoints are the caller's; the transaction is not lost to one bad statement."""
    with db.session_sync(write=True) as session:
        session.run_sync(put("a"))
        with pytest.raises(sqlite3.IntegrityError):
            session.run_sync(put("a"))
        session.run_sync(put("b"))
    assert db.read_sync(keys) == ["a", "b"]


def test_a_dropped_session_is_rolled_back(db: Database) -> None:
    """A task that loses its session gives the writer back."""

    async def main() -> None:
        session = await db.session(write=True)
        await session.run(put("lost"))
        del session
        gc.collect()
        await asyncio.wait_for(db.write(put("kept")), 5)

    asyncio.run(main())
    assert db.read_sync(keys) == ["kept"]


def test_a_cancelled_session_gives_the_writer_back(db: Database) -> None:
    """Cancelled between two hops: rolled back, and the next writer goes on."""

    async def holds(ready: asyncio.Event) -> None:
        async with await db.session(write=True) as session:
            await session.run(put("lost"))
            ready.set()
            await asyncio.sleep(60)

    async def main() -> None:
        ready = asyncio.Event()
        task = asyncio.create_task(holds(ready))
        await ready.wait()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await asyncio.wait_for(db.write(put("kept")), 5)

    asyncio.run(main())
    assert db.read_sync(keys) == ["kept"]


def test_waiting_for_oneself_is_refused(db: Database) -> None:
    """A task that holds the writer, or work inside it, must not ask for it again."""

    async def main() -> None:
        async with await db.session(write=True):
            with pytest.raises(StoreError, match="transaction open"):
                await db.write(put("a"))
        await db.write(put("b"))

    asyncio.run(main())
    with pytest.raises(StoreError, match="its own connection"):
        db.write_sync(lambda c: db.write_sync(put("c")))


def test_several_event_loops_share_one_database(db: Database) -> None:
    """Each loop's waiters are woken in their own loop."""

    async def work(name: str) -> None:
        await asyncio.gather(*(db.write(put(f"{name}{n}")) for n in range(20)))

    threads = [threading.Thread(target=lambda n=n: asyncio.run(work(f"l{n}-"))) for n in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert len(db.read_sync(keys)) == 60


def test_a_full_database_is_named_and_nothing_is_acknowledged(db: Database) -> None:
    """SQLITE_FULL is `StorageFull`; what was there can still be read."""
    db.write_sync(put("first"))

    def fill(c: sqlite3.Connection) -> None:
        c.execute("PRAGMA max_page_count=12")
        for n in range(1000):
            c.execute("INSERT INTO t VALUES (?, 0)", (f"{n:04}" + "x" * 500,))

    with pytest.raises(StorageFull):
        db.write_sync(fill)
    assert db.read_sync(keys) == ["first"]


def test_closing_finishes_accepted_work_and_refuses_more(db: Database) -> None:
    """What was accepted is done, open sessions are rolled back, threads end."""
    before = threading.active_count()

    async def main() -> list[object]:
        writes = [asyncio.create_task(db.write(put(f"{n}"))) for n in range(10)]
        await asyncio.sleep(0)
        closing = asyncio.create_task(db.aclose())
        answers = await asyncio.gather(*writes, return_exceptions=True)
        await closing
        return answers

    assert asyncio.run(main()) == [1] * 10
    assert threading.active_count() < before
    with pytest.raises(StoreError, match="closed"):
        db.read_sync(keys)


def test_closing_rolls_an_open_session_back(tmp_path: Path) -> None:
    """A forgotten session does not keep the process alive, and does not commit."""
    database = Database(tmp_path / "a.db")
    database.write_sync(lambda c: c.execute("CREATE TABLE t (id TEXT, n INT)").fetchall())
    session = database.session_sync(write=True)
    session.run_sync(put("lost"))
    database.close()
    again = Database(tmp_path / "a.db")
    assert again.read_sync(keys) == []
    again.close()


def test_a_process_that_forgets_to_close_ends(tmp_path: Path) -> None:
    """No thread of ours keeps a process from exiting, even with a session open."""
    script = (
        "import sys; from gptimage_core.store.database import Database\n"
        "db = Database(sys.argv[1]); s = db.session_sync(write=True); s.run_sync(lambda c: 1); print('end')"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "a.db")],
        capture_output=True,
        timeout=30,
        text=True,
        check=True,
    )
    assert done.stdout == "end\n"
    assert done.stderr == ""


def test_what_is_not_a_database_file_is_refused(tmp_path: Path) -> None:
    """The constructor says so, not the first request."""
    (tmp_path / "text").write_text("not a database, and long enough to have a header" * 100)
    with pytest.raises(StoreError, match="not a database"):
        Database(tmp_path / "text")
    with pytest.raises(StoreError, match="must be a file"):
        Database(":memory:")
    with pytest.raises(StoreError, match="cannot be opened"):
        Database(tmp_path / "no" / "such" / "folder.db")
