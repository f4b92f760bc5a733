"""Forms that no instrument of the catalogue is, but a clinic's own may be: each turn of scoring by itself."""

from typing import Any

import pytest

from tracker.instruments import catalogue, parsing, scoring
from tracker.instruments.definition import InstrumentDefinition
from tracker.instruments.score_calculators import Bands
from tracker.instruments.score_schema import Band

FORM = """\
schema: 1
id: own
version: "1"
title: {{en: Our own}}
category: mood
terms: {{status: project_authored, wording_may_ship: true, text: ours, src: [us]}}
recall: {{days: 7}}
items:
  - {{linkId: a, {a}, text: {{en: A}}}}
  - {{linkId: b, {b}, text: {{en: B}}}}
  - {{linkId: c, {c}, text: {{en: C}}}}
scoring:
  version: "7"
  main: own
  src: [us]
  {scoring}
  scores:
    - name: own
      label: {{en: Our own}}
      rule: sum
      range: {range}
      direction: higher_worse
      family: other
      missing: {{src: [us]}}
      src: [us]
safety:
{safety}
cadence: {{recommended: weekly, src: [us]}}
sources:
  us: {{cite: the clinic itself, grade: general}}
"""
PLAIN = "range: [0, 3]"
UNSCORED = "range: [0, 3], scored: false"


def own(a: str = PLAIN, b: str = PLAIN, c: str = UNSCORED, *, range: str = "[0, 6]", scoring: str = "",
        safety: str = "  []") -> InstrumentDefinition:  # fmt: skip
    return parsing.read(FORM.format(a=a, b=b, c=c, range=range, scoring=scoring, safety=safety))


def value(form: InstrumentDefinition, **answers: Any) -> float | None:
    result = scoring.score(form, answers)
    assert result.status == "complete"
    return result.scores[0].value


def harm(item: str, at_least: int = 1) -> str:
    when = f"when: {{item: {item}, at_least: {at_least}}}"
    return f"  - {{id: {item}_rule, label: Harm, {when}, level: urgent, src: [us]}}\n"


def test_a_plain_form_is_summed_with_and_without_its_other_item():
    assert value(own(), a=1, b=3) == value(own(), a=1, b=3, c=2) == 4


def test_a_reversed_item_counts_from_the_other_end():
    form = own(b="range: [0, 3], reverse: true")

    assert [value(form, a=0, b=answer) for answer in range(4)] == [3, 2, 1, 0]
    assert [value(form, a=0, b=answer, c=1) for answer in range(4)] == [3, 2, 1, 0]


def test_a_reversed_item_with_options_counts_from_the_other_end():
    options = "options: [{value: 1, label: {en: x}}, {value: 3, label: {en: y}}], reverse: true"
    form = own(b=options, range="[1, 6]")

    assert [value(form, a=0, b=answer) for answer in (1, 3)] == [3, 1]


def test_a_recoded_item_counts_what_the_file_says():
    form = own(b="range: [0, 3], recode: {0: 0, 1: 0, 2: 5, 3: 5}", range="[0, 8]")

    assert [value(form, a=1, b=answer) for answer in range(4)] == [1, 1, 6, 6]


def test_scales_of_different_length_add_up():
    form = own(b="range: [0, 10]", range="[0, 13]")

    assert value(form, a=3, b=10) == 13
    assert scoring.score(form, {"a": 4, "b": 0}).status == "invalid"


def test_scales_below_zero_add_up():
    form = own(a="range: [-3, 3]", b="range: [-3, 3]", c="range: [-3, 3], scored: false", range="[-6, 6]")

    assert (value(form, a=-3, b=-3), value(form, a=-3, b=3), value(form, a=3, b=3, c=-3)) == (-6, 0, 6)


def test_options_need_not_be_whole_nor_in_a_row():
    options = (
        "options: [{value: 0, label: {en: x}}, {value: 0.5, label: {en: y}}, {value: 3, label: {en: z}}]"
    )
    form = own(a=options, b=options)

    assert value(form, a=0.5, b=3) == 3.5
    assert scoring.score(form, {"a": 1, "b": 0}).status == "invalid"


