"""Other spellings of a table that is governed, and tables beside it that hold the same."""

from __future__ import annotations

from tests.bypass.attack import PATH, Family

NAMES = Family(
    "names",
    "Other names for the same rows",
    "A governed table has many spellings, and what it holds lies in other places too: views, full-text "
    "tables and their shadow tables, copies, statistics.",
)
sql = NAMES.sql

sql("schema-main", "the table with its schema in front", "SELECT id, title FROM main.picture")
sql("schema-main-quoted", "the schema in quotes", 'SELECT id, title FROM "main"."picture"')
sql("schema-brackets", "schema and table in brackets", "SELECT id, title FROM [main].[picture]")
sql("schema-backticks", "schema and table in backticks", "SELECT id, title FROM `main`.`picture`")
sql("schema-apostrophes", "schema and table as texts", "SELECT id, title FROM 'main'.'picture'")
sql("schema-capitals", "the schema in capitals", "SELECT id, title FROM MAIN.PICTURE")
sql(
    "schema-spaced", "schema and table with a line break in between", "SELECT id, title FROM main\n.\tpicture"
)
sql(
    "schema-temp",
    "the table in the temporary schema",
    "SELECT id, title FROM temp.picture",
    works_unguarded=False,
)
sql("quoted", "the table in quotes", 'SELECT id, title FROM "picture"')
sql("brackets", "the table in brackets", "SELECT id, title FROM [picture]")
sql("backticks", "the table in backticks", "SELECT id, title FROM `picture`")
sql("apostrophes", "the table as a text", "SELECT id, title FROM 'picture'")
sql("capitals", "the table in capitals", "SELECT id, title FROM PICTURE")
sql(
    "long-s",
    "letters that fold to the table's only in Unicode",
    "SELECT id, title FROM p\u0131cture",
    works_unguarded=False,
)
sql(
    "zero-width",
    "the table's name with a joiner nobody sees",
    'SELECT id, title FROM "pic\u200dture"',
    works_unguarded=False,
)
sql(
    "doubled-quote",
    "a name that ends in a doubled quote",
    'SELECT id, title FROM "picture"""',
    works_unguarded=False,
)
sql(
    "qualified-column",
    "a column with schema and table in front",
    "SELECT main.picture.title FROM picture",
)
sql("qualified-star", "a star with its schema", "SELECT main.picture.title, picture.* FROM main.picture")
sql("in-parentheses", "the table in parentheses", "SELECT id, title FROM (picture)")
sql("joined-in-parentheses", "a join in parentheses", "SELECT title FROM (picture JOIN main.folder)")
sql("alias-of-governed", "another table under a governed one's name", "SELECT * FROM copied AS picture")
sql(
    "alias-of-core",
    "a governed table under the name of a core's table",
    "SELECT gp_lease.title FROM main.picture AS gp_lease",
)
sql("in-table", "IN over the table with its schema", "SELECT 'bob-3' IN (SELECT id FROM main.picture)")
sql("in-bare-table", "IN with a table instead of a list", "SELECT 'bob-2' IN known, 'bob-2' IN main.known")
sql("indexed-by", "a hint that names an index", "SELECT size FROM main.picture INDEXED BY picture_by_size")
sql("not-indexed", "a hint against indexes", "SELECT size FROM main.picture NOT INDEXED")

sql("view", "a view over the table", "SELECT id, title, flag FROM every_picture")
sql("view-quoted", "the view in quotes and with its schema", 'SELECT * FROM "main"."every_picture"')
sql("copy", "a table that nobody governs, with a copy", "SELECT id, title FROM copied")
sql("copy-joined", "the copy joined to a governed table", "SELECT c.title FROM picture p, copied c")
sql("copy-in-subquery", "the copy in a subquery", "SELECT (SELECT max(title) FROM copied) AS t FROM picture")
sql("fts", "the full-text table", "SELECT title FROM picture_fts")
sql(
    "fts-match",
    "a full-text search",
    "SELECT title FROM picture_fts WHERE picture_fts MATCH 'plover OR gimbal'",
)
sql("fts-content", "the full-text table's content", "SELECT c0 FROM picture_fts_content")
sql("fts-data", "the full-text table's index", "SELECT id, length(block) FROM picture_fts_data")
sql("fts-docsize", "the full-text table's sizes", "SELECT count(*) FROM picture_fts_docsize")
sql("fts-idx", "the full-text table's segments", "SELECT hex(term) FROM picture_fts_data, picture_fts_idx")
sql(
    "fts-function",
    "a table-valued use of the full-text table",
    "SELECT title FROM picture_fts('gimbal OR quartz')",
)
sql(
    "fts-rank",
    "a full-text auxiliary function",
    "SELECT highlight(picture_fts, 0, '[', ']') FROM picture_fts('gimbal OR quartz')",
)
sql("sequence", "the counter of an automatic key", "SELECT * FROM sqlite_sequence")
sql("statistics", "the planner's statistics", "SELECT tbl, idx, stat FROM sqlite_stat1")
sql("statistics-schema", "the statistics with their schema", 'SELECT stat FROM "main"."sqlite_stat1"')

