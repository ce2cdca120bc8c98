"""What the language refuses although it parses: a document that could not mean what it says.

`lint` yields every problem at once, with its path; it takes time linear in the document.
"""

from __future__ import annotations

from collections.abc import Iterator

from gptimage_core.policy.document import Document
from gptimage_core.policy.findings import Problem

__all__ = ["lint"]


def lint(document: Document) -> Iterator[Problem]:
    """Every reason to refuse `document`."""
    if not document.permit:
        yield Problem(
            (),
            "empty-policy",
            "the policy permits nothing",
            "an empty policy is an error; write a `[permit.…]`",
        )
