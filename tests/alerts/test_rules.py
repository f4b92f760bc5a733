"""The declared alert rules: each has a level, a label and an evaluator, and raises its alert through a real push."""

from typing import Any, get_args

import pytest

from tests import factories
from tests.instruments.filled import positive_answers
from tests.phone import Phone
from tests.rls_context import as_clinic
from tracker.alerts import escalation, models, rules, treatment_sessions
from tracker.alerts.models import Alert
from tracker.instruments import alert_rules, catalogue
from tracker.instruments.base import AlertLevel

# What meets the rules that no instrument's file declares.
OF_KINDS: dict[str, tuple[str, dict[str, Any]]] = {
    "daily_self_harm_thoughts": ("daily", {"mood": 4, "self_harm_thoughts": True}),
    alert_rules.UNREADABLE: ("daily", {"mood": 4, "self_harm_thoughts": "yes"}),
}


def declared_positives() -> dict[str, tuple[str, dict[str, Any]]]:
    """A kind and data that meet each declared rule."""
    found: dict[str, tuple[str, dict[str, Any]]] = {}
    for form in catalogue.all():
        for rule in form.safety:
            data = {"instrument": form.code, "version": form.version, "status": "complete"}
            found[rule.id] = "response", data | {"answers": positive_answers(form, rule)}
    return found | OF_KINDS


POSITIVES = declared_positives()


def test_every_declared_alert_rule_has_an_example_here():
    # Those of a session as a whole: tests/alerts/test_treatment_sessions.py.
    of_sessions = {rule.id for rule in treatment_sessions.RULES}
    assert set(POSITIVES) == set(rules.declared()) - of_sessions


def test_levels_of_alerts_are_those_of_the_rules_gravest_first():
    assert list(escalation.GRAVEST_FIRST) == models.Level.values


@pytest.mark.parametrize("rule", sorted(rules.declared()))
def test_every_declared_alert_rule_has_a_level_a_label_and_an_evaluator(rule):
    declared = rules.declared()[rule]

    assert declared.level in get_args(AlertLevel.__value__)
    assert declared.version >= 1
    assert rules.label(rule) == declared.label
    assert declared.label not in {"", rule}
    assert "_" not in declared.label
    assert declared.evaluate({}) is None


def test_no_two_alert_rules_read_the_same():
    labels = [rule.label for rule in rules.declared().values()]

    assert len(set(labels)) == len(labels)


def test_an_alert_rule_that_is_no_longer_declared_is_named_as_it_stands():
    assert rules.label("our_own_rule") == "our own rule"


# Five ways that a record can take: what is pushed before it, what is changed in it, what it is answered with.
Item = dict[str, Any]


def stored(phone: Phone, item: Item) -> Any:
    return phone.push(item)


def rejected(phone: Phone, item: Item) -> Any:
    return phone.push(item | {"time_zone": "localtime"})


def in_conflict(phone: Phone, item: Item) -> Any:
    other = factories.pain(id=item["id"])
    phone.push(other, other | {"revision": 2, "data": {"intensity": 1}})
    return phone.push(item)


def in_retry(phone: Phone, item: Item) -> Any:
    return phone.push(item | {"revision": 7})


def refused_as_a_whole(phone: Phone, item: Item) -> Any:
    return phone.post("sync/push", phone.batch(item) | {"note": "not a field"})


@pytest.mark.parametrize("way", [stored, rejected, in_conflict, in_retry, refused_as_a_whole])
def test_the_safety_scan_raises_every_declared_alert_whatever_becomes_of_the_record(world, way):
    phone = Phone(world.ada.user)
    sent = {rule: factories.record(kind, data) for rule, (kind, data) in POSITIVES.items()}

    for rule, item in sent.items():
        reply = way(phone, item)
        assert "guidance" in reply.json(), rule

    with as_clinic(world.clinic.pk):
        for rule, item in sent.items():
            declared = rules.declared()[rule]
            alert = Alert.objects.get(rule=rule, source_id=item["id"])
            assert (alert.level, alert.rule_version) == (declared.level.upper(), declared.version)
            kept = way is stored and rule != alert_rules.UNREADABLE
            assert (alert.source_kind, alert.answer_stored) == (
                (item["kind"], True) if kept else ("unstored", False)
            )


def test_one_alert_rule_id_that_is_declared_twice_and_differently_is_refused(monkeypatch):
    form = catalogue.latest("phq-9")
    other = alert_rules.AlertRule("phq9_item9", 1, "review", "Something else", lambda data: None)
    monkeypatch.setattr(rules, "of_all_kinds", lambda: (other,))

    with pytest.raises(rules.ConflictingRules, match="phq9_item9"):
        rules._declared.__wrapped__((form,))
