"""Statements as text: what an application wrote, what may be read of it, and what runs instead.

Pure functions; no database. In the order of their work:

`catalog`     the governed tables as a statement may name them
`lexer`, `words`, `parser`, `expressions`, `queries`, `writes`, `grammar`   the allow-list: text to
    `nodes`, or refused
`walk`, `scopes`, `scope_writes`   what each name in the tree stands for
`profile`     what an access may do with each table, as templates of predicates
`shadow`      the CTEs that stand in for governed tables (ring one)
`shape`, `shape_writes`, `render`  the statement that runs instead, as a `shaped` text with its parameters
`tagged`      the place of a sealed value, carried beside it
"""
