"""Ids and numbers: what is derived from what (architecture.md 9.1, 9.2)."""

import re
from typing import NewType
from uuid import UUID, uuid5

from domain.errors import InvalidValueError, Rule

NAMESPACE = UUID("6f0c1c5e-6f0b-5d1c-9a53-0f6a3a1b7c11")
"""The one namespace of every id that follows from a natural key. It never changes."""

Waybill = NewType("Waybill", str)
"""A waybill number (运单号) as printed on the parcel."""

_WAYBILL = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{5,39}")


def waybill(value: str, *, field: str = "waybill") -> Waybill:
    """Check a waybill number: 6 to 40 letters, digits and dashes, starting with no dash."""
    stripped = value.strip()
    if not _WAYBILL.fullmatch(stripped):
        raise InvalidValueError(field, Rule.WAYBILL_FORMAT)
    return Waybill(stripped)


def shipment_id(number: Waybill) -> UUID:
    """Return the id of the one shipment of a waybill; letter case does not tell waybills apart."""
    return uuid5(NAMESPACE, f"waybill:{number.upper()}")


def imported_id(kind: str, source: str, key: str) -> UUID:
    """Return the id of an imported object, so that importing it again finds it."""
    return uuid5(NAMESPACE, f"import:{kind}:{source}:{key}")


def complaint_number(year: int, ordinal: int) -> str:
    """Return the number that people read, such as ``C-2026-000123``."""
    return f"C-{year}-{ordinal:06d}"
