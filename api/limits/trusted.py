"""Documents that were registered before they are asked for by their SHA-256.

Registering is done by whoever runs the server, with a file; no request registers anything.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import orjson

from api.limits.messages import LimitError

_HASH: Final = re.compile(r"[0-9a-f]{64}")
_APOLLO: Final = "apollo-persisted-query-manifest"
_PREFIX: Final = "sha256:"


class DocumentNotTrustedError(LimitError):
    """A document is not known, or not one that may be sent."""


class ManifestError(ValueError):
    """The file of trusted documents cannot be read, or a document in it has another hash."""


@dataclass(frozen=True, slots=True)
class TrustedDocuments:
    """The texts by their hash; ``only``: nothing else is carried out."""

    texts: Mapping[str, str]
    only: bool = False

    @classmethod
    def from_file(cls, path: Path, *, only: bool = False) -> "TrustedDocuments":
        """Read ``{hash: text}`` as Relay writes it, or the manifest of Apollo's clients."""
        try:
            manifest = orjson.loads(path.read_bytes())
        except (OSError, orjson.JSONDecodeError) as error:
            raise ManifestError(f"cannot read the manifest of documents: {path}") from error
        return cls(dict(_verified(manifest)), only)

    def find(self, body: Mapping[str, Any]) -> str | None:
        """Return the trusted document that a request names; None if it may send its own.

        DocumentNotTrustedError if it names an unknown one, or sends its own where none is read.
        """
        named = _named(body)
        sent = body.get("query")
        if sent is not None:
            if self.only:
                raise DocumentNotTrustedError("DOCUMENT_NOT_TRUSTED")
            if named is not None and isinstance(sent, str) and named != _hash(sent):
                raise DocumentNotTrustedError("DOCUMENT_HASH_MISMATCH")
            return None
        if named is None:
            return None
        text = self.texts.get(named)
        if text is None:
            raise DocumentNotTrustedError("PERSISTED_QUERY_NOT_FOUND")
        return text


def _named(body: Mapping[str, Any]) -> str | None:
    """Return the hash that a request names; one that no document has if it makes no sense."""
    extensions = body.get("extensions")
    persisted = extensions.get("persistedQuery") if isinstance(extensions, dict) else None
    if persisted is not None:
        named = persisted.get("sha256Hash") if isinstance(persisted, dict) else ""
    else:
        named = body.get("documentId")
        if named is None:
            return None
    return named.removeprefix(_PREFIX).lower() if isinstance(named, str) else ""


def _verified(manifest: Any) -> Iterator[tuple[str, str]]:
    for key, text in _entries(manifest):
        if not isinstance(key, str) or not isinstance(text, str):
            raise ManifestError("the manifest holds something else than hashes and texts")
        named = key.removeprefix(_PREFIX)
        if _HASH.fullmatch(named) is None or named != _hash(text):
            raise ManifestError(f"not the SHA-256 of its document: {key}")
        yield named, text


def _entries(manifest: Any) -> Iterator[tuple[Any, Any]]:
    if not isinstance(manifest, dict):
        raise ManifestError("a manifest is an object of hashes and texts")
    if manifest.get("format") != _APOLLO:
        yield from manifest.items()
        return
    operations = manifest.get("operations")
    if manifest.get("version") != 1 or not isinstance(operations, list):
        raise ManifestError("a manifest of Apollo's clients has version 1 and operations")
    for operation in operations:
        if not isinstance(operation, dict):
            raise ManifestError("an operation in the manifest is an object")
        yield operation.get("id"), operation.get("body")


def _hash(text: str) -> str:
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
