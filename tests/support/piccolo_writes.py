"""What an embedder writes in Piccolo."""

from __future__ import annotations

from tests.support.piccolo_feature import Section

__all__ = ["WRITES"]

_writing = Section("Writing")
_writing.works(
    "save a new row",
    """
    picture = Picture(id=number(50), owner='ann', title='fifty', note='words', meta={'a': 1})
    await picture.save()
    [await Picture.count(), await Picture.objects().get(Picture.id == number(50))]
""",
)
_writing.works(
    "save a row that is there",
    """
    picture = await Picture.objects().get(Picture.id == number(3))
    picture.title, picture.size, picture.meta = 'again', 12, {'b': 2}
    await picture.save()
    await Picture.objects().get(Picture.id == number(3))
""",
)
_writing.works(
    "save some columns",
    """
    picture = await Picture.objects().get(Picture.id == number(3))
    picture.title, picture.size = 'again', 12
    await picture.save(columns=[Picture.title])
    await picture.save(['size'])
    await Picture.select().order_by(Picture.id)
""",
)
_writing.works(
    "create",
    """
    artist = await Artist.objects().create(owner='ann', name='new', studio=1)
    [artist, await Artist.select()]
""",
)
_writing.works(
    "remove",
    """
    picture = await Picture.objects().get(Picture.id == number(5))
    await Pin.delete().where(Pin.picture == picture)
    await picture.remove()
    await Picture.select(Picture.id)
""",
)
_writing.works(
    "insert many",
    """
    await Tag.insert(Tag(owner='ann', word='a1'), Tag(owner='ann', word='a2')).add(
        Tag(owner='ann', word='a3')
    )
""",
)
_writing.works(
    "insert, returning columns",
    """
    await Tag.insert(Tag(owner='ann', word='a1', weight=Decimal('0.5'))).returning(
        Tag.id, Tag.word, Tag.weight
    )
""",
)
_writing.works(
    "insert, returning a bare row", "await Picture.insert(Picture(id=number(51), owner='ann', title='x'))"
)
_writing.works(
    "insert with a key that is taken",
    """
    try:
        await Picture.insert(Picture(id=number(1), owner='ann', title='x'))
    except Exception:
        pass
    await Picture.select()
""",
)
_writing.works(
    "update", "await Picture.update({Picture.title: 'new', 'size': 3}).where(Picture.starred.eq(True))"
)
_writing.works(
    "update of a type",
    """
    await Kind.update({
        Kind.words: ['new'], Kind.data: {'n': None}, Kind.mood: Mood.calm, Kind.blob: b'x', Kind.price: 7,
    }).where(Kind.small == 1)
    await Kind.select().order_by(Kind.id)
""",
)
_writing.works(
    "update to nothing",
    """
    await Picture.update({Picture.artist: None, Picture.note: None}).where(Picture.id == number(1))
    await Picture.objects(Picture.artist).get(Picture.id == number(1))
""",
)
_writing.works("update by keywords", "await Picture.update(title='new').where(Picture.id == number(1))")
_writing.works("update everything", "await Picture.update({Picture.size: 5}, force=True)")
_writing.works(
    "update without a condition raises",
    """
    try:
        await Picture.update({Picture.size: 5})
    except Exception as error:
        answer = type(error).__name__
    answer
""",
)
_writing.works(
    "arithmetic",
    """
    await Picture.update({Picture.size: Picture.size * 2 + 1}).where(Picture.size > 0)
    await Picture.update({Picture.size: 100 - Picture.size}, force=True)
    await Picture.select(Picture.id, Picture.size)
""",
)
_writing.works(
    "texts joined",
    """
    await Picture.update({Picture.title: Picture.title + '!'}).where(Picture.size > 1)
    await Picture.update({Picture.title: '*' + Picture.title}, force=True)
    await Picture.select(Picture.title)
""",
)
_writing.works(
    "dates moved",
    """
    await Kind.update({
        Kind.day: Kind.day + timedelta(days=2), Kind.at: Kind.at - timedelta(hours=3),
    }, force=True)
    await Kind.select(Kind.day, Kind.at)
""",
)
_writing.works(
    "update where a joined column is",
    """
    await Picture.update({Picture.size: 9}).where(Picture.artist.studio.name == 'studio 1')
    await Picture.select(Picture.id, Picture.size)
""",
)
_writing.works(
    "update, returning columns",
    """
    await Picture.update({Picture.size: Picture.size + 1}).where(Picture.size > 1).returning(
        Picture.id, Picture.size, Picture.title
    )
""",
)
_writing.works(
    "update, returning the key",
    """
    await Picture.update({Picture.size: 1}).where(Picture.size > 1).returning(Picture.id)
""",
)
_writing.works(
    "`update_self`",
    """
    picture = await Picture.objects().get(Picture.id == number(3))
    await picture.update_self({Picture.size: Picture.size + 5, Picture.title: 'self'})
    [picture.size, picture.title, await Picture.select(Picture.id, Picture.size)]
""",
)
_writing.works(
    "`refresh`",
    """
    picture = await Picture.objects().get(Picture.id == number(3))
    await Picture.update({Picture.title: 'fresh'}).where(Picture.id == number(3))
    await picture.refresh()
    picture
""",
)
_writing.works(
    "`refresh` of some columns",
    """
    picture = await Picture.objects().get(Picture.id == number(3))
    await Picture.update({Picture.title: 'fresh', Picture.size: 77}).where(Picture.id == number(3))
    await picture.refresh([Picture.title])
    picture
""",
)
_writing.works(
    "`refresh` with what was prefetched",
    """
    picture = await Picture.objects(Picture.artist, Picture.artist.studio).get(Picture.id == number(1))
    await Artist.update({Artist.name: 'renamed'}).where(Artist.id == 1)
    await picture.refresh()
    picture
""",
)
_writing.works(
    "`refresh` where a link leads nowhere",
    """
    picture = await Picture.objects(Picture.artist, Picture.artist.studio).get(Picture.id == number(1))
    await Picture.update({Picture.artist: None}).where(Picture.id == number(1))
    await picture.refresh()
    picture
""",
)
_writing.works(
    "`refresh` of what was prefetched from the same table",
    """
    artists = await Artist.objects(Artist.mentor).order_by(Artist.id)
    for artist in artists:
        await artist.refresh()
    artists
""",
)
_writing.works(
    "`refresh` with JSON loaded",
    """
    picture = await Picture.objects().get(Picture.id == number(3))
    await picture.refresh(load_json=True)
    picture.meta
""",
)
_writing.works(
    "delete",
    """
    await Pin.delete().where(Pin.reason.is_in(['r1', 'r5', 'r3']))
    await Pin.select()
""",
)
_writing.works("delete everything", "await Pin.delete(force=True)")
_writing.works(
    "delete where a joined column is",
    """
    await Pin.delete().where(Pin.tag.word == 'sea')
    await Pin.select(Pin.id)
""",
)
_writing.works("delete, returning the key", "await Pin.delete().where(Pin.reason == 'r1').returning(Pin.id)")
_writing.works(
    "delete, returning columns",
    """
    await Pin.delete().where(Pin.reason == 'r1').returning(Pin.id, Pin.reason)
""",
)
_writing.works(
    "`get_or_create` of a row that is there",
    """
    picture = await Picture.objects().get_or_create(Picture.id == number(3), {Picture.owner: 'ann'})
    [picture, picture._was_created]
""",
)
_writing.works(
    "`get_or_create` of a new row",
    """
    picture = await Picture.objects().get_or_create(
        (Picture.id == number(60)) & (Picture.title == 'sixty'), {Picture.owner: 'ann', Picture.size: 6}
    )
    [picture, picture._was_created]
""",
)
_writing.works(
    "`get_or_create` with prefetch",
    """
    picture = await Picture.objects(Picture.artist).get_or_create(
        Picture.id == number(61), {Picture.owner: 'ann', Picture.title: 'x', Picture.artist: 1}
    )
    [picture, picture._was_created]
""",
)
_writing.works(
    "the row of somebody else",
    """
    await Picture.update({Picture.title: 'mine'}).where(Picture.owner == 'bob')
    await Pin.delete().where(Pin.owner == 'bob')
    await Picture.select(Picture.title)
""",
)

