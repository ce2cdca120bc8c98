"""The cursor over a statement's tokens that both halves of the grammar share."""

from __future__ import annotations

from gptimage_core.errors import GuardError
from gptimage_core.guard.statements.catalog import Catalog
from gptimage_core.guard.statements.lexer import Token, lex, refused
from gptimage_core.guard.statements.words import RESERVED

__all__ = ["DEEPEST", "Parser"]

DEEPEST = 100
"""How deep expressions and subqueries may nest. SQLite stops at 1,000; Python's recursion would earlier."""


class Parser:
    """Where we are in the tokens. Refusals name the place."""

    def __init__(self, sql: str, catalog: Catalog) -> None:
        self.sql = sql
        self.catalog = catalog
        self.tokens = lex(sql)
        self.i = 0
        self.depth = 0
        self.parameters = 0

    @property
    def token(self) -> Token:
        return self.tokens[self.i]

    def refused(self, message: str, at: int | None = None) -> GuardError:
        """The error that says what and where; the caller raises it."""
        return refused(message, self.sql, self.token.at if at is None else at)

    def is_word(self, *words: str) -> bool:
        """Whether the tokens from here on are these bare words."""
        i = self.i
        for n, word in enumerate(words):
            if self.tokens[min(i + n, len(self.tokens) - 1)].upper != word:
                return False
        return True

    def take_word(self, *words: str) -> bool:
        """Step over these bare words if they stand here."""
        if self.tokens[self.i].upper != words[0] or (len(words) > 1 and not self.is_word(*words)):
            return False
        self.i += len(words)
        return True

    def expect_word(self, word: str) -> None:
        if not self.take_word(word):
            raise self.refused(f"expected `{word}`")

    def is_op(self, op: str) -> bool:
        token = self.tokens[self.i]
        return token.kind == "op" and token.value == op

    def take_op(self, op: str) -> bool:
        token = self.tokens[self.i]
        if token.kind != "op" or token.value != op:
            return False
        self.i += 1
        return True

    def expect_op(self, op: str) -> None:
        if not self.take_op(op):
            raise self.refused(f"expected `{op}`")

    def name(self, what: str) -> str:
        """A name: quoted, or a bare word that is not reserved."""
        token = self.tokens[self.i]
        if token.kind == "name" or (token.kind == "word" and token.upper not in RESERVED):
            self.i += 1
            return token.value
        if token.kind == "text":
            raise self.refused(f"`'…'` is a text and not the name of {what}; write \"…\"")
        raise self.refused(f"expected the name of {what}")

    def enter(self) -> None:
        self.depth += 1
        if self.depth > DEEPEST:
            raise self.refused(f"the statement nests deeper than {DEEPEST}; split it")

    def leave(self) -> None:
        self.depth -= 1

    def end(self) -> None:
        """The statement ends here."""
        if self.is_op(";"):
            self.i += 1
            if self.token.kind != "end":
                raise self.refused("one statement at a time; run the others on their own")
        if self.token.kind != "end":
            raise self.refused("this does not belong to the statement, or the guard does not read it")

    # what both halves name

    def _names(self, what: str) -> list[str]:
        out = [self.name(what)]
        while self.take_op(","):
            out.append(self.name(what))
        return out

    def _alias(self, what: str, *, after_as_text: bool = False) -> str | None:
        if self.take_word("AS"):
            return self.name(what)
        token = self.token
        if token.kind == "name" or (token.kind == "word" and token.upper not in RESERVED):
            return self.name(what)
        if token.kind == "text" and after_as_text:
            raise self.refused("`'…'` is a text and not a name; write \"…\"")
        return None

    def _table_name(self, *, columns_follow: bool = False) -> str:
        at = self.token.at
        name = self.name("a table")
        if self.is_op("."):
            raise self.refused("name a table without its schema; the guard knows where it is", at)
        if self.is_op("(") and not columns_follow:
            raise self.refused(
                f"`{name}(…)` is a table-valued function; read the column, take it apart in Python", at
            )
        return name

    def _no_index_hint(self) -> None:
        if self.is_word("INDEXED") or self.is_word("NOT", "INDEXED"):
            raise self.refused("index hints are not read; let the planner choose")
