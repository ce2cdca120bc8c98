"""What Piccolo's queries let an application write: names, aliases, raw pieces, objects that are made by hand."""

from __future__ import annotations

from typing import Any

from piccolo.columns import Varchar
from piccolo.columns.combination import WhereRaw
from piccolo.query import OrderByRaw
from piccolo.query.functions import Count, Length, Max, Upper
from piccolo.query.methods.select import SelectRaw
from piccolo.querystring import QueryString, Unquoted
from piccolo.table import Table
from tests.bypass.attack import Family
from tests.bypass.judge import Told
from tests.bypass.world import BOB, World

QUERIES = Family(
    "queries",
    "Piccolo's queries",
    "Queries that are no raw text, and the places in them where text gets in all the same; objects that say "
    "of themselves that they are somebody's row.",
)
code = QUERIES.code
CHANGE = "a change of another's row"
FIELD = "a withheld field"
EXISTS = "a hidden row's existence"


@code("format-characters", "format characters in a raw text")
async def _(w: World, told: Told) -> None:
    async with w.own():
        for sql, *args in (
            ("SELECT '{}' || title FROM main.picture", "x"),
            ("SELECT title FROM {}", "picture"),
            ("SELECT title FROM {} WHERE 1", Unquoted("main.picture")),
            ("SELECT title FROM picture WHERE owner = {}", Unquoted("'bob' OR 1")),
            ("SELECT title FROM picture WHERE {}", QueryString("1 OR owner = {}", "bob")),
            ("SELECT {0.__class__} FROM picture", "x"),
            ("SELECT title FROM picture WHERE '%s' <> {} -- {}", "x", "y"),
            ("SELECT title FROM picture WHERE '{{}}' = {}", "{}"),
        ):
            await told.run(lambda sql=sql, args=args: w.Picture.raw(sql, *args).run())


@code("where-raw", "a raw piece of a WHERE")
async def _(w: World, told: Told) -> None:
    async with w.own():
        for piece in (
            "1 OR owner = 'bob'",
            "id IN (SELECT id FROM main.picture)",
            "1) UNION SELECT title FROM copied --",
        ):
            await told.run(w.Picture.select(w.Picture.title).where(WhereRaw(piece)).run())
            await told.run(w.Picture.exists().where(WhereRaw(piece)).run())
        await told.run(w.Page.delete().where(WhereRaw("1 OR picture = 'bob-1'")).run())


@code("select-raw", "a raw piece of a select list", FIELD)
async def _(w: World, told: Told) -> None:
    async with w.own():
        for piece in (
            "flag",
            "upper(flag)",
            "(SELECT max(flag) FROM picture)",
            "main.picture.flag",
            "rowid",
            "*",
        ):
            await told.run(w.Picture.select(w.Picture.id, SelectRaw(piece)).run())


@code("order-raw", "a raw piece of an ORDER BY", FIELD)
async def _(w: World, told: Told) -> None:
    async with w.own():
        for piece in (
            "flag",
            "(SELECT count(*) FROM main.picture)",
            "1 LIMIT 1; DELETE FROM page",
            "flag IS NULL",
        ):
            await told.run(w.Picture.select(w.Picture.id).order_by(OrderByRaw(piece)).run())


@code("alias", "an alias with quotes")
async def _(w: World, told: Told) -> None:
    async with w.own():
        for alias in (
            'x", (SELECT group_concat(title) FROM main.picture) AS "y',
            'x" FROM main.picture --',
            "x\x00",
        ):
            await told.run(w.Picture.select(w.Picture.title.as_alias(alias)).run())
            await told.run(w.Picture.count(column=w.Picture.title).run())


@code("converter-alias", "an alias that names a converter, for a sealed field", FIELD)
async def _(w: World, told: Told) -> None:
    async with w.own():
        for kind in (
            "INTEGER",
            "NUMERIC",
            "UUID",
            "DATE",
            "TIME",
            "SECONDS",
            "BOOLEAN",
            "TIMESTAMP",
            "TIMESTAMPTZ",
            "M2M",
        ):
            await told.run(w.Picture.select(w.Picture.note.as_alias(f"n [{kind}]")).run())
            await told.run(w.guard.run(f'SELECT note AS "n [{kind}]", flag AS "f [{kind}]" FROM picture', ()))


