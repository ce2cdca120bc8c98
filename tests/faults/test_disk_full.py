"""A full disk: `StorageFull`, nothing acknowledged, everything that was there still readable."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from tests.support.stores import TENANT, Place, a_record

from gptimage_core.accesslog.sink import RecordSink
from gptimage_core.errors import StorageFull
from gptimage_core.store import state

_CHILD = """
import json, resource, sys
from pathlib import Path
from gptimage_core.accesslog.sink import RecordSink
from gptimage_core.errors import StorageFull
from gptimage_core.store import state, subjects
from gptimage_core.store.replay import position
from tests.support.stores import TENANT, Place, a_record

place = Place(Path(sys.argv[1]))
sink = RecordSink(place.database)
place.database.write_sync(lambda c: state.create_subject(c, TENANT, "u", 1))
resource.setrlimit(resource.RLIMIT_FSIZE, (600_000, resource.RLIM_INFINITY))

def until_full(do):
    done = 0
    try:
        for n in range(100_000):
            do(n)
            done += 1
    except StorageFull as error:
        return done
    raise AssertionError("it was never full")

def person(n):
    place.database.write_sync(lambda c: state.create_subject(c, TENANT, f"{n}-" + "x" * 2000, 1))

acknowledged = until_full(person)
recorded = until_full(lambda n: sink.write_sync(a_record()))
refused = until_full(lambda n: place.database.write_sync(
    lambda c: subjects.restrict(c, place.ledger, TENANT, "u" * 100, 2)))
count = lambda c, table: c.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
read = place.database.read_sync(lambda c: (count(c, "gp_subject_state"), count(c, "gp_access_record"),
    position(c).seq))
sink.close()
print(json.dumps({"acknowledged": [acknowledged + 1, recorded, refused], "read": read}))
"""


def test_a_full_disk_is_told_and_nothing_is_acknowledged(tmp_path: Path) -> None:
    """A real file-size limit: people, records and refusals fail as `StorageFull`, and reads go on."""
    done = subprocess.run(
        [sys.executable, "-c", _CHILD, str(tmp_path)],
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[2],
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert answer["read"] == answer["acknowledged"]
    assert answer["acknowledged"][0] > 10
    place = Place(tmp_path)  # room again: what was acknowledged is there, and it goes on
    assert place.database.read_sync(lambda c: state.exists(c, TENANT, "u"))
    place.database.write_sync(lambda c: state.create_subject(c, TENANT, "later", 1))
    place.close()


def test_no_record_no_access_when_the_disk_is_full(tmp_path: Path) -> None:
    """INVARIANT (no-record-no-access): rows read, record not kept: the answer is an error."""
    place = Place(tmp_path)
    sink = RecordSink(place.database)
    pages = place.database.write_sync(lambda c: c.execute("PRAGMA page_count").fetchone()[0])
    place.database.write_sync(lambda c: c.execute(f"PRAGMA max_page_count={pages}").fetchone())

    def read_until_full() -> None:
        for _ in range(500):
            sink.read_sync(lambda c: ("secret", a_record(row="r" * 2000)))

    with pytest.raises(StorageFull):
        read_until_full()
    place.database.write_sync(lambda c: c.execute("PRAGMA max_page_count=1000000").fetchone())
    assert sink.read_sync(lambda c: ("secret", a_record())) == "secret"
    sink.close()
    place.close()
