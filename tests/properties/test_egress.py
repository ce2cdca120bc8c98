"""Egress: bytes leave only where the policy lets them, cut to what it names, after the record is durable."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gptimage_core.accesslog.records import find
from gptimage_core.accesslog.sink import RecordSink
from gptimage_core.clock import FixedClock, Instant, from_iso
from gptimage_core.decision.compile import compile_timeline
from gptimage_core.decision.model import Access, Actor, Effect, Facts, RowFacts
from gptimage_core.decision.reference import decide_slowly
from gptimage_core.errors import AccessDenied, GuardError, PolicyError, StoreError
from gptimage_core.policy.binding import Column, DataMap, Table
from gptimage_core.policy.timeline import load_timeline
from gptimage_core.ports.records import AccessRecord
from gptimage_core.sharing import Egress, Part, Recipients, RowRef, StoredDenials, StoredRows
from gptimage_core.store import denials, state
from gptimage_core.store.database import Database
from gptimage_core.store.denials import Denial
from gptimage_core.store.schema import migrate
from gptimage_core.testing import strategies as some

TIMELINE = load_timeline(Path(__file__).parents[2] / "policies" / "gptimage")
NOW = from_iso("2026-11-20T12:00:00Z")
LATER = from_iso("2031-01-01T00:00:00Z")
SERVICE = Actor.service("worker")
RELAXED = settings(deadline=None, max_examples=80, suppress_health_check=list(HealthCheck))


class Postbox:
    """A recipient that keeps what it is handed, and asks `before` first."""

    def __init__(self, name: str = "model_provider") -> None:
        self.name = name
        self.received: list[Mapping[str, Any]] = []
        self.before: Any = None

    async def send(self, payload: Mapping[str, Any]) -> Any:
        if self.before is not None:
            await self.before()
        self.received.append(payload)
        return "a picture"


class Sink:
    """Keeps records, or fails as told."""

    def __init__(self, works: bool = True) -> None:
        self.records: list[AccessRecord] = []
        self.works = works

    async def write(self, record: AccessRecord) -> None:
        if not self.works:
            raise StoreError("no room for records")
        self.records.append(record)

    def write_in(self, connection: sqlite3.Connection, record: AccessRecord) -> None:
        raise AssertionError("a share writes its record by itself")

    def post(self, record: AccessRecord) -> None:
        raise AssertionError("a share waits for its record")

    async def read(self, work: Any) -> Any:
        raise AssertionError("a share reads nothing through the sink")


class Live:
    """Which jobs are live."""

    def __init__(self, *jobs: str) -> None:
        self.jobs = set(jobs)

    async def is_live(self, job: str, now: Instant) -> bool:
        return job in self.jobs


CATEGORIES = {
    name: tuple(
        Column(column, category, "text", role)  # type: ignore[arg-type]  # the roles below are roles
        for column, category, role in (
            ("id", "identifier", "key"),
            ("tenant", "identifier", "tenant"),
            ("owner", "identifier", "subject"),
            ("recorded", "identifier", "recorded"),
            ("keep_ended", "identifier", "keep_ended"),
            ("collected_under", "identifier", "collected_under"),
            *((held, held, None) for held in holds),
        )
    )
    for name, holds in {
        "image": ("prompt", "generation_parameters", "generated_image"),
        "reference": ("reference_image",),
        "account": ("account_email", "account_profile", "country"),
    }.items()
}
DATAMAP = DataMap(tuple(Table(name, columns) for name, columns in CATEGORIES.items()), "sha256:test")
HOME = {held: name for name, columns in CATEGORIES.items() for held in (c.category for c in columns[6:])}


class World:
    """A real database with one row of each table for each of two people; `anna` is the one in order."""

    def __init__(self, folder: Path, now: Instant = NOW) -> None:
        self.database = Database(folder / "data.sqlite", readers=1)
        self.clock, self.live, self.box = FixedClock(now), Live("job"), Postbox()
        self.sink = RecordSink(self.database)
        self.database.write_sync(self._fill)
        self.egress = Egress(
            compile_timeline(TIMELINE),
            DATAMAP,
            Recipients(TIMELINE, [self.box]),
            rows=StoredRows(self.database, DATAMAP),
            jobs=self.live,
            sink=self.sink,
            denials=StoredDenials(self.database),
            clock=self.clock,
        )

    def _fill(self, connection: sqlite3.Connection) -> None:
        migrate(connection)
        for person in ("anna", "ben"):
            state.create_subject(connection, "main", person, NOW, age_floor_is_met=True)
        for name, columns in CATEGORIES.items():
            connection.execute(f"CREATE TABLE {name} ({', '.join(c.name for c in columns)})")
            for person in ("anna", "ben"):
                values = (f"{name} of {person}", "main", person, NOW, None, 1, *("x" for _ in columns[6:]))
                connection.execute(f"INSERT INTO {name} VALUES ({', '.join('?' * len(values))})", values)

    def change(self, text: str, *values: object) -> None:
        self.database.write_sync(lambda connection: connection.execute(text, values) and None)

    async def share(self, *parts: Part, job: str | None = "job", to: str = "model_provider") -> Any:
        return await self.egress.share(SERVICE, to=to, purpose="provide_service", parts=parts, job=job)

    def close(self) -> None:
        self.sink.close()
        self.database.close()


def _part(category: str, person: str = "anna", **fields: object) -> Part:
    home = HOME[category]
    return Part(category, fields or {category: "content"}, (RowRef(home, f"{home} of {person}"),))


def _run(folder: Path, story: Any, now: Instant = NOW) -> None:
    async def told() -> None:
        world = World(folder, now)
        try:
            await story(world)
        finally:
            world.close()

    asyncio.run(told())


def test_a_live_job_may_send_what_the_model_needs(tmp_path: Path) -> None:
    """S23, S24: prompt, reference image and parameters go, after their access record is durable."""

    async def story(world: World) -> None:
        seen: list[int] = []

        async def look() -> None:
            seen.append(
                await world.database.read(
                    lambda c: c.execute("SELECT count(*) FROM gp_access_record").fetchone()[0]
                )
            )

        world.box.before = look
        parts = [_part("prompt"), _part("reference_image"), _part("generation_parameters")]
        shared = await world.share(*parts)
        assert shared.answer == "a picture"
        assert seen == [1], "the record was not durable when the bytes left"
        assert set(world.box.received[0]) == {"prompt", "reference_image", "generation_parameters"}
        record = await world.database.read(lambda c: find(c, shared.record))
        assert record is not None
        assert (record.operation, record.statement) == ("share", "share:model_provider")
        assert record.touched["image"] == (("image of anna", "anna"),)
        assert record.rules == ("permit.send_to_model",)

    _run(tmp_path, story)


REFUSED: dict[str, Any] = {
    "S20 no rule lets images go": {"parts": [_part("generated_image")]},
    "S21 nobody of that name": {"to": "somebody_else"},
    "S22 S43 the contract has run out": {"now": LATER},
    "S23 no job": {"job": None},
    "S23 the job has ended": {"job": "another job"},
    "S24 who the person is": {"parts": [_part("prompt"), _part("account_email")]},
    "S32 the image was deleted": {"change": ("UPDATE image SET keep_ended = ?", NOW)},
    "S32 the row is gone": {"change": ("DELETE FROM image",)},
    "S37 processing is restricted": {"change": ("UPDATE gp_subject_state SET restricted = 1",)},
    "S30 the account was deleted": {"change": ("UPDATE gp_subject_state SET deleted = 1",)},
    "X6 nothing is known of the person": {"change": ("DELETE FROM gp_subject_state",)},
    "X11 collected under no known version": {"change": ("UPDATE image SET collected_under = 7",)},
    "of another tenant": {"change": ("UPDATE image SET tenant = 'other'",)},
}


@pytest.mark.parametrize("case", REFUSED.values(), ids=REFUSED.keys())
def test_nothing_leaves_where_the_policy_does_not_let_it(tmp_path: Path, case: dict[str, Any]) -> None:
    """INVARIANT (egress-is-decided): each reason alone is enough; the refusal is recorded with its place."""

    async def story(world: World) -> None:
        if "change" in case:
            world.change(*case["change"])
        with pytest.raises(AccessDenied) as refused:
            await world.share(
                *case.get("parts", [_part("prompt")]),
                job=case.get("job", "job"),
                to=case.get("to", "model_provider"),
            )
        assert world.box.received == []
        denial = await world.database.read(lambda c: denials.lookup(c, refused.value.denial_id))
        assert denial is not None
        assert denial.operation == "share"
        assert denial.recipient == case.get("to", "model_provider")
        assert (
            await world.database.read(
                lambda c: c.execute("SELECT count(*) FROM gp_access_record").fetchone()[0]
            )
            == 0
        )

    _run(tmp_path, story, case.get("now", NOW))


def test_one_refused_part_holds_back_all_of_them(tmp_path: Path) -> None:
    """S24: a payload is shared as a whole or not at all; nothing is left out behind the caller's back."""

    async def story(world: World) -> None:
        world.change("UPDATE reference SET keep_ended = ?", NOW)
        with pytest.raises(AccessDenied):
            await world.share(_part("prompt"), _part("reference_image"))
        assert world.box.received == []

    _run(tmp_path, story)


