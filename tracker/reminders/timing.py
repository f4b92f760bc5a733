"""When the next nudge falls, in the patient's own time zone. Pure."""

from collections.abc import Iterable
from datetime import date, datetime, time, timedelta

from tracker.lib import days

QUIET_FROM, QUIET_TO = time(21, 0), time(8, 0)


def day_before(starts_at: datetime, zone_name: str) -> datetime:
    """
    Return when to remind of something that starts at ``starts_at``: the day before, at the same local time.

    The day is the patient's, so it is 23 or 25 hours when clocks change. A time that would fall into
    the quiet hours (21:00 to 08:00) moves earlier, to 18:00 of the same day or of the day before it.
    """
    local = days.local(starts_at, zone_name)
    day: date = local.date() - timedelta(days=1)
    local_time = local.time()
    if local_time >= QUIET_FROM:
        local_time = time(18, 0)
    elif local_time < QUIET_TO:
        day, local_time = day - timedelta(days=1), time(18, 0)
    return days.instant(day, local_time, zone_name)


def remind_at(starts_at: datetime, zone_name: str, planned_at: datetime) -> datetime | None:
    """
    Return when to remind, or None if it was planned too late for a reminder to be of use.

    Planned after the day-before time has passed: the planning itself was the notice.
    """
    at = day_before(starts_at, zone_name)
    return at if at > planned_at else None


def after_guards(
    remind_at: datetime, starts_at: datetime, zone_name: str, guards: Iterable[tuple[datetime, datetime]]
) -> datetime:
    """
    Return when to remind of something that starts at ``starts_at``, if ``remind_at`` may lie within a capacity guard.

    Each guard lasts from a dose up to when capacity is back. A reminder within one moves to its end, and from an end in
    the quiet hours to 08:00; where that is not before the start, it stays: a reminder is not dropped for a guard.
    """
    moved = remind_at
    for begins_at, ends_at in sorted(guards):
        if begins_at <= moved < ends_at:
            moved = _after_quiet_hours(ends_at, zone_name)
    return moved if moved < starts_at else remind_at


def _after_quiet_hours(at: datetime, zone_name: str) -> datetime:
    local = days.local(at, zone_name)
    if QUIET_TO <= local.time() < QUIET_FROM:
        return at
    day = local.date() + timedelta(days=1 if local.time() >= QUIET_FROM else 0)
    return days.instant(day, QUIET_TO, zone_name)


# A reminder that could not be sent in time is dropped, not sent at night.
LATEST = timedelta(hours=2)


def is_due(remind_at: datetime, now: datetime) -> bool:
    """Return whether a reminder falls due now: reached, and not missed by more than two hours."""
    return remind_at <= now < remind_at + LATEST
