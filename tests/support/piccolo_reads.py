"""What an embedder reads in Piccolo."""

from __future__ import annotations

from tests.support.piccolo_feature import Section

__all__ = ["READS"]

_reading_rows = Section("Reading rows")
_reading_rows.works("select", "await Picture.select()")
_reading_rows.works("chosen columns", "await Picture.select(Picture.title, 'size')")
_reading_rows.works("columns added later", "await Picture.select().columns(Picture.id, Picture.size)")
_reading_rows.works("all columns but some", "await Picture.select(Picture.all_columns(exclude=['label']))")
_reading_rows.works("`exclude_secrets`", "await Kind.select(exclude_secrets=True)")
_reading_rows.works("objects", "await Picture.objects()")
_reading_rows.works(
    "first", "await Picture.select(Picture.title).order_by(Picture.title, Picture.id).first()"
)
_reading_rows.works("first of none", "await Picture.objects().where(Picture.size > 99).first()")
_reading_rows.works("get", "await Picture.objects().get(Picture.id == number(3))")
_reading_rows.works("exists", "[await Picture.exists().where(Picture.size == n) for n in (0, 1, 99)]")
_reading_rows.works("count", "[await Picture.count(), await Picture.count().where(Picture.starred.eq(True))]")
_reading_rows.works("count of a column", "await Picture.count(column=Picture.artist)")
_reading_rows.works("count of different values", "await Picture.count(distinct=[Picture.size])")
_reading_rows.works(
    "count of different pairs", "await Picture.count().distinct([Picture.size, Picture.starred])"
)
_reading_rows.works("distinct", "await Picture.select(Picture.size).distinct()")
_reading_rows.works(
    "order", "await Picture.select(Picture.id).order_by(Picture.size, ascending=False).order_by(Picture.id)"
)
_reading_rows.works(
    "limit and offset", "await Picture.select(Picture.id).order_by(Picture.id).limit(2).offset(1)"
)
_reading_rows.works(
    "callback",
    """
    await Picture.select(Picture.size).callback(lambda rows: sorted(row['size'] for row in rows))
""",
)
_reading_rows.works(
    "a frozen query",
    """
    query = Picture.select(Picture.title).order_by(Picture.id).freeze()
    [await query.run(), await query.run()]
""",
)
_reading_rows.works(
    "a frozen query of objects",
    """
    query = Picture.objects().where(Picture.starred.eq(True)).order_by(Picture.id).freeze()
    await query.run()
""",
)
_reading_rows.works(
    "in sync code", "await asyncio.to_thread(lambda: Picture.select(Picture.title).run_sync())"
)
_reading_rows.works(
    "aliases", "await Picture.select(Picture.title.as_alias('t'), Picture.size.as_alias('s'))"
)
_reading_rows.works(
    "raw", "await Picture.raw('SELECT heading, size FROM picture WHERE size > {} ORDER BY id', 1)"
)
_reading_rows.works(
    "raw with a common table",
    """
    await Picture.raw('WITH big AS (SELECT * FROM picture WHERE size > {}) SELECT count(*) AS n FROM big', 1)
""",
)
_reading_rows.works(
    "raw with a union",
    """
    await Picture.raw('SELECT heading AS word FROM picture UNION SELECT word FROM tag ORDER BY word')
""",
)
_reading_rows.refused(
    "in random order",
    "await Picture.select().order_by(QueryString('random()'))",
    "random",
    "read the keys, shuffle them in Python",
)
_reading_rows.refused(
    "the clock of the database",
    "await Picture.raw(\"SELECT datetime('now') AS n\")",
    "now",
    "pass the time as a value",
)
_reading_rows.refused(
    "in batches",
    """
    async with await Picture.select().batch(batch_size=2) as batch:
        async for rows in batch:
            pass
""",
    "guard.stream",
    "`async for rows in guard.stream(query, page=…):`",
)
_reading_rows.absent("`as_of`", "await Picture.select().as_of('-1s')", "CockroachDB only")
_reading_rows.absent(
    "distinct on columns", "await Picture.select().distinct(on=[Picture.size])", "PostgreSQL only"
)
_reading_rows.works(
    "as a dictionary",
    """
    picture = await Picture.objects().get(Picture.id == number(1))
    picture.to_dict(Picture.id, Picture.title.as_alias('t'))
""",
)
_reading_rows.works("readable names", "await Picture.select(Picture.id, Picture.get_readable())")
_reading_rows.absent(
    "lock rows", "await Picture.select().lock_rows()", "PostgreSQL only; a transaction holds the writer"
)

