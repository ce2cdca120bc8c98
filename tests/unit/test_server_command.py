"""`gptimage serve run` as a process of its own: it starts on an empty folder, serves, ends when asked."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import httpx

ROOT = Path(__file__).resolve().parents[2]


def _command(*arguments: str) -> list[str]:
    return [sys.executable, "-c", "from gptimage_core.cli import main; raise SystemExit(main())", *arguments]


def _environment(home: Path, **more: str) -> dict[str, str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("GPTIMAGE_")}
    return {**clean, "GPTIMAGE_HOME": str(home), "PYTHONUNBUFFERED": "1", **more}


def test_it_serves_from_nothing_and_ends_when_interrupted(tmp_path: Path) -> None:
    """One command, no account anywhere: the address is printed, pages come, an interrupt ends it with 0."""
    with subprocess.Popen(
        _command("serve", "run", "--port", "0"),
        cwd=ROOT,
        env=_environment(tmp_path / "var"),
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            found = re.search(r"http://127\.0\.0\.1:\d+", process.stdout.readline())
            assert found is not None
            left = (
                process.stdout.readline() + process.stdout.readline()
            )  # what the schema's lints left standing
            assert "accounts_one_address` is accepted" in left
            assert "server_migration" in left
            home = httpx.get(found.group(0), headers={"accept": "application/json"}, timeout=30)
            assert home.json() == {"state": "guest", "next": "/start"}
            style = httpx.get(found.group(0) + "/static/studio.css", timeout=30)
            assert style.headers["content-type"].startswith("text/css")
            process.send_signal(signal.SIGINT)
            assert process.wait(30) == 0
        finally:
            process.kill()
    assert (tmp_path / "var" / "data" / "gptimage.sqlite").stat().st_size > 0


def test_what_stops_the_start_is_said(tmp_path: Path) -> None:
    """S2 and the settings: a draft in production and unknown variables end it with 3 and the reasons."""
    for more, reason in (
        ({"GPTIMAGE_ENVIRONMENT": "production"}, "draft"),
        ({"GPTIMAGE_PROT": "1"}, "GPTIMAGE_PROT"),
        ({"GPTIMAGE_POLICY": str(tmp_path / "nowhere")}, "nowhere"),
    ):
        done = subprocess.run(
            _command("serve", "run", "--port", "0"),
            cwd=ROOT,
            env=_environment(tmp_path / "var", **more),
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 3
        assert reason in done.stderr
        assert "Traceback" not in done.stderr
