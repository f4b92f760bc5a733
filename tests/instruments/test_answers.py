"""What counts as an answer and what does not, and what must be seen whatever else is wrong."""

import pytest

from tests.instruments.filled import SUMMED, adding_up_to, all_at, ends, main, scored
from tracker.instruments import catalogue, scoring


@pytest.mark.parametrize("code", SUMMED)
def test_one_beyond_either_end_is_refused_by_item(code):
    form = catalogue.latest(code)
    for name in form.scored:
        low, high = ends(form, name)
        for beyond in (low - 1, high + 1):
            result = scored(code, all_at(form, 0) | {name: beyond})

            assert (result.status, result.scores) == ("invalid", ())
            assert [(p.item, p.code) for p in result.errors] in (
                [(name, "not_offered")],
                [(name, "out_of_range")],
            )


@pytest.mark.parametrize("code", [code for code in SUMMED if code != "whodas-2-12"])
def test_each_missing_answer_leaves_no_total(code):
    form = catalogue.latest(code)
    for name in form.scored:
        answers = all_at(form, 1)
        del answers[name]
        result = scored(code, answers)

        assert result.status == "incomplete"
        assert [problem.item for problem in result.missing] == [name]
        assert form.scoring.main not in [score.name for score in result.scores]
        assert result.answered == len(form.scored) - 1


@pytest.mark.parametrize(
    ("given", "code"),
    [
        (True, "wrong_type"),
        (False, "wrong_type"),
        ("3", "wrong_type"),
        ([3], "wrong_type"),
        ({"value": 3}, "wrong_type"),
        (b"3", "wrong_type"),
        (1.5, "not_offered"),
        (-1, "not_offered"),
        (4, "not_offered"),
        (10**400, "not_offered"),
        (float("nan"), "out_of_range"),
        (float("inf"), "out_of_range"),
    ],
)
def test_an_answer_of_the_wrong_kind_is_refused_by_item(given, code):
    answers = adding_up_to("phq-9", 5) | {"/44254-1": given}

    result = scored("phq-9", answers)

    assert result.status == "invalid"
    assert [(problem.item, problem.code) for problem in result.errors] == [("/44254-1", code)]
    assert "/44254-1" in result.errors[0].detail


def test_a_whole_number_may_come_as_a_decimal():
    answers = {name: 1.0 for name in catalogue.latest("phq-9").scored}

    assert main(scored("phq-9", answers)).value == 9
    assert isinstance(main(scored("phq-9", answers)).value, int)


def test_an_unknown_item_is_refused_by_name():
    result = scored("phq-9", adding_up_to("phq-9", 5) | {"/1-8": 1})

    assert (result.status, result.errors[0].item, result.errors[0].code) == (
        "invalid",
        "/1-8",
        "unknown_item",
    )


def test_an_item_answered_under_two_names_is_refused():
    result = scored("phq-9", adding_up_to("phq-9", 5) | {"44250-9": 1})

    assert [(problem.item, problem.code) for problem in result.errors] == [("/44250-9", "duplicate")]


def test_items_go_by_linkid_without_its_slash_and_by_number():
    answers = {str(n): 2 for n in range(1, 8)} | {"44253-3": 1, "/44260-8": 0}

    assert main(scored("phq-9", answers)).value == 15


def test_nothing_answered_is_incomplete_not_zero():
    result = scored("phq-9", {})

    assert (result.status, result.scores, len(result.missing)) == ("incomplete", (), 9)


def test_an_answer_of_null_is_no_answer():
    result = scored("phq-9", adding_up_to("phq-9", 5) | {"/44254-1": None})

    assert (result.status, [p.item for p in result.missing]) == ("incomplete", ["/44254-1"])


def test_item_10_of_phq_9_is_checked_and_not_counted():
    answers = adding_up_to("phq-9", 5)

    assert main(scored("phq-9", answers | {"/69722-7": 3})) == main(scored("phq-9", answers))
    assert scored("phq-9", answers | {"/69722-7": 4}).status == "invalid"


@pytest.mark.parametrize("value", [1, 2, 3])
def test_a_positive_item_9_is_seen_whatever_else_is_wrong(value):
    item9 = "/44260-8"
    for answers, status in [
        (adding_up_to("phq-9", 0) | {item9: value}, "complete"),
        ({item9: value}, "incomplete"),
        ({"9": value}, "incomplete"),
        (adding_up_to("phq-9", 0) | {"/44250-9": 99, item9: value}, "invalid"),
        ({"nonsense": "x", "44260-8": value}, "invalid"),
        ({item9: value, "9": 0}, "invalid"),
    ]:
        result = scored("phq-9", answers)

        assert result.status == status
        assert [(f.rule, f.level, f.item, f.value) for f in result.safety_findings] == [
            ("phq9_item9", "urgent", item9, value)
        ]


def test_item_9_at_zero_raises_nothing():
    assert scored("phq-9", adding_up_to("phq-9", 24)).safety_findings == ()


@pytest.mark.parametrize(("total", "raised"), [(19, []), (20, ["phq9_severe"]), (27, ["phq9_severe"])])
def test_a_severe_total_is_found(total, raised):
    result = scored("phq-9", adding_up_to("phq-9", total))

    assert [finding.rule for finding in result.score_findings] == raised


@pytest.mark.parametrize("given", [True, "3", 4, -1, None])
def test_an_item_9_that_cannot_be_read_is_flagged(given):
    result = scored("phq-9", adding_up_to("phq-9", 0) | {"/44260-8": given})

    assert result.safety_findings == ()
    assert ("safety_item_unreadable" in result.flags) == (given is not None)


SAFETY_RULES = [
    (form, rule) for form in catalogue.all() for rule in form.safety if rule.when.item
]  # fmt: skip


@pytest.mark.parametrize(("form", "rule"), SAFETY_RULES, ids=lambda part: getattr(part, "id", "x"))
def test_every_safety_item_is_seen_from_its_threshold_on_and_not_below(form, rule):
    low, high = ends(form, rule.when.item)
    found = {
        value: [finding.rule for finding in scoring.score(form, {rule.when.item: value}).safety_findings]
        for value in range(int(low), int(high) + 1)
    }

    assert {value for value, rules in found.items() if rules == [rule.id]} == set(
        range(int(rule.when.at_least), int(high) + 1)
    )
