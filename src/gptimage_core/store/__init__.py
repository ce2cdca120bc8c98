"""The core's own tables as plain SQL, and the connections they live on: the one declared trusted path.

`database`   kept connections, one thread each; reads, writes and sessions in one hop
`schema`     the tables with their numbered migrations and their categories
`state`      what is known about a person beside the data: restriction, age floor, jurisdiction, own facts
`consents`   switches a person turned on and off, with the history that proves it
`subjects`   a person's beginning and end: creation, tombstone, objection
`facts`      those facts as a decision reads them
`ledger`     negative decisions in a file outside the data and its backups
`replay`     taking a negative decision, and again after a restore; `negative` is what it does to the tables
`denials`    refused accesses with the rule, file and line
`leases`     who may do a periodic job now, with a fencing token
"""
