"""One resolver of local times, safe across clock changes."""

from datetime import UTC, date, datetime, time

import pytest

from tracker.lib import days

AMSTERDAM = "Europe/Amsterdam"


@pytest.mark.parametrize(
    ("day", "local_time", "time_zone", "expected"),
    [
        (date(2026, 1, 15), time(9), AMSTERDAM, "2026-01-15T08:00:00"),
        (date(2026, 7, 15), time(9), AMSTERDAM, "2026-07-15T07:00:00"),
        # Clocks go forward at 02:00 on 29 March 2026: what is missing is read with the offset before (RFC 5545, 3.3.5).
        (date(2026, 3, 29), time(2, 0), AMSTERDAM, "2026-03-29T01:00:00"),
        (date(2026, 3, 29), time(2, 30), AMSTERDAM, "2026-03-29T01:30:00"),
        (date(2026, 3, 29), time(2, 59, 59), AMSTERDAM, "2026-03-29T01:59:59"),
        (date(2026, 3, 29), time(3, 0), AMSTERDAM, "2026-03-29T01:00:00"),
        # Clocks go back at 03:00 on 25 October 2026: the first of the two is meant.
        (date(2026, 10, 25), time(2, 30), AMSTERDAM, "2026-10-25T00:30:00"),
        # Half an hour only, in the other hemisphere.
        (date(2026, 10, 4), time(2, 15), "Australia/Lord_Howe", "2026-10-03T15:45:00"),
        # A whole day that never was: Samoa crossed the date line.
        (date(2011, 12, 30), time(12), "Pacific/Apia", "2011-12-30T22:00:00"),
    ],
)
def test_a_local_time_becomes_one_instant(day, local_time, time_zone, expected):
    assert days.instant(day, local_time, time_zone) == datetime.fromisoformat(expected).replace(tzinfo=UTC)


def test_the_local_day_is_the_patients():
    late = datetime(2026, 3, 1, 23, 30, tzinfo=UTC)

    assert days.local_day(late, AMSTERDAM) == date(2026, 3, 2)
    assert days.local_day(late, "America/New_York") == date(2026, 3, 1)


def test_a_naive_instant_is_refused():
    with pytest.raises(ValueError, match="offset"):
        days.local_day(datetime(2026, 3, 1), AMSTERDAM)


@pytest.mark.parametrize("name", ["", "Amsterdam", "Europe/Atlantis", "../etc/passwd", "europe/amsterdam"])
def test_a_name_that_is_no_zone_is_refused(name):
    with pytest.raises(days.UnknownZoneError):
        days.zone(name)


@pytest.mark.parametrize(("day", "monday"), [("2026-03-02", "2026-03-02"), ("2026-03-08", "2026-03-02")])
def test_a_week_starts_on_monday(day, monday):
    assert days.week_start(date.fromisoformat(day)) == date.fromisoformat(monday)


@pytest.mark.parametrize(
    "text", ["2026-W47-5", "2026-W475-", "20261120", "2026-324", "2026-11-31", "2026-11-20\n", "1899-12-31"]
)
def test_a_date_that_is_not_written_year_month_day_is_refused(text):
    with pytest.raises(ValueError, match=r"day"):
        days.parse_date(text)
