"""The life of a server, in any order: people come, make, keep, delete, choose and go, while it is cut and
restored; after every step a model written from the clauses alone says what must be true.

S7, S11, S17, S20, S23, S24, S28, S31, S32, S33, S40, X7, X8.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any, cast

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from tests.support.life import CANARY, Browser, House
from tests.support.life_checks import (
    Records,
    books,
    everybody_reads_their_own,
    logs,
    nothing_left_of_what_was_deleted,
    whole_set,
)
from tests.support.life_model import DAY, MAIL_ENDS, RENDERER_ENDS, SECOND, Item, Person, World

from gptimage_core.clock import to_datetime
from gptimage_core.decision.model import Actor
from gptimage_core.errors import AccessDenied, GptimageError
from gptimage_core.sharing.egress import Part
from gptimage_core.sharing.stored import RowRef
from gptimage_server.features.images.choices import SIZES, Size

SLOTS = ("ann", "bob", "cyd")
slots = st.sampled_from(SLOTS)
someone = st.sampled_from(("", "", "", *SLOTS))
"""Most often the one whose image it is: empty."""
CONSENTS = ("model_training", "product_updates")
TIMES = (1, 5, 9, 10, 11, 60, 599, 601, 899, 46_800, 86_400, 15 * 86_400, 31 * 86_400)
QUIET = {"gp_access_record", "gp_access_touch", "request_log"}
SMALL = {name: Size(name, size.words, 48, 48, size.cost) for name, size in SIZES.items()}


class ServerLife(RuleBasedStateMachine):
    """Three addresses, each with a browser of its own, and one server that goes through everything."""

    def __init__(self) -> None:
        super().__init__()
        self._sizes = dict(SIZES)
        SIZES.update(SMALL)
        self.house = House()
        self.world = World()
        self.browsers = {slot: Browser(self.house) for slot in SLOTS}
        self.records = Records(self.house)
        self.copies: list[tuple[Any, World]] = []
        self.links: list[str] = []
        self.prompts = 0
        self.turn = 0

    def teardown(self) -> None:
        try:
            everybody_reads_their_own(self.house, self.world, self.world.items())
        finally:
            SIZES.update(self._sizes)
            self.house.end()

    # ── Coming in and going out

    @initialize(accept=st.booleans())
    def it_has_begun(self, accept: bool) -> None:
        """Two have a picture each; the third one has just come in, and may not have accepted anything."""
        for slot in SLOTS[:2]:
            self.come_in(slot, 30 * 365)
            self.accept(slot)
            self.ask(slot, "sketch")
        self.ask("ann", "square")
        self.work("works")
        self.choose("ann", "model_training", again=False)
        self.come_in(SLOTS[2], 0)
        if accept:
            self.accept(SLOTS[2])

    @rule(slot=slots, days=st.sampled_from((0, 0, 1, 200, 9000)), copied=st.booleans())
    def come_in(self, slot: str, days: int, copied: bool = False) -> None:
        """At sixteen, to the day, or older: by a link that works once, also where a backup was `copied`
        while it was in the mail."""
        browser, now = Browser(self.house), self.now
        reply = browser.post("/start", {**_date(_sixteen(now), days), "country": "NL"})
        assert reply.status_code == 200
        reply = browser.post("/signin", {"email": _address(slot)})
        if now >= MAIL_ENDS:
            assert reply.status_code == 403  # S22
            assert self.house.take_mail() == ""
            return
        assert reply.status_code == 202
        link = self.house.link()
        assert browser.get(link).status_code == 200
        if copied and len(self.copies) < 3:
            self.back_up()
        assert browser.post(link).status_code == 200
        token = browser.token
        self.links.append(link)
        assert browser.post(link).status_code == 410
        me = browser.get("/me").json()
        person = self.world.of(slot)
        if person is None:
            assert me["id"] not in self.world.people  # nobody old comes back (S33)
            person = self.world.people[me["id"]] = Person(me["id"], slot, now)
        assert (me["id"], me["email"], me["terms_accepted"]) == (person.id, _address(slot), person.terms)
        self.world.sessions[token] = (person.id, now)
        self.browsers[slot] = browser

    @rule(slot=slots, days=st.sampled_from((1, 1, 2, 700, 5000)))
    def a_child_comes(self, slot: str, days: int) -> None:
        """S40: under sixteen, even by a day, leaves a block and nothing else, by whichever way."""
        child, before = Browser(self.house), self._counts()
        young = {**_date(_sixteen(self.now), -days), "country": "NL"}
        assert child.post("/start", young).status_code == 403
        for again in (young, {**_date(_sixteen(self.now), 365), "country": "NL"}):
            assert child.post("/start", again).status_code == 403
        assert child.post("/signin", {"email": f"{CANARY}-child@example.org"}).status_code == 403
        assert child.token == ""
        after = self._counts()
        assert after.pop("age_blocks") == before.pop("age_blocks") + 1
        assert after == before
        assert self.house.take_mail() == ""

    @rule(slot=slots)
    def accept(self, slot: str) -> None:
        """S1: accepting switches no consent on."""
        reply, person = self.browsers[slot].post("/welcome", {"accept": True}), self._person(slot)
        assert reply.status_code == (401 if person is None else 200)
        if person is not None:
            person.terms = True

    @rule(slot=slots)
    def go(self, slot: str) -> None:
        token, person = self.browsers[slot].token, self._person(slot)
        assert self.browsers[slot].post("/signout").status_code == 200
        self.browsers[slot].cookies.set("gp_session", token)  # a copied cookie is worth nothing any more
        if person is not None:
            del self.world.sessions[token]
            self.world.gone_sessions.add(token)
        assert self.browsers[slot].get("/me").status_code == 401

    # ── Images

    @rule(slot=slots, size=st.sampled_from(("sketch", "sketch", "square", "wide")))
    def ask(self, slot: str, size: str) -> None:
        """S14: what it costs is held, once; without enough, or without the terms, nothing is taken."""
        if self._person(slot) is None and self.now < MAIL_ENDS and self.turn % 2:
            self.come_in(slot, 9000)
            self.accept(slot)
        person, browser = self._person(slot), self.browsers[slot]
        self.prompts += 1
        prompt = f"{CANARY}-prompt {self.prompts} of {slot}"
        reply = browser.post("/studio", {"prompt": prompt, "size": size, "seed": self.prompts})
        if person is None or not person.terms:
            assert reply.status_code == (401 if person is None else 403)
            return
        cost = SIZES[size].cost
        short = person.granted and person.balance()["available"] < cost
        person.granted = True
        if short:
            assert reply.status_code == 422
            return
        assert reply.status_code == 201
        made = reply.json()
        parameters = {"style": made["style"], "seed": self.prompts, "width": 48, "height": 48}
        person.items[made["id"]] = Item(
            made["id"], made["job"], person.id, prompt, cost, self.now, parameters
        )

    @rule(how=st.sampled_from(("works", "works", "works", "fails", "click", "now", "undone", "leave", "cut")))
    def work(self, how: str) -> None:
        """The runner takes what waits: it works, the renderer fails, the owner deletes meanwhile, or the
        power goes while something is drawn."""
        self.house.clock.advance(21 * SECOND)  # a lease of whoever was cut off is over
        spy, before, waiting = self.house.spy, len(self.house.spy.sent), self._waiting()
        if self.now >= RENDERER_ENDS:
            how = "nothing"
        spy.fails = how == "fails"
        hit: list[Item] = []
        if how in ("click", "now", "undone", "leave"):
            spy.meanwhile = lambda: self._meanwhile(how, hit)
        if how == "cut" and any(item.tries < 3 for item in waiting):
            spy.hangs = True
            self.house.run_jobs(until=lambda: len(spy.sent) > before)
            self._only_what_may_leave(before, waiting)
            self.house.power_cut()
            self.world.finish_due(self.now)
            for item in waiting:
                item.tries = self.house.rows("SELECT attempts FROM jobs WHERE id = ?", item.job)[0][0]
        else:
            self.house.run_jobs()
            self._only_what_may_leave(before, [] if how == "nothing" else waiting)
            spy.fails, spy.meanwhile = False, None
            for item in waiting:
                if item.id in self.world.people[item.owner].living():
                    failed = how in ("fails", "nothing") or item.tries >= 3
                    item.state = "failed" if failed else "done"
                    item.books = "given_back" if failed else "posted"
                if item.state == "done":
                    ((*names,),) = self.house.rows(
                        "SELECT picture, thumbnail FROM images WHERE id = ?", item.id
                    )
                    item.blobs = tuple(names)

    async def _meanwhile(self, how: str, hit: list[Item]) -> None:
        """The first one that is being drawn is deleted by its owner, who may be anybody with a session."""
        prompt = self.house.spy.sent[-1]["prompt"]
        item = self.world.item_of_prompt(prompt)
        assert item is not None
        slot = self.world.people[item.owner].slot
        if hit or self._person(slot) is None:
            return
        hit.append(item)
        browser, path = self.browsers[slot], f"/images/{item.id}"
        if how == "leave":
            assert (await browser.send("POST", "/account/delete", {"confirm": "delete"})).status_code == 200
            self.world.delete(self.world.people[item.owner], self.now)
            return
        assert (await browser.send("POST", f"{path}/delete", {"now": how == "now"})).status_code == 200
        self.world.click(item, self.now)
        if how == "now":
            self.world.finish(item, self.now)
        elif how == "undone":
            assert (await browser.send("POST", f"{path}/undo", {})).status_code == 200
            self.world.undo(item)

    @precondition(lambda self: self.world.items())
    @rule(slot=someone, data=st.data(), part=st.sampled_from(("", "/picture", "/thumbnail", "/job")))
    def look(self, slot: str, data: st.DataObject, part: str) -> None:
        """S7: over the wire, one's own, a foreign and a deleted one; what is not one's own never was."""
        item = data.draw(st.sampled_from(self.world.items()))
        slot = slot or self.world.people[item.owner].slot
        person, browser = self._person(slot), self.browsers[slot]
        path, nowhere = f"/images/{item.id}{part}", f"/images/{'x' * 22}{part}"
        if part == "/job":
            path, nowhere = f"/jobs/{item.job}", f"/jobs/{'x' * 22}"
        self.records.check(self.world)
        reply, missing = browser.get(path), browser.get(nowhere)
        self.records.check(self.world)
        own = person is not None and item.id in person.living()
        if own and (not part or part == "/job" or item.state == "done"):
            assert reply.status_code == 200
            assert reply.headers["cache-control"] == "no-store"
            assert person is not None
            table, key = ("jobs", item.job) if part == "/job" else ("images", item.id)
            assert self.records.releases(person.id, table, key)  # no record, no access
        else:
            assert reply.status_code == (404 if person is not None else 401)
            assert _masked(reply) == _masked(missing)
            assert not any(self.records.releases(p, "images", item.id) for p in self.world.people)

    @precondition(lambda self: self.world.items())
    @rule(slot=someone, data=st.data(), now=st.sampled_from((False, False, True)), wait=st.booleans())
    def delete(self, slot: str, data: st.DataObject, now: bool, wait: bool) -> None:
        """S32: T0 is the click; nobody deletes what is not theirs. It may end before anything else."""
        item = data.draw(st.sampled_from(self.world.items()))
        slot = slot or self.world.people[item.owner].slot
        person = self._person(slot)
        reply = self.browsers[slot].post(f"/images/{item.id}/delete", {"now": now})
        if person is None or item.id not in person.living():
            assert reply.status_code == (401 if person is None else 404)
            return
        assert reply.status_code == 200
        self.world.click(item, self.now)
        if now:
            self.world.finish(item, self.now)
        elif wait:
            self.house.clock.advance(10 * SECOND)
            self.sweep()

    @precondition(lambda self: any(item.clicked is not None for item in self.world.items()))
    @rule(slot=someone, data=st.data())
    def undo(self, slot: str, data: st.DataObject) -> None:
        """Ten seconds, by the owner alone; later, never."""
        clicked = [item for item in self.world.items() if item.clicked is not None]
        item = data.draw(st.sampled_from(clicked))
        slot = slot or self.world.people[item.owner].slot
        person = self._person(slot)
        reply = self.browsers[slot].post(f"/images/{item.id}/undo")
        if person is not None and item.owner == person.id and self.world.undo_is_open(item, self.now):
            assert reply.status_code == 200
            self.world.undo(item)
        else:
            assert reply.status_code == (401 if person is None else 404)

    @rule()
    def sweep(self) -> None:
        self.house.sweep()
        self.world.finish_due(self.now)

    # ── Choices and rights

    @rule(slot=slots, name=st.sampled_from(CONSENTS[:1] * 2 + CONSENTS), again=st.booleans())
    def choose(self, slot: str, name: str, again: bool) -> None:
        """S17, S19: a switch turns what it says, at once, and nothing else; twice is once."""
        person = self._person(slot)
        stands_now = person is not None and person.agrees(name, self.now)
        given = stands_now if again else not stands_now
        reply = self.browsers[slot].post("/account/consents", {"name": name, "on": given})
        assert reply.status_code == (401 if person is None else 200)
        if person is None:
            return
        self.world.turn(person, name, given, self.now)
        stands = {each["name"]: each["given"] for each in reply.json()["choices"]}
        assert stands == {each: person.agrees(each, self.now) for each in CONSENTS}

    @rule(withdraws=st.booleans(), slot=slots)
    def train(self, withdraws: bool, slot: str) -> None:
        """S17: exactly what owners agree to; a withdrawal binds the next statement of the running batch."""
        person = self._person(slot)
        due = {
            item.id: item
            for each in self.world.living()
            for item in each.living().values()
            if item.state == "done" and each.agrees("model_training", self.now)
        }
        taken: list[int] = []

        def between(count: int) -> None:
            if withdraws and person is not None and not taken and person.agrees("model_training", self.now):
                self.house.clock.advance(SECOND)
                self.house.withdraw(person.id, "model_training")
                self.world.turn(person, "model_training", False, self.now)
                taken.append(count)

        lines = self.house.collect(between)
        for line in lines:
            item = due[line["item"]]
            assert (line["prompt"], line["sha256"]) == (item.prompt, item.picture or line["sha256"])
        if not taken:
            assert {line["item"] for line in lines} == set(due)
        elif person is not None:
            later = {line["item"] for line in lines[taken[0] :]}
            assert not later & set(person.items)

    @rule(slot=slots)
    def export(self, slot: str) -> None:
        """S36: the whole set of theirs and nothing of anybody else's, with a fresh sign-in only."""
        person, browser = self._person(slot), self.browsers[slot]
        self.house.services.limits._seen.clear()
        self.house.clock.advance(SECOND)  # what was deleted before it was made, and not in the same instant
        reply = browser.post("/account/export")
        if person is None or not self.world.fresh(browser.token, self.now):
            assert reply.status_code == (401 if person is None else 403)
            return
        assert reply.status_code == 201
        ((id, blob),) = self.house.rows(
            "SELECT id, archive FROM exports WHERE owner = ? ORDER BY rowid DESC LIMIT 1", person.id
        )
        person.archives[id] = (blob, self.now)
        archive = browser.get(f"/account/export/{id}")
        assert archive.status_code == 200
        others = [each.id for each in self.world.people.values() if each is not person]
        others += [item.id for item in self.world.items() if item.owner != person.id]
        whole_set(archive.content, person, _address(slot), others)
        for other in set(SLOTS) - {slot}:
            assert self.browsers[other].get(f"/account/export/{id}").status_code in (401, 403, 404)

    @rule(slot=slots)
    def leave(self, slot: str) -> None:
        """S32, X1: the account goes with one click, whatever is open; its session with it."""
        person = self._person(slot)
        reply = self.browsers[slot].post("/account/delete", {"confirm": "delete"})
        assert reply.status_code == (401 if person is None else 200)
        if person is not None:
            self.world.delete(person, self.now)

    # ── What must never leave

    @precondition(lambda self: self.world.items())
    @rule(
        data=st.data(),
        to=st.sampled_from(
            ("builtin_renderer", "model_provider", "email_provider", "payment_provider", "a_friend")
        ),
        job=st.sampled_from(("own", "none", "unknown")),
    )
    def share(self, data: st.DataObject, to: str, job: str) -> None:
        """S20, S21, S23: without a living job, or to anybody else, nothing leaves."""
        item = data.draw(st.sampled_from(self.world.items()))
        jobs = {"own": item.job, "none": None, "unknown": "x" * 22}
        before = len(self.house.spy.sent)
        with pytest.raises((AccessDenied, GptimageError)):
            self.house.do(self._share(item, to, jobs[job]))
        assert len(self.house.spy.sent) == before

    @rule(
        slot=slots,
        category=st.sampled_from(
            ("prompt", "generated_image", "account_email", "request_log", "usage_aggregate")
        ),
        actor=st.sampled_from(("service", "staff", "subject")),
        to=st.sampled_from(("model_provider", "hosting_provider", "successor", "builtin_renderer")),
        purpose=st.sampled_from(
            ("provide_service", "model_training", "product_updates", "show_accountability")
        ),
    )
    def sell(self, slot: str, category: str, actor: str, to: str, purpose: str) -> None:
        """S28: whoever asks, for whatever, with every consent there is: no."""
        person = self.world.of(slot)
        if person is None:
            return
        who = Actor.subject(person.id) if actor == "subject" else Actor(actor, "somebody")

        async def try_it() -> None:
            async with self.house.services.guard.access(who, purpose=purpose):
                await self.house.services.guard.decide_and_record(
                    category, operation="sell", recipient=to, subjects=[person.id]
                )

        with pytest.raises(AccessDenied):
            self.house.do(try_it())

    # ── Time, and what happens to machines

    @rule(seconds=st.sampled_from(TIMES))
    def time_goes_by(self, seconds: int) -> None:
        self.house.clock.advance(seconds * SECOND)

    @precondition(lambda self: self.turn >= 12)
    @rule(years=st.sampled_from((1, 5)))
    def years_go_by(self, years: int) -> None:
        """S31: what nobody deleted is there. Late in a life, since contracts end and nobody comes in then."""
        self.house.clock.advance(years * 366 * DAY)

    @rule(cut=st.booleans())
    def restart(self, cut: bool) -> None:
        if cut:
            self.house.power_cut()
        else:
            self.house.restart()
        self.world.finish_due(self.now)

    @precondition(lambda self: len(self.copies) < 3)
    @rule()
    def back_up(self) -> None:
        self.copies.append((self.house.back_up(), self.world.copy()))

    @precondition(lambda self: self.copies)
    @rule(data=st.data())
    def restore(self, data: st.DataObject) -> None:
        """X8, S33: an older copy and the ledger; who deleted, withdrew or went stays deleted, off, gone."""
        self.restore_copy(data.draw(st.integers(0, len(self.copies) - 1)))

    def restore_copy(self, which: int) -> None:
        path, older = self.copies[which]
        self.house.restore(path)
        self.world = self.world.restored(older, self.now)
        self.records.start_over()
        everybody_reads_their_own(self.house, self.world, self.world.items())
        for link in self.links[-3:]:
            assert Browser(self.house).post(link).status_code == 410  # used once, used for ever
        for item in self.world.items():
            person = self._person(self.world.people[item.owner].slot)
            if item.final and person is not None:
                reply = self.browsers[person.slot].post(f"/images/{item.id}/undo")
                assert reply.status_code == 404  # what was final is final, whatever the copy says
        for token in self.world.gone_sessions:
            gone = Browser(self.house)
            gone.cookies.set("gp_session", token)
            assert gone.get("/me").status_code == 401  # X8: who went out stays out
        self.house.clock.advance(11 * SECOND)
        self.sweep()

    # ── What must hold after every step

    @invariant()
    def it_all_holds(self) -> None:
        self.turn += 1
        items = self.world.items()
        some = [items[(self.turn * 7 + step) % len(items)] for step in range(min(2, len(items)))]
        everybody_reads_their_own(self.house, self.world, some)
        self.records.check(self.world)
        books(self.house, self.world)
        nothing_left_of_what_was_deleted(self.house, self.world)
        logs(self.house)

    # ── Inside

    @property
    def now(self) -> int:
        return self.house.clock.now()

    def _person(self, slot: str) -> Person | None:
        return self.world.signed_in(self.browsers[slot].token, self.now)

    def _waiting(self) -> list[Item]:
        found = [item for person in self.world.people.values() for item in person.living().values()]
        return [item for item in found if item.state == "waiting"]

    def _counts(self) -> dict[str, int]:
        self.house.settle()
        return {name: count for name, count in self.house.counts().items() if name not in QUIET}

    def _only_what_may_leave(self, before: int, waiting: list[Item]) -> None:
        """S20, S23, S24: exactly prompt and parameters, of what waited to be made when it was sent."""
        for payload in self.house.spy.sent[before:]:
            assert set(payload) == {"prompt", "generation_parameters"}
            item = self.world.item_of_prompt(payload["prompt"])
            assert item in waiting
            assert payload["generation_parameters"] == item.parameters

    async def _share(self, item: Item, to: str, job: str | None) -> None:
        here = (RowRef("images", item.id),)
        await self.house.services.egress.share(
            Actor.service("renderer"),
            to=to,
            purpose="provide_service",
            parts=[Part("prompt", {"prompt": item.prompt}, here)],
            job=job,
        )


