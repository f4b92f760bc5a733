"""
Local days and weeks, safe across clock changes: the one resolver of local times.

A local time that does not exist (clocks go forward) is read with the offset before the gap, as calendars do (RFC 5545,
3.3.5); a repeated one (clocks go back) is its first occurrence. Naive instants are refused. PostgreSQL is never asked:
it disagrees on the repeated hour, and has rules of its own.

The rules of the zones are those of the ``tzdata`` package, never the host's, which may be years old; every zone of the
product is made here. ``RULES`` is their version.
"""

import re
import zoneinfo
from datetime import UTC, date, datetime, time, timedelta, timezone
from functools import lru_cache
from zoneinfo import ZoneInfo

import tzdata

# Before any zone is made: ``zoneinfo`` would ask the host's files first, and ``PYTHONTZPATH`` before all.
zoneinfo.reset_tzpath(to=())
ZoneInfo.clear_cache()
# Such as 2026f; a later one sorts after it.
RULES = tzdata.IANA_VERSION
# Entries of the package that are no zone: what they mean depends on the machine, or is nothing.
_NO_ZONES = frozenset({"Factory", "localtime", "posixrules", "leapseconds"})

_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)


class UnknownZoneError(ValueError):
    """The name is not an IANA time zone."""


@lru_cache(maxsize=1)
def names() -> frozenset[str]:
    """Return the name of every IANA zone."""
    known = zoneinfo.available_timezones() - _NO_ZONES
    return frozenset(name for name in known if not name.startswith(("posix/", "right/")))


@lru_cache(maxsize=1024)
def zone(name: str) -> ZoneInfo:
    """
    Return the IANA zone called ``name``, such as ``Europe/Amsterdam``.

    :raises UnknownZoneError: if there is none.
    """
    if name not in names():
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


@lru_cache(maxsize=4096)
def fixed_offset(minutes: int | None) -> timezone:
    """
    Return the offset of so many minutes east of UTC; ``UTC`` itself where it is not known, as of ``Z``.

    RFC 9557 tells the two apart: ``+00:00`` says that clocks showed that time where a person was, ``Z`` does not.
    """
    # With a name of its own, for Python would give its one UTC for no minutes.
    return UTC if minutes is None else timezone(timedelta(minutes=minutes), f"{minutes:+d} min")


def offset_minutes(at: datetime) -> int | None:
    """Return the offset that an instant came with; None where it is ``UTC`` itself."""
    offset = None if at.tzinfo is UTC else at.utcoffset()
    return None if offset is None else offset // timedelta(minutes=1)


def rfc3339(at: datetime, minutes: int | None) -> str:
    """Return an instant with the offset that it came with; with ``Z`` where that is not known."""
    text = at.astimezone(fixed_offset(minutes)).isoformat()
    return f"{text.removesuffix('+00:00')}Z" if minutes is None else text


def as_lived(at: datetime, zone_name: str, offset_minutes: int | None) -> datetime:
    """
    Return ``at`` as clocks showed it where a person was: by the rules of their zone.

    Of a zone that is not known, by the offset that came with the instant; without one in UTC.
    """
    return local(at, zone_name) if zone_name in names() else at.astimezone(fixed_offset(offset_minutes))


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
