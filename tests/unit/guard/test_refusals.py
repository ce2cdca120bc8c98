"""Ring two: a table of attacks and of ungoverned SQL, each refused, each with what to do instead."""

from __future__ import annotations

import pytest
from tests.support.guard_world import ACCOUNT, CATALOG, IMAGE, TAG, template

from gptimage_core.errors import GuardError
from gptimage_core.guard.statements.grammar import parse
from gptimage_core.guard.statements.profile import BARE, WITHHELD, ColumnAccess, Profile, TableAccess
from gptimage_core.guard.statements.shape import WithheldUse, shape
from gptimage_core.guard.statements.shaped import StaticDenial

_REFUSED: dict[str, tuple[str, str]] = {
    # another way to the table
    "schema main": ('SELECT id FROM main."image"', "without its schema"),
    "schema main, quoted": ('SELECT id FROM "main"."image"', "without its schema"),
    "schema in brackets": ("SELECT id FROM [main].[image]", "without its schema"),
    "schema temp": ("SELECT id FROM temp.image", "without its schema"),
    "attached schema": ('SELECT id FROM "m"."image"', "without its schema"),
    "schema before a column": ("SELECT main.image.id FROM image", "without its schema"),
    "schema in UPDATE": ("UPDATE main.image SET note = 'x'", "without its schema"),
    "schema in DELETE": ("DELETE FROM main.image", "without its schema"),
    "schema in INSERT": ("INSERT INTO main.image (id) VALUES (1)", "without its schema"),
    "a view": ("SELECT * FROM image_view", "not a governed table"),
    "the secret CTE": ('SELECT * FROM "s3cr3t0123456789_own_0"', "not a governed table"),
    "the guard's own tables": ("SELECT * FROM gp_subject_state", "not a governed table"),
    "an FTS shadow table": ("SELECT * FROM image_fts_content", "not a governed table"),
    "a unicode twin": ("SELECT * FROM \u0131mage", "not a governed table"),
    "a full-width twin": ("SELECT * FROM ｉｍａｇｅ", "not a governed table"),
    "another spelling with a zero-width joiner": ('SELECT * FROM "ima\u200dge"', "not a governed table"),
    "a text as a table": ("SELECT * FROM 'image'", "is a text and not the name"),
    "a text as an alias": ("SELECT id AS 'x' FROM image", "is a text and not the name"),
    # catalogues, pragmas, connections
    "sqlite_master": ("SELECT sql FROM sqlite_master", "not a governed table"),
    "sqlite_schema": ("SELECT sql FROM sqlite_schema", "not a governed table"),
    "sqlite_master in a subquery": ("SELECT (SELECT max(sql) FROM sqlite_master)", "not a governed table"),
    "a pragma": ("PRAGMA table_info(image)", "outside the guard"),
    "a pragma function": ("SELECT * FROM pragma_table_info('image')", "table-valued function"),
    "a pragma's table": ("SELECT * FROM pragma_database_list", "not a governed table"),
    "dbstat": ("SELECT * FROM dbstat", "not a governed table"),
    "sqlite_stmt": ("SELECT sql FROM sqlite_stmt", "not a governed table"),
    "ATTACH": ("ATTACH 'other.sqlite' AS m", "one database"),
    "DETACH": ("DETACH main", "one database"),
    "EXPLAIN": ("EXPLAIN SELECT id FROM image", "outside the guard"),
    "EXPLAIN QUERY PLAN": ("EXPLAIN QUERY PLAN SELECT id FROM image", "outside the guard"),
    "VACUUM INTO": ("VACUUM INTO 'copy.sqlite'", "guard.maintenance"),
    "CREATE": ("CREATE TABLE t AS SELECT * FROM image", "guard.maintenance"),
    "a temp trigger": (
        "CREATE TEMP TRIGGER t AFTER INSERT ON image BEGIN SELECT 1; END",
        "guard.maintenance",
    ),
    "ALTER": ("ALTER TABLE image RENAME TO i", "guard.maintenance"),
    "DROP": ("DROP TABLE image", "guard.maintenance"),
    "REINDEX": ("REINDEX image", "guard.maintenance"),
    "ANALYZE": ("ANALYZE", "guard.maintenance"),
    "BEGIN": ("BEGIN", "adapter's transaction"),
    "COMMIT": ("COMMIT", "adapter's transaction"),
    "SAVEPOINT": ("SAVEPOINT a", "adapter's transaction"),
    "COPY": ("COPY image TO STDOUT", "SELECT, INSERT, UPDATE or DELETE"),
    "nothing": ("", "SELECT, INSERT, UPDATE or DELETE"),
    # the text itself
    "two statements": ("SELECT id FROM image; DELETE FROM image", "one statement at a time"),
    "two after a write": ("DELETE FROM image WHERE id = 'i1'; SELECT 1", "one statement at a time"),
    "an open comment": ("SELECT id FROM image /*", "left open"),
    "an open comment that looks closed": ("SELECT id FROM image /*/", "left open"),
    "a NUL": ("SELECT id FROM image\x00 WHERE 1", "NUL"),
    "half a surrogate": ("SELECT '\ud800' FROM image", "surrogate"),
    "an open quote": ("SELECT 'x FROM image", "quote left open"),
    "an open name": ('SELECT "x FROM image', "quote left open"),
    "a vertical tab is no space": ("SELECT\x0bid FROM image", "quote left open"),
    "an odd blob": ("SELECT x'abc' FROM image", "even number"),
    "a number with letters": ("SELECT 1abc FROM image", "quote left open"),
    "a named parameter": ("SELECT id FROM image WHERE id = :id", "write parameters as `?`"),
    "a numbered parameter": ("SELECT id FROM image WHERE id = ?1", "write parameters as `?`"),
    "a dollar parameter": ("SELECT id FROM image WHERE id = $1", "write parameters as `?`"),
    "an at parameter": ("SELECT id FROM image WHERE id = @id", "write parameters as `?`"),
    "a hash": ("SELECT # FROM image", "write parameters as `?`"),
    "something after the end": ("SELECT id FROM image WHERE 1 )", "does not belong"),
    "nested too deep": (f"SELECT {'(' * 100}1{')' * 100}", "nests deeper"),
    "NOT without end": (f"SELECT {'NOT ' * 5000}1", "nests deeper"),
    "minus without end": (f"SELECT {'- ' * 5000}1", "nests deeper"),
    "subqueries without end": ("SELECT (" * 200 + "1" + ")" * 200, "nests deeper"),
    "a statement too long": ("SELECT '" + "x" * 1_000_001 + "'", "longer than"),
    # functions
    "another function that gives rows": ("SELECT * FROM json_walk('[1]')", "table-valued function"),
    "json_each as a value": ("SELECT json_each('[1]')", "FROM json_each"),
    "json_each of a later table": (
        "SELECT 1 FROM json_each(i.note) AS e JOIN image AS i ON 1",
        "before this point",
    ),
    "json_each beside RIGHT JOIN": (
        "SELECT 1 FROM image AS i RIGHT JOIN json_each(i.note) AS e ON 1",
        "use LEFT JOIN",
    ),
    "json_each without a document": ("SELECT 1 FROM json_each()", "expected an expression"),
    "its document behind it": ("SELECT json FROM json_each('[1]')", "no column"),
    "generate_series": ("SELECT * FROM generate_series(1, 9)", "table-valued function"),
    "load_extension": ("SELECT load_extension('x')", "not listed"),
    "readfile": ("SELECT readfile('/etc/passwd')", "not listed"),
    "writefile": ("SELECT writefile('x', note) FROM image", "not listed"),
    "fts3_tokenizer": ("SELECT fts3_tokenizer('simple')", "not listed"),
    "random": ("SELECT random()", "as parameters"),
    "randomblob": ("SELECT randomblob(8)", "as parameters"),
    "zeroblob": ("SELECT zeroblob(9)", "as a parameter"),
    "edit": ("SELECT edit(note) FROM image", "in Python"),
    "changes": ("SELECT changes()", "row count"),
    "a hint to the planner": ("SELECT likely(starred) FROM image", "leave it out"),
    "like as a function": ("SELECT like('a', note) FROM image", "x LIKE y"),
    "a function of a later version": ("SELECT concat(id, note) FROM image", "||"),
    "ORDER BY in an aggregate": ("SELECT group_concat(note ORDER BY id) FROM image", "order a subquery"),
    "names without values": ("SELECT json_object('a') FROM image", "in pairs"),
    "dates too deep": ("SELECT " + "date(" * 5 + "id" + ")" * 5 + " FROM image", "nest too deep"),
    "sqlite_source_id": ("SELECT sqlite_source_id()", "not listed"),
    "last_insert_rowid": ("SELECT last_insert_rowid()", "RETURNING"),
    "a quoted function": ("SELECT \"load_extension\"('x')", "not listed"),
    "a clock word": ("SELECT CURRENT_TIMESTAMP", "hidden clock"),
    "a clock argument": ("SELECT date('now')", "hidden clock"),
    "a clock argument in disguise": ("SELECT strftime('%s', ' NOW ')", "hidden clock"),
    "a clock without argument": ("SELECT datetime()", "takes 1"),
    "MATCH": ("SELECT id FROM image WHERE note MATCH 'x'", "use LIKE or GLOB"),
    "REGEXP": ("SELECT id FROM image WHERE note REGEXP 'x'", "use LIKE or GLOB"),
    "an unknown collation": ("SELECT id FROM image ORDER BY note COLLATE mine", "not listed"),
    "an unknown type": ("SELECT CAST(note AS anything) FROM image", "not listed"),
    "RAISE": ("SELECT RAISE(ABORT, 'x')", "belongs to triggers"),
    "an escape of two characters": ("SELECT id FROM image WHERE note LIKE 'a' ESCAPE 'xx'", "one character"),
    "an escape of GLOB": ("SELECT id FROM image WHERE note GLOB 'a' ESCAPE 'x'", "goes with LIKE"),
    "a type with a text": ("SELECT CAST(note AS VARCHAR('x')) FROM image", "whole number"),
    # windows
    "a window in WHERE": ("SELECT id FROM image WHERE row_number() OVER () = 1", "query around"),
    "a window in HAVING": (
        "SELECT owner FROM image GROUP BY owner HAVING rank() OVER () = 1",
        "query around",
    ),
    "a window in GROUP BY": ("SELECT 1 FROM image GROUP BY row_number() OVER ()", "query around"),
    "a window by its name in GROUP BY": (
        "SELECT row_number() OVER () AS r FROM image GROUP BY r",
        "made of several rows",
    ),
    "a window by its number in GROUP BY": (
        "SELECT row_number() OVER () FROM image GROUP BY 1",
        "made of several rows",
    ),
    "an aggregate by its name in GROUP BY": (
        "SELECT count(*) AS c FROM image GROUP BY c",
        "made of several rows",
    ),
    "a window in an aggregate": ("SELECT sum(rank() OVER ()) FROM image", "query around"),
    "a rank without OVER": ("SELECT rank() FROM image", "goes with OVER"),
    "OVER behind what is no function over rows": ("SELECT lower(note) OVER () FROM image", "leave OVER out"),
    "FILTER behind a rank": ("SELECT rank() FILTER (WHERE starred) OVER () FROM image", "FILTER goes with"),
    "DISTINCT over rows": ("SELECT count(DISTINCT note) OVER () FROM image", "does not go with OVER"),
    "a window that is not there": ("SELECT rank() OVER w FROM image", "no window of this SELECT"),
    "a window twice": ("SELECT 1 FROM image WINDOW w AS (), w AS ()", "rename one"),
    "a window on a window": ("SELECT 1 FROM image WINDOW v AS (), w AS (v)", "write it out"),
    "a window that parts anew": (
        "SELECT rank() OVER (w PARTITION BY id) FROM image WINDOW w AS (ORDER BY id)",
        "write the window out",
    ),
    "a frame that ends before it begins": (
        "SELECT sum(credits) OVER (ORDER BY id ROWS BETWEEN CURRENT ROW AND 1 PRECEDING) FROM image",
        "before it begins",
    ),
    "a frame from a column": (
        "SELECT sum(credits) OVER (ORDER BY id ROWS credits PRECEDING) FROM image",
        "a number or a parameter",
    ),
    "a frame of less than nothing": (
        "SELECT sum(credits) OVER (ORDER BY id ROWS -1 PRECEDING) FROM image",
        "not negative",
    ),
    "a frame of half a row": (
        "SELECT sum(credits) OVER (ORDER BY id ROWS 0.5 PRECEDING) FROM image",
        "whole numbers",
    ),
    "a distance without an order": (
        "SELECT sum(credits) OVER (RANGE 1 PRECEDING) FROM image",
        "one ORDER BY",
    ),
    "ntile of nothing": ("SELECT ntile(0) OVER (ORDER BY id) FROM image", "from 1 on"),
    "an aggregate in WHERE": ("SELECT id FROM image WHERE count(*) > 1", "use HAVING"),
    "an aggregate in an aggregate": ("SELECT sum(count(*)) FROM image", "another aggregate"),
    "an outer aggregate": (
        "SELECT id FROM image WHERE (SELECT max(image.credits) FROM account) > 1",
        "outer query",
    ),
    # names
    "rowid": ("SELECT rowid FROM image", "hidden number"),
    "oid": ("SELECT image.oid FROM image", "hidden number"),
    "_rowid_": ('SELECT "_ROWID_" FROM image', "hidden number"),
    "rowid of a subquery": ("SELECT s.rowid FROM (SELECT id FROM image) AS s", "hidden number"),
    "rowid of another table": ("DELETE FROM image WHERE rowid = 1", "hidden number"),
    "no such column": ("SELECT secret FROM image", "no column"),
    "a text in double quotes": ('SELECT id FROM image WHERE note = "x"', "no column"),
    "the guard's own column": ('SELECT "gp:ok" FROM image', "no column"),
    "a hidden column of the table itself": ("SELECT image FROM image", "no column"),
    "an ambiguous column": ("SELECT id FROM image JOIN account ON image.id = account.id", "several tables"),
    "one alias twice": ("SELECT 1 FROM image AS a, account AS a", "another alias"),
    "one table twice": ("SELECT 1 FROM image, image", "another alias"),
    "the table behind its alias": ("SELECT image.id FROM image AS i", "no column"),
    "a star of nothing": ("SELECT x.* FROM image", "names no table"),
    "a later table in ON": (
        "SELECT 1 FROM image AS i JOIN account AS a ON b.id = i.id JOIN reference AS b ON 1",
        "before this point",
    ),
    "a later table in ON, that is called as one around": (
        "SELECT 1 FROM (SELECT 'x' AS prompt) AS c WHERE EXISTS (SELECT 1 FROM image AS a JOIN image AS b"
        " ON c.prompt LIKE 'gp%' JOIN image AS c ON 1)",
        "before this point",
    ),
    "a later table among arguments, that is called as one around": (
        "SELECT 1 FROM image AS c WHERE EXISTS (SELECT 1 FROM json_each(c.note) AS e, image AS c)",
        "before this point",
    ),
    "its own columns among the arguments of json_each": (
        "SELECT 1 FROM image WHERE EXISTS (SELECT 1 FROM json_each(id) AS e)",
        "before this point",
    ),
    "a name in ON that a later table has too": (
        "SELECT 1 FROM image AS i JOIN account AS a ON note = name JOIN image AS b ON 1",
        "stands in several tables",
    ),
    "HAVING over nothing that is summed up": ("SELECT note FROM image HAVING note > 'a'", "HAVING needs"),
    "GROUP BY a truth value": ("SELECT count(*) FROM image GROUP BY TRUE", "names an output"),
    "a sibling in FROM": ("SELECT 1 FROM image AS i, (SELECT i.id) AS s", "no column"),
    "a CTE that shadows the guard's tables": (
        "WITH gp_subject_state AS (SELECT 1 AS subject) SELECT 1",
        "is taken",
    ),
    "a CTE that shadows the schema": (
        "WITH sqlite_master AS (SELECT 1 AS x) SELECT x FROM sqlite_master",
        "is taken",
    ),
    "a CTE that reads a later one": (
        "WITH a AS (SELECT x FROM b), b AS (SELECT 1 AS x) SELECT x FROM a",
        "in front of what reads it",
    ),
    "a CTE that reads the later one behind a governed name": (
        "WITH a AS (SELECT id FROM image), image AS (SELECT 1 AS id) SELECT id FROM a",
        "in front of what reads it",
    ),
    "a CTE that is its own source": (
        "WITH image AS (SELECT id FROM image) SELECT id FROM image",
        "reads itself",
    ),
    "a CTE that reads itself in a subquery": (
        "WITH a AS (SELECT 1 AS x UNION SELECT 2 WHERE 1 IN (SELECT x FROM a)) SELECT x FROM a",
        "under FROM",
    ),
    "a CTE that reads itself twice": (
        "WITH a AS (SELECT 1 AS x UNION SELECT b.x FROM a AS b, a AS c) SELECT x FROM a",
        "each once",
    ),
    "a CTE that reads itself first": (
        "WITH a AS (SELECT x FROM a UNION SELECT 1 AS x) SELECT x FROM a",
        "each once",
    ),
    "a CTE that reads itself after EXCEPT": (
        "WITH a AS (SELECT 1 AS x EXCEPT SELECT x FROM a) SELECT x FROM a",
        "each once",
    ),
    "a sum over itself": (
        "WITH a AS (SELECT 1 AS x UNION SELECT sum(x) FROM a) SELECT x FROM a",
        "no aggregate",
    ),
    "a CTE of one WITH twice": ("WITH a AS (SELECT 1 AS x), A AS (SELECT 2 AS x) SELECT 1", "is taken"),
    "a CTE that depends on an outer row": (
        "SELECT (WITH a AS (SELECT image.id AS x) SELECT x FROM a) FROM image",
        "no column",
    ),
    "USING of one side": ("SELECT 1 FROM image JOIN account USING (owner)", "no column of both sides"),
    "USING of several": (
        "SELECT 1 FROM image AS a JOIN image AS b ON 1 JOIN image AS c USING (id)",
        "several tables on the left",
    ),
    "USING beside parentheses": (
        "SELECT 1 FROM image AS a JOIN (image AS b JOIN image AS c ON 1) USING (id)",
        "beside a join in parentheses",
    ),
    "NATURAL with ON": ("SELECT 1 FROM image NATURAL JOIN account ON 1", "not with NATURAL"),
    "a name for a join": ("SELECT 1 FROM account, (image JOIN reference ON 1) AS j", "no name of its own"),
    "a later table in parentheses": (
        "SELECT 1 FROM image AS a JOIN (account AS b JOIN reference AS c ON c.id = a.id) ON 1",
        "no column",
    ),
    "a row as a value": ("SELECT (id, note) FROM image", "write its columns one by one"),
    "a row under LIKE": ("SELECT 1 FROM image WHERE (id, note) LIKE 'a'", "write its columns one by one"),
    "a row beside a value": ("SELECT 1 FROM image WHERE (id, note) = 1", "write its columns one by one"),
    "rows of two widths": ("SELECT 1 FROM image WHERE (id, note) = (1, 2, 3)", "of one width"),
    "a row beside a narrower subquery": (
        "SELECT 1 FROM image WHERE (id, note) = (SELECT id FROM image)",
        "gives 2 columns",
    ),
    "a list of rows": ("SELECT 1 FROM image WHERE (id, note) IN ((1, 2))", "IN with a subquery or VALUES"),
    "an index hint": ("SELECT id FROM image INDEXED BY a", "planner"),
    "a table after IN": ("SELECT id FROM image WHERE id IN account", "in parentheses"),
    "an ordinal that is none": ("SELECT id FROM image ORDER BY 2", "names an output"),
    "an ordinal in disguise": ("SELECT id FROM image ORDER BY +1", "names an output"),
    "an expression in LIMIT": ("SELECT id FROM image LIMIT (SELECT count(*) FROM account)", "a number"),
    # sealed columns
    "sealed in WHERE": ("SELECT id FROM image WHERE prompt = ?", "sealed"),
    "sealed in capitals": ('SELECT id FROM image WHERE "PROMPT" = ?', "sealed"),
    "sealed in USING": ("SELECT 1 FROM image AS a JOIN image AS b USING (prompt)", "sealed"),
    "sealed in NATURAL JOIN": ("SELECT 1 FROM image AS a NATURAL JOIN image AS b", "sealed"),
    "sealed in a window": ("SELECT rank() OVER (ORDER BY prompt) FROM image", "sealed"),
    "sealed in a frame's function": ("SELECT lag(prompt) OVER (ORDER BY id) FROM image", "sealed"),
    "sealed under FILTER": ("SELECT count(*) FILTER (WHERE prompt > 'a') FROM image", "sealed"),
    "sealed in a row": ("SELECT 1 FROM image WHERE (id, prompt) = ('a', 'b')", "sealed"),
    "sealed in a row's subquery": (
        "SELECT 1 FROM image WHERE (id, note) IN (SELECT id, prompt FROM image)",
        "sealed",
    ),
    "sealed JSON, by its arrow": ("SELECT prompt ->> '$.a' FROM image", "take it apart in Python"),
    "sealed JSON, by a function": (
        "SELECT id FROM image WHERE json_extract(prompt, '$.a') = 1",
        "take it apart in Python",
    ),
    "sealed JSON, by its rows": ("SELECT e.value FROM image, json_each(image.prompt) AS e", "in Python"),
    "sealed in a recursion": (
        "WITH a(x) AS (SELECT note FROM image UNION ALL SELECT prompt FROM image JOIN a ON 1) SELECT 1",
        "not in the first part",
    ),
    "sealed and counted, each once": ("SELECT count(DISTINCT prompt) FROM image", "sealed"),
    "sealed in ON": ("SELECT 1 FROM image AS i JOIN reference AS r ON i.prompt = r.what", "sealed"),
    "sealed in ORDER BY": ("SELECT id FROM image ORDER BY prompt", "sealed"),
    "sealed by ordinal": ("SELECT id, prompt FROM image ORDER BY 2", "sealed"),
    "sealed by its alias": ("SELECT prompt AS p FROM image ORDER BY p", "sealed"),
    "sealed by its alias in GROUP BY": ("SELECT prompt AS p, count(*) FROM image GROUP BY p", "sealed"),
    "sealed by ordinal in GROUP BY": ("SELECT prompt, count(*) FROM image GROUP BY 1", "sealed"),
    "sealed in HAVING": ("SELECT owner FROM image GROUP BY owner HAVING max(prompt) > 'a'", "sealed"),
    "sealed under DISTINCT": ("SELECT DISTINCT prompt FROM image", "sealed"),
    "sealed and computed with": ("SELECT prompt || '' FROM image", "sealed"),
    "sealed through a subquery": (
        "SELECT p FROM (SELECT prompt AS p FROM image) AS s WHERE p > 'a'",
        "sealed",
    ),
    "sealed through two": (
        "SELECT q FROM (SELECT p AS q FROM (SELECT prompt AS p FROM image) AS s) AS t ORDER BY q",
        "sealed",
    ),
    "sealed through a CTE": ("WITH a AS (SELECT prompt AS p FROM image) SELECT length(p) FROM a", "sealed"),
    "sealed through a renamed CTE": (
        "WITH a(x) AS (SELECT prompt FROM image) SELECT 1 FROM a WHERE x = 'a'",
        "sealed",
    ),
    "sealed through UNION ALL": (
        "SELECT x FROM (SELECT note AS x FROM image UNION ALL SELECT prompt FROM image) AS s WHERE x = 'a'",
        "sealed",
    ),
    "sealed under UNION": ("SELECT prompt FROM image UNION SELECT ?", "sealed"),
    "sealed under EXCEPT": ("SELECT note FROM image EXCEPT SELECT prompt FROM image", "sealed"),
    "sealed in IN": ("SELECT 1 FROM image WHERE 'x' IN (SELECT prompt FROM image)", "sealed"),
    "sealed in a scalar": ("SELECT id FROM image WHERE (SELECT what FROM reference) = 'x'", "sealed"),
    "sealed in a star": (
        "SELECT id FROM image ORDER BY (SELECT s.prompt FROM (SELECT * FROM image) AS s)",
        "sealed",
    ),
    "sealed written as a literal": (
        "INSERT INTO image (id, prompt) VALUES ('a', 'clear text')",
        "as a parameter",
    ),
    "sealed set to an expression": ("UPDATE image SET prompt = note", "to a parameter"),
    "sealed read in SET": ("UPDATE image SET note = prompt", "sealed"),
    # writes
    "INSERT OR REPLACE": ("INSERT OR REPLACE INTO image (id) VALUES ('a')", "DO UPDATE SET a = excluded.a"),
    "INSERT OR FAIL": ("INSERT OR FAIL INTO image (id) VALUES ('a')", "undone as a whole"),
    "INSERT OR ROLLBACK": ("INSERT OR ROLLBACK INTO image (id) VALUES ('a')", "undone as a whole"),
    "REPLACE": ("REPLACE INTO image (id) VALUES ('a')", "DO UPDATE SET a = excluded.a"),
    "OR IGNORE and ON CONFLICT": (
        "INSERT OR IGNORE INTO image (id) VALUES (1) ON CONFLICT DO NOTHING",
        "not both",
    ),
    "an upsert without a target": (
        "INSERT INTO image (id) VALUES (1) ON CONFLICT DO UPDATE SET note = 'x'",
        "say what collides",
    ),
    "an upsert by an expression": (
        "INSERT INTO image (id) VALUES (1) ON CONFLICT (lower(id)) DO UPDATE SET note = 'x'",
        "names of columns",
    ),
    "an upsert by what has no value": (
        "INSERT INTO image (id) VALUES (1) ON CONFLICT (note) DO UPDATE SET note = 'x'",
        "gives it no value",
    ),
    "excluded without a value": (
        "INSERT INTO image (id) VALUES (1) ON CONFLICT (id) DO UPDATE SET note = excluded.note",
        "gives `note` no value",
    ),
    "excluded as another table": (
        "INSERT INTO image (id) VALUES (1) ON CONFLICT (id) DO UPDATE SET credits = "
        "(SELECT excluded.id FROM account AS excluded)",
        "take another name",
    ),
    "excluded outside of an upsert": ("UPDATE image SET note = excluded.note", "no column"),
    "two ON CONFLICT": (
        "INSERT INTO image (id) VALUES (1) ON CONFLICT (id) DO UPDATE SET credits = 1 ON CONFLICT DO NOTHING",
        "one ON CONFLICT",
    ),
    "a sealed column in ON CONFLICT": (
        "INSERT INTO image (id, prompt) VALUES (1, ?) ON CONFLICT (prompt) DO UPDATE SET note = 'x'",
        "sealed",
    ),
    "INSERT … SELECT of too few": (
        "INSERT INTO image (id, owner) SELECT id FROM account",
        "1 values selected",
    ),
    "INSERT … SELECT from no table": (
        "INSERT INTO image (id) SELECT name FROM sqlite_master",
        "not a governed",
    ),
    "INSERT … SELECT and a join's ON": (
        "INSERT INTO image (id) SELECT id FROM account ON CONFLICT DO NOTHING",
        "WHERE TRUE",
    ),
    "an aggregate in VALUES": ("INSERT INTO image (id) VALUES (count(*))", "compute it in a SELECT"),
    "sealed in an expression in VALUES": (
        "INSERT INTO image (id, note) VALUES (?, (SELECT lower(prompt) FROM image))",
        "sealed",
    ),
    "too few values": ("INSERT INTO image (id, note) VALUES ('a')", "2 columns are named and 1"),
    "a column twice": ("INSERT INTO image (id, ID) VALUES ('a', 'b')", "stands twice"),
    "a column set twice": ("UPDATE image SET note = 'a', NOTE = 'b'", "set twice"),
    "a column set twice, in two ways": (
        "UPDATE image SET note = 'a', (credits, NOTE) = (1, 'b')",
        "set twice",
    ),
    "an insert into a view": ("INSERT INTO image_view (id) VALUES ('a')", "not a governed table"),
    "an insert into rowid": ("INSERT INTO image (rowid) VALUES (1)", "no column"),
    "RETURNING what is no column": ("DELETE FROM image RETURNING rowid", "hidden number"),
    "RETURNING a figure": ("DELETE FROM image RETURNING count(*)", "each row"),
    "RETURNING with a sealed value computed": (
        "UPDATE image SET note = 'a' RETURNING prompt || ''",
        "sealed",
    ),
    "RETURNING a column of FROM": (
        "UPDATE image SET note = 'a' FROM account AS a RETURNING a.name",
        "no column",
    ),
    "UPDATE OR REPLACE": ("UPDATE OR REPLACE image SET note = 'a'", "leave the"),
    "UPDATE … FROM itself": ("UPDATE image SET note = 'a' FROM image", "another alias"),
    "UPDATE … FROM no table": ("UPDATE image SET note = m.sql FROM sqlite_master AS m", "not a governed"),
    "UPDATE … FROM with LIMIT": (
        "UPDATE image SET note = 'a' FROM account LIMIT 1",
        "choose the rows in WHERE",
    ),
    "sealed from FROM": (
        "UPDATE image SET note = r.what FROM reference AS r WHERE r.image = image.id",
        "sealed",
    ),
    "an alias in UPDATE without AS": ("UPDATE image \"i\" SET note = 'a'", "write `AS`"),
    "an index hint in UPDATE": ("UPDATE image INDEXED BY a SET note = 'a'", "planner"),
    "an index hint in DELETE": ("DELETE FROM image NOT INDEXED", "planner"),
    "SET of two to one": ("UPDATE image SET (note, credits) = ('a')", "2 columns are set to 1"),
    "SET of two to a SELECT of one": (
        "UPDATE image SET (note, credits) = (SELECT name FROM account)",
        "2 columns are set to 1",
    ),
    "SET of two in an order by number": (
        "UPDATE image SET (note, credits) = (SELECT name, level FROM account ORDER BY 2)",
        "instead of its number",
    ),
    "SET from a sealed column": ("UPDATE image SET note = (SELECT what FROM reference)", "sealed"),
    "SET of rowid": ("UPDATE image SET rowid = 1", "no column"),
    "SET of an owner": ("UPDATE image SET owner = note", "does not change"),
    "SET of a key": ("UPDATE image SET id = note", "does not change"),
    "SET of a key from a subquery": (
        "UPDATE image SET id = (SELECT max(id) FROM account)",
        "does not change",
    ),
    "ORDER BY in DELETE without LIMIT": ("DELETE FROM image ORDER BY id", "without a LIMIT"),
    "ORDER BY a number": ("DELETE FROM image ORDER BY 1 LIMIT 1", "names nothing here"),
    "LIMIT of an expression": ("DELETE FROM image LIMIT (SELECT 1)", "a number or a parameter"),
    # errors that would tell
    "a failing output's name in HAVING": (
        "SELECT abs(credits) AS a FROM image GROUP BY a HAVING a > 1",
        "write the expression",
    ),
}


