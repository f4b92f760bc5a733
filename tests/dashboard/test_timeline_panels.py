"""Which measures stand in which panel."""

from collections.abc import Sequence
from datetime import date, timedelta

import pytest

from tracker.dashboard import timeline_panels
from tracker.dashboard.chart_model import Panel
from tracker.dashboard.timeline_panels import Tally
from tracker.records import measures

FIRST = date(2026, 3, 2)


def tallies(measure: str, days: int = 10, value: float = 3) -> list[Tally]:
    return [Tally(measure, FIRST + timedelta(days=n), 2, value, 2 * value, value, value) for n in range(days)]


def drawn(found: Sequence[Tally]) -> list[Panel]:
    """The panels of tallies without baselines."""
    known = {tally.measure: measure for tally in found if (measure := measures.find(tally.measure))}
    return timeline_panels.panels(found, {}, known)


def shown(*groups: list[Tally]) -> list[tuple[str, list[str]]]:
    made = drawn([tally for group in groups for tally in group])
    return [(panel.title, [line.label for line in panel.lines]) for panel in made]


def test_pain_comes_first_then_mood_medication_questionnaires_and_anxiety():
    made = drawn(
        [
            *tallies("daily.anxiety"),
            *tallies("phq-9"),
            *tallies("dose.venlafaxine"),
            *tallies("daily.mood"),
            *tallies("daily.pain_avg"),
        ],
    )

    assert [panel.kind for panel in made] == ["daily", "daily", "dose", "form", "daily"]
    assert made[0].title.startswith("Pain")


def test_measures_share_a_panel_only_with_the_same_scale_and_direction():
    made = drawn([*tallies("esm.mood_down"), *tallies("esm.mood_cheerf"), *tallies("esm.mood_relaxed")])

    scales = [(panel.low, panel.high, panel.note, len(panel.lines)) for panel in made]
    assert sorted(scales) == [(-3, 3, "higher is worse", 1), (1, 7, "higher is better", 2)]


def test_a_panel_has_at_most_two_lines_and_none_that_is_nearly_empty():
    full = shown(tallies("pain.intensity"), tallies("pain.worst"), tallies("daily.pain_avg", 30))
    thin = shown(tallies("daily.mood", 30), tallies("journal.mood", 3))

    assert [len(lines) for _, lines in full] == [2]
    assert thin == [("Mood", ["Mood"])]


def test_a_daily_value_is_a_mean_and_a_dose_is_a_sum():
    pain, dose = drawn([*tallies("daily.pain_avg", 1), *tallies("dose.venlafaxine", 1, 75)])

    assert pain.lines[0].days[0].value == 3
    assert dose.lines[0].days[0].value == 150
    assert (dose.low, dose.high, dose.unit) == (0, 150, "mg per day")


def test_with_many_medications_no_form_and_no_diary_is_pushed_off_the_page():
    doses = [row for n in range(9) for row in tallies(f"dose.drug_{n}")]
    made = drawn(
        [*tallies("daily.pain_avg"), *tallies("daily.mood"), *tallies("daily.anxiety"), *doses,
         *tallies("phq-9"), *tallies("peg")],
    )  # fmt: skip

    shown, left_out = timeline_panels.fit(made)

    assert [panel.title for panel in shown] == [
        "Pain: average pain", "Mood", "Dose of drug 0", "Dose of drug 1", "Dose of drug 2", "Dose of drug 3",
        "PHQ-9", "PEG",
    ]  # fmt: skip
    assert left_out == [*(f"Dose of drug {n}" for n in range(4, 9)), "Anxiety"]


def test_what_must_be_seen_is_drawn_even_where_it_is_more_than_fits():
    moods = ["daily.mood", "dvprs.mood", "esm.mood_relaxed", "esm.mood_down"]
    pains = ["pain.intensity", "esm.phy_pain", *(f"dose.drug_{n}" for n in range(9))]
    made = drawn([row for code in [*moods, *pains, "phq-9", "peg"] for row in tallies(code)])
    many = [*made, *made]

    shown, left_out = timeline_panels.fit(many)

    must = [panel.title for panel in many if panel.kind == "daily" or panel.title == "PHQ-9"]
    assert len(must) > timeline_panels.MOST_PANELS
    assert [panel.title for panel in shown] == must
    assert len(left_out) == len(many) - len(must)


def test_what_fits_is_drawn_and_nothing_is_said():
    made = drawn([*tallies("daily.pain_avg"), *tallies("phq-9")])

    assert timeline_panels.fit(made) == (made, [])


def test_a_measure_that_left_the_registry_is_not_drawn():
    assert shown(tallies("long.removed")) == []
    codes = ["dose.b", "daily.pain_avg", "dose.a", "daily.sleep_hours", "dose.c"]
    assert timeline_panels.drawable(map(measures.get, codes), 2) == (
        ["daily.pain_avg", "dose.b", "dose.a"],
        1,
    )


@pytest.mark.parametrize(("highest", "top"), [(0, 1), (0.4, 0.4), (7, 8), (140, 150), (150, 150), (151, 200)])
def test_a_scale_of_doses_ends_at_a_round_number(highest, top):
    assert timeline_panels.round_top(highest) == pytest.approx(top)
