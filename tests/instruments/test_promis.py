"""PROMIS: from the answers of a domain by way of its sum and a table to a T-score."""

from typing import Any

import pytest

from tests.instruments.filled import all_at, main, scored
from tracker.instruments import catalogue

# HealthMeasures scoring manual: the lowest sum, one in the middle and the highest, with standard errors.
PROMIS = [
    ("physical_function", 4, 22.5, 4.0), ("physical_function", 12, 36.7, 2.3), ("physical_function", 20, 57.0, 6.6),
    ("anxiety", 4, 40.3, 6.1), ("anxiety", 12, 63.4, 2.6), ("anxiety", 20, 81.6, 3.7),
    ("depression", 4, 41.0, 6.2), ("depression", 12, 62.2, 2.3), ("depression", 20, 79.4, 2.6),
    ("fatigue", 4, 33.7, 4.9), ("fatigue", 12, 57.0, 2.3), ("fatigue", 20, 75.8, 3.9),
    ("sleep_disturbance", 4, 32.0, 5.2), ("sleep_disturbance", 12, 54.3, 3.4), ("sleep_disturbance", 20, 73.3, 4.6),
    ("social_roles", 4, 27.5, 4.1), ("social_roles", 12, 44.2, 2.3), ("social_roles", 20, 64.2, 5.1),
    ("pain_interference", 4, 41.6, 6.1), ("pain_interference", 12, 61.2, 1.8), ("pain_interference", 20, 75.6, 3.7),
]  # fmt: skip


def promis(domain: str, raw: int) -> dict[str, Any]:
    """Answers of one domain with this raw sum; positively worded items are answered the other way round."""
    form = catalogue.latest("promis-29")
    rule = next(rule for rule in form.scoring.scores if rule.name == f"promis-29.{domain}")
    points, left = [1, 1, 1, 1], raw - 4
    for at in range(4):
        step = min(4, left)
        points[at] += step
        left -= step
    return {
        name: 6 - point if form.item[name].reverse else point
        for name, point in zip(form.items_of(rule), points, strict=True)
    }


@pytest.mark.parametrize(("domain", "raw", "t", "se"), PROMIS)
def test_a_promis_domain_has_its_t_score(domain, raw, t, se):
    result = scored("promis-29", promis(domain, raw))

    assert [(s.name, s.value, s.t, s.se, s.measured) for s in result.scores] == [
        (f"promis-29.{domain}", raw, t, se, t)
    ]


@pytest.mark.parametrize("domain", sorted({row[0] for row in PROMIS}))
def test_a_promis_domain_needs_all_four_answers(domain):
    for name in promis(domain, 12):
        answers = promis(domain, 12)
        del answers[name]

        assert scored("promis-29", answers, prorate=True).scores == ()


def test_the_two_positively_worded_sleep_items_are_turned_round():
    best = {"slp1": 5, "slp2": 5, "slp3": 1, "slp4": 1}
    worst = {"slp1": 1, "slp2": 1, "slp3": 5, "slp4": 5}

    assert main(scored("promis-29", best)).value == 4
    assert main(scored("promis-29", worst)).value == 20


@pytest.mark.parametrize(
    ("domain", "raw", "t", "band"),
    [
        ("pain_interference", 7, 53.9, "within normal limits"),
        ("pain_interference", 8, 55.6, "mild"),
        ("pain_interference", 11, 59.9, "mild"),
        ("pain_interference", 12, 61.2, "moderate"),
        ("pain_interference", 18, 69.7, "moderate"),
        ("pain_interference", 19, 71.6, "severe"),
        ("physical_function", 6, 28.9, "severe limitation"),
        ("physical_function", 7, 30.5, "moderate limitation"),
        ("physical_function", 14, 39.2, "moderate limitation"),
        ("physical_function", 15, 40.5, "mild limitation"),
        ("physical_function", 17, 43.5, "mild limitation"),
        ("physical_function", 18, 45.5, "within normal limits"),
    ],
)
def test_a_t_score_has_its_band_whichever_way_the_domain_runs(domain, raw, t, band):
    score = main(scored("promis-29", promis(domain, raw)))

    assert (score.t, score.band) == (t, band)


def test_the_pain_item_of_promis_29_stands_alone():
    result = scored("promis-29", {"pain": 7})

    assert [(score.name, score.value, score.t) for score in result.scores] == [
        ("promis-29.pain_intensity", 7, None)
    ]


def test_promis_29_is_complete_with_all_29_answers():
    form = catalogue.latest("promis-29")

    result = scored("promis-29", all_at(form, 1) | {"pain": 0})

    assert (result.status, len(result.scores)) == ("complete", 8)


# Hays 2009: pain from 0 to 10 counts 5 to 1.
RECODED = {0: 5, 1: 4, 2: 4, 3: 4, 4: 3, 5: 3, 6: 3, 7: 2, 8: 2, 9: 2, 10: 1}


@pytest.mark.parametrize(("pain", "counts"), RECODED.items())
def test_global_10_recodes_pain(pain, counts):
    answers = {"global03": 1, "global06": 1, "global07": pain, "global08": 1}

    assert main(scored("promis-global-10", answers)).value == 3 + counts


@pytest.mark.parametrize(
    ("answer", "pain", "gph", "gmh"),
    [(1, 10, (4, 16.2, None), (4, 21.2, 4.6)), (3, 5, (12, 39.8, None), (12, 43.5, 3.6)),
     (5, 0, (20, 67.7, None), (20, 67.6, 5.3))],
)  # fmt: skip
def test_global_10_has_two_t_scores(answer, pain, gph, gmh):
    answers = {f"global{n:02d}": answer for n in range(1, 11)} | {"global07": pain}

    result = scored("promis-global-10", answers)

    assert result.status == "complete"
    assert [(s.value, s.t, s.se) for s in result.scores] == [gph, gmh]


def test_items_1_and_9_of_global_10_belong_to_neither_score():
    answers: dict[str, Any] = {f"global{n:02d}": 3 for n in range(1, 11)}

    assert (
        scored("promis-global-10", answers | {"global01": 5, "global09": 1}).scores
        == scored("promis-global-10", answers).scores
    )
