"""Forms without a sum: branches, tiers, checklists, the body map, and answers that stand alone."""

from typing import Any

import pytest

from tests.instruments.filled import main, scored
from tracker.instruments import catalogue


@pytest.mark.parametrize(
    ("answers", "grade", "band"),
    [
        ({"q1": 0}, 0, "chronic pain absent"),
        ({"q1": 1}, 0, "chronic pain absent"),
        ({"q1": 1, "q2": 3}, 0, "chronic pain absent"),
        ({"q1": 2, "q2": 2}, 3, "high impact"),
        ({"q1": 3, "q2": 3}, 3, "high impact"),
        ({"q1": 2, "q2": 1, "q3": 4, "q4": 4, "q5": 4}, 2, "bothersome"),
        ({"q1": 3, "q2": 0, "q3": 10, "q4": 10, "q5": 10}, 2, "bothersome"),
        ({"q1": 2, "q2": 1, "q3": 4, "q4": 4, "q5": 3}, 1, "mild"),
        ({"q1": 3, "q2": 0, "q3": 0, "q4": 0, "q5": 0}, 1, "mild"),
    ],
)
def test_gcps_r_follows_its_branches(answers, grade, band):
    """Von Korff 2020: absent below most days; high impact from most days; bothersome from a PEG sum of 12."""
    result = scored("gcps-r", answers)

    assert (result.status, main(result).value, main(result).band) == ("complete", grade, band)


@pytest.mark.parametrize(
    "answers",
    [{}, {"q2": 3}, {"q1": 2}, {"q1": 2, "q2": 0}, {"q1": 2, "q2": 0, "q3": 10, "q4": 10}],
)
def test_gcps_r_without_the_answer_that_decides_has_no_grade(answers):
    result = scored("gcps-r", answers)

    assert (result.status, result.scores) == ("incomplete", ())


CSSRS = ("/93246-7", "/93247-5", "/93248-3", "/93249-1", "/93250-9", "/93267-3", "/93269-9")


def cssrs(**answers: int) -> dict[str, Any]:
    """Answers by item: q1 to q6 and q6b."""
    return {str(CSSRS[("q1", "q2", "q3", "q4", "q5", "q6", "q6b").index(k)]): v for k, v in answers.items()}


NO = {"q1": 0, "q2": 0, "q6": 0}
AFTER_2 = {"q1": 1, "q2": 1, "q3": 0, "q4": 0, "q5": 0, "q6": 0}


@pytest.mark.parametrize(
    ("answers", "tier", "rule"),
    [
        (NO, "none", None),
        (NO | {"q1": 1}, "low", "cssrs_low"),
        (AFTER_2, "low", "cssrs_low"),
        (AFTER_2 | {"q3": 1}, "moderate", "cssrs_moderate"),
        (AFTER_2 | {"q4": 1}, "high", "cssrs_high"),
        (AFTER_2 | {"q5": 1}, "high", "cssrs_high"),
        (NO | {"q6": 1, "q6b": 0}, "moderate", "cssrs_moderate"),
        (NO | {"q6": 1, "q6b": 1}, "high", "cssrs_high"),
        (AFTER_2 | {"q3": 1, "q4": 1, "q5": 1, "q6": 1, "q6b": 0}, "high", "cssrs_high"),
    ],
)
def test_the_c_ssrs_screener_gives_the_highest_tier_reached(answers, tier, rule):
    """Posner 2011 and the screener's triage points; there is no sum."""
    result = scored("c-ssrs-screener", cssrs(**answers))

    assert (result.status, main(result).band, main(result).value) == ("complete", tier, None)
    assert [finding.rule for finding in result.safety_findings] == ([rule] if rule else [])


@pytest.mark.parametrize(
    ("answers", "tier"),
    [
        ({"q1": 0, "q2": 0}, None),
        ({"q6": 0}, None),
        ({"q1": 1}, "low"),
        ({"q1": 1, "q2": 1, "q3": 1}, "moderate"),
        ({"q4": 1}, "high"),
        # Behaviour, but when is not known: moderate at least.
        (NO | {"q6": 1}, "moderate"),
    ],
)
def test_an_unfinished_c_ssrs_is_at_least_the_tier_reached(answers, tier):
    result = scored("c-ssrs-screener", cssrs(**answers))

    assert result.status == "incomplete"
    assert [score.band for score in result.scores] == ([tier] if tier else [])
    assert ("tier_at_least" in result.flags) == (tier is not None)


def test_items_of_the_c_ssrs_that_are_not_asked_are_not_missing():
    result = scored("c-ssrs-screener", cssrs(**NO))

    assert (main(result).answered, main(result).items) == (3, 3)


def test_an_answer_to_an_item_that_was_not_asked_is_seen_and_flagged():
    result = scored("c-ssrs-screener", cssrs(**(NO | {"q5": 1})))

    assert main(result).band == "high"
    assert "answered_unasked" in result.flags


def test_the_side_effect_checklist_counts_and_names_the_worst():
    form = catalogue.latest("side-effects")
    none: dict[str, Any] = dict.fromkeys(form.scored, 0)

    def both(answers: dict[str, Any]) -> list[object]:
        return [(score.value, score.band) for score in scored("side-effects", answers).scores]

    assert both(none) == [(0, None), (0, "none")]
    assert both(none | {"nausea": 1, "dizziness": 2, "headache": 3}) == [(2, None), (3, "severe")]
    assert both(dict.fromkeys(form.scored, 3)) == [(25, None), (3, "severe")]
    del none["nausea"]
    assert both(none) == []