@code("column-name", "a column whose name is SQL")
async def _(w: World, told: Told) -> None:
    names = (
        'title" FROM main."picture" --',
        "flag",
        'title", (SELECT max(flag) FROM main.picture) AS "x',
        "rowid",
    )
    async with w.own():
        for name in names:

            class Mine(Table, db=w.engine, tablename="picture"):
                id = Varchar(primary_key=True)
                other = Varchar(db_column_name=name)

            await told.run(Mine.select(Mine.other).run())
            await told.run(Mine.select(Mine.id).where(Mine.other.like("%a%")).run())
            await told.run(Mine.update({Mine.other: "x"}, force=True).run())


@code("through-join", "fields of a row that is reached by a foreign key", FIELD)
async def _(w: World, told: Told) -> None:
    Picture, Page = w.Picture, w.Page
    async with w.own():
        await told.run(Page.select(Page.id, Page.picture.title, Page.picture.flag).run())
        await told.run(Page.select(*Page.picture.all_columns()).run())
        await told.run(Page.select(Page.id).where(Page.picture.flag.is_not_null()).run())
        await told.run(Page.select(Page.id).order_by(Page.picture.flag).run())
        await told.run(Picture.select(Picture.id, Picture.folder.name, Picture.folder.owner).run())
        await told.run(Page.select(Page.picture.folder.name).output(nested=True).run())
        await told.run(Page.select(Page.picture.id).where(Page.picture.owner == "bob").run())


@code("prefetch", "objects with what hangs on them", FIELD)
async def _(w: World, told: Told) -> None:
    Picture, Page = w.Picture, w.Page
    async with w.own():
        for query in (
            Page.objects(Page.picture),
            Picture.objects(Picture.folder),
            Page.objects().prefetch(Page.picture),
        ):
            rows = await told.run(query.run())
            told.add([repr(vars(row)) for row in rows or ()])
        page = await Page.objects().get(Page.id == "ann-page")
        if page is not None:
            related = await told.run(page.get_related(Page.picture))
            told.add(repr(vars(related)) if related is not None else None)
            page.picture = "bob-1"
            told.add(repr(await told.run(page.get_related(Page.picture))))


@code("forged-object", "an object that says it is another's row", CHANGE)
async def _(w: World, told: Told) -> None:
    Picture, Page = w.Picture, w.Page
    async with w.own():
        for key in ("bob-1", "bob-2", "bob-open"):
            row = Picture(id=key, owner="ann", title="mine", _exists_in_db=True)
            await told.run(row.save().run())
            await told.run(row.save([Picture.title]).run())
            await told.run(row.save([Picture.owner, Picture.title]).run())
            await told.run(row.update_self({Picture.title: "mine"}))
            await told.run(row.refresh())
            told.add(row.title)
            await told.run(row.remove().run())
            page = Page(id="bob-page-1", picture=key, _exists_in_db=True)
            await told.run(page.get_related(Page.picture))
            await told.run(page.remove().run())


@code("refreshed-object", "another's row refreshed into an object of one's own")
async def _(w: World, told: Told) -> None:
    async with w.own():
        row = await w.Picture.objects().get(w.Picture.id == "ann-1")
        if row is not None:
            row.id = "bob-1"
            await told.run(row.refresh())
            told.add((row.title, row.owner, row.remark))


@code("saved-withheld", "an object with withheld fields saved", FIELD)
async def _(w: World, told: Told) -> None:
    async with w.own():
        rows = await w.Picture.objects().where(w.Picture.owner == "ann").order_by(w.Picture.id)
        for row in rows:
            row.title = "anew"
            await told.run(row.save().run())
            await told.run(lambda row=row: w.Picture(**{**row.to_dict(), "id": "ann-8"}).save().run())


@code("withheld-value", "a withheld value used as one", FIELD)
async def _(w: World, told: Told) -> None:
    import copy
    import json
    import pickle

    async with w.own():
        rows = await w.Picture.select(w.Picture.id, w.Picture.flag).where(w.Picture.owner == "ann")
        for row in rows:
            value = row["flag"]
            for use in (bool, str, repr, hash, id, len, int, json.dumps, pickle.dumps, copy.copy, copy.deepcopy,
                        lambda v: v is None, lambda v: v + "", lambda v: f"{v}", vars,
                        lambda v: v.__dict__, lambda v: sorted([v, ""]), lambda v: [*v], lambda v: v[0]):  # fmt: skip
                with told.trying():
                    said = use(value)  # type: ignore[operator]  # some fail, which is asked
                    told.add(None if use in (id, hash) else said)
        told.add(rows[0]["flag"] is rows[1]["flag"])
        await told.run(w.Picture.select().where(w.Picture.flag == rows[0]["flag"]).run())
        await told.run(
            w.Picture.update({w.Picture.title: rows[0]["flag"]}).where(w.Picture.id == "ann-1").run()
        )
        told.add(await w.Picture.select(w.Picture.title).where(w.Picture.id == "ann-1"))