@given(
    person=st.sampled_from(["anna", "ben"]),
    categories=st.lists(st.sampled_from(sorted(HOME)), min_size=1, max_size=3, unique=True),
    extra=st.dictionaries(
        st.sampled_from(["prompt", "email", "user_id", "file_name", "exif", "seed"]),
        st.integers(),
        max_size=4,
    ),
    job=st.sampled_from(["job", "job", "old", None]),
    to=st.sampled_from(["model_provider", "model_provider", "builtin_renderer", "email_provider", "nobody"]),
    at=st.sampled_from([NOW, NOW, LATER]),
    flags=st.sampled_from([(0, 0), (0, 0), (1, 0), (0, 1), (None, 0)]),
    ended=st.sampled_from([None, None, NOW]),
)
@settings(deadline=None, max_examples=60, suppress_health_check=list(HealthCheck))
def test_what_arrives_is_what_the_reference_permits_and_no_more(
    tmp_path_factory: pytest.TempPathFactory,
    person: str,
    categories: list[str],
    extra: dict[str, int],
    job: str | None,
    to: str,
    at: Instant,
    flags: tuple[int | None, int],
    ended: Instant | None,
) -> None:
    """INVARIANT (egress-is-decided) over random payloads in a real database: something arrives exactly when
    the slow interpreter of the policy allows every part (S20 to S24, S43), and it is the named fields only.
    """

    async def story(world: World) -> None:
        world.change(
            "UPDATE gp_subject_state SET deleted = ?, restricted = ? WHERE subject = ?", *flags, person
        )
        world.change("UPDATE image SET keep_ended = ?", ended)
        parts = [_part(category, person) for category in categories]
        parts[0] = Part(parts[0].category, {**extra, parts[0].category: "content"}, parts[0].rows)
        claimed = {} if job is None else {"job_is_live": job == "job"}
        rows = await StoredRows(world.database, DATAMAP)([part.rows[0] for part in parts], at)
        allowed = all(
            decide_slowly(TIMELINE, some_access(part, to), Facts(claimed, rows[part.rows[0]]), at)[0]
            is Effect.ALLOW
            for part in parts
        )
        try:
            shared = await world.share(*parts, job=job, to=to)
        except AccessDenied:
            assert not allowed
            assert world.box.received == []
        except GuardError:
            # a field in two parts, or a recipient of the policy that nothing here reaches
            assert set(extra) & set(categories) or to == "builtin_renderer"
            assert world.box.received == []
        else:
            assert allowed
            assert set(world.box.received[0]) <= {"prompt", "reference_image", "generation_parameters"}
            assert set(shared.dropped) == set(extra) - set(shared.sent)

    _run(tmp_path_factory.mktemp("egress"), story, at)


