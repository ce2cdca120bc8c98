"""Versions in time: which document decides at an instant, and under which ones a row must be permitted.

`timeline.toml` stands beside the documents:

    [[version]]
    number = 1
    file = "policy.toml"
    overlays = ["overlays/nl.toml"]        # optional
    announced = 2026-09-01T00:00:00Z
    effective = 2026-10-01T00:00:00Z

INVARIANT (announced-before-effective, S44): every version is announced before it takes effect, numbers and
effective instants strictly increase, and a version that is not yet effective decides nothing.
INVARIANT (counsel-signs, S2): a version is `final` only if a sign-off names its digest; else it is a `draft`.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Literal

from msgspec import Meta, Struct

from gptimage_core.clock import Instant, from_datetime, to_iso
from gptimage_core.errors import PolicyError
from gptimage_core.policy.conversion import convert
from gptimage_core.policy.document import Document
from gptimage_core.policy.findings import Finding, Problem, placed
from gptimage_core.policy.loader import Loaded, load_document, parse_toml, read_text
from gptimage_core.policy.source import Source

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["SignOff", "Timeline", "Version", "load_timeline", "single"]

TIMELINE, SIGN_OFF = "timeline.toml", "sign-off.toml"


class _Entry(Struct, frozen=True, forbid_unknown_fields=True):
    """One `[[version]]` of a timeline."""

    number: Annotated[int, Meta(ge=1)]
    file: Annotated[str, Meta(min_length=1)]
    announced: dt.datetime
    effective: dt.datetime
    overlays: list[str] = []


class _TimelineFile(Struct, frozen=True, forbid_unknown_fields=True):
    """`timeline.toml`."""

    version: Annotated[list[_Entry], Meta(min_length=1)]


class _SignOffEntry(Struct, frozen=True, forbid_unknown_fields=True):
    """One `[[sign_off]]`: counsel's word for one digest."""

    digest: Annotated[str, Meta(pattern=r"^sha256:[0-9a-f]{64}$", description="`sha256:` and 64 hex digits")]
    by: Annotated[str, Meta(min_length=1)]
    at: dt.datetime


class _SignOffFile(Struct, frozen=True, forbid_unknown_fields=True):
    """`sign-off.toml`: detached, since a document cannot contain its own digest."""

    sign_off: list[_SignOffEntry] = []


class SignOff(Struct, frozen=True):
    """Who finalized which digest, and when (S2)."""

    digest: str
    by: str
    at: Instant


class Version(Struct, frozen=True):
    """One version of the policy. `status` is `final` exactly when a sign-off names this digest (S2).

    INVARIANT (counsel-signs): a version with a sign-off of another digest cannot be made; it raises.
    """

    number: int
    announced: Instant
    effective: Instant
    document: Document
    digest: str
    source: Source
    sign_off: SignOff | None = None

    def __post_init__(self) -> None:
        if self.sign_off is not None and self.sign_off.digest != self.digest:
            raise PolicyError(
                f"the sign-off names `{self.sign_off.digest}`, and this version is `{self.digest}`"
            )

    @property
    def status(self) -> Literal["final", "draft"]:
        return "draft" if self.sign_off is None else "final"


class Timeline(Struct, frozen=True):
    """All versions, oldest first; at least one. This, compiled, is what decides."""

    versions: tuple[Version, ...]

    def at(self, now: Instant) -> Version:
        """The version in effect at `now` (S44). Before the first one nothing is permitted: `PolicyError`."""
        for version in reversed(self.versions):
            if version.effective <= now:
                return version
        first = self.versions[0]
        raise PolicyError(
            f"no policy is in effect at {to_iso(now)}; version `{first.number}` takes effect at "
            f"{to_iso(first.effective)}"
        )

    def since(self, number: int, now: Instant) -> tuple[Version, ...]:
        """The version a row was collected under and every one since, as far as in effect (X11).

        A number that is unknown or not in effect raises `PolicyError`: an empty answer would read as
        "nothing forbids it".
        """
        found = tuple(v for v in self.versions if v.number >= number and v.effective <= now)
        if not found or found[0].number != number:
            raise PolicyError(f"no version `{number}` of the policy is in effect at {to_iso(now)}")
        return found

    def version(self, number: int) -> Version | None:
        """The version with this number, in effect or not."""
        return next((v for v in self.versions if v.number == number), None)

    @property
    def latest(self) -> Version:
        """The newest version, in effect or announced."""
        return self.versions[-1]


def single(loaded: Loaded, *, effective: Instant = 0, sign_off: SignOff | None = None) -> Timeline:
    """A timeline of one document, version 1, in effect since the epoch unless said otherwise."""
    version = Version(1, effective, effective, loaded.document, loaded.digest, loaded.source, sign_off)
    return Timeline((version,))


