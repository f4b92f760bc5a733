"""Alert rules as the catalogue declares them: met by the answers that they name, and by no others."""

import pytest

from tests.instruments.filled import adding_up_to, positive_answers
from tracker.instruments import alert_rules, catalogue

RULES = [(form, rule) for form in catalogue.all() for rule in form.safety]


@pytest.mark.parametrize(("form", "rule"), RULES, ids=lambda part: getattr(part, "id", "x"))
def test_every_alert_rule_of_the_catalogue_is_evaluated(form, rule):
    declared = {alert.id: alert for alert in alert_rules.of_instrument(form)}
    alert = declared[rule.id]

    assert (alert.version, alert.level, alert.label) == (rule.version, rule.level, rule.label)
    assert alert.evaluate(positive_answers(form, rule))
    assert alert.evaluate({}) is None


@pytest.mark.parametrize(
    ("total", "met"),
    [(19, set()), (20, {"phq9_severe"}), (24, {"phq9_severe"}), (25, {"phq9_severe", "phq9_item9"})],
)
def test_a_score_meets_its_alert_rule_from_the_threshold_on(total, met):
    form, answers = catalogue.latest("phq-9"), adding_up_to("phq-9", total)

    assert {rule.id for rule, _ in alert_rules.met(form, answers)} == met


def test_a_score_alert_rule_is_not_met_by_an_incomplete_questionnaire():
    """Eight answers of three are 24 points already; a total that lacks an answer is no total."""
    answers = adding_up_to("phq-9", 27)
    del answers["/44250-9"]

    assert [rule.id for rule, _ in alert_rules.met(catalogue.latest("phq-9"), answers)] == ["phq9_item9"]


def test_an_alert_rule_gives_the_number_that_meets_it_and_true_for_a_tier():
    severe = alert_rules.met(catalogue.latest("phq-9"), adding_up_to("phq-9", 27))
    tier = alert_rules.met(catalogue.latest("c-ssrs-screener"), {"1": 1, "2": 1, "4": 1})

    assert [(rule.id, value) for rule, value in severe] == [("phq9_item9", 3), ("phq9_severe", 27)]
    assert [(rule.id, value) for rule, value in tier] == [("cssrs_high", True)]


@pytest.mark.parametrize("answer", ["2", True, 4, [1]])
def test_a_safety_answer_that_cannot_be_read_meets_an_alert_rule_of_its_own(answer):
    met = alert_rules.met(catalogue.latest("phq-9"), {"/44260-8": answer})

    assert [(rule.id, rule.level, value) for rule, value in met] == [(alert_rules.UNREADABLE, "urgent", True)]


def test_an_instrument_without_safety_rules_has_no_alert_rules():
    assert alert_rules.of_instrument(catalogue.latest("gad-7")) == ()
