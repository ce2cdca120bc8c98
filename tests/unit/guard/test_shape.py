"""What shaping gives for the statements that an ORM writes: texts, outputs, rows touched, cells."""

from __future__ import annotations

import pytest
from tests.support.guard_world import ACTOR, CATALOG, IMAGE, TAG, arguments, make_database, template

from gptimage_core.errors import GuardError
from gptimage_core.guard.statements.catalog import Catalog
from gptimage_core.guard.statements.grammar import parse
from gptimage_core.guard.statements.profile import (
    BARE,
    WITHHELD,
    ColumnAccess,
    Profile,
    TableAccess,
    Template,
    conditional,
)
from gptimage_core.guard.statements.shape import shape
from gptimage_core.guard.statements.shaped import Cell, Output, Shaped, Touch
from gptimage_core.guard.statements.tagged import Tagged, split
from gptimage_core.policy.binding import Column, Table

_OWN = template('"image"."owner" = @actor')
_STARRED = template('"image"."starred" = 1')
_VIA = template('"reference"."image" IN (SELECT "id" FROM main."image" WHERE "owner" = @actor)')
_IMAGE = {c.name: ColumnAccess("bare", None, _OWN) for c in IMAGE.columns}
_PROFILE = Profile(
    "own7",
    "s3cr3t0123456789",
    TAG,
    {
        "image": TableAccess(
            _OWN, {**_IMAGE, "note": WITHHELD, "credits": conditional(_STARRED, _OWN)}, _OWN
        ),
        "account": TableAccess(
            Template.text("1"), dict.fromkeys(("id", "giver", "taker", "name", "level"), BARE)
        ),
        "reference": TableAccess(_VIA, dict.fromkeys(("id", "image", "what", "size"), BARE)),
    },
)
_ROWS = {
    "image": [
        ("i1", "u1", "main", "gpv1:one", "n1", 1, 5),
        ("i2", "u2", "main", "gpv1:two", "n2", 1, 6),
        ("i3", "u1", "main", "gpv1:three", "n3", 0, 7),
    ],
    "account": [("a:1", "u1", "u2", "Ann", 1)],
    "reference": [("r1", "i1", "gpv1:cat", 1), ("r2", "i2", "gpv1:dog", 2)],
}


def _shape(sql: str) -> Shaped:
    return shape(parse(sql, CATALOG), _PROFILE, CATALOG)


def test_the_users_parameters_follow_the_profiles_and_each_is_numbered_once() -> None:
    """`?1` … `?k` are the profile's, each parameter once; the user's keep their order behind them."""
    shaped = _shape(
        "SELECT id FROM image WHERE starred = ? AND id IN (SELECT image FROM reference WHERE size > ?)"
    )
    assert shaped.text.prefix_params == ("@actor",)
    assert shaped.text.placeholders == (0, 1)
    assert '"image"."starred" = ?2' in shaped.text.sql
    assert '"reference"."size" > ?3' in shaped.text.sql
    assert arguments(shaped.text, [1, 2]) == [ACTOR, 1, 2]


def test_the_profiles_id_stands_in_the_text_so_that_statement_caches_cannot_mix_profiles() -> None:
    """Ring one: a cached statement of one access is never run for another."""
    assert '"s3cr3t0123456789_own7_0" AS (SELECT' in _shape("SELECT id FROM image").text.sql


def test_outputs_say_where_each_value_comes_from_and_what_is_withheld() -> None:
    """A withheld column is always shown so, a conditional one where NULL; so is what is made of them. The key
    says which row it is of: of a row that an outer join did not find nothing is withheld."""
    sql = "SELECT i.id, note, credits AS c, prompt, lower(note) AS low, credits + 1, 1 AS one FROM image AS i"
    assert _shape(sql).outputs == (
        Output("id", "image", "id", "no", False, 0),
        Output("note", "image", "note", "always", False, 0),
        Output("c", "image", "credits", "if_null", False, 0),
        Output("prompt", "image", "prompt", "no", True, 0),
        Output("low", None, None, "always", False),
        Output("credits + 1", None, None, "if_null", False),
        Output("one", None, None, "no", False),
    )


