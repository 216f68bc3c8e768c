"""From a notice to its letter: written at the moment of sending, from the complaint's own events.

So the log holds no second copy of anybody's address or of what was written to them, and whose data
was erased gets no letter.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, LiteralString
from uuid import UUID

from psycopg.rows import tuple_row

from application.desk import EventStore
from application.eventstore.subject_keys import Unsealing
from application.notifying.senders import Letter, RefusedError, one_line
from application.notifying.templates import (
    CLOSING,
    GREETING,
    NEUTRAL_GREETING,
    RESULT,
    STEPS,
    TEXTS,
)
from domain.aggregate import DomainEvent
from domain.labels import Labelled
from domain.notice import Notice, NoticeProblem, NoticeState, NoticeTemplate
from domain.notifying import Language, NoticeChannel, notice_channel_for
from domain.personal import Erased, Sealed

_EVENTS: LiteralString = """
SELECT originator_version, topic, state FROM log.stored_events
WHERE originator_id = %b ORDER BY originator_version
"""
_KEYS: LiteralString = """
SELECT subject, key_version, master, wrapped FROM keys.subject_keys WHERE subject = ANY(%b)
"""
_RECEIVED: Final = "complaint.received"
_ANSWERED: Final = "complaint.answered"
_OF_THE_CATEGORY: Final = frozenset({_RECEIVED, "complaint.reclassified"})
_WRITTEN: Final[Mapping[str, str]] = {
    "complaint.declined": "explanation",
    "complaint.waiting_for_customer": "asked",
    "complaint.feedback_given": "feedback",
    "complaint.resolution_proposed": "proposal",
    _ANSWERED: "answer",
}
"""The field of an event that holds what the company wrote to the customer."""
_AFTER_EVENT: Final = re.compile(r"v([0-9]+)")
# Somebody can give another's address and put an advertisement where the name belongs.
_NAME: Final = re.compile(r"[^\W\d_](?:[^\W\d_]|[ .'’·()（）-]){0,59}")
# Control characters, and marks that turn the direction of writing; line breaks stay.
_UNSEEN: Final = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_NOT_DIALLED: Final = re.compile(r"[^0-9+]")


class NotQueuedError(Exception):
    """The log says that the notice is not to be sent (any more)."""


class LetterWriter:
    """Writes letters from what the log holds."""

    def __init__(self, store: EventStore, now: Callable[[], datetime]) -> None:
        self._store = store
        self._now = now

    async def state(self, notice: UUID) -> NoticeState:
        """Return where a notice stands, as of now."""
        return _folded(await stream_events(self._store, notice)).state

    async def write(self, notice: UUID) -> Letter:
        """Write the letter of a notice.

        Raises NotQueuedError, or RefusedError if there is nobody to write to.
        """
        events = await stream_events(self._store, notice)
        if _folded(events).state is not NoticeState.QUEUED:
            raise NotQueuedError
        queued = events[0]
        assert isinstance(queued, Notice.Queued)
        case = await stream_events(self._store, queued.case)
        after = _AFTER_EVENT.fullmatch(queued.occasion)
        if after is not None:
            case = case[: int(after[1])]
        texts = await self._revealed(case[0], _telling(queued.template, case))
        values = await self._values(queued, case, texts)
        language, text = queued.language, TEXTS[queued.template]
        body = (
            _greeting(texts.get("complainant"), language),
            text.body.in_(language).format_map(values),
            CLOSING.in_(language).format_map(values),
        )
        return Letter(
            notice=notice,
            case_number=queued.case_number,
            channel=queued.channel,
            language=language,
            to=_address(texts.get("contact"), queued.channel),
            subject=one_line(text.subject.in_(language).format_map(values)),
            body="\n\n".join(body) + "\n",
            written_at=self._now(),
        )

    async def _values(
        self, queued: Notice.Queued, case: Sequence[DomainEvent], texts: Mapping[str, str]
    ) -> dict[str, str]:
        """Return what stands for the braces of the templates."""
        language = queued.language
        values = {
            "number": queued.case_number,
            "category": _category(case, language),
            "measures": _measures(case[-1], language),
            "step": _step(case, language),
            "text": _clean(texts.get("text", "")),
        }
        if queued.template is NoticeTemplate.CLOSED and values["text"]:
            values["text"] = RESULT.in_(language).format_map(values)
        if queued.template is NoticeTemplate.MERGED:
            other = await stream_events(self._store, vars(case[-1])["into"])
            values["other"] = str(vars(other[0])["number"])
        return values

    async def _revealed(self, received: DomainEvent, telling: DomainEvent | None) -> dict[str, str]:
        """Open name and address, and what the company wrote; the key is asked for anew."""
        places = [(received, "complainant", "complainant"), (received, "contact", "contact")]
        if telling is not None:
            places.append((telling, _WRITTEN[telling.TOPIC], "text"))
        sealed = {
            name: (value, event, field)
            for event, field, name in places
            if isinstance(value := vars(event)[field], Sealed)
        }
        opener = Unsealing(self._store.keys.master)
        subjects = list({value.subject for value, _, _ in sealed.values()})
        opener.begin_batch(await _fetch(self._store, _KEYS, subjects))
        revealed = {}
        for name, (value, event, field) in sealed.items():
            text = opener.open(value, event.originator_id, event.originator_version, field)
            if isinstance(text, Erased):
                raise RefusedError(NoticeProblem.ERASED, "opening")
            revealed[name] = text
        return revealed


async def stream_events(store: EventStore, stream: UUID) -> list[DomainEvent]:
    """Return all events of a stream, as the log has them now."""
    rows = await _fetch(store, _EVENTS, stream)
    return [store.mapper.decode(stream, *row) for row in rows]


async def _fetch(
    store: EventStore, statement: LiteralString, parameter: Any
) -> list[tuple[Any, ...]]:
    async with store.pool.connection() as connection:
        cursor = connection.cursor(row_factory=tuple_row, binary=True)
        await cursor.execute(statement, [parameter])
        rows: list[tuple[Any, ...]] = await cursor.fetchall()
        return rows


def _folded(events: Sequence[DomainEvent]) -> Notice:
    notice: Any = None
    for event in events:
        notice = event.mutate(notice)
    assert isinstance(notice, Notice)
    return notice


def _telling(template: NoticeTemplate, case: Sequence[DomainEvent]) -> DomainEvent | None:
    """Return the event whose text the customer is told."""
    if template is NoticeTemplate.CLOSED:  # the result once more
        return next((e for e in reversed(case) if e.TOPIC == _ANSWERED), None)
    if template is NoticeTemplate.PROGRESS or case[-1].TOPIC not in _WRITTEN:
        return None
    return case[-1]


def _category(case: Sequence[DomainEvent], language: Language) -> str:
    latest = next(e for e in reversed(case) if e.TOPIC in _OF_THE_CATEGORY)
    return _named(vars(latest)["category"], language)


def _measures(event: DomainEvent, language: Language) -> str:
    named = [_named(measure, language) for measure in vars(event).get("measures", ())]
    return ("、" if language is Language.ZH else ", ").join(named)


def _step(case: Sequence[DomainEvent], language: Language) -> str:
    latest = next(e.TOPIC for e in reversed(case) if e.TOPIC in STEPS)
    return STEPS[latest].in_(language)


def _named(value: Labelled, language: Language) -> str:
    return value.zh if language is Language.ZH else value.en


def _greeting(name: str | None, language: Language) -> str:
    name = one_line(name or "")
    if not _NAME.fullmatch(name):
        return NEUTRAL_GREETING.in_(language)
    return GREETING.in_(language).format_map({"name": name})


def _clean(text: str) -> str:
    return _UNSEEN.sub("", text.replace("\r\n", "\n").replace("\r", "\n").replace("\t", " "))


def _address(contact: str | None, channel: NoticeChannel) -> str:
    """Return what a server or a phone takes; the contact may be of another kind by now."""
    if contact is None or notice_channel_for(contact) is not channel:
        raise RefusedError(NoticeProblem.NO_ADDRESS, "addressing")
    contact = contact.strip()
    return contact if channel is NoticeChannel.EMAIL else _NOT_DIALLED.sub("", contact)
