"""Rules that can never apply: a permit that a prohibition covers, or whose implied conditions exclude it."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice, product

from gptimage_core.policy.document import Condition, Document, Recipient, Rule
from gptimage_core.policy.findings import Path, Problem
from gptimage_core.policy.vocabulary import ANY_PURPOSE, ANYONE, ANYTHING

__all__ = ["check"]

_UNCONDITIONAL = ["always"]
_MOST_CELLS = 4096
"""Of one rule; beyond it the check gives up, so that its time stays linear in the document."""

_NEED_LIFT = {
    "account_is_deleted": "deleted",
    "processing_is_restricted": "restricted",
}
_SPANS_NEED_DELETED = ("deleted_within", "ended_for")


def check(document: Document) -> Iterator[Problem]:
    covered = _Covered(document)
    for name, rule in document.permit.items():
        at = ("permit", name)
        yield from _lifts(at, rule)
        if rule.who == ["guest"]:
            yield from _guest(at, rule)
        if rule.to:
            yield from _recipients(at, rule, document)
        by = covered.by(rule)
        if by is not None:
            yield Problem(
                at,
                "never-applies",
                f"`permit.{name}` can never apply: `forbid.{by}` forbids all of it, always",
                "take one of them out, or give the prohibition a condition",
            )


class _Covered:
    """The cells (who, what, for, to) that prohibitions without a condition forbid, by operation."""

    def __init__(self, document: Document) -> None:
        self.cells: dict[str, dict[tuple[str, str, str, str], str]] = {}
        self.own = {
            name
            for name, recipient in document.recipient.items()
            if recipient.contract is not None and recipient.contract.uses == "own"
        }
        for name, rule in document.forbid.items():
            if rule.when == _UNCONDITIONAL:
                for operation in rule.may:
                    cells = self.cells.setdefault(operation, {})
                    for cell in islice(product(rule.who, rule.what, rule.for_, rule.to or [""]), _MOST_CELLS):
                        cells.setdefault(cell, name)

    def by(self, rule: Rule) -> str | None:
        """The last prohibition of those that together cover the permit, or `None`."""
        found: str | None = None
        for operation in rule.may:
            cells = self.cells.get(operation)
            if cells is None and not self.own:
                return None
            size = len(rule.who) * len(rule.what) * len(rule.for_) * max(1, len(rule.to))
            if size > _MOST_CELLS:
                return None
            for who, what, purpose, to in product(rule.who, rule.what, rule.for_, rule.to or [""]):
                name = self._forbids(cells, who, what, purpose, to)
                if name is None and to in self.own:
                    # Sharing with a recipient that uses data as its own is decided as a sale too (S28).
                    name = self._forbids(self.cells.get("sell"), who, what, purpose, "")
                if name is None:
                    return None
                found = name
        return found

    @staticmethod
    def _forbids(
        cells: dict[tuple[str, str, str, str], str] | None, who: str, what: str, purpose: str, to: str
    ) -> str | None:
        if not cells:
            return None
        for cell in product((who, ANYONE), (what, ANYTHING), (purpose, ANY_PURPOSE)):
            name = cells.get((*cell, to))
            if name is not None:
                return name
        return None


def _lifts(at: Path, rule: Rule) -> Iterator[Problem]:
    """A condition that the implied ones exclude unless `even_when` lifts them."""
    for index, condition in enumerate(rule.when):
        word: str = ""
        if isinstance(condition, str):
            word, lift = condition, _NEED_LIFT.get(condition)
        else:
            word = next((each for each in _SPANS_NEED_DELETED if getattr(condition, each) is not None), "")
            lift = "deleted" if word else None
        if lift is not None and lift not in rule.even_when:
            yield Problem(
                (*at, "when", index),
                "never-applies",
                f"`{word}` can never hold: every permit implies the opposite",
                f'add `even_when = ["{lift}"]`',
            )


def _guest(at: Path, rule: Rule) -> Iterator[Problem]:
    for index, condition in enumerate(rule.when):
        word: str = condition if isinstance(condition, str) else ""
        if isinstance(condition, Condition) and condition.signed_in_within is not None:
            word = "signed_in_within"
        if word in ("row_is_own", "actor_is_signed_in", "signed_in_within"):
            yield Problem(
                (*at, "when", index), "never-applies", f"`{word}` can never hold: a guest is nobody known"
            )


def _recipients(at: Path, rule: Rule, document: Document) -> Iterator[Problem]:
    """S21, S22, S43: without contract, purpose or transfer mechanism a recipient gets nothing."""
    for index, name in enumerate(rule.to):
        recipient = document.recipient.get(name)
        if recipient is None:
            continue
        why, hint = "", ""
        if recipient.contract is None and recipient.role != "authority":
            why, hint = f"there is no contract with `{name}`", f"give `[recipient.{name}]` a `contract`"
        elif recipient.transfer is None and _is_abroad(recipient, document):
            why = f"no mechanism covers the transfer to `{name}`"
            hint = f"give `[recipient.{name}]` a `transfer`"
        elif document.purpose.keys() >= {*rule.for_, *recipient.purposes} and not (
            set(rule.for_) & set(recipient.purposes)
        ):
            why = f"`{name}` receives nothing for `{rule.for_[0]}`"
            hint = f"its purposes: {', '.join(f'`{each}`' for each in recipient.purposes)}"
        if why:
            yield Problem((*at, "to", index), "never-applies", f"sharing can never happen: {why}", hint)
    for name, each in ((name, document.recipient.get(name)) for name in rule.to):
        if each is not None and each.contract is not None and each.contract.until <= each.contract.signed:
            yield Problem(
                ("recipient", name, "contract"),
                "never-applies",
                f"the contract with `{name}` ends no later than it begins",
            )


def _is_abroad(recipient: Recipient, document: Document) -> bool:
    """Whether a country of the recipient is not the controller's, as far as that is known."""
    home = document.controller.country
    return bool(home) and set(recipient.countries) != {home}