_conditions = Section("Conditions")
_conditions.works(
    "comparisons",
    """
    await Picture.select(Picture.id).where(
        (Picture.size > 1) & (Picture.size <= 4) | (Picture.title == 'picture c') & (Picture.size != 0)
    )
""",
)
_conditions.works(
    "several wheres",
    "await Picture.select(Picture.id).where(Picture.size > 0).where(Picture.starred.eq(False))",
)
_conditions.works(
    "is in, not in",
    """
    [await Picture.select(Picture.id).where(Picture.size.is_in([1, 2])),
     await Picture.select(Picture.id).where(Picture.size.not_in([1, 2]))]
""",
)
_conditions.works(
    "in a subquery",
    """
    await Picture.select(Picture.title).where(
        Picture.artist.is_in(Artist.select(Artist.id).where(Artist.name.like('%1%')))
    )
""",
)
_conditions.works(
    "in a subquery, as text",
    """
    await Picture.raw(
        'SELECT id FROM picture WHERE EXISTS (SELECT 1 FROM pin WHERE pin.picture = picture.id)'
    )
""",
)
_conditions.works(
    "is null",
    """
    [await Picture.count().where(Picture.artist.is_null()),
     await Picture.count().where(Picture.artist.is_not_null())]
""",
)
_conditions.works(
    "like",
    """
    [await Picture.select(Picture.id).where(Picture.title.like('% a')),
     await Picture.select(Picture.id).where(Picture.title.ilike('PICTURE B')),
     await Picture.select(Picture.id).where(Picture.title.not_like('% a'))]
""",
)
_conditions.works(
    "raw conditions",
    """
    [await Picture.select(Picture.id).where(WhereRaw('size > {}', 1)),
     await Picture.select(Picture.id).where(WhereRaw('size > 1') & (Picture.starred.eq(False)))]
""",
)
_conditions.works(
    "not in a subquery",
    """
    await Picture.select(Picture.id).where(Picture.id.not_in(Pin.select(Pin.picture)))
""",
)
_conditions.works(
    "between, by two comparisons",
    """
    await Picture.select(Picture.id).where(Picture.size >= 1, Picture.size <= 4)
""",
)
_conditions.works(
    "the same condition on a joined column, twice",
    """
    await Pin.select(Pin.id).where((Pin.picture.artist.name == 'artist 1') | Pin.picture.artist.is_null())
""",
)
_conditions.works(
    "columns compared", "await Picture.select(Picture.id).where(Picture.size == Picture.collected_under)"
)
_conditions.works(
    "an object as value",
    """
    artist = await Artist.objects().get(Artist.id == 1)
    await Picture.select(Picture.id).where(Picture.artist == artist)
""",
)
_conditions.works("an enum as value", "await Kind.select(Kind.id, Kind.mood).where(Kind.mood == Mood.wild)")
_conditions.works("any of many", "await Kind.select(Kind.id).where(Kind.day > date(2026, 3, 1))")

