"""An export: everything held about one person, as a zip that people and programs can read (S36).

    data/<table>.json     every row, as it is held; further pages are <table>-2.json …
    pages/<table>.html    the same for people
    files/<place>/…       the original pictures
    index.html            where to begin; opens without a network
    manifest.json         counts, the policy's version and digest, the instant, the SHA-256 of every file

The whole is made in one pass, in memory that does not grow with what is held. `source` says what is in it;
this module only writes it down.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from itertools import chain

import msgspec
from msgspec import Struct

from gptimage_core.clock import Instant, to_iso
from gptimage_core.errors import StoreError, VaultError
from gptimage_core.policy.timeline import Version
from gptimage_core.registry import Place
from gptimage_core.subjects.held import Row
from gptimage_core.subjects.packing import Packed, Packer
from gptimage_core.subjects.pages import Part, index_page, rows_page, title_of
from gptimage_core.subjects.source import Page, Source

__all__ = ["FORMAT", "Archive", "Manifest"]

FORMAT = "gptimage-export-1"

_ON_THE_WALL = 24
_SAFE = re.compile(r"[A-Za-z0-9_-]{1,80}", re.ASCII)
_KINDS = ((b"\x89PNG", "png"), (b"\xff\xd8\xff", "jpg"), (b"GIF8", "gif"), (b"RIFF", "webp"))


class Policy(Struct, frozen=True):
    id: str
    version: int
    digest: str


class Manifest(Struct, frozen=True):
    """What is in the archive. `as_of` is the instant at which collecting began; `withheld` are categories
    that are held and not given, each of which the first page names."""

    format: str
    as_of: str
    subject: str
    policy: Policy
    counts: dict[str, int]
    withheld: list[str]
    unreadable: list[str]
    files: list[Packed]


class Archive:
    """`for piece in archive: …`, once; afterwards `manifest` says what was written."""

    def __init__(self, source: Source, version: Version, now: Instant) -> None:
        self.manifest: Manifest | None = None
        self._source, self._version, self._now = source, version, now
        self._packer = Packer(now)
        self._counts: Counter[str] = Counter()
        self._numbers: Counter[str] = Counter()
        self._parts: list[tuple[int, Part]] = []
        self._wall: list[tuple[str, str]] = []
        self._unreadable: list[str] = []

    def __iter__(self) -> Iterator[bytes]:
        for page in self._source.pages(self._now):
            yield from self._page(page)
        yield from self._packer.add("index.html", [self._index().encode()])
        self.manifest = self._manifest()
        text = msgspec.json.format(msgspec.json.encode(self.manifest), indent=2)
        yield from self._packer.add("manifest.json", [text])
        yield from self._packer.close()

    def _page(self, page: Page) -> Iterator[bytes]:
        self._counts[page.name] += len(page.rows)
        self._numbers[page.name] += 1
        number = self._numbers[page.name]
        stem = page.name if number == 1 else f"{page.name}-{number}"
        title = title_of(page.name) + (f", page {number}" if number > 1 else "")
        part = Part(title, f"pages/{stem}.html", f"data/{stem}.json", len(page.rows))
        self._parts.append((self._rank(page), part))
        pictures: list[list[str]] = [[] for _ in page.rows]
        for index, row in enumerate(page.rows):
            for place, name in page.blobs[index]:
                yield from self._blob(page.name, row, place, name, pictures[index])
        data = msgspec.json.format(msgspec.json.encode(page.rows), indent=2)
        yield from self._packer.add(part.data, [data])
        html = rows_page(self._version.document, part, page.categories, zip(page.rows, pictures, strict=True))
        yield from self._packer.add(part.page, [html.encode()])

    def _blob(self, table: str, row: Row, place: Place, name: str, pictures: list[str]) -> Iterator[bytes]:
        """The file itself; the row then says where it lies in the archive."""
        assert place.column is not None
        try:
            pieces = self._source.blob(table, row, place, name)
            first = next(pieces, b"")
        except (StoreError, VaultError):
            # Deleted while the archive was made: it is not held any more, and the manifest says so.
            self._unreadable.append(f"{place.name}: {name}")
            row[place.column] = None
            return
        kind = next((ending for magic, ending in _KINDS if first.startswith(magic)), "bin")
        key = str(next(iter(row.values())))
        path = f"files/{place.name}/{key if _SAFE.fullmatch(key) else name}.{kind}"
        yield from self._packer.add(path, chain([first], pieces), packed=False)
        row[place.column] = path
        if kind != "bin":
            pictures.append(path)
            if len(self._wall) < _ON_THE_WALL:
                words = str(row.get("prompt") or "")
                self._wall.append((path, words[:140] or f"Picture {key}"))

    def _index(self) -> str:
        version = self._version
        withheld = sorted(self._source.withheld)
        parts = [part for _, part in sorted(self._parts, key=lambda ranked: ranked[0])]
        return index_page(
            version.document, version.number, version.digest, self._now, parts, self._wall, withheld
        )

    def _rank(self, page: Page) -> int:
        """The policy's order of categories: what people look for stands first, bookkeeping last."""
        order = {name: number for number, name in enumerate(self._version.document.category)}
        return min((order.get(name, len(order)) for name in page.categories), default=len(order))

    def _manifest(self) -> Manifest:
        version = self._version
        return Manifest(
            format=FORMAT,
            as_of=to_iso(self._now),
            subject=self._source.person,
            policy=Policy(version.document.id, version.number, version.digest),
            counts=dict(sorted(self._counts.items())),
            withheld=sorted(self._source.withheld),
            unreadable=self._unreadable,
            files=list(self._packer.files),
        )
