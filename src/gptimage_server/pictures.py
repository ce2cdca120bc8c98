"""Where a picture's bytes lie: sealed blobs under the item's own key, named in the image's sealed columns.

Below the features, since the making, the showing, the export and the deletion of a picture all need it.
"""

from __future__ import annotations

import asyncio
from typing import Literal

from gptimage_core.errors import StoreError
from gptimage_core.vault.context import Context
from gptimage_server.services import Services

__all__ = ["LARGEST", "place_of", "put_picture", "read_picture", "remove_pictures"]

LARGEST = 32 * 1024 * 1024
"""No picture of ours is larger, in bytes."""

Column = Literal["picture", "thumbnail"]


def place_of(tenant: str, owner: str, image: str, column: Column) -> Context:
    """The context a picture is sealed in; its key is the image's (S32)."""
    return Context(tenant, owner, "generated_image", "images", column, image, item=image)


async def put_picture(
    services: Services, tenant: str, owner: str, image: str, column: Column, content: bytes
) -> str:
    """Seal and store; gives the blob's name. Raises `KeyErased` where the image was deleted meanwhile."""
    return await asyncio.to_thread(services.blobs.put, place_of(tenant, owner, image, column), content)


async def read_picture(
    services: Services, tenant: str, owner: str, image: str, column: Column, name: str
) -> bytes:
    """The bytes of a picture whose name was read under an access; raises `VaultError` if its key is gone,
    `StoreError` if its file is."""
    place = place_of(tenant, owner, image, column)
    return await asyncio.to_thread(services.blobs.read, place, name, limit=LARGEST)


async def remove_pictures(services: Services, names: list[str]) -> None:
    """Remove blobs by name; one that is gone is fine."""

    def remove() -> None:
        for name in names:
            services.blobs.delete(name)

    try:
        await asyncio.to_thread(remove)
    except StoreError as error:
        raise StoreError(f"a deleted picture could not be removed: {error}") from error
