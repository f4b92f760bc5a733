"""Who stands first in a caseload, and when a value is too old to stand for now."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from tracker.dashboard import triage
from tracker.dashboard.triage import MeasureReading, TriageState
from tracker.records import measures

TODAY = date(2026, 3, 2)
BEFORE = TODAY - timedelta(days=100)


def held(
    code: str = "daily.pain_avg", baseline: float | None = 6, now: float = 6, days: int = 0, n: int = 7
) -> MeasureReading:
    return MeasureReading(measures.get(code), baseline, BEFORE, now, TODAY - timedelta(days=days), now, n)


def standing(alerts=(), worse=(), silent: int = 0, has_entries: bool = True) -> TriageState:
    return TriageState(alerts, worse, silent, has_entries)


def test_an_alert_comes_before_worsening_and_worsening_before_silence():
    people = {
        "well": standing(),
        "silent": standing(silent=9),
        "worse": standing(worse=[("pain", 1)]),
        "worse twice": standing(worse=[("pain", 1), ("mood", 0.5)]),
        "late alert": standing(alerts=[("URGENT", True)]),
        "alert": standing(alerts=[("URGENT", False)]),
        "emergency": standing(alerts=[("REVIEW", False), ("EMERGENCY", False)]),
    }

    assert sorted(people, key=lambda name: people[name].rank()) == [
        "emergency", "alert", "late alert", "worse twice", "worse", "silent", "well",
    ]  # fmt: skip


def test_among_the_worse_the_size_decides_and_not_how_many_measures():
    """As in the demo clinic: PHQ-9 +2 with pain +0.5 once stood above PHQ-9 +9."""
    people = {
        "two small": standing(
            worse=[("pain", worsening("daily.pain_avg", 0.5)), ("mood", worsening("phq-9", 2))]
        ),
        "one large": standing(worse=[("mood", worsening("phq-9", 9))]),
        "large and small": standing(
            worse=[("pain", worsening("daily.pain_avg", 1)), ("mood", worsening("phq-9", 9))]
        ),
        "one large, silent": standing(worse=[("mood", worsening("phq-9", 9))], silent=9),
    }

    assert sorted(people, key=lambda name: people[name].rank()) == [
        "large and small", "one large, silent", "one large", "two small",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("code", "points", "size"),
    [
        ("phq-9", 5, 1),
        ("phq-9", 27, 5.4),
        ("daily.pain_avg", 2, 1),
        # None is established for these: a fifth of the scale counts as one.
        ("daily.mood", -2, 1),
        ("esm.mood_down", 1.2, 1),
    ],
)
def test_a_change_is_measured_in_important_differences_or_fifths_of_the_scale(code, points, size):
    assert worsening(code, points) == pytest.approx(size)


def worsening(code: str, points: float) -> float:
    return triage.relative_change(held(code), triage.Change(points, "worse"))


def test_a_level_that_is_not_known_stands_with_the_gravest():
    assert standing(alerts=[("NEW", False)]).rank() < standing(alerts=[("URGENT", False)]).rank()


def test_every_reason_is_said_in_words():
    person = standing(
        alerts=[("URGENT", False), ("URGENT", True)], worse=[("pain", 1), ("mood", 2)], silent=12
    )

    assert [text for _, text in person.reasons()] == [
        "Open alert: urgent",
        "Open: 1 late answer",
        "Worse: mood, pain",
        "Silent for 12 days",
    ]
    assert standing(silent=6).reasons() == []
    assert standing(silent=7, has_entries=False).reasons() == [("silent", "No entry yet for 7 days")]


@pytest.mark.parametrize(
    ("code", "now", "word"),
    [
        ("daily.pain_avg", 8, "worse"),
        ("daily.pain_avg", 4, "better"),
        ("daily.pain_avg", 6.4, "about the same"),
        ("daily.mood", 8, "better"),
        ("daily.mood", 4, "worse"),
    ],
)
def test_the_word_follows_the_direction_of_the_measure(code, now, word):
    change = triage.change(held(code, now=now), TODAY)

    assert change
    assert change.word == word


def test_the_arrow_says_where_the_number_went_and_the_word_what_it_means():
    up, down = (
        triage.change(held("daily.mood", now=8), TODAY),
        triage.change(held("daily.pain_avg", now=4), TODAY),
    )
    same = triage.change(held(now=6.1), TODAY)

    assert up
    assert down
    assert same
    assert [(change.arrow, change.word) for change in (up, down, same)] == [
        ("↑", "better"), ("↓", "better"), ("→", "about the same"),
    ]  # fmt: skip


def test_nothing_outdated_is_compared():
    assert triage.change(held(now=9, days=7), TODAY) is not None
    assert triage.change(held(now=9, days=8), TODAY) is None


def test_too_few_days_are_not_compared():
    assert triage.change(held(now=9, n=4), TODAY) is not None
    assert triage.change(held(now=9, n=3), TODAY) is None


def test_a_week_inside_the_baseline_is_not_compared_with_it():
    inside = replace(held(now=9), baseline_to=TODAY)
    after = replace(held(now=9), baseline_to=TODAY - timedelta(days=1))

    assert triage.change(inside, TODAY) is None
    assert triage.change(after, TODAY) is not None


def test_no_baseline_no_change():
    assert triage.change(held(baseline=None, now=9), TODAY) is None


def test_a_questionnaire_stands_for_one_and_a_half_times_its_rhythm():
    assert measures.get("phq-9").cadence_days == 14
    assert held("phq-9", days=21).is_current(TODAY)
    assert not held("phq-9", days=22).is_current(TODAY)


def test_the_wanted_measure_is_picked_only_while_it_is_current():
    daily, fresh, old = held("daily.mood"), held("phq-9", days=3), held("phq-9", days=60)

    assert triage.representative([daily, fresh], TODAY, "phq-9") == fresh
    assert triage.representative([daily, old], TODAY, "phq-9") == daily
    assert triage.representative([], TODAY, "phq-9") is None