def test_a_sealed_value_says_which_row_it_came_from_through_subqueries_and_joins() -> None:
    """A swapped ciphertext is opened with the context of the row it stands in, and fails."""
    database = make_database(_ROWS)
    for sql in (
        "SELECT what FROM reference",
        "SELECT w FROM (SELECT what AS w FROM reference) AS s",
        "WITH c(w) AS (SELECT what FROM reference) SELECT w FROM c UNION ALL SELECT w FROM c WHERE 0",
        "SELECT (SELECT what FROM reference AS r WHERE r.image = image.id) FROM image WHERE starred",
    ):
        shaped = _shape(sql)
        assert [output.sealed for output in shaped.outputs] == [True]
        value = database.execute(shaped.text.sql, [ACTOR]).fetchone()[0]
        number = CATALOG.entries[2].column_number("what")
        assert split(value, TAG) == Tagged(number, "r1", "u1", "i1", "gpv1:cat")
        assert CATALOG.columns[number][1].name == "what"


def test_a_plain_select_says_in_hidden_columns_which_rows_it_touched() -> None:
    """S7: key and people of every governed table under FROM; what is shown already is not repeated."""
    shaped = _shape(
        'SELECT i."prompt", a."id" FROM "image" i LEFT JOIN "account" a ON i.owner = a.giver ORDER BY i.id'
    )
    assert shaped.touches == (Touch("image", 2, (3,)), Touch("account", 1, (4, 5)))
    assert (shaped.hidden, shaped.touch) == (4, None)
    rows = make_database(_ROWS).execute(shaped.text.sql, [ACTOR]).fetchall()
    assert [row[1:] for row in rows] == [("a:1", "i1", "u1", "u1", "u2"), ("a:1", "i3", "u1", "u1", "u2")]


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT count(*) FROM image WHERE id = ?",
        "SELECT DISTINCT owner FROM image WHERE id = ?",
        "SELECT EXISTS (SELECT * FROM image WHERE id = ?) AS e",
        "SELECT n FROM (SELECT id AS n FROM image WHERE id = ?) AS s",
        "WITH c AS (SELECT id FROM image WHERE id = ?) SELECT id FROM c",
        "SELECT 1 WHERE 'x' IN (SELECT id FROM image WHERE id = ?)",
        "SELECT id FROM image WHERE id = ? UNION SELECT id FROM image WHERE 0",
    ],
)
def test_whatever_hides_its_rows_has_a_second_statement_that_names_them(sql: str) -> None:
    """S7: counts, aggregates and subqueries are recorded with the rows and people they went over."""
    shaped = _shape(sql)
    assert shaped.touch is not None
    database = make_database(_ROWS)
    assert set(database.execute(shaped.touch.sql, arguments(shaped.touch, ["i1"]))) == {(0, "i1", "u1")}
    assert database.execute(shaped.touch.sql, arguments(shaped.touch, ["i2"])).fetchall() == []


def test_a_subquery_that_depends_on_an_outer_row_counts_as_all_that_is_visible() -> None:
    """The second statement over-approximates, and never leaves out."""
    inner = "SELECT 1 FROM image WHERE owner = a.giver AND id = ?"
    shaped = _shape(f"SELECT a.id FROM account AS a WHERE EXISTS ({inner})")
    assert shaped.touch is not None
    touched = make_database(_ROWS).execute(shaped.touch.sql, arguments(shaped.touch, ["i1"])).fetchall()
    assert sorted(touched) == [(0, "i1", "u1", None), (0, "i3", "u1", None)]


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT id, rank() OVER (ORDER BY id) FROM image LIMIT 1",
        "WITH w AS (SELECT id FROM image) SELECT id FROM w LIMIT 1",
        "SELECT 1 FROM (WITH w AS (SELECT id FROM image) SELECT id FROM w) AS s LIMIT 1",
        "WITH RECURSIVE w(x) AS (SELECT 'i1' UNION SELECT i.id FROM image AS i JOIN w ON 1) SELECT x FROM w",
        "SELECT count(*) FROM image AS a NATURAL JOIN image AS b WHERE b.starred IS NULL OR 1",
        "SELECT sum(e.value) FROM image, json_each(json_array(image.starred)) AS e",
        "SELECT count(*) FROM (image AS a LEFT JOIN image AS b USING (id))",
    ],
)
def test_rows_behind_windows_with_and_joins_are_named_too(sql: str) -> None:
    """S7: what an answer is made of is touched, though the answer does not show it."""
    if "NATURAL" in sql:
        sql = sql.replace("NATURAL JOIN image AS b", "JOIN image AS b USING (id, owner)")
    shaped = _shape(sql)
    assert shaped.touch is not None
    touched = make_database(_ROWS).execute(shaped.touch.sql, arguments(shaped.touch, [])).fetchall()
    assert set(touched) == {(0, "i1", "u1"), (0, "i3", "u1")}