_conflicts = Section("Conflicts")
_conflicts.works(
    "do nothing",
    """
    await Tag.insert(Tag(owner='ann', word='sea'), Tag(owner='ann', word='new')).on_conflict(
        action='DO NOTHING'
    )
    await Tag.select(Tag.word).order_by(Tag.word)
""",
)
_conflicts.works(
    "do nothing, of one column",
    """
    await Tag.insert(Tag(owner='ann', word='sea')).on_conflict(target=Tag.word, action='DO NOTHING')
    await Tag.select(Tag.word).order_by(Tag.word)
""",
)
_conflicts.works(
    "update with the new values",
    """
    await Tag.insert(Tag(owner='ann', word='sea', weight=Decimal('9'))).on_conflict(
        target=Tag.word, action='DO UPDATE', values=[Tag.weight]
    )
    await Tag.select().order_by(Tag.word)
""",
)
_conflicts.works(
    "update with other values",
    """
    await Tag.insert(Tag(owner='ann', word='sea')).on_conflict(
        target=Tag.word, action='DO UPDATE', values=[(Tag.weight, Decimal('7'))]
    )
    await Tag.select().order_by(Tag.word)
""",
)
_conflicts.works(
    "update where",
    """
    await Tag.insert(Tag(owner='ann', word='sea', weight=Decimal('9'))).on_conflict(
        target=Tag.word, action='DO UPDATE', values=[Tag.weight], where=Tag.weight > 5
    )
    await Tag.select().order_by(Tag.word)
""",
)
_conflicts.works(
    "by the key",
    """
    await Picture.insert(Picture(id=number(1), owner='ann', title='new', size=4)).on_conflict(
        target=Picture.id, action='DO UPDATE', values=[Picture.title, Picture.size]
    )
    await Picture.select(Picture.id, Picture.title, Picture.size).order_by(Picture.id)
""",
)