@code("get-or-create", "get_or_create of a hidden row", EXISTS)
async def _(w: World, told: Told) -> None:
    async with w.own():
        row = await told.run(
            w.Picture.objects()
            .get_or_create(w.Picture.title == "quartz-plover", {w.Picture.owner: "bob"})
            .run()
        )
        told.add(None if row is None else (row.id, row.title))
        await told.run(w.Picture.objects().get(w.Picture.id == "bob-2").run())
        await told.run(
            w.Picture.objects().first().where(w.Picture.owner == "bob").order_by(w.Picture.id).run()
        )


@code("on-conflict", "ON CONFLICT by Piccolo", CHANGE)
async def _(w: World, told: Told) -> None:
    Picture = w.Picture
    async with w.own():
        for action in ("DO UPDATE", "DO NOTHING"):
            row = Picture(id="bob-1", owner="ann", title="mine")
            insert = Picture.insert(row).on_conflict(
                action=action, target=Picture.id, values=[Picture.title, Picture.owner]
            )
            await told.run(lambda insert=insert: insert.run())
        told.add(await Picture.select(Picture.id).where(Picture.owner == "ann"))


@code("returning", "RETURNING by Piccolo", FIELD)
async def _(w: World, told: Told) -> None:
    Picture = w.Picture
    async with w.own():
        await told.run(
            Picture.update({Picture.size: 3}, force=True).returning(Picture.id, Picture.flag).run()
        )
        await told.run(Picture.update({Picture.size: 3}, force=True).returning(*Picture.all_columns()).run())
        await told.run(w.Page.delete(force=True).returning(*w.Page.all_columns()).run())
        await told.run(w.Tally.insert(w.Tally(owner="bob", word="x")).returning(w.Tally.word).run())


@code("aggregates", "figures by Piccolo", EXISTS)
async def _(w: World, told: Told) -> None:
    Picture = w.Picture
    async with w.own():
        for query in (
            Picture.count(), Picture.count(column=Picture.flag), Picture.count(distinct=[Picture.flag]),
            Picture.select(Max(Picture.size)), Picture.select(Max(Picture.flag)), Picture.select(Length(Picture.flag)),
            Picture.select(Upper(Picture.flag)), Picture.select(Count()).group_by(Picture.owner),
            Picture.select(Picture.owner, Count()).group_by(Picture.flag), Picture.exists().where(Picture.owner == "bob"),
            Picture.select(Picture.flag).distinct(), Picture.select(Picture.id).order_by(Picture.flag).first(),
        ):  # fmt: skip
            await told.run(query.run())


@code("updated-by-piccolo", "rows of others by Piccolo's UPDATE and DELETE", CHANGE)
async def _(w: World, told: Told) -> None:
    Picture, Page = w.Picture, w.Page
    async with w.own():
        await told.run(Picture.update({Picture.title: "mine"}, force=True).run())
        await told.run(
            Picture.update({Picture.title: "mine"}).where(Picture.id.is_in(["bob-1", "bob-open"])).run()
        )
        await told.run(Picture.update({Picture.owner: "ann"}).where(Picture.id == "bob-1").run())
        await told.run(Picture.update({Picture.title: Picture.flag}, force=True).run())
        await told.run(Picture.update({Picture.title: Picture.title + "!"}, force=True).run())
        await told.run(Picture.update({Picture.flag: "x"}, force=True).run())
        await told.run(Page.delete(force=True).run())
        await told.run(
            Picture.insert(Picture(id="x-1", owner="bob", title="x"), Picture(id="x-2", owner="ann")).run()
        )
        await told.run(Picture(id="x-3", owner="ann", folder="bob-folder-1", flag="x").save().run())