def test_no_comment_reaches_the_database() -> None:
    """A comment is read and dropped, in the name of an output, too."""
    shaped = _shape("SELECT /* ann@example.org */ starred + /* secret */ 1 -- and so on\nFROM image")
    assert "ann" not in shaped.text.sql
    assert "secret" not in shaped.text.sql
    assert [output.name for output in shaped.outputs] == ["starred +  1"]


def test_a_with_table_is_never_taken_for_the_shadow_of_a_governed_one() -> None:
    """Who calls a WITH table like a governed one reads what stands in it, and nothing of the other."""
    shaped = _shape("WITH image AS (SELECT 'x' AS id, 'y' AS note) SELECT id, note FROM image")
    assert shaped.tables == ()
    assert make_database(_ROWS).execute(shaped.text.sql).fetchall() == [("x", "y")]
    assert shaped.outputs[1] == Output("note", None, None, "no", False)


def test_a_star_shows_what_using_joins_by_once() -> None:
    """As SQLite has it: the left one, of a FULL JOIN whichever is there."""
    shaped = _shape("SELECT * FROM reference FULL JOIN account USING (id)")
    names = [output.name for output in shaped.outputs]
    assert names == ["id", "image", "what", "size", "giver", "taker", "name", "level"]
    rows = make_database(_ROWS).execute(shaped.text.sql, arguments(shaped.text, [])).fetchall()
    assert {row[0] for row in rows} == {"r1", "a:1"}


@pytest.mark.parametrize("clock", ["now", "NOW", "now\0", "localtime"])
def test_a_value_that_means_the_present_instant_is_no_date(clock: str) -> None:
    """No hidden clock: not from a column, nor from what is computed; parameters are asked when bound."""
    rows = {**_ROWS, "account": [("a:1", "u1", "u2", clock, 1)]}
    shaped = _shape("SELECT date(name), date(lower(name)), date('2024-01-31', name) FROM account")
    assert make_database(rows).execute(shaped.text.sql).fetchone()[:3] == (None, None, None)
    assert parse("SELECT date(coalesce(?, ?), ?), ? FROM image", CATALOG).clocked == {0, 1, 2}


def test_an_insert_binds_every_cell_and_leaves_technical_columns_to_the_guard() -> None:
    """The guard decides, seals and fills in, cell by cell; nothing of the user's values is in the text."""
    given = "(?, ?, -3, 'it''s'), (?, ?, NULL, x'00')"
    shaped = _shape(f"INSERT INTO image (id, owner, credits, note) VALUES {given} RETURNING id")
    columns = '("id", "owner", "credits", "note", "tenant")'
    values = "(?1, ?2, ?3, ?4, ?5), (?6, ?7, ?8, ?9, ?10)"
    assert shaped.text.sql == f'INSERT INTO main."image" {columns} VALUES {values} RETURNING "id" AS "id"'
    assert shaped.insertion is not None
    assert shaped.insertion.columns == ("id", "owner", "credits", "note", "tenant")
    assert shaped.insertion.rows == (
        (Cell(0), Cell(1), Cell(value=-3), Cell(value="it's"), Cell(fill=True)),
        (Cell(2), Cell(3), Cell(), Cell(value=b"\0"), Cell(fill=True)),
    )


def test_an_update_keeps_its_row_count_and_says_what_it_sets() -> None:
    """UPDATE stays in front (WITH there loses the count); a sealed assignment names its argument."""
    shaped = _shape("UPDATE image SET prompt = ?, starred = starred + ? WHERE id IN (?, ?)")
    assert [(a.column, a.placeholder, a.sealed) for a in shaped.assignments] == [
        ("prompt", 0, True),
        ("starred", None, False),
    ]
    assert shaped.row is not None
    database = make_database(_ROWS)
    args = arguments(shaped.row, ["gpv1:new", 1, "i1", "i2"])
    assert database.execute(shaped.row.sql, [*args, "i1"]).rowcount == 1
    assert database.execute(shaped.row.sql, [*args, "i2"]).rowcount == 0
    assert database.execute("SELECT prompt, starred FROM image WHERE id = 'i1'").fetchone() == ("gpv1:new", 2)


