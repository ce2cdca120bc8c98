"""What the language refuses although it parses: a document that could not mean what it says.

`lint` yields every problem at once, with its path. It takes time linear in the document. Of a document with
faults of form it is given what converted and what was left out, and finds nothing that only echoes these.

- `names`: a name that is declared nowhere, twice, or nowhere used; a word listed twice.
- `spans`: mixed or empty spans, a floor that can outlast its ceiling.
- `rules`: a slot or an option where it has no meaning.
- `conditions`: not exactly one test, or one that does not fit the fact.
- `reach`: a rule that can never apply.
"""

from __future__ import annotations

from collections.abc import Iterator

from gptimage_core.policy.document import Document
from gptimage_core.policy.findings import Problem
from gptimage_core.policy.lint import conditions, names, reach, rules, spans
from gptimage_core.policy.remainder import NOTHING, LeftOut

__all__ = ["lint"]


def lint(document: Document, left_out: LeftOut = NOTHING) -> Iterator[Problem]:
    """Every reason to refuse `document`, from which `left_out` was left out."""
    if not document.permit and not left_out.has_any("permit"):
        yield Problem(
            (),
            "empty-policy",
            "the policy permits nothing",
            "an empty policy is an error; write a `[permit.…]`",
        )
    yield from names.check(document, left_out)
    yield from spans.check(document, left_out)
    for check in (rules.check, conditions.check, reach.check):
        yield from check(document)
