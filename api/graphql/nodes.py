"""Relay: global ids, the Node interface, connections with cursors."""

import binascii
from base64 import b64decode, b64encode
from collections.abc import Callable
from typing import Any, Final, Generic, TypeVar
from uuid import UUID

import strawberry

from api.graphql.context import ApiInfo
from domain.errors import InvalidValueError, Rule
from domain.text import checked_text
from projections.paging import Listing

T = TypeVar("T")
MOST_NODES: Final = 100
"""How many objects one ``nodes(ids)`` finds."""
_FILTER_LENGTH: Final = 200


def global_id(kind: str, identifier: UUID | int) -> strawberry.ID:
    """Return the id that names an object in the whole API."""
    return strawberry.ID(b64encode(f"{kind}:{identifier}".encode()).decode())


def split_global_id(value: str, *, field: str) -> tuple[str, str]:
    """Return type and own id of a global id; InvalidValueError if it is none."""
    try:
        kind, separator, identifier = b64decode(value, validate=True).decode().partition(":")
    except (binascii.Error, ValueError):
        raise InvalidValueError(field, Rule.NOT_AN_ID) from None
    if not separator:
        raise InvalidValueError(field, Rule.NOT_AN_ID)
    return kind, identifier


def as_uuid(value: str, *, field: str) -> UUID:
    """Read an id of this API: the global one or the bare UUID."""
    try:
        return UUID(value)
    except ValueError:
        _kind, identifier = split_global_id(value, field=field)
    try:
        return UUID(identifier)
    except ValueError:
        raise InvalidValueError(field, Rule.NOT_AN_ID) from None


def filter_text(value: str, *, field: str) -> str:
    """Check a text that rows are compared with: the database cannot hold just any."""
    return checked_text(value, field=field, max_length=_FILTER_LENGTH)


@strawberry.interface(description="An object with an id in the whole API.")
class Node:
    """Relay's Node."""

    id: strawberry.ID


NodeLoader = Callable[[ApiInfo, UUID], Any]
NODE_LOADERS: Final[dict[str, NodeLoader]] = {}
"""How ``node(id)`` finds an object, by the name of its type."""


@strawberry.type(description="Where a page lies in its connection.")
class PageInfo:
    """Relay's PageInfo."""

    has_next_page: bool
    has_previous_page: bool
    start_cursor: str | None
    end_cursor: str | None


@strawberry.type
class Edge(Generic[T]):
    """An object in a connection, with its cursor."""

    node: T
    cursor: str


@strawberry.type
class Connection(Generic[T]):
    """A page of objects."""

    edges: list[Edge[T]]
    page_info: PageInfo
    listing: strawberry.Private[Listing[Any]]

    @strawberry.field(description="How many there are in all; counted only when asked for.")
    async def total_count(self, info: ApiInfo) -> int:
        """Count."""
        async with info.context.reading() as connection:
            return await self.listing.total(connection)


async def connection_of(
    info: ApiInfo, listing: Listing[Any], kind: Any, node: Callable[[Any], Any]
) -> Any:
    """Return the page that a listing asks for as a Relay connection of ``kind``.

    ``node`` makes the type of a row.
    """
    async with info.context.reading() as connection:
        page = await listing.page(connection)
    edge = Edge[kind]
    return Connection[kind](
        edges=[
            edge(node=node(row), cursor=cursor)
            for row, cursor in zip(page.rows, page.cursors, strict=True)
        ],
        page_info=PageInfo(
            has_next_page=page.has_next,
            has_previous_page=page.has_previous,
            start_cursor=page.cursors[0] if page.cursors else None,
            end_cursor=page.cursors[-1] if page.cursors else None,
        ),
        listing=listing,
    )
