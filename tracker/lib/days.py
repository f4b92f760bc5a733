"""
Local days and weeks, safe across clock changes: the one resolver of local times.

A local time that does not exist (clocks go forward) is read with the offset before the gap, as calendars do (RFC 5545,
3.3.5); a repeated one (clocks go back) is its first occurrence. Naive instants are refused. PostgreSQL is never asked:
it disagrees on the repeated hour.
"""

import re
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, available_timezones

_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)


class UnknownZoneError(ValueError):
    """The name is not an IANA time zone."""


@lru_cache(maxsize=1)
def _names() -> frozenset[str]:
    return frozenset(available_timezones())


@lru_cache(maxsize=1024)
def zone(name: str) -> ZoneInfo:
    """
    Return the IANA zone called ``name``, such as ``Europe/Amsterdam``.

    :raises UnknownZoneError: if there is none.
    """
    if name not in _names():
        raise UnknownZoneError("not an IANA time zone")
    return ZoneInfo(name)


def local(at: datetime, zone_name: str) -> datetime:
    """Return the instant ``at`` as local time in the zone. A naive ``at`` raises ValueError."""
    if at.tzinfo is None:
        raise ValueError("an instant needs an offset")
    return at.astimezone(zone(zone_name))


def local_day(at: datetime, zone_name: str) -> date:
    """Return the calendar day on which ``at`` falls in the zone."""
    return local(at, zone_name).date()


def instant(day: date, local_time: time, zone_name: str) -> datetime:
    """Return the instant, in UTC, at which clocks in the zone show ``local_time`` on ``day``."""
    return datetime.combine(day, local_time, tzinfo=zone(zone_name)).astimezone(UTC)


def parse_date(text: str) -> date:
    """
    Return the day written as ``YYYY-MM-DD``, from 1900 to 2199.

    :raises ValueError: if it is anything else.
    """
    # Python would read week dates and basic dates too (2026-W47-5): what is not documented is refused.
    if not _DATE.fullmatch(text):
        raise ValueError("not a day, YYYY-MM-DD")
    day = date.fromisoformat(text)
    if not date(1900, 1, 1) <= day < date(2200, 1, 1):
        raise ValueError("not a day from 1900 to 2199")
    return day


def week_start(day: date) -> date:
    """Return the Monday of the week that ``day`` is in (ISO 8601)."""
    return day - timedelta(days=day.weekday())


def date_range(first: date, last: date) -> list[date]:
    """Return every day from ``first`` to ``last``, both included; empty if ``last`` is earlier."""
    return [first + timedelta(days=n) for n in range((last - first).days + 1)]
