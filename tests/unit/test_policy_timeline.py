"""Versions in time, the sign-off, and what stays when a new text is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from gptimage_core.clock import from_iso
from gptimage_core.errors import PolicyError
from gptimage_core.policy.loader import parse_document
from gptimage_core.policy.timeline import SignOff, load_timeline, reload, single

SAMPLE = Path(__file__).resolve().parents[2] / "policies" / "samples" / "language"
POLICY = (SAMPLE / "policy.toml").read_text(encoding="utf-8")
ENTRY = '[[version]]\nnumber = {}\nfile = "{}"\nannounced = {}\neffective = {}\n'
FIRST = ENTRY.format(1, "policy.toml", "2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z")


def written(folder: Path, timeline: str, sign_off: str = "") -> Path:
    (folder / "policy.toml").write_text(POLICY, encoding="utf-8")
    (folder / "timeline.toml").write_text(timeline, encoding="utf-8")
    if sign_off:
        (folder / "sign-off.toml").write_text(sign_off, encoding="utf-8")
    return folder


def test_the_version_in_effect_decides() -> None:
    """S44: `at` gives the version effective at the instant; an announced one decides nothing yet."""
    timeline = load_timeline(SAMPLE)
    assert timeline.at(from_iso("2026-02-01T00:00:00Z")).number == 1
    assert timeline.at(from_iso("2026-05-31T23:59:59.999999Z")).number == 1
    assert timeline.at(from_iso("2026-06-01T00:00:00Z")).number == 2
    with pytest.raises(PolicyError, match="no policy is in effect at 2026-01-31"):
        timeline.at(from_iso("2026-01-31T23:59:59.999999Z"))


def test_a_row_is_held_to_its_version_and_every_one_since() -> None:
    """X11: from the version it was collected under on; an unknown number raises, since none would free."""
    timeline = load_timeline(SAMPLE)
    before, after = from_iso("2026-03-01T00:00:00Z"), from_iso("2026-07-01T00:00:00Z")
    assert [each.number for each in timeline.since(1, before)] == [1]
    assert [each.number for each in timeline.since(1, after)] == [1, 2]
    assert [each.number for each in timeline.since(2, after)] == [2]
    for number, now in ((2, before), (0, after), (3, after), (-1, after)):
        with pytest.raises(PolicyError):
            timeline.since(number, now)


REFUSED: dict[str, tuple[str, str, int]] = {
    "announced when it takes effect": (FIRST.replace("2026-01-01", "2026-02-01"), "announced-late", 4),
    "announced afterwards": (FIRST.replace("2026-01-01", "2026-03-01"), "announced-late", 4),
    "a number twice": (
        FIRST + ENTRY.format(1, "policy.toml", "2026-05-01T00:00:00Z", "2026-06-01T00:00:00Z"),
        "order",
        7,
    ),
    "two at the same instant": (
        FIRST + ENTRY.format(2, "policy.toml", "2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z"),
        "order",
        10,
    ),
    "an instant without a zone": (
        FIRST.replace("2026-02-01T00:00:00Z", "2026-02-01T00:00:00"),
        "time-zone",
        5,
    ),
    "a date for an instant": (FIRST.replace("2026-02-01T00:00:00Z", "2026-02-01"), "type", 5),
    "a file that is not there": (FIRST.replace("policy.toml", "none.toml"), "unreadable", 1),
    "number zero": (FIRST.replace("number = 1", "number = 0"), "too-small", 2),
    "no version": ("version = []\n", "empty", 1),
    "nothing": ("", "missing-key", 1),
    "an unknown key": (FIRST + "signed = true\n", "unknown-key", 6),
}


@pytest.mark.parametrize("name", REFUSED)
def test_each_refusal_of_a_timeline(name: str, tmp_path: Path) -> None:
    """INVARIANT (announced-before-effective, S44), and what else a timeline must be."""
    text, code, line = REFUSED[name]
    with pytest.raises(PolicyError) as caught:
        load_timeline(written(tmp_path, text))
    assert (code, line) in [(each.code, each.line) for each in caught.value.findings], str(caught.value)


def test_a_contract_that_has_ended_before_its_version_begins_is_refused(tmp_path: Path) -> None:
    """S22: a version under which sharing could never happen is a mistake."""
    folder = written(tmp_path, FIRST.replace("2026", "2031"))
    with pytest.raises(
        PolicyError, match="the contract with `mail_house` ends before version `1` takes effect"
    ):
        load_timeline(folder)


def test_only_a_sign_off_of_this_digest_makes_it_final(tmp_path: Path) -> None:
    """S2, INVARIANT (counsel-signs): any change after the sign-off makes the version a draft again."""
    digest = load_timeline(written(tmp_path, FIRST)).latest.digest
    sign_off = f'[[sign_off]]\ndigest = "{digest}"\nby = "counsel"\nat = 2026-01-15T09:00:00Z\n'
    signed = load_timeline(written(tmp_path, FIRST, sign_off)).latest
    assert signed.status == "final"
    assert signed.sign_off is not None
    assert signed.sign_off.by == "counsel"
    changed = POLICY.replace("days = 30, from", "days = 29, from")
    assert changed != POLICY
    (tmp_path / "policy.toml").write_text(changed, encoding="utf-8")
    assert load_timeline(tmp_path).latest.status == "draft"
    assert load_timeline(tmp_path / "timeline.toml").latest.status == "draft"


def test_a_sign_off_of_another_digest_cannot_be_attached() -> None:
    """S2: not by a file, and not by a caller either."""
    with pytest.raises(PolicyError, match="the sign-off names `sha256:0`"):
        single(parse_document(POLICY), sign_off=SignOff("sha256:0", "counsel", 0))


@pytest.mark.parametrize(
    "sign_off",
    [
        '[[sign_off]]\ndigest = "abc"\nby = "counsel"\nat = 2026-01-15T09:00:00Z\n',
        f'[[sign_off]]\ndigest = "sha256:{"0" * 64}"\nby = ""\nat = 2026-01-15T09:00:00Z\n',
        f'[[sign_off]]\ndigest = "sha256:{"0" * 64}"\nby = "counsel"\nat = 2026-01-15T09:00:00\n',
        "digest = [",
    ],
)
def test_a_malformed_sign_off_is_refused(sign_off: str, tmp_path: Path) -> None:
    """S2: a sign-off that cannot be read is an error, not a draft that nobody notices."""
    with pytest.raises(PolicyError, match=r"sign-off\.toml"):
        load_timeline(written(tmp_path, FIRST, sign_off))


def test_one_file_is_a_timeline_of_one_version() -> None:
    """A single document is version 1 since the epoch, and a draft."""
    timeline = load_timeline(SAMPLE / "policy.toml")
    assert [each.number for each in timeline.versions] == [1]
    assert timeline.at(0).status == "draft"
    assert timeline.latest.digest == single(parse_document(POLICY)).latest.digest


@pytest.mark.parametrize("broken", ["", "[", POLICY.replace("who =", "whom =", 1), "\x00", "language = 1"])
def test_the_last_good_policy_stays(broken: str, tmp_path: Path) -> None:
    """A malformed or empty policy never takes effect: the last good timeline goes on, with the findings."""
    path = tmp_path / "policy.toml"
    path.write_text(POLICY, encoding="utf-8")
    good = load_timeline(path)
    path.write_text(broken, encoding="utf-8")
    kept = reload(good, path)
    assert kept.timeline is good
    assert kept.findings
    assert not kept.is_new
    path.unlink()
    assert reload(good, path).timeline is good
    path.write_text(POLICY.replace("12", "13"), encoding="utf-8")
    fresh = reload(good, path)
    assert fresh.is_new
    assert fresh.timeline.latest.digest != good.latest.digest
