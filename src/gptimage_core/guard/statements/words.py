"""The closed sets of ring two: reserved words, functions, types, collations. What is not here is refused."""

from __future__ import annotations

__all__ = ["AGGREGATES", "COLLATIONS", "INSTEAD", "RAISING", "RESERVED", "TOTAL", "TYPES"]

RESERVED = frozenset({
    "ADD", "ALL", "ALTER", "AND", "AS", "AUTOINCREMENT", "BETWEEN", "CASE", "CHECK", "COLLATE",
    "COMMIT", "CONSTRAINT", "CREATE", "CROSS", "CURRENT_DATE", "CURRENT_TIME", "CURRENT_TIMESTAMP",
    "DEFAULT", "DEFERRABLE", "DELETE", "DISTINCT", "DROP", "ELSE", "ESCAPE", "EXCEPT", "EXISTS",
    "FOREIGN", "FROM", "FULL", "GLOB", "GROUP", "HAVING", "IN", "INDEX", "INDEXED", "INNER", "INSERT",
    "INTERSECT", "INTO", "IS", "ISNULL", "JOIN", "LEFT", "LIKE", "LIMIT", "MATCH", "NATURAL", "NOT",
    "NOTHING", "NOTNULL", "NULL", "OFFSET", "ON", "OR", "ORDER", "OUTER", "OVER", "PRIMARY",
    "REFERENCES", "REGEXP", "RETURNING", "RIGHT", "SELECT", "SET", "TABLE", "THEN", "TO", "TRANSACTION",
    "UNION", "UNIQUE", "UPDATE", "USING", "VALUES", "WHEN", "WHERE", "WINDOW", "WITH",
})  # fmt: skip
"""Words that are never a name unless quoted."""

TOTAL: dict[str, tuple[int, int]] = {
    "coalesce": (2, 100), "ifnull": (2, 2), "nullif": (2, 2), "iif": (3, 3), "length": (1, 1),
    "lower": (1, 1), "upper": (1, 1), "substr": (2, 3), "substring": (2, 3), "trim": (1, 2),
    "ltrim": (1, 2), "rtrim": (1, 2), "instr": (2, 2), "round": (1, 2), "typeof": (1, 1),
    "sign": (1, 1), "unicode": (1, 1),
}  # fmt: skip
"""Scalar functions that raise on nothing, and how many arguments they take; so do `min`, `max` of several."""

RAISING: dict[str, tuple[int, int]] = {
    "abs": (1, 1), "replace": (3, 3), "date": (1, 20), "time": (1, 20), "datetime": (1, 20),
    "julianday": (1, 20), "unixepoch": (1, 20), "strftime": (2, 20), "json_extract": (2, 20),
    "json_type": (1, 2), "json_array_length": (1, 2), "json_valid": (1, 1),
}  # fmt: skip
"""Functions that might raise (overflow, malformed JSON, a value too big): in a filter they are never given
a row that is not permitted, or the error would tell (see `render`)."""

AGGREGATES: dict[str, tuple[int, int]] = {
    "count": (0, 1), "sum": (1, 1), "total": (1, 1), "avg": (1, 1), "min": (1, 1), "max": (1, 1),
    "group_concat": (1, 2), "json_group_array": (1, 1),
}  # fmt: skip

TYPES = frozenset({
    "TEXT", "INTEGER", "INT", "BIGINT", "SMALLINT", "REAL", "FLOAT", "DOUBLE", "NUMERIC", "DECIMAL",
    "BLOB", "VARCHAR", "BOOLEAN",
})  # fmt: skip
"""What CAST may name."""

COLLATIONS = frozenset({"BINARY", "NOCASE", "RTRIM"})

INSTEAD: dict[str, str] = {
    "random": "make random values in Python and pass them as parameters",
    "randomblob": "make random values in Python and pass them as parameters",
    "json_each": "read the column and take it apart in Python",
    "json_tree": "read the column and take it apart in Python",
    "load_extension": "load extensions when the connection is made",
    "last_insert_rowid": "use RETURNING with the key",
    "changes": "use the row count of the statement",
    "total_changes": "use the row count of the statement",
    "printf": "format values in Python",
    "format": "format values in Python",
    "hex": "format values in Python",
    "row_number": "number the rows in Python",
    "sqlite_version": "ask it outside the guard",
}
"""What to write instead of a function that is asked for often."""
