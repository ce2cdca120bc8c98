"""What the images' pages take and answer; a description is what people read when the field is wrong."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from gptimage_core.clock import Instant
from gptimage_server.features.images.choices import DEFAULT_SIZE, DEFAULT_STYLE, MAX_SEED

__all__ = ["DeleteForm", "Deleted", "Empty", "HistoryView", "ImageView", "JobView", "StudioView", "WishForm"]


class WishForm(Struct, frozen=True, forbid_unknown_fields=True):
    """A prompt and how it is to be drawn. Without a seed a random one is taken."""

    prompt: Annotated[str, Meta(description="Write what you would like to see.")]
    size: str = DEFAULT_SIZE
    style: str = DEFAULT_STYLE
    seed: (
        Annotated[int, Meta(ge=0, le=MAX_SEED, description=f"A seed is a whole number from 0 to {MAX_SEED}.")]
        | None
    ) = None


class DeleteForm(Struct, frozen=True, forbid_unknown_fields=True):
    """`now` skips the seconds in which a deletion can be taken back."""

    now: Annotated[bool, Meta(description="Say `true` or `false`.")] = False


class Empty(Struct, frozen=True, forbid_unknown_fields=True):
    """A form without fields."""


class ImageView(Struct, frozen=True):
    """An image of one's own. `state`: waiting, running, done, failed. Addresses are for their owner alone."""

    id: str
    prompt: str
    size: str
    width: int
    height: int
    seed: int
    style: str
    model: str
    made_at: Instant
    state: str
    progress: int
    cost: int
    job: str
    picture: str | None
    thumbnail: str | None


class StudioView(Struct, frozen=True):
    """What the studio opens with; `latest` are the newest images."""

    available: int
    prompt: str
    size: str
    style: str
    seed: int | None
    latest: tuple[ImageView, ...]


class HistoryView(Struct, frozen=True):
    """A page of images, newest first; `next` is the cursor of the following page, if there is one."""

    images: tuple[ImageView, ...]
    next: str | None


class JobView(Struct, frozen=True):
    """How far a job is, in percent; `done` when nothing more will happen."""

    id: str
    image: str
    state: str
    progress: int
    done: bool


class Deleted(Struct, frozen=True):
    """An image that was deleted at `at`; `undo_until` is 0 where it cannot be taken back."""

    id: str
    at: Instant
    undo_until: Instant
