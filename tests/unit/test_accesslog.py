"""Access records: durable before release, grouped, told to the person they are about and to nobody else."""

from __future__ import annotations

import asyncio
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.support.stores import TENANT, Place, a_record

from gptimage_core.accesslog.records import AccessRecord, find, new_id, records_about
from gptimage_core.accesslog.sink import RecordSink
from gptimage_core.errors import StoreError
from gptimage_core.ports import records as port
from gptimage_core.store.database import Nobody


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    it = Place(tmp_path)
    yield it
    it.close()


@pytest.fixture
def sink(place: Place) -> Iterator[RecordSink]:
    it = RecordSink(place.database)
    yield it
    it.close()


def ids(c: sqlite3.Connection) -> list[str]:
    return [row[0] for row in c.execute("SELECT id FROM gp_access_record ORDER BY seq").fetchall()]


def test_the_built_in_sink_meets_its_port(sink: RecordSink) -> None:
    """The port is what the guard knows; the sink has each of its calls."""
    it: port.RecordSink = sink
    assert it is sink


def test_a_record_comes_back_as_it_was(place: Place, sink: RecordSink) -> None:
    """Every field, and the rows touched with their subjects."""
    record = a_record(
        touched={"image": (("r1", "ann"), ("r2", None)), "board": (("b", "bob"),)}, counts={"image": 2}
    )
    sink.write_sync(record)
    assert place.database.read_sync(lambda c: find(c, record.id)) == record
    assert place.database.read_sync(lambda c: find(c, "other")) is None


def test_a_person_is_told_who_saw_their_data_and_nothing_of_others(place: Place, sink: RecordSink) -> None:
    """One line per record and subject; other people's rows are left out (GDPR 15(4)); pages continue."""
    both = a_record(touched={"image": (("a1", "ann"), ("b1", "bob"), ("a2", "ann"))}, counts={"image": 3})
    sink.write_sync(both)
    sink.write_sync(a_record("bob"))
    sink.write_sync(a_record("ann", tenant="other"))
    sink.write_sync(a_record("ann", row="a3"))
    told = place.database.read_sync(lambda c: records_about(c, TENANT, "ann"))
    assert [record.touched for _, record in told] == [
        {"image": (("a3", "ann"),)},
        {"image": (("a1", "ann"), ("a2", "ann"))},
    ]
    assert told[1][1].counts == {"image": 2}
    assert "bob" not in repr(told[1][1].touched)
    page = place.database.read_sync(lambda c: records_about(c, TENANT, "ann", limit=1, before=told[0][0]))
    assert page == told[1:]


def test_an_email_address_never_stands_in_a_record(sink: RecordSink) -> None:
    """Ids are opaque; an address in their place is refused before anything is written."""
    for record in (a_record(actor="ann@example.org"), a_record(row="ann@example.org")):
        with pytest.raises(StoreError, match="email"):
            sink.write_sync(record)


def test_many_readers_share_commits_and_each_gets_its_own_answer(place: Place, sink: RecordSink) -> None:
    """64 readers at once: far fewer groups than records, every record there, every answer the right one."""
    groups: list[int] = []
    settle = sink.settle
    sink.settle = lambda ok, error: (groups.append(len(sink._group)), settle(ok, error))[1]  # type: ignore[method-assign]

    async def reader(n: int) -> list[int]:
        return [await sink.read(lambda c, k=k: (n * 100 + k, a_record())) for k in range(10)]

    async def main() -> list[list[int]]:
        return await asyncio.gather(*(reader(n) for n in range(64)))

    assert asyncio.run(main()) == [[n * 100 + k for k in range(10)] for n in range(64)]
    assert sum(groups) == 640
    assert len(groups) < 200
    assert len(set(place.database.read_sync(ids))) == 640


def test_a_read_without_a_record_is_answered_at_once(place: Place, sink: RecordSink) -> None:
    """What touches nothing governed leaves no record."""
    assert sink.read_sync(lambda c: (7, None)) == 7
    assert place.database.read_sync(ids) == []


def test_a_record_that_fails_fails_the_read(place: Place, sink: RecordSink) -> None:
    """INVARIANT (no-record-no-access): no answer without its record; the sink goes on afterwards."""
    record = a_record()
    assert sink.read_sync(lambda c: (1, record)) == 1
    with pytest.raises(sqlite3.IntegrityError):
        sink.read_sync(lambda c: (2, record))  # the same id again
    assert sink.read_sync(lambda c: (3, a_record())) == 3
    assert len(place.database.read_sync(ids)) == 2


