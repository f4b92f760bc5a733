"""One resolver of local times, safe across clock changes."""

import os
import subprocess
import sys
from datetime import UTC, date, datetime, time
from pathlib import Path

import pytest
import tzdata

from tests.servers import ROOT
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


NO_ZONES = (
    "", "Amsterdam", "Europe/Atlantis", "europe/amsterdam", "Europe/Amsterdam ",
    "localtime", "Factory", "posixrules", "leapseconds", "tzdata.zi", "zone.tab", "zones", "__init__.py",
    "../etc/passwd", "/etc/localtime", "Europe/../Europe/Amsterdam", "posix/Europe/Amsterdam", "right/UTC",
)  # fmt: skip


@pytest.mark.parametrize("name", NO_ZONES)
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


def test_the_rules_of_a_zone_are_those_of_the_installed_package_and_never_the_hosts(tmp_path):
    """British Columbia keeps UTC-7 since 2026; the files of a host that has not heard of it are not asked."""
    host = tmp_path / "America"
    host.mkdir()
    old = Path(tzdata.__file__).parent / "zoneinfo" / "America" / "Los_Angeles"
    (host / "Vancouver").write_bytes(old.read_bytes())
    program = """
from datetime import datetime
from tracker.lib import days
at = datetime.fromisoformat("2026-11-20T00:30:00-07:00")
print(days.local_day(at, "America/Vancouver"), days.local_day(at, "America/Los_Angeles"), days.RULES)
"""

    told = subprocess.run(
        [sys.executable, "-c", program],
        env=os.environ | {"PYTHONTZPATH": str(tmp_path)}, cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip

    assert told.stdout.split() == ["2026-11-20", "2026-11-19", tzdata.IANA_VERSION]


def test_every_name_of_a_zone_can_be_used():
    at = datetime(2026, 11, 20, 8, tzinfo=UTC)

    assert len(days.names()) > 500
    assert all(days.local(at, name).utcoffset() is not None for name in days.names())


@pytest.mark.parametrize(
    ("zone_name", "offset_minutes", "expected"),
    [
        ("Asia/Tokyo", 0, "2026-11-20T05:00:00"),
        ("Asia/Hanoi", 420, "2026-11-20T03:00:00"),
        ("Asia/Hanoi", -300, "2026-11-19T15:00:00"),
        ("Asia/Hanoi", None, "2026-11-19T20:00:00"),
    ],
)
def test_an_instant_is_told_by_the_zone_and_without_a_known_one_by_its_offset(
    zone_name, offset_minutes, expected
):
    at = datetime(2026, 11, 19, 20, tzinfo=UTC)

    assert days.as_lived(at, zone_name, offset_minutes).replace(tzinfo=None) == datetime.fromisoformat(
        expected
    )
