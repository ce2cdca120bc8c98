"""From a file to a checked document: parse, convert, lay overlays, lint. All findings at once.

1. The text is parsed by `tomllib`. 2. It is converted into the structs; every error of form is collected.
3. Overlays are laid over it; whatever widens is refused. 4. The resolved document is linted; of one with
faults in 2 or 3, what converted and fits. 5. Its digest is taken. The findings of all stages come at once,
sorted; a document with any does not exist for the rest of the program (fail closed).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct

from gptimage_core.errors import PolicyError
from gptimage_core.policy import overlays as laying
from gptimage_core.policy.canonical import digest
from gptimage_core.policy.conversion import convert
from gptimage_core.policy.document import Document, Overlay
from gptimage_core.policy.findings import Finding, placed
from gptimage_core.policy.lint import lint
from gptimage_core.policy.remainder import LeftOut, broken_overlay, remainder, unreadable_overlay
from gptimage_core.policy.source import Source
from gptimage_core.policy.unseen import unseen

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Loaded", "load_document", "parse_document", "parse_overlay"]

_MOST_BYTES = 4_000_000
_PLACE = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)$")


class Loaded(Struct, frozen=True):
    """A checked document, resolved with its overlays, its text and its digest."""

    document: Document
    source: Source
    digest: str


class LoadedOverlay(Struct, frozen=True):
    """An overlay whose form is checked; whether it fits a base is asked when it is laid over one."""

    overlay: Overlay
    source: Source


def parse_document(text: str, file: str = "<policy>", overlays: Sequence[LoadedOverlay] = ()) -> Loaded:
    """The document of a TOML text. Raises `PolicyError` with all findings, sorted by place."""
    return _checked(Source(file, text), overlays, [], LeftOut())


def _checked(
    source: Source, overlays: Sequence[LoadedOverlay], found: list[Finding], left_out: LeftOut
) -> Loaded:
    """The document, if nothing is found; `found` and `left_out` come from overlays that were refused."""
    raw = _parsed(source)
    document, problems = convert(raw, Document)
    if document is None:
        found.extend(placed(problems, source))
        rest = remainder(raw, problems, left_out)
        if rest is None:
            raise PolicyError(findings=found)
        document = rest
    for each in overlays:
        unfit = placed(laying.problems(document, each.overlay, left_out), each.source)
        if unfit:
            found.extend(unfit)
            broken_overlay(msgspec.to_builtins(each.overlay), left_out)
        else:
            document = laying.apply(document, _of_what_is_there(each.overlay, document))
    if overlays:
        source = Source(source.file, source.text, [each.source for each in overlays])
    found.extend(placed(lint(document, left_out), source))
    if found:
        raise PolicyError(findings=set(found))
    return Loaded(document, source, digest(document, [each.overlay for each in overlays]))


def _of_what_is_there(overlay: Overlay, document: Document) -> Overlay:
    """The overlay without what it says of constructs that were left out: of a whole document, all of it."""
    return msgspec.structs.replace(
        overlay,
        narrow={name: each for name, each in overlay.narrow.items() if name in document.permit},
        shorten={name: each for name, each in overlay.shorten.items() if name in document.category},
        hasten={name: each for name, each in overlay.hasten.items() if name in document.right},
    )


def parse_overlay(text: str, file: str = "<overlay>") -> LoadedOverlay:
    """The overlay of a TOML text. Raises `PolicyError` with all findings about its form."""
    source = Source(file, text)
    value, problems = convert(_parsed(source), Overlay)
    if value is None:
        raise PolicyError(findings=placed(problems, source))
    return LoadedOverlay(value, source)


def load_document(path: str | Path, overlays: Sequence[str | Path] = ()) -> Loaded:
    """`parse_document` of a file and the overlay files to be laid over it, in this order."""
    layers: list[LoadedOverlay] = []
    found: list[Finding] = []
    left_out = LeftOut()
    for each in overlays:
        try:
            layers.append(parse_overlay(read_text(each), str(each)))
        except PolicyError as error:
            found.extend(error.findings)  # type: ignore[arg-type]  # every reason we raise is a Finding
            unreadable_overlay(left_out)
    try:
        return _checked(Source(str(path), read_text(path)), layers, found, left_out)
    except PolicyError as error:
        raise PolicyError(findings={*found, *error.findings}) from error


def read_text(path: str | Path) -> str:
    """A file's text; what cannot be read, is no UTF-8 or is far too long is refused with a finding."""
    from pathlib import Path  # not for whoever imports the core and decides by a document it has

    file = str(path)
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise PolicyError(
            findings=[_at_start(file, "unreadable", f"`{file}` cannot be read: {error.strerror}")]
        ) from error
    if len(data) > _MOST_BYTES:
        raise PolicyError(
            findings=[_at_start(file, "too-long", f"`{file}` is longer than {_MOST_BYTES} bytes")]
        )
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        found = Finding(
            file, line, 1, "encoding", f"byte {error.start} is not UTF-8", "save the file as UTF-8"
        )
        raise PolicyError(findings=[found]) from error


def parse_toml(source: Source) -> dict[str, Any]:
    """The TOML value of a text; a syntax error becomes a finding at its place."""
    found = sorted(unseen(source))
    if found:
        raise PolicyError(findings=found)
    import tomllib  # with its patterns it takes longer to import than the rest of the policy

    try:
        return tomllib.loads(source.text)
    except tomllib.TOMLDecodeError as error:
        raise PolicyError(findings=[_syntax(source, str(error))]) from error
    except RecursionError as error:
        raise PolicyError(
            findings=[_at_start(source.file, "syntax", "values are nested too deeply")]
        ) from error


def _parsed(source: Source) -> dict[str, Any]:
    raw = parse_toml(source)
    if not raw:
        raise PolicyError(
            findings=[
                _at_start(
                    source.file, "empty-policy", "the document is empty", "an empty policy permits nothing"
                )
            ]
        )
    return raw


def _syntax(source: Source, text: str) -> Finding:
    place = _PLACE.search(text)
    message = _PLACE.sub("", text)
    lines = source.text.split("\n")
    line, column = (int(place[1]), int(place[2])) if place and place[1] else (len(lines), len(lines[-1]) + 1)
    return Finding(
        source.file, line, column, "syntax", message[:1].lower() + message[1:], "this is not valid TOML"
    )


def _at_start(file: str, code: str, message: str, hint: str = "") -> Finding:
    return Finding(file, 1, 1, code, message, hint)
