"""When the nudge falls: the day before, by the patient's own clock, never at night."""

from datetime import UTC, datetime, time, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tracker.lib import days
from tracker.reminders import timing

AMSTERDAM, NEW_YORK, TOKYO = "Europe/Amsterdam", "America/New_York", "Asia/Tokyo"
LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


@pytest.mark.parametrize(
    ("starts_at", "time_zone", "expected"),
    [
        ("2026-03-12T14:00:00+01:00", AMSTERDAM, "2026-03-11T14:00:00+01:00"),
        # Quiet hours: from 21:00 on to 18:00 of the same day, before 08:00 to 18:00 of the day before it.
        ("2026-03-12T20:59:59+01:00", AMSTERDAM, "2026-03-11T20:59:59+01:00"),
        ("2026-03-12T21:00:00+01:00", AMSTERDAM, "2026-03-11T18:00:00+01:00"),
        ("2026-03-12T23:59:59+01:00", AMSTERDAM, "2026-03-11T18:00:00+01:00"),
        ("2026-03-12T00:00:00+01:00", AMSTERDAM, "2026-03-10T18:00:00+01:00"),
        ("2026-03-12T07:59:59+01:00", AMSTERDAM, "2026-03-10T18:00:00+01:00"),
        ("2026-03-12T08:00:00+01:00", AMSTERDAM, "2026-03-11T08:00:00+01:00"),
        # Clocks go forward on 29 March: the day before is 23 hours away, the local time is the same.
        ("2026-03-29T14:00:00+02:00", AMSTERDAM, "2026-03-28T14:00:00+01:00"),
        ("2026-03-30T14:00:00+02:00", AMSTERDAM, "2026-03-29T14:00:00+02:00"),
        # Clocks go back on 25 October: 25 hours.
        ("2026-10-25T14:00:00+01:00", AMSTERDAM, "2026-10-24T14:00:00+02:00"),
        ("2026-10-26T14:00:00+01:00", AMSTERDAM, "2026-10-25T14:00:00+01:00"),
        # Both occurrences of the hour that comes twice are in the quiet hours.
        ("2026-10-25T02:30:00+02:00", AMSTERDAM, "2026-10-23T18:00:00+02:00"),
        ("2026-10-25T02:30:00+01:00", AMSTERDAM, "2026-10-23T18:00:00+02:00"),
        # New York changes on other days.
        ("2026-03-08T14:00:00-04:00", NEW_YORK, "2026-03-07T14:00:00-05:00"),
        # The same instant, for somebody who lives elsewhere: 23:00 in Tokyo, 10:00 in New York.
        ("2026-03-12T14:00:00+00:00", TOKYO, "2026-03-11T18:00:00+09:00"),
        ("2026-03-12T14:00:00+00:00", NEW_YORK, "2026-03-11T10:00:00-04:00"),
        # Months, years and a leap day.
        ("2024-03-01T10:00:00+01:00", AMSTERDAM, "2024-02-29T10:00:00+01:00"),
        ("2026-01-01T10:00:00+01:00", AMSTERDAM, "2025-12-31T10:00:00+01:00"),
        # Half-hour zones, and a change of half an hour.
        ("2026-04-05T14:00:00+10:30", "Australia/Lord_Howe", "2026-04-04T14:00:00+11:00"),
    ],
)
def test_a_reminder_falls_on_the_day_before_by_the_patients_own_clock(starts_at, time_zone, expected):
    assert timing.day_before(at(starts_at), time_zone) == at(expected)


def test_what_was_planned_too_late_for_a_reminder_has_none():
    starts_at = at("2026-03-12T14:00:00+01:00")
    due = timing.day_before(starts_at, AMSTERDAM)

    assert timing.remind_at(starts_at, AMSTERDAM, due - timedelta(microseconds=1)) == due
    assert timing.remind_at(starts_at, AMSTERDAM, due) is None
    assert timing.remind_at(starts_at, AMSTERDAM, due + timedelta(hours=1)) is None


@pytest.mark.parametrize(
    ("late", "due"),
    [
        (timedelta(microseconds=-1), False),
        (timedelta(0), True),
        (timedelta(hours=2) - timedelta(microseconds=1), True),
        (timedelta(hours=2), False),
    ],
)
def test_a_reminder_missed_by_two_hours_is_dropped(late, due):
    moment = at("2026-03-11T14:00:00+01:00")

    assert timing.is_due(moment, moment + late) is due


