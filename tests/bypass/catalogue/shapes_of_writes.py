"""The newer shapes of a write, turned against rows and fields that are hidden."""

from __future__ import annotations

from tests.bypass.attack import Family

WRITE_SHAPES = Family(
    "shapes-of-writes",
    "Shapes of writes",
    "Upserts with conditions, INSERT … SELECT, UPDATE … FROM and RETURNING: each reads while it writes, and says what it did.",
)
sql = WRITE_SHAPES.sql
FIELD = "a withheld field"
EXISTS = "a hidden row's existence"
CHANGE = "a change of another's row"
OWN = "INSERT INTO picture (keep_ended, id, owner, title) VALUES (NULL, 'ann-1', 'ann', 'x') ON CONFLICT (id) DO UPDATE SET"
SEE = "SELECT title, size, remark, folder FROM picture WHERE owner = 'ann' ORDER BY id"

sql(
    "upsert-where-count",
    "an upsert of one's own row where hidden rows are many",
    f"{OWN} size = 9 WHERE (SELECT count(*) FROM picture) > 9",
    SEE,
    after=EXISTS,
)
sql(
    "upsert-where-flag",
    "an upsert of one's own row where a withheld field has a value",
    f"{OWN} size = 9 WHERE picture.flag IS NULL",
    SEE,
    after=FIELD,
)
sql(
    "upsert-set-title",
    "an upsert that sets from a hidden row",
    f"{OWN} title = (SELECT title FROM picture WHERE id = 'bob-1')",
    SEE,
)
sql(
    "upsert-folder",
    "an upsert that hangs one's own row on a hidden one",
    f"{OWN} folder = 'bob-folder-2'",
    SEE,
    after=EXISTS,
)
sql(
    "upsert-tenant",
    "an upsert that moves one's own row",
    f"{OWN} tenant = 'other', recorded = 1",
    after=CHANGE,
)
sql("upsert-key", "an upsert that gives one's own row another's key", f"{OWN} id = 'bob-9'", after=CHANGE)
sql(
    "upsert-excluded-flag",
    "an upsert that brings a withheld field in by excluded",
    "INSERT INTO picture (keep_ended, id, owner, title, flag) VALUES (NULL, 'ann-1', 'ann', 'x', 'fine') ON CONFLICT (id) DO UPDATE SET flag = excluded.flag",
    after=FIELD,
)
sql(
    "upsert-no-target",
    "an upsert that names no target, over another's key",
    "INSERT INTO picture (keep_ended, id, owner, title) VALUES (NULL, 'bob-1', 'ann', 'x') ON CONFLICT DO UPDATE SET title = 'mine'",
    after=CHANGE,
)
sql(
    "upsert-two-clauses",
    "an upsert with two clauses, over another's key",
    "INSERT INTO picture (keep_ended, id, owner, title) VALUES (NULL, 'bob-1', 'ann', 'x') ON CONFLICT (id) DO UPDATE SET title = 'mine' WHERE 0 ON CONFLICT DO UPDATE SET title = 'mine too'",
    after=CHANGE,
    works_unguarded=False,
)
sql(
    "upsert-child",
    "an upsert of another's page",
    "INSERT INTO page (keep_ended, id, picture, number) VALUES (NULL, 'bob-page-1', 'ann-1', 7) ON CONFLICT (id) DO UPDATE SET number = 7",
    after=CHANGE,
)
sql(
    "upsert-adopt-child",
    "an upsert that hangs another's page on one's own picture",
    "INSERT INTO page (keep_ended, id, picture, number) VALUES (NULL, 'bob-page-1', 'ann-1', 7) ON CONFLICT (id) DO UPDATE SET picture = excluded.picture",
    after=CHANGE,
)
sql(
    "upsert-returning-flag",
    "an upsert that returns a withheld field",
    f"{OWN} size = 9 RETURNING flag",
    after=FIELD,
)
sql(
    "upsert-returning-hidden",
    "an upsert that returns what hidden rows say",
    f"{OWN} size = 9 RETURNING (SELECT group_concat(title) FROM picture)",
)
sql(
    "upsert-select",
    "an upsert from a SELECT over hidden rows",
    "INSERT INTO picture (keep_ended, id, owner, title) SELECT NULL, 'ann-1', 'ann', max(title) FROM main.picture WHERE 1 ON CONFLICT (id) DO UPDATE SET title = excluded.title",
    SEE,
)
sql(
    "upsert-select-governed",
    "the same from the governed name",
    "INSERT INTO picture (keep_ended, id, owner, title) SELECT NULL, 'ann-1', 'ann', max(title) FROM picture WHERE owner = 'bob' ON CONFLICT (id) DO UPDATE SET title = excluded.title",
    SEE,
)
sql(
    "insert-select-count",
    "as many new rows as there are hidden ones",
    "INSERT INTO folder (keep_ended, id, owner, name) SELECT NULL, 'x-' || id, 'ann', 'x' FROM picture",
    "SELECT count(*) FROM folder",
    after=EXISTS,
)
sql(
    "insert-select-flag",
    "new rows where a withheld field has a value",
    "INSERT INTO folder (keep_ended, id, owner, name) SELECT NULL, 'x-' || id, 'ann', 'x' FROM picture WHERE flag IS NOT NULL AND owner = 'ann'",
    "SELECT id FROM folder ORDER BY id",
    after=FIELD,
)
sql(
    "insert-select-note",
    "sealed fields of others copied",
    "INSERT INTO picture (keep_ended, id, owner, title, note) SELECT NULL, 'x-' || id, 'ann', 'x', note FROM picture WHERE owner = 'bob'",
    "SELECT id, note FROM picture WHERE id LIKE 'x-%' ORDER BY id",
    after=FIELD,
)
sql(
    "insert-select-window",
    "hidden rows numbered into new ones",
    "INSERT INTO folder (keep_ended, id, owner, name) SELECT NULL, 'x' || row_number() OVER (ORDER BY size), 'ann', title FROM picture",
    "SELECT name FROM folder ORDER BY id",
)
sql(
    "insert-select-raises",
    "a copy that raises on hidden rows",
    "INSERT INTO folder (keep_ended, id, owner, name) SELECT NULL, 'x-' || id, 'ann', abs(size) FROM picture",
    "SELECT count(*) FROM folder",
    after=EXISTS,
)
sql(
    "insert-select-returning",
    "the keys of what was copied",
    "INSERT INTO folder (keep_ended, id, owner, name) SELECT NULL, 'x-' || id, 'ann', 'x' FROM picture RETURNING id, (SELECT max(flag) FROM picture)",
    after=EXISTS,
)
sql(
    "insert-select-other",
    "rows copied in the names of their owners",
    "INSERT INTO folder (keep_ended, id, owner, name, tenant) SELECT NULL, 'x-' || id, owner, 'x', tenant FROM picture WHERE visibility = 'public'",
    after=CHANGE,
)
sql(
    "update-from-flag",
    "UPDATE FROM chosen by a withheld field",
    "UPDATE picture SET size = 9 FROM (SELECT id FROM picture WHERE flag IS NULL) AS f WHERE picture.id = f.id AND picture.owner = 'ann'",
    SEE,
    after=FIELD,
)
sql(
    "update-from-hidden-join",
    "UPDATE FROM a join with hidden rows",
    "UPDATE picture SET size = p.number FROM page AS p JOIN picture AS q ON q.id = p.picture WHERE picture.id = 'ann-1' AND q.owner = 'bob' AND p.number > 100",
    SEE,
)
sql(
    "update-from-raises",
    "UPDATE FROM that raises on hidden rows",
    "UPDATE picture SET title = 'y' FROM picture AS q WHERE picture.id = 'ann-1' AND abs(q.size) = 2",
    SEE,
    after=EXISTS,
)
sql(
    "update-from-cte",
    "UPDATE FROM a WITH table over hidden rows",
    "WITH h AS (SELECT group_concat(title) AS t FROM picture) UPDATE picture SET title = h.t FROM h WHERE picture.id = 'ann-1'",
    SEE,
)
sql(
    "update-from-core",
    "UPDATE FROM the core's tables",
    "UPDATE picture SET title = f.text_value FROM gp_subject_fact AS f WHERE picture.id = 'ann-1'",
    SEE,
    after="the core's tables",
)
sql(
    "update-from-returning",
    "what the other table says, returned",
    "UPDATE picture SET size = 9 FROM picture AS q WHERE picture.id = 'ann-1' AND q.id = 'bob-2' RETURNING picture.id, picture.size",
    after=EXISTS,
)
sql(
    "update-row-value",
    "several fields from one hidden row",
    "UPDATE picture SET (title, size) = (SELECT title, size FROM picture WHERE owner = 'bob' ORDER BY size DESC LIMIT 1) WHERE id = 'ann-1'",
    SEE,
)
sql(
    "update-returning-star",
    "everything that was changed, returned",
    "UPDATE picture SET size = size WHERE id LIKE '%-1' RETURNING *",
    after=FIELD,
)
sql(
    "update-returning-window",
    "a window in a RETURNING",
    "UPDATE picture SET size = size RETURNING id, count(*) OVER ()",
    after=EXISTS,
    works_unguarded=False,
)
sql(
    "delete-returning-flag",
    "a withheld field of what was deleted",
    "DELETE FROM picture WHERE id = 'ann-2' RETURNING flag",
    after=FIELD,
)
sql(
    "delete-using",
    "a DELETE chosen by hidden rows",
    "DELETE FROM page WHERE id = 'ann-page' AND EXISTS (SELECT 1 FROM picture WHERE id = 'bob-2')",
    "SELECT count(*) FROM page WHERE id = 'ann-page'",
    after=EXISTS,
)
sql(
    "delete-cte",
    "a DELETE by a WITH table of hidden keys",
    "WITH k AS (SELECT id FROM main.page) DELETE FROM page WHERE id IN (SELECT id FROM k)",
    after=CHANGE,
)
