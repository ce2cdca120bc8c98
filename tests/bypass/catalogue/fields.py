"""Fields that are withheld, and fields that are sealed."""

from __future__ import annotations

from tests.bypass.attack import Family

WITHHELD = Family(
    "withheld",
    "Withheld fields",
    "`flag` is withheld from everybody but staff, on Ann's own rows too; `remark` of a public picture is its "
    "owner's. Whatever depends on such a value tells of it.",
)
sql = WITHHELD.sql
FIELD = "a withheld field"

sql("plain", "the field in the select list", "SELECT id, flag FROM picture", after=FIELD)
sql("star", "the field by a star", "SELECT * FROM picture WHERE owner = 'ann'", after=FIELD)
sql("star-qualified", "the field by a star of an alias", "SELECT p.* FROM picture AS p", after=FIELD)
sql(
    "of-public",
    "a field of a public row that is its owner's",
    "SELECT remark FROM picture WHERE id = 'bob-open'",
    after=FIELD,
)
sql("capitals", "the field in capitals", 'SELECT FLAG, "Flag", [fLaG] FROM picture', after=FIELD)
sql("aliased", "the field under another name", "SELECT flag AS title FROM picture", after=FIELD)
sql(
    "text-name",
    "the field's name as a text, which SQLite forgives",
    "SELECT 'flag', \"flag\" FROM picture",
    after=FIELD,
)
sql("is-null", "whether there is a value", "SELECT id, flag IS NULL FROM picture", after=FIELD)
sql("coalesced", "a value instead of none", "SELECT coalesce(flag, 'none') FROM picture", after=FIELD)
sql("typeof", "the kind of the value", "SELECT id, typeof(flag) FROM picture", after=FIELD)
sql("length", "the length of the value", "SELECT length(flag) FROM picture", after=FIELD)
sql("quote", "the value quoted", "SELECT quote(flag) FROM picture", after=FIELD)
sql("hex", "the value in hexadecimal", "SELECT hex(flag) FROM picture", after=FIELD)
sql("unicode", "its first letter", "SELECT unicode(flag) FROM picture", after=FIELD)
sql("substr", "its letters one by one", "SELECT substr(flag, 1, 1) FROM picture", after=FIELD)
sql("cast", "the value as another kind", "SELECT CAST(flag AS BLOB) FROM picture", after=FIELD)
sql("concat", "the value in a longer one", "SELECT id || flag FROM picture", after=FIELD)
sql(
    "where-equals",
    "rows where it equals a guess",
    "SELECT id FROM picture WHERE flag = 'quartz-plover-91 ann-1'",
    after=FIELD,
)
sql(
    "where-like",
    "rows where it is like a guess",
    "SELECT id FROM picture WHERE flag LIKE 'quartz%'",
    after=FIELD,
)
sql(
    "where-between",
    "rows where it lies between",
    "SELECT id FROM picture WHERE flag BETWEEN 'q' AND 'r'",
    after=FIELD,
)
sql(
    "where-in",
    "rows where it is in a list",
    "SELECT id FROM picture WHERE flag IN (SELECT flag FROM picture WHERE flag < 'r')",
    after=FIELD,
)
sql("where-null", "rows where it is missing", "SELECT id FROM picture WHERE flag IS NULL", after=FIELD)
sql(
    "where-not-distinct",
    "rows where it is not distinct from a guess",
    "SELECT id FROM picture WHERE flag IS NOT DISTINCT FROM NULL",
    after=FIELD,
)
sql("order", "rows in its order", "SELECT id FROM picture WHERE owner = 'ann' ORDER BY flag", after=FIELD)
sql(
    "order-by-number",
    "rows in its order, by the number of the output",
    "SELECT id, flag FROM picture ORDER BY 2",
    after=FIELD,
)
sql(
    "order-by-alias",
    "rows in its order, by its other name",
    "SELECT id, flag AS f FROM picture ORDER BY f LIMIT 1",
    after=FIELD,
)
sql(
    "order-desc-limit",
    "the first of its order",
    "SELECT id FROM picture WHERE owner = 'ann' ORDER BY flag IS NULL LIMIT 1",
    after=FIELD,
)
sql("group", "groups by it", "SELECT count(*) FROM picture GROUP BY flag IS NULL", after=FIELD)
sql(
    "group-by-number",
    "groups by the number of the output",
    "SELECT flag IS NULL, count(*) FROM picture GROUP BY 1",
    after=FIELD,
)
sql(
    "distinct", "different values of it", "SELECT DISTINCT flag FROM picture WHERE owner = 'ann'", after=FIELD
)
sql("having", "HAVING on it", "SELECT owner FROM picture GROUP BY owner HAVING max(flag) > 'r'", after=FIELD)
sql("aggregate", "the largest of it", "SELECT max(flag), count(flag) FROM picture", after=FIELD)
sql(
    "aggregate-filter",
    "a count filtered by it",
    "SELECT count(*) FILTER (WHERE flag > 'r') FROM picture",
    after=FIELD,
)
sql(
    "aggregate-bare",
    "the row with the largest of it",
    "SELECT id, max(flag) FROM picture WHERE owner = 'ann'",
    after=FIELD,
)
sql("join-on", "a join by it", "SELECT a.id FROM picture a JOIN picture b ON a.flag < b.flag", after=FIELD)
sql(
    "join-using",
    "a join USING it",
    "SELECT count(*) FROM picture a JOIN (SELECT flag FROM main.picture) b USING (flag)",
    after=FIELD,
)
sql(
    "window-order",
    "a window ordered by it",
    "SELECT id, row_number() OVER (ORDER BY flag) FROM picture WHERE owner = 'ann'",
    after=FIELD,
)
sql(
    "window-partition",
    "a window parted by it",
    "SELECT id, count(*) OVER (PARTITION BY flag IS NULL) FROM picture",
    after=FIELD,
)
sql("case", "a CASE on it", "SELECT CASE WHEN flag > 'r' THEN 1 ELSE 0 END FROM picture", after=FIELD)
sql("iif", "an iif on it", "SELECT iif(flag IS NULL, 'no', 'yes') FROM picture", after=FIELD)
sql(
    "limit",
    "a LIMIT from it",
    "SELECT id FROM folder LIMIT (SELECT count(flag) - 10 FROM picture)",
    after=FIELD,
)
sql(
    "collate",
    "the field under a collation",
    "SELECT id FROM picture WHERE flag COLLATE NOCASE > 'R'",
    after=FIELD,
)
sql(
    "subquery",
    "the field through a subquery",
    "SELECT s.f FROM (SELECT flag AS f FROM picture) AS s WHERE s.f IS NOT NULL",
    after=FIELD,
)
sql(
    "subquery-outer",
    "an outer row's field in a subquery",
    "SELECT (SELECT p.flag) FROM picture p",
    after=FIELD,
)
sql(
    "cte",
    "the field through a WITH",
    "WITH s(f) AS (SELECT flag FROM picture) SELECT f FROM s ORDER BY f",
    after=FIELD,
)
sql("union", "the field through a UNION", "SELECT id FROM folder UNION SELECT flag FROM picture", after=FIELD)
sql(
    "except-field",
    "guesses without the field",
    "SELECT 'quartz-plover-91 ann-1' EXCEPT SELECT flag FROM picture",
    after=FIELD,
)
sql(
    "exists-field",
    "EXISTS on the field",
    "SELECT EXISTS (SELECT 1 FROM picture WHERE flag > 'r')",
    after=FIELD,
)
sql(
    "row-value",
    "the field in a row value",
    "SELECT id FROM picture WHERE (flag, id) > ('r', '')",
    after=FIELD,
)
sql("json", "the field as JSON", "SELECT json_array(flag), json_object('f', flag) FROM picture", after=FIELD)
sql(
    "json-each",
    "json_each over the field",
    "SELECT j.value FROM picture p, json_each(json_array(p.flag)) j",
    after=FIELD,
)
sql("match", "a match on it", "SELECT id FROM picture WHERE instr(flag, 'gimbal') > 0", after=FIELD)
sql("glob", "a GLOB on it", "SELECT id FROM picture WHERE flag GLOB 's*'", after=FIELD)
sql(
    "set-from",
    "it copied to a field that is shown",
    "UPDATE picture SET title = flag WHERE owner = 'ann'",
    "SELECT title FROM picture",
    after=FIELD,
)
sql(
    "set-case",
    "a decision by it copied",
    "UPDATE picture SET size = CASE WHEN flag IS NULL THEN 0 ELSE 1 END WHERE id = 'ann-1'",
    "SELECT size FROM picture WHERE id = 'ann-1'",
    after=FIELD,
)
sql(
    "set-subquery",
    "it copied by a subquery",
    "UPDATE picture SET title = (SELECT max(flag) FROM picture) WHERE id = 'ann-1'",
    "SELECT title FROM picture WHERE id = 'ann-1'",
    after=FIELD,
)
sql("set-itself", "the field set", "UPDATE picture SET flag = 'fine' WHERE id = 'ann-1'", after=FIELD)
sql("set-to-null", "the field emptied", "UPDATE picture SET flag = NULL WHERE owner = 'ann'", after=FIELD)
sql(
    "update-where",
    "an UPDATE chosen by it",
    "UPDATE picture SET size = 77 WHERE flag IS NOT NULL AND owner = 'ann'",
    "SELECT id, size FROM picture WHERE owner = 'ann'",
    after=FIELD,
)
sql(
    "delete-where",
    "a DELETE chosen by it",
    "DELETE FROM picture WHERE flag IS NULL AND owner = 'ann' AND id NOT IN (SELECT picture FROM page)",
    "SELECT count(*) FROM picture WHERE owner = 'ann'",
    after=FIELD,
)
sql(
    "returning",
    "the field in a RETURNING",
    "UPDATE picture SET size = 3 WHERE owner = 'ann' RETURNING flag",
    after=FIELD,
)
sql(
    "returning-star",
    "every field in a RETURNING",
    "UPDATE picture SET size = 3 WHERE id = 'ann-1' RETURNING *",
    after=FIELD,
)
sql(
    "returning-expression",
    "a question in a RETURNING",
    "DELETE FROM page WHERE id = 'ann-page' RETURNING (SELECT max(flag) FROM picture)",
    after=FIELD,
)
sql(
    "insert-copy",
    "it copied into a new row",
    "INSERT INTO picture (keep_ended, id, owner, title) SELECT NULL, 'ann-9', 'ann', flag FROM picture WHERE flag IS NOT NULL LIMIT 1",
    "SELECT title FROM picture",
    after=FIELD,
)
sql(
    "insert-value",
    "it copied into a new row by a value",
    "INSERT INTO folder (keep_ended, id, owner, name) VALUES (NULL, 'ann-9', 'ann', (SELECT max(flag) FROM picture))",
    "SELECT name FROM folder",
    after=FIELD,
)
sql(
    "insert-itself",
    "a new row with the field set",
    "INSERT INTO picture (keep_ended, id, owner, title, flag) VALUES (NULL, 'ann-9', 'ann', 't', 'fine')",
    after=FIELD,
)

