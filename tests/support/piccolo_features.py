"""What an embedder writes in Piccolo, one row a feature: the code is run, and stands in docs/piccolo.md.

A feature `works`: it gives what Piccolo gives over the permitted rows and fields. Or it is refused, and the
error says what to write instead. Or it is nothing that Piccolo has on SQLite.
"""

from __future__ import annotations

import textwrap
from typing import NamedTuple

__all__ = ["FEATURES", "Feature"]


class Feature(NamedTuple):
    """`code` gives its last expression's value. `says`: a part of the error where it is refused; `instead`:
    what to write, in a few words. `absent`: Piccolo itself has it on other databases only. `yet`: waits for
    the grammar."""

    section: str
    name: str
    code: str
    says: str = ""
    instead: str = ""
    absent: bool = False
    yet: bool = False


FEATURES: list[Feature] = []
_section = ""


def _start(section: str) -> None:
    global _section
    _section = section


def _works(name: str, code: str, *, yet: bool = False) -> None:
    FEATURES.append(Feature(_section, name, textwrap.dedent(code).strip(), yet=yet))


def _refused(name: str, code: str, says: str, instead: str) -> None:
    FEATURES.append(Feature(_section, name, textwrap.dedent(code).strip(), says, instead))


def _absent(name: str, code: str, instead: str) -> None:
    FEATURES.append(Feature(_section, name, textwrap.dedent(code).strip(), "", instead, absent=True))


_start("Reading rows")
_works("select", "await Picture.select()")
_works("chosen columns", "await Picture.select(Picture.title, 'size')")
_works("columns added later", "await Picture.select().columns(Picture.id, Picture.size)")
_works("all columns but some", "await Picture.select(Picture.all_columns(exclude=['label']))")
_works("`exclude_secrets`", "await Kind.select(exclude_secrets=True)")
_works("objects", "await Picture.objects()")
_works("first", "await Picture.select(Picture.title).order_by(Picture.title, Picture.id).first()")
_works("first of none", "await Picture.objects().where(Picture.size > 99).first()")
_works("get", "await Picture.objects().get(Picture.id == number(3))")
_works("exists", "[await Picture.exists().where(Picture.size == n) for n in (0, 1, 99)]")
_works("count", "[await Picture.count(), await Picture.count().where(Picture.starred.eq(True))]")
_works("count of a column", "await Picture.count(column=Picture.artist)")
_works("count of different values", "await Picture.count(distinct=[Picture.size])")
_works("count of different pairs", "await Picture.count().distinct([Picture.size, Picture.starred])")
_works("distinct", "await Picture.select(Picture.size).distinct()")
_works(
    "order", "await Picture.select(Picture.id).order_by(Picture.size, ascending=False).order_by(Picture.id)"
)
_works("limit and offset", "await Picture.select(Picture.id).order_by(Picture.id).limit(2).offset(1)")
_works(
    "callback",
    """
    await Picture.select(Picture.size).callback(lambda rows: sorted(row['size'] for row in rows))
""",
)
_works(
    "a frozen query",
    """
    query = Picture.select(Picture.title).order_by(Picture.id).freeze()
    [await query.run(), await query.run()]
""",
)
_works(
    "a frozen query of objects",
    """
    query = Picture.objects().where(Picture.starred.eq(True)).order_by(Picture.id).freeze()
    await query.run()
""",
)
_works("in sync code", "await asyncio.to_thread(lambda: Picture.select(Picture.title).run_sync())")
_works("aliases", "await Picture.select(Picture.title.as_alias('t'), Picture.size.as_alias('s'))")
_works("raw", "await Picture.raw('SELECT heading, size FROM picture WHERE size > {} ORDER BY id', 1)")
_works(
    "raw with a common table",
    """
    await Picture.raw('WITH big AS (SELECT * FROM picture WHERE size > {}) SELECT count(*) AS n FROM big', 1)
""",
)
_works(
    "raw with a union",
    """
    await Picture.raw('SELECT heading AS word FROM picture UNION SELECT word FROM tag ORDER BY word')
""",
)
_refused(
    "in random order",
    "await Picture.select().order_by(QueryString('random()'))",
    "random",
    "read the keys, shuffle them in Python",
)
_refused(
    "the clock of the database",
    "await Picture.raw(\"SELECT datetime('now') AS n\")",
    "now",
    "pass the time as a value",
)
_refused(
    "in batches",
    """
    async with await Picture.select().batch(batch_size=2) as batch:
        async for rows in batch:
            pass
""",
    "guard.stream",
    "`async for rows in guard.stream(query, page=…):`",
)
_absent("`as_of`", "await Picture.select().as_of('-1s')", "CockroachDB only")
_absent("distinct on columns", "await Picture.select().distinct(on=[Picture.size])", "PostgreSQL only")
_absent("lock rows", "await Picture.select().lock_rows()", "PostgreSQL only; a transaction holds the writer")

