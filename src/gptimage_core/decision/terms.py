"""From a document's words to the shapes of `decision.conditions`: written and implied conditions of a rule.

INVARIANT (implied-in-every-permit): a permit holds only if, besides what it says, all of this is known:
the row is of the actor's tenant; its person is not deleted and its keeping has not ended (unless
`even_when` lifts `deleted`, S32); processing for its person is not restricted (X10 lifts `restricted`, S37);
there is no objection to a legitimate interest (S37); the category's ceiling is not over, except to `delete`
(S34: what is too old may still be removed, and nothing else); every consent that names the purpose is given
when that is its basis (S17, S19); a recipient's contract is in force, its purposes cover this one and its
transfer is lawful (S21, S22, S43). Of a category about nobody no person is asked, except for consent:
a purpose that stands on consent never reaches data that nobody can consent to.

INVARIANT (no-disjunction): a condition is one shape. The one implied "or" (a ceiling from `keep_ended` on a
row that may still be kept) becomes two conjunctions of the same rule.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence, Set

from gptimage_core.clock import Instant, Span, from_datetime
from gptimage_core.decision.conditions import (
    Between,
    Condition,
    Elapsed,
    Empty,
    Flag,
    Never,
    OneOf,
    Own,
    Passed,
    SameTenant,
    Scalar,
    Until,
)
from gptimage_core.decision.model import Conjunction
from gptimage_core.policy.document import Category, Document, Rule
from gptimage_core.policy.document import Condition as Written
from gptimage_core.policy.vocabulary import SHARING, Lift

__all__ = ["implied", "subject_fact_names", "written"]

_NOT_OPEN = Passed("ticket_until", "access", True)
_NAMED: dict[str, Condition] = {
    "row_is_own": Own(),
    "actor_is_signed_in": Flag("signed_in", "access"),
    "ticket_is_open": Passed("ticket_until", "access", False),
    "job_is_live": Flag("job_is_live", "access"),
    "second_person_approved": Flag("second_person_approved", "access"),
    "instrument_covers_it": Flag("instrument_covers_it", "access"),
    "notice_was_given": Flag("notice_was_given", "subject"),
    "age_floor_is_met": Flag("age_floor_is_met", "subject"),
    "account_is_active": Flag("account_is_active", "subject"),
    "account_is_deleted": Flag("deleted", "subject"),
    "processing_is_restricted": Flag("restricted", "subject"),
}
_NOT_DELETED = Flag("deleted", "subject", False)
_KEPT = Empty("keep_ended")
_NOT_RESTRICTED = Flag("restricted", "subject", False)
_SAME_TENANT = SameTenant()


def written(rule: Rule, document: Document) -> Conjunction:
    """What the rule's `when` says, without `always`; in the order it is written."""
    return tuple(
        _NAMED[item] if isinstance(item, str) else _parametrised(item, document)
        for item in rule.when
        if item != "always"
    )


def _parametrised(item: Written, document: Document) -> Condition:
    if item.fact is not None:
        return _of_fact(item, item.fact, document)
    if item.consent is not None:
        return Flag(f"consent:{item.consent}", "subject", item.given is not False)
    if item.not_ is not None:
        flag = _NAMED[item.not_]
        return Flag(flag.fact, flag.level, False) if isinstance(flag, Flag) else _NOT_OPEN
    if item.signed_in_within is not None:
        return Elapsed("signed_in_at", "access", item.signed_in_within)
    if item.recorded_within is not None:
        return Elapsed("recorded", "row", item.recorded_within)
    if item.older_than is not None:
        return Elapsed("recorded", "row", item.older_than, over=True)
    if item.deleted_within is not None:
        return Elapsed("keep_ended", "row", item.deleted_within)
    if item.ended_for is not None:
        return Elapsed("keep_ended", "row", item.ended_for, over=True)
    return Never("this condition says nothing")


def _of_fact(item: Written, name: str, document: Document) -> Condition:
    declared = document.fact.get(name)
    if declared is None:
        return Never(f"the fact `{name}` is not declared")
    level = declared.of
    if item.is_ is not None:
        return OneOf(name, level, tuple(item.is_), False, _kinds(item.is_))
    if item.is_not is not None:
        return OneOf(name, level, tuple(item.is_not), True, _kinds(item.is_not))
    if item.passed is not None:
        return Passed(name, level, item.passed)
    if item.at_least is not None or item.at_most is not None:
        return Between(name, level, item.at_least, item.at_most)
    return Never(f"nothing is asked of the fact `{name}`")


