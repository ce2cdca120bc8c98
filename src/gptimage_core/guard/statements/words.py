"""The closed sets of ring two: reserved words, types, collations. What is not here is refused."""

from __future__ import annotations

__all__ = ["COLLATIONS", "RESERVED", "TYPES", "TYPE_WORDS"]

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

TYPES = frozenset({
    "BIGINT", "BIG INT", "BLOB", "BOOL", "BOOLEAN", "CHAR", "CHARACTER", "CHARACTER VARYING", "CLOB", "DATE",
    "DATETIME", "DECIMAL", "DOUBLE", "DOUBLE PRECISION", "FLOAT", "INT", "INT2", "INT4", "INT8", "INTEGER",
    "JSON", "MEDIUMINT", "NATIVE CHARACTER", "NCHAR", "NUMERIC", "NVARCHAR", "REAL", "SMALLINT", "TEXT",
    "TIMESTAMP", "TINYINT", "UNSIGNED BIG INT", "UUID", "VARCHAR", "VARYING CHARACTER",
})  # fmt: skip
"""What CAST may name; one or two numbers in parentheses may follow, and mean nothing to SQLite."""

TYPE_WORDS = frozenset(word for name in TYPES for word in name.split())

COLLATIONS = frozenset({"BINARY", "NOCASE", "RTRIM"})
