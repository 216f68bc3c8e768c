"""Keys of data subjects: each one's personal fields are encrypted under a key of their own.

A data key is random, wrapped (AES-256-GCM) by the master key, and stored in ``keys.subject_keys``
in the same transaction as the first event that needs it. The master key is a file outside the
database, so a copy of the database alone reveals nobody.
"""

import contextlib
import os
import tempfile
from base64 import b64decode, b64encode
from binascii import a2b_base64, b2a_base64
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any, Final, LiteralString
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from application.eventstore.errors import MasterKeyError
from domain.personal import ERASED, Erased, PersonalText, Sealed

_NONCE_BYTES: Final = 12
_KEY_BYTES: Final = 32
CACHED_KEYS: Final = 20_000

SELECT_CURRENT: LiteralString = """
SELECT DISTINCT ON (subject) subject, key_version, master, wrapped
FROM keys.subject_keys
WHERE subject = ANY(%b)
ORDER BY subject, key_version DESC
"""


class MasterKey:
    """The key that wraps the data keys; ``id`` names it without revealing it."""

    def __init__(self, secret: bytes) -> None:
        if len(secret) != _KEY_BYTES:
            raise MasterKeyError(f"the master key has {_KEY_BYTES} bytes, not {len(secret)}")
        self._secret = secret
        self._aead = AESGCM(secret)
        self._hashers: dict[bytes, blake2b] = {}
        self.id: Final = blake2b(b"redress master key id", key=secret, digest_size=8).hexdigest()

    @classmethod
    def from_file(cls, path: Path) -> "MasterKey":
        """Read the key file; make it (0600) where there is none.

        It is linked into place when it is complete: nobody ever reads half a key, and of two
        processes that make one at once both use the same.
        """
        if not path.exists():
            descriptor, made = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
            try:
                with os.fdopen(descriptor, "w", encoding="ascii") as file:
                    file.write(b64encode(os.urandom(_KEY_BYTES)).decode() + "\n")
                    file.flush()
                    os.fsync(file.fileno())
                with contextlib.suppress(FileExistsError):
                    os.link(made, path)
            finally:
                Path(made).unlink()
        return cls(b64decode(path.read_text("ascii")))

    def digest(self, purpose: bytes, *parts: bytes) -> bytes:
        """Return a keyed digest of 16 bytes: low-entropy input cannot be guessed from it."""
        hasher = self._hashers.get(purpose)
        if hasher is None:
            hasher = blake2b(digest_size=16, key=self._secret, person=purpose)
            self._hashers[purpose] = hasher
        hasher = hasher.copy()  # the key was taken in already
        for part in parts:
            hasher.update(len(part).to_bytes(8, "big"))
            hasher.update(part)
        return hasher.digest()

    def pseudonym(self, kind: str, value: str) -> UUID:
        """Return the id of a person known by a natural key (architecture.md 9.1)."""
        return UUID(bytes=self.digest(b"pseudonym", kind.encode(), value.encode()), version=5)

    def wrap(self, subject: UUID, key_version: int, key: bytes) -> bytes:
        """Encrypt a data key for storing."""
        nonce = os.urandom(_NONCE_BYTES)
        return nonce + self._aead.encrypt(nonce, key, _wrap_context(subject, key_version))

    def unwrap(self, subject: UUID, key_version: int, wrapped: bytes) -> bytes:
        """Decrypt a stored data key."""
        nonce, ciphertext = wrapped[:_NONCE_BYTES], wrapped[_NONCE_BYTES:]
        try:
            return self._aead.decrypt(nonce, ciphertext, _wrap_context(subject, key_version))
        except InvalidTag:
            raise MasterKeyError(
                "the master key does not fit the database: use the key file it was made with"
            ) from None


def _wrap_context(subject: UUID, key_version: int) -> bytes:
    return b"redress wrap 1" + subject.bytes + key_version.to_bytes(4, "big")


def _event_context(stream: UUID, version: int) -> bytes:
    """Return the associated data of an event's fields, before the field's name."""
    return stream.bytes + version.to_bytes(8, "big")


@dataclass(frozen=True, slots=True)
class DataKey:
    """One version of a subject's key; ``wrapped`` as it is, or will be, stored."""

    subject: UUID
    version: int
    master: str
    aead: AESGCM
    wrapped: bytes