SEALED = Family(
    "sealed",
    "Sealed fields",
    "`note` and `text` lie sealed in the database, each to its row. Ann is after the bytes, after what "
    "comparing them tells, and after having another row's opened for her.",
)
sql = SEALED.sql

sql("note-of-others", "the sealed fields of others", "SELECT id, note FROM picture", after=FIELD)
sql(
    "note-prefix",
    "the first letters",
    "SELECT substr(note, 1, 9) FROM picture WHERE owner <> 'ann'",
    after=FIELD,
)
sql("note-suffix", "the sealed bytes without their mark", "SELECT substr(note, 60) FROM picture", after=FIELD)
sql("note-length", "the length of what is sealed", "SELECT id, length(note) FROM picture", after=FIELD)
sql(
    "note-null",
    "whether something is sealed",
    "SELECT count(*) FROM picture WHERE note IS NOT NULL",
    after=FIELD,
)
sql(
    "note-equal",
    "whether two are equal",
    "SELECT a.id FROM picture a JOIN picture b ON a.note <> b.note WHERE b.owner <> 'ann'",
    after=FIELD,
)
sql("note-like", "a search in the sealed", "SELECT id FROM picture WHERE note LIKE 'gpv1:%'", after=FIELD)
sql("note-order", "an order by the sealed", "SELECT id FROM picture ORDER BY note", after=FIELD)
sql("note-group", "groups by the sealed", "SELECT count(*) FROM picture GROUP BY note", after=FIELD)
sql("note-sizes", "the size of all that is sealed", "SELECT total(length(note)) FROM picture", after=FIELD)
sql(
    "note-concat",
    "the sealed behind a letter, so that its mark is not in front",
    "SELECT 'x' || note FROM picture",
    after=FIELD,
)
sql("note-aggregate", "all of the sealed in one", "SELECT group_concat(note) FROM picture", after=FIELD)
sql("note-json", "the sealed as JSON", "SELECT json_array(note) FROM picture", after=FIELD)
sql(
    "note-union",
    "the sealed below another column",
    "SELECT title FROM picture UNION SELECT note FROM picture",
    after=FIELD,
)
sql(
    "note-case",
    "the sealed out of a CASE",
    "SELECT CASE WHEN id = 'ann-1' THEN note ELSE title END FROM picture",
    after=FIELD,
)
sql(
    "note-coalesce", "the sealed or something else", "SELECT coalesce(note, remark) FROM picture", after=FIELD
)
sql(
    "note-subquery",
    "the sealed of another by a subquery",
    "SELECT (SELECT note FROM picture WHERE id = 'bob-open') FROM picture",
    after=FIELD,
)
sql("note-distinct", "different values of the sealed", "SELECT DISTINCT note FROM picture", after=FIELD)
sql(
    "note-swap",
    "another's ciphertext copied into one's own row",
    "UPDATE picture SET note = (SELECT note FROM main.picture WHERE id = 'bob-1') WHERE id = 'ann-1'",
    "SELECT note FROM picture WHERE id = 'ann-1'",
    after=FIELD,
)
sql(
    "note-swap-own",
    "a ciphertext copied from one own row to the other",
    "UPDATE picture SET note = (SELECT note FROM picture WHERE id = 'ann-2') WHERE id = 'ann-1'",
    "SELECT note FROM picture WHERE id = 'ann-1'",
    after=FIELD,
    works_unguarded=False,
)
sql(
    "note-copied-out",
    "the ciphertext copied into a field that is shown",
    "UPDATE picture SET title = note WHERE id = 'ann-1'",
    "UPDATE picture SET remark = (SELECT note FROM picture WHERE id = 'bob-open') WHERE id = 'ann-1'",
    "SELECT title, remark FROM picture WHERE id = 'ann-1'",
    after=FIELD,
)
sql(
    "note-forged",
    "a ciphertext of one's own making",
    ("UPDATE picture SET note = ? WHERE id = 'ann-1'", ["gpv1:" + "A" * 120]),
    "SELECT note FROM picture WHERE id = 'ann-1'",
    after=FIELD,
    works_unguarded=False,
)
sql(
    "note-literal",
    "a sealed field set to a literal",
    "UPDATE picture SET note = 'gpv1:AAAA' WHERE id = 'bob-open'",
    after="a change of another's row",
)
sql("text-of-page", "the sealed pages of others", "SELECT text, picture FROM page", after=FIELD)
sql(
    "page-moved",
    "one's own page hung on another's picture",
    "UPDATE page SET picture = 'bob-open' WHERE id = 'ann-page'",
    "SELECT text FROM page",
    after="a change of another's row",
)
sql(
    "note-window",
    "a window over the sealed",
    "SELECT lead(note) OVER (ORDER BY id) FROM picture",
    after=FIELD,
)
sql("note-cast", "the sealed as a blob", "SELECT CAST(note AS BLOB), hex(note) FROM picture", after=FIELD)
