"""The server as people run it: `gptimage serve run` as a process of its own, for tests that go the real way.

with live(tmp_path) as server:
    with server.visitor() as curl:            # an httpx client with a jar of its own
        server.sign_up(curl, "ada@example.org")

What is mailed is read from what the process prints. `kill()` is a `kill -9`; `start()` starts it again over
the same folder and on the same port. A clean end must be exit code 0 with nothing on standard error.
"""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

__all__ = ["BORN", "JSON", "LiveServer", "live", "until"]

ROOT = Path(__file__).resolve().parents[2]
JSON = {"accept": "application/json"}
BORN = {"day": 4, "month": 2, "year": 1990, "country": "NL"}

_LIMITS = {
    # Everybody in a test comes from one address.
    "GPTIMAGE_STARTS_PER_ADDRESS_HOUR": "100000",
    "GPTIMAGE_LINKS_PER_ADDRESS_HOUR": "100000",
    "GPTIMAGE_LINKS_PER_EMAIL_HOUR": "1000",
}
_PATIENCE = 60.0
"""Seconds a start may take on a machine that does other things too."""


class LiveServer:
    """One home folder, one port, and the process that serves them now (if any)."""

    def __init__(self, home: Path, environment: dict[str, str]) -> None:
        self.home = home
        self._environment = environment
        self._process: subprocess.Popen[bytes] | None = None
        self._port = _free_port()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def start(self) -> None:
        """Start it and wait until it answers; what it printed is in the error when it does not."""
        self.home.mkdir(parents=True, exist_ok=True)
        with self._out.open("ab") as out, self._err.open("ab") as err:
            self._process = subprocess.Popen(
                _command("serve", "run", "--port", str(self._port)),
                cwd=ROOT,
                env=self._clean_environment(),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
            )
        deadline = time.monotonic() + _PATIENCE
        while not self._answers():
            ended = self._process.poll() is not None
            if ended or time.monotonic() > deadline:
                raise AssertionError(f"the server did not start:\n{self.printed()}\n{self.complaints()}")
            time.sleep(0.03)

    def kill(self) -> None:
        """`kill -9`: no handler runs, nothing is flushed."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def stop(self) -> None:
        """Interrupt it, as Ctrl-C does; it must end by itself, with 0 and without a complaint."""
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(signal.SIGINT)
        try:
            code = process.wait(30)
        finally:
            process.kill()
            process.wait()
        complaints = self.complaints()
        assert code == 0, f"it ended with {code}: {complaints}"
        assert not complaints, complaints

    def printed(self) -> str:
        """Standard output so far, mails included."""
        return self._out.read_text(encoding="utf-8") if self._out.exists() else ""

    def complaints(self) -> str:
        """Standard error so far."""
        return self._err.read_text(encoding="utf-8") if self._err.exists() else ""

    def mails_to(self, email: str) -> list[str]:
        """The texts mailed to an address, oldest first."""
        letters = re.split(r"^─+$", self.printed(), flags=re.MULTILINE)
        return [letter for letter in letters if re.search(rf"^To: {re.escape(email)}$", letter, re.MULTILINE)]

    def link_for(self, email: str, *, after: int = 0) -> str:
        """The newest link mailed to an address, when more than `after` letters went there."""
        letters = until(lambda: found if len(found := self.mails_to(email)) > after else None)
        link = re.search(r"http://\S+/link/\S+", letters[-1])
        assert link is not None, letters[-1]
        return link.group(0)

    def visitor(self, **options: Any) -> httpx.Client:
        """Somebody with a cookie jar of their own."""
        return httpx.Client(base_url=self.address, timeout=60, trust_env=False, **options)

    def sign_up(self, curl: httpx.Client, email: str, *, accept: bool = True) -> str:
        """Through the age gate, the mailed link and the terms; gives the person's id."""
        assert curl.post("/start", json=BORN).json() == {"state": "passed", "next": "/signin"}
        self.sign_in(curl, email)
        if accept:
            assert curl.post("/welcome", json={"accept": True}).status_code == 200
        return str(curl.get("/me", headers=JSON).json()["id"])

    def sign_in(self, curl: httpx.Client, email: str) -> None:
        """By a fresh link; the browser has passed the age gate before."""
        before = len(self.mails_to(email))
        assert curl.post("/signin", json={"email": email}).status_code == 202
        reply = curl.post(self.link_for(email, after=before), json={})
        assert reply.json()["state"] == "signed_in"

    @property
    def _out(self) -> Path:
        return self.home / "printed.txt"

    @property
    def _err(self) -> Path:
        return self.home / "complaints.txt"

    def _clean_environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("GPTIMAGE_")}
        own = {"GPTIMAGE_HOME": str(self.home / "var"), "PYTHONUNBUFFERED": "1"}
        return {**kept, **own, **_LIMITS, **self._environment}

    def _answers(self) -> bool:
        try:
            return httpx.get(self.address + "/terms", timeout=5, trust_env=False).status_code == 200
        except httpx.TransportError:
            return False


@contextmanager
def live(home: Path, **environment: str) -> Iterator[LiveServer]:
    """A running server under `home`; settings as in the environment, e.g. `GPTIMAGE_FORM_LIMIT="2048"`."""
    server = LiveServer(home, environment)
    try:
        server.start()
        yield server
        server.stop()
    finally:
        server.kill()


def until(look: Any, *, seconds: float = 20.0) -> Any:
    """Look again and again until something is there; a test that waits for nothing fails with what it saw."""
    deadline = time.monotonic() + seconds
    while True:
        found = look()
        if found:
            return found
        assert time.monotonic() < deadline, f"still `{found}` after {seconds:.0f} seconds"
        time.sleep(0.05)


def _command(*arguments: str) -> list[str]:
    """The installed command; without one, the same by the package."""
    script = Path(sys.executable).parent / "gptimage"
    if script.exists():
        return [str(script), *arguments]
    return [sys.executable, "-c", "from gptimage_core.cli import main; raise SystemExit(main())", *arguments]


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])