_start("Conditions")
_works(
    "comparisons",
    """
    await Picture.select(Picture.id).where(
        (Picture.size > 1) & (Picture.size <= 4) | (Picture.title == 'picture c') & (Picture.size != 0)
    )
""",
)
_works(
    "several wheres",
    "await Picture.select(Picture.id).where(Picture.size > 0).where(Picture.starred.eq(False))",
)
_works(
    "is in, not in",
    """
    [await Picture.select(Picture.id).where(Picture.size.is_in([1, 2])),
     await Picture.select(Picture.id).where(Picture.size.not_in([1, 2]))]
""",
)
_works(
    "in a subquery",
    """
    await Picture.select(Picture.title).where(
        Picture.artist.is_in(Artist.select(Artist.id).where(Artist.name.like('%1%')))
    )
""",
)
_works(
    "in a subquery, as text",
    """
    await Picture.raw(
        'SELECT id FROM picture WHERE EXISTS (SELECT 1 FROM pin WHERE pin.picture = picture.id)'
    )
""",
)
_works(
    "is null",
    """
    [await Picture.count().where(Picture.artist.is_null()),
     await Picture.count().where(Picture.artist.is_not_null())]
""",
)
_works(
    "like",
    """
    [await Picture.select(Picture.id).where(Picture.title.like('% a')),
     await Picture.select(Picture.id).where(Picture.title.ilike('PICTURE B')),
     await Picture.select(Picture.id).where(Picture.title.not_like('% a'))]
""",
)
_works(
    "raw conditions",
    """
    [await Picture.select(Picture.id).where(WhereRaw('size > {}', 1)),
     await Picture.select(Picture.id).where(WhereRaw('size > 1') & (Picture.starred.eq(False)))]
""",
)
_works("columns compared", "await Picture.select(Picture.id).where(Picture.size == Picture.collected_under)")
_works(
    "an object as value",
    """
    artist = await Artist.objects().get(Artist.id == 1)
    await Picture.select(Picture.id).where(Picture.artist == artist)
""",
)
_works("an enum as value", "await Kind.select(Kind.id, Kind.mood).where(Kind.mood == Mood.wild)")
_works("any of many", "await Kind.select(Kind.id).where(Kind.day > date(2026, 3, 1))")