@pytest.mark.parametrize("attack", _REFUSED)
def test_what_is_not_on_the_list_is_refused_and_says_what_to_do(attack: str) -> None:
    """Ring two refuses before the database sees anything: what, where, and what to write instead."""
    sql, says = _REFUSED[attack]
    with pytest.raises(GuardError, match=r"\w") as refusal:
        parse(sql, CATALOG)
    assert says in str(refusal.value)
    assert not isinstance(refusal.value, StaticDenial)


# What a profile refuses


_OWN = template('"image"."owner" = @actor')
_PROFILE = Profile(
    "own",
    "s3cr3t0123456789",
    TAG,
    {
        "image": TableAccess(
            _OWN,
            {
                c.name: WITHHELD if c.name == "note" else ColumnAccess("bare", None, _OWN)
                for c in IMAGE.columns
            },
        ),
        "account": TableAccess(None, {c.name: BARE for c in ACCOUNT.columns}),
    },
)

_WITHHELD_USES = {
    "WHERE": "SELECT id FROM image WHERE note = 'x'",
    "WHERE, in capitals": 'SELECT id FROM image WHERE "NOTE" IS NULL',
    "ON": "SELECT a.id FROM image AS a JOIN image AS b ON a.note = b.note",
    "ORDER BY": "SELECT id FROM image ORDER BY note",
    "ORDER BY, by ordinal": "SELECT id, note FROM image ORDER BY 2",
    "ORDER BY, by alias": "SELECT note AS n FROM image ORDER BY n",
    "ORDER BY, in an expression": "SELECT note AS n FROM image ORDER BY lower(n)",
    "GROUP BY": "SELECT count(*) FROM image GROUP BY note",
    "GROUP BY, by alias": "SELECT note AS n, count(*) FROM image GROUP BY n",
    "GROUP BY, by ordinal": "SELECT note, count(*) FROM image GROUP BY 1",
    "HAVING": "SELECT owner FROM image GROUP BY owner HAVING max(note) > 'a'",
    "FILTER": "SELECT count(*) FILTER (WHERE note = 'x') FROM image",
    "USING": "SELECT a.id FROM image AS a JOIN image AS b USING (note)",
    "PARTITION BY": "SELECT row_number() OVER (PARTITION BY note) FROM image",
    "a window's order": "SELECT row_number() OVER (ORDER BY id, note) FROM image",
    "a named window": "SELECT row_number() OVER w FROM image WINDOW w AS (ORDER BY note)",
    "a window in ORDER BY": "SELECT id FROM image ORDER BY max(note) OVER ()",
    "a row": "SELECT id FROM image WHERE (id, note) = ('a', 'b')",
    "json_each": "SELECT e.value FROM image, json_each(image.note) AS e",
    "json_each of an outer row": "SELECT id FROM image WHERE 1 IN (SELECT value FROM json_each(image.note))",
    "an escape": "SELECT id FROM image WHERE id LIKE 'a' ESCAPE note",
    "a recursive CTE": "WITH a(x) AS (SELECT 'x' UNION SELECT note FROM image JOIN a ON 1)"
    " SELECT 1 FROM a WHERE x = 'x'",
    "a recursive CTE, by another column": "WITH a(x, y) AS (SELECT 'x', note FROM image UNION SELECT y, 'y'"
    " FROM a) SELECT 1 FROM a WHERE x = 'x'",
    "a recursive CTE, in itself": "WITH a(x, y) AS (SELECT 'x', 'y' UNION SELECT y, image.note FROM image"
    " JOIN a ON a.x = 'q') SELECT 1 FROM a",
    "a CTE inside": "SELECT 1 FROM (WITH a AS (SELECT note AS n FROM image) SELECT n FROM a) AS s"
    " WHERE n = 'x'",
    "through a subquery": "SELECT n FROM (SELECT note AS n FROM image) AS s WHERE n = 'x'",
    "through a subquery, computed": "SELECT n FROM (SELECT lower(note) AS n FROM image) AS s WHERE n = 'x'",
    "through a CTE": "WITH a AS (SELECT note AS n FROM image) SELECT n FROM a ORDER BY n",
    "IN": "SELECT id FROM image WHERE 'x' IN (SELECT note FROM image)",
    "EXISTS": "SELECT EXISTS (SELECT 1 FROM image WHERE note = 'x')",
    "a scalar": "SELECT id FROM image WHERE (SELECT max(note) FROM image) = 'x'",
    "a filter of an aggregate's subquery": "SELECT (SELECT count(*) FROM image WHERE note = 'x')",
    "UPDATE's WHERE": "UPDATE image SET credits = 1 WHERE note = 'x'",
    "SET": "UPDATE image SET credits = credits + length(note)",
}