_joined_tables = Section("Joined tables")
_joined_tables.works(
    "columns of joined tables",
    """
    await Picture.select(Picture.id, Picture.artist.name, Picture.artist.studio.name)
""",
)
_joined_tables.works(
    "all columns of a joined table",
    """
    await Picture.select(Picture.id, *Picture.artist.all_columns(), Picture.artist.studio.all_columns())
""",
)
_joined_tables.works(
    "conditions on joined tables",
    """
    await Picture.select(Picture.id).where(
        (Picture.artist.studio.name == 'studio 1') | (Picture.artist.name == 'artist 2')
    )
""",
)
_joined_tables.works(
    "order by a joined column",
    """
    await Picture.select(Picture.id).order_by(Picture.artist.name, Picture.id)
""",
)
_joined_tables.works(
    "nested output",
    """
    await Picture.select(Picture.id, Picture.artist.name, Picture.artist.studio.name).output(nested=True)
""",
)
_joined_tables.works("prefetch", "await Picture.objects(Picture.artist)")
_joined_tables.works(
    "prefetch, several levels", "await Picture.objects(Picture.artist, Picture.artist.studio)"
)
_joined_tables.works("prefetch later", "await Artist.objects().prefetch(Artist.studio).order_by(Artist.id)")
_joined_tables.works(
    "a table joined to itself",
    """
    await Artist.select(
        Artist.name, Artist.label, Artist.mentor.name, Artist.mentor.label
    ).output(nested=True)
""",
)
_joined_tables.works("prefetch of the same table", "await Artist.objects(Artist.mentor, Artist.studio)")
_joined_tables.works(
    "`join_on`", "await Picture.select(Picture.id, Picture.visibility.join_on(Tag.word).weight)"
)
_joined_tables.works("all related", "await Pin.objects(Pin.all_related())")
_joined_tables.works(
    "`get_related`",
    """
    pictures = await Picture.objects().order_by(Picture.id)
    [await picture.get_related(Picture.artist) for picture in pictures]
""",
)
_joined_tables.works(
    "`get_related`, several levels",
    """
    picture = await Picture.objects().get(Picture.id == number(1))
    await picture.get_related(Picture.artist.studio)
""",
)
_joined_tables.works(
    "`get_related` where a link leads nowhere",
    """
    artists = await Artist.objects().order_by(Artist.id)
    [await artist.get_related(Artist.mentor) for artist in artists]
""",
)
_joined_tables.works(
    "the rows that point here",
    """
    artist = await Artist.objects().get(Artist.id == 1)
    await Picture.objects().where(Picture.artist == artist).order_by(Picture.id)
""",
)
_joined_tables.works(
    "joins as text",
    """
    await Picture.raw(
        'SELECT p.heading, a.name FROM picture AS p JOIN artist AS a ON a.id = p.artist ORDER BY p.id'
    )
""",
)

_many_to_many = Section("Many to many")
_many_to_many.works(
    "as objects", "await Picture.select(Picture.id, Picture.tags(Tag.id, Tag.word)).order_by(Picture.id)"
)
_many_to_many.works(
    "one column", "await Picture.select(Picture.id, Picture.tags(Tag.id)).order_by(Picture.id)"
)
_many_to_many.works(
    "as a list", "await Picture.select(Picture.id, Picture.tags(Tag.word, as_list=True)).order_by(Picture.id)"
)
_many_to_many.works(
    "values that need a converter",
    """
    await Picture.select(Picture.id, Picture.tags(Tag.weight, as_list=True)).order_by(Picture.id)
""",
)
_many_to_many.works(
    "from the other side",
    "await Tag.select(Tag.word, Tag.pictures(Picture.id, Picture.title)).order_by(Tag.id)",
)
_many_to_many.works(
    "`get_m2m`",
    """
    picture = await Picture.objects().get(Picture.id == number(1))
    await picture.get_m2m(Picture.tags)
""",
)
_many_to_many.works(
    "`add_m2m`",
    """
    picture = await Picture.objects().get(Picture.id == number(3))
    await picture.add_m2m(
        Tag(owner='ann', word='new'), m2m=Picture.tags, extra_column_values={Pin.reason: 'because'}
    )
    await picture.get_m2m(Picture.tags)
""",
)
_many_to_many.works(
    "`remove_m2m`",
    """
    picture = await Picture.objects().get(Picture.id == number(1))
    tag = await Tag.objects().get(Tag.word == 'sea')
    await picture.remove_m2m(tag, m2m=Picture.tags)
    await picture.get_m2m(Picture.tags)
""",
)