_start("Joined tables")
_works(
    "columns of joined tables",
    """
    await Picture.select(Picture.id, Picture.artist.name, Picture.artist.studio.name)
""",
)
_works(
    "all columns of a joined table",
    """
    await Picture.select(Picture.id, *Picture.artist.all_columns(), Picture.artist.studio.all_columns())
""",
)
_works(
    "conditions on joined tables",
    """
    await Picture.select(Picture.id).where(
        (Picture.artist.studio.name == 'studio 1') | (Picture.artist.name == 'artist 2')
    )
""",
)
_works(
    "order by a joined column",
    """
    await Picture.select(Picture.id).order_by(Picture.artist.name, Picture.id)
""",
)
_works(
    "nested output",
    """
    await Picture.select(Picture.id, Picture.artist.name, Picture.artist.studio.name).output(nested=True)
""",
)
_works("prefetch", "await Picture.objects(Picture.artist)")
_works("prefetch, several levels", "await Picture.objects(Picture.artist, Picture.artist.studio)")
_works("prefetch later", "await Artist.objects().prefetch(Artist.studio).order_by(Artist.id)")
_works("all related", "await Pin.objects(Pin.all_related())")
_works(
    "`get_related`",
    """
    pictures = await Picture.objects().order_by(Picture.id)
    [await picture.get_related(Picture.artist) for picture in pictures]
""",
)
_works(
    "`get_related`, several levels",
    """
    picture = await Picture.objects().get(Picture.id == number(1))
    await picture.get_related(Picture.artist.studio)
""",
)
_works(
    "the rows that point here",
    """
    artist = await Artist.objects().get(Artist.id == 1)
    await Picture.objects().where(Picture.artist == artist).order_by(Picture.id)
""",
)
_works(
    "joins as text",
    """
    await Picture.raw(
        'SELECT p.heading, a.name FROM picture AS p JOIN artist AS a ON a.id = p.artist ORDER BY p.id'
    )
""",
)

_start("Many to many")
_works("as objects", "await Picture.select(Picture.id, Picture.tags(Tag.id, Tag.word)).order_by(Picture.id)")
_works("one column", "await Picture.select(Picture.id, Picture.tags(Tag.id)).order_by(Picture.id)")
_works(
    "as a list", "await Picture.select(Picture.id, Picture.tags(Tag.word, as_list=True)).order_by(Picture.id)"
)
_works(
    "values that need a converter",
    """
    await Picture.select(Picture.id, Picture.tags(Tag.weight, as_list=True)).order_by(Picture.id)
""",
)
_works(
    "from the other side",
    "await Tag.select(Tag.word, Tag.pictures(Picture.id, Picture.title)).order_by(Tag.id)",
)
_works(
    "`get_m2m`",
    """
    picture = await Picture.objects().get(Picture.id == number(1))
    await picture.get_m2m(Picture.tags)
""",
)
_works(
    "`add_m2m`",
    """
    picture = await Picture.objects().get(Picture.id == number(3))
    await picture.add_m2m(
        Tag(owner='ann', word='new'), m2m=Picture.tags, extra_column_values={Pin.reason: 'because'}
    )
    await picture.get_m2m(Picture.tags)
""",
)
_works(
    "`remove_m2m`",
    """
    picture = await Picture.objects().get(Picture.id == number(1))
    tag = await Tag.objects().get(Tag.word == 'sea')
    await picture.remove_m2m(tag, m2m=Picture.tags)
    await picture.get_m2m(Picture.tags)
""",
)

_start("Functions and groups")
_works(
    "group by",
    """
    await Picture.select(
        Picture.starred, Count(alias='n')
    ).group_by(Picture.starred).order_by(Picture.starred)
""",
)
_works(
    "group by a joined column",
    """
    await Picture.select(Picture.artist.name, Count()).group_by(Picture.artist.name)
""",
)
_works(
    "group by an expression",
    """
    await Picture.select(Upper(Picture.title, alias='t'), Count()).group_by(QueryString('t'))
""",
)
_works(
    "maximum, minimum, sum, average",
    """
    await Picture.select(
        Max(Picture.size), Min(Picture.size), Sum(Picture.size, alias='s'), Avg(Picture.size).as_alias('mean')
    )
""",
)
_works("count of different values, as a function", "await Picture.select(Count(distinct=[Picture.size]))")
_works(
    "text functions",
    """
    await Picture.select(
        Upper(Picture.title), Lower(Picture.artist.name), Length(Picture.title, alias='n'),
        Replace(Picture.title, 'picture', 'image', alias='r'), Ltrim(Picture.title, alias='l'),
    )
""",
)
_works(
    "functions in conditions", "await Picture.select(Picture.id).where(Upper(Picture.title) == 'PICTURE A')"
)
_works("cast", "await Picture.select(Cast(Picture.size, as_type=Varchar(), alias='s'))", yet=True)
_works("round, absolute", "await Kind.select(Round(Kind.third, alias='r'), Abs(Kind.small, alias='a'))")
_works(
    "coalesce",
    "await Picture.select(Coalesce(Picture.artist, 0, alias='a'), (Picture.artist | 7).as_alias('b'))",
)
_works("null if", "await Picture.select(NullIf(Picture.size, 1, alias='s'))")
_works(
    "ceiling, floor", "await Kind.select(Ceil(Kind.third, alias='c'), Floor(Kind.third, alias='f'))", yet=True
)
_works(
    "parts of dates",
    """
    await Kind.select(Year(Kind.day, alias='y'), Month(Kind.at, alias='m'), Day(Kind.day, alias='d'))
""",
)
_works("arithmetic in a select", "await Picture.select(QueryString('{} + {}', Picture.size, 1, alias='n'))")
_refused(
    "concat",
    "await Picture.select(Concat(Picture.title, 'x', alias='c'))",
    "CONCAT",
    "`QueryString('{} || {}', Picture.title, 'x', alias='c')`",
)
_works(
    "texts joined in a select", "await Picture.select(QueryString('{} || {}', Picture.title, 'x', alias='c'))"
)

