"""A process killed around a governed write leaves the write with its record, or neither.

| killed | rows | records |
|-|-|-|
| after the rows are written, before the record | none | none |
| after the record is written, before the commit | none | none |
| after the commit, before the answer | all | all |
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from tests.support.governed import World, in_world

_CHILD = """
import os, sys
from pathlib import Path
from tests.support.governed import POLICY, World, in_world

folder, point = Path(sys.argv[1]), sys.argv[2]

async def scenario(world: World) -> None:
    sink = world.guard.sink
    write_in = sink.write_in

    def before(connection, record):
        os._exit(9)

    def after(connection, record):
        write_in(connection, record)
        os._exit(9)

    if point in ("before record", "after record"):
        sink.write_in = before if point == "before record" else after
    await world.picture(title="t", note="n")
    os._exit(9)

in_world(folder, scenario)
"""


@pytest.mark.parametrize(("point", "left"), [("before record", 0), ("after record", 0), ("after commit", 1)])
def test_a_write_and_its_record_share_their_fate(tmp_path: Path, point: str, left: int) -> None:
    """Walk the table: what is there after the next start, and that the next start works."""
    done = subprocess.run(
        [sys.executable, "-c", _CHILD, str(tmp_path), point],
        cwd=Path(__file__).parents[2],
        timeout=60,
        check=False,
    )
    assert done.returncode == 9

    async def scenario(world: World) -> None:
        assert await world.sql("SELECT count(*) FROM picture") == [(left,)]
        assert await world.sql("SELECT count(*) FROM gp_access_record") == [(left,)]
        async with world.own():
            assert await world.Picture.select(world.Picture.note) == [{"note": "n"}] * left

    in_world(tmp_path, scenario)
