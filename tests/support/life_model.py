"""What must be true of a server after every step, in plain dictionaries and nothing of the server's own.

Written from the clauses, not from the code: who holds what, what was deleted when, what is agreed to, whose
credits are where. Instants are microseconds.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, field

__all__ = ["DAY", "MAIL_ENDS", "RENDERER_ENDS", "SECOND", "Item", "Person", "World"]

SECOND = 1_000_000
DAY = 86_400 * SECOND

MAIL_ENDS = 1_917_043_200 * SECOND
"""1 October 2030: the contract with whoever mails for us is over, and nothing is mailed without one (S22)."""
RENDERER_ENDS = 2_074_809_600 * SECOND
"""1 October 2035: so is what binds the renderer."""

_SESSION = 14 * DAY
_UNDO = 10 * SECOND
_START = 100


@dataclass
class Item:
    """An image that somebody asked for."""

    id: str
    job: str
    owner: str
    prompt: str
    cost: int
    at: int
    parameters: dict[str, object]
    state: str = "waiting"
    """waiting (or running), done, failed."""
    tries: int = 0
    """How often it was cut while it was drawn; after three it is given up."""
    books: str = "held"
    clicked: int | None = None
    """T0 of its deletion."""
    final: bool = False
    picture: str | None = None
    """SHA-256 of the picture, since it was first seen."""
    blobs: tuple[str, ...] = ()

    @property
    def alive(self) -> bool:
        return self.clicked is None and not self.final


@dataclass
class Person:
    """An account. A deleted one stays known here, so that nothing of it can come back unseen."""

    id: str
    slot: str
    at: int
    terms: bool = False
    granted: bool = False
    deleted: bool = False
    deleted_at: int = 0
    turns: list[tuple[int, str, bool]] = field(default_factory=list)
    """Every turn of a consent: when, which, given or not."""
    archives: dict[str, tuple[str, int]] = field(default_factory=dict)
    """Exports that were made: the name of the blob, and when."""
    items: dict[str, Item] = field(default_factory=dict)

    def living(self) -> dict[str, Item]:
        return {} if self.deleted else {id: item for id, item in self.items.items() if item.alive}

    def agrees(self, consent: str, at: int) -> bool:
        """Whether they agreed at that instant: off until given, off for good once they are gone."""
        turns = [given for when, which, given in self.turns if which == consent and when <= at]
        return bool(turns) and turns[-1] and not (self.deleted and at >= self.deleted_at)

    def balance(self) -> dict[str, int]:
        """Where the person's credits are."""
        if not self.granted:
            return {}
        held = sum(item.cost for item in self.items.values() if item.books == "held")
        spent = sum(item.cost for item in self.items.values() if item.books == "posted")
        available = _START - held - spent
        return {"granted": -_START, "available": available, "held": held, "spent": spent}


class World:
    """Everybody, and who is signed in where."""

    def __init__(self) -> None:
        self.people: dict[str, Person] = {}
        self.sessions: dict[str, tuple[str, int]] = {}
        self.gone_items: set[str] = set()
        self.gone_people: dict[str, int] = {}
        self.gone_sessions: set[str] = set()
        self.refused: dict[tuple[str, str], int] = {}
        """(person, consent) -> how often it was withdrawn, ever: what the ledger outside the data knows."""
        self.clicks: dict[str, int | None] = {}
        """Item -> T0 of its deletion, None since it was undone: a negative decision from the click on."""
        self.ends: dict[str, int] = {}
        """Person -> when they last deleted an item: a copy of it in an archive ends with it."""

    # Who

    def of(self, slot: str) -> Person | None:
        """The living account of that address."""
        found = [p for p in self.people.values() if p.slot == slot and not p.deleted]
        assert len(found) <= 1
        return found[0] if found else None

    def signed_in(self, token: str, now: int) -> Person | None:
        person, at = self.sessions.get(token, ("", 0))
        found = self.people.get(person)
        return found if found is not None and not found.deleted and now < at + _SESSION else None

    def fresh(self, token: str, now: int) -> bool:
        """Whether the sign-in is young enough for an export."""
        return now <= self.sessions[token][1] + 600 * SECOND

    def living(self) -> list[Person]:
        return [person for person in self.people.values() if not person.deleted]

    def archives(self, person: Person) -> set[str]:
        """Their exports that have not ended."""
        end = -1 if not person.deleted else person.deleted_at
        end = max(end, self.ends.get(person.id, -1))
        return {id for id, (_, at) in person.archives.items() if at > end}

    def items(self) -> list[Item]:
        return [item for person in self.people.values() for item in person.items.values()]

    def item_of_prompt(self, prompt: str) -> Item | None:
        return next((item for item in self.items() if item.prompt == prompt), None)

    # What happens

    def undo_is_open(self, item: Item, now: int) -> bool:
        return item.clicked is not None and not item.final and now < item.clicked + _UNDO

    def click(self, item: Item, now: int) -> None:
        item.clicked = self.clicks[item.id] = self.ends[item.owner] = now

    def undo(self, item: Item) -> None:
        item.clicked = self.clicks[item.id] = None

    def finish(self, item: Item, now: int) -> None:
        """Its deletion is final; what was still held for it comes back."""
        item.final = True
        self.ends[item.owner] = max(now, self.ends.get(item.owner, 0))
        if item.books == "held":
            item.books = "given_back"
        self.gone_items.add(item.id)

    def finish_due(self, now: int) -> None:
        """What the sweep does."""
        for item in self.items():
            if item.clicked is not None and not item.final and now >= item.clicked + _UNDO:
                self.finish(item, now)

    def turn(self, person: Person, consent: str, given: bool, now: int) -> None:
        if not given and person.agrees(consent, now):
            key = (person.id, consent)
            self.refused[key] = self.refused.get(key, 0) + 1
        person.turns.append((now, consent, given))

    def delete(self, person: Person, now: int) -> None:
        """The account goes, and with the click all that is theirs."""
        person.deleted, person.deleted_at = True, now
        self.gone_people[person.id] = now

    # Backups

    def copy(self) -> World:
        return copy.deepcopy(self)

    def restored(self, older: World, now: int) -> World:
        """The world after an older copy of the data was put back and the ledger replayed (X8): what is newer
        than the copy is lost, but for every negative decision, which holds."""
        world = older.copy()
        world.gone_items = self.gone_items | older.gone_items
        world.gone_people = {**older.gone_people, **self.gone_people}
        world.gone_sessions = self.gone_sessions | older.gone_sessions
        world.clicks = dict(self.clicks)
        world.ends = dict(self.ends)
        world.refused = dict(self.refused)
        for (id, consent), times in self.refused.items():
            if times > older.refused.get((id, consent), 0) and id in world.people:
                world.people[id].turns.append((now, consent, False))
        for token in world.gone_sessions:
            world.sessions.pop(token, None)
        for person in world.people.values():
            if person.id in world.gone_people and not person.deleted:
                person.deleted, person.deleted_at = True, world.gone_people[person.id]
        for item in world.items():
            item.clicked = world.clicks.get(item.id)
            if item.id in world.gone_items and not item.final:
                world.finish(item, world.ends[item.owner])
        return world
