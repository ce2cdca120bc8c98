"""The books under any order of holds, ends, repeats and races (S11, S14)."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from tests.support.images import rows_of
from tests.support.server import NOON, POLICY

from gptimage_core.clock import HOUR, FixedClock
from gptimage_core.decision.model import DEFAULT_TENANT
from gptimage_core.store.state import create_subject
from gptimage_server import credits
from gptimage_server.services import Services
from gptimage_server.settings import Settings
from gptimage_server.web.visitor import Person
from gptimage_server.wiring import wire

_START = 100


def open_books(home: Path, owner: str) -> Services:
    """Real services over a new folder, with one person."""
    services = wire(Settings(home=home, policy=POLICY), FixedClock(NOON))
    services.database.write_sync(
        lambda connection: create_subject(
            connection, DEFAULT_TENANT, owner, at=NOON, age_floor_is_met=True, account_is_active=True
        )
    )
    return services


def check_books(services: Services, owner: str) -> dict[str, int]:
    """INVARIANT (double-entry), INVARIANT (never-below-zero), on the rows as they are stored."""
    accounts = [row for row in rows_of(services, "credit_accounts") if row["owner"] == owner]
    entries = rows_of(services, "credit_entries")
    per_transfer: dict[str, int] = {}
    for entry in entries:
        per_transfer[entry["transfer"]] = per_transfer.get(entry["transfer"], 0) + entry["amount"]
    assert all(total == 0 for total in per_transfer.values()), "debits equal credits"
    assert per_transfer.keys() == {row["id"] for row in rows_of(services, "credit_transfers")}
    for account in accounts:
        of_it = sum(entry["amount"] for entry in entries if entry["account"] == account["id"])
        assert account["balance"] == of_it, account["kind"]
        assert account["kind"] == "granted" or account["balance"] >= 0, account["kind"]
    assert sum(account["balance"] for account in accounts) == 0
    return {account["kind"]: account["balance"] for account in accounts}


class Books(RuleBasedStateMachine):
    """Holds, posts, returns and repeats of each, against a model of three numbers and a set."""

    def __init__(self) -> None:
        super().__init__()
        self.home = Path(tempfile.mkdtemp())
        self.services = open_books(self.home, "ada")
        self.loop = asyncio.new_event_loop()
        self.held: dict[str, int] = {}
        self.settled: dict[str, str] = {}
        self.spent = 0

    def run(self, work: Any) -> Any:
        return self.loop.run_until_complete(work)

    @initialize()
    def begin(self) -> None:
        self.run(credits.grant_start(self.services, "ada"))

    @rule(job=st.sampled_from("abcdefgh"), amount=st.integers(1, 60))
    def hold(self, job: str, amount: int) -> None:
        free = _START - self.spent - sum(self.held.values())
        left: int | None = None
        try:
            self.run(credits.hold(self.services, "ada", job, amount))
        except credits.NotEnough as short:
            left = short.left
        known = job in self.held or job in self.settled
        assert (left is not None) == (not known and free < amount)
        assert left in (None, free)
        if left is None and not known:
            self.held[job] = amount

    @rule(job=st.sampled_from("abcdefgh"))
    def post(self, job: str) -> None:
        first = self.run(credits.post(self.services, "ada", job))
        assert first == (job in self.held)
        if first:
            self.spent += self.held.pop(job)
            self.settled[job] = "posted"

    @rule(job=st.sampled_from("abcdefgh"))
    def give_back(self, job: str) -> None:
        first = self.run(credits.give_back(self.services, "ada", job))
        assert first == (job in self.held)
        if first:
            self.held.pop(job)
            self.settled[job] = "given_back"

    @rule(job=st.sampled_from("abcdefgh"))
    def both_at_once(self, job: str) -> None:
        """A post and a return race: one of them settles, if there is anything to settle."""

        async def race() -> list[bool]:
            return await asyncio.gather(
                credits.post(self.services, "ada", job), credits.give_back(self.services, "ada", job)
            )

        posted, returned = self.run(race())
        assert posted + returned == (job in self.held)
        if job in self.held:
            amount = self.held.pop(job)
            self.spent += amount if posted else 0
            self.settled[job] = "posted" if posted else "given_back"

    @rule()
    def grant_again(self) -> None:
        self.run(credits.grant_start(self.services, "ada"))

    @rule()
    def return_orphans(self) -> None:
        """Holds whose job was never written come back once they are old; younger ones are left alone."""
        clock = self.services.clock
        assert isinstance(clock, FixedClock)
        assert self.run(credits.return_orphans(self.services)) == 0
        clock.advance(HOUR)
        assert self.run(credits.return_orphans(self.services)) == len(self.held)
        self.settled.update(dict.fromkeys(self.held, "given_back"))
        self.held.clear()

    @invariant()
    def the_books_are_right(self) -> None:
        found = check_books(self.services, "ada")
        if found:
            assert found["held"] == sum(self.held.values())
            assert found["spent"] == self.spent
            assert found["available"] == _START - self.spent - found["held"]
            assert found["granted"] == -_START

    def teardown(self) -> None:
        self.run(self.services.close())
        self.loop.close()
        shutil.rmtree(self.home, ignore_errors=True)


TestBooks = Books.TestCase
TestBooks.settings = settings(
    max_examples=12, stateful_step_count=20, deadline=None, suppress_health_check=list(HealthCheck)
)


def test_a_hundred_attempts_for_ten(tmp_path: Path) -> None:
    """100 racing holds of 10 where there are 100 credits: ten are made, ninety refused, none below zero."""

    async def race() -> None:
        services = open_books(tmp_path, "ada")
        try:
            results = await asyncio.gather(
                *(credits.hold(services, "ada", f"job-{number}", 10) for number in range(100)),
                return_exceptions=True,
            )
            assert sum(result is None for result in results) == 10
            assert sum(isinstance(result, credits.NotEnough) for result in results) == 90
            assert check_books(services, "ada") == {
                "granted": -100, "available": 0, "held": 100, "spent": 0,
            }  # fmt: skip
            settled = await asyncio.gather(
                *(credits.post(services, "ada", f"job-{number}") for number in range(100)),
                *(credits.give_back(services, "ada", f"job-{number}") for number in range(100)),
            )
            assert sum(settled) == 10
            found = check_books(services, "ada")
            assert found["held"] == 0
            assert found["available"] + found["spent"] == 100
        finally:
            await services.close()

    asyncio.run(race())


def test_threads_racing_for_the_same_grant(tmp_path: Path) -> None:
    """Starts from many threads, each with a loop of its own: one grant, one set of accounts (S14)."""

    async def race() -> None:
        services = open_books(tmp_path, "ada")
        try:
            await asyncio.gather(
                *(
                    asyncio.to_thread(lambda: asyncio.run(credits.grant_start(services, "ada")))
                    for _ in range(16)
                )
            )
            assert check_books(services, "ada")["available"] == 100
            assert len(rows_of(services, "credit_transfers")) == 1
            somebody = Person("ada", "", services.now())
            assert await credits.balance(services, somebody) == credits.Balance(100, 0, 0)
        finally:
            await services.close()

    asyncio.run(race())


def test_books_of_others_are_not_seen(tmp_path: Path) -> None:
    """A person's look at the books finds their own lines and nobody else's (S7)."""

    async def look() -> None:
        services = open_books(tmp_path, "ada")
        services.database.write_sync(
            lambda connection: create_subject(
                connection, DEFAULT_TENANT, "eve", at=NOON, age_floor_is_met=True, account_is_active=True
            )
        )
        try:
            await credits.hold(services, "ada", "job", 30)
            await credits.hold(services, "eve", "other", 10)
            for name, left in (("ada", 70), ("eve", 90)):
                somebody = Person(name, "", services.now())
                assert (await credits.balance(services, somebody)).available == left
                lines, _ = await credits.history(services, somebody)
                assert sorted(line.change for line in lines) == [left - 100, 100]
                first, cursor = await credits.history(services, somebody, limit=1)
                rest, end = await credits.history(services, somebody, after=cursor, limit=1)
                assert {*first, *rest} == set(lines)
                assert end is None
        finally:
            await services.close()

    asyncio.run(look())
