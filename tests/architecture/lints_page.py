"""docs/lints.md: every lint of the schema and of the table classes, made from the codes."""

from __future__ import annotations

from collections.abc import Mapping

from gptimage_core.adapters.piccolo.classes import CODES
from gptimage_core.guard.lints.codes import LINTS, NOTES, Lint

__all__ = ["page"]

_HEAD = """\
# Lints of the schema

Made from `gptimage_core.guard.lints.codes`; a test holds the two against each other.

The guard's rings shape a statement, refuse it, and fence the connection. What lies in the schema itself
none of them reaches: a UNIQUE tells that a value is there, a cascade changes rows that nobody decided, a
trigger writes unseen. So when a guard is made, the database's real schema is read and held against the data
map. Everything that is found is told at once, in a `PolicyError`, and nothing is attached. The same is done
at the end of `guard.maintenance(…)`; with a finding, no access does anything until another maintenance has
mended it.

A column whose values are random (the hash of a token, an id that was made elsewhere) is declared, and may
be unique:

    token_hash = opaque(category("session", Varchar(length=64, unique=True)))

What stays for a reason is accepted by its code and place, as the finding says it. It then stands in the
data map, in its digest and in `datamap.lock`, for whoever reads what is stored; without a reason, or when
nothing needs it any more, it stops the start itself:

    guard = await govern(DB, …, accept={"unique:country.code": "reference data that everybody reads"})

Names are taken from the texts of views, triggers and virtual tables without parsing them: a view that only
mentions the name of a governed table is found as well. Rename what it mentions, or accept it.

What no lint finds: a UNIQUE with the subject's column still tells staff, who may write some rows of a
person, of that person's hidden ones. Temporary objects and attached databases belong to a connection; the
rings refuse them. A schema that another program changes while this one runs is seen at the next start.
"""
_NOTES = """\
## Notes

These stop nothing; `guard.notes` has them.
"""
_CLASSES = """\
## Table classes

Before anything is bound, `govern` looks at the Piccolo classes themselves; none of these can be accepted.
Table classes on other engine nodes need no lint: a governed engine has no `extra_nodes`.
"""


def page() -> str:
    """The text of the page."""
    classes = "\n".join(f"| `{code}` | {what} |" for code, what in CODES.items())
    return "\n".join(
        (
            _HEAD,
            _table(LINTS, with_acceptance=True),
            _NOTES,
            _table(NOTES, with_acceptance=False),
            f"{_CLASSES}\n| code | what |\n|-|-|\n{classes}\n",
        )
    )


def _table(lints: Mapping[str, Lint], *, with_acceptance: bool) -> str:
    head = ["code", "what", "why", "what to do"] + ["accepted with a reason"] * with_acceptance
    lines = [head, ["-"] * len(head)]
    for code, lint in lints.items():
        may = ["yes" if lint.may_be_accepted else "never"] * with_acceptance
        lines.append([f"`{code}`", lint.what, lint.why, lint.do, *may])
    bar = ["|" + "|".join(f" {cell} " if cell != "-" else "-" for cell in line) + "|" for line in lines]
    return "\n".join(bar) + "\n"