_start("Output and JSON")
_works(
    "as JSON", "await Picture.select(Picture.title, Picture.size).order_by(Picture.id).output(as_json=True)"
)
_works("as a list", "await Picture.select(Picture.title).order_by(Picture.id).output(as_list=True)")
_works("JSON loaded", "await Picture.select(Picture.id, Picture.meta).output(load_json=True)")
_works("JSON loaded into objects", "await Picture.objects().output(load_json=True)")
_works(
    "JSON loaded, of a joined table",
    "await Pin.select(Pin.id, Pin.picture.meta).output(load_json=True, nested=True)",
)
_works(
    "an element of a JSON column",
    """
    await Picture.select(Picture.id, Picture.meta.arrow('width').as_alias('w')).output(load_json=True)
""",
)
_works(
    "deep in a JSON column",
    """
    await Picture.select(Picture.id, Picture.meta.arrow('deep').arrow('list').as_alias('l'))
""",
)
_works(
    "a condition on a JSON column",
    """
    await Picture.select(Picture.id).where(Picture.meta.arrow('width') == 30)
""",
)
_works(
    "JSON functions in text",
    """
    await Picture.raw("SELECT json_extract(meta, '$.width') AS w FROM picture ORDER BY w")
""",
)
_works(
    "a condition on the whole of a JSON column",
    """
    whole = {'width': 10, 'deep': {'list': [1, 2]}, 'word': 'w1'}
    await Picture.select(Picture.id).where(Picture.meta == whole)
""",
)
_refused(
    "`from_path`",
    "await Picture.select(Picture.meta.from_path(['deep', 'list', 0]))",
    "arrow",
    "`.arrow('deep').arrow('list')`; `#>` is PostgreSQL's",
)

_start("Types")
_works("every type is read as it was written", "await Kind.select().order_by(Kind.id)")
_works("every type in objects", "await Kind.objects().order_by(Kind.id)")
_works(
    "every type is written",
    """
    kind = Kind(
        id=number(90), owner='ann', small=-3, big=2**62, half=2.5, third=0.1, price=Decimal('9.99'), on=False,
        at=datetime(2020, 2, 29, 1, 2, 3, 4000), at_zone=datetime(2020, 2, 29, 1, 2, 3, tzinfo=utc),
        day=date(1999, 12, 31), hour=time(1, 2, 3), wait=timedelta(hours=5), blob=b'', words=['x', 'y'],
        days=[date(2000, 1, 1)], grid=[[1], [2, 3]], data={'a': [1, None]}, dense=[1], mood=Mood.wild,
        hidden='psst', mail='c@d.example',
    )
    await kind.save()
    await Kind.objects().get(Kind.id == number(90))
""",
)
_works(
    "conditions on types",
    """
    [await Kind.select(Kind.id).where(column == value) for column, value in (
        (Kind.price, Decimal('0.75')), (Kind.on, True), (Kind.day, date(2026, 3, 2)),
        (Kind.hour, time(23, 59, 1)),
        (Kind.wait, timedelta(days=1, seconds=2)), (Kind.blob, bytes([3, 0, 255])), (Kind.words, ['a', 'w3']),
        (Kind.at, datetime(2026, 1, 3, 3, 4, 5, 600000)), (Kind.big, 2**53 + 1), (Kind.mail, 'a@b.example'),
        (Kind.at_zone, datetime(2026, 1, 2, 3, 4, 5, tzinfo=utc)),
    )]
""",
)
_works(
    "types of joined and computed values",
    """
    [await Kind.select(Max(Kind.day, alias='d'), Min(Kind.price, alias='p')),
     await Kind.raw('SELECT day, price, "on", words, at FROM kind ORDER BY id')]
""",
)

