"""Expressions, by precedence as SQLite has it (https://www.sqlite.org/lang_expr.html#operators)."""

from __future__ import annotations

import re

from gptimage_core.guard.statements import nodes as n
from gptimage_core.guard.statements.calls import Calls
from gptimage_core.guard.statements.words import COLLATIONS, RESERVED, TYPE_WORDS, TYPES

__all__ = ["Expressions"]

_COMPARE = {"=": "=", "==": "=", "!=": "<>", "<>": "<>"}
_TIERS: tuple[frozenset[str], ...] = (
    frozenset({"<", "<=", ">", ">="}),
    frozenset({"&", "|", "<<", ">>"}),
    frozenset({"+", "-"}),
    frozenset({"*", "/", "%"}),
    frozenset({"||", "->", "->>"}),
)
_TIGHTER = {op: tier for tier, ops in enumerate(_TIERS) for op in ops}
_PREDICATES = frozenset({"IS", "IN", "LIKE", "GLOB", "BETWEEN", "ISNULL", "NOTNULL", "NOT"})
_NO_CLOCK = frozenset({"CURRENT_TIMESTAMP", "CURRENT_DATE", "CURRENT_TIME"})
_LONGEST_PATTERN = 12_500


class Expressions(Calls):
    """The expression half of the grammar, but for calls (`Calls`); `query` is the other half's."""

    def query(self) -> n.Query:
        raise AssertionError("the grammar gives it")

    def qualified(self, qualifier: str, name: str, at: int) -> n.Expr:
        """What `qualifier.name` stands for."""
        return n.ColumnRef(qualifier, name, at)

    # Few frames per level: a statement as deep as DEEPEST must fit Python's recursion limit under a server.

    def expression(self) -> n.Expr:
        self.enter()
        out = self._and()
        if self.tokens[self.i].upper == "OR":
            operands = [out]
            while self.take_word("OR"):
                operands.append(self._and())
            out = n.Logic("OR", operands)
        self.leave()
        return out

    def _and(self) -> n.Expr:
        out = self._not() if self.tokens[self.i].upper == "NOT" else self._predicate()
        if self.tokens[self.i].upper == "AND":
            operands = [out]
            while self.take_word("AND"):
                operands.append(self._not())
            out = n.Logic("AND", operands)
        return out

    def _not(self) -> n.Expr:
        if not self.take_word("NOT"):
            return self._predicate()
        self.enter()
        out = n.Unary("NOT", self._not())
        self.leave()
        return out

    def _predicate(self) -> n.Expr:
        left = self._tier(0)
        while True:
            token = self.tokens[self.i]
            if token.kind == "op" and token.value in _COMPARE:
                self.i += 1
                left = n.Binary(_COMPARE[token.value], left, self._tier(0), token.at)
            elif token.upper in _PREDICATES:
                left = self._word_predicate(left, token.at)
            elif token.upper in ("MATCH", "REGEXP"):
                raise self.refused(
                    f"`{token.upper}` runs code that the guard does not know; use LIKE or GLOB"
                )
            else:
                return left

    def _word_predicate(self, left: n.Expr, at: int) -> n.Expr:
        if self.take_word("ISNULL"):
            return n.IsNull(left, False)
        if self.take_word("NOTNULL") or self.take_word("NOT", "NULL"):
            return n.IsNull(left, True)
        if self.take_word("IS"):
            negated = self.take_word("NOT")
            if self.take_word("DISTINCT"):  # the standard's words for the same
                self.expect_word("FROM")
                negated = not negated
            right = self._tier(0)
            if isinstance(right, n.Literal) and right.sql == "NULL":
                return n.IsNull(left, negated)
            return n.Binary("IS NOT" if negated else "IS", left, right, at)
        negated = self.take_word("NOT")
        if self.take_word("IN"):
            return self._in(left, negated)
        if self.take_word("BETWEEN"):
            low = self._tier(0)
            self.expect_word("AND")
            return n.Between(left, low, self._tier(0), negated)
        for op in ("LIKE", "GLOB"):
            if self.take_word(op):
                return self._like(op, left, negated)
        raise self.refused("put parentheses around `NOT …` here")

    def _in(self, left: n.Expr, negated: bool) -> n.Expr:
        if not self.take_op("("):
            raise self.refused("write `IN (…)`: a list or a subquery in parentheses")
        if self.token.upper in ("SELECT", "VALUES", "WITH"):
            query = self.query()
            self.expect_op(")")
            return n.In(left, query, negated)
        items: list[n.Expr] = []
        if not self.is_op(")"):
            items = self.list_of(self.expression)
        self.expect_op(")")
        return n.In(left, items, negated)

    def _like(self, op: str, left: n.Expr, negated: bool) -> n.Expr:
        at = self.token.at
        pattern = self._tier(0)
        if isinstance(pattern, n.Literal) and len(str(pattern.value)) > _LONGEST_PATTERN:
            raise self.refused(f"a pattern is at most {_LONGEST_PATTERN} characters long", at)
        escape = None
        if self.take_word("ESCAPE"):
            place = self.token.at
            escape = self._tier(0)
            wrong = isinstance(escape, n.Literal) and len(str(escape.value)) != 1
            if wrong or op == "GLOB":
                raise self.refused("ESCAPE takes one character and goes with LIKE: `ESCAPE '\\'`", place)
        return n.Like(op, left, pattern, escape, negated)

    def _tier(self, tier: int) -> n.Expr:
        """Binary operators by precedence climbing."""
        left = self._unary() if self.tokens[self.i].kind == "op" else self._primary()
        if self.tokens[self.i].upper == "COLLATE":
            left = self._collated(left)
        while True:
            token = self.tokens[self.i]
            if token.kind != "op":
                return left
            found = _TIGHTER.get(token.value, -1)
            if found < tier:
                return left
            self.i += 1
            self.enter()
            left = n.Binary(token.value, left, self._tier(found + 1), token.at)
            self.leave()

    def _collated(self, out: n.Expr) -> n.Expr:
        while self.take_word("COLLATE"):
            name = self.name("a collation")
            if name.upper() not in COLLATIONS:
                raise self.refused(
                    f"the collation `{name}` is not listed; use {', '.join(sorted(COLLATIONS))}"
                )
            out = n.Collate(out, name.upper())
        return out

    def _unary(self) -> n.Expr:
        token = self.tokens[self.i]
        if token.kind == "op" and token.value in ("-", "+", "~"):
            self.i += 1
            self.enter()
            operand = self._unary()
            self.leave()
            if token.value == "-" and isinstance(operand, n.Literal) and operand.sql[0] in ".0123456789":
                return self._negative(operand, token.at)
            return n.Unary(token.value, operand)
        return self._primary()

    def _negative(self, literal: n.Literal, at: int) -> n.Literal:
        value = literal.value
        assert isinstance(value, int | float)
        if literal.sql == "9223372036854775808":
            value = 2**63
        return n.Literal(f"-{literal.sql}", -value, at)

    def _primary(self) -> n.Expr:
        token = self.tokens[self.i]
        kind = token.kind
        if kind == "name":
            return self._column_or_call()
        if kind == "word":
            return self._word(token.upper)
        if kind == "?":
            self.i += 1
            self.parameters += 1
            return n.Parameter(self.parameters - 1)
        if kind in ("text", "number", "blob"):
            self.i += 1
            return self._literal(kind, token.value, token.at)
        if not self.take_op("("):
            raise self.refused("expected an expression")
        if self.token.upper in ("SELECT", "VALUES", "WITH"):
            inner: n.Expr = n.Scalar(self.query())
        else:
            inner = self.expression()
            if self.take_op(","):
                inner = n.Row([inner, *self.list_of(self.expression)], token.at)
        self.expect_op(")")
        return inner

    def _literal(self, kind: str, text: str, at: int) -> n.Literal:
        if kind == "text":
            return n.Literal(text, text[1:-1].replace("''", "'"), at)
        if kind == "blob":
            return n.Literal(text, bytes.fromhex(text[2:-1]), at)
        if text[:2] in ("0x", "0X"):
            value = int(text, 16)
            if value >= 2**64:
                raise self.refused("a hexadecimal number has at most 16 digits", at)
            return n.Literal(text, value - 2**64 if value >= 2**63 else value, at)
        text = text.replace("_", "")
        if re.fullmatch("0*[0-9]{1,19}", text) and int(text[-19:]) < 2**63:
            return n.Literal(text, int(text[-19:]), at)
        return n.Literal(text, float(text), at)  # beyond 64 bits a number is a real, as SQLite has it

    def _word(self, upper: str) -> n.Expr:
        at = self.token.at
        if upper == "NULL":
            self.i += 1
            return n.Literal("NULL", None, at)
        if upper in ("TRUE", "FALSE"):
            self.i += 1
            return n.Literal(upper, int(upper == "TRUE"), at)
        if upper == "CASE":
            return self._case()
        if upper == "CAST":
            return self._cast()
        if upper == "EXISTS":
            self.i += 1
            self.expect_op("(")
            query = self.query()
            self.expect_op(")")
            return n.Exists(query)
        if upper in _NO_CLOCK:
            raise self.refused(f"`{upper}` is a hidden clock; pass the instant as a parameter")
        if upper == "RAISE":
            raise self.refused("`RAISE` belongs to triggers")
        if upper in RESERVED and upper not in ("REPLACE", "GLOB", "LIKE"):
            raise self.refused("expected an expression")
        return self._column_or_call()

    def _case(self) -> n.Expr:
        self.i += 1
        base = None if self.is_word("WHEN") else self.expression()
        whens: list[tuple[n.Expr, n.Expr]] = []
        while self.take_word("WHEN"):
            condition = self.expression()
            self.expect_word("THEN")
            whens.append((condition, self.expression()))
        if not whens:
            raise self.refused("expected `WHEN`")
        otherwise = self.expression() if self.take_word("ELSE") else None
        self.expect_word("END")
        return n.Case(base, whens, otherwise)

    def _cast(self) -> n.Expr:
        self.i += 1
        self.expect_op("(")
        operand = self.expression()
        self.expect_word("AS")
        at, words = self.token.at, list[str]()
        while self.token.kind in ("word", "name") and self.token.value.upper() in TYPE_WORDS:
            words.append(self.token.value.upper())
            self.i += 1
        type_name = " ".join(words)
        if type_name not in TYPES:
            listed = type_name or self.token.value
            raise self.refused(f"CAST to `{listed}` is not listed; use {', '.join(sorted(TYPES))}", at)
        if self.take_op("("):
            sizes = [self._size()]
            if self.take_op(","):
                sizes.append(self._size())
            self.expect_op(")")
            type_name += f"({', '.join(sizes)})"
        self.expect_op(")")
        return n.Cast(operand, type_name)

    def _size(self) -> str:
        token = self.token
        if token.kind != "number" or not token.value.isdigit() or len(token.value) > 9:
            raise self.refused("a type's size is a whole number")
        self.i += 1
        return token.value

    def _column_or_call(self) -> n.Expr:
        at = self.token.at
        bare = self.token.kind == "word"
        reserved = self.token.upper in RESERVED and self.token.upper not in ("LIKE", "GLOB")
        name = self.name("a column") if not bare or reserved else self._step()
        if self.is_op("("):
            return self.call(name, at)
        if bare and self.tokens[self.i - 1].upper in RESERVED:
            raise self.refused("expected an expression", at)
        if not self.take_op("."):
            return n.ColumnRef(None, name, at)
        column = self.name("a column")
        if self.is_op("."):
            raise self.refused("name a table without its schema; the guard knows where it is", at)
        return self.qualified(name, column, at)

    def _step(self) -> str:
        self.i += 1
        return self.tokens[self.i - 1].value
