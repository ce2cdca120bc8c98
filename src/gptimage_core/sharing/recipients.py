"""The register of recipients: who the policy names, and what reaches them.

INVARIANT (known-recipients, S21): nothing is handed to a recipient that the policy in force does not name;
one that is registered here without being named there stops the start.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from gptimage_core.errors import GuardError, PolicyError
from gptimage_core.policy.timeline import Timeline
from gptimage_core.ports.recipients import Recipient

__all__ = ["Recipients"]


class Recipients:
    """Adapters by the recipient's name in the policy. Raises `PolicyError` naming all that are unknown."""

    def __init__(self, timeline: Timeline, recipients: Iterable[Recipient] = ()) -> None:
        named = {name for version in timeline.versions for name in version.document.recipient}
        self._adapters: dict[str, Recipient] = {}
        problems: list[str] = []
        for recipient in recipients:
            name = recipient.name
            if name not in named:
                near = difflib.get_close_matches(name, named, 1)
                hint = f"; did you mean `{near[0]}`?" if near else ""
                problems.append(f"`{name}` is not a recipient of the policy{hint}")
            elif name in self._adapters:
                problems.append(f"`{name}` is registered twice")
            self._adapters[name] = recipient
        if problems:
            raise PolicyError("; ".join(sorted(problems)))

    def adapter(self, name: str) -> Recipient:
        """What reaches this recipient; raises `GuardError` where nothing was registered."""
        found = self._adapters.get(name)
        if found is None:
            raise GuardError(f"nothing is registered that reaches the recipient `{name}`")
        return found

    @property
    def names(self) -> tuple[str, ...]:
        """The registered recipients, sorted."""
        return tuple(sorted(self._adapters))