_start("Writing")
_works(
    "save a new row",
    """
    picture = Picture(id=number(50), owner='ann', title='fifty', note='words', meta={'a': 1})
    await picture.save()
    [await Picture.count(), await Picture.objects().get(Picture.id == number(50))]
""",
)
_works(
    "save a row that is there",
    """
    picture = await Picture.objects().get(Picture.id == number(3))
    picture.title, picture.size, picture.meta = 'again', 12, {'b': 2}
    await picture.save()
    await Picture.objects().get(Picture.id == number(3))
""",
)
_works(
    "save some columns",
    """
    picture = await Picture.objects().get(Picture.id == number(3))
    picture.title, picture.size = 'again', 12
    await picture.save(columns=[Picture.title])
    await picture.save(['size'])
    await Picture.select().order_by(Picture.id)
""",
)
_works(
    "create",
    """
    artist = await Artist.objects().create(owner='ann', name='new', studio=1)
    [artist, await Artist.select()]
""",
)
_works(
    "remove",
    """
    picture = await Picture.objects().get(Picture.id == number(5))
    await Pin.delete().where(Pin.picture == picture)
    await picture.remove()
    await Picture.select(Picture.id)
""",
)
_works(
    "insert many",
    """
    await Tag.insert(Tag(owner='ann', word='a1'), Tag(owner='ann', word='a2')).add(
        Tag(owner='ann', word='a3')
    )
""",
)
_works(
    "insert, returning columns",
    """
    await Tag.insert(Tag(owner='ann', word='a1', weight=Decimal('0.5'))).returning(
        Tag.id, Tag.word, Tag.weight
    )
""",
    yet=True,
)
_works("insert, returning a bare row", "await Picture.insert(Picture(id=number(51), owner='ann', title='x'))")
_works(
    "insert with a key that is taken",
    """
    try:
        await Picture.insert(Picture(id=number(1), owner='ann', title='x'))
    except Exception:
        pass
    await Picture.select()
""",
)
_works("update", "await Picture.update({Picture.title: 'new', 'size': 3}).where(Picture.starred.eq(True))")
_works("update by keywords", "await Picture.update(title='new').where(Picture.id == number(1))")
_works("update everything", "await Picture.update({Picture.size: 5}, force=True)")
_works(
    "update without a condition raises",
    """
    try:
        await Picture.update({Picture.size: 5})
    except Exception as error:
        answer = type(error).__name__
    answer
""",
)
_works(
    "arithmetic",
    """
    await Picture.update({Picture.size: Picture.size * 2 + 1}).where(Picture.size > 0)
    await Picture.update({Picture.size: 100 - Picture.size}, force=True)
    await Picture.select(Picture.id, Picture.size)
""",
)
_works(
    "texts joined",
    """
    await Picture.update({Picture.title: Picture.title + '!'}).where(Picture.size > 1)
    await Picture.update({Picture.title: '*' + Picture.title}, force=True)
    await Picture.select(Picture.title)
""",
)
_works(
    "dates moved",
    """
    await Kind.update({
        Kind.day: Kind.day + timedelta(days=2), Kind.at: Kind.at - timedelta(hours=3),
    }, force=True)
    await Kind.select(Kind.day, Kind.at)
""",
)
_works(
    "update where a joined column is",
    """
    await Picture.update({Picture.size: 9}).where(Picture.artist.studio.name == 'studio 1')
    await Picture.select(Picture.id, Picture.size)
""",
)
_works(
    "update, returning columns",
    """
    await Picture.update({Picture.size: Picture.size + 1}).where(Picture.size > 1).returning(
        Picture.id, Picture.size, Picture.title
    )
""",
    yet=True,
)
_works(
    "update, returning the key",
    """
    await Picture.update({Picture.size: 1}).where(Picture.size > 1).returning(Picture.id)
""",
)
_works(
    "`update_self`",
    """
    picture = await Picture.objects().get(Picture.id == number(3))
    await picture.update_self({Picture.size: Picture.size + 5, Picture.title: 'self'})
    [picture.size, picture.title, await Picture.select(Picture.id, Picture.size)]
""",
    yet=True,
)
_works(
    "`refresh`",
    """
    picture = await Picture.objects().get(Picture.id == number(3))
    await Picture.update({Picture.title: 'fresh'}).where(Picture.id == number(3))
    await picture.refresh()
    picture
""",
)
_works(
    "`refresh` of some columns",
    """
    picture = await Picture.objects().get(Picture.id == number(3))
    await Picture.update({Picture.title: 'fresh', Picture.size: 77}).where(Picture.id == number(3))
    await picture.refresh([Picture.title])
    picture
""",
)
_works(
    "`refresh` with what was prefetched",
    """
    picture = await Picture.objects(Picture.artist, Picture.artist.studio).get(Picture.id == number(1))
    await Artist.update({Artist.name: 'renamed'}).where(Artist.id == 1)
    await picture.refresh()
    picture
""",
)
_works(
    "`refresh` where a link leads nowhere",
    """
    picture = await Picture.objects(Picture.artist, Picture.artist.studio).get(Picture.id == number(1))
    await Picture.update({Picture.artist: None}).where(Picture.id == number(1))
    await picture.refresh()
    picture
""",
)
_works(
    "`refresh` with JSON loaded",
    """
    picture = await Picture.objects().get(Picture.id == number(3))
    await picture.refresh(load_json=True)
    picture.meta
""",
)
_works(
    "delete",
    """
    await Pin.delete().where(Pin.reason.is_in(['r1', 'r5', 'r3']))
    await Pin.select()
""",
)
_works("delete everything", "await Pin.delete(force=True)")
_works(
    "delete where a joined column is",
    """
    await Pin.delete().where(Pin.tag.word == 'sea')
    await Pin.select(Pin.id)
""",
)
_works("delete, returning the key", "await Pin.delete().where(Pin.reason == 'r1').returning(Pin.id)")
_works(
    "delete, returning columns",
    """
    await Pin.delete().where(Pin.reason == 'r1').returning(Pin.id, Pin.reason)
""",
    yet=True,
)
_works(
    "`get_or_create` of a row that is there",
    """
    picture = await Picture.objects().get_or_create(Picture.id == number(3), {Picture.owner: 'ann'})
    [picture, picture._was_created]
""",
)
_works(
    "`get_or_create` of a new row",
    """
    picture = await Picture.objects().get_or_create(
        (Picture.id == number(60)) & (Picture.title == 'sixty'), {Picture.owner: 'ann', Picture.size: 6}
    )
    [picture, picture._was_created]
""",
)
_works(
    "`get_or_create` with prefetch",
    """
    picture = await Picture.objects(Picture.artist).get_or_create(
        Picture.id == number(61), {Picture.owner: 'ann', Picture.title: 'x', Picture.artist: 1}
    )
    [picture, picture._was_created]
""",
)
_works(
    "the row of somebody else",
    """
    await Picture.update({Picture.title: 'mine'}).where(Picture.owner == 'bob')
    await Pin.delete().where(Pin.owner == 'bob')
    await Picture.select(Picture.title)
""",
)