def _address(slot: str) -> str:
    return f"{CANARY}-{slot}@example.org"


def _sixteen(now: int) -> dt.date:
    """The youngest date of birth of somebody who is sixteen everywhere on earth: the last zone is UTC-12."""
    today = to_datetime(now).date() if to_datetime(now).hour >= 12 else to_datetime(now - DAY).date()
    try:
        return today.replace(year=today.year - 16)
    except ValueError:  # 29 February, in a year of no such day: the birthday is on 1 March
        return dt.date(today.year - 16, 2, 28)


def _date(youngest: dt.date, older_by: int) -> dict[str, int]:
    born = youngest - dt.timedelta(days=older_by)
    return {"day": born.day, "month": born.month, "year": born.year}


def _masked(reply: Any) -> tuple[Any, ...]:
    """A reply without what differs by design: the request's own id and the instant."""
    named = reply.json().get("request_id", "")
    headers = {k: v.replace(named, "") for k, v in reply.headers.items() if k not in ("date",)}
    return reply.status_code, reply.text.replace(named, ""), headers


# What fails is told as its steps. Making them fewer takes minutes: by hand, with every phase.
_COMMON: dict[str, Any] = {
    "deadline": None,
    "phases": (Phase.explicit, Phase.reuse, Phase.generate),
    "suppress_health_check": list(HealthCheck),
}


