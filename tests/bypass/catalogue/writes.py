"""Changes of rows that are another's, and what a refused change tells."""

from __future__ import annotations

from tests.bypass.attack import Family

WRITES = Family(
    "writes",
    "Changes",
    "UPDATE, DELETE and INSERT that reach rows of others, move rows between people, or bring in rows as "
    "somebody else.",
)
sql = WRITES.sql
CHANGE = "a change of another's row"

sql("update-all", "every row changed", "UPDATE picture SET title = 'mine'", after=CHANGE)
sql(
    "update-by-key",
    "another's row changed by its key",
    ("UPDATE picture SET title = 'mine' WHERE id = ?", ["bob-1"]),
    after=CHANGE,
)
sql(
    "update-public",
    "a row changed that one may only read",
    ("UPDATE picture SET title = ? WHERE id = ?", ["mine", "bob-open"]),
    after=CHANGE,
)
sql(
    "update-qualified",
    "an UPDATE of the table with its schema",
    "UPDATE main.picture SET title = 'mine' WHERE id = 'bob-1'",
    after=CHANGE,
)
sql(
    "update-aliased",
    "an UPDATE of the table under another name",
    "UPDATE picture AS p SET title = 'mine' WHERE p.id = 'bob-1'",
    after=CHANGE,
)
sql(
    "update-indexed",
    "an UPDATE with a hint",
    "UPDATE picture INDEXED BY picture_by_size SET title = 'mine' WHERE size > 5",
    after=CHANGE,
)
sql(
    "update-or-replace",
    "UPDATE OR REPLACE over another's key",
    "UPDATE OR REPLACE picture SET id = 'bob-1' WHERE id = 'ann-2'",
    after=CHANGE,
)
sql(
    "update-or-ignore",
    "UPDATE OR IGNORE, which tells by doing nothing",
    "UPDATE OR IGNORE tally SET id = 6 WHERE owner = 'ann'",
    "SELECT id FROM tally WHERE owner = 'ann'",
    after=CHANGE,
)
sql(
    "update-key",
    "one's own row given another's key",
    "UPDATE picture SET id = 'bob-9' WHERE id = 'ann-2'",
    after=CHANGE,
)
sql(
    "update-take",
    "another's row taken over",
    "UPDATE picture SET owner = 'ann' WHERE id = 'bob-1'",
    "SELECT title FROM picture",
    after=CHANGE,
)
sql(
    "update-give",
    "one's own row given away",
    "UPDATE picture SET owner = 'bob' WHERE id = 'ann-2'",
    after=CHANGE,
)
sql(
    "update-tenant",
    "one's own row moved to another tenant",
    "UPDATE picture SET tenant = 'other' WHERE id = 'ann-2'",
    after=CHANGE,
)
sql(
    "update-recorded",
    "one's own row made younger",
    "UPDATE picture SET recorded = recorded + 1 WHERE id = 'ann-2'",
    after=CHANGE,
)
sql(
    "update-version",
    "one's own row collected under another version",
    "UPDATE picture SET collected_under = 2 WHERE id = 'ann-2'",
    after=CHANGE,
)
sql(
    "update-end", "another's row ended", "UPDATE picture SET keep_ended = 1 WHERE owner = 'bob'", after=CHANGE
)
sql(
    "update-from",
    "UPDATE FROM hidden rows",
    "UPDATE picture SET title = b.title FROM main.picture AS b WHERE picture.id = 'ann-1' AND b.id = 'bob-1'",
    "SELECT title FROM picture WHERE id = 'ann-1'",
    after="rows of others",
)
sql(
    "update-from-itself",
    "UPDATE FROM the table itself",
    "UPDATE picture SET title = b.title FROM picture AS b WHERE picture.id = 'ann-1' AND b.owner = 'bob' AND b.size > 5",
    "SELECT title FROM picture WHERE id = 'ann-1'",
    after="rows of others",
)
sql(
    "update-from-target",
    "UPDATE FROM that chooses another's row",
    "UPDATE picture SET title = 'mine' FROM folder AS f WHERE picture.owner = 'bob' AND f.id = 'ann-folder'",
    after=CHANGE,
)
sql(
    "update-from-copy",
    "UPDATE FROM a table that nobody governs",
    "UPDATE picture SET title = c.title FROM copied AS c WHERE picture.id = 'ann-1' AND c.id = 'bob-1'",
    "SELECT title FROM picture WHERE id = 'ann-1'",
    after="rows of others",
)
sql(
    "set-subquery",
    "SET from a subquery over hidden rows",
    "UPDATE picture SET title = (SELECT group_concat(title) FROM picture) WHERE id = 'ann-1'",
    "SELECT title FROM picture WHERE id = 'ann-1'",
    after="rows of others",
)
sql(
    "set-subquery-qualified",
    "SET from a subquery over the table with its schema",
    "UPDATE picture SET title = (SELECT max(title) FROM main.picture) WHERE id = 'ann-1'",
    "SELECT title FROM picture WHERE id = 'ann-1'",
    after="rows of others",
)
sql(
    "set-list",
    "SET of several from one subquery",
    "UPDATE picture SET (title, remark) = (SELECT title, remark FROM picture WHERE id = 'bob-1') WHERE id = 'ann-1'",
    "SELECT title FROM picture WHERE id = 'ann-1'",
    after="rows of others",
)
sql(
    "set-exists",
    "SET to whether a row exists",
    "UPDATE picture SET size = EXISTS (SELECT 1 FROM picture WHERE id = 'bob-2') WHERE id = 'ann-1'",
    "SELECT size FROM picture WHERE id = 'ann-1'",
    after="a hidden row's existence",
)
sql(
    "set-correlated",
    "SET from a subquery that depends on the row",
    "UPDATE picture SET remark = (SELECT count(*) FROM picture p WHERE p.size > picture.size) WHERE owner = 'ann'",
    "SELECT remark FROM picture WHERE owner = 'ann'",
    after="a hidden row's existence",
)
sql(
    "set-literal",
    "a title with hidden words in it, read back",
    "UPDATE folder SET name = (SELECT title FROM picture WHERE id = 'bob-1') || '!' WHERE id = 'ann-folder'",
    "SELECT name FROM folder WHERE id = 'ann-folder'",
    after="rows of others",
)
sql(
    "where-subquery",
    "a WHERE with a subquery over hidden rows",
    "UPDATE picture SET size = 9 WHERE id = 'ann-1' AND (SELECT count(*) FROM picture) > 9",
    "SELECT size FROM picture WHERE id = 'ann-1'",
    after="a hidden row's existence",
)
sql(
    "update-returning",
    "another's row returned by an UPDATE",
    "UPDATE picture SET size = size WHERE owner = 'bob' RETURNING id",
    after="a hidden row's existence",
)
sql(
    "update-returning-title",
    "its title returned",
    "UPDATE picture SET size = 1 RETURNING title",
    after=CHANGE,
)
sql(
    "update-limit",
    "UPDATE with LIMIT",
    "UPDATE picture SET title = 'mine' WHERE owner = 'bob' ORDER BY size LIMIT 1",
    after=CHANGE,
)
sql(
    "update-child",
    "another's page changed",
    "UPDATE page SET number = 7 WHERE picture LIKE 'bob%'",
    after=CHANGE,
)
sql(
    "update-hung",
    "one's own page hung on a hidden picture",
    "UPDATE page SET picture = 'bob-1' WHERE id = 'ann-page'",
    after=CHANGE,
)
sql(
    "update-view",
    "the view written",
    "UPDATE every_picture SET title = 'x'",
    after=CHANGE,
    works_unguarded=False,
)
sql(
    "update-fts",
    "the full-text table written",
    "INSERT INTO picture_fts (picture_fts) VALUES ('delete-all')",
    after="the database itself",
    works_unguarded=False,
)
sql("update-copy", "the copy written", "UPDATE copied SET title = 'x'", after="the database itself")
sql("delete-all", "every row deleted", "DELETE FROM page", after=CHANGE)
sql(
    "delete-by-key",
    "another's row deleted by its key",
    ("DELETE FROM page WHERE id = ?", ["bob-page-1"]),
    after=CHANGE,
)
sql(
    "delete-public",
    "a row deleted that one may only read",
    "DELETE FROM picture WHERE id = 'bob-open'",
    after=CHANGE,
)
sql(
    "delete-qualified",
    "a DELETE of the table with its schema",
    "DELETE FROM main.page WHERE picture = 'bob-1'",
    after=CHANGE,
)
sql(
    "delete-aliased",
    "a DELETE of the table under another name",
    "DELETE FROM page AS p WHERE p.picture = 'bob-1'",
    after=CHANGE,
)
sql(
    "delete-in",
    "rows named by a subquery",
    "DELETE FROM page WHERE picture IN (SELECT id FROM main.picture WHERE owner = 'bob')",
    after=CHANGE,
)
sql(
    "delete-returning",
    "deleted rows returned",
    "DELETE FROM page RETURNING picture, number",
    after="rows of others",
)
sql(
    "delete-or",
    "a condition that always holds",
    ("DELETE FROM page WHERE id = ? OR 1", ["ann-page"]),
    after=CHANGE,
)
sql("delete-limit", "DELETE with LIMIT", "DELETE FROM page ORDER BY number DESC LIMIT 1", after=CHANGE)
sql("delete-copy", "the copy emptied", "DELETE FROM copied", after="the database itself")
sql(
    "truncate-sequence",
    "the counter of an automatic key set back",
    "UPDATE sqlite_sequence SET seq = 0",
    after="the database itself",
)

