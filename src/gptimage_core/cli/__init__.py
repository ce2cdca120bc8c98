"""The command line: `gptimage NOUN VERB`. One file a noun; other packages add nouns by entry point."""

from __future__ import annotations

from gptimage_core.cli.main import main

__all__ = ["main"]
