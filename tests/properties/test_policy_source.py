"""The scanner against the real parser: random documents, written in varied styles."""

from __future__ import annotations

import datetime as dt
import tomllib
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from gptimage_core.policy.source import Source

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r"), max_size=12)
KEYS = st.one_of(
    st.from_regex(r"\A[A-Za-z0-9_-]{1,6}\Z"), st.sampled_from(["", "a.b", "é", 'q"', "#", "[x]", "'"])
)
SCALARS = st.one_of(
    TEXT,
    st.integers(-(2**63), 2**63 - 1),
    st.booleans(),
    st.floats(allow_nan=False),
    st.dates(),
    st.datetimes(timezones=st.sampled_from([None, dt.UTC])),
    st.times(),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(KEYS, inner, max_size=4),
        st.lists(st.dictionaries(KEYS, inner, max_size=3), min_size=1, max_size=3),
    ),
    max_leaves=12,
)
DOCUMENTS = st.dictionaries(KEYS, VALUES, max_size=5)


class Writer:
    """Writes TOML in a style that Hypothesis draws."""

    def __init__(self, draw: Any) -> None:
        self.draw = draw

    def one_of(self, *choices: str) -> str:
        return self.draw(st.sampled_from(choices))

    def blank(self) -> str:
        return self.one_of("", "", "\n", '  # [not.a.header] = "x"\n', "\r\n", "\t")

    def space(self) -> str:
        return self.one_of("", " ", "\t ")

    def string(self, text: str, *, is_key: bool = False) -> str:
        plain = text.isprintable() and "'" not in text
        style = self.one_of("basic", "literal", "long", "long-literal")
        if style == "literal" and plain:
            return f"'{text}'"
        if style == "long-literal" and plain and not is_key:
            return f"'''{self.one_of('', chr(10))}{text}'''"
        escaped = "".join(self.character(each) for each in text)
        if style == "long" and not is_key:
            return f'"""{self.one_of("", chr(10))}{escaped}"""'
        return f'"{escaped}"'

    def character(self, each: str) -> str:
        if each in '"\\':
            return "\\" + each
        if each.isprintable():
            return each
        return f"\\U{ord(each):08x}"

    def key(self, key: str) -> str:
        if (
            key
            and key.isascii()
            and key.replace("_", "").replace("-", "").isalnum()
            and self.draw(st.booleans())
        ):
            return key
        return self.string(key, is_key=True)

    def value(self, value: Any) -> str:
        match value:
            case bool():
                return "true" if value else "false"
            case str():
                return self.string(value)
            case dict():
                pairs = (
                    f"{self.space()}{self.key(k)}{self.space()}={self.space()}{self.value(v)}"
                    for k, v in value.items()
                )
                return "{" + ",".join(pairs) + self.space() + "}"
            case list():
                items = "".join(f"{self.blank()}{self.value(v)}{self.blank()}," for v in value)
                return f"[{items}{self.blank()}]"
            case dt.datetime():
                return value.isoformat(sep=self.one_of("T", " "))
            case dt.date() | dt.time():
                return value.isoformat()
            case float():
                return "inf" if value == float("inf") else "-inf" if value == float("-inf") else repr(value)
            case _:
                return str(value)

    def document(self, data: dict[str, Any], at: tuple[str, ...] = ()) -> str:
        inline, dotted, tables, arrays = [], [], [], []
        for key, value in data.items():
            style = self.one_of("inline", "table")
            if (
                isinstance(value, dict)
                and value
                and self.draw(st.booleans())
                and all(not isinstance(v, dict) for v in value.values())
            ):
                dotted.append((key, value))
            elif isinstance(value, dict) and style == "table":
                tables.append((key, value))
            elif (
                isinstance(value, list)
                and value
                and all(isinstance(v, dict) for v in value)
                and style == "table"
            ):
                arrays.append((key, value))
            else:
                inline.append((key, value))
        lines = [
            f"{self.blank()}{self.space()}{self.key(k)}{self.space()}= {self.value(v)}"
            f"{self.one_of('', ' # x')}\n"
            for k, v in inline
        ]
        for key, value in dotted:
            lines.extend(
                f"{self.key(key)}{self.space()}.{self.space()}{self.key(k)} = {self.value(v)}\n"
                for k, v in value.items()
            )
        for key, value in tables:
            lines.append(
                f"{self.blank()}{self.space()}[{self.header((*at, key))}]{self.one_of('', ' # t')}\n"
                f"{self.document(value, (*at, key))}"
            )
        for key, values in arrays:
            lines.extend(
                f"[[{self.header((*at, key))}]]\n{self.document(each, (*at, key))}" for each in values
            )
        return "".join(lines)

    def header(self, keys: tuple[str, ...]) -> str:
        return ".".join(f"{self.space()}{self.key(each)}{self.space()}" for each in keys)


@st.composite
def written(draw: Any) -> tuple[dict[str, Any], str]:
    data = draw(DOCUMENTS)
    return data, Writer(draw).document(data)


def paths(value: Any, at: tuple[str | int, ...] = ()) -> list[tuple[tuple[str | int, ...], Any]]:
    found = [(at, value)] if at else []
    children = (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    )
    for key, each in children:
        found.extend(paths(each, (*at, key)))
    return found


@settings(max_examples=400, deadline=None)
@given(written())
def test_every_path_is_located_and_its_text_is_its_value(case: tuple[dict[str, Any], str]) -> None:
    """INVARIANT (scanner-complete): each path has a place, and its text, parsed, is its value."""
    data, text = case
    assert tomllib.loads(text) == data
    source = Source("random.toml", text)
    for path, value in paths(data):
        place = source.place(path)
        assert place is not None, path
        spelled = text[place.start : place.end]
        if place.key == place.start and text[place.key] == "[" and isinstance(path[-1], str):
            assert isinstance(value, dict | list)  # a table's header; its value is what follows
        elif isinstance(value, dict) and not spelled.startswith("{"):
            assert isinstance(path[-1], str) or spelled.startswith("[[")
        elif isinstance(path[-1], int) and spelled.startswith("[["):
            assert isinstance(value, dict | list)
        else:
            assert tomllib.loads(f"v = {spelled}")["v"] == value
        position = source.locate(path)
        line = text.split("\n")[position.line - 1]
        assert text[place.key : place.key + 1] == line[
            position.column - 1 : position.column
        ] or place.key == len(text)


@settings(max_examples=100, deadline=None)
@given(written(), KEYS)
def test_what_is_missing_is_located_at_the_nearest_thing_there_is(
    case: tuple[dict[str, Any], str], key: str
) -> None:
    """A finding about a missing key points at what encloses it."""
    data, text = case
    source = Source("random.toml", text)
    for path, _ in paths(data):
        assert source.locate((*path, "no such key", key)) == source.locate((*path, "no such key"))
    assert source.locate(()).line == 1


def test_a_header_inside_a_long_string_deceives_nobody() -> None:
    """The quick index of rule headers gives way to the full scan where a text could deceive it."""
    text = 'x = """\n[permit.own]\n"""\n[permit.own]\nwho = 1\n'
    assert Source("f", text).locate(("permit", "own")).line == 4
