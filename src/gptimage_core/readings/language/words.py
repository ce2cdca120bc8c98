"""The closed sets of words, each with its line; complete by a test against the vocabulary."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["FACTS", "SETS", "BuiltInFact"]

SETS: dict[str, dict[str, str]] = {
    "Who": {
        "subject": "the person; what is theirs is said by `row_is_own`",
        "guest": "somebody who is not signed in; has no id, owns nothing",
        "staff": "an employee; a read needs a ticket in any sane policy (X3)",
        "service": "the software itself: jobs, sweeps, the renderer's caller",
        "processor": "a company that works under contract",
        "authority": "a court or a regulator",
        "anyone": "all of them; in `forbid` only",
    },
    "Operation": {
        "read": "see; SQL's SELECT unless the access states another",
        "create": "record; SQL's INSERT",
        "update": "change; SQL's UPDATE (where it sets a fact of the row, the row it becomes is decided too)",
        "correct": "change one's own data (GDPR 16); SQL's UPDATE when the subject acts",
        "delete": "delete; SQL's DELETE; permitted past a ceiling",
        "export": "take out one's whole set (GDPR 20); stated by the access",
        "share": "send to a recipient of the register; needs `to`",
        "disclose": "send on a legal demand; needs `to`",
        "train": "use to train models; stated by the access",
        "aggregate": "count, sum and average; stated by the access",
        "sell": 'give for the recipient\'s own use; sharing with `uses = "own"` is this, too',
    },
    "Basis": {
        "consent": "implies: every consent that names the purpose is given (GDPR 6(1)(a))",
        "contract": "needed to give the service (b)",
        "legal_obligation": "the law demands it (c); its permits may lift restriction, deletion, objection",
        "vital_interest": "to protect a life (d)",
        "public_task": "a task in the public interest (e)",
        "legitimate_interest": "implies: the person has not objected (f, GDPR 21)",
    },
    "FloorEvent": {
        "item_deleted": "the person deletes the item",
        "account_deleted": "the person deletes the account",
        "child_verified": "it is known to come from a child",
        "consent_withdrawn": "the consent it stands on is withdrawn",
        "hold_ended": "the order to preserve it ends",
        "used": "it is used, once (a mailed link)",
    },
    "CeilingStart": {
        "recorded": "the instant in the column tagged `recorded`; then no floor may stand beside it",
        "keep_ended": "the instant in the column tagged `keep_ended`: when a floor's event came",
    },
    "Store": {
        "live": "tables and blobs",
        "backups": "copies made against loss",
        "logs": "operational logs",
        "exports": "archives made for people",
        "recipients": "what others hold; listed as residue, never certified (X12)",
    },
    "Lift": {
        "deleted": "the person or the row is deleted: for undo, export after deletion, finishing an erasure",
        "restricted": "processing is restricted (GDPR 18)",
        "objected": "the person objects to a legitimate interest",
    },
    "Mechanism": {
        "none_needed": "none is needed there",
        "adequacy": "an adequacy decision (GDPR 45)",
        "standard_contractual_clauses": "standard contractual clauses (GDPR 46(2)(c))",
        "binding_corporate_rules": "binding corporate rules (GDPR 47)",
        "derogation": "a derogation for one case (GDPR 49)",
    },
    "RecipientRole": {
        "processor": "works on the controller's instructions",
        "independent_controller": "decides for itself what it does with the data",
        "authority": "needs no contract; disclosure rests on its instrument",
    },
    "Right": {
        "access": "GDPR 15",
        "correct": "GDPR 16",
        "delete": "GDPR 17",
        "restrict": "GDPR 18",
        "export": "GDPR 20",
        "object": "GDPR 21",
        "withdraw_consent": "GDPR 7(3)",
        "complain": "GDPR 77",
    },
    "FactLevel": {
        "access": "known before a row is seen; supplied by the caller or the Facts port",
        "subject": "asked of each of the row's people; kept beside the data, at most `fresh_for` old",
        "row": "asked of the row; a column tagged with the fact",
    },
    "FactType": {
        "text": "tested by `is`, `is_not`",
        "integer": "tested by `is`, `is_not`, `at_least`, `at_most`",
        "boolean": "tested by `is`",
        "instant": "tested by `passed`",
    },
    "Protection": {
        "plain": "stored as it is",
        "sealed": "stored encrypted, under a key of the item or the person",
    },
}


class BuiltInFact(NamedTuple):
    """A fact that the language has of its own."""

    level: str
    type: str
    source: str


FACTS: dict[str, BuiltInFact] = {
    "signed_in": BuiltInFact("access", "boolean", "the session"),
    "signed_in_at": BuiltInFact("access", "instant", "the session"),
    "ticket_until": BuiltInFact("access", "instant", "the support desk's ticket"),
    "job_is_live": BuiltInFact("access", "boolean", "the job that acts"),
    "second_person_approved": BuiltInFact("access", "boolean", "the approval"),
    "instrument_covers_it": BuiltInFact("access", "boolean", "the register of legal demands"),
    "deleted": BuiltInFact("subject", "boolean", "`gp_subject_state`"),
    "restricted": BuiltInFact("subject", "boolean", "`gp_subject_state`"),
    "age_floor_is_met": BuiltInFact("subject", "boolean", "`gp_subject_state`"),
    "account_is_active": BuiltInFact("subject", "boolean", "`gp_subject_state`"),
    "notice_was_given": BuiltInFact("subject", "boolean", "`gp_subject_state`"),
    "consent": BuiltInFact("subject", "boolean", "`gp_consent_state`, as `consent:<name>`"),
    "objection": BuiltInFact("subject", "boolean", "`gp_objection_state`, as `objection:<purpose>`"),
    "subject": BuiltInFact("row", "text", "the columns tagged `subject`, or reached by `via`"),
    "tenant": BuiltInFact("row", "text", "the column tagged `tenant`"),
    "recorded": BuiltInFact("row", "instant", "the column tagged `recorded`"),
    "keep_ended": BuiltInFact("row", "instant", "the column tagged `keep_ended`; NULL while it is kept"),
    "collected_under": BuiltInFact("row", "integer", "the column tagged `collected_under`"),
}
