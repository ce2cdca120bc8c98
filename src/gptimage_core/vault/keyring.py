# ruff: noqa: PTH100, PTH101, PTH103, PTH104, PTH116, PTH118, PTH120, PTH208
# System calls go by name: each is a step whose crash is thought through and tested.
"""The file keyring: a key store in a folder of its own, apart from the data and its backups (S32, S33).

    <folder>/            0700; every file 0600
      format             marker of the layout, written last: a folder without it is not a keyring yet
      secret             32 random bytes under which names are derived
      lock/              locked while the keyring is created
      epochs/00000001.key   32 random bytes; wrap the people's keys
      erasing/<name>     intents: what was being erased when the power went; walked at every start
      people/ab/<person>/own.key        the person's content key, wrapped by an epoch key
                         <item>.key     an item's key, wrapped by the person's
                         <item>.erased  an item that is erased; its first bytes were the key
      people/ab/<person>.erased/        a person who is erased; emptied

Names are HMACs under `secret` of length-prefixed ids, so a listing tells nothing without it. Wrapped keys
are AES-256-GCM with the header and the name as associated data: a file copied to another name does not open.

INVARIANT (erased-is-final). The point of no return of an erasure is one rename: of `<item>.key` to
`<item>.erased`, or of the person's folder. It moves the state for every process at once and cannot be half
done; overwriting follows, and an intent that was synced before makes the next start finish it. A cache
needs one look at one path to know that neither the item nor its person was erased.

Overwriting in place reaches the file's blocks, not copies that a file system or a flash disk keeps; those
die with their epoch's key. Locks are `flock`: the folder lies on a local file system.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import os
import secrets
import stat
import struct
from collections.abc import Iterator

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from gptimage_core.errors import KeyErased, VaultError
from gptimage_core.ports.keys import Key, KeyScope, KeyState
from gptimage_core.vault import _files

__all__ = ["FileKeyring"]

_FORMAT = b"gptimage keyring 1\n"
_MAGIC = b"gpk1"
_HEADER = struct.Struct(">4sBII")
_PERSON, _ITEM = 1, 2
_KEY_FILE = _HEADER.size + 12 + 32 + 16
_WIPED = b"erased\n".ljust(_KEY_FILE, b"\0")
_FIRST_EPOCH = 1


class FileKeyring:
    """A `KeyStore` in a folder. Creates the folder when it is missing or empty; refuses any other content.

    Opening it finishes every erasure that a crash interrupted. Raises `VaultError`, `StorageFull`.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self._folder = os.fspath(folder)
        with _files.refuse(VaultError, f"the keyring `{self._folder}` cannot be used"):
            self._create()
            self._check()
            self._secret = _files.read(self._path("secret"), 64)
            self._epochs = {_FIRST_EPOCH: _files.read(self._epoch_path(_FIRST_EPOCH), 64)}
            self._epoch = _FIRST_EPOCH
            self._finish()

    # -- the port ---------------------------------------------------------------------------------------

    def state(self, scope: KeyScope) -> KeyState:
        with _files.refuse(VaultError, "the state of a key cannot be read"):
            return self._state(*self._names(scope))

    def obtain(self, scope: KeyScope) -> Key:
        person, item = self._names(scope)
        with _files.refuse(VaultError, "a key cannot be minted"):
            found = self._find(person, item)
            if found is not None:
                return found
            with self._locked(person):
                self._mint(person, item)
            found = self._find(person, item)
        if found is None:
            raise VaultError("a key that was just minted is missing; is the keyring on a local file system?")
        return found

    def fetch(self, scope: KeyScope) -> Key:
        with _files.refuse(VaultError, "a key cannot be read"):
            found = self._find(*self._names(scope))
        if found is None:
            raise VaultError(
                "there is no key for this: nothing was sealed under it, or this is another keyring"
            )
        return found

    def is_live(self, key: Key) -> bool:
        # One look: the path holds the person's folder and the item's file, and erasing renames one of them.
        return os.access(key.handle, os.F_OK)

    def destroy(self, scope: KeyScope) -> None:
        with _files.refuse(VaultError, "a key could not be erased completely; try again"):
            self._destroy(*self._names(scope))

    # -- names and places -------------------------------------------------------------------------------

    def _names(self, scope: KeyScope) -> tuple[str, str | None]:
        person = self._name(b"person", scope.tenant, scope.subject, scope.retention)
        if scope.item is None:
            return person, None
        return person, self._name(b"item", scope.tenant, scope.subject, scope.retention, scope.item)

    def _name(self, kind: bytes, *parts: str) -> str:
        encoded = [part.encode("utf-8", "surrogatepass") for part in parts]
        text = kind + b"".join(len(part).to_bytes(4, "big") + part for part in encoded)
        return hmac.digest(self._secret, text, hashlib.sha256).hex()[:40]

    def _path(self, *parts: str) -> str:
        return os.path.join(self._folder, *parts)

    def _epoch_path(self, number: int) -> str:
        return self._path("epochs", f"{number:08}.key")

    def _home(self, person: str) -> str:
        return self._path("people", person[:2], person)

    # -- reading ----------------------------------------------------------------------------------------

    def _state(self, person: str, item: str | None) -> KeyState:
        home = self._home(person)
        if os.path.lexists(home + ".erased") or (item and os.path.lexists(f"{home}/{item}.erased")):
            return KeyState.ERASED
        if os.path.lexists(f"{home}/{item or 'own'}.key"):
            return KeyState.ACTIVE
        # Looked at in this order, a key erased in between would seem never to have been; look once more.
        if os.path.lexists(home + ".erased") or (item and os.path.lexists(f"{home}/{item}.erased")):
            return KeyState.ERASED
        return KeyState.NEVER

    def _find(self, person: str, item: str | None) -> Key | None:
        """The active key, or None where there never was one; raises `KeyErased`."""
        home = self._home(person)
        try:
            path = f"{home}/own.key"
            version, material = self._own(home, person)
            if item is not None:
                path = f"{home}/{item}.key"
                content = self._settled(path, home)
                version, material = _unwrap(content, _ITEM, material, f"{person}/{item}")
        except FileNotFoundError:
            if self._state(person, item) is KeyState.ERASED:
                raise KeyErased("this key is erased") from None
            return None
        except VaultError:
            # Read while it was being overwritten, or damaged; only the state tells which.
            if self._state(person, item) is KeyState.ERASED:
                raise KeyErased("this key is erased") from None
            raise
        return Key(material, version, path)

    @staticmethod
    def _settled(path: str, home: str) -> bytes:
        """A key file's content, durable before anything is sealed under it, whoever made it."""
        content, settled = _files.read_settled(path, _KEY_FILE + 1)
        if not settled:
            _files.sync_folder(home)
        return content

    def _own(self, home: str, person: str) -> tuple[int, bytes]:
        content = self._settled(f"{home}/own.key", home)
        epoch = int.from_bytes(content[_HEADER.size - 4 : _HEADER.size], "big")
        if epoch not in self._epochs:
            raise VaultError(
                "a key is wrapped under an epoch this keyring does not have; it cannot be opened"
            )
        return _unwrap(content, _PERSON, self._epochs[epoch], person)

    # -- minting ----------------------------------------------------------------------------------------

    def _mint(self, person: str, item: str | None) -> None:
        """Under the lock of the person's shelf: nobody else mints or erases there meanwhile."""
        home = self._home(person)
        state = self._state(person, None)
        if state is KeyState.NEVER:
            _files.make_folder(home)
            _files.sync_folder(self._path("people", person[:2]))  # also where a mint died after making it
            self._place(home, "own", _wrap(_PERSON, self._epoch, self._epochs[self._epoch], person))
        if state is KeyState.ERASED or self._state(person, item) is KeyState.ERASED:
            raise KeyErased("this key is erased, and an erased key is never minted again")
        if item is not None and self._state(person, item) is KeyState.NEVER:
            _, own = self._own(home, person)
            self._place(home, item, _wrap(_ITEM, 0, own, f"{person}/{item}"))

    @staticmethod
    def _place(home: str, name: str, content: bytes) -> None:
        """Make the key's file under a temporary link, name it, sync, and only then drop the link."""
        temporary = f"{home}/new"
        if os.path.lexists(temporary):  # of a mint that died: nobody's key yet, or one that has its name
            _files.sync_folder(home)
            _files.remove(temporary)
        _files.create(temporary, content)
        try:
            os.link(temporary, f"{home}/{name}.key")
        except OSError:
            _files.remove(temporary)
            raise
        _files.sync_folder(home)
        _files.remove(temporary)

    # -- erasing ----------------------------------------------------------------------------------------

    def _destroy(self, person: str, item: str | None) -> None:
        """1 intent, synced. 2 the rename, synced: erased for everybody. 3 overwrite, synced. 4 tidy up.

        A crash before 2 leaves the key active and the intent, so the next start erases; after 2 it is erased
        and the next start overwrites. Called again it takes the same way.
        """
        intent = self._path("erasing", person if item is None else f"{person}.{item}")
        with self._locked(person):
            self._intend(intent)  # 1
            if item is None:
                self._erase_person(person)
            else:
                self._erase_item(person, item)
            _files.remove(intent)  # not synced: coming back, it is walked once more and finds nothing to do

    def _intend(self, intent: str) -> None:
        try:
            if not os.path.lexists(intent):
                _files.create(intent, b"")
            _files.sync_folder(self._path("erasing"))
        except OSError as error:
            if not _files.is_full(error):
                raise
            # A full disk must not keep a key alive: erasing takes no room, only its intent does. Without one
            # a crash after the rename leaves the wrapped bytes of an erased key until its epoch is destroyed.

    def _erase_person(self, person: str) -> None:
        home, gone = self._home(person), self._home(person) + ".erased"
        if not os.path.lexists(gone):
            try:
                os.rename(home, gone)  # 2
            except FileNotFoundError:
                _files.make_folder(gone)
        _files.sync_folder(self._path("people", person[:2]))
        names = sorted(os.listdir(gone), key=lambda name: name != "own.key")
        for name in names:
            if name == "own.key":
                _files.overwrite(f"{gone}/{name}", _WIPED)  # 3; the items' keys are wrapped by this one
            _files.remove(f"{gone}/{name}")  # 4
        if names:
            _files.sync_folder(gone)

    def _erase_item(self, person: str, item: str) -> None:
        home = self._home(person)
        if os.path.lexists(home + ".erased"):
            return
        _files.make_folder(home)
        _files.sync_folder(self._path("people", person[:2]))
        gone = f"{home}/{item}.erased"
        if not os.path.lexists(gone):
            try:
                os.rename(f"{home}/{item}.key", gone)  # 2
            except FileNotFoundError:
                _files.create(gone, _WIPED)
        _files.sync_folder(home)
        if _files.read(gone, _KEY_FILE + 1) != _WIPED:
            _files.overwrite(gone, _WIPED)  # 3

    # -- opening ----------------------------------------------------------------------------------------

    def _create(self) -> None:
        """All or nothing: `format` comes last, and whatever a crash left is completed, never replaced."""
        os.makedirs(self._folder, mode=0o700, exist_ok=True)
        if os.path.lexists(self._path("format")):
            return
        present = set(os.listdir(self._folder))
        if present - {"secret", "lock", "epochs", "erasing", "people", "new"}:
            raise VaultError(
                f"the folder `{self._folder}` is neither empty nor a keyring; give it a folder of its own"
            )
        os.chmod(self._folder, 0o700)
        _files.make_folder(self._path("lock"))
        with _files.lock_folder(self._path("lock")):
            for name in ("epochs", "erasing", "people", *(f"people/{shelf:02x}" for shelf in range(256))):
                _files.make_folder(self._path(name))
            _files.sync_folder(self._path("people"))
            for path, content in (
                (self._path("secret"), secrets.token_bytes(32)),
                (self._epoch_path(_FIRST_EPOCH), secrets.token_bytes(32)),
                (self._path("format"), _FORMAT),
            ):
                if not os.path.lexists(path):
                    _files.remove(self._path("new"))
                    _files.create(self._path("new"), content)
                    _files.publish(self._path("new"), path)
                _files.sync_folder(os.path.dirname(path))
        _files.sync_folder(os.path.dirname(os.path.abspath(self._folder)))

    def _check(self) -> None:
        if _files.read(self._path("format"), 64) != _FORMAT:
            raise VaultError(
                f"the keyring `{self._folder}` has a format that is not known here; upgrade first"
            )
        about = os.stat(self._folder)
        if stat.S_IMODE(about.st_mode) & 0o077:
            raise VaultError(f"the keyring `{self._folder}` is open to others; run `chmod 700` on it")

    def _finish(self) -> None:
        """Complete the erasures that a crash interrupted, by the same way they are done."""
        for intent in os.listdir(self._path("erasing")):
            person, _, item = intent.partition(".")
            self._destroy(person, item or None)

    @contextlib.contextmanager
    def _locked(self, person: str) -> Iterator[None]:
        with _files.lock_folder(self._path("people", person[:2])):
            yield


