"""A stored summary in words."""

from tracker.dashboard.pages import summary

FIGURES = {
    "algorithm": "progress/1",
    "week": {
        "starts_on": "2012-08-13", "ends_on": "2012-08-19", "through_on": "2012-08-19",
        "time_zone": "Europe/Amsterdam", "ended": True,
    },
    "logged": {
        "days_expected": 7, "days_logged": 6, "days_missed": ["2012-08-15"],
        "entries": {"pain": 0, "daily": 6, "response": 40, "journal": 1}, "entered_late": 2,
    },
    "measures": [
        {
            "measure": "esm.mood_down", "label": "Feeling down", "unit": "", "direction": "higher_worse",
            "family": "mood",
            "baseline": {"value": -0.4, "n": 13, "basis": "first_days", "from": "2012-08-13",
                         "to": "2012-08-26", "provisional": True, "by_caregiver": 0},
            "now": {"value": 0.7, "n": 6, "from": "2012-08-13", "to": "2012-08-19", "by_caregiver": 2},
            "change": {"absolute": 1.1, "percent": None, "word": "worse"},
        },
        {
            "measure": "phq-9", "label": "PHQ-9", "unit": "", "direction": "higher_worse", "family": "mood",
            "baseline": None, "now": None, "change": None,
        },
        {
            "measure": "daily.pain_avg", "label": "Average pain", "unit": "", "direction": "higher_worse",
            "family": "pain",
            "baseline": {"value": 7.0, "n": 1, "basis": "before_treatment", "from": "2012-08-13",
                         "to": "2012-08-13", "provisional": False, "by_caregiver": 0},
            "now": {"value": 5.0, "n": 7, "from": "2012-08-13", "to": "2012-08-19", "by_caregiver": 0},
            "change": {"absolute": -2.0, "percent": -28.5714, "word": "better"},
        },
    ],
    "medication": [
        {"medication": "venlafaxine", "taken": 6, "skipped": 0, "as_needed": 0, "days_known": 6,
         "daily_mg": {"first": 150.0, "last": 140.0, "mean": 145.7}},
        {"medication": "ibuprofen", "taken": 0, "skipped": 0, "as_needed": 2, "days_known": 2,
         "daily_mg": None},
    ],
    "sessions": [{"local_date": "2012-08-14", "route": "IV_INFUSION", "dose_mg": 35.0}],
    "alerts": {"raised": 1},
}  # fmt: skip


def read() -> summary.SummaryView:
    return summary.read(FIGURES)


def test_the_week_says_what_was_logged_and_what_was_missed():
    week = read()

    assert week.heading == "13 Aug to 19 Aug 2012"
    assert (week.logged, week.missed, week.entered_late) == ("6 of 7 days", "15 Aug", 2)
    assert week.entries == "6 daily logs, 1 journal entry, 40 questionnaires"


def test_days_of_which_a_caregiver_said_something_stand_beside_their_number():
    assert [row.now_n for row in read().changes] == ["n 6, 2 by a caregiver", "", "n 7"]


def test_a_change_has_a_number_an_arrow_and_a_word():
    down, _, pain = read().changes

    assert (down.baseline, down.now, down.arrow, down.absolute, down.word) == (
        "−0.4",
        "0.7",
        "↑",
        "+1.1",
        "worse",
    )
    assert down.percent == "n/a"
    assert down.built == "13 Aug to 26 Aug 2012, n 13, provisional"
    assert (pain.percent, pain.arrow, pain.built) == ("−29\u00a0%", "↓", "13 Aug 2012, n 1")


def test_a_missing_value_is_said_and_never_shown_as_a_number():
    phq = read().changes[1]

    assert (phq.baseline, phq.now, phq.arrow, phq.word) == ("none", "too few", "", "not enough to say")


def test_medication_keeps_unknown_days_apart_from_skipped_doses():
    venlafaxine, ibuprofen = read().medication

    assert (venlafaxine.dose, venlafaxine.skipped, venlafaxine.unknown) == ("150 to 140 mg", 0, 1)
    assert (ibuprofen.dose, ibuprofen.as_needed, ibuprofen.unknown) == ("not known", 2, 5)


def test_sessions_are_read_by_day_route_and_dose():
    assert read().sessions == ["14 Aug: IV infusion, 35 mg"]


def test_baselines_for_the_chart_know_their_days():
    found = summary.baselines(FIGURES)

    assert set(found) == {"esm.mood_down", "daily.pain_avg"}
    assert str(found["esm.mood_down"].last) == "2012-08-26"
