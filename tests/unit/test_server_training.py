"""Something really trains: `training collect`, item by item, under the consent of that moment (S17)."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.support.images import make, rows_of
from tests.support.past import past
from tests.support.server import POLICY, make_app, sign_up, visit

from gptimage_core.decision.model import DEFAULT_TENANT
from gptimage_core.errors import StorageFull
from gptimage_core.store import consents
from gptimage_core.store.state import set_flag
from gptimage_server.features.images import training
from gptimage_server.services import Services


def switch(services: Services, person: str, on: bool) -> None:
    """Turn the training consent on or off, as the person's own page does."""
    how: dict[str, Any] = {"policy_version": 1, "digest": services.version().digest, "how": "test"}
    now, named = services.now(), (DEFAULT_TENANT, person, "model_training")
    if on:
        services.database.write_sync(lambda connection: consents.give(connection, *named, now, **how))
    else:
        services.database.write_sync(
            lambda connection: consents.withdraw(connection, services.ledger, *named, now, **how)
        )


def lines_of(out: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (out / "manifest.jsonl").read_text("utf-8").splitlines()]


def test_only_what_owners_consented_to(tmp_path: Path) -> None:
    """No consent, nothing; with it all of that owner's images, each as its digest says; nobody restricted
    and nothing made from an upload among them (S17, S37)."""

    async def run() -> None:
        async with visit(make_app(tmp_path / "home")) as client:
            ada = await sign_up(client)
            for number in range(3):
                await make(client, f"ada {number}")
            eve = await sign_up(client, "eve@example.org")
            await make(client, "eve's own")
            services = client.app.state.services
            none = await training.collect(services, tmp_path / "none")
            assert (none.images, none.people) == (0, 0)
            switch(services, ada, True)
            done = await training.collect(services, tmp_path / "one")
            assert (done.images, done.people) == (3, 1)
            lines = lines_of(tmp_path / "one")
            assert {line["prompt"] for line in lines} == {"ada 0", "ada 1", "ada 2"}
            for line in lines:
                content = (tmp_path / "one" / line["image"]).read_bytes()
                assert hashlib.sha256(content).hexdigest() == line["sha256"]
            text = (tmp_path / "one" / "manifest.jsonl").read_text("utf-8")
            assert ada not in text
            assert "example.org" not in text
            summary = json.loads((tmp_path / "one" / "collection.json").read_text())
            assert summary["policy"] == services.version().digest
            switch(services, eve, True)

            def restrict(connection: Any) -> None:
                set_flag(connection, DEFAULT_TENANT, ada, "restricted", True)
                connection.execute("UPDATE images SET made_from_upload = 1 WHERE owner = ?", (eve,))

            past(services.database.path, restrict)
            assert (await training.collect(services, tmp_path / "two")).images == 0
            reads = [r for r in rows_of(services, "gp_access_record") if r["operation"] == "train"]
            assert len(reads) >= 3, "each item's read is recorded"

    asyncio.run(run())


def test_a_withdrawal_binds_the_next_item(tmp_path: Path) -> None:
    """Withdrawn in the middle of the batch: no further item of that owner is read; another's go on (S17)."""

    async def run() -> None:
        async with visit(make_app(tmp_path / "home")) as client:
            people = []
            for name in ("ada", "eve"):
                people.append(await sign_up(client, f"{name}@example.org"))
                for number in range(4):
                    await make(client, f"{name} {number}")
            services = client.app.state.services
            for person in people:
                switch(services, person, True)

            def withdraw_after_two(images: int) -> None:
                if images == 2:
                    switch(services, people[0], False)

            out = tmp_path / "set"
            owners = {row["id"]: row["owner"] for row in rows_of(services, "images")}
            await training.collect(services, out, progress=withdraw_after_two)
            read = [owners[line["item"]] for line in lines_of(out)]
            assert people[0] not in read[2:]
            assert read.count(people[1]) == 4
            again = await training.collect(services, tmp_path / "again")
            assert (again.images, again.people) == (4, 1)

    asyncio.run(run())


def test_the_folder_stands_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder in use is refused; a disk that fills leaves nothing, not even a beginning."""

    async def run() -> None:
        async with visit(make_app(tmp_path / "home")) as client:
            person = await sign_up(client)
            await make(client)
            services = client.app.state.services
            switch(services, person, True)
            used = tmp_path / "used"
            used.mkdir()
            (used / "mine.txt").write_text("keep")
            with pytest.raises(training.CollectError, match="used"):
                await training.collect(services, used)
            assert (used / "mine.txt").read_text() == "keep"

            def full(*_: Any) -> None:
                raise StorageFull("no room")

            before = sorted(tmp_path.iterdir())
            with monkeypatch.context() as broken:
                broken.setattr(training, "_settle", full)
                with pytest.raises(StorageFull):
                    await training.collect(services, tmp_path / "set")
            assert sorted(tmp_path.iterdir()) == before
            limited = await training.collect(services, tmp_path / "set", limit=1)
            assert limited.images == 1

    asyncio.run(run())


def test_the_command(tmp_path: Path) -> None:
    """Beside a stopped server: one JSON value on standard output, silence on standard error in a pipe; exit
    codes for a folder in use and for no data."""

    async def run() -> None:
        async with visit(make_app(tmp_path / "home")) as client:
            person = await sign_up(client)
            await make(client)
            switch(client.app.state.services, person, True)

    asyncio.run(run())
    env = {**os.environ, "GPTIMAGE_HOME": str(tmp_path / "home"), "GPTIMAGE_POLICY": str(POLICY)}

    def command(*more: str, **other: str) -> subprocess.CompletedProcess[str]:
        words = [sys.executable, "-c", "import sys; from gptimage_core.cli import main; sys.exit(main())"]
        return subprocess.run(
            [*words, "training", "collect", *more],
            env={**env, **other},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    done = command("--out", str(tmp_path / "set"), "--json")
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["images"] == 1
    assert len(lines_of(tmp_path / "set")) == 1
    used = command("--out", str(tmp_path / "set"))
    assert (used.returncode, used.stdout) == (3, "")
    assert "does not exist or is empty" in used.stderr
    nothing = command("--out", str(tmp_path / "x"), GPTIMAGE_HOME=str(tmp_path / "nowhere"))
    assert nothing.returncode == 3
    assert not (tmp_path / "nowhere").exists()
