"""INSERT, UPDATE and DELETE in every form (https://www.sqlite.org/lang_update.html and its neighbours)."""

from __future__ import annotations

import random
import re

from msgspec import Struct
from tests.support.fuzz.policy import NOW
from tests.support.fuzz.reads import Reads
from tests.support.fuzz.terms import GOVERNED, Column, Scope, Source

__all__ = ["Write", "write"]

_SETTABLE = {
    "image": ("visibility", "starred", "credits", "price", "extra", "note"),
    "account": ("name", "level", "note"),
    "reference": ("size", "order"),
    "plan": ("label", "cents"),
}
_PINNED = ("owner", "giver", "tenant", "recorded", "collected_under", "id", "image")
_TECHNICAL = frozenset((*_PINNED, "taker", "keep_ended"))
_UNGOVERNED = (
    "plain",
    "every_image",
    "gp_subject_state",
    "sqlite_master",
    "main.image",
    "temp.image",
    "nothing",
)


class Write(Struct):
    """An INSERT, UPDATE or DELETE.

    `bare`: the statement without its RETURNING, with as many arguments. What the writer knows of it: `sets`
    the columns that are set, `set_reads` what of the row SET reads, `idle`: of the target nothing but
    identifiers is read, `exact`: which rows change, and to what, is not SQLite's to choose. `returns`: what
    stands in RETURNING. `select`: the query whose rows are inserted; `columns` and `cells` of an INSERT.
    """

    verb: str
    sql: str
    args: list[object]
    table: str = ""
    bare: str = ""
    sets: tuple[str, ...] = ()
    set_reads: tuple[str, ...] = ()
    idle: bool = False
    exact: bool = False
    returns: str = ""
    columns: tuple[str, ...] = ()
    cells: list[list[object]] = []
    select: str = ""


def _is_idle(where: str, reads: set[str], source: Source) -> bool:
    """Whether WHERE reads nothing of the target but identifiers.

    `reads` may name what was thought of and does not stand there; in front of a column the table's name is no
    source of its own.
    """
    text = where.lower()
    others = [c.name for c in source.columns if c.name not in _TECHNICAL]
    if not reads <= _TECHNICAL and any(re.search(rf"\b{re.escape(name)}\b", text) for name in others):
        return False
    qualified = rf"[\"`\[]?{re.escape(source.table)}[\"`\]]?\s*\."
    return source.table not in re.sub(qualified, "", text).replace(source.alias.lower(), "")


