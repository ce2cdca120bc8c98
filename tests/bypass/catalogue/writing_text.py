"""The text itself: what a reader and the database may take for two different things."""

from __future__ import annotations

from tests.bypass.attack import Family

TEXT = Family(
    "text",
    "The text of a statement",
    "Several statements in one, comments, bytes that end a text early, parameters of other kinds, nesting.",
)
sql = TEXT.sql

sql(
    "stacked",
    "a second statement",
    "SELECT id FROM picture; DELETE FROM picture",
    after="a change of another's row",
    works_unguarded=False,
)
sql(
    "stacked-after-comment",
    "a second statement behind a comment",
    "SELECT id FROM picture -- x\n; SELECT title FROM main.picture",
    works_unguarded=False,
)
sql("semicolon-first", "a semicolon in front", "; SELECT title FROM main.picture")
sql(
    "line-comment", "the end of a line commented out", "SELECT title FROM main.picture -- WHERE owner = 'ann'"
)
sql("block-comment", "comments instead of spaces", "SELECT/**/title/**/FROM/**/main./**/picture")
sql("comment-first", "a comment in front", "/* picture */ SELECT title FROM main.picture")
sql("comment-open", "a comment that is never closed", "SELECT title FROM main.picture /* WHERE owner = 'ann'")
sql(
    "comment-in-name",
    "what looks like a comment inside quotes",
    'SELECT title AS "/*" FROM main.picture AS "*/"',
)
sql(
    "comment-eats-guard",
    "an open comment that would swallow what the guard appends",
    "UPDATE picture SET size = 9 WHERE id = 'bob-1' OR 1 /*",
    after="a change of another's row",
    works_unguarded=False,
)
sql(
    "nul-byte",
    "a NUL in the middle",
    "SELECT title FROM main.picture\x00 WHERE owner = 'ann'",
    works_unguarded=False,
)
sql(
    "nul-in-text",
    "a NUL inside a text",
    "SELECT title FROM main.picture WHERE title <> '\x00'",
    works_unguarded=False,
)
sql("byte-order-mark", "a byte order mark in front", "\ufeffSELECT title FROM main.picture")
sql(
    "other-spaces",
    "spaces that only Python takes for such",
    "SELECT\u00a0title FROM main.picture",
    works_unguarded=False,
)
sql("vertical-tab", "a vertical tab", "SELECT title FROM main.picture WHERE 1\x0b", works_unguarded=False)
sql(
    "open-quote",
    "a quote left open",
    "SELECT title FROM main.picture WHERE title <> 'x",
    works_unguarded=False,
)
sql(
    "escaped-quote",
    "a backslash before a quote",
    "SELECT title FROM picture WHERE title = '\\' OR owner <> 'ann'",
)
sql(
    "doubled-quotes",
    "an argument full of quotes",
    ("SELECT title FROM picture WHERE owner = ?", ["' OR 1 --"]),
    works_unguarded=False,
)
sql(
    "numbered-parameter",
    "a parameter that names the guard's first",
    ("SELECT title FROM picture WHERE owner = ?1", ["bob"]),
)
sql(
    "numbered-shifted",
    "a numbered parameter to shift the guard's",
    ("SELECT ?2, ?1 FROM picture", ["bob", "bob"]),
)
sql("named-parameter", "a named parameter", ("SELECT title FROM picture WHERE owner = :actor", ["bob"]))
sql(
    "dollar-parameter",
    "a parameter with a dollar",
    ("SELECT title FROM picture WHERE owner = $tenant", ["bob"]),
)
sql("far-parameter", "a parameter far away", ("SELECT title FROM picture WHERE ?999 IS NULL", [None] * 999))
sql(
    "too-many-arguments",
    "more arguments than places",
    ("SELECT title FROM picture WHERE owner = ?", ["ann", "bob"]),
    works_unguarded=False,
)
sql(
    "too-few-arguments",
    "fewer arguments than places",
    ("SELECT title FROM picture WHERE owner = ? AND 1 = ?", ["bob"]),
    works_unguarded=False,
)
sql("deep", "nesting without end", f"SELECT title FROM main.picture WHERE {'(' * 80}1{')' * 80}")
sql(
    "long",
    "a statement of a megabyte",
    "SELECT title FROM main.picture WHERE title <> '" + "x" * 1_000_100 + "'",
)
sql("many-terms", "hundreds of terms", "SELECT title FROM main.picture WHERE " + " OR ".join(["1"] * 600))
sql(
    "double-quoted-text",
    "a text in double quotes, which SQLite forgives",
    'SELECT title FROM picture WHERE owner = "bob"',
)
sql(
    "blob-name",
    "a blob instead of a text",
    "SELECT title FROM picture WHERE owner = x'626f62' OR CAST(x'626f62' AS TEXT) = owner",
)
sql("keyword-alias", "a keyword as a name", 'SELECT "select".title FROM main.picture AS "select"')
sql("raise", "RAISE outside a trigger", "SELECT RAISE(IGNORE) FROM picture", works_unguarded=False)
sql("values-statement", "VALUES with a subquery", "VALUES ((SELECT group_concat(title) FROM main.picture))")
sql(
    "begin",
    "a transaction of one's own around it",
    "BEGIN",
    "DELETE FROM page WHERE picture LIKE 'bob%'",
    "COMMIT",
    after="a change of another's row",
)
sql(
    "savepoint",
    "a savepoint of one's own",
    "SAVEPOINT s",
    "UPDATE picture SET title = 'x' WHERE owner = 'bob'",
    "RELEASE s",
    after="a change of another's row",
)
sql(
    "commit-guards",
    "the guard's own transaction ended",
    "COMMIT",
    "ROLLBACK",
    "DELETE FROM copied",
    after="the database itself",
)
sql(
    "release-step",
    "the guard's own savepoint released",
    'RELEASE "gp:step"',
    "DELETE FROM copied",
    after="the database itself",
)

