"""Money in the compiler: two columns become an amount that people can read."""

from dataclasses import dataclass
from typing import Final

from api.graphql.compiler.declarations import (
    CHINESE,
    Emitter,
    Planning,
    Row,
    derived,
    reads,
)
from api.graphql.compiler.selection import Selected
from api.graphql.compiler.sql import Json, expression, quoted
from domain.money import CURRENCIES_WITH_THOUSANDTHS, CURRENCIES_WITHOUT_MINOR
from projections.tables import Table

_WHOLE: Final = "FM999,999,999,999,999,999,990"


@dataclass(slots=True)
class _AmountRow:
    amount_minor: int
    currency: str


def money_of(amount: str, currency: str) -> Emitter:
    """Emit the amount in a column of minor units and a column of currencies; null without one."""
    return derived(
        "Money",
        lambda row: (
            f"SELECT {row[amount]} AS amount_minor, {row[currency]} AS currency"
            f" WHERE {row[amount]} IS NOT NULL AND {row[currency]} IS NOT NULL"
        ),
    )


def _formatted(row: Row, selected: Selected, planning: Planning) -> Json:
    minor, currency = row["amount_minor"], row["currency"]
    listed = {0: CURRENCIES_WITHOUT_MINOR, 3: CURRENCIES_WITH_THOUSANDTHS}
    whens = " ".join(
        f"WHEN {currency} IN ({', '.join(map(quoted, sorted(currencies)))})"
        f" THEN {_amount(minor, digits)}"
        for digits, currencies in listed.items()
    )
    amount = f"CASE {whens} ELSE {_amount(minor, 2)} END"
    english = f"{currency} || ' ' || {amount}"
    text = english
    if planning.argument(selected, "lang").value == CHINESE:
        text = f"CASE {currency} WHEN 'CNY' THEN {amount} || '元' ELSE {english} END"
    return expression(f"to_json({text})::text")


def _amount(minor: str, digits: int) -> str:
    pattern = f"{_WHOLE}.{'0' * digits}" if digits else _WHOLE
    return f"to_char({minor}::numeric / {10**digits}, '{pattern}')"


reads("Money", Table("amounts", _AmountRow, key="currency"), formatted=_formatted)
