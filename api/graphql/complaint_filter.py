"""Which complaints a question is about."""

from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

import strawberry
from graphql import GraphQLError
from psycopg import sql

from api.graphql.context import FORBIDDEN, Context
from api.graphql.filters import code, flag, same
from domain import identifiers
from domain.categories import CATEGORIES, Category, CategoryGroup
from domain.complaint_life import ComplaintState
from domain.complaint_words import Channel, Severity
from projections.complaints import COMPLAINTS
from projections.paging import Condition
from projections.words import searched_words


@strawberry.input(description="Which complaints; conditions are joined by AND, lists by OR.")
class ComplaintFilter:
    """Conditions; ``text`` finds complaints that have all its words."""

    state: ComplaintState | None = None
    states: list[ComplaintState] | None = None
    open: bool | None = None
    category: Category | None = None
    category_group: CategoryGroup | None = None
    severity: Severity | None = None
    channel: Channel | None = None
    urgent: bool | None = None
    escalated: bool | None = None
    department: str | None = None
    handler: str | None = None
    region: str | None = None
    outlet: str | None = None
    waybill: str | None = None
    import_source: str | None = None
    received_from: datetime | None = None
    received_before: datetime | None = None
    text: str | None = None


class _Found(Condition):
    """The complaint has all the words; the database checks the caller's scope again."""

    def sql(self) -> sql.Composed:
        """Return the condition with a placeholder for the words."""
        return sql.SQL("{} IN (SELECT read_personal.find_complaints(%s))").format(
            sql.Identifier(self.column)
        )


class _AboutShipment(Condition):
    """The complaint is about the shipment, or was linked with it later."""

    def sql(self) -> sql.Composed:
        """Return the condition with two placeholders for the shipment; each half has an index."""
        return sql.SQL(
            "id IN (SELECT id FROM read.complaints WHERE {} = %s"
            " UNION SELECT from_id FROM read.case_links WHERE to_id = %s)"
        ).format(sql.Identifier(self.column))

    @property
    def parameters(self) -> list[Any]:
        """What the placeholders stand for."""
        return [self.value, self.value]


def conditions(chosen: ComplaintFilter | None, context: Context) -> list[Condition]:
    """Return the conditions of a filter, within what the caller may see."""
    found = context.within("complaints", COMPLAINTS)
    if chosen is None:
        return found
    for name, make in _CONDITIONS.items():
        value = getattr(chosen, name)
        if value is not None:
            found.append(make(value))
    if chosen.text is not None:
        found.append(_searched(chosen.text, context))
    return found


def _of_group(group: CategoryGroup) -> Condition:
    leaves = [category for category, entry in CATEGORIES.items() if entry.group is group]
    return Condition("category", "in", [leaf.value for leaf in leaves])


_CONDITIONS: Final[dict[str, Callable[[Any], Condition]]] = {
    "state": same("state"),
    "states": lambda states: Condition("state", "in", [state.value for state in states]),
    "open": flag("open"),
    "category": same("category"),
    "category_group": _of_group,
    "severity": same("severity"),
    "channel": same("channel"),
    "urgent": flag("urgent"),
    "escalated": lambda escalated: Condition("escalated_at", "is null", not escalated),
    "department": code("department"),
    "handler": code("handler"),
    "region": code("region"),
    "outlet": code("outlet"),
    "waybill": lambda waybill: _AboutShipment(
        "shipment", "about shipment", identifiers.shipment_id(identifiers.waybill(waybill))
    ),
    "import_source": code("import_source", "importSource"),
    "received_from": lambda at: Condition("received_at", ">=", at),
    "received_before": lambda at: Condition("received_at", "<", at),
}
"""What each field of the filter asks of the rows."""


def _searched(text: str, context: Context) -> Condition:
    if not context.may("personalData"):
        raise GraphQLError(
            "searching texts needs the permission to read personal data"
            if context.lang == "en"
            else "检索文本需要查阅个人信息的权限",
            extensions={"code": FORBIDDEN},
        )
    return _Found("id", "found", searched_words(text))