def test_steps_other_than_one_are_kept():
    form = own(a="range: [0, 3], step: 1.5", b="range: [0, 3], step: 1.5")

    assert value(form, a=1.5, b=3) == 4.5
    assert scoring.score(form, {"a": 1, "b": 0}).status == "invalid"


def test_decimals_that_are_kept_are_counted_and_flagged():
    form = own(a="range: [0, 3], allow_off_step: true", b="range: [0, 3], allow_off_step: true")

    assert scoring.score(form, {"a": 0.5, "b": 2}).flags == ("off_step",)
    assert value(form, a=0.5, b=2) == 2.5


def test_an_item_that_is_not_asked_is_not_missing_but_leaves_no_sum():
    form = own(b="range: [0, 3], asked_when: {item: a, equals: 1}")

    assert scoring.score(form, {"a": 1}).status == "incomplete"
    result = scoring.score(form, {"a": 0})
    assert (result.status, result.scores) == ("complete", ())
    assert scoring.score(form, {"a": 0, "b": 1}).flags == ("answered_unasked",)
    assert scoring.score(form, {"a": 1, "b": 1}).flags == ()


def test_a_safety_item_that_does_not_count_is_seen():
    form = own(c="range: [0, 3], scored: false, safety: true", safety=harm("c"))

    assert scoring.score(form, {"a": 3, "b": 3}).safety_findings == ()
    assert scoring.score(form, {"a": 3, "b": 3, "c": 0}).safety_findings == ()
    assert [f.item for f in scoring.score(form, {"a": 0, "b": 0, "c": 1}).safety_findings] == ["c"]


def test_a_safety_item_is_seen_from_its_own_threshold():
    form = own(b="range: [0, 3], safety: true", safety=harm("b", at_least=2))

    assert scoring.score(form, {"a": 3, "b": 1}).safety_findings == ()
    assert [f.value for f in scoring.score(form, {"a": 0, "b": 2}).safety_findings] == [2]


def test_two_safety_items_are_both_seen():
    safe = "range: [0, 3], safety: true"
    form = own(a=safe, b=safe, safety=harm("a") + harm("b"))

    assert [f.item for f in scoring.score(form, {"a": 1, "b": 1}).safety_findings] == ["a", "b"]
    assert [f.item for f in scoring.score(form, {"a": 0, "b": 1}).safety_findings] == ["b"]


def test_answers_out_of_order_are_flagged_in_a_summed_form_too():
    form = own(scoring="in_order: [[a, b]]")

    assert scoring.score(form, {"a": 2, "b": 1}).flags == ("out_of_order",)
    assert scoring.score(form, {"a": 1, "b": 1}).flags == ()


def test_what_makes_a_form_complete_may_be_less_than_its_score():
    form = own(scoring="complete_when: [a]")

    result = scoring.score(form, {"a": 1})
    assert (result.status, result.scores) == ("complete", ())
    assert scoring.score(form, {"b": 1}).status == "incomplete"


def test_what_makes_a_form_complete_may_be_more_than_its_score():
    form = own(scoring="complete_when: [a, b, c]")

    result = scoring.score(form, {"a": 1, "b": 1})
    assert (result.status, result.scores[0].value) == ("incomplete", 2)
    assert [problem.item for problem in result.missing] == ["c"]


@pytest.mark.parametrize("answers", [{"a": 1, "b": 2}, {"a": 1, "b": 2, "c": 3}, {"a": 1}, {"a": 9, "b": 2}])
def test_scores_name_the_version_of_their_rules(answers):
    for score in scoring.score(own(), answers).scores:
        assert (score.scoring_version, score.answered, score.items, score.prorated) == ("7", 2, 2, False)


def test_the_answers_that_count_are_counted():
    form = own()

    assert [scoring.score(form, answers).answered for answers in ({}, {"a": 1}, {"a": 1, "b": 1}, {"c": 1})] == [
        0, 1, 2, 0,
    ]  # fmt: skip


def test_a_mean_may_be_stretched_to_a_percentage():
    """As Oswestry does: the mean of what is answered, times a factor."""
    text = FORM.replace("rule: sum", "rule: mean\n      times: 20").format(
        a=PLAIN, b=PLAIN, c=UNSCORED, range="[0, 60]", scoring="", safety="  []"
    )
    form = parsing.read(text)

    assert [value(form, a=a, b=b) for a, b in ((0, 0), (1, 2), (3, 3))] == [0, 30, 60]