_start("Conflicts")
_works(
    "do nothing",
    """
    await Tag.insert(Tag(owner='ann', word='sea'), Tag(owner='ann', word='new')).on_conflict(
        action='DO NOTHING'
    )
    await Tag.select(Tag.word).order_by(Tag.word)
""",
    yet=True,
)
_works(
    "do nothing, of one column",
    """
    await Tag.insert(Tag(owner='ann', word='sea')).on_conflict(target=Tag.word, action='DO NOTHING')
    await Tag.select(Tag.word).order_by(Tag.word)
""",
    yet=True,
)
_works(
    "update with the new values",
    """
    await Tag.insert(Tag(owner='ann', word='sea', weight=Decimal('9'))).on_conflict(
        target=Tag.word, action='DO UPDATE', values=[Tag.weight]
    )
    await Tag.select().order_by(Tag.word)
""",
    yet=True,
)
_works(
    "update with other values",
    """
    await Tag.insert(Tag(owner='ann', word='sea')).on_conflict(
        target=Tag.word, action='DO UPDATE', values=[(Tag.weight, Decimal('7'))]
    )
    await Tag.select().order_by(Tag.word)
""",
    yet=True,
)
_works(
    "update where",
    """
    await Tag.insert(Tag(owner='ann', word='sea', weight=Decimal('9'))).on_conflict(
        target=Tag.word, action='DO UPDATE', values=[Tag.weight], where=Tag.weight > 5
    )
    await Tag.select().order_by(Tag.word)
""",
    yet=True,
)
_works(
    "by the key",
    """
    await Picture.insert(Picture(id=number(1), owner='ann', title='new', size=4)).on_conflict(
        target=Picture.id, action='DO UPDATE', values=[Picture.title, Picture.size]
    )
    await Picture.select(Picture.id, Picture.title, Picture.size).order_by(Picture.id)
""",
    yet=True,
)

