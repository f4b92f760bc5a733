"""
The phone's clock and zone: what a record's day is, and what of its clock is not to be believed. Pure.

A health entry is never refused for its clock or for the name of its zone: it is kept as it came, and flagged.
"""

from datetime import date, datetime, timedelta
from typing import Any, NamedTuple

from tracker.lib import days
from tracker.records.kinds import KINDS, Record
from tracker.records.patient_record import ClockSkew, ZoneCheck
from tracker.records.reading_source import Origin

AHEAD = timedelta(minutes=10)
BEHIND = timedelta(days=30)
# Longer before the enrolment than this nobody kept a diary for the clinic: a phone that believes in 1970.
BEFORE_ENROLMENT = timedelta(days=90)


def earliest(enrolled_on: date) -> date:
    """Return the first day that may count in a number of a patient who was enrolled on that day."""
    return enrolled_on - BEFORE_ENROLMENT


class Clock(NamedTuple):
    """
    What a record's instant, offset and zone say.

    ``occurred_at`` is the instant that the entry is about, which for a night is that of getting up; ``local_date`` the
    day of it. ``utc_offset_minutes`` is the offset that was sent; None of ``Z``, which says nothing of where the phone
    was (RFC 9557).
    """

    occurred_at: datetime
    local_date: date
    utc_offset_minutes: int | None
    zone_check: str
    clock_skew: str
    entered_late: bool


def read(record: Record, received_at: datetime, *, keeps_ahead: bool = False) -> Clock:
    """
    Return what the clock of a record that was received at ``received_at`` says.

    ``keeps_ahead``: its instant is that of a former version whose clock was ahead, and no more to be believed since.
    """
    recorded_at, zone_name = record.recorded_at, record.time_zone
    offset = days.offset_minutes(recorded_at)
    occurred_at = occurrence(record)
    is_imported = record.origin == Origin.IMPORTED
    skew = clock_skew(recorded_at, max(recorded_at, occurred_at), received_at, is_imported=is_imported)
    own_date = local_date(record)
    return Clock(
        occurred_at=occurred_at,
        local_date=own_date,
        utc_offset_minutes=offset,
        zone_check=zone_check(recorded_at, zone_name),
        clock_skew=ClockSkew.AHEAD.value if keeps_ahead else skew,
        entered_late=days.as_lived(received_at, zone_name, offset).date() > own_date,
    )


def local_date(record: Record) -> date:
    """Return the day that a record is about, as it was lived where its owner was."""
    offset = days.offset_minutes(record.recorded_at)
    return days.as_lived(occurrence(record), record.time_zone, offset).date()


def occurrence(record: Record) -> datetime:
    """Return the instant that a record is about: its own, unless its data name another one."""
    data: Any = record.data
    named = None if data is None else KINDS[record.kind].occurred_at(data)
    return named or record.recorded_at


def zone_check(at: datetime, zone_name: str) -> str:
    """Return whether the zone is known, and whether the offset of an instant is that of its rules."""
    if zone_name not in days.names():
        return ZoneCheck.UNKNOWN_ZONE.value
    if days.offset_minutes(at) is None or days.local(at, zone_name).utcoffset() == at.utcoffset():
        return ZoneCheck.CONSISTENT.value
    return ZoneCheck.OFFSET_DIFFERS.value


def clock_skew(
    recorded_at: datetime, latest: datetime, received_at: datetime, *, is_imported: bool = False
) -> str:
    """
    Return what we think of the phone's clock; ``latest`` is the latest instant that the record tells of.

    What is imported is old by its nature, and may not be ahead all the same.
    """
    if latest > received_at + AHEAD:
        return ClockSkew.AHEAD.value
    if recorded_at < received_at - BEHIND and not is_imported:
        return ClockSkew.BEHIND.value
    return ClockSkew.NONE.value