@pytest.mark.parametrize(
    ("marks", "regions", "areas", "band"),
    [
        ({"nowhere": 1}, 0, 0, "not widespread"),
        ({"knee.left": 1}, 1, 1, "not widespread"),
        ({"knee.left": 1, "foot.left": 1, "hand.right": 0}, 2, 1, "not widespread"),
        ({"knee.left": 1, "hand.left": 1, "hand.right": 1}, 3, 3, "not widespread"),
        ({"knee.left": 1, "hip.right": 1, "hand.left": 1, "hand.right": 1}, 4, 4, "widespread"),
        (
            {"knee.left": 1, "hip.right": 1, "hand.left": 1, "neck.mid": 1, "hand.right": 1},
            5,
            5,
            "widespread",
        ),
        ({"all_over.mid": 1}, 42, 5, "widespread"),
    ],
)
def test_the_body_map_counts_regions_and_areas(marks, regions, areas, band):
    result = scored("body-map", marks)

    assert result.status == "complete"
    assert [(score.value, score.band) for score in result.scores] == [(regions, None), (areas, band)]


@pytest.mark.parametrize("marks", [{}, {"knee.left": 0}, {"nowhere": 0}, {"all_over.mid": 0}])
def test_an_empty_body_map_is_not_a_body_without_pain(marks):
    result = scored("body-map", marks)

    assert (result.status, result.scores) == ("incomplete", ())


def test_the_body_map_has_43_entries():
    form = catalogue.latest("body-map")

    assert len(form.scored) == 43
    assert len(form.scoring.scores[0].items) == 42


def test_pain_ratings_stand_alone_and_have_bands():
    """General knowledge, to be confirmed by a clinician: 1-3 mild, 4-6 moderate, 7-10 severe."""
    bands = [main(scored("pain-nrs", {"avg24": value})).band for value in range(11)]

    assert bands == ["none"] + ["mild"] * 3 + ["moderate"] * 3 + ["severe"] * 4


def test_dvprs_has_bands_of_its_own():
    """Buckenmaier 2013: 1-4 mild, 5-6 moderate, 7-10 severe."""
    bands = [main(scored("dvprs", {"pain": value})).band for value in range(11)]

    assert bands == ["none"] + ["mild"] * 4 + ["moderate"] * 2 + ["severe"] * 4


def test_a_decimal_pain_rating_is_kept_as_it_is():
    result = scored("pain-nrs", {"avg24": 3.5})

    assert (main(result).value, main(result).band, result.flags) == (3.5, "mild", ("off_step",))


def test_pain_ratings_out_of_order_are_flagged_not_refused():
    result = scored("pain-nrs", {"least24": 5, "avg24": 4, "worst24": 6})

    assert (result.status, result.flags, len(result.scores)) == ("complete", ("out_of_order",), 3)
    assert scored("pain-nrs", {"least24": 4, "avg24": 4, "worst24": 4}).flags == ()
    assert scored("pain-nrs", {"least24": 5, "worst24": 4}).flags == ("out_of_order",)


def test_a_daily_log_is_complete_with_pain_and_mood():
    assert scored("daily-log", {"pain_avg": 3, "mood": 6}).status == "complete"
    assert scored("daily-log", {"pain_avg": 3, "sleep_hours": 6.25}).status == "incomplete"


@pytest.mark.parametrize(("hours", "status"), [(0, "complete"), (24, "complete"),
                                               (7.75, "complete"), (7.33, "complete"), (7.3333, "complete"),
                                               (24.25, "invalid"), (-0.25, "invalid")])  # fmt: skip
def test_hours_slept_are_rounded_to_two_decimals_and_never_refused_for_them(hours, status):
    assert scored("daily-log", {"pain_avg": 3, "mood": 6, "sleep_hours": hours}).status == status


def test_what_is_a_record_of_its_own_is_no_answer():
    result = scored("daily-log", {"pain_avg": 3, "mood": 6, "journal": "text"})

    assert [(p.item, p.code) for p in result.errors] == [("journal", "answered_elsewhere")]


CORE = tuple(name for name in catalogue.latest("esm-moment").item if name.startswith("mood_"))


def test_a_moment_of_the_diary_is_complete_with_its_twelve_mood_items():
    answers: dict[str, Any] = dict.fromkeys(CORE, 1)

    assert len(CORE) == 12
    assert scored("esm-moment", answers).status == "complete"
    for name in CORE:
        assert scored("esm-moment", {k: v for k, v in answers.items() if k != name}).status == "incomplete"


def test_the_diary_keeps_its_own_scales():
    result = scored("esm-moment", {"mood_down": -3, "mood_cheerf": 7, "phy_pain": 1})

    assert {score.name: score.value for score in result.scores} == {
        "esm.mood_down": -3, "esm.mood_cheerf": 7, "esm.phy_pain": 1,
    }  # fmt: skip
    assert scored("esm-moment", {"mood_down": 4}).status == "invalid"
    assert scored("esm-moment", {"mood_cheerf": 0}).status == "invalid"