_start("Transactions")
_works(
    "a transaction",
    """
    async with engine.transaction():
        await Tag.insert(Tag(owner='ann', word='in'))
        await Tag.update({Tag.word: 'out'}).where(Tag.word == 'in')
    await Tag.select(Tag.word).order_by(Tag.word)
""",
)
_works(
    "rolled back",
    """
    try:
        async with engine.transaction():
            await Tag.delete().where(Tag.word == 'fen')
            await Tag.insert(Tag(owner='ann', word='in'))
            raise KeyError
    except KeyError:
        pass
    await Tag.select(Tag.word).order_by(Tag.word)
""",
)
_works(
    "savepoints",
    """
    async with engine.transaction() as transaction:
        await Tag.insert(Tag(owner='ann', word='one'))
        point = await transaction.savepoint()
        await Tag.insert(Tag(owner='ann', word='two'))
        await point.rollback_to()
    await Tag.select(Tag.word).order_by(Tag.word)
""",
)
_works(
    "atomic",
    """
    atomic = engine.atomic()
    atomic.add(Tag.insert(Tag(owner='ann', word='one')), Tag.delete().where(Tag.word == 'one'))
    await atomic.run()
    await Tag.select(Tag.word).order_by(Tag.word)
""",
)
_works(
    "`transaction_exists`",
    """
    async with engine.transaction():
        answer = engine.transaction_exists()
    [answer, engine.transaction_exists()]
""",
)

_start("The schema")
for _name, _code in (
    ("create a table", "await Tag.create_table(if_not_exists=True)"),
    ("alter a table", "await Tag.alter().rename_column(Tag.word, 'term')"),
    ("drop a table", "await Pin.alter().drop_table()"),
    ("an index", "await Tag.create_index([Tag.word])"),
):
    _refused(_name, _code, "guard.maintenance", "under `guard.maintenance(reason, ticket, until)`")
_refused(
    "whether a table exists",
    "await Tag.table_exists()",
    "guard.maintenance",
    "under `guard.maintenance(reason, ticket, until)`",
)
_refused(
    "the catalogue as text",
    "await Tag.raw('SELECT name FROM sqlite_master')",
    "not a governed table",
    "under `guard.maintenance(reason, ticket, until)`",
)
_refused("a pragma", "await Tag.raw('PRAGMA table_info(tag)')", "pragmas", "outside the guard")
_refused("a connection", "await engine.get_connection()", "not handed out", "queries, `Table.raw(…)`")
