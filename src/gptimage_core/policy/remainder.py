"""What can still be asked of a document with faults of form, so that all errors come at once.

Constructs that do not convert are left out of the `Document` that is linted. INVARIANT (no-echo): nothing is
found only because something was left out. So a name that a broken construct declares counts as declared, and
what a broken construct may use counts as used. A broken rule is still asked for its names and spans, as far
as they can be read. What comes out of here is for findings only: the document is refused whatever they are.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import takewhile
from typing import Annotated, Any, get_args, get_origin

import msgspec

from gptimage_core.policy.document import Condition, Controller, Document, Overlay, Rule
from gptimage_core.policy.findings import Path, Problem
from gptimage_core.policy.vocabulary import SHARING

__all__ = ["NOTHING", "LeftOut", "broken_overlay", "remainder", "unreadable_overlay"]

_RULES = ("permit", "forbid", "narrow")
_SLOTS = {"for_": ("purpose", "consent"), "to": ("recipient",), "when": ("fact", "consent")}
"""The slots of a rule that use names, and the groups whose use cannot be known when one cannot be read."""

_NAME = re.compile(r"[a-z][a-z0-9_]*$")


class LeftOut:
    """What is not in the linted document, although it stands in the text."""

    def __init__(self) -> None:
        self._declared: dict[str, set[str]] = {}
        self._everything_declared: set[str] = set()
        self._mentioned: dict[str, set[str]] = {"rule": set(), "consent": set()}
        self._unknown_use: set[str] = set()
        self.consents_unknown = False
        self.rules: dict[tuple[str, str], Rule] = {}
        """Broken rules, as far as they can be read: slots may be empty here, and their names are good."""

    def declares(self, group: str, name: str) -> bool:
        """Whether something of `group` called `name` may stand in the text in a form that was refused."""
        return group in self._everything_declared or _plain(name) in self._declared.get(group, ())

    def may_use(self, group: str, name: str) -> bool:
        """Whether a broken rule may use this purpose, consent, fact or recipient."""
        return group in self._unknown_use or name in self._mentioned["rule"]

    def may_consent(self, purpose: str) -> bool:
        """Whether a broken consent may name this purpose."""
        return self.consents_unknown or purpose in self._mentioned["consent"]

    def has_any(self, group: str) -> bool:
        """Whether anything of the group was left out."""
        return group in self._everything_declared or bool(self._declared.get(group))

    def construct(self, group: str, name: str, raw: object) -> None:
        """Leave out one construct: its name is declared, and what it says may be used."""
        self._declared.setdefault(group, set()).add(_plain(name))
        if group in _RULES:
            self._mentioned["rule"].update(map(_plain, _texts(raw)))
            if group != "narrow":
                self._rule(group, name, raw)
        elif group == "consent":
            self._mentioned["consent"].update(map(_plain, _texts(raw)))
            if not isinstance(raw, dict) or not _is_readable(raw.get("purposes")):
                self.consents_unknown = True

    def group(self, group: str) -> None:
        """Leave out a whole group that is missing, empty or no table."""
        self._everything_declared.add(group)
        if group in _RULES:
            self._unknown_use.update(("purpose", "consent", "fact", "recipient"))
        if group == "consent":
            self.consents_unknown = True

    def stranger(self, raw: object) -> None:
        """Leave out a table with an unknown name: it may have been meant as any group."""
        for kind in self._mentioned.values():
            kind.update(map(_plain, _texts(raw)))
        if isinstance(raw, dict):
            for group in _groups(Document):
                self._declared.setdefault(group, set()).update(map(_plain, raw))

    def _rule(self, group: str, name: str, raw: object) -> None:
        given = raw if isinstance(raw, dict) else {}
        for slot, groups in _SLOTS.items():
            key = slot.rstrip("_")
            needed = slot != "to" or not SHARING.isdisjoint(_texts(given.get("may")))
            if not _is_readable(given[key]) if key in given else needed:
                self._unknown_use.update(groups)
        if _NAME.match(name):
            self.rules[(group, name)] = _readable_rule(given)


NOTHING = LeftOut()
"""Nothing was left out: the document converted."""


def remainder(raw: Mapping[str, Any], problems: Sequence[Problem], left_out: LeftOut) -> Document | None:
    """What converts of a document; the rest goes to `left_out`. `None` for another version of the language:
    nothing can be asked of it."""
    if raw.get("language", 1) != 1 or isinstance(raw.get("language", 1), bool):
        return None
    groups = _groups(Document)
    broken = {problem.path[:2] for problem in problems}
    values: dict[str, Any] = {}
    for group, kind in groups.items():
        given = raw.get(group, {})
        if not isinstance(given, dict) or (group in ("purpose", "category") and not given):
            left_out.group(group)
            given = {}
        values[group] = _converted(group, given, kind, broken, left_out)
    for key in raw.keys() - set(Document.__struct_encode_fields__):
        left_out.stranger(raw[key])
    return Document(language=1, id="left_out", title="-", controller=_controller(raw), **values)


def broken_overlay(raw: Mapping[str, Any], left_out: LeftOut) -> None:
    """Leave out an overlay that cannot be laid: whatever it says may be declared and used."""
    for key, value in raw.items():
        if key in _groups(Overlay) and isinstance(value, dict):
            for name, each in value.items():
                left_out.construct(key, name, each)
        elif isinstance(value, dict):
            left_out.stranger(value)


def unreadable_overlay(left_out: LeftOut) -> None:
    """Leave out an overlay that was refused: it may declare and use whatever an overlay can."""
    for group in _groups(Overlay):
        left_out.group(group)


def _groups(into: type) -> dict[str, Any]:
    """The groups of a document and the struct that stands in each."""
    found = {}
    for field in msgspec.structs.fields(into):
        kind = get_args(field.type)[0] if get_origin(field.type) is Annotated else field.type
        if get_origin(kind) is dict:
            found[field.encode_name] = get_args(kind)[1]
    return found


def _converted(
    group: str, given: Mapping[str, Any], kind: Any, broken: set[Path], left_out: LeftOut
) -> dict[str, Any]:
    found = {}
    for name, each in given.items():
        if (group, name) not in broken:
            try:
                found[name] = msgspec.convert(each, kind, strict=True)
                continue
            except msgspec.ValidationError:
                pass
        left_out.construct(group, name, each)
    return found


def _controller(raw: Mapping[str, Any]) -> Controller:
    """The controller; with an empty country, which nothing is measured against, where it does not convert."""
    try:
        return msgspec.convert(raw.get("controller"), Controller, strict=True)
    except msgspec.ValidationError:
        return Controller(name="-", country="", contact="-")


def _readable_rule(given: Mapping[str, Any]) -> Rule:
    """The items of each slot up to the first without its form; a word alone counts as a list of it."""
    slots: dict[str, Any] = {}
    for field in msgspec.structs.fields(Rule):
        kind = get_args(field.type)[0] if get_origin(field.type) is Annotated else field.type
        if get_origin(kind) is list:
            value = given.get(field.encode_name, [])
            items = value if isinstance(value, list) else [value]
            read = (_item(each, get_args(kind)[0]) for each in items)
            slots[field.name] = list(takewhile(lambda each: each is not None, read))
    return Rule(**slots)


def _item(value: object, kind: Any) -> Any:
    try:
        return msgspec.convert(value, kind, strict=True)
    except msgspec.ValidationError:
        return None


def _is_readable(value: object) -> bool:
    """Whether the names in a slot can be told: a name, or a list of names, words and conditions."""
    items = value if isinstance(value, list) else [value] if isinstance(value, str) else []
    return bool(items) and all(_names_are_told(each) for each in items)


def _names_are_told(item: object) -> bool:
    if isinstance(item, dict):
        named = [item[key] for key in ("fact", "consent") if key in item]
        if not named:
            return bool(item) and _item(item, Condition) is not None
        return all(isinstance(each, str) and _NAME.match(each) for each in named)
    return isinstance(item, str) and _NAME.match(item) is not None


def _texts(value: object) -> Iterator[str]:
    """Every text and key in a value, however deep; without recursion, since it may be deep indeed."""
    left = [value]
    while left:
        value = left.pop()
        if isinstance(value, str):
            yield value
        elif isinstance(value, dict):
            yield from value
            left.extend(value.values())
        elif isinstance(value, list):
            left.extend(value)


def _plain(name: str) -> str:
    """As a name is written, so that `Own-Content` counts as `own_content`."""
    return re.sub(r"[^a-z0-9]+", "_", name.lower())
