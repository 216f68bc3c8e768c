"""Refusals in the idempotency table: a repeated request gets the same refusal again."""

from dataclasses import asdict
from typing import Any

import orjson
from pydantic import TypeAdapter

from domain import errors
from domain.errors import DomainError


def refusal_to_stored(refusal: DomainError) -> bytes:
    """Encode a refusal by its class and fields, none of which is personal."""
    return orjson.dumps({"refused": type(refusal).__name__, "fields": asdict(refusal)})


def refusal_from_stored(stored: dict[str, Any]) -> DomainError:
    """Decode what ``refusal_to_stored`` encoded."""
    cls: type[DomainError] = getattr(errors, stored["refused"])
    refusal = TypeAdapter(cls).validate_python(stored["fields"])
    assert isinstance(refusal, DomainError)
    return refusal