class Writes(Reads):
    """Statements that write."""

    def target(self) -> tuple[str, Source]:
        """The table as it is written, and as its rows are named."""
        if self.oddly(0.12):
            return self.one(*_UNGOVERNED), Source("plain", (Column("id", "key"), Column("note", "text")))
        name = self.one("image", "image", "account", "reference", "plan")
        if self.chance(0.1):
            alias = self.fresh()
            return f"{self.word(name)} AS {self.word(alias)}", Source(alias, GOVERNED[name], name)
        return self.word(name), Source(name, GOVERNED[name], name)

    def where(self, source: Source, more: Scope) -> str:
        """A condition over the rows of the target; over its identifiers only now and then."""
        if self.chance(0.12):
            return ""
        if self.chance(0.3):
            source = source._replace(columns=tuple(c for c in source.columns if c.name in _TECHNICAL))
        if self.chance(0.15):
            key = self.one("i1", "i2", "a1", "r1", "p1")
            return f" WHERE {self.word(source.alias)}.id = '{key}'"
        return f" WHERE {self.condition([source, *more], self.rng.randint(0, 2))}"

    def returning(self, source: Source) -> tuple[str, str]:
        """RETURNING and what it gives."""
        if self.chance(0.6):
            return "", ""
        columns = [c for c in source.columns if not c.sealed or self.chance(0.2)]
        what = self.one(
            "id", "id", "*", ", ".join(self.word(self.rng.choice(columns).name) for _ in range(2))
        )
        if self.chance(0.2):
            what = f"{self.expr([source._replace(alias=source.table or source.alias)], 1)} AS c0"
        return f" RETURNING {what}", what

    # UPDATE

    def update(self) -> Write:
        written, source = self.target()
        settable = _SETTABLE.get(source.table, ("note",))
        chosen = self.rng.sample(settable, self.rng.randint(1, min(3, len(settable))))
        sealed = [c.name for c in source.columns if c.sealed]
        if sealed and self.chance(0.12):
            chosen.append(sealed[0])
        if self.chance(0.06):
            chosen.append(self.rng.choice([c.name for c in source.columns if c.name in _PINNED]))
        if self.chance(0.03):
            chosen.append("keep_ended")
        front = f"WITH w AS ({self.core(0, [], 1)[0]}) " if self.chance(0.03) else ""
        way = f"OR {self.one('IGNORE', 'REPLACE', 'ABORT', 'FAIL', 'ROLLBACK')} " if self.chance(0.05) else ""
        self.reads.clear()
        more: Scope = []
        from_ = ""
        if self.chance(0.12):
            sql, other = self.source(0, [source])
            if other.alias.lower() != source.alias.lower():
                from_, more = f" FROM {sql}", [other]
        sets = self.assignments(chosen, [source, *more])
        set_reads = tuple(name for alias, name in self.reads if alias == source.alias)
        again = source.table in sets.lower()
        where = self.where(source, more)
        reads = {name for alias, name in self.reads if alias == source.alias}
        returning, returns = self.returning(source)
        bare = f"{front}UPDATE {way}{written} SET {sets}{from_}{where}"
        sql, args = self.numbered(bare + returning)
        return Write(
            "UPDATE", sql, args, source.table, self.numbered(bare)[0], tuple(chosen), set_reads,
            idle=_is_idle(where, reads, source),
            exact=bool(source.table) and not (way or more or again or self.loose or "keep_ended" in chosen),
            returns=returns,
        )  # fmt: skip

    def assignments(self, chosen: list[str], scope: Scope) -> str:
        if len(chosen) == 2 and self.chance(0.1):
            names = ", ".join(self.word(name) for name in chosen)
            values = ", ".join(self.new_value(name, scope) for name in chosen)
            return f"({names}) = ({values})"
        return ", ".join(f"{self.word(name)} = {self.new_value(name, scope)}" for name in chosen)

    def new_value(self, name: str, scope: Scope) -> str:
        if name in ("prompt", "what"):
            self.given.append(self.rng.choice(("sealed anew", None)))
            return f"\x01{len(self.given) - 1}\x01"
        if name == "keep_ended":
            self.given.append(self.rng.choice((NOW, NOW - 1, NOW + 1, None)))
            return f"\x01{len(self.given) - 1}\x01"
        if name in _PINNED:
            return self.one("'main'", "'ann'", "1", self.value())
        if name == "visibility":
            return self.one("'public'", "'private'", "'secret'", "NULL")
        if name == "extra" and self.chance(0.7):
            return self.one("'{\"a\": 2}'", "NULL", "'[]'")
        if self.chance(0.4):
            return self.expr(scope, 1)
        return self.value()

    # DELETE

    def delete(self) -> Write:
        written, source = self.target()
        self.reads.clear()
        where = self.where(source, [])
        reads = {name for alias, name in self.reads if alias == source.alias}
        returning, returns = self.returning(source)
        bare = f"DELETE FROM {written}{where}"
        sql, args = self.numbered(bare + returning)
        idle = _is_idle(where, reads, source)
        exact = bool(source.table) and not self.loose
        return Write(
            "DELETE", sql, args, source.table, self.numbered(bare)[0], idle=idle, exact=exact, returns=returns
        )

    # INSERT

    def insert(self) -> Write:
        written, source = self.target()
        named = [
            c.name
            for c in source.columns
            if c.name not in ("tenant", "recorded", "collected_under", "keep_ended")
        ]
        columns = [n for n in named if n in ("id", "image") or self.chance(0.65)]
        if self.chance(0.85):
            columns.append("keep_ended")
        if self.chance(0.08):
            columns.append(self.one("tenant", "recorded", "collected_under"))
        columns = [n for n in dict.fromkeys(columns) if any(c.name == n for c in source.columns)]
        way = self.one(
            "INSERT",
            "INSERT",
            "INSERT",
            "INSERT OR IGNORE",
            "INSERT OR REPLACE",
            "REPLACE",
            "INSERT OR ABORT",
        )
        if self.chance(0.75):
            way = "INSERT"
        listed = f" ({', '.join(self.word(n) for n in columns)})" if not self.chance(0.04) else ""
        conflict = self._conflict(source, columns) if self.chance(0.25) else ""
        select = ""
        cells: list[list[object]] = []
        if self.chance(0.15):
            select, _ = self.core(0, [], len(columns))
            body = select + (" WHERE true" if conflict and "WHERE" not in select.upper() else "")
            select = body
        elif self.chance(0.03):
            body, listed = "DEFAULT VALUES", ""
        else:
            rows = []
            for number in range(self.rng.choice((1, 1, 1, 2, 3))):
                row = [self.cell(source, name, number) for name in columns]
                cells.append([value for _, value in row])
                rows.append(f"({', '.join(text for text, _ in row)})")
            body = f"VALUES {', '.join(rows)}"
        returning, returns = self.returning(source)
        bare = f"{way} INTO {written}{listed} {body}{conflict}"
        sql, args = self.numbered(bare + returning)
        exact = bool(
            way == "INSERT"
            and listed
            and (cells or (select and not self.loose))
            and not conflict
            and source.table
            and source.alias == source.table
        )
        return Write(
            "INSERT", sql, args, source.table, self.numbered(bare)[0], exact=exact, returns=returns,
            columns=tuple(columns), cells=cells, select=select,
        )  # fmt: skip

    def cell(self, source: Source, name: str, number: int) -> tuple[str, object]:
        """A value of a new row, as text and as it is; as a parameter or written out."""
        value: object
        if name == "id":
            value = f"{source.alias[0]}{self.rng.choice((0, 2, 50, 60, 70, 80)) + number}"
        elif name in ("owner", "giver", "taker"):
            value = self.rng.choice(("ann", "ann", "ann", "bob", None, "ghost"))
        elif name == "image":
            value = f"i{self.rng.randint(0, 9)}"
        elif name == "tenant":
            value = self.rng.choice(("main", "other"))
        elif name == "collected_under":
            value = self.rng.choice((1, 2))
        elif name == "recorded":
            value = self.rng.choice((NOW, NOW - 5, None))
        elif name == "keep_ended":
            value = NOW if self.chance(0.03) else None
        elif name == "visibility":
            value = self.rng.choice(("private", "public", "secret", None))
        elif name in ("prompt", "what"):
            value = self.rng.choice(("told", None))
        elif name in ("starred", "credits", "level", "size", "cents"):
            value = self.rng.choice((0, 1, 2, None))
        else:
            value = self.rng.choice(("a", "it's", None))
        if self.chance(0.5) or name in ("prompt", "what"):
            self.given.append(value)
            return f"\x01{len(self.given) - 1}\x01", value
        if value is None:
            return "NULL", None
        return (str(value) if isinstance(value, int) else "'" + str(value).replace("'", "''") + "'"), value

    def _conflict(self, source: Source, columns: list[str]) -> str:
        target = self.one("", " (id)", " (id)", " (id) WHERE 1")
        if self.chance(0.4):
            return f" ON CONFLICT{target} DO NOTHING"
        names = [n for n in columns if n in _SETTABLE.get(source.table, ())] or ["id"]
        name = self.word(self.rng.choice(names))
        value = self.one(
            f"excluded.{name}", f"excluded.{name}", self.value(), f"{self.word(source.alias)}.{name}"
        )
        where = f" WHERE {self.condition([source], 0)}" if self.chance(0.2) else ""
        return f" ON CONFLICT{target or ' (id)'} DO UPDATE SET {name} = {value}{where}"

    def write(self) -> Write:
        kind = self.rng.randrange(10)
        out = self.update() if kind < 4 else self.delete() if kind < 6 else self.insert()
        if self.oddly(0.08):
            out.sql += self.one("; DELETE FROM image", " -- c", " LIMIT 1", " ORDER BY id LIMIT 2")
            out.exact = False
        return out


def write(rng: random.Random) -> Write:
    """A random statement that writes."""
    return Writes(rng, odd=rng.random() < 0.15).write()
