"""Every code of a treatment session has words, and every kind of event a line."""

from enum import StrEnum
from uuid import uuid4

import pytest

from tracker.dashboard import session_forms, session_text
from tracker.treatment import events, limits
from tracker.treatment.discharge import Missing
from tracker.treatment.esketamine_form import FormField
from tracker.treatment.flags import Flag
from tracker.treatment.monitoring import Point, Pressure

FIELDS: dict[str, dict[str, list[str]]] = {
    "plan": {
        "starts_at": ["2026-03-02T10:00:00Z"],
        "route": ["im"],
        "planned_amount": ["40"],
        "planned_unit": ["mg"],
    },
    "weight": {"weight_kg": ["81,5"], "measured_on": ["2026-03-01"]},
    "dose": {"amount": ["0.5"], "unit": ["mg_per_kg"]},
    "infusion": {"change": ["start"], "rate": ["30"], "rate_unit": ["mg_per_h"]},
    "vitals": {"systolic": ["120"], "diastolic": ["80"], "temperature_c": ["36,8"]},
    "pressure_decision": {"decision": ["proceed"], "text": ["Usual for her."]},
    "dissociation": {f"answers.{number}": [str(number)] for number in range(5)},
    "sedation": {"moaas": ["4"]},
    "adverse_event": {"effect": ["nausea"], "severity": ["2"], "serious": ["yes"]},
    "adverse_event_end": {"target": [str(uuid4())]},
    "staff": {"staff_member": [str(uuid4())]},
    "escort": {"escort": ["present"]},
    "checklist": {"item": ["walks_steadily"], "is_met": ["no"]},
    "note": {"text": ["Calm."]},
    "complete": {"discharge": ["ready"]},
    "cancel": {"cause": ["clinic"]},
    "reopen": {"text": ["A dose was forgotten."]},
    "retract": {"target": [str(uuid4())], "text": ["Another's."]},
}


def of_form(kind: str, **changes: list[str]) -> events.Event:
    fields = {"kind": [kind], **FIELDS.get(kind, {}), **changes}
    return session_forms.event_of(fields, event_id=str(uuid4()), at="2026-03-02T10:00:00Z")


@pytest.mark.parametrize("kind", sorted(events.KINDS))
def test_each_kind_of_event_can_be_entered_as_a_form_and_has_a_line(kind):
    line = session_text.line(of_form(kind), {})

    assert line
    assert "_" not in line


@pytest.mark.parametrize("codes", [Pressure, Point, Missing, FormField, Flag, events.ChecklistItem])
def test_each_code_of_a_session_has_words(codes: type[StrEnum]):
    words = [session_text.words(code) for code in codes]

    assert all(words)
    assert not any("_" in each for each in words)


def test_each_limit_of_monitoring_has_a_label():
    assert set(session_text.LIMIT_LABELS) == set(limits.BOUNDS)


def test_number_with_a_comma_is_read_as_one():
    weight = of_form("weight")

    assert isinstance(weight, events.WeightEvent)
    assert weight.weight_kg == 81.5


@pytest.mark.parametrize(
    ("kind", "changes", "sentence"),
    [
        ("vitals", {"systolic": ["310"]}, "systolic: The value is out of range: at most 300."),
        ("vitals", {"systolic": ["high"]}, "systolic: The value has the wrong type: a whole number."),
        ("dose", {"amount": [""]}, "amount: This field is required."),
        ("dance", {}, "This is no event of a session."),
    ],
)
def test_form_with_a_mistake_comes_back_in_a_sentence(kind, changes, sentence):
    with pytest.raises(session_forms.BadForm) as bad:
        of_form(kind, **changes)

    assert bad.value.sentences[0] == sentence
