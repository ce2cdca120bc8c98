"""Egress: bytes leave only where the policy lets them, cut to what it names, after the record is durable."""

from __future__ import annotations

import asyncio
import datetime as dt
import sqlite3
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from gptimage_core.accesslog.records import find
from gptimage_core.accesslog.sink import RecordSink
from gptimage_core.clock import FixedClock, Instant, from_iso
from gptimage_core.decision.compile import compile_timeline
from gptimage_core.decision.model import Access, Actor, Effect, Facts, RowFacts
from gptimage_core.decision.reference import decide_slowly
from gptimage_core.errors import AccessDenied, GuardError, PolicyError, StoreError
from gptimage_core.policy.binding import Column, DataMap, Table
from gptimage_core.policy.document import (
    Agreement,
    Category,
    Document,
    Obligation,
    Recipient,
    Rule,
    Transfer,
)
from gptimage_core.policy.source import Source
from gptimage_core.policy.timeline import Timeline, Version, load_timeline
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
RELAXED = settings(deadline=None, max_examples=250, suppress_health_check=list(HealthCheck))


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


DUTIES = {
    "S25 X3 nobody here can tell the person": Obligation(tell_subject=True),
    "X4 more records than the rule releases": Obligation(max_rows=1),
    "S16 about fewer people than the rule asks": Obligation(min_persons=3),
}


@pytest.mark.parametrize("duty", DUTIES.values(), ids=DUTIES.keys())
def test_an_obligation_that_sharing_does_not_meet_holds_everything_back(
    tmp_path: Path, duty: Obligation
) -> None:
    """INVARIANT (egress-is-decided): what a permit demands is carried out or refused, never passed over."""
    version = TIMELINE.versions[0]
    rule = version.document.permit["send_to_model"]
    permits = {**version.document.permit, "send_to_model": replace(rule, then=[*rule.then, duty])}
    timeline = Timeline((replace(version, document=replace(version.document, permit=permits)),))

    async def story(world: World) -> None:
        world.egress = Egress(
            compile_timeline(timeline),
            DATAMAP,
            Recipients(timeline, [world.box]),
            rows=StoredRows(world.database, DATAMAP),
            jobs=world.live,
            sink=world.sink,
            denials=StoredDenials(world.database),
            clock=world.clock,
        )
        both = (RowRef("image", "image of anna"), RowRef("image", "image of ben"))
        with pytest.raises(AccessDenied) as refused:
            await world.share(Part("prompt", {"prompt": "content"}, both))
        assert world.box.received == []
        denial = await world.database.read(lambda c: denials.lookup(c, refused.value.denial_id))
        assert denial is not None
        assert denial.rule == "permit.send_to_model"
        assert "no permit holds" not in denial.reason

    _run(tmp_path, story)


def test_one_refused_part_holds_back_all_of_them(tmp_path: Path) -> None:
    """S24: a payload is shared as a whole or not at all; nothing is left out behind the caller's back."""

    async def story(world: World) -> None:
        world.change("UPDATE reference SET keep_ended = ?", NOW)
        with pytest.raises(AccessDenied):
            await world.share(_part("prompt"), _part("reference_image"))
        assert world.box.received == []

    _run(tmp_path, story)


NEEDED = ["prompt", "reference_image", "generation_parameters"]
CAME: Counter[bool] = Counter()


def _some_of(categories: list[str]) -> st.SearchStrategy[list[str]]:
    return st.lists(st.sampled_from(categories), min_size=1, max_size=3, unique=True)


