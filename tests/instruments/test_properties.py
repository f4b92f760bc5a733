"""What holds for every answer set of every instrument, tried at random."""

import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests import factories
from tracker.instruments import catalogue, scoring
from tracker.instruments.definition import InstrumentDefinition, Item
from tracker.records import measures

FORMS = list(catalogue.all())
SCORED = [form for form in FORMS if any(rule.rule in ("sum", "mean") for rule in form.scoring.scores)]


def valid(form: InstrumentDefinition, item: Item) -> st.SearchStrategy[float]:
    options = form.options_of(item)
    if options:
        return st.sampled_from([option.value for option in options])
    assert item.range
    low, high = item.range
    steps = int((high - low) / item.step)
    return st.integers(0, steps).map(lambda n: low + n * item.step)


def whole(form: InstrumentDefinition) -> st.SearchStrategy[dict[str, Any]]:
    """Every item answered."""
    return st.fixed_dictionaries(
        {item.link_id: valid(form, item) for item in form.items if not item.recorded_as}
    )


def partial(form: InstrumentDefinition) -> st.SearchStrategy[dict[str, Any]]:
    """Any of the items answered."""
    return st.fixed_dictionaries(
        {}, optional={item.link_id: valid(form, item) for item in form.items if not item.recorded_as}
    )


def shuffled(answers: dict[str, Any]) -> dict[str, Any]:
    pairs = list(answers.items())
    random.Random(factories.SEED).shuffle(pairs)
    return dict(pairs)


@pytest.mark.parametrize("form", FORMS, ids=str)
def test_the_order_of_answers_never_changes_a_score(form):
    @settings(max_examples=25, deadline=None)
    @given(partial(form))
    def holds(answers: dict[str, Any]) -> None:
        assert scoring.score(form, shuffled(answers)) == scoring.score(form, answers)

    holds()


@pytest.mark.parametrize("form", FORMS, ids=str)
def test_the_order_of_items_in_a_file_never_changes_a_score(form):
    turned = InstrumentDefinition.model_validate(
        {**form.document, "items": list(reversed(form.document["items"]))}
    )

    @settings(max_examples=25, deadline=None)
    @given(partial(form))
    def holds(answers: dict[str, Any]) -> None:
        ours, theirs = scoring.score(form, answers), scoring.score(turned, answers)

        assert theirs.scores[: len(form.scoring.scores)] == ours.scores[: len(form.scoring.scores)]
        assert set(theirs.scores) == set(ours.scores)
        assert theirs.status == ours.status

    holds()


@pytest.mark.parametrize("form", FORMS, ids=str)
def test_every_valid_answer_set_scores_inside_the_stated_range(form):
    @settings(max_examples=25, deadline=None)
    @given(whole(form), st.booleans())
    def holds(answers: dict[str, Any], prorate: bool) -> None:
        result = scoring.score(form, answers, prorate=prorate)

        assert result.status in ("complete", "incomplete")
        for score in result.scores:
            if score.value is not None:
                measure = measures.get(score.name)
                assert score.measured is not None
                assert measure.low <= score.measured <= measure.high

    holds()


@pytest.mark.parametrize("form", FORMS, ids=str)
def test_no_part_of_the_answers_scores_outside_the_stated_range(form):
    @settings(max_examples=25, deadline=None)
    @given(partial(form), st.booleans())
    def holds(answers: dict[str, Any], prorate: bool) -> None:
        for score in scoring.score(form, answers, prorate=prorate).scores:
            if score.measured is not None:
                assert measures.get(score.name).low <= score.measured <= measures.get(score.name).high

    holds()


def numbers(form: InstrumentDefinition, answers: dict[str, Any]) -> dict[str, float]:
    scores = scoring.score(form, answers).scores
    return {score.name: score.measured for score in scores if score.measured is not None}


def points(form: InstrumentDefinition, link_id: str) -> int:
    """1 if a higher answer adds to the score, -1 if it takes away."""
    item = form.item[link_id]
    return -1 if item.reverse or item.recode else 1


@pytest.mark.parametrize("form", SCORED, ids=str)
def test_one_answer_more_never_moves_a_score_the_wrong_way(form):
    @settings(max_examples=25, deadline=None)
    @given(whole(form), st.data())
    def holds(answers: dict[str, Any], data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(form.scored))
        other = answers | {name: data.draw(valid(form, form.item[name]))}
        rise = (other[name] - answers[name]) * points(form, name)
        before = numbers(form, answers)
        after = numbers(form, other)
        for rule in form.scoring.scores:
            if name not in form.items_of(rule):
                assert after[rule.name] == before[rule.name]
            elif rise >= 0:
                assert after[rule.name] >= before[rule.name]
            else:
                assert after[rule.name] <= before[rule.name]

    holds()


@pytest.mark.parametrize(
    "form", [catalogue.latest(code) for code in ("c-ssrs-screener", "side-effects", "body-map")], ids=str
)
def test_one_thing_worse_never_makes_a_checklist_better(form):
    tiers = ["none", "low", "moderate", "high"]

    @settings(max_examples=100, deadline=None)
    @given(whole(form), st.data())
    def holds(answers: dict[str, Any], data: st.DataObject) -> None:
        name = data.draw(st.sampled_from([item.link_id for item in form.items if item.link_id != "nowhere"]))
        worst = max(option.value for option in form.options_of(form.item[name]) or ())
        before = scoring.score(form, answers)
        after = scoring.score(form, answers | {name: worst})
        for old, new in zip(before.scores, after.scores, strict=False):
            if old.value is None:
                assert tiers.index(str(new.band)) >= tiers.index(str(old.band))
            else:
                assert (new.value or 0) >= old.value
        assert {f.rule for f in after.safety_findings if f.item} >= {
            f.rule for f in before.safety_findings if f.item
        }

    holds()


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(FORMS),
    st.dictionaries(
        st.text(max_size=12) | st.sampled_from(["/44260-8", "9", "q1", "scl15"]),
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats()
        | st.text(max_size=3)
        | st.lists(st.integers()),
        max_size=8,
    ),
)
def test_no_answers_at_all_can_break_scoring(form, answers):
    result = scoring.score(form, answers, stated_total=1e308)

    assert result.status in ("complete", "incomplete", "invalid")
    assert (result.status == "invalid") == bool(result.errors)


@pytest.mark.parametrize("form", SCORED, ids=str)
def test_taking_an_answer_away_never_adds_a_score(form):
    @settings(max_examples=25, deadline=None)
    @given(whole(form), st.data())
    def holds(answers: dict[str, Any], data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(form.scored))
        before = {score.name for score in scoring.score(form, answers).scores}
        less = {key: value for key, value in answers.items() if key != name}

        assert {score.name for score in scoring.score(form, less).scores} <= before

    holds()