class TestServerLife(ServerLife.TestCase):  # type: ignore[misc,valid-type]  # made by Hypothesis
    """S7, S17, S28, S31, S32, S40, X8: a few lives, of some steps each."""

    settings = settings(max_examples=8, stateful_step_count=25, **_COMMON)


@pytest.mark.sweep
@pytest.mark.timeout(900)
class TestLongServerLife(ServerLife.TestCase):  # type: ignore[misc,valid-type]  # made by Hypothesis
    """S7, S17, S28, S31, S32, S40, X8: many lives, of many steps each."""

    settings = settings(max_examples=40, stateful_step_count=40, **_COMMON)


# ── Lives that went wrong once


class _Pick:
    """Stands for Hypothesis' choice of an image, in a life that is written down: the first one of all."""

    def draw(self, _: object) -> Item:
        return self.life.world.items()[0]

    def __init__(self, life: ServerLife) -> None:
        self.life = life


@pytest.fixture
def life() -> Iterator[ServerLife]:
    """A life that has begun."""
    life = ServerLife()
    try:
        life.it_has_begun(accept=True)
        yield life
    finally:
        life.teardown()


def test_a_click_survives_a_restore(life: ServerLife) -> None:
    """X8, S32: T0 is the click; a copy of a minute before does not take it back, nor does it undo an undo."""
    pick = cast(Any, _Pick(life))
    life.back_up()
    life.delete("ann", pick, now=False, wait=False)
    life.it_all_holds()
    life.restore_copy(0)
    life.it_all_holds()
    assert not life.world.items()[0].alive


