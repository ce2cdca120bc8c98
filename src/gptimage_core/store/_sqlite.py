"""The core's tables in SQLite's dialect, as numbered migrations. A released migration never changes.

All tables are STRICT: a text in a boolean's column is refused by the database. Integers are declared `INT`,
so that an embedder's converters for `INTEGER` leave them alone. Booleans are 0, 1 or NULL (unknown);
instants are microseconds UTC. Primary keys are the clustered order (WITHOUT ROWID): one look-up, one page.
"""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["MIGRATIONS", "Migration"]


class Migration(NamedTuple):
    """One step of the schema. `statements` run in one transaction, in order."""

    number: int
    name: str
    statements: tuple[str, ...]


_FIRST = Migration(
    1,
    "people, consents, decisions, records",
    (
        """CREATE TABLE gp_meta (
            name TEXT NOT NULL PRIMARY KEY,
            value TEXT NOT NULL
        ) STRICT, WITHOUT ROWID""",
        """CREATE TABLE gp_subject_state (
            tenant TEXT NOT NULL,
            subject TEXT NOT NULL CHECK (subject <> ''),
            created_at INT NOT NULL,
            deleted INT CHECK (deleted IN (0, 1)),
            deleted_at INT,
            restricted INT CHECK (restricted IN (0, 1)),
            age_floor_is_met INT CHECK (age_floor_is_met IN (0, 1)),
            account_is_active INT CHECK (account_is_active IN (0, 1)),
            notice_was_given INT CHECK (notice_was_given IN (0, 1)),
            jurisdiction TEXT,
            ledger_seq INT NOT NULL DEFAULT 0,
            PRIMARY KEY (tenant, subject)
        ) STRICT, WITHOUT ROWID""",
        "CREATE INDEX gp_subject_live ON gp_subject_state (tenant, deleted, restricted, subject)",
        """CREATE TABLE gp_consent_state (
            tenant TEXT NOT NULL,
            subject TEXT NOT NULL,
            consent TEXT NOT NULL,
            given INT NOT NULL CHECK (given IN (0, 1)),
            at INT NOT NULL,
            policy_version INT NOT NULL,
            ledger_seq INT NOT NULL DEFAULT 0,
            PRIMARY KEY (tenant, subject, consent),
            FOREIGN KEY (tenant, subject) REFERENCES gp_subject_state ON DELETE CASCADE
        ) STRICT, WITHOUT ROWID""",
        "CREATE INDEX gp_consent_given ON gp_consent_state (tenant, consent, given, subject)",
        """CREATE TABLE gp_consent_event (
            id TEXT NOT NULL PRIMARY KEY,
            tenant TEXT NOT NULL,
            subject TEXT NOT NULL,
            consent TEXT NOT NULL,
            given INT NOT NULL CHECK (given IN (0, 1)),
            at INT NOT NULL,
            policy_version INT NOT NULL,
            digest TEXT NOT NULL,
            how TEXT NOT NULL,
            ledger_seq INT NOT NULL DEFAULT 0
        ) STRICT, WITHOUT ROWID""",
        "CREATE INDEX gp_consent_history ON gp_consent_event (tenant, subject, at)",
        """CREATE TABLE gp_objection_state (
            tenant TEXT NOT NULL,
            subject TEXT NOT NULL,
            purpose TEXT NOT NULL,
            objected INT NOT NULL CHECK (objected IN (0, 1)),
            at INT NOT NULL,
            ledger_seq INT NOT NULL DEFAULT 0,
            PRIMARY KEY (tenant, subject, purpose),
            FOREIGN KEY (tenant, subject) REFERENCES gp_subject_state ON DELETE CASCADE
        ) STRICT, WITHOUT ROWID""",
        "CREATE INDEX gp_objection_by ON gp_objection_state (tenant, purpose, objected, subject)",
        """CREATE TABLE gp_subject_fact (
            tenant TEXT NOT NULL,
            subject TEXT NOT NULL,
            fact TEXT NOT NULL,
            type TEXT NOT NULL CHECK (type IN ('text', 'integer', 'boolean', 'instant')),
            text_value TEXT,
            int_value INT,
            fresh_until INT,
            PRIMARY KEY (tenant, subject, fact),
            CHECK ((type = 'text') = (text_value IS NOT NULL)),
            CHECK ((type <> 'text') = (int_value IS NOT NULL)),
            CHECK (type <> 'boolean' OR int_value IN (0, 1)),
            FOREIGN KEY (tenant, subject) REFERENCES gp_subject_state ON DELETE CASCADE
        ) STRICT, WITHOUT ROWID""",
        "CREATE INDEX gp_subject_fact_by ON gp_subject_fact (tenant, fact, subject)",
        # `seq` is the order of commits: one writer numbers them. The log's tree is built from it.
        """CREATE TABLE gp_access_record (
            seq INTEGER PRIMARY KEY AUTOINCREMENT,
            id TEXT NOT NULL UNIQUE,
            at INT NOT NULL,
            tenant TEXT NOT NULL,
            actor_kind TEXT NOT NULL,
            actor TEXT,
            purpose TEXT NOT NULL,
            operation TEXT NOT NULL,
            categories TEXT NOT NULL,
            rules TEXT NOT NULL,
            digest TEXT NOT NULL,
            version INT NOT NULL,
            statement TEXT NOT NULL,
            counts TEXT NOT NULL,
            touched TEXT NOT NULL
        ) STRICT""",
        "CREATE INDEX gp_access_at ON gp_access_record (at)",
        """CREATE TABLE gp_access_touch (
            tenant TEXT NOT NULL,
            subject TEXT NOT NULL,
            record INT NOT NULL REFERENCES gp_access_record ON DELETE CASCADE,
            PRIMARY KEY (tenant, subject, record)
        ) STRICT, WITHOUT ROWID""",
        "CREATE INDEX gp_access_touch_record ON gp_access_touch (record)",
        # One line per person, written by the database itself: no way of inserting a record can forget it, and
        # a group of records is one statement (each one more hands Python's lock to another thread and back).
        """CREATE TRIGGER gp_access_touched AFTER INSERT ON gp_access_record WHEN NEW.touched <> '{}' BEGIN
            INSERT INTO gp_access_touch (tenant, subject, record)
            SELECT DISTINCT NEW.tenant, cell.atom, NEW.seq
            FROM json_each(NEW.touched) AS of_table, json_each(of_table.value) AS line,
                json_each(line.value) AS cell
            WHERE cell.key = 1 AND cell.atom IS NOT NULL;
        END""",
        """CREATE TABLE gp_denial (
            id TEXT NOT NULL PRIMARY KEY,
            at INT NOT NULL,
            tenant TEXT NOT NULL,
            actor_kind TEXT NOT NULL,
            actor TEXT,
            purpose TEXT NOT NULL,
            operation TEXT NOT NULL,
            category TEXT NOT NULL,
            recipient TEXT,
            rule TEXT,
            clauses TEXT NOT NULL,
            file TEXT,
            line INT,
            column_ INT,
            nearest TEXT,
            reason TEXT NOT NULL,
            digest TEXT NOT NULL,
            version INT NOT NULL
        ) STRICT, WITHOUT ROWID""",
        "CREATE INDEX gp_denial_at ON gp_denial (at)",
        """CREATE TABLE gp_lease (
            name TEXT NOT NULL PRIMARY KEY,
            holder TEXT,
            fence INT NOT NULL,
            until INT NOT NULL
        ) STRICT, WITHOUT ROWID""",
        """CREATE TABLE gp_ledger_position (
            one INT NOT NULL PRIMARY KEY CHECK (one = 1),
            ledger TEXT NOT NULL,
            seq INT NOT NULL,
            chain TEXT NOT NULL
        ) STRICT, WITHOUT ROWID""",
    ),
)

MIGRATIONS: tuple[Migration, ...] = (_FIRST,)
