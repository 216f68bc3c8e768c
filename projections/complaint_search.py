"""The words by which complaints are found; they are as personal as the texts they come from."""

from dataclasses import dataclass
from uuid import UUID

from domain.complaint import Complaint
from projections.engine import Batch, Entry, Projection, on
from projections.tables import Table
from projections.words import words_of


@dataclass(slots=True)
class ComplaintWordsRow:
    """The words of a complaint's intake."""

    id: UUID
    customer: UUID
    partner: str | None
    words: str


COMPLAINT_WORDS = Table("complaint_words", ComplaintWordsRow, schema="read_personal")


class ComplaintSearchProjection(Projection):
    """Keeps ``read_personal.complaint_words``."""

    name = "complaint_search"
    tables = (COMPLAINT_WORDS,)
    reveals = True

    @on(Complaint.Received)
    def received(self, event: Complaint.Received, _entry: Entry, batch: Batch) -> None:
        """Take down the words of what was said, and the numbers by which people know the case."""
        said = ("subject", "facts", "request", "complainant", "contact")
        texts = [batch.reveal(event, name) for name in said]
        known_as = (event.number, event.waybill, event.partner_reference)
        batch.put(
            COMPLAINT_WORDS,
            ComplaintWordsRow(
                id=event.originator_id,
                customer=event.customer,
                partner=event.partner,
                words=words_of([*texts, *known_as]),
            ),
        )