_functions_and_groups = Section("Functions and groups")
_functions_and_groups.works(
    "group by",
    """
    await Picture.select(
        Picture.starred, Count(alias='n')
    ).group_by(Picture.starred).order_by(Picture.starred)
""",
)
_functions_and_groups.works(
    "having",
    """
    await Picture.select(Picture.size, Count(alias='n')).group_by(Picture.size).having(Count() > 1)
""",
)
_functions_and_groups.works(
    "group by a joined column",
    """
    await Picture.select(Picture.artist.name, Count()).group_by(Picture.artist.name)
""",
)
_functions_and_groups.works(
    "group by an expression",
    """
    await Picture.select(Upper(Picture.title, alias='t'), Count()).group_by(QueryString('t'))
""",
)
_functions_and_groups.works(
    "maximum, minimum, sum, average",
    """
    await Picture.select(
        Max(Picture.size), Min(Picture.size), Sum(Picture.size, alias='s'), Avg(Picture.size).as_alias('mean')
    )
""",
)
_functions_and_groups.works(
    "count of different values, as a function", "await Picture.select(Count(distinct=[Picture.size]))"
)
_functions_and_groups.works(
    "text functions",
    """
    await Picture.select(
        Upper(Picture.title), Lower(Picture.artist.name), Length(Picture.title, alias='n'),
        Replace(Picture.title, 'picture', 'image', alias='r'), Ltrim(Picture.title, alias='l'),
    )
""",
)
_functions_and_groups.works(
    "functions in conditions", "await Picture.select(Picture.id).where(Upper(Picture.title) == 'PICTURE A')"
)
_functions_and_groups.works("cast", "await Picture.select(Cast(Picture.size, as_type=Varchar(), alias='s'))")
_functions_and_groups.works(
    "round, absolute", "await Kind.select(Round(Kind.third, alias='r'), Abs(Kind.small, alias='a'))"
)
_functions_and_groups.works(
    "coalesce",
    "await Picture.select(Coalesce(Picture.artist, 0, alias='a'), (Picture.artist | 7).as_alias('b'))",
)
_functions_and_groups.works("null if", "await Picture.select(NullIf(Picture.size, 1, alias='s'))")
_functions_and_groups.works(
    "ceiling, floor", "await Kind.select(Ceil(Kind.third, alias='c'), Floor(Kind.third, alias='f'))"
)
_functions_and_groups.works(
    "parts of dates",
    """
    await Kind.select(Year(Kind.day, alias='y'), Month(Kind.at, alias='m'), Day(Kind.day, alias='d'))
""",
)
_functions_and_groups.works(
    "arithmetic in a select", "await Picture.select(QueryString('{} + {}', Picture.size, 1, alias='n'))"
)
_functions_and_groups.refused(
    "concat",
    "await Picture.select(Concat(Picture.title, 'x', alias='c'))",
    "CONCAT",
    "`QueryString('{} || {}', Picture.title, 'x', alias='c')`",
)
_functions_and_groups.works(
    "texts joined in a select", "await Picture.select(QueryString('{} || {}', Picture.title, 'x', alias='c'))"
)