@pytest.mark.parametrize("use", _WITHHELD_USES)
def test_a_withheld_column_decides_nothing(use: str) -> None:
    """A withheld column outside a select list is refused, by whatever name it is reached."""
    statement = parse(_WITHHELD_USES[use], CATALOG)
    with pytest.raises(WithheldUse, match=r"`image\.note` is withheld"):
        shape(statement, _PROFILE, CATALOG)


_DENIED = {
    "a table denied outright": ("SELECT id FROM account", "read", "account"),
    "a table that the profile does not name": ("SELECT id FROM reference", "read", "reference"),
    "in a subquery": ("SELECT id FROM image WHERE owner IN (SELECT id FROM account)", "read", "account"),
    "a join": ("SELECT image.id FROM image LEFT JOIN account ON 1", "read", "account"),
    "an update of a column that may not be": ("UPDATE image SET note = 'x'", "update", "image"),
    "a delete": ("DELETE FROM image", "delete", "image"),
    "a delete by what may not be read": ("DELETE FROM account WHERE name = 'x'", "read", "account"),
}


@pytest.mark.parametrize("case", _DENIED)
def test_what_is_denied_whatever_the_row_is_told_apart_for_the_record(case: str) -> None:
    """A static denial carries table and operation, so that it can be recorded with an id."""
    sql, operation, table = _DENIED[case]
    with pytest.raises(StaticDenial) as denial:
        shape(parse(sql, CATALOG), _PROFILE, CATALOG)
    assert (denial.value.operation, denial.value.table) == (operation, table)