SCHEMA = Family(
    "schema",
    "The database about itself",
    "Catalogues, PRAGMA and its functions, ATTACH, temporary objects, changes of the schema, plans.",
)
sql = SCHEMA.sql
DATABASE = "the database itself"

sql(
    "master",
    "the catalogue",
    "SELECT name, sql FROM sqlite_master WHERE sql LIKE '%copied%'",
    "DELETE FROM copied",
)
sql(
    "master-count",
    "the number of catalogue entries beside a count",
    "SELECT count(*) FROM sqlite_schema, picture",
)
sql(
    "temp-master",
    "the temporary catalogue",
    "SELECT count(*) FROM picture, sqlite_master, sqlite_temp_master m LIMIT 0",
    works_unguarded=False,
)
sql("dbstat", "the pages of the tables", "SELECT name, pageno, ncell FROM dbstat WHERE name = 'picture'")
sql("sqlite-stmt", "the statements of the connection", "SELECT sql FROM sqlite_stmt", works_unguarded=False)
sql(
    "bytecode",
    "the byte code of a statement",
    "SELECT * FROM bytecode('SELECT * FROM picture')",
    works_unguarded=False,
)
sql("pragma-table-info", "PRAGMA table_info", "PRAGMA table_info(picture)", works_unguarded=False)
sql(
    "pragma-function",
    "a PRAGMA as a function, joined",
    "SELECT p.title, t.name FROM pragma_table_info('picture') t, main.picture p",
)
sql(
    "pragma-writable",
    "the catalogue made writable, and written",
    "PRAGMA writable_schema=1",
    "UPDATE sqlite_master SET sql = replace(sql, 'x', 'y') WHERE name = 'every_picture'",
    "PRAGMA writable_schema=0",
    "DELETE FROM copied",
    after=DATABASE,
)
sql(
    "pragma-triggers",
    "triggers made not to recurse, then REPLACE",
    "PRAGMA recursive_triggers=0",
    "REPLACE INTO picture (keep_ended, id, owner, title) VALUES (NULL, 'bob-1', 'ann', 'mine')",
    "SELECT title FROM picture",
    after="a change of another's row",
)
sql(
    "pragma-query-only",
    "a reader that may write again",
    "PRAGMA query_only=0",
    "DELETE FROM page WHERE picture LIKE 'bob%'",
    after="a change of another's row",
)
sql(
    "pragma-foreign-keys",
    "foreign keys switched off",
    "PRAGMA foreign_keys=0",
    "DELETE FROM picture WHERE id = 'bob-1'",
    after="a change of another's row",
)
sql(
    "pragma-integrity",
    "the integrity check, which counts",
    "PRAGMA integrity_check",
    "PRAGMA page_count",
    "PRAGMA freelist_count",
)
sql("pragma-data-version", "the number of pages", "SELECT page_count FROM pragma_page_count")
sql(
    "pragma-user-version",
    "a number in the file's header",
    "PRAGMA user_version=7",
    after=DATABASE,
    works_unguarded=False,
)
sql(
    "pragma-temp-store",
    "temporary data on the disk",
    "PRAGMA temp_store=FILE",
    after=DATABASE,
    works_unguarded=False,
)
sql(
    "attach-itself",
    "the database attached to itself",
    ("ATTACH ? AS m", [PATH]),
    'SELECT id, title FROM "m"."picture"',
)
sql(
    "attach-memory",
    "a second database, to copy into",
    "ATTACH ':memory:' AS m",
    "CREATE TABLE m.c AS SELECT * FROM main.picture",
    "SELECT title FROM m.c",
)
sql("attach-function", "ATTACH from an expression", "ATTACH ':mem' || 'ory:' AS \"picture\"", after=DATABASE)
sql("detach", "DETACH", "DETACH main", after=DATABASE, works_unguarded=False)
sql(
    "vacuum-into",
    "a copy of the file",
    ("VACUUM INTO ? || '.stolen'", [PATH]),
    ("ATTACH ? || '.stolen' AS s", [PATH]),
    "SELECT title FROM s.picture",
)
sql(
    "temp-table",
    "a temporary copy",
    "CREATE TEMP TABLE c AS SELECT * FROM main.picture",
    "SELECT title FROM c",
)
sql(
    "temp-shadow",
    "a temporary table under a governed name",
    "CREATE TEMP TABLE picture (id, owner, title)",
    "SELECT count(*) FROM picture",
    after=DATABASE,
)
sql(
    "temp-view", "a temporary view", "CREATE TEMP VIEW v AS SELECT * FROM main.picture", "SELECT title FROM v"
)
sql(
    "temp-view-shadow",
    "a temporary view under a governed name",
    "CREATE TEMP VIEW folder AS SELECT * FROM main.picture",
    "SELECT title FROM folder",
)
sql(
    "temp-trigger",
    "a temporary trigger that copies",
    "CREATE TEMP TRIGGER t AFTER UPDATE ON main.picture BEGIN UPDATE main.copied SET title = (SELECT group_concat(title) FROM main.picture); END",
    "UPDATE picture SET size = 3 WHERE id = 'ann-1'",
    "SELECT title FROM copied",
)
sql(
    "temp-vocabulary",
    "the words of the full-text index",
    "CREATE VIRTUAL TABLE temp.v USING fts5vocab('main', 'picture_fts', 'row')",
    "SELECT term FROM temp.v",
)
sql(
    "create-table-as", "a copy of the table", "CREATE TABLE c AS SELECT * FROM picture", "SELECT title FROM c"
)
sql("create-view", "a view", "CREATE VIEW v AS SELECT * FROM picture", "SELECT title FROM v", after=DATABASE)
sql(
    "create-trigger",
    "a trigger that hands rows over",
    "CREATE TRIGGER t AFTER UPDATE ON picture BEGIN UPDATE picture SET owner = 'ann'; END",
    "UPDATE picture SET size = 3 WHERE id = 'ann-1'",
    after="a change of another's row",
)
sql(
    "create-index",
    "a unique index, whose error tells of equals",
    "CREATE UNIQUE INDEX i ON picture (visibility)",
    after=DATABASE,
    works_unguarded=False,
)
sql(
    "alter-rename",
    "the table renamed",
    "ALTER TABLE picture RENAME TO p",
    "SELECT title FROM p",
    after=DATABASE,
)
sql(
    "alter-column",
    "a column renamed",
    "ALTER TABLE picture RENAME COLUMN flag TO seen",
    "SELECT seen FROM picture",
    after="a withheld field",
)
sql(
    "alter-add",
    "a generated column that copies a withheld one",
    "ALTER TABLE picture ADD COLUMN c AS (flag)",
    "SELECT c FROM picture",
    after="a withheld field",
)
sql("drop-view", "a view dropped", "DROP VIEW every_picture", after=DATABASE)
sql("drop-trigger", "the core's trigger dropped", "DROP TRIGGER gp_access_touched", after=DATABASE)
sql("reindex", "REINDEX and ANALYZE", "ANALYZE picture", "SELECT stat FROM sqlite_stat1", after=DATABASE)
sql(
    "explain",
    "EXPLAIN, which shows constants and pages",
    "EXPLAIN SELECT title FROM every_picture",
    works_unguarded=False,
)
sql(
    "explain-plan",
    "EXPLAIN QUERY PLAN, then the rows",
    "EXPLAIN QUERY PLAN SELECT title FROM picture",
    "SELECT title FROM main.picture",
)
sql("explain-write", "EXPLAIN in front of a DELETE", "EXPLAIN DELETE FROM picture")
sql(
    "load-extension",
    "an extension loaded by SQL",
    "SELECT load_extension('nothing')",
    after=DATABASE,
    works_unguarded=False,
)
sql(
    "readfile",
    "a file read by a function",
    ("SELECT readfile(?)", [PATH]),
    after=DATABASE,
    works_unguarded=False,
)
sql(
    "tokenizer",
    "a tokenizer set from a blob",
    "SELECT fts3_tokenizer('simple', x'00')",
    after=DATABASE,
    works_unguarded=False,
)
sql(
    "source-id",
    "functions about the connection",
    "SELECT last_insert_rowid() + total_changes(), max(size) FROM picture",
)
