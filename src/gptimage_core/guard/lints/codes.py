"""Every lint of the schema: what it finds, why that matters, what to do. `docs/lints.md` is made from it."""

from __future__ import annotations

from msgspec import Struct

__all__ = ["LINTS", "NOTES", "Lint"]


class Lint(Struct, frozen=True):
    """`may_be_accepted`: whether `accept={"code:place": "reason"}` lets a start go on."""

    what: str
    why: str
    do: str
    may_be_accepted: bool = False


LINTS: dict[str, Lint] = {
    # tables and columns
    "table-missing": Lint(
        "a governed table that the database does not have",
        "it would be made later, by whoever, and nothing would have held it against the data map",
        "run the migrations before the guard is made",
    ),
    "not-a-table": Lint(
        "a governed name that is a view, a virtual table or what one stores in",
        "rows would be decided by what a view computes, and written past the table that holds them",
        "govern the table itself",
    ),
    "reserved-name": Lint(
        "a governed table whose name begins with `gp_`, `sqlite_`, `pg_` or `pragma_`",
        "the core's tables and the database's own catalogues are fenced by these names",
        "give it another name",
    ),
    "name-case": Lint(
        "names that differ in case only: two governed tables, or the database's name and the data map's",
        "the database takes them for one, the guard for two",
        "write the name as the database has it",
    ),
    "column-unknown": Lint(
        "a column of a governed table that the data map does not have",
        "it is stored and has no category, so no rule speaks of it (S6)",
        "declare it with its category, or drop it",
    ),
    "column-missing": Lint(
        "a column of the data map that the database does not have",
        "statements on the table would fail, or mean something else",
        "run the migration that adds it, or take it out of the table class",
    ),
    "key": Lint(
        "a governed table whose key is not unique, or may be NULL, in the database",
        "two rows would have one key: records, sealed values and writes by key would meet the wrong one",
        "make it the PRIMARY KEY, NOT NULL",
    ),
    "conflict-clause": Lint(
        "a constraint of a governed table that says ON CONFLICT REPLACE, IGNORE, FAIL or ROLLBACK",
        "a row of somebody else that is in the way would go, or a transaction end, by a plain write",
        "leave the clause out: a write that collides is refused",
    ),
    "loose-compare": Lint(
        "a text that says whose a row is, or supplies a fact, under a collation or a numeric type",
        "the database takes `Ann` for `ann`, or `05` for `5`: rows of others would be one's own",
        "make it TEXT or VARCHAR, without COLLATE",
    ),
    "rowid-name": Lint(
        "a column called `rowid`, `oid` or `_rowid_` that is not the key",
        "these are names of SQLite's own number of the row, a second key that nobody governs",
        "give it another name",
    ),
    # oracles
    "unique": Lint(
        "a UNIQUE (or a unique index, a key) without the row's subjects, its key, its owner by `via` or an "
        "`opaque` column",
        "a write that collides tells that somebody else's row holds the value, in every ring",
        "add the subject's column, or tag a column of random values with `opaque`",
        may_be_accepted=True,
    ),
    "unique-tenant": Lint(
        "a UNIQUE with the subject and without the tenant",
        "the same name of a person in two tenants would collide, and one would learn of the other",
        "add the tenant's column",
        may_be_accepted=True,
    ),
    "check-categories": Lint(
        "a CHECK over columns of more than one category",
        "whoever may write one of them learns the other from what is refused",
        "check it in the application, or give both columns one category",
        may_be_accepted=True,
    ),
    "raising-expression": Lint(
        "an index, partial index, CHECK or generated column that calls what may raise",
        "it runs on values that the policy may withhold, and its error tells of them",
        "keep to operators and to functions that never raise (`lower`, `length`, `coalesce`, …)",
        may_be_accepted=True,
    ),
    "generated-copy": Lint(
        "a generated column that is computed from a column of another category",
        "the value is read under rules that are not its own",
        "give it the category of what it is computed from",
        may_be_accepted=True,
    ),
    # foreign keys
    "cascade": Lint(
        "CASCADE, SET NULL or SET DEFAULT between rows that may be of different people",
        "rows are removed or changed that nobody decided or recorded, and no key is destroyed",
        "make it NO ACTION or RESTRICT, and delete the rows by a statement of their own; where the child is "
        "owned `via` its parent, a cascade is fine",
        may_be_accepted=True,
    ),
    "unknown-link": Lint(
        "a foreign key between governed tables that the data map does not know, or knows otherwise",
        "the guard looks the parent up before a write; of others the database's error tells",
        "declare the column as a ForeignKey to that table's key",
        may_be_accepted=True,
    ),
    "ungoverned-parent": Lint(
        "a foreign key from a governed table to one that nobody governs",
        "an error tells which values stand there",
        "govern that table too, or drop the foreign key",
        may_be_accepted=True,
    ),
    "ungoverned-child": Lint(
        "a foreign key from a table that nobody governs to a governed one",
        "it holds keys of people's rows without a category, and hinders or follows their erasure",
        "govern that table too",
        may_be_accepted=True,
    ),
    "core-table": Lint(
        "a foreign key to one of the core's tables, or something of the application's under a name of theirs",
        "decisions and records would hang on the application's rows",
        "name the subject in a column, without a foreign key",
    ),
    # what reaches around
    "view": Lint(
        "a view over governed tables or the core's",
        "it shows rows and fields that nobody decided, to whoever reaches it",
        "drop it, or make it in a database of its own, of figures that the policy permits",
        may_be_accepted=True,
    ),
    "trigger": Lint(
        "a trigger on a governed table or the core's, or one elsewhere that names one of them",
        "it reads and writes unseen: no rule is asked and no record is made",
        "do it in the application, under an access",
        may_be_accepted=True,
    ),
    "virtual-table": Lint(
        "a virtual table (full text, …) over a governed table or the core's",
        "it and its shadow tables hold copies of people's words, found by whoever searches",
        "drop it; keep an index of one's own rows only, governed like any table",
        may_be_accepted=True,
    ),
    # exceptions
    "accept": Lint(
        "an exception that has no reason, that nothing needs any more, or that cannot be made",
        "what nobody answers for is not accepted, and a stale exception would cover what comes next",
        "give its reason, or take it out",
    ),
}

NOTES: dict[str, Lint] = {
    "ungoverned-table": Lint(
        "a table that is neither governed nor the core's",
        "statements under the guard do not reach it, so nothing is decided about what it holds",
        "keep no personal data in it, or govern it",
    ),
    "numbered-key": Lint(
        "a key that counts up",
        "a number that is taken tells that a row exists, and how many there are",
        "use random keys (`UUID`)",
    ),
}
"""What does not stop a start; `guard.notes` has them."""
