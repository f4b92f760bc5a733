"""Same inputs, same bytes; and what must hold whatever the numbers are."""

import json
import math
from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.progress.facts import MOOD, PAIN, PHQ9, day, facts, series, week
from tracker.progress import trends
from tracker.progress.trends import DayValue, Facts

few = settings(max_examples=60, deadline=None)
pains = st.dictionaries(st.integers(0, 60), st.floats(0, 10), max_size=40)


def test_bytes_are_canonical():
    content = {"b": 0.1 + 0.2, "a": [1, -0.00001, {"ä": None}], "c": day(0)}

    assert trends.canonical_json(content) == '{"a":[1,0.0,{"ä":null}],"b":0.3,"c":"2026-03-02"}'.encode()


@few
@given(pains, st.integers(0, 70))
def test_the_order_in_which_facts_are_held_changes_no_byte(values, seen_on):
    one = facts({PAIN: series(values), MOOD: series(values)})
    other = Facts(
        time_zone=one.time_zone,
        entries=dict(reversed(list(one.entries.items()))),
        entered_late={},
        values=dict(reversed(list(one.values.items()))),
        measures=one.measures,
    )

    for monday in trends.weeks_to_summarize(one, day(seen_on)):
        made = [
            trends.canonical_json(trends.weekly_figures(each, monday, day(seen_on))) for each in (one, other)
        ]
        assert made[0] == made[1]


@few
@given(pains, st.integers(0, 70))
def test_figures_are_numbers_that_any_reader_of_json_takes(values, seen_on):
    given_facts = facts({PAIN: series(values)})

    for monday in trends.weeks_to_summarize(given_facts, day(seen_on)):
        text = trends.canonical_json(trends.weekly_figures(given_facts, monday, day(seen_on)))
        assert json.loads(text, parse_constant=lambda name: 1 / 0)["algorithm"] == trends.ALGORITHM


@few
@given(pains)
def test_now_and_baseline_lie_within_what_was_said(values):
    held = facts({PAIN: series(values)})

    for monday in trends.weeks_to_summarize(held, day(70)):
        for row in trends.weekly_figures(held, monday, day(70))["measures"]:
            for part in (row["now"], row["baseline"]):
                if part:
                    low, high = min(values.values()), max(values.values())
                    assert low - 1e-9 <= part["value"] <= high + 1e-9


@few
@given(pains, st.integers(0, 60))
def test_every_expected_day_is_either_logged_or_missed(values, seen_on):
    held = facts({PAIN: series(values)})

    for monday in trends.weeks_to_summarize(held, day(seen_on)):
        logged = trends.weekly_figures(held, monday, day(seen_on))["logged"]
        assert logged["days_logged"] + len(logged["days_missed"]) == logged["days_expected"]
        assert 0 <= logged["days_expected"] <= 7


@few
@given(st.sets(st.integers(-4000, 4000), max_size=12), st.integers(-100, 100))
def test_each_logged_week_up_to_today_has_its_summary_and_no_week_comes_twice(logged, today):
    weeks = trends.weeks_to_summarize(facts(logged=sorted(logged)), day(today))

    begun = {day(n) - timedelta(days=day(n).weekday()) for n in logged}
    assert {monday for monday in begun if monday <= day(today)} <= set(weeks)
    assert weeks == sorted(set(weeks))
    assert all(monday.weekday() == 0 and monday <= day(today) for monday in weeks)
    assert len(weeks) <= 5 * len(logged)


@few
@given(st.lists(st.floats(0, 500), min_size=1, max_size=6))
def test_a_days_dose_is_the_sum_of_its_uses(doses):
    mean = math.fsum(doses) / len(doses)
    value = DayValue(day(0), len(doses), mean, doses[0], doses[-1])
    use = trends.MedicationDay(day(0), "oxycodone", len(doses), 0, 0)

    (row,) = week(facts({"dose.oxycodone": [value]}, uses=[use]))["medication"]
    assert math.isclose(row["daily_mg"]["last"], math.fsum(doses), rel_tol=1e-9, abs_tol=1e-9)


@few
@given(
    st.lists(st.tuples(st.integers(0, 60), st.integers(0, 27)), max_size=8, unique_by=lambda form: form[0])
)
def test_a_form_is_never_carried_beyond_its_time(forms):
    held = facts({PHQ9: series(dict(forms))}, logged=[0, 30, 60])

    for monday in trends.weeks_to_summarize(held, day(90)):
        last = monday + timedelta(days=6)
        for row in trends.weekly_figures(held, monday, day(90))["measures"]:
            if row["now"]:
                assert last - timedelta(days=21) <= row["now"]["to"] <= last
