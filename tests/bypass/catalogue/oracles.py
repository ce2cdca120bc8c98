"""What a question can tell without showing a row: counts, orders, errors, sizes."""

from __future__ import annotations

from tests.bypass.attack import Family

COUNTING = Family(
    "counting",
    "Figures over hidden rows",
    "Counts, sums and extremes, subqueries and joins, set operations and windows: each would tell of rows "
    "that are not shown.",
)
sql = COUNTING.sql
EXISTS = "a hidden row's existence"

sql("everything", "every row of the table", "SELECT * FROM picture")
sql("every-key", "every key of the table", "SELECT id FROM picture", after=EXISTS)
sql("by-owner", "the rows of a person that one names", ("SELECT title FROM picture WHERE owner = ?", ["bob"]))
sql("by-key", "a row by its key", ("SELECT id, title FROM picture WHERE id = ?", ["bob-2"]))
sql("always-true", "a condition that always holds", "SELECT title FROM picture WHERE 1 OR owner = 'ann'")
sql("count", "a count", "SELECT count(*) FROM picture", after=EXISTS)
sql(
    "count-by-owner", "a count per person", "SELECT owner, count(*) FROM picture GROUP BY owner", after=EXISTS
)
sql("count-distinct", "a count of different values", "SELECT count(DISTINCT title) FROM picture")
sql("count-filtered", "a filtered count", "SELECT count(*) FILTER (WHERE size > 1000) FROM picture")
sql("extremes", "the largest and the smallest", "SELECT max(size), min(id) FROM picture")
sql("extreme-bare", "a bare column beside max, which takes that row", "SELECT max(size), title FROM picture")
sql("sum", "a sum", "SELECT total(size) FROM picture")
sql("concatenated", "all values in one", "SELECT group_concat(title, ',') FROM picture")
sql("json-array", "all values as JSON", "SELECT json_group_array(id) FROM picture", after=EXISTS)
sql("json-object", "all values as a JSON object", "SELECT json_group_object(id, title) FROM picture")
sql(
    "exists",
    "EXISTS over another's row",
    "SELECT EXISTS (SELECT 1 FROM picture WHERE id = 'bob-2')",
    after=EXISTS,
)
sql(
    "exists-correlated",
    "EXISTS that depends on the outer row",
    "SELECT id FROM picture p WHERE EXISTS (SELECT 1 FROM picture q WHERE q.size > p.size + 1000)",
)
sql(
    "scalar",
    "a subquery as a value",
    "SELECT (SELECT title FROM picture WHERE owner <> 'ann' ORDER BY size DESC LIMIT 1)",
)
sql(
    "scalar-in-limit",
    "a count as the LIMIT",
    "SELECT id FROM folder LIMIT (SELECT count(*) - 6 FROM picture)",
    after=EXISTS,
)
sql(
    "scalar-in-offset",
    "a count as the OFFSET",
    "SELECT id FROM folder LIMIT 5 OFFSET (SELECT count(*) - 7 FROM picture)",
    after=EXISTS,
)
sql(
    "scalar-in-order",
    "ORDER BY a subquery",
    "SELECT id FROM folder WHERE owner = 'ann' ORDER BY (SELECT count(*) FROM picture p WHERE p.folder = folder.id AND p.owner = 'bob') DESC",
    after=EXISTS,
)
sql(
    "case-count",
    "a count decides what is shown",
    "SELECT CASE WHEN (SELECT count(*) FROM picture) > 9 THEN 'many' ELSE 'few' END",
    after=EXISTS,
)
sql(
    "having",
    "HAVING over hidden rows",
    "SELECT owner FROM picture GROUP BY owner HAVING count(*) > 7",
    after=EXISTS,
)
sql("union", "UNION with another table", "SELECT title FROM folder, picture UNION SELECT name FROM folder")
sql(
    "except",
    "EXCEPT from a list of guesses",
    "SELECT 'bob-2' UNION SELECT 'bob-5' EXCEPT SELECT id FROM picture",
    after=EXISTS,
)
sql(
    "intersect",
    "INTERSECT with a list of guesses",
    "VALUES ('bob-2'), ('bob-5') INTERSECT SELECT id FROM picture",
    after=EXISTS,
)
sql(
    "in-list",
    "a guess IN the keys",
    "SELECT 'bob-2' IN (SELECT id FROM picture), 'bob-5' IN (SELECT id FROM picture)",
    after=EXISTS,
)
sql(
    "self-join",
    "a table joined to itself",
    "SELECT b.title FROM picture a JOIN picture b ON b.owner <> a.owner",
)
sql("left-join", "an outer join", "SELECT p.title FROM folder f LEFT JOIN picture p ON p.size > 1000")
sql("right-join", "a RIGHT JOIN", "SELECT p.title FROM folder f RIGHT JOIN picture p ON p.folder = f.id")
sql("natural-join", "a NATURAL JOIN", "SELECT title FROM picture NATURAL JOIN (SELECT 'bob' AS owner) AS o")
sql("using", "a join USING", "SELECT title FROM picture JOIN (SELECT 'bob' AS owner) AS o USING (owner)")
sql("cross-join-count", "the size of a cross product", "SELECT count(*) FROM picture, page", after=EXISTS)
sql("child-of-hidden", "rows that hang on hidden ones", "SELECT number FROM page", after=EXISTS)
sql(
    "parent-by-child",
    "the row that a child hangs on",
    "SELECT picture FROM page WHERE number > 1",
    after=EXISTS,
)
sql(
    "join-through-parent",
    "a child through its parent",
    "SELECT p.title FROM page JOIN picture p ON p.id = page.picture",
)
sql(
    "folder-of-hidden",
    "what hangs in a folder of one's own",
    "SELECT count(*) FROM picture WHERE folder = 'ann-shared'",
    after=EXISTS,
)
sql("window-count", "a window's count", "SELECT id, count(*) OVER () FROM picture", after=EXISTS)
sql(
    "window-rank",
    "a rank among hidden rows",
    "SELECT id, rank() OVER (ORDER BY size) FROM picture",
    after=EXISTS,
)
sql("window-lag", "the row before", "SELECT id, lag(title) OVER (ORDER BY id) FROM picture")
sql("window-named", "a named window", "SELECT id, sum(size) OVER w FROM picture WINDOW w AS (ORDER BY id)")
sql(
    "values-from-subquery",
    "a derived table",
    "SELECT s.t FROM (SELECT title AS t FROM picture WHERE owner = 'bob') AS s",
)
sql("two-persons", "a table with a person's name as data", "SELECT word FROM tally WHERE owner = 'bob'")
sql("next-number", "the highest automatic key", "SELECT max(id) FROM tally", after=EXISTS)
sql("rowid", "the hidden row number", "SELECT rowid, title FROM picture")
sql("rowid-max", "the highest row number", "SELECT max(_rowid_) FROM picture", after=EXISTS)
sql(
    "rowid-of-own",
    "the row number of one's own row",
    "SELECT oid FROM picture WHERE id = 'ann-1'",
    works_unguarded=False,
)
sql(
    "rowid-delete",
    "a row by its number",
    "DELETE FROM page WHERE rowid > 1",
    after="a change of another's row",
)
sql(
    "generate-series",
    "generate_series against a key",
    "SELECT value FROM generate_series(1, 9) WHERE 'bob-' || value IN (SELECT id FROM picture)",
    after=EXISTS,
    works_unguarded=False,
)
sql(
    "json-each-of-rows",
    "json_each over hidden rows",
    "SELECT j.value FROM picture, json_each(json_array(title)) AS j",
)
sql(
    "json-each-lateral",
    "json_each over a subquery of hidden rows",
    "SELECT value FROM json_each((SELECT json_group_array(title) FROM main.picture))",
)
sql(
    "json-tree",
    "json_tree over a hidden column",
    "SELECT t.atom FROM picture, json_tree(json_object('f', flag)) AS t",
    after="a withheld field",
)

