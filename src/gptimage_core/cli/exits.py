"""Exit codes, the same for every command (documented in `--help` and docs/commands.md)."""

from __future__ import annotations

from enum import IntEnum


class Exit(IntEnum):
    """What a command's exit code says."""

    OK = 0
    """done; allowed; nothing found"""
    NO = 1
    """the answer is no: denied, findings, gaps"""
    USAGE = 2
    """the command line was not understood"""
    REFUSED = 3
    """an input was refused: a policy, a facts file, an unknown id"""
    FAILED = 4
    """the surroundings failed: disk, database, network; nothing was acknowledged"""


EPILOG = "exit codes: " + "; ".join(
    f"{code.value} {words}"
    for code, words in (
        (Exit.OK, "done, allowed"),
        (Exit.NO, "the answer is no (denied, findings, gaps)"),
        (Exit.USAGE, "usage"),
        (Exit.REFUSED, "an input was refused"),
        (Exit.FAILED, "the surroundings failed"),
    )
)