def _kinds(values: Sequence[Scalar]) -> str:
    return " ".join(type(value).__name__ for value in values)


def implied(
    rule: Rule, document: Document, category: str, purpose: str, operation: str, recipient: str | None
) -> tuple[Conjunction, ...]:
    """What every permit asks besides its words: one conjunction, or two (no-disjunction).

    `category` and `purpose` are of the document. `operation` is the one that is decided: sharing with a
    recipient that uses data as its own is decided once as sharing and once as `sell`.
    """
    kind = document.category[category]
    lifted = set(rule.even_when)
    asked: list[Condition] = [_SAME_TENANT]
    if kind.about == "subject":
        asked += _of_the_person(document, purpose, lifted)
    if document.purpose[purpose].basis == "consent":
        asked += _consents(document, purpose)
    if recipient is not None and (operation in SHARING or operation == "sell"):
        asked += _of_the_recipient(document, purpose, recipient)
    if "deleted" not in lifted:
        asked.append(_KEPT)
    if operation == "delete" or not _limits_live(kind):
        return (tuple(asked),)
    ceiling = kind.gone_after
    assert ceiling is not None
    span = Span(**{unit: getattr(ceiling, unit) for unit in Span.__struct_fields__})
    if ceiling.from_ == "recorded":
        return ((*asked, Elapsed("recorded", "row", span)),)
    if "deleted" not in lifted:
        return (tuple(asked),)
    return ((*asked, _KEPT), (*asked, Elapsed("keep_ended", "row", span)))


def _limits_live(kind: Category) -> bool:
    ceiling = kind.gone_after
    return ceiling is not None and (ceiling.stores == "all" or "live" in ceiling.stores)


def _of_the_person(document: Document, purpose: str, lifted: Set[Lift]) -> list[Condition]:
    asked: list[Condition] = []
    if "deleted" not in lifted:
        asked.append(_NOT_DELETED)
    if "restricted" not in lifted:
        asked.append(_NOT_RESTRICTED)
    if document.purpose[purpose].basis == "legitimate_interest" and "objected" not in lifted:
        asked.append(Flag(f"objection:{purpose}", "subject", False))
    return asked


def _consents(document: Document, purpose: str) -> list[Condition]:
    naming = [name for name, consent in document.consent.items() if purpose in consent.purposes]
    if not naming:
        return [Never("no consent names this purpose")]
    return [Flag(f"consent:{name}", "subject") for name in naming]


def _of_the_recipient(document: Document, purpose: str, name: str) -> list[Condition]:
    recipient = document.recipient.get(name)
    if recipient is None:
        return [Never("the recipient is not in the register")]
    asked: list[Condition] = []
    if purpose not in recipient.purposes:
        asked.append(Never("the recipient is not registered for this purpose"))
    if recipient.contract is not None:
        since, until = _midnight(recipient.contract.signed), _midnight(recipient.contract.until)
        asked.append(Until(until, f"the contract with `{name}`", since=since))
    elif recipient.role != "authority":
        asked.append(Never(f"there is no contract with `{name}`"))
    if recipient.transfer is not None:
        if recipient.transfer.until is not None:
            asked.append(Until(_midnight(recipient.transfer.until), f"the transfer mechanism of `{name}`"))
    elif any(country != document.controller.country for country in recipient.countries):
        asked.append(Never(f"no mechanism covers the transfer to `{name}`"))
    return asked


def _midnight(day: dt.date) -> Instant:
    return from_datetime(dt.datetime(day.year, day.month, day.day, tzinfo=dt.UTC))


def subject_fact_names(document: Document) -> frozenset[str]:
    """Every subject-level fact that a decision under this document may ask for."""
    names = {"deleted", "restricted", "notice_was_given", "age_floor_is_met", "account_is_active"}
    names.update(f"consent:{name}" for name in document.consent)
    names.update(f"objection:{name}" for name in document.purpose)
    names.update(name for name, fact in document.fact.items() if fact.of == "subject")
    return frozenset(names)