# -- wrapped keys -------------------------------------------------------------------------------------------


def _wrap(kind: int, epoch: int, wrapping: bytes, name: str) -> bytes:
    """A fresh key, wrapped: header (magic, kind, version 1, epoch), nonce, ciphertext and tag."""
    header = _HEADER.pack(_MAGIC, kind, 1, epoch)
    nonce = secrets.token_bytes(12)
    return header + nonce + AESGCM(wrapping).encrypt(nonce, secrets.token_bytes(32), header + name.encode())


def _unwrap(content: bytes, kind: int, wrapping: bytes, name: str) -> tuple[int, bytes]:
    """(version, key material) of a key file's content; raises `VaultError` if it is not whole and its own."""
    header, nonce = content[: _HEADER.size], content[_HEADER.size : _HEADER.size + 12]
    try:
        magic, found, version, _ = _HEADER.unpack(header)
        if magic != _MAGIC or found != kind:
            raise VaultError("a key file is not what its name says; restore the keyring from its copy")
        sealed = content[_HEADER.size + 12 :]
        return version, AESGCM(wrapping).decrypt(nonce, sealed, header + name.encode())
    except (struct.error, InvalidTag, ValueError):
        raise VaultError(
            "a key file is damaged or not in its place; restore the keyring from its copy"
        ) from None
