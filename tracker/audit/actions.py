"""Recording audit events, in the transaction of the act itself."""

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import DatabaseError, OperationalError, connection, transaction

from tracker.audit.models import SYSTEM, AuditEvent, Result
from tracker.lib import logs, rls
from tracker.lib.logs import request_id

log = logs.get(__name__)

# An event names this many ids, and how many there were in all.
MOST_IDS = 50
_COLUMNS = (
    "at", "clinic_id", "actor", "on_behalf_of", "action", "kind", "subject", "patient", "patients", "purpose",
    "device", "request", "result", "detail",
)  # fmt: skip
_ROW = "(" + ", ".join("%s::jsonb" if name == "detail" else "%s" for name in _COLUMNS) + ")"
_INSERT = f'INSERT INTO "{AuditEvent._meta.db_table}" ({", ".join(_COLUMNS)}) VALUES '


class EventNotWritten(OperationalError):
    """
    An audit event cannot be written, so what it is about is not done, nor shown.

    An error of operations and of no request: whoever asked is told to try again (503), as if the database were away.
    """


@dataclass(slots=True)
class EventBuffer:
    """What is noted during one request, written together before its transaction ends."""

    device: str = ""
    events: list[dict[str, Any]] = field(default_factory=list)


_open: ContextVar[EventBuffer | None] = ContextVar("event_buffer", default=None)


@contextmanager
def naming_refusals() -> Iterator[None]:
    """
    Raise ``EventNotWritten`` if the database refuses an event as late as at the end of a transaction in this block.
    """
    try:
        yield
    except DatabaseError as problem:
        if isinstance(problem, EventNotWritten) or not _is_about_an_event(problem):
            raise
        raise _not_written(problem) from problem


@contextmanager
def collecting() -> Iterator[EventBuffer]:
    """
    Collect what is noted in this block. Whoever opens it writes it, with ``flush``, in the same transaction, which
    must end inside the block.

    :raises EventNotWritten: if the database refuses an event.
    """
    opened = EventBuffer()
    token = _open.set(opened)
    try:
        with naming_refusals():
            yield opened
    finally:
        _open.reset(token)


def record_event(
    *,
    actor: str,
    action: str,
    subject: str,
    clinic_id: UUID,
    at: datetime,
    patient_id: UUID | None = None,
    patients: Iterable[UUID] = (),
    kind: str = "",
    ids: Iterable[object] = (),
    purpose: str = "",
    device: object = "",
    on_behalf_of: str = "",
    result: str = Result.DONE,
    detail: Mapping[str, Any] | None = None,
) -> None:
    """
    Note one event. ``detail`` holds ids and counts, never a health value.

    Inside a request it is written with the request's own event, otherwise at once. If it cannot be written the
    caller's transaction fails with it: nothing happens unseen.
    """
    opened = _open.get()
    event = {
        "at": at, "clinic_id": clinic_id, "actor": actor, "on_behalf_of": on_behalf_of, "action": action,
        "kind": kind, "subject": subject[:120], "patient": patient_id, "patients": sorted(set(patients)) or None,
        "purpose": purpose[:120], "device": str(device or (opened.device if opened else "")),
        "request": request_id.get(), "result": result, "detail": bounded_ids(ids) | dict(detail or {}),
    }  # fmt: skip
    if opened is None:
        _write([event])
    else:
        opened.events.append(event)


def bounded_ids(ids: Iterable[object]) -> dict[str, Any]:
    """Return the ids as they stand in ``detail``: the first ones, and how many there are in all."""
    named = [str(one) for one in ids]
    return {"ids": named[:MOST_IDS], "count": len(named)} if named else {}


def flush(opened: EventBuffer) -> None:
    """Write what the block of ``collecting`` has collected."""
    if opened.events:
        _write(opened.events)
        opened.events = []


def record_event_in_own_transaction(*, clinic_id: UUID | None = None, **event: Any) -> None:
    """
    Note one event in a transaction of its own: the act itself was refused, and its transaction is undone.

    Without a clinic it stands in the chain of the system.
    """
    clinic_id = clinic_id or SYSTEM
    with collecting() as opened, transaction.atomic(), rls.as_clinic(clinic_id):
        record_event(clinic_id=clinic_id, **event)
        flush(opened)


def _write(events: list[dict[str, Any]]) -> None:
    values = [
        json.dumps(event[name], sort_keys=True) if name == "detail" else event[name]
        for event in events
        for name in _COLUMNS
    ]
    try:
        with connection.cursor() as cursor:
            cursor.execute(_INSERT + ", ".join([_ROW] * len(events)), values)
    except DatabaseError as problem:
        raise _not_written(problem) from problem


def _is_about_an_event(problem: DatabaseError) -> bool:
    """Whether the database was at the audit's tables or functions: the chain is extended as the transaction ends."""
    diagnostic = getattr(problem.__cause__, "diag", None)
    return diagnostic is not None and any(
        "audit_" in text
        for text in (diagnostic.context, diagnostic.table_name, diagnostic.message_primary)
        if text
    )


def _not_written(problem: DatabaseError) -> EventNotWritten:
    log.error("audit event not written", error=type(problem).__name__)
    return EventNotWritten()
