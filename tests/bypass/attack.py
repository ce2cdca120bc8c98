"""What an attack is: what it is after, and how it is carried out."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, Literal, TypeAlias

from msgspec import Struct
from tests.bypass.judge import Told
from tests.bypass.world import World

__all__ = ["PATH", "After", "Attack", "Code", "Family", "Step"]

After: TypeAlias = Literal[
    "rows of others",
    "a withheld field",
    "a change of another's row",
    "a hidden row's existence",
    "the core's tables",
    "the database itself",
    "running outside an access",
]
PATH: Final = "the path of the database"
"""As an argument: the world's database file."""

Code: TypeAlias = Callable[[World, Told], Awaitable[None]]
"""Python of the application, against the public API. It opens its accesses itself."""


class Step(Struct, frozen=True):
    """One statement: SQL as an application hands it over, and its arguments."""

    sql: str
    args: tuple[Any, ...] = ()


class Attack(Struct, frozen=True):
    """One attack. `id` is kebab-case, `title` says it in words; either `steps` or `code` carries it out.

    `works_unguarded`: on a database without any ring it finds or changes something; false where what it
    attacks is the guard itself (a secret's name), or where Python's driver stops it already.
    `stopped`: false for what no ring stops, so that the page stays honest.
    """

    id: str
    title: str
    after: After
    steps: tuple[Step, ...] = ()
    code: Code | None = None
    works_unguarded: bool = True
    stopped: bool = True


class Family:
    """Attacks of one kind; a file of the catalogue makes one. `words` stand on the page above its table."""

    def __init__(self, id: str, title: str, words: str, *, stopped: bool = True) -> None:
        self.id = id
        self.title = title
        self.words = words
        self.stopped = stopped
        self.attacks: list[Attack] = []

    def sql(
        self,
        id: str,
        title: str,
        *steps: str | tuple[str, Sequence[Any]],
        after: After = "rows of others",
        works_unguarded: bool = True,
    ) -> None:
        """An attack by statements, one after the other, under one open access of Ann."""
        every = tuple(Step(s) if isinstance(s, str) else Step(s[0], tuple(s[1])) for s in steps)
        self.attacks.append(
            Attack(id, title, after, steps=every, works_unguarded=works_unguarded, stopped=self.stopped)
        )

    def code(self, id: str, title: str, after: After = "rows of others") -> Callable[[Code], Code]:
        """An attack by Python; with all rings only."""

        def keep(code: Code) -> Code:
            self.attacks.append(Attack(id, title, after, code=code, stopped=self.stopped))
            return code

        return keep
