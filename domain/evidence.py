"""What is checked of a piece of evidence: its media type, its digest, its size (domain.md 2)."""

import hashlib
import re
from typing import Final

from domain.errors import InvalidValueError, Rule

_MEDIA_TYPE: Final = re.compile(r"[a-z0-9][a-z0-9.+-]{0,62}/[a-z0-9][a-z0-9.+-]{0,62}")
_SHA256: Final = re.compile(r"[0-9a-f]{64}")
_MOST_BYTES: Final = 2**40


def media_type(value: str, *, field: str = "mediaType") -> str:
    """Return a media type in lower case, such as ``image/jpeg``."""
    folded = value.strip().lower()
    if not _MEDIA_TYPE.fullmatch(folded):
        raise InvalidValueError(field, Rule.MEDIA_TYPE_FORMAT)
    return folded


def sha256_digest(value: str, *, field: str = "sha256") -> str:
    """Return a SHA-256 digest as 64 lower-case hexadecimal digits."""
    folded = value.strip().lower()
    if not _SHA256.fullmatch(folded):
        raise InvalidValueError(field, Rule.DIGEST_FORMAT)
    return folded


def byte_count(value: int, *, field: str = "size") -> int:
    """Return a size in bytes, at least one."""
    if not 1 <= value <= _MOST_BYTES:
        raise InvalidValueError(field, Rule.OUT_OF_RANGE, f"1-{_MOST_BYTES}")
    return value


def check_content(content: bytes, *, sha256: str, size: int) -> None:
    """Refuse content that is not what digest and size say of it."""
    if len(content) != size:
        raise InvalidValueError("size", Rule.DIGEST_MISMATCH)
    if hashlib.sha256(content).hexdigest() != sha256:
        raise InvalidValueError("sha256", Rule.DIGEST_MISMATCH)
