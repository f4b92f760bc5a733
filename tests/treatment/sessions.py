"""Treatment sessions for tests: events by minute of a session that starts at ten in the morning."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

from tracker.treatment import events
from tracker.treatment.session_state import Entry, SessionState, derive

TEN = datetime(2026, 3, 2, 10, tzinfo=UTC)
SPACE = UUID("0196f0a1-0000-7000-8000-000000000001")
NURSE = "0196f0a1-0000-7000-8000-00000000000a"


def minute(number: float) -> datetime:
    """So many minutes after ten."""
    return TEN + timedelta(minutes=number)


def event(kind: str, at: float, *, name: str = "", **fields: Any) -> events.Event:
    """An event at a minute; ``name`` tells two of one kind and minute apart."""
    body = {
        "id": str(uuid5(SPACE, f"{kind} {at} {name}")),
        "kind": kind,
        "at": minute(at).isoformat().replace("+00:00", "Z"),
        **fields,
    }
    return events.parse(body)


def plan(route: str = "iv_infusion", **fields: Any) -> events.Event:
    return event("plan", -60, starts_at="2026-03-02T10:00:00Z", route=route, **fields)


def entry(each: events.Event, *, received: float | None = None, by: str = NURSE) -> Entry:
    received_at = each.at if received is None else minute(received)
    return Entry(each, each.at, received_at, by)


def session(*rest: events.Event, route: str = "iv_infusion", **fields: Any) -> SessionState:
    """A session of this route with these events, each received when it happened."""
    return derive([entry(each) for each in (plan(route, **fields), *rest)])


def dose(at: float, amount: float = 40.0, unit: str = "mg", **fields: Any) -> events.Event:
    return event("dose", at, amount=amount, unit=unit, **fields)


def pressure(at: float, systolic: int = 120, diastolic: int = 80, **fields: Any) -> events.Event:
    return event("vitals", at, systolic=systolic, diastolic=diastolic, **fields)


def calm(at: float) -> list[events.Event]:
    """All that a patient who may leave has, at a minute: but for the time of observation."""
    return [
        pressure(at, spo2=97),
        event("dissociation", at, answers=[0, 0, 0, 0, 0]),
        event("sedation", at, moaas=5),
        *(
            event("checklist", at, name=item, item=item, is_met=True)
            for item in ("walks_steadily", "oriented", "instructions_given")
        ),
        event("escort", at, escort="present"),
    ]
