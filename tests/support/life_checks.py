"""The invariants that hold after every step of a server's life, each held against the model alone."""

from __future__ import annotations

import hashlib
import io
import json
import re
import zipfile
from collections.abc import Iterable
from typing import Any

from tests.support.life import CANARY, House, traces_of
from tests.support.life_model import DAY, Item, Person, World

from gptimage_core.decision.model import DEFAULT_TENANT
from gptimage_core.errors import AccessDenied
from gptimage_core.ports.keys import KeyState
from gptimage_server.features.images import service
from gptimage_server.web.visitor import Person as Visitor

__all__ = [
    "Records",
    "books",
    "everybody_reads_their_own",
    "logs",
    "nothing_left_of_what_was_deleted",
    "whole_set",
]

_TRACES = traces_of(CANARY)
_FIELDS = {
    "request_id",
    "tenant",
    "timestamp",
    "collected_under",
    "ip_address",
    "user_agent",
    "route",
    "response_status",
}
_UNDER_WAY = {"running": "waiting"}
_SHARED = {"prompt", "generation_parameters", "reference_image"}


def everybody_reads_their_own(house: House, world: World, ask: Iterable[Item] = ()) -> None:
    """S7, S31: what somebody reads are their own living items, all of them, as they were; a foreign id, a
    deleted one and one that never was are the same nothing. `ask`: items looked for by everybody, by id."""
    for person in world.people.values():
        living = person.living()
        page = house.do(_page(house, person))
        assert {view.id: (view.prompt, _UNDER_WAY.get(view.state, view.state)) for view in page} == {
            item.id: (item.prompt, item.state) for item in living.values()
        }, f"{person.slot} reads something else than their own"
        for item in ask:
            found, job = house.do(_find(house, person, item))
            assert (found is not None) == (item.id in living), item
            assert (job is not None) == (item.id in living), item
    for item in ask:
        _pictures(house, world, item)


def _pictures(house: House, world: World, item: Item) -> None:
    for person in world.people.values():
        found = house.do(service.picture(house.services, _as(house, person), item.id, "picture"))
        small = house.do(service.picture(house.services, _as(house, person), item.id, "thumbnail"))
        readable = item.id in person.living() and item.state == "done"
        assert (found is not None, small is not None) == (readable, readable), item
        if found is not None:
            digest = hashlib.sha256(found[0]).hexdigest()
            item.picture = item.picture or digest
            assert digest == item.picture  # S31: what it was, it is


async def _page(house: House, person: Person) -> list[Any]:
    try:
        found, more = await service.page_of(house.services, _as(house, person), None, 500)
    except AccessDenied:
        assert person.deleted
        return []
    assert more is None
    return list(found)


async def _find(house: House, person: Person, item: Item) -> tuple[Any, Any]:
    visitor = _as(house, person)
    return (
        await service.find(house.services, visitor, item.id),
        await service.find_job(house.services, visitor, item.job),
    )


def _as(house: House, person: Person) -> Visitor:
    return Visitor(person.id, "none", house.clock.now())


def books(house: House, world: World) -> None:
    """S11, S14: double entry; nobody below zero; each hold settled at most once, and as the model says."""
    for transfer, total, count in house.rows(
        "SELECT transfer, sum(amount), count(*) FROM credit_entries GROUP BY transfer"
    ):
        assert (total, count) == (0, 2), transfer
    wrong = house.rows(
        "SELECT a.owner, a.kind FROM credit_accounts AS a WHERE a.balance <>"
        " (SELECT coalesce(sum(e.amount), 0) FROM credit_entries AS e WHERE e.account = a.id)"
        " OR (a.balance < 0 AND a.kind <> 'granted')"
    )
    assert not wrong
    twice = house.rows(
        "SELECT about FROM credit_transfers WHERE reason IN ('posted', 'given_back') GROUP BY about"
        " HAVING count(*) > 1"
    )
    assert not twice
    for person in world.living():
        found = dict(house.rows("SELECT kind, balance FROM credit_accounts WHERE owner = ?", person.id))
        assert found == person.balance(), person.slot


def nothing_left_of_what_was_deleted(house: House, world: World) -> None:
    """S32 (live stores), X7: of what is final no row, blob, thumbnail or key; no words of anybody in any
    file, deleted or not, since what the policy calls sealed lies nowhere as it is."""
    for path, content in house.files().items():
        for trace in _TRACES:
            assert trace not in content, f"{path.name} holds words of a prompt or an address"
    blobs = house.blobs()
    for item in world.items():
        if item.final or world.people[item.owner].deleted:
            for table, column in (("images", "id"), ("jobs", "image"), ("reference_images", "image")):
                left = house.rows(f"SELECT count(*) FROM {table} WHERE {column} = ?", item.id)
                assert left == [(0,)], (table, item)
            assert not blobs & set(item.blobs), item
        elif item.state == "done":
            assert len(item.blobs) == 2  # S31: and of what is not, everything
            assert set(item.blobs) <= blobs
    state = house.services.vault.state
    for item in world.items():
        if item.id in world.gone_items or item.owner in world.gone_people:
            assert state(DEFAULT_TENANT, item.owner, item.id) is KeyState.ERASED
    for person in world.people.values():
        if person.deleted:
            assert state(DEFAULT_TENANT, person.id) is KeyState.ERASED
            for table in ("sessions", "exports", "credit_accounts", "credit_transfers", "credit_entries"):
                assert house.rows(f"SELECT count(*) FROM {table} WHERE owner = ?", person.id) == [(0,)], table
            assert not blobs & {blob for blob, _ in person.archives.values()}
        waiting = {
            id
            for (id,) in house.rows(
                "SELECT id FROM exports WHERE owner = ? AND keep_ended IS NULL", person.id
            )
        }
        kept = world.archives(person)
        assert waiting <= kept  # a copy of what was deleted ends with it
        now = house.clock.now()
        assert {id for id in kept if now < person.archives[id][1] + 7 * DAY} <= waiting


