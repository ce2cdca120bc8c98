"""Killed at each point where a crash matters: an acknowledged refusal is in the ledger, and the data follows.

| point                  | entry on disk  | committed | acknowledged | after the restart          |
|-|-|-|-|-|
| ledger:before-append   | no             | no        | no           | the consent may be on      |
| ledger:torn            | half           | no        | no           | cut; the consent may be on |
| ledger:after-fsync     | yes            | no        | no           | replayed: off              |
| data:before-commit     | yes            | no        | no           | replayed: off              |
| after-commit           | yes            | yes       | no           | off                        |
| acknowledged           | yes            | yes       | yes          | off                        |
"""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from tests.support.stores import TENANT, Place

from gptimage_core.store.consents import switches
from gptimage_core.store.facts import facts_for

_CHILD = """
import os, signal, sys
from pathlib import Path
from gptimage_core.store import consents, ledger, replay, state
from tests.support.stores import TENANT, Place

point, folder = sys.argv[1], Path(sys.argv[2])
place = Place(folder)

def kill(here):
    if here == point:
        os.kill(os.getpid(), signal.SIGKILL)

def give(c):
    state.create_subject(c, TENANT, "u", 1)
    consents.give(c, TENANT, "u", "model_training", 2, policy_version=1, digest="d", how="page")

def withdraw(c):
    asked = ("model_training", 3)
    consents.withdraw(c, place.ledger, TENANT, "u", *asked, policy_version=1, digest="d", how="page")

place.database.write_sync(give)
object_to = lambda c: replay.enact(c, place.ledger, "objection", TENANT, "u", {"purpose": "p"}, 2)
place.database.write_sync(object_to)
print("ready", flush=True)
if point == "ledger:torn":
    whole = os.write
    os.write = lambda file, data: whole(file, data[: len(data) // 2])
ledger._fault = replay._fault = kill
place.database.write_sync(withdraw)
kill("after-commit")
print("acknowledged", flush=True)
kill("acknowledged")
"""

POINTS = {
    "ledger:before-append": True,
    "ledger:torn": True,
    "ledger:after-fsync": False,
    "data:before-commit": False,
    "after-commit": False,
    "acknowledged": False,
}


@pytest.mark.parametrize("point", POINTS)
def test_a_killed_process_loses_no_acknowledged_refusal(point: str, tmp_path: Path) -> None:
    """X8, INVARIANT (ledger-first): acknowledged means in the ledger, and a restart makes the data agree."""
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", _CHILD, point, str(tmp_path)],
        capture_output=True,
        text=True,
        cwd=root,
        timeout=60,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    acknowledged = "acknowledged" in done.stdout
    assert acknowledged == (point == "acknowledged")
    for again in range(2):  # the second start finds nothing to do
        place = Place(tmp_path)
        assert not place.resumed.lost
        assert place.resumed.replayed == (1 if "fsync" in point or "before-commit" in point else 0) * (
            again == 0
        )
        people = place.database.read_sync(lambda c: facts_for(c, TENANT, ["u"], 9))
        in_ledger = [entry.kind for entry in place.ledger.since(0)]
        place.close()
        may_be_on = POINTS[point]
        assert people["u"].get("consent:model_training") is may_be_on
        assert people["u"].get("objection:p") is True
        assert in_ledger == ["objection"] + ([] if may_be_on else ["consent_withdrawn"])


def test_a_refusal_whose_commit_failed_binds_with_the_next_one(tmp_path: Path) -> None:
    """The next decision catches up first, so that no entry is skipped (INVARIANT (ledger-order))."""
    from gptimage_core.store import consents, state, subjects

    place = Place(tmp_path)

    def begin(c):  # type: ignore[no-untyped-def]
        for who in ("u", "v"):
            state.create_subject(c, TENANT, who, 1)
        consents.give(c, TENANT, "u", "model_training", 2, policy_version=1, digest="d", how="page")

    def fails(c):  # type: ignore[no-untyped-def]
        consents.withdraw(
            c, place.ledger, TENANT, "u", "model_training", 3, policy_version=1, digest="d", how="p"
        )
        raise OSError("the commit failed")

    place.database.write_sync(begin)
    with pytest.raises(OSError, match="the commit failed"):
        place.database.write_sync(fails)
    assert place.database.read_sync(lambda c: switches(c, TENANT, "u"))["model_training"].given
    place.database.write_sync(lambda c: subjects.restrict(c, place.ledger, TENANT, "v", 4))
    assert not place.database.read_sync(lambda c: switches(c, TENANT, "u"))["model_training"].given
    place.close()
