"""The vault: sealed fields and blobs, and the keys whose destruction is a deletion (design, section 5).

context   where a sealed value stands; bound into its cryptography
sealing   C2SP chunked-encryption of bytes and streams; armour for text columns
keyring   keys per person and per item in a folder apart from the data
vault     seal, open, destroy; what the guard and applications use
blobs     files: LocalBlobs and SealedBlobs
"""

from __future__ import annotations

from gptimage_core.vault.blobs import LocalBlobs, SealedBlobs
from gptimage_core.vault.context import Context
from gptimage_core.vault.keyring import FileKeyring
from gptimage_core.vault.vault import Vault

__all__ = ["Context", "FileKeyring", "LocalBlobs", "SealedBlobs", "Vault"]
