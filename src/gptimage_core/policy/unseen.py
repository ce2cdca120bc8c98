"""What a text must not hold before it is parsed: what the eye does not see, and keys without end.

INVARIANT (read-is-written): a policy reads on a screen as it is written in the file. Characters that turn the
direction of writing, or that have no width, could make counsel approve one sentence and software run another
(in a comment, too); control characters would reach terminals, mails and logs.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from gptimage_core.policy.findings import Finding
from gptimage_core.policy.source import Source

__all__ = ["unseen"]

_UNSEEN = (
    "\\x00-\\x08\\x0b\\x0c\\x0e-\\x1f\\x7f-\\x9f\\u00ad\\u061c\\u180e\\u200b\\u200e\\u200f\\u2028-\\u202e"
    "\\u2060-\\u206f\\ufeff\\ufff9-\\ufffb\\U000e0000-\\U000e007f"
)
# The joiners U+200C and U+200D stay: Persian, Hindi and many emoji are not written without them.
_CHARACTER = re.compile(f"[{_UNSEEN}]")
_ESCAPE = re.compile(r"\\(?:u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})|([bf]))")
_DEEPEST_KEY = 100
"""Parts of a dotted key: the parser of the standard library keeps a tuple for each of its beginnings."""
_KEY = re.compile(rf"""(?<![\w-])(?:["']?[\w-]*["']?[ \t]*\.[ \t]*){{{_DEEPEST_KEY}}}""")


def unseen(source: Source) -> Iterator[Finding]:
    """A finding for each; none of them says what the text would have meant."""
    text = source.text
    for found in _CHARACTER.finditer(text):
        yield _hidden(source, found.start(), found.group())
    if "\\" in text:
        for found in _ESCAPE.finditer(text):
            code = found[1] or found[2]
            character = chr(int(code, 16)) if code and int(code, 16) <= 0x10FFFF else "\b" if found[3] else ""
            if character and _CHARACTER.match(character):
                yield _hidden(source, found.start(), character)
    for number, line in enumerate(text.split("\n"), 1):
        if line.count(".") >= _DEEPEST_KEY and _KEY.search(line):
            message = f"a key has more than {_DEEPEST_KEY} parts"
            yield Finding(source.file, number, 1, "syntax", message, "no key of the language has more than 4")


def _hidden(source: Source, at: int, character: str) -> Finding:
    from unicodedata import name  # for findings; most programs have none

    line = source.text.count("\n", 0, at) + 1
    column = at - (source.text.rfind("\n", 0, at) + 1) + 1
    called = f"U+{ord(character):04X} {name(character, 'control character').lower()}"
    return Finding(
        source.file, line, column, "unseen", f"the character {called} cannot be seen", "take it out"
    )