def test_an_undo_survives_a_restore(life: ServerLife) -> None:
    """S31, X8: what was taken back in time is there, though the copy knows the deletion alone."""
    pick = cast(Any, _Pick(life))
    life.delete("ann", pick, now=False, wait=False)
    life.back_up()
    life.undo("ann", pick)
    life.restore_copy(0)
    life.it_all_holds()
    assert life.world.items()[0].alive


def test_what_is_final_has_no_undo_after_a_restore(life: ServerLife) -> None:
    """S32, X8: the copy brings the row back for a moment; its key is gone, and no undo brings it back."""
    life.back_up()
    life.delete("ann", cast(Any, _Pick(life)), now=True, wait=False)
    life.restore_copy(0)
    life.it_all_holds()


def test_a_day_with_everything_in_it(life: ServerLife) -> None:
    """S7, S17, S23, S32, S33, S40, X8: every rule once, in an order in which each has something to do."""
    pick = cast(Any, _Pick(life))
    life.a_child_comes("bob", 1)
    life.come_in("cyd", 0)
    life.back_up()
    life.share(pick, "builtin_renderer", "own")
    life.share(pick, "model_provider", "own")
    life.sell("ann", "prompt", "service", "model_provider", "provide_service")
    life.export("ann")
    life.it_all_holds()
    life.train(withdraws=True, slot="ann")
    life.it_all_holds()
    life.choose("ann", "model_training", again=False)
    life.choose("ann", "model_training", again=False)
    life.train(withdraws=False, slot="ann")
    for how in ("fails", "click", "undone", "now", "cut", "works"):
        life.ask("bob", "sketch")
        life.work(how)
        life.it_all_holds()
    for part in ("", "/picture", "/thumbnail", "/job"):
        life.look("ann", pick, part)
        life.look("bob", pick, part)
    life.delete("ann", pick, now=False, wait=False)
    life.look("ann", pick, "")
    life.look("ann", pick, "/job")
    life.time_goes_by(9)
    life.undo("bob", pick)
    life.undo("ann", pick)
    life.it_all_holds()
    life.delete("ann", pick, now=False, wait=False)
    life.time_goes_by(10)
    life.undo("ann", pick)
    life.sweep()
    life.it_all_holds()
    life.go("cyd")
    life.come_in("cyd", 400, copied=True)
    life.leave("bob")
    life.it_all_holds()
    life.restore_copy(1)
    life.it_all_holds()
    life.restore_copy(0)
    life.it_all_holds()
    life.come_in("bob", 400)
    life.restart(cut=True)
    life.it_all_holds()
    life.time_goes_by(46_800)
    life.export("ann")
    life.a_child_comes("cyd", 1)  # who is sixteen here, and not yet everywhere
    life.come_in("cyd", 0)
    life.years_go_by(5)


def test_a_deletion_is_finished_after_a_month_without_a_server(life: ServerLife) -> None:
    """S32: what is over its ceiling nobody may read any more, and the finisher finds it all the same."""
    life.delete("ann", cast(Any, _Pick(life)), now=False, wait=False)
    life.time_goes_by(31 * 86_400)
    life.restart(cut=True)
    life.it_all_holds()
    assert life.world.items()[0].final
