"""Random SQL against THEOREM (guard-equivalence); the guard's own parser makes none of it.,

`policy`   tables of every shape, and a random policy over them
`world`    random rows and people, and the restriction: what `decide_slowly` permits, field by field
`rig`      runs a statement through the guard's pieces, and the original over the restriction
`text`     tokens of SQL text: mutation of valid statements, and shrinking of those that fail
`terms`, `reads`, `writes`   the grammar, from SQLite's syntax diagrams (https://www.sqlite.org/lang.html)
`checks`   the theorem and non-interference, for one statement
"""
