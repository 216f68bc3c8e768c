"""Scalars, enums of the domain, and small types that the whole schema uses."""

import re
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum
from typing import Any, Final, NewType

import strawberry
from graphql import GraphQLError

import application
from domain.labels import Labelled
from domain.money import minor_digits

Long = NewType("Long", int)
"""A 64-bit integer."""


def public_description(cls: type) -> str:
    """Return the first line of a docstring, without the source that it cites in parentheses."""
    return re.sub(
        r" \((domain\.md|source|architecture\.md)[^)]*\)", "", (cls.__doc__ or "").splitlines()[0]
    )


assert application  # with it every module of the domain is imported
_MOST, _LEAST = 2**63 - 1, -(2**63)


def _parse_long(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not _LEAST <= value <= _MOST:
        raise GraphQLError("a Long is an integer of 64 bits")
    return value


def _instant_text(value: datetime) -> str:
    """Write an instant in the one fixed format: UTC, microseconds, Z."""
    return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _parse_instant(value: Any) -> datetime:
    try:
        instant = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        raise GraphQLError("a DateTime is an RFC 3339 instant, 2026-01-31T08:00:00Z") from None
    if instant.tzinfo is None:
        raise GraphQLError("a DateTime carries its time zone, 2026-01-31T08:00:00Z")
    try:
        return instant.astimezone(UTC)
    except OverflowError:
        raise GraphQLError("a DateTime lies between the years 1 and 9999") from None


SCALARS: Final[dict[Any, Any]] = {
    Long: strawberry.scalar(
        name="Long",
        description="A 64-bit integer.",
        serialize=int,
        parse_value=_parse_long,
    ),
    datetime: strawberry.scalar(
        name="DateTime",
        description="An instant as RFC 3339 in UTC.",
        serialize=_instant_text,
        parse_value=_parse_instant,
    ),
}


for _enum in Labelled.__subclasses__():  # every closed list of the domain has its names with it
    strawberry.enum(_enum, description=public_description(_enum))


@strawberry.enum(description="A language that people read.")
class Lang(Enum):
    """English or Simplified Chinese."""

    EN = "en"
    ZH = "zh"


@strawberry.type(description="An amount in minor units (fen, cents) of a currency.")
class Money:
    """Money as api.md 3 names it."""

    amount_minor: Long
    currency: str

    @strawberry.field
    def formatted(self, lang: Lang = Lang.EN) -> str:
        """Return the amount as people write it."""
        amount = Decimal(self.amount_minor).scaleb(-minor_digits(self.currency))
        if lang is Lang.ZH and self.currency == "CNY":
            return f"{amount:,}元"
        return f"{self.currency} {amount:,}"


def money(amount_minor: int | None, currency: str | None) -> Money | None:
    """Return the amount if there is one."""
    if amount_minor is None or currency is None:
        return None
    return Money(amount_minor=Long(amount_minor), currency=currency)


def label(value: Labelled, lang: Lang) -> str:
    """Return the name of a value in a language."""
    return value.zh if lang is Lang.ZH else value.en


@strawberry.input(
    one_of=True, description="A past moment: exactly one of business time, recorded time, position."
)
class AsOf:
    """As of when (architecture.md 9.5)."""

    occurred_at: datetime | None = strawberry.UNSET
    recorded_at: datetime | None = strawberry.UNSET
    position: Long | None = strawberry.UNSET