ERRORS = Family(
    "errors",
    "Expressions that raise on hidden rows",
    "A filter that fails on a hidden row tells of it by its error. In world A the hidden rows overflow, are "
    "malformed or too complex; in world B they are not.",
)
sql = ERRORS.sql

sql(
    "overflow",
    "abs() of the least number",
    "SELECT id FROM folder WHERE (SELECT count(*) FROM picture WHERE abs(size) > 0) >= 0",
)
sql(
    "overflow-where",
    "abs() in front of the owner's name",
    "SELECT id FROM picture WHERE abs(size) >= 0 AND owner = 'ann'",
)
sql("overflow-or", "abs() behind an OR", "SELECT id FROM picture WHERE owner = 'ann' OR abs(size) = 1")
sql(
    "overflow-order",
    "abs() in ORDER BY",
    "SELECT id FROM picture WHERE +owner = 'ann' OR abs(size) < 0 ORDER BY abs(size)",
)
sql(
    "overflow-group",
    "abs() in GROUP BY",
    "SELECT count(*) FROM folder, picture GROUP BY abs(picture.size) HAVING max(picture.owner) = 'ann'",
)
sql(
    "overflow-join",
    "abs() in a join's condition",
    "SELECT f.id FROM folder f JOIN picture p ON abs(p.size) > 0 AND p.owner = f.owner AND f.owner = 'ann'",
)
sql(
    "overflow-left-join",
    "abs() in an outer join's condition",
    "SELECT f.id FROM folder f LEFT JOIN picture p ON abs(p.size) < 0",
)
sql(
    "overflow-update",
    "abs() in the WHERE of an UPDATE",
    "UPDATE picture SET size = 9 WHERE abs(size) > 0 AND owner = 'ann'",
)
sql("overflow-delete", "abs() in the WHERE of a DELETE", "DELETE FROM picture WHERE abs(size) < 0")
sql(
    "overflow-set",
    "abs() in a SET",
    "UPDATE picture SET size = abs(size) + (SELECT min(abs(size)) FROM picture) * 0 WHERE owner = 'ann'",
)
sql(
    "overflow-exists",
    "abs() in a correlated EXISTS",
    "SELECT id FROM folder f WHERE EXISTS (SELECT 1 FROM picture p WHERE abs(p.size) < 0)",
)
sql(
    "overflow-in",
    "abs() in the list of an IN",
    "SELECT id FROM folder WHERE 7 IN (SELECT abs(size) FROM picture)",
)
sql("overflow-sum", "a sum that overflows", "SELECT sum(size - 9223372036854775807) > 0 FROM picture")
sql(
    "overflow-case",
    "abs() in a CASE that guards itself",
    "SELECT id FROM picture WHERE CASE WHEN owner = 'ann' THEN 1 ELSE abs(size) < 0 END",
)
sql(
    "overflow-returning",
    "abs() in a RETURNING",
    "DELETE FROM picture WHERE owner <> 'ann' RETURNING abs(size)",
    after="a change of another's row",
)
sql(
    "json-malformed",
    "json_extract of a malformed value",
    "SELECT id FROM picture WHERE json_extract(extra, '$.a') IS NULL AND owner = 'ann'",
)
sql(
    "json-malformed-arrow",
    "an arrow on a malformed value",
    "SELECT id FROM picture WHERE extra ->> 'a' IS NULL AND owner = 'ann'",
)
sql(
    "json-length",
    "json_array_length of a malformed value",
    "SELECT count(*) FROM folder WHERE (SELECT max(json_array_length(extra)) FROM picture) IS NOT NULL",
)
sql("json-type", "json_type of a malformed value", "SELECT id FROM picture WHERE json_type(extra) = 'x'")
sql(
    "json-each-malformed",
    "json_each of a malformed value",
    "SELECT count(*) > 99 FROM picture p, json_each(p.extra) j",
)
sql("json-patch", "json_patch of a malformed value", "SELECT min(json_patch(extra, '{}')) FROM picture")
sql(
    "pattern-complex",
    "LIKE with a hidden pattern that is too long",
    "SELECT id FROM picture WHERE 'x' LIKE title AND owner = 'ann'",
)
sql(
    "pattern-glob",
    "GLOB with a hidden pattern that is too long",
    "SELECT count(*) > 99 FROM picture WHERE 'x' GLOB title",
)
sql(
    "pattern-escape",
    "LIKE with a hidden ESCAPE",
    "SELECT count(*) > 99 FROM picture WHERE 'x' LIKE 'y' ESCAPE CASE WHEN size < -9 THEN '' ELSE 'e' END",
)
sql(
    "too-big",
    "a blob of a hidden size",
    "SELECT count(*) > 99 FROM picture WHERE length(zeroblob(size - 6118935797)) >= 0",
)
sql(
    "too-big-replace",
    "replace() that grows beyond the limit",
    "SELECT count(*) > 99 FROM picture WHERE length(replace(replace(title, '%', '"
    + "y" * 3000
    + "'), 'y', '"
    + "z" * 9000
    + "')) < 0",
)
sql(
    "too-big-concat",
    "group_concat beyond the limit",
    "SELECT length(group_concat(replace(title, '%', hex(zeroblob(40000))))) < 0 FROM picture",
)
sql(
    "division",
    "a division that is empty for a hidden value",
    "SELECT count(1 / (size - 7300417202)) FROM picture",
)
sql("cast", "CAST of hidden values", "SELECT max(CAST(title AS INTEGER) + length(title)) FROM picture")
sql("modulo", "a remainder", "SELECT max(size % 1000) FROM picture")
sql(
    "date",
    "a date of a hidden number",
    "SELECT max(datetime(size, 'unixepoch')) FROM picture WHERE size < 9999999999 AND size > 0",
)
sql(
    "collation",
    "a collation that is missing, met on hidden rows",
    "SELECT id FROM picture ORDER BY title COLLATE nothing",
    works_unguarded=False,
)
sql(
    "recursion",
    "a WITH that ends when a hidden row is met",
    "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 20 AND 'bob-' || i NOT IN ('bob-2', 'bob-5') OR NOT EXISTS (SELECT 1 FROM picture WHERE id = 'bob-' || i) AND i < 20) SELECT max(i) FROM n",
)
sql(
    "unique-by-select",
    "a constraint met by a subquery's value",
    "INSERT INTO tally (keep_ended, id, owner, word) SELECT NULL, size - 7300417201 + 1, 'ann', 'x' FROM picture WHERE id = 'bob-1'",
)
sql(
    "not-null",
    "a NOT NULL met by a subquery's value",
    "UPDATE picture SET title = (SELECT title FROM picture WHERE id = 'bob-2') WHERE id = 'ann-1'",
)
