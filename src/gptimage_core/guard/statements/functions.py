"""The functions that a statement may call, each decided; what is not here is refused.

SQLite's documented functions (https://www.sqlite.org/lang_corefunc.html, lang_datefunc, lang_mathfunc,
lang_aggfunc, json1, windowfunctions), those of 3.40: later ones are refused, with what does the same. Refused
is also what tells of something else than the arguments (random values, clocks, the connection, files) and
what a statement has other words for (`INSTEAD`).
"""

from __future__ import annotations

__all__ = [
    "AGGREGATES",
    "CLOCKED",
    "CLOCK_WORDS",
    "INSTEAD",
    "LISTED",
    "RAISING",
    "RANKS",
    "RENAMED",
    "TABLES",
    "TOTAL",
    "WINDOWS",
    "is_clock",
]

_MANY = 100

TOTAL: dict[str, tuple[int, int]] = {
    "char": (1, _MANY), "coalesce": (2, _MANY), "ifnull": (2, 2), "iif": (3, 3), "instr": (2, 2),
    "json_valid": (1, 1), "length": (1, 1), "lower": (1, 1), "ltrim": (1, 2), "nullif": (2, 2),
    "round": (1, 2), "rtrim": (1, 2), "sign": (1, 1), "substr": (2, 3), "substring": (2, 3), "trim": (1, 2),
    "typeof": (1, 1), "unicode": (1, 1), "upper": (1, 1),
    # mathematics: what is not defined is NULL
    "acos": (1, 1), "acosh": (1, 1), "asin": (1, 1), "asinh": (1, 1), "atan": (1, 1), "atan2": (2, 2),
    "atanh": (1, 1), "ceil": (1, 1), "ceiling": (1, 1), "cos": (1, 1), "cosh": (1, 1), "degrees": (1, 1),
    "exp": (1, 1), "floor": (1, 1), "ln": (1, 1), "log": (1, 2), "log10": (1, 1), "log2": (1, 1),
    "mod": (2, 2), "pi": (0, 0), "pow": (2, 2), "power": (2, 2), "radians": (1, 1), "sin": (1, 1),
    "sinh": (1, 1), "sqrt": (1, 1), "tan": (1, 1), "tanh": (1, 1), "trunc": (1, 1),
}  # fmt: skip
"""Scalar functions that raise on nothing, and how many arguments they take; so do `min`, `max` of several."""

RAISING: dict[str, tuple[int, int]] = {
    "abs": (1, 1), "format": (1, _MANY), "hex": (1, 1), "printf": (1, _MANY), "quote": (1, 1),
    "replace": (3, 3),
    "date": (1, 20), "datetime": (1, 20), "julianday": (1, 20), "strftime": (2, 20), "time": (1, 20),
    "unixepoch": (1, 20),
    "json": (1, 1), "json_array": (0, _MANY), "json_array_length": (1, 2), "json_extract": (2, 20),
    "json_insert": (3, _MANY), "json_object": (0, _MANY), "json_patch": (2, 2), "json_quote": (1, 1),
    "json_remove": (1, 20), "json_replace": (3, _MANY), "json_set": (3, _MANY), "json_type": (1, 2),
}  # fmt: skip
"""Functions that might raise (overflow, malformed JSON, a value too big): in a filter they are never given
a row that is not permitted, or the error would tell (see `render`)."""

AGGREGATES: dict[str, tuple[int, int]] = {
    "avg": (1, 1), "count": (0, 1), "group_concat": (1, 2), "json_group_array": (1, 1),
    "json_group_object": (2, 2), "max": (1, 1), "min": (1, 1), "sum": (1, 1), "total": (1, 1),
}  # fmt: skip

WINDOWS: dict[str, tuple[int, int]] = {
    "cume_dist": (0, 0), "dense_rank": (0, 0), "first_value": (1, 1), "lag": (1, 3), "last_value": (1, 1),
    "lead": (1, 3), "nth_value": (2, 2), "ntile": (1, 1), "percent_rank": (0, 0), "rank": (0, 0),
    "row_number": (0, 0),
}  # fmt: skip
"""What goes with OVER only; aggregates may."""