def logs(house: House) -> None:
    """S8, S18, X7: the log has its fields and no other; no mail, no line of the console has a prompt."""
    columns = {name for (name,) in house.rows("SELECT name FROM pragma_table_info('request_log')")}
    assert columns == _FIELDS
    assert f"{CANARY}-prompt" not in house.mails
    assert CANARY not in house.console.getvalue()


class Records:
    """Reads the access records as they come, each once, against the world of that moment."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._last = 0
        self.new: list[dict[str, Any]] = []

    def start_over(self) -> None:
        """The data was put back: records newer than the copy are lost with it."""
        ((last,),) = self._house.rows("SELECT coalesce(max(seq), 0) FROM gp_access_record")
        self._last = min(self._last, last)

    def check(self, world: World) -> None:
        """S7: who acts for themselves touched their own rows only. S17: what training read was consented to
        at that moment. S20, S28: what left went to whom the register names; nothing was sold."""
        self._house.settle()
        rows = self._house.rows(
            "SELECT seq, at, actor_kind, actor, purpose, operation, categories, statement, touched"
            " FROM gp_access_record WHERE seq > ? ORDER BY seq",
            self._last,
        )
        self.new = []
        for seq, at, kind, actor, purpose, operation, categories, statement, touched in rows:
            self._last = seq
            rows_touched = {table: [tuple(r) for r in found] for table, found in json.loads(touched).items()}
            record = {
                "actor": actor,
                "operation": operation,
                "purpose": purpose,
                "statement": statement,
                "categories": set(json.loads(categories)),
                "touched": rows_touched,
            }
            self.new.append(record)
            subjects = {subject for found in rows_touched.values() for _, subject in found}
            if kind == "subject":
                assert subjects <= {actor}, record
            assert operation != "sell", record
            if operation == "train":
                self._trained(world, record, subjects, at)
            if operation in ("share", "disclose"):
                self._shared(record)

    @staticmethod
    def _trained(world: World, record: dict[str, Any], subjects: set[Any], at: int) -> None:
        assert record["purpose"] == "model_training"
        for subject in subjects:
            assert world.people[subject].agrees("model_training", at), record
        for key, subject in record["touched"].get("images", ()):
            assert key in world.people[subject].living(), record

    @staticmethod
    def _shared(record: dict[str, Any]) -> None:
        assert record["operation"] == "share"
        if record["categories"] == {"sign_in_link"}:
            assert record["statement"] == "MAIL sign-in link"
            return
        assert record["statement"] == "share:builtin_renderer", record
        assert record["categories"] <= _SHARED, record

    def releases(self, person: str, table: str, key: str) -> bool:
        """Whether one of the newest records says that this person got this row."""
        return any(
            record["actor"] == person and (key, person) in record["touched"].get(table, ())
            for record in self.new
        )


def whole_set(archive: bytes, person: Person, address: str, others: Iterable[str]) -> None:
    """S36: an export is the owner's whole set, and nothing else; each file is what the manifest says."""
    with zipfile.ZipFile(io.BytesIO(archive)) as opened:
        files = {name: opened.read(name) for name in opened.namelist()}
    manifest = json.loads(files["manifest.json"])
    assert manifest["subject"] == person.id
    assert manifest["unreadable"] == []
    told = {file["name"]: file["sha256"] for file in manifest["files"]}
    assert told == {n: hashlib.sha256(c).hexdigest() for n, c in files.items() if n != "manifest.json"}
    text = b"".join(content for name, content in files.items() if name.startswith("data/")).decode()
    living = person.living().values()
    assert set(re.findall(rf"{CANARY}-prompt \d+ of \w+", text)) == {item.prompt for item in living}
    assert set(re.findall(rf"{CANARY}-\w+@[\w.]+", text)) == {address}
    everything = b"\0".join(files.values())
    for other in others:
        assert other.encode() not in everything
    pictures = {hashlib.sha256(c).hexdigest() for n, c in files.items() if n.startswith("files/")}
    done = [item for item in living if item.state == "done"]
    assert len([n for n in files if n.startswith("files/")]) == len(done)
    assert {item.picture for item in done if item.picture} <= pictures
