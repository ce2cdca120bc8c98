"""The guard: what stands between an application's statements and its data.

`guard`        the guard itself: accesses, statements, denials
`handles`      open accesses, inherited and revoked
`streaming`    large answers in pages
`transaction`  a transaction under an access
`maintenance`  the recorded, expiring way around, for migrations
`profiles`     from decisions to what an access may do, kept while the answers stay the same
`plans`        from a text to a `plan`: parsed once, shaped once per view; `shortcuts` where less will do
`running`, `writing`   one hop: execute, see what was touched, open, record
`inserting`, `updating`, `upserts`, `references`, `hanging`, `fresh`, `rows`, `sealer`   the parts of it
`collisions`, `denials`   what an application is told when it may not
`lints`        what the database's schema must not hold, found before anything is served
`statements`   pure text functions: what is read of a statement, and what runs instead
`sqlite`       ring three: the database itself refuses what rings one and two let through
`telling`      people are told, where a rule asks for it
`values`       `Withheld`: a field that the policy keeps back
"""

from __future__ import annotations
