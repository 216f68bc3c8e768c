"""Conditions of listings as SQL of the compiler's own; ``projections.paging`` has its own, too."""

from collections.abc import Callable, Sequence
from typing import Any, Final

from api.graphql.compiler.sql import Binding, UnsupportedError, name
from projections.paging import Condition
from projections.tables import Table

Render = Callable[[Condition, Table[Any], str, Binding], str]
"""Makes SQL of a condition, for a table under a prefix such as ``t1.``."""

RENDERERS: Final[dict[str, Render]] = {}
"""How a condition becomes SQL, by its operator."""


def renders(operator: str) -> Callable[[Render], Render]:
    """Register how conditions with an operator are written."""

    def register(render: Render) -> Render:
        RENDERERS[operator] = render
        return render

    return register


def where(conditions: Sequence[Condition], table: Table[Any], prefix: str, binding: Binding) -> str:
    """Return all conditions, joined by AND; ``true`` if there are none."""
    found = []
    for condition in conditions:
        render = RENDERERS.get(condition.operator)
        if render is None:
            raise UnsupportedError(condition.operator)
        found.append(render(condition, table, prefix, binding))
    return " AND ".join(found) or "true"


def _compared(condition: Condition, table: Table[Any], prefix: str, binding: Binding) -> str:
    value = binding.parameter(condition.value, table.columns[condition.column])
    return f"{prefix}{name(condition.column)} {condition.operator} {value}"


for _operator in ("=", ">=", "<", "<="):
    RENDERERS[_operator] = _compared


@renders("in")
def _among(condition: Condition, table: Table[Any], prefix: str, binding: Binding) -> str:
    values = binding.parameter(list(condition.value), f"{table.columns[condition.column]}[]")
    return f"{prefix}{name(condition.column)} = ANY ({values})"


@renders("is")
def _true(condition: Condition, _table: Table[Any], prefix: str, _binding: Binding) -> str:
    return f"{prefix}{name(condition.column)}"


@renders("is not")
def _false(condition: Condition, _table: Table[Any], prefix: str, _binding: Binding) -> str:
    return f"NOT {prefix}{name(condition.column)}"


@renders("is null")
def _null(condition: Condition, _table: Table[Any], prefix: str, _binding: Binding) -> str:
    return f"{prefix}{name(condition.column)} IS {'' if condition.value else 'NOT '}NULL"


@renders("has word")
def _has_word(condition: Condition, _table: Table[Any], prefix: str, binding: Binding) -> str:
    word = binding.parameter(condition.value, "text")
    return f"string_to_array({prefix}{name(condition.column)}, ' ') @> ARRAY[{word}]"


@renders("ends after")
def _ends_after(condition: Condition, table: Table[Any], prefix: str, binding: Binding) -> str:
    column = f"{prefix}{name(condition.column)}"
    at = binding.parameter(condition.value, table.columns[condition.column])
    return f"({column} IS NULL OR {column} > {at})"


@renders("moment within")
def _within(condition: Condition, table: Table[Any], prefix: str, binding: Binding) -> str:
    begin, end = (f"{condition.column}_{end}" for end in ("from", "until"))
    at = binding.parameter(condition.parameters[0], table.columns[begin])
    return f"{prefix}{name(begin)} <= {at} AND {prefix}{name(end)} > {at}"


@renders("about shipment")
def _about(condition: Condition, _table: Table[Any], prefix: str, binding: Binding) -> str:
    shipment = binding.parameter(condition.value, "uuid")
    return (
        f"{prefix}id IN (SELECT c.id FROM read.complaints AS c WHERE c.shipment = {shipment}"
        f" UNION SELECT k.from_id FROM read.case_links AS k WHERE k.to_id = {shipment})"
    )


@renders("found")
def _found(condition: Condition, _table: Table[Any], prefix: str, binding: Binding) -> str:
    words = binding.parameter(condition.value, "text[]")
    return f"{prefix}id IN (SELECT read_personal.find_complaints({words}))"


@renders("any of")
def _any_of(condition: Condition, table: Table[Any], prefix: str, binding: Binding) -> str:
    met = [
        f"{prefix}{name(column)} = ANY ({binding.parameter(values, f'{table.columns[column]}[]')})"
        for column, values in condition.value
    ]
    return f"({' OR '.join(met) or 'false'})"


@renders("of any")
def _of_any(condition: Condition, _table: Table[Any], prefix: str, binding: Binding) -> str:
    found = [
        f"SELECT {name(table.key)} FROM {name(table.schema)}.{name(table.name)}"
        f" WHERE {where([met], table, '', binding)}"
        for table, met in condition.value
    ]
    return f"{prefix}{name(condition.column)} IN ({' UNION ALL '.join(found)})"
