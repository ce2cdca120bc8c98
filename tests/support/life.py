"""A whole server on a folder of its own, for a test that lives with it: opened, cut, restored, looked into.

What runs beside the requests runs here only when it is told to: a step ends before the next one begins, so
whatever goes wrong happens again with the same steps. `life_model` knows what must be true.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import io
import json
import re
import shutil
import sqlite3
import tempfile
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from contextvars import Context
from pathlib import Path
from typing import Any, TypeVar

import httpx
from tests.support.server import JSON, NOON, POLICY

from gptimage_core.clock import FixedClock
from gptimage_core.decision.model import DEFAULT_TENANT
from gptimage_core.errors import StoreError
from gptimage_core.store.database import connect
from gptimage_core.subjects.consent import turn
from gptimage_server.app import create_app
from gptimage_server.features.accounts import sweep as accounts_sweep
from gptimage_server.features.images import deletion, jobs, training
from gptimage_server.features.privacy import deletion as erasures
from gptimage_server.features.privacy import exports
from gptimage_server.gateways.mail import ConsoleMail
from gptimage_server.gateways.renderer import Rendering
from gptimage_server.services import Services
from gptimage_server.settings import Settings
from gptimage_server.web.cookies import SESSION

__all__ = ["CANARY", "Browser", "House", "Spy", "traces_of"]

T = TypeVar("T")

CANARY = "kanarienvogel"
"""Stands in every prompt and every address that a test uses; sealed, it is nowhere to be found."""

_NEVER = 30.0
"""Seconds until a thing that should have happened is given up."""


class Spy:
    """Stands where the renderer stands, the only adapter there is: what reaches it has left (S20)."""

    name = "builtin_renderer"

    def __init__(self, house: House, real: Any) -> None:
        self._house, self._real = house, real
        self.sent: list[dict[str, Any]] = []
        self.fails = False
        self.hangs = False
        self.meanwhile: Callable[[], Coroutine[Any, Any, None]] | None = None
        self.between: asyncio.Task[None] | None = None

    def is_quiet(self) -> bool:
        """Nobody is in between; what went wrong there is raised, since the runner forgets it."""
        if self.between is None or not self.between.done():
            return self.between is None
        self.between.result()
        return True

    async def send(self, payload: Mapping[str, Any]) -> Rendering:
        self.sent.append(dict(payload))
        if self.fails:
            raise RuntimeError(f"the renderer quotes {payload['prompt']}")  # as providers do (S10)
        if self.meanwhile is not None:
            # As a person would come in between: a request of its own, not one inside the job's.
            self.between = asyncio.create_task(self.meanwhile(), context=Context())
            await asyncio.shield(self.between)
        if self.hangs:
            rendering = Rendering()
            rendering._work = asyncio.get_running_loop().create_future()
            return rendering
        rendering = await self._real.send(payload)
        assert isinstance(rendering, Rendering)
        return rendering


class Browser:
    """Cookies and a way to the server; the server may be another one after a restart."""

    def __init__(self, house: House) -> None:
        self._house = house
        self.cookies = httpx.Cookies()

    @property
    def token(self) -> str:
        """The session's token, empty without one."""
        return self.cookies.get(SESSION) or ""

    async def send(self, method: str, path: str, body: Any = None) -> httpx.Response:
        """One request with the program's way of asking (JSON)."""
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(self._house.app),
            base_url="http://testserver.local",
            cookies=self.cookies,
        ) as client:
            reply = await client.request(method, path, json=body, headers=JSON)
            self.cookies = client.cookies
        return reply

    def get(self, path: str) -> httpx.Response:
        return self._house.do(self.send("GET", path))

    def post(self, path: str, body: Any = None) -> httpx.Response:
        return self._house.do(self.send("POST", path, {} if body is None else body))