RANKS = frozenset({"cume_dist", "dense_rank", "percent_rank", "rank", "row_number"})
"""Those that raise on nothing."""

LISTED = frozenset({*TOTAL, *RAISING, *AGGREGATES, *WINDOWS})
"""All that may be called by name."""

TABLES: dict[str, tuple[int, int]] = {"json_each": (1, 2), "json_tree": (1, 2)}
"""Table-valued functions."""

RENAMED = {"string_agg": "group_concat"}
"""Names of later versions for what is there already."""

CLOCKED = frozenset({"date", "time", "datetime", "julianday", "unixepoch", "strftime"})
"""Functions to which some texts mean the present instant, or the zone of the machine."""

CLOCK_WORDS = ("now", "subsec", "subsecond", "localtime", "utc")


def is_clock(value: object) -> bool:
    """Whether a date function would take this for the present instant or for the machine's zone: a text, or
    any object that is bound as a blob."""
    if not isinstance(value, str):
        try:
            value = str(memoryview(value), "utf-8", "replace")  # type: ignore[arg-type]  # what is no buffer raises
        except TypeError:
            return False
    return isinstance(value, str) and value.split("\0")[0].strip().lower() in CLOCK_WORDS


_PYTHON = "compute it in Python and pass it as a parameter"
_RANDOM = "make random values in Python and pass them as parameters"
_CONNECTION = "it tells of the connection, not of rows; ask it outside the guard"
_HINT = "the planner needs no hint; leave it out"

INSTEAD: dict[str, str] = {
    "random": _RANDOM,
    "randomblob": _RANDOM,
    "zeroblob": "pass the blob as a parameter",
    "load_extension": "load extensions when the connection is made",
    "readfile": "read the file in Python and pass it as a parameter",
    "writefile": "select the value, and write the file in Python",
    "edit": "select the value, and change it in Python",
    "last_insert_rowid": "use RETURNING with the key",
    "changes": "use the row count of the statement",
    "total_changes": "use the row count of the statement",
    "sqlite_version": _CONNECTION,
    "sqlite_source_id": _CONNECTION,
    "sqlite_compileoption_get": _CONNECTION,
    "sqlite_compileoption_used": _CONNECTION,
    "sqlite_offset": _CONNECTION,
    "sqlite_log": _CONNECTION,
    "likely": _HINT,
    "unlikely": _HINT,
    "likelihood": _HINT,
    "like": "write `x LIKE y`",
    "glob": "write `x GLOB y`",
    "match": "use LIKE or GLOB",
    "regexp": "use LIKE or GLOB",
    "if": "write `iif(…)` or CASE",
    "concat": "write `a || b`",
    "concat_ws": "write `a || ',' || b`",
    "octet_length": "write `length(CAST(x AS BLOB))`",
    "unhex": _PYTHON,
    "soundex": _PYTHON,
    "subtype": _PYTHON,
    "timediff": "subtract one `julianday(…)` from another",
    "unistr": _PYTHON,
    "unistr_quote": _PYTHON,
    "json_error_position": "ask `json_valid(x)`",
    "json_pretty": "select the value, and format it in Python",
    "jsonb": "write `json(…)`: JSON is text here",
    "jsonb_extract": "write `json_extract(…)`: JSON is text here",
    "jsonb_group_array": "write `json_group_array(…)`: JSON is text here",
    "jsonb_group_object": "write `json_group_object(…)`: JSON is text here",
    "median": "order the values and take the one in the middle in Python",
    "percentile": "order the values and take the one you want in Python",
    "highlight": "the guard does not read full-text indexes; use LIKE",
    "snippet": "the guard does not read full-text indexes; use LIKE",
    "bm25": "the guard does not read full-text indexes; use LIKE",
    "matchinfo": "the guard does not read full-text indexes; use LIKE",
}
"""What to write instead of a function that is not listed."""
