"""`python -m gptimage_server.migrations`: write the first migration anew from `tables`."""

from __future__ import annotations

from gptimage_server.migrations._first import FILE, text

if __name__ == "__main__":
    FILE.write_text(text(), "utf-8")
