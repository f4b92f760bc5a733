"""Numbers to weekly figures: windows at their edges, missing days, directions, doses."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from tests.progress.facts import DOSE, MONDAY, MOOD, PAIN, PHQ9, day, facts, measured, one, series, week
from tracker.progress import trends
from tracker.progress.trends import DayValue, MedicationDay
from tracker.records import measures


def test_a_record_without_entries_has_no_weeks():
    assert trends.weeks_to_summarize(facts(), day(0)) == []


def test_weeks_run_from_the_first_entrys_monday_to_the_running_one():
    given = facts(logged=[6, 7, 20])

    assert trends.weeks_to_summarize(given, day(20)) == [day(0), day(7), day(14)]
    assert trends.weeks_to_summarize(given, day(21)) == [day(0), day(7), day(14), day(21)]


def test_summaries_pause_after_four_empty_weeks_and_go_on_with_the_entries():
    given = facts(logged=[0, 70])

    assert trends.weeks_to_summarize(given, day(69)) == [day(7 * n) for n in range(5)]
    assert trends.weeks_to_summarize(given, day(365)) == [day(7 * n) for n in (*range(5), *range(10, 15))]


def test_a_phone_that_believed_in_1970_makes_five_weeks_and_not_thousands():
    given = facts(logged=[0, (date(1970, 1, 1) - MONDAY).days])

    assert len(trends.weeks_to_summarize(given, day(0))) == 6


def test_an_entry_from_the_future_has_no_summary_before_its_week():
    given = facts(logged=[0, 7000])

    assert trends.weeks_to_summarize(given, day(3)) == [day(0)]


@pytest.mark.parametrize(("days", "known"), [(3, False), (4, True), (7, True)])
def test_now_needs_four_days_of_the_week(days, known):
    row = measured(facts({PAIN: series(dict.fromkeys(range(days), 6))}), PAIN)

    assert (row["now"] is not None) is known
    if known:
        assert row["now"] == {"value": 6, "n": days, "from": day(0), "to": day(days - 1), "by_caregiver": 0}


def test_a_day_counts_once_however_often_it_was_measured():
    values = [DayValue(day(0), 10, 8.0, 8, 8), *series({1: 2, 2: 2, 3: 2})]

    assert measured(facts({PAIN: values}), PAIN)["now"]["value"] == 3.5


def test_the_baseline_is_the_fourteen_days_before_the_first_session_without_its_own_day():
    values = series({5: 9, 6: 4, 19: 6, 20: 1, 21: 1})
    baseline = measured(facts({PAIN: values}, session_on=day(20)), PAIN, 2)["baseline"]

    assert (baseline["value"], baseline["n"], baseline["basis"]) == (5, 2, "before_treatment")
    assert (baseline["from"], baseline["to"]) == (day(6), day(19))


def test_without_a_session_the_baseline_is_the_first_fourteen_days_of_the_measure():
    values = series({3: 4, 16: 6, 17: 1})
    baseline = measured(facts({PAIN: values}), PAIN, 2)["baseline"]

    assert (baseline["value"], baseline["basis"]) == (5, "first_days")
    assert (baseline["from"], baseline["to"]) == (day(3), day(16))


def test_days_of_which_a_caregiver_alone_says_something_are_counted_beside_baseline_and_now():
    said = {day(1), day(15)}
    values = [replace(each, by_caregiver=each.on in said) for each in series(dict.fromkeys(range(20), 6))]

    row = measured(facts({PAIN: values}), PAIN, 2)

    assert row["baseline"]["by_caregiver"] == 1
    assert (row["now"]["n"], row["now"]["by_caregiver"]) == (6, 1)


@pytest.mark.parametrize(("days", "provisional"), [(1, True), (4, True), (5, False), (14, False)])
def test_a_baseline_of_fewer_than_five_days_is_provisional(days, provisional):
    values = series(dict.fromkeys(range(days), 6) | {30: 2})

    assert measured(facts({PAIN: values}), PAIN, 4)["baseline"]["provisional"] is provisional


def test_a_measure_that_began_after_the_first_session_has_no_baseline():
    values = series(dict.fromkeys(range(28, 35), 3))
    row = measured(facts({PAIN: values}, session_on=day(20)), PAIN, 4)

    assert (row["baseline"], row["change"]) == (None, None)
    assert row["now"]["value"] == 3


def test_a_week_before_the_baseline_window_is_not_compared_with_it():
    values = series(dict.fromkeys(range(7), 8) | dict.fromkeys(range(20, 27), 4))
    row = measured(facts({PAIN: values}, session_on=day(27)), PAIN, 0)

    assert (row["baseline"], row["change"]) == (None, None)


def test_nothing_is_compared_with_itself_while_the_baseline_is_being_made():
    given = facts({PAIN: series(dict.fromkeys(range(21), 5))})

    assert measured(given, PAIN, 1)["change"] is None
    assert measured(given, PAIN, 2)["change"]["absolute"] == 0


def test_a_forms_baseline_is_the_last_one_up_to_fourteen_days_before_the_first_session():
    edge = facts(
        {PHQ9: [one(5, 20, before_dosing=20), one(6, 18, before_dosing=18), one(40, 9)]}, session_on=day(20)
    )
    outside = facts({PHQ9: [one(5, 20, before_dosing=20), one(40, 9)]}, session_on=day(20))

    assert measured(edge, PHQ9, 5)["baseline"]["value"] == 18
    assert measured(outside, PHQ9, 5)["baseline"] is None


def test_a_form_of_the_sessions_own_day_counts_only_if_it_came_before_the_dosing():
    both = DayValue(day(20), 2, 11.0, 16, 6, 16)
    after = DayValue(day(20), 1, 6.0, 6, 6, None)
    earlier = one(10, 18, before_dosing=18)

    assert measured(facts({PHQ9: [earlier, both]}, session_on=day(20)), PHQ9, 3)["baseline"]["value"] == 16
    assert measured(facts({PHQ9: [earlier, after]}, session_on=day(20)), PHQ9, 3)["baseline"]["value"] == 18
    assert measured(facts({PHQ9: [after]}, session_on=day(20)), PHQ9, 3)["baseline"] is None


def test_without_a_session_a_forms_baseline_is_the_very_first_form():
    given = facts({PHQ9: [DayValue(day(0), 2, 15.0, 20, 10), one(14, 12)]})

    assert measured(given, PHQ9, 2)["baseline"]["value"] == 20


def test_the_first_form_is_not_compared_with_itself():
    given = facts({PHQ9: [one(0, 20), one(14, 12)]})

    assert measured(given, PHQ9, 0)["change"] is None
    assert measured(given, PHQ9, 2)["change"]["absolute"] == -8


def test_a_form_stands_for_now_until_one_and_a_half_times_its_cadence():
    cadence = measures.get(PHQ9).cadence_days
    assert cadence == 14
    given = facts({PHQ9: [one(0, 20), one(2, 15)]}, logged=[0, 2, 40])

    # Seen on the 21st day after it, and on the 22nd: it is outdated then, and not carried on.
    assert measured(given, PHQ9, 3, day(23))["now"]["value"] == 15
    assert measured(given, PHQ9, 3, day(24))["now"] is None


def test_a_form_of_a_later_week_is_not_known_in_an_earlier_one():
    given = facts({PHQ9: [one(0, 20), one(14, 12)]})

    assert measured(given, PHQ9, 1)["now"]["value"] == 20


@pytest.mark.parametrize(
    ("before", "after", "absolute", "percent"),
    [(8, 2, -6, -75), (8, 8, 0, 0), (0, 3, 3, None), (4, 6, 2, 50)],
)
def test_a_percentage_is_given_where_the_scale_has_a_true_zero_and_never_from_zero(
    before, after, absolute, percent
):
    values = series(dict.fromkeys(range(14), before) | dict.fromkeys(range(14, 21), after))
    change = measured(facts({PAIN: values}), PAIN, 2)["change"]

    assert (change["absolute"], change["percent"]) == (absolute, percent)


def test_a_form_without_a_true_zero_gives_no_percentage():
    assert not measures.get(MOOD).has_true_zero
    values = series(dict.fromkeys(range(14), 4) | dict.fromkeys(range(14, 21), 8))

    assert measured(facts({MOOD: values}), MOOD, 2)["change"]["percent"] is None


@pytest.mark.parametrize(
    ("measure", "absolute", "word"),
    [
        (PAIN, 0.5, "worse"),
        (PAIN, 0.4999, "about the same"),
        (PAIN, 0, "about the same"),
        (PAIN, -0.4999, "about the same"),
        (PAIN, -0.5, "better"),
        (MOOD, 0.5, "better"),
        (MOOD, -0.5, "worse"),
        (PHQ9, 5, "worse"),
        (PHQ9, 4.9, "about the same"),
        (DOSE, 100_000, "higher"),
        (DOSE, -100_000, "lower"),
    ],
)
def test_a_change_has_a_word_from_the_measures_own_direction(measure, absolute, word):
    assert trends.change_label(measures.get(measure), absolute) == word


@pytest.mark.parametrize("monday", [date(2026, 3, 23), date(2026, 10, 19)])
def test_missing_days_are_named_through_both_clock_changes(monday):
    n = (monday - MONDAY).days
    assert n % 7 == 0
    given = facts(logged=[n, n + 5])

    logged = trends.weekly_figures(given, monday, monday + timedelta(days=30))["logged"]

    # The Sunday of 23 or of 25 hours is one day like the others.
    assert (logged["days_expected"], logged["days_logged"]) == (7, 2)
    assert logged["days_missed"] == [monday + timedelta(days=k) for k in (1, 2, 3, 4, 6)]


def test_days_still_to_come_and_days_before_the_record_are_not_missed():
    logged = week(facts(logged=[1]), 0, day(4))["logged"]

    # Tuesday was logged, Wednesday and Thursday were not, Friday is not over.
    assert (logged["days_expected"], logged["days_missed"]) == (3, [day(2), day(3)])
    assert week(facts(logged=[1, 4]), 0, day(4))["logged"]["days_expected"] == 4


@pytest.mark.parametrize("today", [day(-8), day(0), day(4), day(7), day(365)])
def test_a_record_without_an_entry_has_weekly_figures_in_which_no_day_was_missed(today):
    figures = week(facts(), 0, today)

    assert (figures["logged"]["days_expected"], figures["logged"]["days_missed"]) == (0, [])
    assert figures["measures"] == []


def test_a_week_has_ended_on_its_monday_after_and_not_on_its_sunday():
    assert week(facts(logged=[0]), 0, day(6))["week"]["ended"] is False
    assert week(facts(logged=[0]), 0, day(7))["week"]["ended"] is True


def test_what_was_logged_is_counted_by_kind_and_lateness():
    given = facts(
        entries={day(0): {"pain": 2, "daily": 1}, day(6): {"pain": 1}, day(7): {"pain": 5}},
        entered_late={day(0): 1, day(7): 3},
    )
    logged = week(given)["logged"]

    assert (logged["entries"], logged["entered_late"]) == ({"pain": 3, "daily": 1}, 1)


def taper(*doses: tuple[int, int, float]) -> trends.Facts:
    """(day, uses, mean dose of a use); a use of 0 mg was skipped."""
    uses = [MedicationDay(day(n), "oxycodone", k if mg else 0, 0 if mg else k, 0) for n, k, mg in doses]
    return facts({DOSE: [DayValue(day(n), k, mg, mg, mg) for n, k, mg in doses]}, uses=uses)


def test_a_days_dose_is_the_sum_of_its_doses_and_a_skipped_one_is_none():
    (row,) = week(taper((0, 3, 20.0), (1, 1, 0.0), (4, 2, 15.0)))["medication"]

    assert (row["taken"], row["skipped"], row["days_known"]) == (5, 1, 3)
    # Three days are known. The four without an entry are not zeros.
    assert row["daily_mg"] == {"first": 60, "last": 30, "mean": 30}


def test_a_medication_with_a_dose_of_unknown_mass_is_counted_without_milligrams():
    given = facts(uses=[MedicationDay(day(0), "oxycodone", 2, 0, 1)])
    (row,) = week(given)["medication"]

    assert (row["taken"], row["as_needed"], row["daily_mg"]) == (2, 1, None)


def test_doses_are_told_under_medication_only_and_each_medication_apart():
    given = taper((0, 1, 20.0))
    given = facts(given.values, uses=[*given.uses, MedicationDay(day(0), "sertraline", 1, 0, 0)])

    assert week(given)["measures"] == []
    assert [row["medication"] for row in week(given)["medication"]] == ["oxycodone", "sertraline"]


def test_sessions_and_alerts_stand_in_their_own_week():
    given = facts(logged=[0, 7], session_on=day(6), alerts={day(6): 2, day(7): 1})

    assert [len(week(given, n)["sessions"]) for n in (0, 1)] == [1, 0]
    assert [week(given, n)["alerts"]["raised"] for n in (0, 1)] == [2, 1]