_transactions = Section("Transactions")
_transactions.works(
    "a transaction",
    """
    async with engine.transaction():
        await Tag.insert(Tag(owner='ann', word='in'))
        await Tag.update({Tag.word: 'out'}).where(Tag.word == 'in')
    await Tag.select(Tag.word).order_by(Tag.word)
""",
)
_transactions.works(
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
_transactions.works(
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
_transactions.works(
    "atomic",
    """
    atomic = engine.atomic()
    atomic.add(Tag.insert(Tag(owner='ann', word='one')), Tag.delete().where(Tag.word == 'one'))
    await atomic.run()
    await Tag.select(Tag.word).order_by(Tag.word)
""",
)
_transactions.works(
    "`transaction_exists`",
    """
    async with engine.transaction():
        answer = engine.transaction_exists()
    [answer, engine.transaction_exists()]
""",
)

_the_schema = Section("The schema")
for _name, _code in (
    ("create a table", "await Tag.create_table(if_not_exists=True)"),
    ("alter a table", "await Tag.alter().rename_column(Tag.word, 'term')"),
    ("drop a table", "await Pin.alter().drop_table()"),
    ("an index", "await Tag.create_index([Tag.word])"),
):
    _the_schema.refused(_name, _code, "guard.maintenance", "under `guard.maintenance(reason, ticket, until)`")
_the_schema.refused(
    "whether a table exists",
    "await Tag.table_exists()",
    "guard.maintenance",
    "under `guard.maintenance(reason, ticket, until)`",
)
_the_schema.refused(
    "the catalogue as text",
    "await Tag.raw('SELECT name FROM sqlite_master')",
    "not a governed table",
    "under `guard.maintenance(reason, ticket, until)`",
)
_the_schema.refused("a pragma", "await Tag.raw('PRAGMA table_info(tag)')", "pragmas", "outside the guard")
_the_schema.refused(
    "a connection", "await engine.get_connection()", "not handed out", "queries, `Table.raw(…)`"
)

WRITES = (_writing, _conflicts, _transactions, _the_schema)
