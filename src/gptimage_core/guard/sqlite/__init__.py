"""Ring three on SQLite: the database itself refuses what rings one and two let through.

`ring`         every connection of a governed database watched, and what runs on it
`authorizer`   what a statement may name: pure functions, asked while SQLite prepares it
`rules`        what a write may do to a row, as TEMP triggers made from decisions
`context`      who acts, for what, at which instant: one row that those triggers read
`schema`       the tables, views, triggers and foreign keys that are there
"""

from __future__ import annotations
