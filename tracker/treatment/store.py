"""Reading a treatment session back: its events as they were sent, their texts, and who wrote them."""

from collections.abc import Iterable
from uuid import UUID

from django.db.models import QuerySet

from tracker.keys import data_keys
from tracker.treatment import events
from tracker.treatment.events import Event
from tracker.treatment.models import SessionEvent, SessionText, TreatmentSession
from tracker.treatment.session_state import PATIENT, Entry


def event_of(row: SessionEvent) -> Event:
    """Return an event as it was accepted, without its text. The constraints of its table are those of its schema."""
    fields = {name: getattr(row, events.column(name)) for name in events.fields_of(row.kind)}
    for name, codes in events.codes_of(row.kind).items():
        fields[name] = None if fields[name] is None else codes(fields[name])
    return events.KINDS[row.kind].model_construct(
        id=row.id, kind=row.kind, at=row.recorded_at, replaces=row.replaces, text=None, **fields
    )


def _entry(row: SessionEvent) -> Entry:
    by = PATIENT if row.staff_id is None else str(row.staff_id)
    return Entry(event_of(row), row.occurred_at, row.received_at, by, row.occurred_at - row.recorded_at)


def rows_of(session: TreatmentSession) -> "QuerySet[SessionEvent]":
    """Return the rows of a session's events in the order of their receipt, with who wrote them."""
    rows = SessionEvent.objects.filter(session=session, patient_id=session.patient_id)
    return rows.select_related("staff").order_by("place")


def entries(session: TreatmentSession) -> list[Entry]:
    """Return the events of a session, in the order of their receipt."""
    return [_entry(row) for row in rows_of(session)]


def entries_of(rows: Iterable[SessionEvent]) -> list[Entry]:
    """Return rows that were read as entries."""
    return [_entry(row) for row in rows]


def texts(session: TreatmentSession) -> dict[UUID, str | None]:
    """Return the texts of a session's events by the event's id; None of one that cannot be decrypted."""
    rows = SessionText.objects.filter(session_id=session.pk, patient_id=session.patient_id)
    readable, unreadable = data_keys.decrypt_readable(list(rows.select_related("key")))
    found: dict[UUID, str | None] = {row.event_id: text for row, text in readable}
    return found | {row.event_id: None for row in unreadable}
