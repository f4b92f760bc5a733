"""
Local days and weeks, safe across clock changes: the one resolver of local times.

A missing local time (clocks go forward) is the first instant after the gap; a repeated one (clocks go
back) is its first occurrence. Naive instants are refused. PostgreSQL is never asked: it disagrees on
the repeated hour.
"""

from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, available_timezones


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
    """Return the instant ``at`` as wall-clock time in the zone. A naive ``at`` raises ValueError."""
    if at.tzinfo is None:
        raise ValueError("an instant needs an offset")
    return at.astimezone(zone(zone_name))


def local_day(at: datetime, zone_name: str) -> date:
    """Return the calendar day on which ``at`` falls in the zone."""
    return local(at, zone_name).date()


def instant(day: date, wall: time, zone_name: str) -> datetime:
    """Return the instant, in UTC, at which clocks in the zone show ``wall`` on ``day``."""
    naive = datetime.combine(day, wall)
    tz = zone(zone_name)
    first = naive.replace(tzinfo=tz, fold=0)
    at = first.astimezone(UTC)
    if at.astimezone(tz).replace(tzinfo=None) == naive:
        return at
    # The wall time is missing. With fold=0 the offset before the gap was used, with fold=1 the one
    # after it: the gap opens where the two meet.
    before, after = first.utcoffset(), naive.replace(tzinfo=tz, fold=1).utcoffset()
    assert before is not None
    assert after is not None
    return _end_of_gap(naive, tz, after - before)


def _end_of_gap(naive: datetime, tz: ZoneInfo, width: timedelta) -> datetime:
    """Return the first instant after a gap of ``width`` that swallows ``naive``, to the second."""
    low = (naive - width).replace(tzinfo=tz).astimezone(UTC)
    high = (naive + width).replace(tzinfo=tz).astimezone(UTC)
    before = low.astimezone(tz).utcoffset()
    while high - low > timedelta(seconds=1):
        middle = low + (high - low) / 2
        if middle.astimezone(tz).utcoffset() == before:
            low = middle
        else:
            high = middle
    return high.replace(microsecond=0)


def parse_date(text: str) -> date:
    """
    Return the day written as ``YYYY-MM-DD``, from 1900 to 2199.

    :raises ValueError: if it is anything else.
    """
    day = date.fromisoformat(text)
    if len(text) != 10 or not date(1900, 1, 1) <= day < date(2200, 1, 1):
        raise ValueError("not a day from 1900 to 2199")
    return day


def week_start(day: date) -> date:
    """Return the Monday of the week that ``day`` is in (ISO 8601)."""
    return day - timedelta(days=day.weekday())


def date_range(first: date, last: date) -> list[date]:
    """Return every day from ``first`` to ``last``, both included; empty if ``last`` is earlier."""
    return [first + timedelta(days=n) for n in range((last - first).days + 1)]