def some_access(part: Part, to: str) -> Access:
    return Access(SERVICE, "provide_service", "share", part.category, to)


@given(data=st.data())
@RELAXED
def test_random_policies_let_out_what_they_permit(data: st.DataObject) -> None:
    """INVARIANT (egress-is-decided) over random policies, facts and rows, sales included (S28): the recipient
    gets something exactly when the reference allows, and the record stands before it does.
    """
    timeline = data.draw(some.timelines())
    access = data.draw(
        some.accesses(timeline).filter(lambda a: a.operation in ("share", "disclose") and a.recipient)
    )
    facts, row = data.draw(some.access_facts()), data.draw(some.row_facts())
    facts = {name: value for name, value in facts.items() if name != "job_is_live"}
    live = data.draw(st.sampled_from([True, False, None]))
    table = Table("t", (Column("id", "identifier", "text", "key"), Column("body", access.category, "text")))
    box, sink, refused = Postbox(access.recipient), Sink(), []
    ref = RowRef("t", "1")

    async def rows(refs: Iterable[RowRef], now: Instant, /) -> Mapping[RowRef, RowFacts]:
        return {ref: row}

    async def keep(denial: Denial, /) -> None:
        refused.append(denial)

    async def recorded() -> None:
        assert len(sink.records) == 1

    box.before = recorded
    recipients = Recipients(timeline, [box] if access.recipient in timeline.latest.document.recipient else [])
    egress = Egress(
        compile_timeline(timeline),
        DataMap((table,), "d"),
        recipients,
        rows=rows,
        jobs=Live(*(["j"] if live else [])),
        sink=sink,
        denials=keep,
        clock=FixedClock(some.NOW),
    )
    asked = dict(facts) if live is None else {**facts, "job_is_live": live}
    effect, _ = decide_slowly(timeline, access, Facts(asked, row), some.NOW)
    story = egress.share(
        access.actor,
        to=str(access.recipient),
        purpose=access.purpose,
        operation=access.operation,  # type: ignore[arg-type]
        parts=[Part(access.category, {"body": 1}, (ref,))],
        job=None if live is None else "j",
        facts=facts,
    )
    try:
        asyncio.run(story)
    except AccessDenied:
        assert effect is Effect.DENY
        assert len(refused) == 1
    except GuardError:
        assert box.received == []
        return
    else:
        assert effect is Effect.ALLOW
    assert len(box.received) == (effect is Effect.ALLOW)


