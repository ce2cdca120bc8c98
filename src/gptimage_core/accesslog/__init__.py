"""The access log: records of who did what with whose data, durable before anything is released.

`records`   the rows, and who saw a person's data
`sink`      many records in one commit
"""