def test_whose_row_it_is_does_not_change_by_an_update() -> None:
    """Key, people and tenant are compared, not set: a save of all columns works, a move does not."""
    database = make_database(_ROWS)
    shaped = _shape("UPDATE image SET id = ?, owner = ?, tenant = ?, starred = ? WHERE id = ?")
    assert [a.column for a in shaped.assignments] == ["starred"]
    same = arguments(shaped.text, ["i1", "u1", "main", 9, "i1"])
    assert database.execute(shaped.text.sql, same).rowcount == 1
    for moved in (["i9", "u1", "main"], ["i1", "u2", "main"], ["i1", "u1", "other"]):
        assert database.execute(shaped.text.sql, arguments(shaped.text, [*moved, 9, "i1"])).rowcount == 0


def test_an_increment_of_what_may_not_be_read_leaves_the_row_instead_of_overwriting_it() -> None:
    """A NULL that stands for a withheld field never reaches a write."""
    database = make_database(_ROWS)
    shaped = _shape("UPDATE image SET credits = credits + 1")
    assert database.execute(shaped.text.sql, arguments(shaped.text, [])).rowcount == 1
    assert database.execute("SELECT id, credits FROM image").fetchall() == [("i1", 6), ("i2", 6), ("i3", 7)]


def test_a_write_that_names_rows_by_identifiers_asks_only_what_it_writes() -> None:
    """To delete by key one need not be permitted to read the fields."""
    blind = Profile("blind", "s3cr3t0123456789", TAG, {"image": TableAccess(None, {"id": BARE}, _OWN)})
    shaped = shape(parse("DELETE FROM image WHERE id = ?", CATALOG), blind, CATALOG)
    database = make_database(_ROWS)
    assert database.execute(shaped.text.sql, arguments(shaped.text, ["i2"])).rowcount == 0
    assert database.execute(shaped.text.sql, arguments(shaped.text, ["i1"])).rowcount == 1


def test_types_survive_shaping() -> None:
    """Declared types and affinities go through the shadow, of conditional columns too."""
    database = make_database(_ROWS)
    for condition in ("credits = ?", "credits IN (?)", "credits BETWEEN ? AND '5'"):
        shaped = _shape(f"SELECT id FROM image WHERE {condition}")
        assert [row[0] for row in database.execute(shaped.text.sql, arguments(shaped.text, ["5"]))] == ["i1"]


def test_a_predicate_that_is_null_permits_nothing_even_to_a_guarded_expression() -> None:
    """Fail closed: membership is asked as a truth, NULL is not one."""
    unsure = Template.text('"image"."credits" > NULL')
    access = TableAccess(unsure, {"id": BARE, "credits": BARE}, unsure)
    profile = Profile("null", "s3cr3t0123456789", TAG, {"image": access})
    shaped = shape(parse("SELECT id FROM image WHERE abs(credits) > 0", CATALOG), profile, CATALOG)
    assert "IS TRUE" in shaped.text.sql
    assert make_database(_ROWS).execute(shaped.text.sql).fetchall() == []


def test_names_that_would_collide_with_the_guards_own_stop_the_start() -> None:
    """A column that the guard could not tell from its own, or that SQLite folds together, is refused."""
    for names in (["id", "gp:ok"], ["id", 'a"b'], ["id", "ID"]):
        columns = tuple(Column(n, "identifier", "text", "key" if n == "id" else None) for n in names)
        with pytest.raises(GuardError):
            Catalog([Table("t", columns)])


@pytest.mark.parametrize("value", ["gpv1:x", f"{TAG}1", f"{TAG}1:9:0:0:short", f"{TAG}x:1:1:1:abc"])
def test_a_value_that_the_shadow_did_not_write_is_not_opened(value: str) -> None:
    """Fail closed: a tag that is missing, broken or cut short opens nothing."""
    with pytest.raises(GuardError):
        split(value, TAG)


def test_a_long_chain_of_conditions_fits_under_a_deep_stack() -> None:
    """An ORM nests one parenthesis per condition: ninety parse and shape below two hundred frames."""
    chain = "(" * 90 + "starred = 1" + " OR credits = ?)" * 90

    def under(frames: int) -> Shaped:
        return under(frames - 1) if frames else _shape(f"SELECT id FROM image WHERE {chain}")

    assert under(200).text.placeholders == tuple(range(90))


def test_a_chain_that_is_too_long_to_walk_is_refused() -> None:
    """Fail closed: what the guard cannot finish is a `GuardError`, and nothing runs."""
    with pytest.raises(GuardError, match="too deep"):
        _shape(f"SELECT {' + '.join(['1'] * 5000)}")