def load_timeline(path: str | Path) -> Timeline:
    """The timeline of a folder with `timeline.toml`, or of one policy file (version 1, since the epoch).

    Raises `PolicyError` with the findings of all files at once.
    """
    from pathlib import Path

    place = Path(path)
    if place.is_file() and place.name != TIMELINE:
        loaded = load_document(place)
        return single(loaded, sign_off=_signed(_sign_offs(place.parent / SIGN_OFF), loaded.digest))
    folder = place.parent if place.name == TIMELINE else place
    if not folder.is_dir():
        what = "is neither a policy file nor a folder" if place.exists() else "does not exist"
        hint = f"name a policy file, or a folder with `{TIMELINE}`"
        raise PolicyError(findings=[Finding(str(path), 1, 1, "unreadable", f"`{path}` {what}", hint)])
    source = Source(str(folder / TIMELINE), read_text(folder / TIMELINE))
    value, problems = convert(parse_toml(source), _TimelineFile)
    if value is None:
        raise PolicyError(findings=placed(problems, source))
    findings = [*placed(_order(value.version), source)]
    sign_offs: tuple[SignOff, ...] = ()
    try:
        sign_offs = _sign_offs(folder / SIGN_OFF)
    except PolicyError as error:
        findings.extend(error.findings)  # type: ignore[arg-type]  # every reason we raise is a Finding
    versions: list[Version] = []
    for index, entry in enumerate(value.version):
        try:
            versions.append(_version(folder, entry, sign_offs))
        except PolicyError as error:
            findings.extend(error.findings)  # type: ignore[arg-type]  # every reason we raise is a Finding
        except ValueError as error:
            findings.extend(placed([Problem(("version", index), "time-zone", str(error))], source))
    for each in versions:
        findings.extend(placed(_ended_contracts(each), each.source))
    if findings:
        raise PolicyError(findings=findings)
    return Timeline(tuple(versions))


def _version(folder: Path, entry: _Entry, sign_offs: tuple[SignOff, ...]) -> Version:
    loaded = load_document(folder / entry.file, [folder / each for each in entry.overlays])
    return Version(
        entry.number,
        from_datetime(entry.announced),
        from_datetime(entry.effective),
        loaded.document,
        loaded.digest,
        loaded.source,
        _signed(sign_offs, loaded.digest),
    )


def _order(entries: list[_Entry]) -> Iterator[Problem]:
    """S44: announced before effective; numbers and effective instants strictly increase."""
    before: _Entry | None = None
    for index, entry in enumerate(entries):
        at = ("version", index)
        if entry.announced.tzinfo is None or entry.effective.tzinfo is None:
            for name in ("announced", "effective"):
                if getattr(entry, name).tzinfo is None:
                    yield Problem(
                        (*at, name), "time-zone", f"`{name}` has no time zone", "end it in `Z` for UTC"
                    )
            before = None
            continue
        if entry.announced >= entry.effective:
            yield Problem(
                (*at, "announced"),
                "announced-late",
                f"version `{entry.number}` is announced no earlier than it takes effect",
                "changes are announced before they take effect (S44)",
            )
        if before is not None and entry.number <= before.number:
            yield Problem(
                (*at, "number"), "order", f"version `{entry.number}` does not follow `{before.number}`"
            )
        if before is not None and entry.effective <= before.effective:
            yield Problem(
                (*at, "effective"),
                "order",
                f"version `{entry.number}` takes effect no later than `{before.number}`",
            )
        before = entry


def _ended_contracts(version: Version) -> Iterator[Problem]:
    """Sharing that no day of this version could ever permit, because the contract has ended by its first."""
    for name, recipient in version.document.recipient.items():
        contract = recipient.contract
        if contract is None:
            continue
        end = from_datetime(dt.datetime.combine(contract.until, dt.time(), dt.UTC))
        if end <= version.effective:
            yield Problem(
                ("recipient", name, "contract"),
                "never-applies",
                f"the contract with `{name}` ends before version `{version.number}` takes effect",
                "renew the contract or take the recipient out",
            )


def _sign_offs(path: Path) -> tuple[SignOff, ...]:
    if not path.exists():
        return ()
    source = Source(str(path), read_text(path))
    value, problems = convert(parse_toml(source), _SignOffFile)
    if value is None:
        raise PolicyError(findings=placed(problems, source))
    found = []
    for index, each in enumerate(value.sign_off):
        if each.at.tzinfo is None:
            late = Problem(
                ("sign_off", index, "at"), "time-zone", "`at` has no time zone", "end it in `Z` for UTC"
            )
            raise PolicyError(findings=placed([late], source))
        found.append(SignOff(each.digest, each.by, from_datetime(each.at)))
    return tuple(found)


def _signed(sign_offs: tuple[SignOff, ...], digest: str) -> SignOff | None:
    """INVARIANT (counsel-signs): only a sign-off that names this very digest counts."""
    return next((each for each in sign_offs if each.digest == digest), None)


class Reloaded(Struct, frozen=True):
    """What a reload came to: the timeline to go on with, and why the new text was refused, if it was."""

    timeline: Timeline
    findings: tuple[Finding, ...] = ()

    @property
    def is_new(self) -> bool:
        return not self.findings


def reload(last: Timeline, path: str | Path) -> Reloaded:
    """The timeline now at `path`, or `last` with the findings: nothing malformed takes effect."""
    try:
        return Reloaded(load_timeline(path))
    except PolicyError as error:
        return Reloaded(last, error.findings)  # type: ignore[arg-type]  # every reason we raise is a Finding
