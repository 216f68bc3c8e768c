"""Money in integer minor units (domain.md 0): no float anywhere near it."""

import re
from dataclasses import dataclass
from typing import Final

from domain.errors import InvalidValueError, Rule

_CURRENCY = re.compile(r"[A-Z]{3}")
_WITHOUT = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF"
_THOUSANDTHS = "BHD IQD JOD KWD LYD OMR TND"
CURRENCIES_WITHOUT_MINOR: Final = frozenset(_WITHOUT.split())
CURRENCIES_WITH_THOUSANDTHS: Final = frozenset(_THOUSANDTHS.split())
"""ISO 4217 currencies whose minor unit is not a hundredth."""
_LIMIT = 10**15  # minor units; far above any shipment, far below 2**63


@dataclass(frozen=True, slots=True)
class Money:
    """An amount in minor units (fen, cents) of an ISO 4217 currency."""

    amount_minor: int
    currency: str

    def __post_init__(self) -> None:
        """Refuse what is not an amount of a currency."""
        if not isinstance(self.amount_minor, int) or isinstance(self.amount_minor, bool):
            raise InvalidValueError("amountMinor", Rule.NOT_A_NUMBER)
        if not -_LIMIT <= self.amount_minor <= _LIMIT:
            raise InvalidValueError("amountMinor", Rule.OUT_OF_RANGE, f"±{_LIMIT}")
        if not _CURRENCY.fullmatch(self.currency):
            raise InvalidValueError("currency", Rule.CURRENCY_FORMAT)


def minor_digits(currency: str) -> int:
    """Return how many decimals a currency has (ISO 4217)."""
    if currency in CURRENCIES_WITHOUT_MINOR:
        return 0
    return 3 if currency in CURRENCIES_WITH_THOUSANDTHS else 2