@code("json-arrow", "an arrow into a malformed value", EXISTS)
async def _(w: World, told: Told) -> None:
    Picture = w.Picture
    async with w.own():
        for query in (
            Picture.select(Picture.extra.arrow("a")), Picture.select(Picture.id).where(Picture.extra.arrow("a") == "1"),
            Picture.select(Picture.id).order_by(Picture.extra), Picture.select(Picture.extra).output(load_json=True),
        ):  # fmt: skip
            await told.run(query.run())


@code("two-faced-value", "a value that is Ann to Python and Bob to the database", CHANGE)
async def _(w: World, told: Told) -> None:
    class Two(str):
        def __conform__(self, protocol: Any) -> str:
            return "bob"

    Picture, ann = w.Picture, Two("ann")
    async with w.own():
        sql = "INSERT INTO picture (id, owner, title, keep_ended) VALUES ({}, {}, 'x', NULL)"
        await told.run(Picture.raw(sql, "x-1", ann).run())
        await told.run(Picture(id="x-2", owner=ann, title="x").save().run())
        await told.run(Picture.raw("SELECT title FROM picture WHERE owner = {}", ann).run())
        await told.run(
            Picture.raw("UPDATE picture SET title = 'x', owner = {} WHERE id = 'ann-1'", ann).run()
        )
        await told.run(Picture.raw("UPDATE picture SET title = 'x' WHERE id = {}", Two("ann-1")).run())


@code("two-faced-parent", "a parent that is Ann's to Python and Bob's to the database", CHANGE)
async def _(w: World, told: Told) -> None:
    class Two(str):
        def __conform__(self, protocol: Any) -> str:
            return "bob-1"

    async with w.own():
        sql = "INSERT INTO page (id, picture, number, keep_ended) VALUES ({}, {}, 1, NULL)"
        await told.run(w.Page.raw(sql, "x-1", Two("ann-1")).run())
        await told.run(w.Page.raw("UPDATE page SET number = 3 WHERE picture = {}", Two("ann-1")).run())
        sql = "INSERT INTO picture (id, owner, folder, keep_ended) VALUES ({}, 'ann', {}, NULL)"
        await told.run(w.Page.raw(sql, "x-2", Two("ann-folder")).run())


@code("changing-arguments", "arguments that change while they are read", CHANGE)
async def _(w: World, told: Told) -> None:
    class Changing(list[Any]):
        reads = 0

        def __getitem__(self, at: Any) -> Any:
            Changing.reads += 1
            return super().__getitem__(at) if Changing.reads < 3 or at == 0 else "bob"

    async with w.own():
        sql = "INSERT INTO picture (id, owner, title, keep_ended) VALUES (?, ?, ?, NULL)"
        for n in range(4):
            Changing.reads = n
            await told.run(w.guard.run(sql, Changing([f"x-{n}", "ann", "t"])))
            await told.run(w.guard.run("UPDATE picture SET title = ? WHERE id = ?", Changing(["t", "ann-1"])))


@code("odd-values", "values of kinds that compare in odd ways", CHANGE)
async def _(w: World, told: Told) -> None:
    async with w.own():
        for owner in (
            b"bob",
            b"ann",
            "ANN",
            "ann ",
            " ann",
            "ann\x00",
            "ann\x00bob",
            1,
            1.5,
            True,
            "\u0061nn",
        ):
            sql = "INSERT INTO folder (id, owner, name, keep_ended) VALUES (?, ?, 'x', NULL)"
            await told.run(w.guard.run(sql, (f"x-{owner!r}", owner)))
        await told.run(w.guard.run("SELECT id FROM picture WHERE owner = ?", (b"bob",)))
        await told.run(w.guard.run("SELECT id FROM folder ORDER BY id", ()))


@code("callback", "a callback of the query's, after the access")
async def _(w: World, told: Told) -> None:
    async def later(rows: Any) -> Any:
        return await w.Picture.raw("SELECT title FROM main.picture")

    async with w.own():
        await told.run(w.Picture.select(w.Picture.id).callback(later).run())
    await told.run(w.Picture.select(w.Picture.id).callback(later).run())


@code("log", "the engine told to print its statements")
async def _(w: World, told: Told) -> None:
    import contextlib
    import io

    w.engine.log_queries = w.engine.log_responses = True
    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
        async with w.own():
            await w.Picture.select(w.Picture.title)
        async with w.own(BOB):
            await w.Picture.select(w.Picture.title)
    told.add(out.getvalue())