class House:
    """The server's folder and whatever server is open on it."""

    def __init__(self) -> None:
        self._root = Path(tempfile.mkdtemp(prefix="life-"))
        self._runner = asyncio.Runner()
        self._homes = 0
        self._copies = 0
        self._sets = 0
        self.home = self._root / "home-0"
        self.clock = FixedClock(NOON)
        self.console = io.StringIO()
        self.mails = ""
        self.open()

    # Opening and closing

    def open(self) -> None:
        """A server on the folder; what it does at once when it starts is done when this returns."""
        self.do(self._open())

    async def _open(self) -> None:
        settings = Settings(
            home=self.home,
            policy=POLICY,
            readers=1,
            links_per_email_hour=100_000,
            links_per_address_hour=100_000,
            starts_per_address_hour=100_000,
        )
        self.app: Any = create_app(settings, clock=self.clock)
        self.services: Services = self.app.state.services
        mail = self.services.mail
        assert isinstance(mail, ConsoleMail)
        self._mail = mail._out = io.StringIO()
        adapters = self.services.egress._recipients._adapters
        assert set(adapters) == {Spy.name}  # the only way out there is; another one belongs in here too
        self.spy = Spy(self, adapters[Spy.name])
        adapters[Spy.name] = self.spy
        self._raw: sqlite3.Connection | None = None
        await self._sweep()

    def close(self) -> None:
        """As a stopped server: everything is written and closed."""
        self.do(self._close())

    async def _close(self) -> None:
        self.take_mail()
        await self.app.state.request_log.flush()
        await self.services.close()
        if self._raw is not None:
            self._raw.close()

    def restart(self) -> None:
        self.close()
        self.open()

    def power_cut(self) -> None:
        """What lies on the disk at this moment is what the next server finds; the old one is gone."""
        self._homes += 1
        after = self._root / f"home-{self._homes}"
        shutil.copytree(self.home, after)
        with contextlib.suppress(StoreError):
            self.close()
        shutil.rmtree(self.home)
        self.home = after
        self.open()

    def end(self) -> None:
        """The last one; nothing is left of the folder."""
        try:
            self.close()
        finally:
            self._runner.close()
            shutil.rmtree(self._root)

    def back_up(self) -> Path:
        """A copy of the data as it is. Neither keys nor the ledger of negative decisions are in it (X8)."""
        self._copies += 1
        target = self._root / f"copy-{self._copies}.sqlite"
        connection = connect(self._file)
        connection.execute("VACUUM INTO ?", (str(target),))
        connection.close()
        return target

    def restore(self, copy: Path) -> None:
        """Put an older copy in the place of the data, as somebody would after losing it, and start."""
        self.close()
        for suffix in ("", "-wal", "-shm"):
            self._file.with_name(self._file.name + suffix).unlink(missing_ok=True)
        shutil.copy(copy, self._file)
        self.open()

    # Doing

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        """Run it to its end; what is printed meanwhile is kept in `console`."""
        with contextlib.redirect_stdout(self.console), contextlib.redirect_stderr(self.console):
            return self._runner.run(work)

    def collect(self, progress: Callable[[int], None] | None = None) -> list[dict[str, Any]]:
        """A training set, as the command collects it: its lines."""
        self._sets += 1
        out = self._root / f"set-{self._sets}"  # what leaves the server's folder is no copy of the server's
        self.do(training.collect(self.services, out, progress=progress))
        lines = (out / "manifest.jsonl").read_bytes().splitlines()
        return [json.loads(line) for line in lines]

    def withdraw(self, person: str, consent: str) -> None:
        """From inside a running loop, between two statements of what runs: committed when this returns."""
        services = self.services

        def work(connection: sqlite3.Connection) -> None:
            version, now = services.version(), self.clock.now()
            turn(
                connection, services.ledger, version, DEFAULT_TENANT, person, consent, False, now, how="page"
            )

        services.database.write_sync(work)

    def run_jobs(self, until: Callable[[], bool] | None = None) -> None:
        """Let the runner work until nothing is left to do (or `until`), then stop it."""
        self.do(self._run_jobs(until or self._nothing_left))

    async def _run_jobs(self, until: Callable[[], bool]) -> None:
        self.spy.between = None
        stop = await jobs.begin(self.services)
        try:
            for _ in range(int(_NEVER / 0.004)):
                if self.spy.is_quiet() and until():
                    return
                await asyncio.sleep(0.004)
            raise AssertionError(f"the runner came to no end: {self.rows('SELECT * FROM jobs')}")
        finally:
            await stop()

    def _nothing_left(self) -> bool:
        (left,) = self.rows(
            "SELECT (SELECT count(*) FROM jobs WHERE keep_ended IS NULL AND state IN ('waiting', 'running'))"
            " + (SELECT count(*) FROM credit_transfers AS t JOIN jobs ON jobs.id = t.about"
            " WHERE t.reason = 'hold' AND jobs.keep_ended IS NULL AND NOT EXISTS"
            " (SELECT 1 FROM credit_transfers AS s WHERE s.about = t.about AND s.reason <> 'hold'))"
        )
        return left == (0,)

    def sweep(self) -> None:
        """What runs in rounds beside the requests."""
        self.do(self._sweep())

    async def _sweep(self) -> None:
        await deletion.sweep(self.services)
        await erasures.resume(self.services)
        await exports.sweep(self.services)
        await accounts_sweep.sweep(self.services)

    def settle(self) -> None:
        """Wait until every access record and every line of the request log is in the database."""
        self.do(self._settle())

    async def _settle(self) -> None:
        await self.app.state.request_log.flush()
        sink: Any = self.services.guard.sink
        for _ in range(int(_NEVER / 0.001)):
            if not sink._committing and not sink._waiting:
                return
            await asyncio.sleep(0.001)
        raise AssertionError("access records were not committed")

    # Looking

    @property
    def _file(self) -> Path:
        return self.home / "data" / "gptimage.sqlite"

    def rows(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        """Straight from the file, past every guard: what is there, whoever may see it."""
        if self._raw is None:
            self._raw = sqlite3.connect(f"file:{self._file}?mode=ro", uri=True, check_same_thread=False)
        return self._raw.execute(sql, values).fetchall()

    def counts(self) -> dict[str, int]:
        """Rows of every table."""
        names = self.rows("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
        return {name: self.rows(f'SELECT count(*) FROM "{name}"')[0][0] for (name,) in names}

    def files(self) -> dict[Path, bytes]:
        """Every file below the home folder, the write-ahead log and the spool too."""
        found = {}
        for path in self.home.rglob("*"):
            with contextlib.suppress(FileNotFoundError):  # a spool that was cleared just now
                if path.is_file():
                    found[path] = path.read_bytes()
        return found

    def blobs(self) -> set[str]:
        """The names of the blobs that lie there."""
        return {path.name for path in (self.home / "blobs").rglob("*") if path.is_file()}

    def take_mail(self) -> str:
        """What was mailed since the last look; all of it stays in `mails`."""
        text = self._mail.getvalue()
        self._mail.seek(0)
        self._mail.truncate()
        self.mails += text
        return text

    def link(self) -> str:
        """The path of the link that was mailed last."""
        found: list[str] = re.findall(r"/link/\S+", self.take_mail())
        return found[-1]


def traces_of(words: str) -> tuple[bytes, ...]:
    """How a text may lie in a file: as it is, in UTF-16, in hexadecimal, and inside base64 at each shift."""
    plain = words.encode()
    shifted = []
    for shift in range(3):
        coded = base64.b64encode(b"\0" * shift + plain)
        # The first and last groups depend on the neighbours.
        shifted.append(coded[4 if shift else 0 : -4])
    return (plain, words.encode("utf-16-le"), plain.hex().encode(), *shifted)


Meanwhile = Callable[[], Awaitable[None]]