def test_without_a_durable_record_nothing_leaves(tmp_path: Path) -> None:
    """No record, no access: when the record cannot be written the recipient is never called."""

    async def story(world: World) -> None:
        world.egress._sink = Sink(works=False)
        with pytest.raises(StoreError):
            await world.share(_part("prompt"))
        assert world.box.received == []

    _run(tmp_path, story)


def test_a_payload_that_cannot_be_judged_is_refused(tmp_path: Path) -> None:
    """No rows, a category relabelled, a claimed liveness, two fields of one name: a clear error."""
    email = RowRef("account", "account of anna")

    async def story(world: World) -> None:
        for parts, facts in (
            ([], {}),
            ([Part("prompt", {"prompt": "x"}, ())], {}),
            ([Part("prompt", {"prompt": "an email"}, (email,))], {}),
            ([_part("prompt", prompt="x"), _part("reference_image", prompt="y")], {}),
            ([_part("prompt")], {"job_is_live": True}),
            ([_part("prompt", email="only what is cut")], {}),
        ):
            with pytest.raises(GuardError):
                await world.egress.share(
                    SERVICE,
                    to="model_provider",
                    purpose="provide_service",
                    parts=parts,
                    job="job",
                    facts=facts,
                )
        assert world.box.received == []

    _run(tmp_path, story)


def test_an_adapter_for_nobody_in_the_policy_stops_the_start() -> None:
    """S21: who is not in the policy cannot be registered; all such names are said at once."""
    with pytest.raises(PolicyError, match=r"`advertisers` .*`model_providr` .*did you mean `model_provider`"):
        Recipients(TIMELINE, [Postbox("model_providr"), Postbox("advertisers")])