@pytest.mark.parametrize(
    ("remind_at", "guards", "expected"),
    [
        # From the dose on, up to the end, without it.
        ("2026-03-11T13:00:00+01:00", [("10:00", "14:00")], "2026-03-11T14:00:00+01:00"),
        ("2026-03-11T10:00:00+01:00", [("10:00", "14:00")], "2026-03-11T14:00:00+01:00"),
        ("2026-03-11T09:59:59+01:00", [("10:00", "14:00")], "2026-03-11T09:59:59+01:00"),
        ("2026-03-11T14:00:00+01:00", [("10:00", "14:00")], "2026-03-11T14:00:00+01:00"),
        ("2026-03-11T13:00:00+01:00", [], "2026-03-11T13:00:00+01:00"),
        # Guards that follow upon each other or lie across each other, in whatever order they are told.
        ("2026-03-11T11:00:00+01:00", [("13:00", "17:00"), ("10:00", "14:00")], "2026-03-11T17:00:00+01:00"),
        ("2026-03-11T11:00:00+01:00", [("14:00", "18:00"), ("10:00", "14:00")], "2026-03-11T18:00:00+01:00"),
        ("2026-03-11T11:00:00+01:00", [("09:00", "19:00"), ("10:00", "12:00")], "2026-03-11T19:00:00+01:00"),
        # An end in the quiet hours waits for the morning.
        ("2026-03-11T18:00:00+01:00", [("17:00", "20:59")], "2026-03-11T20:59:00+01:00"),
        ("2026-03-11T18:00:00+01:00", [("17:30", "21:00")], "2026-03-12T08:00:00+01:00"),
        ("2026-03-11T18:00:00+01:00", [("17:30", "23:30")], "2026-03-12T08:00:00+01:00"),
    ],
)
def test_a_reminder_within_a_capacity_guard_moves_to_its_end(remind_at, guards, expected):
    spans = [
        (at(f"2026-03-11T{begins}:00+01:00"), at(f"2026-03-11T{ends}:00+01:00")) for begins, ends in guards
    ]
    starts_at = at("2026-03-12T14:00:00+01:00")

    assert timing.after_guards(at(remind_at), starts_at, AMSTERDAM, spans) == at(expected)


@pytest.mark.parametrize(
    ("ends_at", "expected"),
    [
        ("2026-03-12T08:59:59+01:00", "2026-03-12T08:59:59+01:00"),
        # Not before the start: it stays where it was, rather than not at all.
        ("2026-03-12T09:00:00+01:00", "2026-03-11T09:00:00+01:00"),
        ("2026-03-13T09:00:00+01:00", "2026-03-11T09:00:00+01:00"),
        ("2026-03-12T02:00:00+01:00", "2026-03-12T08:00:00+01:00"),
    ],
)
def test_a_reminder_moves_only_to_before_the_start(ends_at, expected):
    starts_at, due = at("2026-03-12T09:00:00+01:00"), at("2026-03-11T09:00:00+01:00")

    moved = timing.after_guards(due, starts_at, AMSTERDAM, [(due - timedelta(hours=1), at(ends_at))])

    assert moved == at(expected)


def test_an_instant_without_an_offset_and_an_unknown_zone_are_refused():
    with pytest.raises(ValueError, match="offset"):
        timing.day_before(datetime(2026, 3, 12, 14), AMSTERDAM)
    with pytest.raises(days.UnknownZoneError):
        timing.day_before(at("2026-03-12T14:00:00+01:00"), "Mars/Olympus")


instants = st.datetimes(datetime(2020, 1, 1), datetime(2035, 1, 1)).map(
    lambda naive: naive.replace(tzinfo=UTC)
)


@settings(max_examples=300, deadline=None)
@given(instants, st.sampled_from([AMSTERDAM, NEW_YORK, TOKYO, "Pacific/Kiritimati", "Asia/Kolkata", "UTC"]))
def test_no_reminder_falls_into_the_night_or_more_than_two_days_before(starts_at, time_zone):
    due = timing.day_before(starts_at, time_zone)
    local = days.local(due, time_zone)

    assert time(8) <= local.time() < time(21)
    # The planner looks three days ahead: what is due lies well within.
    assert timedelta(hours=22) <= starts_at - due <= timedelta(hours=40)
    assert local.date() < days.local_day(starts_at, time_zone)
