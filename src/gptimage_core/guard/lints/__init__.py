"""The start-up lints: the database's schema, held against the data map before anything is served.

The rings shape, refuse and fence statements. What lies in the schema itself, none of them reaches: a UNIQUE
tells that a value is there, a cascade changes rows that nobody decided, a trigger writes unseen.

`described`    a schema as plain values, for every database the same; a fault
`codes`        every code of a fault: what it is, why, what to do; whether it may be accepted
`sqlite`       reads SQLite's schema into these values; the only part that does IO
`sqltext`      what a text of SQLite's schema names and calls
`columns`, `uniqueness`, `links`, `objects`   the lints themselves: pure, schema and data map to faults
`check`        all of them at once; what was accepted, with its reason
"""

from __future__ import annotations