sql(
    "insert-as-other",
    "a row in another's name",
    ("INSERT INTO picture (keep_ended, id, owner, title) VALUES (NULL, ?, ?, ?)", ["ann-9", "bob", "his"]),
    after=CHANGE,
)
sql(
    "insert-nobody",
    "a row of nobody",
    "INSERT INTO picture (keep_ended, id, owner, title) VALUES (NULL, 'ann-9', '', 'x')",
    after=CHANGE,
)
sql(
    "insert-no-owner",
    "a row without the owner's column",
    "INSERT INTO picture (keep_ended, id, title) VALUES (NULL, 'ann-9', 'x')",
    after=CHANGE,
)
sql(
    "insert-null-owner",
    "a row whose owner is NULL",
    "INSERT INTO picture (keep_ended, id, owner, title) VALUES (NULL, 'ann-9', NULL, 'x')",
    after=CHANGE,
    works_unguarded=False,
)
sql(
    "insert-two",
    "another's row behind one's own",
    "INSERT INTO picture (keep_ended, id, owner, title) VALUES (NULL, 'ann-9', 'ann', 'x'), (NULL, 'bob-99', 'bob', 'y')",
    after=CHANGE,
)
sql(
    "insert-tenant",
    "a row in another tenant",
    "INSERT INTO picture (keep_ended, id, owner, tenant, title) VALUES (NULL, 'ann-9', 'ann', 'other', 'x')",
    after=CHANGE,
)
sql(
    "insert-future",
    "a row recorded in the future",
    "INSERT INTO picture (keep_ended, id, owner, recorded, title) VALUES (NULL, 'ann-9', 'ann', 9000000000000000, 'x')",
    after=CHANGE,
)
sql(
    "insert-version",
    "a row collected under a version to come",
    "INSERT INTO picture (keep_ended, id, owner, collected_under, title) VALUES (NULL, 'ann-9', 'ann', 9, 'x')",
    after=CHANGE,
)
sql(
    "insert-on-hidden",
    "a page on another's hidden picture",
    "INSERT INTO page (keep_ended, id, picture, number) VALUES (NULL, 'ann-9', 'bob-1', 1)",
    after=CHANGE,
)
sql(
    "insert-on-public",
    "a page on another's public picture",
    "INSERT INTO page (keep_ended, id, picture, number) VALUES (NULL, 'ann-9', 'bob-open', 1)",
    after=CHANGE,
)
sql(
    "insert-qualified",
    "an INSERT of the table with its schema",
    "INSERT INTO main.picture (keep_ended, id, owner, title) VALUES (NULL, 'ann-9', 'bob', 'x')",
    after=CHANGE,
)
sql(
    "insert-aliased",
    "an INSERT of the table under another name",
    "INSERT INTO picture AS p (keep_ended, id, owner, title) VALUES (NULL, 'ann-9', 'bob', 'x')",
    after=CHANGE,
)
sql("insert-default", "a row of defaults", "INSERT INTO picture DEFAULT VALUES", after=CHANGE)
sql(
    "insert-expression",
    "a value from a subquery",
    "INSERT INTO folder (keep_ended, id, owner, name) VALUES (NULL, 'ann-9', 'ann', (SELECT group_concat(title) FROM picture))",
    "SELECT name FROM folder WHERE id = 'ann-9'",
    after="rows of others",
)
sql(
    "insert-select",
    "hidden rows copied into one's own",
    "INSERT INTO picture (keep_ended, id, owner, title) SELECT NULL, 'ann-' || id, 'ann', title FROM picture WHERE owner = 'bob'",
    "SELECT title FROM picture",
    after="rows of others",
)
sql(
    "insert-select-qualified",
    "the same from the table with its schema",
    "INSERT INTO folder (keep_ended, id, owner, name) SELECT NULL, 'ann-9', 'ann', group_concat(title) FROM main.picture",
    "SELECT name FROM folder",
    after="rows of others",
)
sql(
    "insert-select-owner",
    "rows in the names of their owners",
    "INSERT INTO folder (keep_ended, id, owner, name) SELECT NULL, id, owner, 'x' FROM picture",
    after=CHANGE,
)
sql(
    "insert-select-copy",
    "a copy's rows",
    "INSERT INTO folder (keep_ended, id, owner, name) SELECT NULL, 'ann-' || id, 'ann', title FROM copied",
    "SELECT name FROM folder",
    after="rows of others",
)
sql(
    "insert-select-union",
    "hidden rows behind a UNION",
    "INSERT INTO folder (keep_ended, id, owner, name) SELECT NULL, 'ann-9', 'ann', 'x' UNION ALL SELECT NULL, 'ann-8', 'ann', max(title) FROM main.picture",
    "SELECT name FROM folder",
    after="rows of others",
)
sql(
    "insert-returning",
    "what an INSERT returns",
    "INSERT INTO tally (keep_ended, owner, word) VALUES (NULL, 'bob', 'x') RETURNING *",
    after=CHANGE,
)
sql(
    "insert-returning-question",
    "a question in a RETURNING",
    "INSERT INTO tally (keep_ended, owner, word) VALUES (NULL, 'ann', 'x') RETURNING (SELECT group_concat(title) FROM picture)",
    after="rows of others",
)
sql(
    "insert-fts",
    "a row for the full-text table",
    "INSERT INTO picture_fts (title) VALUES ('x')",
    after="the database itself",
)

