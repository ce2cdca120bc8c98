"""docs/piccolo.md: what works, what is refused and what to write instead, made from the table that is run."""

from __future__ import annotations

from itertools import groupby

from tests.support.piccolo_features import FEATURES, Feature

__all__ = ["page"]

_HEAD = """\
# Piccolo under the guard

Made from the table of features that `tests/unit/guard/test_piccolo_features.py` runs: each piece of code
below is run under the guard and by Piccolo itself on SQLite, and answers and rows agree, for somebody who
may see everything and for somebody from whom half of the rows and some fields are withheld.

## Set up

```python
DB = GovernedSQLite("data/app.sqlite")


class Image(Table, db=DB):
    id = UUID(primary_key=True)
    owner = subject(Varchar(length=40))
    tenant = tenant(Varchar(length=40))
    collected_under = collected_under(Integer())
    title = category("image", Varchar())


guard = await govern(DB, policy="policy/", tables=[Image], ledger="ledger.jsonl", keys="keys/")

async with guard.access(Actor.subject(user_id), purpose="provide_service"):
    images = await Image.select().where(Image.title == "sea")     # permitted rows, permitted fields
```

Types are Piccolo's (SQLite's, as its engine has them). `tenant`, `recorded` and `collected_under` are
filled in when a row is inserted, and stand in the object afterwards. A nested `transaction()` is a
savepoint.

## An access

Child tasks and threads (`gather`, `TaskGroup`, `wait_for`, `asyncio.to_thread`, a copied context) inherit
the access and lose it when it ends; a thread of a pool inherits none. What goes on after the end is
refused: give it ids, and let it open an access of its own. In sync code: `with guard.access_sync(…):`
around `.run_sync()`. An access is not opened inside a generator, which would hold it between its yields.

## Withheld fields

A field that the policy keeps back is `WITHHELD` (`gptimage_core.guard.values`): ask `value is WITHHELD`.
Using it raises, in `output(as_json=True)` too: select the columns that are permitted. `save()` and
`update()` leave such a column as it is; a new row cannot be made of one. Where a join finds no row, its
fields are `None`. A withheld column in a condition, an order or a group is refused; one that is withheld
from some rows is NULL there, and NULL is `WITHHELD`. Columns of a sealed category stand in select lists
only.

## A generator that hands rows on

It may not hold an access, so each page has one of its own and none is open in between
([decision 11](decisions/0011-large-answers-come-in-pages.md)). Each page is decided and recorded for
itself.

```python
async def exported():
    opens = lambda: guard.access(actor, purpose="provide_service", operation="export")
    async for rows in guard.stream(Image.select(), page=500, access=opens):
        for row in rows:
            yield encode(row)
```
"""


def page() -> str:
    """The text of the page."""
    parts = [_HEAD]
    for section, features in groupby(FEATURES, key=lambda feature: feature.section):
        working = [f for f in features if not f.says and not f.absent]
        if working:
            code = "\n\n".join(f"# {f.name.replace('`', '')}\n{f.code}" for f in working)
            parts.append(f"## {section}\n\n```python\n{code}\n```\n")
    refused = [f for f in FEATURES if f.says]
    parts.append("## Refused\n\n" + _table("Instead", refused))
    absent = [f for f in FEATURES if f.absent]
    parts.append("## Piccolo has it on other databases only\n\n" + _table("There", absent))
    return "\n".join(parts)


def _table(title: str, features: list[Feature]) -> str:
    rows = "\n".join(f"| {f.name} | {f.instead.replace('|', chr(92) + '|')} |" for f in features)
    return f"| | {title} |\n|---|---|\n{rows}\n"
