"""The policy of a running server: a bad one changes nothing, a good one is taken over (S44, S45)."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import signal
import time
from pathlib import Path

import pytest
from tests.support.live import JSON, LiveServer, until
from tests.support.server import NOON, POLICY, clock_of, make_app, visit

from gptimage_core.clock import to_iso
from gptimage_core.errors import PolicyError
from gptimage_core.policy.timeline import load_timeline
from gptimage_server import policy
from gptimage_server.features.notice.service import rendered_notice
from gptimage_server.settings import Settings

SECOND = """
[[version]]
number = 2
file = "policy-2.toml"
announced = 2026-01-02T00:00:00Z
effective = {effective}
"""


def copy_of_policy(folder: Path) -> Path:
    return Path(shutil.copytree(POLICY, folder / "policy"))


def add_second(folder: Path, effective: int) -> None:
    """A second version with another title, beside the first."""
    text = (folder / "policy-1.toml").read_text(encoding="utf-8")
    changed = re.sub(r'^title = ".*"$', 'title = "The second notice"', text, count=1, flags=re.MULTILINE)
    assert changed != text
    (folder / "policy-2.toml").write_text(changed, encoding="utf-8")
    with (folder / "timeline.toml").open("a", encoding="utf-8") as timeline:
        timeline.write(SECOND.format(effective=to_iso(effective)))


def test_a_live_server_keeps_its_last_good_policy_and_takes_the_next_over(tmp_path: Path) -> None:
    """S44, S45: garbage and emptiness are refused on the console with their places while people are served as
    before; then a second version is taken over by SIGHUP, and shown from the instant it takes effect."""
    folder = copy_of_policy(tmp_path)
    good = {each.name: each.read_bytes() for each in folder.glob("*.toml")}
    server = LiveServer(tmp_path, {"GPTIMAGE_POLICY": str(folder)})
    server.start()
    try:
        with server.visitor() as curl:
            before = curl.get("/privacy", headers=JSON).json()

            def refused(name: str, text: str, expected: str) -> None:
                said = len(server.complaints())
                (folder / name).write_text(text, encoding="utf-8")
                _hang_up(server)
                until(lambda: expected in server.complaints()[said:])
                assert "version 1 goes on" in server.complaints()[said:]
                assert curl.get("/privacy", headers=JSON).json() == before
                (folder / name).write_bytes(good[name])

            refused("policy-1.toml", "garbage", "policy-1.toml:1:8: ")
            refused("policy-1.toml", "", "the document is empty [empty-policy]")
            refused("timeline.toml", "", "timeline.toml")
            rewritten = good["policy-1.toml"].decode().replace("protection = ", "protected = ", 1)
            refused("policy-1.toml", rewritten, "unknown key `protected`")
            retitled = re.sub(r'(?m)^title = ".*"$', 'title = "Rewritten"', good["policy-1.toml"].decode())
            refused("policy-1.toml", retitled, "version `1` has taken effect and was rewritten [history]")

            effective = (int(time.time()) + 9) * 1_000_000
            add_second(folder, effective)
            _hang_up(server)
            until(lambda: "version 2 takes effect" in server.printed())
            if time.time() * 1_000_000 < effective - 500_000:
                assert curl.get("/privacy", headers=JSON).json() == before
            until(lambda: curl.get("/privacy", headers=JSON).json()["version"] == 2)
            assert time.time() * 1_000_000 >= effective
            assert "The second notice" in curl.get("/privacy").text
            server.sign_up(curl, "ada@example.org")
    finally:
        server.kill()


def test_a_changed_file_is_noticed_without_a_signal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The files are looked at every few seconds; a bad text changes nothing, the next good one counts."""
    monkeypatch.setattr(policy, "_PAUSE", 0.05)
    folder = copy_of_policy(tmp_path)

    async def scenario() -> None:
        app = make_app(tmp_path, policy=folder)
        async with visit(app) as client:
            services = app.state.services
            text = (folder / "policy-1.toml").read_bytes()
            (folder / "policy-1.toml").write_bytes(b"")
            await asyncio.sleep(0.4)
            assert (await client.get("/privacy", headers=JSON)).json()["version"] == 1
            (folder / "policy-1.toml").write_bytes(text)
            add_second(folder, NOON + 1_000_000)
            async with asyncio.timeout(20):
                while len(services.timeline.versions) == 1:
                    await asyncio.sleep(0.02)
            for ahead, number in ((0, 1), (1, 2)):
                clock_of(app).advance(ahead * 1_000_000)
                shown = (await client.get("/privacy", headers=JSON)).json()
                assert shown["version"] == number
                assert ("The second notice" in shown["markdown"]) == (number == 2)
            assert services.egress._compiled is services.guard.compiled

    asyncio.run(scenario())


def test_production_takes_no_draft_over(tmp_path: Path) -> None:
    """S2: an announced version that counsel has not signed off would take effect by itself; it is refused."""
    folder = copy_of_policy(tmp_path)
    settings = Settings(home=tmp_path, policy=folder, environment="production")
    with pytest.raises(PolicyError, match=r"version `1` of the policy .* is a draft"):
        policy.load_policy(settings, NOON)
    digest = policy.load_policy(Settings(policy=folder), NOON).latest.digest
    (folder / "sign-off.toml").write_text(
        f'[[sign_off]]\ndigest = "{digest}"\nby = "counsel"\nat = 2026-01-01T00:00:00Z\n', encoding="utf-8"
    )
    assert policy.load_policy(settings, NOON).latest.status == "final"
    add_second(folder, NOON + 1)
    with pytest.raises(PolicyError, match=r"version `2` of the policy .* is a draft"):
        policy.load_policy(settings, NOON)


def test_the_notice_is_rendered_once_per_version(tmp_path: Path) -> None:
    """Rendering is kept and the version looked up every time: the same object until another takes effect."""
    folder = copy_of_policy(tmp_path)
    add_second(folder, NOON)
    timeline = load_timeline(folder)
    one = rendered_notice(timeline, NOON - 1)
    assert rendered_notice(load_timeline(folder), NOON - 2) is one
    two = rendered_notice(timeline, NOON)
    assert (one.view.version, two.view.version) == (1, 2)
    assert two.view.title == "The second notice"
    (folder / "sign-off.toml").write_text(
        f'[[sign_off]]\ndigest = "{two.view.digest}"\nby = "counsel"\nat = 2026-01-03T00:00:00Z\n',
        encoding="utf-8",
    )
    assert two.view.draft
    assert not rendered_notice(load_timeline(folder), NOON).view.draft


def _hang_up(server: LiveServer) -> None:
    assert server._process is not None
    os.kill(server._process.pid, signal.SIGHUP)
