"""The newer shapes of a query, turned against rows and fields that are hidden."""

from __future__ import annotations

from tests.bypass.attack import Family

SHAPES = Family(
    "shapes",
    "Shapes of queries",
    "USING and NATURAL JOIN, windows with frames, recursion, row values, JSON and date functions, sorts and limits: "
    "each looks at values in a way of its own, and some raise.",
)
sql = SHAPES.sql
FIELD = "a withheld field"
EXISTS = "a hidden row's existence"

sql(
    "natural-withheld",
    "a NATURAL JOIN that compares a withheld field too",
    "SELECT a.id FROM picture a NATURAL JOIN (SELECT id, flag FROM picture) b",
    after=FIELD,
)
sql(
    "using-remark",
    "USING a field that is hidden in some rows",
    "SELECT count(*) FROM picture a JOIN picture b USING (remark)",
    after=FIELD,
)
sql(
    "using-coalesced",
    "the merged field of a FULL JOIN USING",
    "SELECT flag FROM picture a FULL JOIN (SELECT 'x' AS flag) b USING (flag)",
    after=FIELD,
)
sql(
    "using-star",
    "a star over USING",
    "SELECT * FROM picture JOIN page USING (recorded)",
    after="rows of others",
)
sql(
    "using-of-cte",
    "USING with a WITH table that names hidden keys",
    "WITH g(id) AS (VALUES ('bob-2'), ('bob-5')) SELECT id FROM g JOIN picture USING (id)",
    after=EXISTS,
)
sql(
    "left-using",
    "a LEFT JOIN USING that tells of missing rows",
    "WITH g(id) AS (VALUES ('bob-2'), ('bob-5')) SELECT g.id, picture.title IS NULL FROM g LEFT JOIN picture USING (id)",
    after=EXISTS,
)
sql(
    "full-join",
    "a FULL JOIN that shows what matched nothing",
    "SELECT f.id, p.id FROM folder f FULL JOIN picture p ON p.folder = f.id",
    after=EXISTS,
)
sql(
    "comma-later",
    "a source that stands later in FROM, named earlier",
    "SELECT a.id FROM (SELECT id FROM picture WHERE owner = b.owner) a, folder b",
    works_unguarded=False,
)
sql(
    "window-first-value",
    "first_value over hidden rows",
    "SELECT id, first_value(title) OVER (ORDER BY size DESC) FROM picture",
)
sql(
    "window-nth",
    "nth_value in a frame over all rows",
    "SELECT id, nth_value(title, 4) OVER (ORDER BY id ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING) FROM picture",
)
sql(
    "window-ntile", "ntile, which counts", "SELECT id, ntile(3) OVER (ORDER BY id) FROM picture", after=EXISTS
)
sql(
    "window-range",
    "a RANGE frame that reaches hidden values",
    "SELECT id, count(*) OVER (ORDER BY size RANGE BETWEEN 0 PRECEDING AND 9999999999 FOLLOWING) FROM picture",
    after=EXISTS,
)
sql(
    "window-groups",
    "a GROUPS frame that leaves the own row out",
    "SELECT id, sum(size) OVER (ORDER BY size GROUPS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING EXCLUDE CURRENT ROW) FROM picture",
)
sql(
    "window-filter",
    "a window filtered by a withheld field",
    "SELECT id, count(*) FILTER (WHERE flag > 'r') OVER () FROM picture",
    after=FIELD,
)
sql(
    "window-flag-frame",
    "a window's argument from a withheld field",
    "SELECT id, lag(flag, 1, 'none') OVER (ORDER BY id) FROM picture",
    after=FIELD,
)
sql(
    "window-order-in-order",
    "ORDER BY a window over a withheld field",
    "SELECT id FROM picture ORDER BY rank() OVER (ORDER BY flag)",
    after=FIELD,
)
sql(
    "window-remark",
    "a window parted by a field that is hidden in some rows",
    "SELECT id, count(*) OVER (PARTITION BY remark = 'quartz-plover-91') FROM picture",
    after=FIELD,
)
sql(
    "window-concat",
    "a window that gathers texts",
    "SELECT group_concat(title) OVER (ORDER BY id) FROM picture",
)
sql(
    "window-percent",
    "percent_rank and cume_dist",
    "SELECT id, percent_rank() OVER (ORDER BY size), cume_dist() OVER (ORDER BY size) FROM picture",
    after=EXISTS,
)
sql(
    "recursive-rows",
    "recursion over hidden rows by their numbers",
    "WITH RECURSIVE w(id, size) AS (SELECT id, size FROM picture WHERE id = 'ann-1' UNION SELECT p.id, p.size FROM picture p, w WHERE p.size > w.size) SELECT id FROM w",
    after=EXISTS,
)
sql(
    "recursive-letters",
    "recursion that spells a withheld field letter by letter",
    "WITH RECURSIVE w(n, c) AS (SELECT 1, (SELECT substr(flag, 1, 1) FROM picture WHERE flag IS NOT NULL LIMIT 1) UNION ALL SELECT n + 1, (SELECT substr(flag, n + 1, 1) FROM picture WHERE flag IS NOT NULL LIMIT 1) FROM w WHERE n < 9) SELECT group_concat(c, '') FROM w",
    after=FIELD,
)
sql(
    "recursive-order",
    "recursion in the order of a hidden number",
    "WITH RECURSIVE w(n) AS (SELECT 0 UNION ALL SELECT size FROM picture, w WHERE w.n = 0 ORDER BY 1 DESC LIMIT 3) SELECT n FROM w",
)
sql(
    "recursive-shadow",
    "recursion under the name of a core's table",
    "WITH RECURSIVE gp_subject_state(subject) AS (SELECT 'ann' UNION SELECT text_value FROM main.gp_subject_fact) SELECT subject FROM gp_subject_state",
    after="the core's tables",
)
sql(
    "cte-materialized",
    "a WITH table that is made first",
    "WITH w AS MATERIALIZED (SELECT id, flag AS f FROM picture) SELECT id FROM w WHERE f IS NOT NULL",
    after=FIELD,
)
sql(
    "cte-not-materialized",
    "a WITH table that is moved into its use",
    "WITH w AS NOT MATERIALIZED (SELECT id, remark AS r FROM picture) SELECT id FROM w WHERE r LIKE '%plover%' OR r LIKE '%gimbal%'",
    after=FIELD,
)
sql(
    "nested-with",
    "a WITH in a WITH that hides the outer one's table",
    "WITH a AS (WITH picture AS (SELECT title AS t FROM copied) SELECT t FROM picture) SELECT t FROM a",
)
sql(
    "with-in-exists",
    "a WITH inside an EXISTS",
    "SELECT EXISTS (WITH g AS (SELECT 'bob-2' AS id) SELECT 1 FROM g JOIN picture p ON p.id = g.id)",
    after=EXISTS,
)
sql(
    "with-in-in",
    "a WITH inside an IN",
    "SELECT id FROM folder WHERE 'bob-2' IN (WITH g AS (SELECT id FROM picture) SELECT id FROM g)",
    after=EXISTS,
)
sql(
    "row-in",
    "a row value IN hidden rows",
    "SELECT ('bob-2', 'bob') IN (SELECT id, owner FROM picture)",
    after=EXISTS,
)
sql(
    "row-in-flag",
    "a row value with a withheld field IN rows",
    "SELECT ('ann-1', 'x') < (SELECT id, flag FROM picture WHERE id = 'ann-1')",
    after=FIELD,
)
sql(
    "row-between",
    "a row value BETWEEN hidden ones",
    "SELECT (7000000000, 1) >= (SELECT max(size), 0 FROM picture)",
    after=EXISTS,
)
sql(
    "distinct-from",
    "IS DISTINCT FROM on a field that is hidden in some rows",
    "SELECT id FROM picture WHERE remark IS DISTINCT FROM NULL",
    after=FIELD,
)
sql(
    "json-arrow-remark",
    "an arrow into a field that is hidden in some rows",
    "SELECT id, json_quote(remark) -> '$' FROM picture WHERE owner = 'bob'",
    after=FIELD,
)
sql(
    "json-remark-raises",
    "a JSON function that raises on a hidden field",
    "SELECT id FROM picture WHERE json_extract(CASE WHEN remark > 'r' THEN remark ELSE '{}' END, '$.a') IS NULL AND owner = 'bob'",
    after=FIELD,
)
sql(
    "json-object-flag",
    "json_object of a withheld field",
    "SELECT json_object('id', id, 'flag', flag) FROM picture",
    after=FIELD,
)
sql(
    "json-group-flag",
    "json_group_array of a withheld field",
    "SELECT json_group_array(flag) FROM picture",
    after=FIELD,
)
sql(
    "json-set-note",
    "json_set with a sealed field",
    "SELECT json_set('{}', '$.n', note) FROM picture",
    after=FIELD,
)
sql("json-quote-note", "json_quote of a sealed field", "SELECT json_quote(note) FROM picture", after=FIELD)
sql(
    "json-each-join",
    "json_each over a column, joined back to hidden rows",
    'SELECT p.title FROM folder f, json_each(\'["bob-1", "bob-2"]\') j JOIN picture p ON p.id = j.value',
)
sql(
    "json-each-path",
    "json_each with a path from a hidden value",
    "SELECT count(*) FROM picture p, json_each('{\"quartz-plover-91 2\": 1}', '$.\"' || p.title || '\"') j",
    after=EXISTS,
)
sql(
    "json-tree-hidden",
    "the hidden columns of json_tree",
    "SELECT j.json, j.root FROM picture p, json_tree(json_array(p.title)) j",
)
sql(
    "json-path-raises",
    "a JSON path that is malformed on hidden rows",
    "SELECT id FROM picture WHERE json_extract('{}', CASE WHEN title > 'r' THEN 'x' ELSE '$.x' END) IS NULL AND owner = 'ann'",
    after=EXISTS,
)
sql(
    "date-raises",
    "a date of hidden values",
    "SELECT id FROM picture WHERE date(size, 'unixepoch') > '9999' OR owner = 'ann'",
    after=EXISTS,
    works_unguarded=False,
)
sql(
    "printf-width",
    "a format with a width from a hidden value",
    "SELECT max(length(printf('%*d', max(0, min(size - 7300417200, 99)), 1))) FROM picture",
)
sql("char-of", "letters from hidden numbers", "SELECT group_concat(char(size % 90 + 33), '') FROM picture")
sql(
    "round-digits",
    "round() with digits from a hidden value",
    "SELECT max(round(1.23456789, size % 8)) FROM picture WHERE size > 9",
)
sql(
    "hex-total",
    "the size of everything in hexadecimal",
    "SELECT length(hex(group_concat(title))) FROM picture",
)
sql(
    "nulls-order",
    "NULLS FIRST on a withheld field",
    "SELECT id FROM picture ORDER BY flag NULLS FIRST",
    after=FIELD,
)
sql(
    "limit-subquery",
    "a LIMIT counted over hidden rows",
    "SELECT id FROM folder ORDER BY id LIMIT (SELECT count(*) % 4 + 1 FROM picture)",
    after=EXISTS,
)
sql(
    "compound-order",
    "ORDER BY in a UNION by a withheld field",
    "SELECT id, flag FROM picture UNION ALL SELECT id, name FROM folder ORDER BY 2",
    after=FIELD,
)
sql(
    "compound-arms",
    "EXCEPT ALL of guesses by a CASE",
    "SELECT CASE WHEN EXISTS (SELECT 1 FROM picture WHERE size > 7000000000) THEN 'a' ELSE 'b' END UNION SELECT 'c'",
    after=EXISTS,
)
sql(
    "collate-compare",
    "a comparison under another collation",
    "SELECT id FROM picture WHERE owner COLLATE NOCASE = 'BOB'",
)
sql("like-case", "LIKE, which folds", "SELECT id FROM picture WHERE owner LIKE 'B_B'")
sql(
    "empty-in",
    "an IN over nothing, and its opposite",
    "SELECT id FROM picture WHERE id NOT IN ()",
    after=EXISTS,
)
sql("affinity", "a comparison by affinity", "SELECT id FROM picture WHERE size > '7000000000'", after=EXISTS)
sql(
    "aggregate-order",
    "an aggregate with an ORDER BY inside",
    "SELECT group_concat(title, ',' ORDER BY flag) FROM picture",
    after=FIELD,
    works_unguarded=False,
)
sql(
    "distinct-aggregate",
    "a DISTINCT aggregate of a withheld field",
    "SELECT count(DISTINCT flag) FROM picture",
    after=FIELD,
)
sql(
    "having-no-group",
    "HAVING without GROUP BY",
    "SELECT count(*) FROM picture HAVING max(size) > 7000000000",
    after=EXISTS,
)
sql(
    "group-by-expression",
    "GROUP BY an expression over hidden rows",
    "SELECT size > 1000, count(*) FROM picture GROUP BY size > 1000",
    after=EXISTS,
)
sql(
    "group-by-alias",
    "GROUP BY an alias that is also a withheld column",
    "SELECT title AS flag, count(*) FROM picture GROUP BY flag",
    after=FIELD,
)
sql(
    "order-by-shadowed",
    "ORDER BY an alias that hides a withheld column in one place only",
    "SELECT id, (SELECT flag) AS x FROM (SELECT id, id AS flag FROM picture) ORDER BY x",
)
sql(
    "correlated-limit",
    "a correlated subquery with LIMIT and OFFSET",
    "SELECT f.id, (SELECT p.title FROM picture p WHERE p.folder IS NULL ORDER BY p.id LIMIT 1 OFFSET 1) FROM folder f",
)