CONFLICTS = Family(
    "conflicts",
    "Upserts and conflicts",
    "A conflict reaches the row that is in the way, whoever's it is: ON CONFLICT and OR REPLACE would change "
    "it, and what they say tells whether it exists.",
)
sql = CONFLICTS.sql

ROW = "INSERT {} INTO picture (keep_ended, id, owner, title) VALUES (NULL, 'bob-1', 'ann', 'mine')"
for word in ("REPLACE", "IGNORE", "ABORT", "FAIL", "ROLLBACK"):
    sql(
        f"or-{word.lower()}",
        f"INSERT OR {word} over another's key",
        ROW.format(f"OR {word}"),
        "SELECT title FROM picture WHERE id = 'bob-1'",
        after=CHANGE,
    )
    if word != "IGNORE":  # that it is left out tells that the key is taken, which no ring stops
        sql(
            f"or-{word.lower()}-missing",
            f"INSERT OR {word} with a key that exists in one world only",
            ROW.format(f"OR {word}").replace("bob-1", "bob-2"),
            after="a hidden row's existence",
        )
sql(
    "replace",
    "REPLACE over another's key",
    "REPLACE INTO picture (keep_ended, id, owner, title) VALUES (NULL, 'bob-1', 'ann', 'mine')",
    after=CHANGE,
)
sql(
    "replace-select",
    "REPLACE from a SELECT",
    "REPLACE INTO picture (keep_ended, id, owner, title) SELECT NULL, id, 'ann', title FROM picture",
    "SELECT title FROM picture",
    after=CHANGE,
)
sql(
    "upsert-update",
    "an upsert of another's row",
    "INSERT INTO picture (keep_ended, id, owner, title) VALUES (NULL, 'bob-1', 'ann', 'mine') ON CONFLICT (id) DO UPDATE SET title = excluded.title",
    after=CHANGE,
)
sql(
    "upsert-take",
    "an upsert that takes the row over",
    "INSERT INTO picture (keep_ended, id, owner, title) VALUES (NULL, 'bob-1', 'ann', 'mine') ON CONFLICT (id) DO UPDATE SET owner = 'ann'",
    "SELECT title FROM picture WHERE owner = 'ann'",
    after=CHANGE,
)
sql(
    "upsert-public",
    "an upsert of a row that one may only read",
    "INSERT INTO picture (keep_ended, id, owner, title) VALUES (NULL, 'bob-open', 'ann', 'mine') ON CONFLICT (id) DO UPDATE SET title = 'mine'",
    after=CHANGE,
)
sql(
    "upsert-returning",
    "an upsert that returns the hidden row",
    "INSERT INTO picture (keep_ended, id, owner, title) VALUES (NULL, 'bob-1', 'ann', 'mine') ON CONFLICT (id) DO UPDATE SET size = size RETURNING title, remark",
    after="rows of others",
)
sql(
    "upsert-where",
    "an upsert with a condition on the hidden row",
    "INSERT INTO picture (keep_ended, id, owner, title) VALUES (NULL, 'bob-1', 'ann', 'mine') ON CONFLICT (id) DO UPDATE SET size = 0 WHERE picture.size < 7000000000",
    after=CHANGE,
)
sql(
    "upsert-set-subquery",
    "an upsert of one's own row from hidden ones",
    "INSERT INTO picture (keep_ended, id, owner, title) VALUES (NULL, 'ann-1', 'ann', 'x') ON CONFLICT (id) DO UPDATE SET title = (SELECT group_concat(title) FROM main.picture)",
    "SELECT title FROM picture WHERE id = 'ann-1'",
    after="rows of others",
)
sql(
    "upsert-of-two",
    "an upsert of one's own row and a hidden one",
    "INSERT INTO picture (keep_ended, id, owner, title) VALUES (NULL, 'ann-1', 'ann', 'x'), (NULL, 'bob-1', 'ann', 'x') ON CONFLICT (id) DO UPDATE SET title = excluded.title",
    after=CHANGE,
)
sql(
    "upsert-give",
    "an upsert that gives one's own row away",
    "INSERT INTO picture (keep_ended, id, owner, title) VALUES (NULL, 'ann-2', 'ann', 'x') ON CONFLICT (id) DO UPDATE SET owner = 'bob'",
    after=CHANGE,
)
sql(
    "upsert-flag",
    "an upsert that sets a withheld field of one's own row",
    "INSERT INTO picture (keep_ended, id, owner, title) VALUES (NULL, 'ann-1', 'ann', 'x') ON CONFLICT (id) DO UPDATE SET flag = 'fine'",
    after="a withheld field",
)
sql(
    "upsert-from-flag",
    "an upsert that copies a withheld field",
    "INSERT INTO picture (keep_ended, id, owner, title) VALUES (NULL, 'ann-2', 'ann', 'x') ON CONFLICT (id) DO UPDATE SET title = picture.flag",
    "SELECT title FROM picture WHERE id = 'ann-2'",
    after="a withheld field",
)
sql(
    "foreign-key-missing",
    "a row that hangs on a key which exists in one world only",
    "INSERT INTO picture (keep_ended, id, owner, title, folder) VALUES (NULL, 'ann-9', 'ann', 'x', 'bob-folder-2')",
    after="a hidden row's existence",
)
sql(
    "foreign-key-update",
    "one's own row hung on such a key",
    "UPDATE picture SET folder = 'bob-folder-2' WHERE id = 'ann-1'",
    "SELECT folder FROM picture WHERE id = 'ann-1'",
    after="a hidden row's existence",
)
sql(
    "foreign-key-child",
    "a page on a picture which exists in one world only",
    "INSERT INTO page (keep_ended, id, picture, number) VALUES (NULL, 'ann-9', 'bob-2', 1)",
    after="a hidden row's existence",
)
sql(
    "foreign-key-moved",
    "one's own page moved to such a picture",
    "UPDATE page SET picture = 'bob-2' WHERE id = 'ann-page'",
    after="a hidden row's existence",
)
sql(
    "foreign-key-number",
    "a key of another kind",
    (
        "INSERT INTO picture (keep_ended, id, owner, title, folder) VALUES (NULL, 'ann-9', 'ann', 'x', ?)",
        [b"bob-folder-2"],
    ),
    after="a hidden row's existence",
    works_unguarded=False,
)
