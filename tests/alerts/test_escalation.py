"""When to ask again, and whom."""

import uuid
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from tracker.alerts import escalation

RAISED = datetime(2026, 3, 29, 0, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("taken", "minutes"), [(0, 15), (1, 30), (2, 60), (3, 120), (4, 180), (5, 240), (23, 1320)]
)
def test_an_alert_escalates_after_15_30_and_60_minutes_and_then_every_60(taken, minutes):
    assert escalation.step_due_at(RAISED, taken) == RAISED + timedelta(minutes=minutes)


def test_an_alert_escalates_at_least_once_an_hour():
    due = [RAISED, *(escalation.step_due_at(RAISED, taken) for taken in range(100))]

    gaps = [after - before for before, after in pairwise(due)]
    assert all(timedelta(0) < gap <= timedelta(hours=1) for gap in gaps)


@pytest.mark.parametrize(
    ("step", "wide"), [(0, False), (1, False), (2, False), (3, True), (4, True), (99, True)]
)
def test_an_alert_escalates_to_the_whole_clinic_from_the_third_step(step, wide):
    assert escalation.notifies_whole_clinic(step) is wide


@pytest.mark.parametrize(
    ("age", "historical"),
    [
        (timedelta(days=7), False),
        (timedelta(days=7, microseconds=1), True),
        (timedelta(0), False),
        # A phone whose clock runs ahead.
        (timedelta(days=-400), False),
        (timedelta(days=20_000), True),
    ],
)
def test_an_answer_older_than_seven_days_on_arrival_is_historical(age, historical):
    finding = escalation.Finding(
        "phq9_item9", "URGENT", "response", uuid.uuid4(), RAISED - age, RAISED.date()
    )

    assert escalation.is_historical(finding, RAISED) is historical
