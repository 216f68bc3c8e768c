"""Notices to customers in the schema; for staff only."""

from datetime import datetime
from enum import Enum
from typing import Any
from uuid import UUID

import strawberry

from api.graphql.commands import carry_out, copied
from api.graphql.compiler.declarations import Pages, answers, id_of, reads
from api.graphql.context import ApiInfo, Context
from api.graphql.nodes import (
    NODE_LOADERS,
    Connection,
    Node,
    as_uuid,
    connection_of,
    global_id,
)
from api.graphql.refusals import result_union
from api.graphql.scalars import Lang, Long, label
from application.notices import ResolveNoticeDoubt
from domain.notice import NoticeProblem, NoticeState, NoticeTemplate
from domain.notifying import Language, NoticeChannel
from projections.notices import NOTICES, NoticeRow
from projections.paging import Condition, Listing, Order, Window


@strawberry.type(description="A notice to a customer; its text and address are shown nowhere.")
class Notice(Node):
    """A notice as its row tells."""

    row: strawberry.Private[NoticeRow]
    case_id: strawberry.ID
    case_number: str
    template: NoticeTemplate
    channel: NoticeChannel
    language: Language
    state: NoticeState
    attempts: int
    queued_at: datetime
    sent_at: datetime | None
    failed_at: datetime | None
    problem: NoticeProblem | None
    sender: str | None = strawberry.field(description="By which way it left: smtp or file.")
    reference: str | None = strawberry.field(
        description="Its Message-ID, or the name of its file: by this it can be asked for."
    )
    version: int

    @strawberry.field
    def template_label(self, lang: Lang = Lang.EN) -> str:
        """Name what it tells."""
        return label(self.template, lang)

    @strawberry.field
    def state_label(self, lang: Lang = Lang.EN) -> str:
        """Name the state."""
        return label(self.state, lang)

    @strawberry.field
    def problem_label(self, lang: Lang = Lang.EN) -> str | None:
        """Name the problem."""
        return None if self.problem is None else label(self.problem, lang)


def notice_type(row: NoticeRow) -> Notice:
    """Return the type of a row."""
    return copied(
        Notice,
        row,
        id=global_id("Notice", row.id),
        row=row,
        case_id=global_id("Complaint", row.case_id),
        template=NoticeTemplate(row.template),
        channel=NoticeChannel(row.channel),
        language=Language(row.language),
        state=NoticeState(row.state),
        problem=None if row.problem is None else NoticeProblem(row.problem),
    )


async def _load_node(info: ApiInfo, key: UUID) -> Notice | None:
    info.context.reach("notices")
    row: NoticeRow | None = await info.context.loader(NOTICES).load(key)
    return None if row is None else notice_type(row)


NODE_LOADERS["Notice"] = _load_node


@strawberry.input(description="Which notices; conditions are joined by AND.")
class NoticeFilter:
    """Conditions."""

    case_id: strawberry.ID | None = None
    state: NoticeState | None = None
    channel: NoticeChannel | None = None


@strawberry.enum(description="The order of notices.")
class NoticeOrder(Enum):
    """By the time at which they were queued."""

    QUEUED_AT_ASC = "asc"
    QUEUED_AT_DESC = "desc"


def _notices(
    context: Context,
    filter: NoticeFilter | None,  # noqa: A002  the schema's word
    order_by: NoticeOrder,
    **window: Any,
) -> Listing[NoticeRow]:
    given = filter or NoticeFilter()
    conditions = context.within("notices", NOTICES)
    conditions += [
        Condition(column, "=", value.value)
        for column, value in (("state", given.state), ("channel", given.channel))
        if value is not None
    ]
    if given.case_id is not None:
        conditions.append(Condition("case_id", "=", as_uuid(given.case_id, field="caseId")))
    order = Order("queued_at", descending=order_by is NoticeOrder.QUEUED_AT_DESC)
    return Listing(NOTICES, conditions, order, Window(**window))


reads("Notice", NOTICES, operation="notices", caseId=id_of("Complaint", "case_id"))
answers("notices", Pages("Notice", _notices))


@strawberry.type
class Query:
    """Questions about notices."""

    @strawberry.field(description="Notices to customers, for staff.")
    async def notices(
        self,
        info: ApiInfo,
        filter: NoticeFilter | None = None,  # noqa: A002  the schema's word
        order_by: NoticeOrder = NoticeOrder.QUEUED_AT_ASC,
        first: int | None = None,
        after: str | None = None,
        last: int | None = None,
        before: str | None = None,
    ) -> Connection[Notice]:
        """List."""
        window = {"first": first, "after": after, "last": last, "before": before}
        listing = _notices(info.context, filter, order_by, **window)
        return await connection_of(info, listing, Notice, notice_type)  # type: ignore[no-any-return]


@strawberry.type(description="What a command about a notice did.")
class NoticePayload:
    """The notice and the position of the log that the command reached."""

    stream: strawberry.Private[UUID]
    position: Long

    @strawberry.field(description="The notice, once the read models have seen the command.")
    async def notice(self, info: ApiInfo) -> Notice | None:
        """Wait for the read model and return the notice."""
        row: NoticeRow | None = await info.context.changed(NOTICES, self.stream, self.position)
        return None if row is None else notice_type(row)


def _payload(notice: UUID, position: int) -> NoticePayload:
    return NoticePayload(stream=notice, position=Long(position))


@strawberry.input
class ResolveNoticeDoubtInput:
    """Which notice, and whether it reached the mail server or the folder."""

    notice_id: strawberry.ID
    delivered: bool
    occurred_at: datetime | None = None
    reason: str | None = None


@strawberry.type
class Mutation:
    """Commands about notices."""

    @strawberry.mutation(
        description="Say whether a notice in doubt was delivered; if not, it is sent again.",
        graphql_type=result_union("ResolveNoticeDoubtResult", NoticePayload),
    )
    async def resolve_notice_doubt(
        self,
        info: ApiInfo,
        input: ResolveNoticeDoubtInput,  # noqa: A002  the schema's word
    ) -> Any:
        """Resolve."""
        return await carry_out(
            info,
            lambda: ResolveNoticeDoubt(
                notice=as_uuid(input.notice_id, field="noticeId"),
                delivered=input.delivered,
                occurred_at=input.occurred_at,
                reason=input.reason,
            ),
            _payload,
        )
