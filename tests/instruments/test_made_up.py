"""Forms that no instrument of the catalogue is, but a clinic's own may be: each turn of scoring by itself."""

from typing import Any

import pytest

from tracker.instruments import reading, scoring
from tracker.instruments.form import Form

FORM = """\
schema: 1
id: own
version: "1"
title: {{en: Our own}}
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
        safety: str = "  []") -> Form:  # fmt: skip
    return reading.read(FORM.format(a=a, b=b, c=c, range=range, scoring=scoring, safety=safety))


def value(form: Form, **answers: Any) -> float | None:
    result = scoring.score(form, answers)
    assert result.status == "complete"
    return result.scores[0].value


def harm(item: str, at_least: int = 1) -> str:
    return (
        f"  - {{id: {item}_rule, when: {{item: {item}, at_least: {at_least}}}, level: urgent, src: [us]}}\n"
    )


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
    form = own(a="range: [0, 3], off_step: kept", b="range: [0, 3], off_step: kept")

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

    assert scoring.score(form, {"a": 3, "b": 3}).positive_safety == ()
    assert scoring.score(form, {"a": 3, "b": 3, "c": 0}).positive_safety == ()
    assert [f.item for f in scoring.score(form, {"a": 0, "b": 0, "c": 1}).positive_safety] == ["c"]


def test_a_safety_item_is_seen_from_its_own_threshold():
    form = own(b="range: [0, 3], safety: true", safety=harm("b", at_least=2))

    assert scoring.score(form, {"a": 3, "b": 1}).positive_safety == ()
    assert [f.value for f in scoring.score(form, {"a": 0, "b": 2}).positive_safety] == [2]


def test_two_safety_items_are_both_seen():
    safe = "range: [0, 3], safety: true"
    form = own(a=safe, b=safe, safety=harm("a") + harm("b"))

    assert [f.item for f in scoring.score(form, {"a": 1, "b": 1}).positive_safety] == ["a", "b"]
    assert [f.item for f in scoring.score(form, {"a": 0, "b": 1}).positive_safety] == ["b"]


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
