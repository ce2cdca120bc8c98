"""The tokens of one SQLite statement. What the guard does not know as a token is refused, not skipped.

Whitespace is SQLite's own (space, tab, line feed, form feed, carriage return) and no other. Comments are
dropped and never reach the database. Every accepted statement is written anew from its
tree, so a difference between this lexer and SQLite's cannot smuggle anything: at worst it is a syntax error.
"""

from __future__ import annotations

import re
from typing import Literal, NamedTuple, TypeAlias

from gptimage_core.errors import GuardError

__all__ = ["LONGEST", "Token", "lex", "refused", "without_comments"]

Kind: TypeAlias = Literal["word", "name", "text", "blob", "number", "?", "op", "end"]

LONGEST = 1_000_000
"""Characters in a statement; values belong in parameters."""

_TOKEN = re.compile(
    r"""
    (?P<space>[ \t\n\f\r]+)
  | (?P<word>[A-Za-z_\u0080-\U0010ffff][A-Za-z0-9_$\u0080-\U0010ffff]*)
  | (?P<name>"[^"]*(?:""[^"]*)*"|`[^`]*(?:``[^`]*)*`|\[[^\]]*\])
  | (?P<number>(?:0[xX][0-9A-Fa-f]+|[0-9]+(?:_[0-9]+)+
      |(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)
      (?![A-Za-z0-9_$\u0080-\U0010ffff]))
  | (?P<text>'[^']*(?:''[^']*)*')
  | (?P<comment>--[^\n]*|/\*(?:[^*]|\*(?!/))*\*/)
  | (?P<unclosed>/\*)
  | (?P<op>->>|->|\|\||<<|>>|<=|>=|==|!=|<>|[=<>+\-*/%&|~(),.;])
  | (?P<parameter>\?[0-9]+|[:@$\#][A-Za-z0-9_$:]*)
  | (?P<question>\?)
    """,
    re.VERBOSE,
)
_BLOB = re.compile(r"[xX]'(?:[0-9A-Fa-f]{2})*'")


class Token(NamedTuple):
    """`value`: a word as written, what a quoted name names, else the text. `at`: where it begins."""

    kind: Kind
    value: str
    at: int
    upper: str = ""


def refused(message: str, sql: str, at: int) -> GuardError:
    """The error that says what, where in the statement, and what to do."""
    line = sql.count("\n", 0, at) + 1
    column = at - (sql.rfind("\n", 0, at) + 1) + 1
    near = sql[at : at + 40].split("\n")[0]
    return GuardError(f"{message} (line {line}, column {column}, at `{near}`)")


def lex(sql: str) -> list[Token]:
    """The tokens, closed by one of kind `end`. Raises `GuardError` on anything that is not one."""
    _check_text(sql)
    tokens: list[Token] = []
    add = tokens.append
    match, at, length = _TOKEN.match, 0, len(sql)
    while at < length:
        found = match(sql, at)
        if found is None:
            raise refused("this is not SQL that the guard reads; is a quote left open?", sql, at)
        kind, end, value = found.lastgroup, found.end(), found.group()
        if kind == "word":
            if value in ("x", "X") and sql.startswith("'", end):
                end, token = _blob(sql, at)
                add(token)
            else:
                add(Token("word", value, at, value.upper()))
        elif kind == "name":
            add(Token("name", _unquote(value, sql, at), at))
        elif kind in ("op", "number", "text"):
            add(Token(kind, value, at))  # type: ignore[arg-type]  # the regular expression's own group names
        elif kind == "question":
            add(Token("?", value, at))
        elif kind == "unclosed":
            raise refused("a comment is left open; close it with `*/`, or leave it out", sql, at)
        elif kind == "parameter":
            if sql.startswith("#>", at):
                raise refused(
                    "`#>` is PostgreSQL's; take one step after the other, `->` (`.arrow(…)`)", sql, at
                )
            raise refused("write parameters as `?`; numbered and named ones are the guard's own", sql, at)
        at = end
    add(Token("end", "", length))
    return tokens


def without_comments(sql: str, start: int, end: int) -> str:
    """What stands between two places of a text that has been lexed, comments left out."""
    text = sql[start:end]
    if "--" not in text and "/*" not in text:
        return text
    kept = [found.group() for found in _TOKEN.finditer(text) if found.lastgroup != "comment"]
    return "".join(kept)


def _check_text(sql: str) -> None:
    if len(sql) > LONGEST:
        raise GuardError(f"the statement is longer than {LONGEST} characters; pass values as parameters")
    if "\x00" in sql:
        raise refused("a NUL cannot stand in a statement; pass values as parameters", sql, sql.index("\x00"))
    if not sql.isascii():
        try:
            sql.encode()
        except UnicodeEncodeError as error:
            message = "half a surrogate pair is no character; pass values as parameters"
            raise refused(message, sql, error.start) from None


def _blob(sql: str, at: int) -> tuple[int, Token]:
    found = _BLOB.match(sql, at)
    if found is None:
        raise refused("a blob is `x'…'` with an even number of hexadecimal digits", sql, at)
    return found.end(), Token("blob", found.group(), at)


def _unquote(text: str, sql: str, at: int) -> str:
    inner, quote = text[1:-1], text[0]
    if quote != "[":
        inner = inner.replace(quote * 2, quote)
    if not inner:
        raise refused("a name cannot be empty", sql, at)
    return inner
