"""An export is the owner's whole set, and nothing else (S36), for random people with random data."""

from __future__ import annotations

import asyncio
import hashlib
import io
import json
import sqlite3
import zipfile
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import Struct
from tests.support.past import past
from tests.support.server import NOON, POLICY

from gptimage_core.clock import FixedClock
from gptimage_core.decision.model import DEFAULT_TENANT, Actor
from gptimage_core.registry import of_person
from gptimage_core.store import consents
from gptimage_core.store.state import create_subject
from gptimage_core.subjects.export import Archive
from gptimage_core.subjects.source import Source
from gptimage_server.secrets import new_id
from gptimage_server.services import Services
from gptimage_server.settings import Settings
from gptimage_server.tables import Account, Image, Job, Reference, Request, SecurityEvent, Session
from gptimage_server.wiring import wire

SERVER = Actor.service("server")


class Picture(Struct, frozen=True):
    """An image of a world: `ended` means its owner has just deleted it."""

    prompt: str
    content: bytes
    reference: bool
    ended: bool


class Life(Struct, frozen=True):
    pictures: list[Picture]
    requests: int
    events: int
    sessions: int
    turns: list[bool]


PICTURES = st.builds(Picture, st.text(max_size=40), st.binary(max_size=40), st.booleans(), st.booleans())
LIVES = st.builds(
    Life,
    st.lists(PICTURES, max_size=3),
    st.integers(0, 2),
    st.integers(0, 2),
    st.integers(0, 2),
    st.lists(st.booleans(), max_size=3),
)


def canary(person: str) -> str:
    return f"canary-of-{person}"


async def live(services: Services, life: Life) -> str:
    """Somebody new with this life; every text of theirs and every blob carries their canary."""
    person, guard, now = new_id(), services.guard, services.now()
    version = services.version()

    def state(connection: sqlite3.Connection) -> None:
        create_subject(connection, DEFAULT_TENANT, person, at=now, age_floor_is_met=True)
        for given_ in life.turns:
            how = canary(person)
            proof = {"policy_version": version.number, "digest": version.digest, "how": how}
            if given_:
                consents.give(connection, DEFAULT_TENANT, person, "model_training", now, **proof)
            else:
                consents.withdraw(
                    connection, services.ledger, DEFAULT_TENANT, person, "model_training", now, **proof
                )

    await services.database.write(state)
    async with guard.access(SERVER, purpose="provide_service"):
        await Account.insert(
            Account(
                id=person,
                owner=person,
                email=f"{canary(person)}@example.org",
                email_hash=hashlib.sha256(person.encode()).hexdigest(),
                age_outcome="old_enough",
                country="NL",
            )
        ).run()
    async with guard.access(SERVER, purpose="honour_rights"):
        for _ in range(life.sessions):
            token = hashlib.sha256(new_id().encode()).hexdigest()
            await Session.insert(
                Session(id=new_id(), owner=person, token_hash=token, signed_in_at=now, expires_at=now + 1)
            ).run()
    async with guard.access(SERVER, purpose="meet_legal_duties"):
        for _ in range(life.events):
            await SecurityEvent.insert(
                SecurityEvent(id=new_id(), owner=person, kind=canary(person)[:40], ip_address="10.0.0.1")
            ).run()
    facts = {"signed_in_at": now}
    async with guard.access(Actor.subject(person), purpose="honour_rights", about=person, facts=facts):
        for _ in range(life.requests):
            await Request.insert(
                Request(id=new_id(), owner=person, kind=canary(person)[:40], due_at=now)
            ).run()
    for picture in life.pictures:
        await draw(services, person, picture)
    return person


async def draw(services: Services, person: str, picture: Picture) -> None:
    """An image with its blob, its job and perhaps a reference with a blob of its own."""
    image, reference, guard = new_id(), new_id(), services.guard
    content = canary(person).encode() + picture.content

    def put(table: str, column: str, category: str, key: str, link: str = "") -> str:
        place = guard.blob_context(
            table, column, category, tenant=DEFAULT_TENANT, subject=person, key=key, link=link
        )
        return services.blobs.put(place, content)

    async with guard.access(Actor.subject(person), purpose="provide_service", about=person):
        await Image.insert(
            Image(
                id=image,
                owner=person,
                prompt=canary(person) + picture.prompt,
                size="square",
                seed=7,
                style="plain",
                model="m",
                made_from_upload=picture.reference,
                picture=put("images", "picture", "generated_image", image),
            )
        ).run()
        await Job.insert(Job(id=new_id(), owner=person, image=image, cost=1)).run()
        if picture.reference:
            name = put("reference_images", "blob", "reference_image", reference, image)
            await Reference.insert(
                Reference(
                    id=reference, image=image, blob=name, media_type="image/png", blob_sha256=canary(person)
                )
            ).run()
        if picture.ended:
            for table, column in ((Reference, Reference.image), (Job, Job.image), (Image, Image.id)):
                await table.update({table.keep_ended: services.now()}).where(column == image).run()


