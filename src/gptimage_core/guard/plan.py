"""What it takes to run one statement under one view, as `plans` makes it and `running`, `writing` run it."""

from __future__ import annotations

from msgspec import Struct

from gptimage_core.guard.inserting import Inserter
from gptimage_core.guard.params import Binder
from gptimage_core.guard.recording import Basis
from gptimage_core.guard.references import References
from gptimage_core.guard.rows import Reader
from gptimage_core.guard.sqlite.ring import Grant
from gptimage_core.guard.statements.shaped import Shaped
from gptimage_core.guard.updating import Updater
from gptimage_core.guard.upserts import Upserts
from gptimage_core.policy.binding import Table

__all__ = ["ByKey", "Plan", "Returned"]


class ByKey(Struct, frozen=True):
    """An UPDATE names its row by the argument `at`. `sql` gives the row's people; `own`: it is the actor."""

    at: int
    text: Binder
    sql: str
    own: bool


class Plan(Struct, frozen=True):
    """How to run one statement under one view.

    `ending`: the argument that an UPDATE sets `keep_ended` to, where it does. `idle`: everything that the
    UPDATE sets was withheld, so that there is nothing to do. `quick`: for an UPDATE or DELETE that needs not
    know its rows before: the statement with key and people in its RETURNING. `by_key`: for an UPDATE that
    names its one row by an argument. `brief`: a SELECT of one row of the actor's own by its key. `fresh`:
    finds a changed row that may not be as it is now, for an UPDATE that sets a fact. `references`: the
    foreign keys that it writes. `uses`: the arguments that an UPDATE binds. `takes`: how many there are.
    `grant`: what ring three lets the statement do; `reads`: what it lets the SELECTs do that go with it.

    `source`: the SELECT that an INSERT takes values from; `returned`: what RETURNING reads; `nothing`: what
    ON CONFLICT … DO NOTHING names; `upserts`: its DO UPDATE; `bases`: what all of it stands on.
    """

    verb: str
    shaped: Shaped | None
    text: Binder | None
    touch: Binder | None
    quick: Binder | None
    reader: Reader | None
    basis: Basis
    target: Table | None = None
    inserter: Inserter | None = None
    updater: Updater | None = None
    ending: int | None = None
    idle: bool = False
    by_key: ByKey | None = None
    fresh: Binder | None = None
    brief: bool = False
    takes: int = 0
    grant: Grant | None = None
    reads: Grant | None = None
    clocked: tuple[int, ...] = ()
    references: References | None = None
    uses: frozenset[int] = frozenset()
    source: Plan | None = None
    returned: Returned | None = None
    nothing: tuple[str, ...] | None = None
    upserts: Upserts | None = None

    @property
    def collides(self) -> bool:
        """Whether the statement says what happens where a new row collides."""
        insertion = None if self.shaped is None else self.shaped.insertion
        return (
            self.nothing is not None
            or self.upserts is not None
            or (insertion is not None and insertion.ignore)
        )

    @property
    def has_parts(self) -> bool:
        """Whether other statements run along with it."""
        return self.source is not None or self.returned is not None or self.upserts is not None

    @property
    def bases(self) -> list[Basis]:
        """What the statement and all parts of it stand on."""
        parts = [self.source, None if self.returned is None else self.returned.plan]
        parts += [] if self.upserts is None else self.upserts.plans.values()
        return [self.basis, *(part.basis for part in parts if part is not None)]


class Returned(Struct, frozen=True):
    """What RETURNING lists beyond the key. `plan` reads it of the rows whose keys are the argument `at`, a
    JSON array; `None` where nothing of the table may be read. `names` of its outputs; which are the key."""

    plan: Plan | None
    at: int
    names: tuple[str, ...]
    keys: tuple[bool, ...]