OWN_NAMES = Family(
    "guard-names",
    "The guard's own names",
    "The names that the guard writes into statements: the secret CTEs, the columns it adds, the mark on "
    "sealed values, and its own tables.",
)
sql = OWN_NAMES.sql
CORE = "the core's tables"

sql("core-subjects", "who there is, from the core's tables", "SELECT * FROM gp_subject_fact", after=CORE)
sql("core-consents", "what others agreed to", "SELECT subject, given FROM gp_consent_state", after=CORE)
sql("core-records", "what others did", "SELECT actor, touched FROM gp_access_record", after=CORE)
sql("core-denials", "what others were refused", "SELECT id, reason FROM gp_denial", after=CORE)
sql("core-meta", "the core's own facts", "SELECT count(*) FROM gp_access_touch, gp_meta", after=CORE)
sql(
    "core-in-subquery",
    "a core's table in a WHERE",
    "SELECT id FROM picture WHERE (SELECT count(*) FROM gp_access_record) > 30",
    after=CORE,
)
sql(
    "core-qualified",
    "a core's table with its schema",
    "SELECT subject, text_value FROM main.gp_subject_fact",
    after=CORE,
)
sql(
    "core-consent-given",
    "another's consent given",
    "UPDATE gp_consent_state SET given = 1 - given WHERE subject = 'bob'",
    after=CORE,
)
sql(
    "core-restriction",
    "another's restriction lifted",
    "INSERT OR REPLACE INTO gp_subject_state (tenant, subject, created_at, deleted, restricted) VALUES ('main', 'bob', 1, 1, 1)",
    after=CORE,
)
sql("core-forget", "the record of an access deleted", "DELETE FROM gp_access_record", after=CORE)
sql("core-denial-made", "a refusal invented", "UPDATE gp_denial SET actor = 'ann'", after=CORE)
sql(
    "core-trigger",
    "the core's trigger used from outside",
    "INSERT INTO gp_access_touch SELECT * FROM gp_access_touch",
    "SELECT count(*) FROM gp_access_touch",
    after=CORE,
)
sql(
    "cte-named-governed",
    "a WITH table under a governed name",
    "WITH picture AS (SELECT * FROM main.picture) SELECT title FROM picture",
)
sql(
    "cte-named-copy",
    "a WITH table over a copy, under a governed name",
    "WITH folder AS (SELECT * FROM copied) SELECT title FROM folder",
)
sql(
    "cte-named-core",
    "a WITH table under a core's name",
    "WITH gp_subject_state AS (SELECT 'main' AS tenant, 'bob' AS subject, 0 AS deleted, 0 AS restricted) SELECT title FROM main.picture",
)
sql(
    "cte-named-master",
    "a WITH table named sqlite_master",
    "WITH sqlite_master AS (SELECT title FROM main.picture) SELECT title FROM sqlite_master",
)
sql(
    "cte-recursive",
    "a recursive WITH that walks the table",
    "WITH RECURSIVE w(t) AS (SELECT 'x' UNION SELECT title FROM main.picture, w) SELECT t FROM w",
)
sql(
    "cte-recursive-itself",
    "a recursive WITH under a governed name",
    "WITH RECURSIVE picture(id, title) AS (SELECT id, title FROM main.picture UNION SELECT id, title FROM picture) SELECT title FROM picture",
)
sql(
    "cte-nested",
    "a WITH inside a subquery, under a governed name",
    "SELECT (WITH picture AS (SELECT title AS t FROM main.picture) SELECT group_concat(t) FROM picture)",
)
sql(
    "cte-nested-shadow",
    "a WITH inside a subquery that hides a shadow",
    "SELECT * FROM (WITH folder AS (SELECT * FROM copied) SELECT title FROM folder) AS s",
)
sql(
    "cte-before-write",
    "a WITH in front of an UPDATE",
    "WITH picture AS (SELECT 'bob-1' AS id) UPDATE picture SET title = 'x' WHERE id IN (SELECT id FROM picture)",
    after="a change of another's row",
)
sql(
    "cte-before-delete",
    "a WITH in front of a DELETE",
    "WITH p AS (SELECT 1) DELETE FROM page WHERE picture LIKE 'bob%'",
    after="a change of another's row",
)
sql(
    "cte-before-insert",
    "a WITH in front of an INSERT",
    "WITH p AS (SELECT group_concat(title) AS t FROM main.picture) INSERT INTO picture (keep_ended, id, owner, title, recorded, collected_under, tenant) SELECT NULL, 'ann-9', 'ann', t, 1, 1, 'main' FROM p",
    "SELECT title FROM picture",
)
sql(
    "secret-guessed",
    "a guess at the secret name",
    'SELECT * FROM "g00000000000000000000000000000000_v1_0"',
    works_unguarded=False,
)
sql(
    "secret-prefix",
    "a table that looks like a secret one",
    'WITH "g_v1_0" AS (SELECT * FROM main.picture) SELECT title FROM "g_v1_0"',
)
sql(
    "secret-defined",
    "a WITH table under a guessed secret name",
    'WITH "g00000000000000000000000000000000_v1_1" AS (SELECT 1 AS id) SELECT title FROM picture, "g00000000000000000000000000000000_v1_1"',
)
sql(
    "secret-nameless",
    "a WITH table without a name",
    'WITH "" AS (SELECT * FROM main.picture) SELECT title FROM ""',
)
sql("member-flag", "the guard's flag of membership", 'SELECT "gp:ok", title FROM picture')
sql("hidden-columns", "the columns that the guard appends", 'SELECT "gp:0", "gp:1" FROM picture')
sql(
    "hidden-in-order",
    "ORDER BY a column that the guard appends",
    "SELECT id FROM picture ORDER BY 2, 3",
    works_unguarded=False,
)
sql(
    "hidden-star-of-subquery",
    "a star over a subquery that has hidden columns",
    "SELECT * FROM (SELECT id FROM page) AS s",
    after="rows of others",
)
sql(
    "hidden-labelled",
    "an output under the guard's own label",
    'SELECT id AS "gp:0", title AS "gp:1" FROM picture',
)
sql(
    "tag-forged",
    "a text that looks like a sealed value's mark",
    "SELECT 't00000000000000000000000000000000:1:ann-1:ann::gpv1:' || note FROM picture",
    after="a withheld field",
)
sql(
    "tag-as-data",
    "a title that looks like a sealed value",
    ("UPDATE picture SET title = ? WHERE id = 'ann-1'", ["t0:3:5:bob-13:bob:0:gpv1:AAAA"]),
    "SELECT title FROM picture WHERE owner <> 'ann'",
)
sql(
    "trigger-name",
    "the name of a trigger of the guard's",
    'DROP TRIGGER IF EXISTS temp."gp_picture_update"',
    "DELETE FROM page WHERE picture LIKE 'bob%'",
    after="a change of another's row",
)
sql(
    "context-function",
    "a function that the guard might keep its context in",
    "SELECT gp_context('actor', 'bob'), title FROM picture",
    works_unguarded=False,
)