async def export(services: Services, person: str, page: int) -> zipfile.ZipFile:
    loop = asyncio.get_running_loop()

    def wait(work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, loop).result()

    actor, facts = Actor.subject(person), {"signed_in_at": services.now()}
    access = services.guard.access(
        actor, purpose="honour_rights", operation="export", about=person, facts=dict(facts)
    )
    async with access:
        source = Source(
            services.guard,
            services.registry,
            services.blobs,
            actor,
            purpose="honour_rights",
            facts=dict(facts),
            wait=wait,
            page=page,
        )
        archive = Archive(source, services.version(), services.now())
        data = await asyncio.to_thread(lambda: b"".join(archive))
    return zipfile.ZipFile(io.BytesIO(data))


def rows_in(found: zipfile.ZipFile, name: str) -> list[dict[str, Any]]:
    """All rows of a table in the archive, whatever the pages."""
    rows: list[dict[str, Any]] = []
    for file in found.namelist():
        stem = file.removeprefix("data/").removesuffix(".json")
        if file.startswith("data/") and (stem == name or stem.rsplit("-", 1)[0] == name):
            rows += json.loads(found.read(file))
    return rows


def check_whole(services: Services, found: zipfile.ZipFile, person: str) -> None:
    """Against direct SQL: the same keys in every table; plain values as they stand; blobs as they were."""

    def work(connection: sqlite3.Connection) -> None:
        registry = services.registry
        for place in registry.export_order():
            if place.kind != "row":
                continue
            table = registry.table(place)
            mine = [each.key for each in of_person(connection, registry, (place,), DEFAULT_TENANT, person)]
            kept = {}
            for key in mine:
                row = connection.execute(f"SELECT * FROM {table.name} WHERE {table.key} = ?", (key,))
                names = [column[0] for column in row.description]
                values = dict(zip(names, row.fetchone(), strict=True))
                if values["keep_ended"] is None:
                    kept[key] = values
            given_ = {row[table.key]: row for row in rows_in(found, table.name)}
            assert given_.keys() == kept.keys(), table.name
            blobs = {p.column for p in registry.places if p.table == table.name and p.column}
            for key, row in given_.items():
                for column in table.columns:
                    if not column.sealed and column.name not in blobs:
                        assert row[column.name] == kept[key][column.name], column.name
        events = connection.execute("SELECT id FROM gp_consent_event WHERE subject = ?", (person,)).fetchall()
        assert {row["id"] for row in rows_in(found, "consent_history")} == {id_ for (id_,) in events}
        assert len(rows_in(found, "account_state")) == 1
        touched = connection.execute(
            "SELECT r.id FROM gp_access_touch AS t JOIN gp_access_record AS r ON r.seq = t.record"
            " WHERE t.subject = ?",
            (person,),
        ).fetchall()
        assert {row["id"] for row in rows_in(found, "access_records")} <= {id_ for (id_,) in touched}

    past(services.database.path, work)


def check_sound(found: zipfile.ZipFile, person: str, life: Life) -> None:
    """The manifest names every file with its digest and counts every row; texts and blobs are the person's;
    the pages load nothing."""
    manifest = json.loads(found.read("manifest.json"))
    files = {file["name"]: file for file in manifest["files"]}
    assert files.keys() | {"manifest.json"} == set(found.namelist())
    assert len(found.namelist()) == len(set(found.namelist()))
    for name, file in files.items():
        content = found.read(name)
        assert (len(content), hashlib.sha256(content).hexdigest()) == (file["size"], file["sha256"])
        if name.endswith(".html"):
            assert b"http:" not in content
            assert b"https:" not in content
            assert b"<script" not in content
    for name, count in manifest["counts"].items():
        assert len(rows_in(found, name)) == count
    assert (manifest["subject"], manifest["unreadable"]) == (person, [])
    assert manifest["withheld"] == ["tombstone"]
    kept = [picture for picture in life.pictures if not picture.ended]
    prompts = [row["prompt"] for row in rows_in(found, "images")]
    assert sorted(prompts) == sorted(canary(person) + picture.prompt for picture in kept)
    blobs = sorted(found.read(name) for name in files if name.startswith("files/"))
    count = [1 + picture.reference for picture in kept]
    wanted = [canary(person).encode() + p.content for p, n in zip(kept, count, strict=True) for _ in range(n)]
    assert blobs == sorted(wanted)


def test_an_export_is_the_owners_whole_set_and_nothing_else(tmp_path: Path) -> None:
    """S36, S7, S31: for random people, data and page sizes, the export of each holds exactly the rows that
    SQL finds by owner (deleted ones are gone), and no id and no canary of anybody else, in any file."""
    services = wire(Settings(home=tmp_path, policy=POLICY), FixedClock(NOON))
    everybody: list[str] = []

    with asyncio.Runner() as runner:

        @settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
        @given(st.lists(LIVES, min_size=2, max_size=3), st.integers(1, 4))
        def property_(lives: list[Life], page: int) -> None:
            async def walk() -> None:
                people = [await live(services, life) for life in lives]
                everybody.extend(people)
                for person, life in zip(people, lives, strict=True):
                    found = await export(services, person, page)
                    assert found.testzip() is None
                    check_whole(services, found, person)
                    check_sound(found, person, life)
                    text = b"".join(name.encode() + found.read(name) for name in found.namelist())
                    strangers = [other for other in everybody if other != person]
                    assert not [other for other in strangers if other.encode() in text]

            runner.run(walk())

        try:
            property_()
        finally:
            runner.run(services.close())