_output_and_json = Section("Output and JSON")
_output_and_json.works(
    "as JSON", "await Picture.select(Picture.title, Picture.size).order_by(Picture.id).output(as_json=True)"
)
_output_and_json.works(
    "as a list", "await Picture.select(Picture.title).order_by(Picture.id).output(as_list=True)"
)
_output_and_json.works("JSON loaded", "await Picture.select(Picture.id, Picture.meta).output(load_json=True)")
_output_and_json.works("JSON loaded into objects", "await Picture.objects().output(load_json=True)")
_output_and_json.works(
    "JSON loaded, of a joined table",
    "await Pin.select(Pin.id, Pin.picture.meta).output(load_json=True, nested=True)",
)
_output_and_json.works(
    "an element of a JSON column",
    """
    await Picture.select(Picture.id, Picture.meta.arrow('width').as_alias('w')).output(load_json=True)
""",
)
_output_and_json.works(
    "deep in a JSON column",
    """
    await Picture.select(Picture.id, Picture.meta.arrow('deep').arrow('list').as_alias('l'))
""",
)
_output_and_json.works(
    "a condition on a JSON column",
    """
    await Picture.select(Picture.id).where(Picture.meta.arrow('width') == 30)
""",
)
_output_and_json.works(
    "JSON functions in text",
    """
    await Picture.raw("SELECT json_extract(meta, '$.width') AS w FROM picture ORDER BY w")
""",
)
_output_and_json.works(
    "a condition on the whole of a JSON column",
    """
    whole = {'width': 10, 'deep': {'list': [1, 2]}, 'word': 'w1'}
    await Picture.select(Picture.id).where(Picture.meta == whole)
""",
)
_output_and_json.refused(
    "`from_path`",
    "await Picture.select(Picture.meta.from_path(['deep', 'list', 0]))",
    "arrow",
    "`.arrow('deep').arrow('list')`; `#>` is PostgreSQL's",
)

_types = Section("Types")
_types.works("every type is read as it was written", "await Kind.select().order_by(Kind.id)")
_types.works("every type in objects", "await Kind.objects().order_by(Kind.id)")
_types.works(
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
_types.works("any of an array", "await Kind.select(Kind.id).where(Kind.words.any('w3'))")
_types.absent("all of an array", "await Kind.count().where(Kind.words.all('a'))", "PostgreSQL only")
_types.works(
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
_types.works(
    "types of joined and computed values",
    """
    [await Kind.select(Max(Kind.day, alias='d'), Min(Kind.price, alias='p')),
     await Kind.raw('SELECT day, price, "on", words, at FROM kind ORDER BY id')]
""",
)

_large_answers = Section("Large answers")
_large_answers.works(
    "rows in pages",
    """
    [rows async for rows in guard.stream(Picture.select(Picture.title).order_by(Picture.id), page=3)]
""",
)
_large_answers.works(
    "objects, with what they lead to",
    """
    query = Picture.objects(Picture.artist).where(Picture.size > 0).order_by(Picture.size, Picture.id)
    [picture async for rows in guard.stream(query, page=2) for picture in rows]
""",
)
_large_answers.works(
    "in falling order, joined, nested",
    """
    query = Pin.select(Pin.id, Pin.tag.word, Pin.picture.meta).output(nested=True, load_json=True)
    [rows async for rows in guard.stream(query.order_by(Pin.tag.word, Pin.id, ascending=False), page=2)]
""",
)
_large_answers.works(
    "a list of one column, frozen",
    """
    titles = Picture.select(Picture.title).order_by(Picture.id).output(as_list=True)
    names = Artist.select(Artist.name).order_by(Artist.id).freeze()
    [[rows async for rows in guard.stream(titles, page=5)],
     [rows async for rows in guard.stream(names, page=5)]]
""",
)
_large_answers.works(
    "text",
    """
    text = 'SELECT heading, size FROM picture WHERE size > ? ORDER BY id'
    [[rows async for rows in guard.stream(text, 1, page=2)],
     [rows async for rows in guard.stream(Picture.raw('SELECT id FROM pin ORDER BY id'), page=3)]]
""",
)
_large_answers.refused(
    "pages of one value", "guard.stream(Picture.count())", "cannot be streamed", "await it: it is small"
)
_large_answers.refused(
    "pages of groups",
    "await anext(guard.stream(Picture.select(Picture.size).group_by(Picture.size)))",
    "computes over all rows",
    "await it: it is small",
)
_large_answers.refused(
    "pages up to a LIMIT",
    "await anext(guard.stream(Picture.select().limit(5)))",
    "has a LIMIT",
    "`break` when there is enough",
)

READS = (
    _reading_rows,
    _conditions,
    _joined_tables,
    _many_to_many,
    _functions_and_groups,
    _output_and_json,
    _types,
    _large_answers,
)