@given(
    person=st.sampled_from(["anna", "ben"]),
    categories=_some_of(NEEDED) | _some_of(NEEDED) | _some_of(sorted(HOME)),
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
        CAME[allowed] += 1
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


def test_the_property_above_saw_both_answers() -> None:
    """A property that only ever sees refusals would prove nothing."""
    assert CAME[True] + CAME[False] == 0 or min(CAME.values()) > 2, CAME


def some_access(part: Part, to: str) -> Access:
    return Access(SERVICE, "provide_service", "share", part.category, to)


def _timelines() -> st.SearchStrategy[Timeline]:
    """A random policy with one more permit, which lets letters out to `outsider` under a drawn contract."""

    def build(
        base: Document,
        when: list[Any],
        may: list[Any],
        contract: Any,
        transfer: Any,
        forbids: bool,
        limit: Any,
    ) -> Timeline:
        outsider = Recipient("somebody", "processor", ["NL"], ["serve"], contract, transfer)
        rule = Rule(["service"], may, ["letter"], ["serve"], when, ["S20"], ["outsider"], limit)
        document = replace(
            base,
            category={**base.category, "letter": Category("letters")},
            recipient={**base.recipient, "outsider": outsider},
            permit={**base.permit, "let_out": rule},
            forbid=base.forbid if forbids else {},
        )
        return Timeline((Version(1, 0, 0, document, "sha256:1", Source("<random>", "")),))

    signed, today = dt.date(2020, 1, 1), dt.date(2026, 3, 1)
    return st.builds(
        build,
        some.documents(2),
        st.sampled_from([["always"], ["always"], ["job_is_live"], ["row_is_own"]]),
        st.sampled_from([["share"], ["share"], ["share", "sell"], ["disclose"]]),
        st.builds(
            Agreement,
            st.sampled_from([signed, signed, dt.date(2030, 1, 1)]),
            st.sampled_from([dt.date(2040, 1, 1), dt.date(2040, 1, 1), today]),
            st.sampled_from(["service_only", "service_only", "own"]),
        )
        | st.none(),
        st.sampled_from([Transfer("adequacy"), Transfer("adequacy"), Transfer("adequacy", today), None]),
        st.booleans(),
        st.sampled_from([[], [Obligation(only_fields=["body"])], [Obligation(only_fields=["else"])]]),
    )


PEOPLE = st.fixed_dictionaries(
    {
        "deleted": st.sampled_from([False] * 6 + [True]),
        "restricted": st.sampled_from([False] * 6 + [None, True]),
    }
)


def test_random_policies_let_out_what_they_permit() -> None:
    """INVARIANT (egress-is-decided) over random policies, contracts and people (S22, S28, S43).

    The recipient gets something exactly when the reference allows, and the record stands before it does.
    """
    effects: Counter[Effect] = Counter()

    @given(
        timeline=_timelines(),
        person=PEOPLE,
        live=st.sampled_from([True, False, None]),
        facts=some.access_facts(),
    )
    @settings(RELAXED, database=None)
    def holds(timeline: Timeline, person: Any, live: bool | None, facts: dict[str, Any]) -> None:
        facts.pop("job_is_live", None)
        values = {"collected_under": 1, "recorded": some.NOW, "keep_ended": None}
        row = RowFacts("main", ("ann",), {"ann": person}, values)
        asked = facts if live is None else {**facts, "job_is_live": live}
        access = Access(SERVICE, "serve", "share", "letter", "outsider")
        effect, _ = decide_slowly(timeline, access, Facts(asked, row), some.NOW)
        sink, box, refused, came = _share(timeline, row, live, facts)
        effects[effect] += 1
        only = timeline.latest.document.permit["let_out"].then
        cut = bool(only) and only[0].only_fields == ["else"]
        assert len(box.received) == (came == "it") == len(sink.records)
        assert len(refused) == (effect is Effect.DENY)
        assert came in (("denied",) if effect is Effect.DENY else ("it", "nothing") if cut else ("it",))

    holds()
    assert min(effects[Effect.ALLOW], effects[Effect.DENY]) > 10, f"the property is hardly asked: {effects}"


def _share(
    timeline: Timeline, row: RowFacts, live: bool | None, facts: dict[str, Any]
) -> tuple[Sink, Postbox, list[Denial], str]:
    """One share of one letter: the sink, the recipient, the refusals that were kept, and what came of it."""
    box, sink, refused, ref = Postbox("outsider"), Sink(), list[Denial](), RowRef("t", "1")

    async def rows(refs: Iterable[RowRef], now: Instant, /) -> Mapping[RowRef, RowFacts]:
        return {ref: row}

    async def keep(denial: Denial, /) -> None:
        refused.append(denial)

    async def recorded() -> None:
        assert len(sink.records) == 1

    box.before = recorded
    table = Table("t", (Column("id", "identifier", "text", "key"), Column("body", "letter", "text")))
    egress = Egress(
        compile_timeline(timeline),
        DataMap((table,), "d"),
        Recipients(timeline, [box]),
        rows=rows,
        jobs=Live(*(["j"] if live else [])),
        sink=sink,
        denials=keep,
        clock=FixedClock(some.NOW),
    )
    part = Part("letter", {"body": 1}, (ref,))
    story = egress.share(
        SERVICE, to="outsider", purpose="serve", parts=[part], job=None if live is None else "j", facts=facts
    )
    try:
        assert asyncio.run(story).sent == ("body",)
    except AccessDenied:
        return sink, box, refused, "denied"
    except GuardError:
        return sink, box, refused, "nothing"
    return sink, box, refused, "it"


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