def test_steps_are_counted_from_the_lower_end():
    form = own(a="range: [1, 6], step: 2.5", b=PLAIN, range="[1, 9]")

    assert [scoring.score(form, {"a": a, "b": 0}).status for a in (1, 3.5, 6, 2.5)] == ["complete"] * 3 + [
        "invalid"
    ]


def test_one_decimal_among_whole_answers_is_flagged():
    form = own(a="range: [0, 3], allow_off_step: true")

    assert scoring.score(form, {"a": 0.5, "b": 2}).flags == ("off_step",)


@pytest.mark.parametrize("label", ["above", "min"])
def test_a_band_starts_at_its_least_or_right_above_it(label):
    bands = Bands([Band(label="low"), Band.model_validate({label: 40, "label": "high"})])

    assert [bands.of(number) for number in (39.9, 40, 40.1)] == [
        "low",
        "low" if label == "above" else "high",
        "high",
    ]


def test_below_the_first_band_there_is_none():
    assert Bands([Band(min=1, label="some")]).of(0.9) is None


OPTIONS = 'options: [{value: 0, label: {en: "No"}}, {value: 1, label: {en: "Yes"}}]'


@pytest.mark.parametrize(
    ("answers", "code", "told"),
    [
        ({"a": 7}, "out_of_range", "a takes 0 to 3"),
        ({"a": float("nan")}, "out_of_range", "a takes 0 to 3"),
        ({"a": 0.5}, "off_step", "a takes 0 to 3 in steps of 1"),
        ({"b": 7}, "not_offered", "b offers 0, 1"),
        ({"b": True}, "wrong_type", "b takes a number (0, 1), not true or false"),
        ({"b": "1"}, "wrong_type", "b takes a number (0, 1), not text"),
        ({"b": [1]}, "wrong_type", "b takes a number (0, 1), not a list"),
        ({"b": {}}, "wrong_type", "b takes a number (0, 1), not an object"),
        ({"b": b""}, "wrong_type", "b takes a number (0, 1), not something else"),
        ({"x": 1}, "unknown_item", "own has no item of this name"),
        ({"None": 1}, "unknown_item", "own has no item of this name"),
        ({"a": 1, "/a": 1}, "unknown_item", "own has no item of this name"),
        ({"c": 1}, "answered_elsewhere", "c is kept as a record of its own (journal)"),
    ],
)
def test_a_problem_is_told_in_words(answers, code, told):
    form = own(b=OPTIONS, c="recorded_as: journal, scored: false", range="[0, 4]")

    assert [(problem.code, problem.detail) for problem in scoring.score(form, answers).errors] == [
        (code, told)
    ]


def test_what_is_missing_is_told_in_words():
    assert scoring.score(own(), {"a": 1}).missing == (("b", "missing", "b is not answered"),)
    gcps = scoring.score(catalogue.latest("gcps-r"), {})
    assert gcps.missing == (("", "missing", "gcps-r cannot be decided yet"),)


def test_an_item_answered_twice_is_told_in_words():
    form = catalogue.latest("phq-9")

    (problem,) = scoring.score(form, {"/44250-9": 1, "1": 1}).errors
    assert problem == ("/44250-9", "duplicate", "/44250-9 is answered twice")


def test_item_numbers_may_be_numbers():
    answers: dict[Any, Any] = dict.fromkeys(range(1, 10), 3)

    assert scoring.score(catalogue.latest("phq-9"), answers).scores[0].value == 27


def test_scores_without_a_sum_say_how_many_answers_they_had():
    def counts(code: str, answers: dict[str, Any]) -> tuple[int, int, bool]:
        score = scoring.score(catalogue.latest(code), answers).scores[0]
        return score.answered, score.items, score.prorated

    assert counts("gcps-r", {"q1": 2, "q2": 3}) == (2, 5, False)
    assert counts("pain-nrs", {"avg24": 3}) == (1, 1, False)
    assert counts("c-ssrs-screener", {"1": 1, "2": 0}) == (2, 3, False)
    assert counts("body-map", {"knee.left": 1}) == (42, 42, False)