def test_brief_reads_share_a_statement_with_their_records_and_fail_alone(
    place: Place, sink: RecordSink
) -> None:
    """INVARIANT (no-record-no-access): each brief read of a group is answered with its own rows or its own
    error; one that fails leaves no record, one without a record writes none, one without waiter is not done.
    """
    begun: list[int] = []

    def reading(n: int) -> Callable[[sqlite3.Connection], tuple[int, AccessRecord | None]]:
        def work(c: sqlite3.Connection) -> tuple[int, AccessRecord | None]:
            begun.append(n)
            assert c.execute("SELECT 1").fetchone() == (1,)
            if n == 3:
                raise ZeroDivisionError
            return n, None if n == 5 else a_record("ann@example.org" if n == 7 else "ann", id=f"r{n}")

        return work

    async def main() -> list[int | BaseException]:
        hold = threading.Event()
        place.database.submit_write(lambda c: hold.wait(), Nobody())
        tasks = [asyncio.create_task(sink.read(reading(n), brief=True)) for n in range(40)]
        await asyncio.sleep(0)
        tasks[9].cancel()
        await asyncio.sleep(0)
        hold.set()
        return await asyncio.gather(*tasks, return_exceptions=True)

    answers = asyncio.run(main())
    failed = {3: ZeroDivisionError, 7: StoreError, 9: asyncio.CancelledError}
    for n, answer in enumerate(answers):
        assert isinstance(answer, failed[n]) if n in failed else answer == n
    assert sorted(begun) == [n for n in range(40) if n != 9]
    assert sorted(place.database.read_sync(ids)) == sorted(
        f"r{n}" for n in range(40) if n not in (3, 5, 7, 9)
    )


def test_a_group_of_brief_reads_falls_with_its_record(place: Place, sink: RecordSink) -> None:
    """INVARIANT (no-record-no-access): where the statement of the records fails, nobody is answered."""

    async def main() -> list[object]:
        hold = threading.Event()
        place.database.submit_write(lambda c: hold.wait(), Nobody())
        twice = [a_record(id="one"), a_record(id="other"), a_record(id="one")]
        tasks = [asyncio.create_task(sink.read(lambda c, r=r: (1, r), brief=True)) for r in twice]
        await asyncio.sleep(0)
        hold.set()
        return await asyncio.gather(*tasks, return_exceptions=True)

    assert [type(answer) for answer in asyncio.run(main())] == [sqlite3.IntegrityError] * 3
    assert place.database.read_sync(ids) == []
    assert sink.read_sync(lambda c: (3, a_record())) == 3


def test_a_writes_record_shares_the_writes_fate(place: Place, sink: RecordSink) -> None:
    """Rolled back with it, committed with it."""

    def write(c: sqlite3.Connection, fails: bool) -> None:
        sink.write_in(c, a_record())
        if fails:
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        place.database.write_sync(lambda c: write(c, True))
    assert place.database.read_sync(ids) == []
    place.database.write_sync(lambda c: write(c, False))
    assert len(place.database.read_sync(ids)) == 1
    with pytest.raises(StoreError, match="transaction"):
        place.database.read_sync(lambda c: sink.write_in(c, a_record()), snapshot=False)


def test_records_are_numbered_in_the_order_of_commits(place: Place, sink: RecordSink) -> None:
    """Numbers never repeat, also after the newest records were removed."""
    sink.write_sync(a_record())
    place.database.write_sync(lambda c: c.execute("DELETE FROM gp_access_record").rowcount)
    sink.write_sync(a_record())
    numbers = place.database.read_sync(lambda c: c.execute("SELECT seq FROM gp_access_record").fetchall())
    assert numbers == [(2,)]
    assert place.database.read_sync(lambda c: c.execute("SELECT record FROM gp_access_touch").fetchall()) == [
        (2,)
    ]


def test_a_cancelled_reader_leaves_its_record(place: Place, sink: RecordSink) -> None:
    """What was read was read: the record is written though nobody waits any more."""

    async def main() -> None:
        task = asyncio.create_task(sink.write(a_record()))
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(main())
    sink.close()
    assert len(place.database.read_sync(ids)) == 1


_CHILD = """
import os, signal, sys, threading
from pathlib import Path
from gptimage_core.accesslog.sink import RecordSink
from gptimage_core.store.database import Nobody
from tests.support.stores import Place, a_record

place = Place(Path(sys.argv[1]))
sink = RecordSink(place.database)
hold = threading.Event()
place.database.submit_write(lambda c: hold.wait(), Nobody())
for n in range(5):
    sink.post(a_record(id=f"posted-{n}"))
print("released", flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_posted_record_survives_a_killed_process(tmp_path: Path) -> None:
    """`may_release_before_record`: killed before any commit; the next sink commits it, once."""
    done = subprocess.run(
        [sys.executable, "-c", _CHILD, str(tmp_path)],
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[2],
        timeout=60,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert "released" in done.stdout
    spools = [path for path in tmp_path.iterdir() if "-records-" in path.name]
    assert len(spools) == 1
    with spools[0].open("ab") as file:  # half a line: never promised
        file.write(b'{"id":"half')
    kept = spools[0].read_bytes()
    for _ in range(2):
        place = Place(tmp_path)
        RecordSink(place.database).close()
        assert place.database.read_sync(ids) == [f"posted-{n}" for n in range(5)]
        place.close()
        assert not spools[0].exists()
        spools[0].write_bytes(kept)  # as if killed after the commit and before the file was removed
    spools[0].unlink()


def test_posted_records_are_committed_and_the_spool_goes(place: Place) -> None:
    """In a living process the commit follows at once; closing leaves no file."""
    sink = RecordSink(place.database)
    posted = [a_record(id=new_id()) for _ in range(50)]
    for record in posted:
        sink.post(record)
    sink.close()
    assert place.database.read_sync(ids) == [record.id for record in posted]
    assert not [path for path in place.folder.iterdir() if "-records-" in path.name]
    with pytest.raises(StoreError, match="closed"):
        sink.post(a_record())