class SubjectKeys:
    """The data keys in use, and those that the next append must store."""

    def __init__(self, master: MasterKey, *, cached: int = CACHED_KEYS) -> None:
        self.master = master
        self._cached = cached
        self._current: OrderedDict[UUID, DataKey] = OrderedDict()
        self._unsaved: dict[UUID, DataKey] = {}

    def unknown(self, subjects: Iterable[UUID]) -> list[UUID]:
        """Return the subjects whose current key is to be looked up (``SELECT_CURRENT``).

        The others are kept longest from now on: what is learned next must not push them out.
        """
        missing = []
        for subject in subjects:
            if subject in self._current:
                self._current.move_to_end(subject)
            else:
                missing.append(subject)
        return missing

    def learn(self, rows: Iterable[Sequence[Any]]) -> None:
        """Take in rows of ``SELECT_CURRENT``; a destroyed key is followed by a new version."""
        for subject, version, master, wrapped in rows:
            if wrapped is None:
                self.create(subject, version + 1)
            else:
                self._unsaved.pop(subject, None)  # one of ours lost the race against this one
                self._keep(self._unwrapped(subject, version, master, wrapped))

    def create(self, subject: UUID, version: int = 1) -> None:
        """Make a new key for a subject that has none; it is stored with the next append."""
        secret = os.urandom(_KEY_BYTES)
        wrapped = self.master.wrap(subject, version, secret)
        key = DataKey(subject, version, self.master.id, AESGCM(secret), wrapped)
        self._unsaved[subject] = key
        self._keep(key)

    def unsaved(self, subjects: Iterable[UUID]) -> list[DataKey]:
        """Return the keys among these that are not stored yet."""
        return [self._unsaved[subject] for subject in subjects if subject in self._unsaved]

    def saved(self, keys: Iterable[DataKey]) -> None:
        """Note that these keys are stored."""
        for key in keys:
            if self._unsaved.get(key.subject) is key:
                del self._unsaved[key.subject]

    def is_current(self, key: DataKey) -> bool:
        """Say whether the key is still the one to seal under, hence was not forgotten."""
        return self._current.get(key.subject) is key

    def forget(self, subjects: Iterable[UUID]) -> None:
        """Drop what is known of these subjects, so that it is looked up anew."""
        for subject in subjects:
            self._current.pop(subject, None)
            self._unsaved.pop(subject, None)

    def seal_stored(
        self, texts: Mapping[str, PersonalText], stream: UUID, version: int
    ) -> dict[str, dict[str, Any]]:
        """Encrypt the personal fields of an event, in the shape in which they are stored.

        ``KeyError`` if the key of a subject was not looked up.
        """
        context = _event_context(stream, version)
        nonces = os.urandom(_NONCE_BYTES * len(texts))
        sealed = {}
        key: DataKey | None = None
        for ordinal, (field, text) in enumerate(texts.items()):
            if key is None or key.subject is not text.subject:  # nearly always one subject
                key = self._current[text.subject]
            nonce = nonces[ordinal * _NONCE_BYTES : (ordinal + 1) * _NONCE_BYTES]
            ciphertext = key.aead.encrypt(nonce, text.reveal().encode(), context + field.encode())
            sealed[field] = {
                "subject": text.subject,
                "key": key.version,
                "nonce": b2a_base64(nonce, newline=False).decode(),
                "ciphertext": b2a_base64(ciphertext, newline=False).decode(),
            }
        return sealed

    def _unwrapped(self, subject: UUID, version: int, master: str, wrapped: bytes) -> DataKey:
        if master != self.master.id:
            raise MasterKeyError(
                f"the database was made with master key {master}, this is {self.master.id}"
            )
        secret = self.master.unwrap(subject, version, wrapped)
        return DataKey(subject, version, master, AESGCM(secret), wrapped)

    def _keep(self, key: DataKey) -> None:
        self._current[key.subject] = key
        if len(self._current) > self._cached:
            oldest, _ = self._current.popitem(last=False)
            if oldest in self._unsaved:  # it must stay until it is stored
                self._current[oldest] = self._unsaved[oldest]


class Unsealing:
    """Opens sealed fields for those who may fill or show ``read_personal``.

    Keys are never cached across batches: a destroyed key must not live on in a process.
    """

    def __init__(self, master: MasterKey) -> None:
        self._master = master
        # By the subject's integer: a UUID is hashed and compared ten times slower.
        self._keys: dict[tuple[int, int], AESGCM | None] = {}

    def begin_batch(self, rows: Iterable[Sequence[Any]]) -> None:
        """Take in (subject, key version, master, wrapped key) for the subjects of the batch."""
        self._keys = {
            (subject.int, version): None
            if wrapped is None
            else AESGCM(self._master.unwrap(subject, version, wrapped))
            for subject, version, _master, wrapped in rows
        }

    def open(self, sealed: Sealed, stream: UUID, version: int, field: str) -> str | Erased:
        """Decrypt one field of one event, or say that its key is gone."""
        aead = self._keys.get((sealed.subject.int, sealed.key))
        if aead is None:
            return ERASED
        context = _event_context(stream, version) + field.encode()
        nonce, ciphertext = a2b_base64(sealed.nonce), a2b_base64(sealed.ciphertext)
        return aead.decrypt(nonce, ciphertext, context).decode()
