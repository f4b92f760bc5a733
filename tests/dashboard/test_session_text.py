"""Every code of a treatment session has words, and every kind of event a line."""

from datetime import UTC, datetime
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
        ("weight", {"weight_kg": ["inf"]}, "weight kg: The value has the wrong type: a number."),
        ("weight", {"weight_kg": ["nan"]}, "weight kg: The value has the wrong type: a number."),
        ("weight", {"weight_kg": ["1e999"]}, "weight kg: The value has the wrong type: a number."),
        ("sedation", {"moaas": ["-inf"]}, "moaas: The value has the wrong type: a whole number."),
        ("dance", {}, "This is no event of a session."),
    ],
)
def test_form_with_a_mistake_comes_back_in_a_sentence(kind, changes, sentence):
    with pytest.raises(session_forms.BadForm) as bad:
        of_form(kind, **changes)

    assert bad.value.sentences[0] == sentence


@pytest.mark.parametrize(
    ("now", "typed", "meant"),
    [
        ("2026-03-02T21:21:30Z", "", "2026-03-02T21:21:30+00:00"),
        ("2026-03-02T21:21:30Z", "22:21", "2026-03-02T21:21:00+00:00"),
        # The clock on the wall is ahead of the server's: never a day back.
        ("2026-03-02T21:21:30Z", "22:22", "2026-03-02T21:22:00+00:00"),
        ("2026-03-02T21:21:00Z", "22:36", "2026-03-02T21:36:00+00:00"),
        ("2026-03-02T22:58:00Z", "00:05", "2026-03-02T23:05:00+00:00"),
        # After midnight an entry of the evening before.
        ("2026-03-02T23:05:00Z", "23:50", "2026-03-02T22:50:00+00:00"),
        ("2026-03-02T23:05:00Z", "12:06", "2026-03-02T11:06:00+00:00"),
        ("2026-03-02T21:21:30Z", "00:05", "2026-03-01T23:05:00+00:00"),
        # The night in which clocks go forward.
        ("2026-03-29T00:59:30Z", "03:00", "2026-03-29T01:00:00+00:00"),
    ],
)
def test_local_time_of_an_event_is_the_nearest_that_can_be_meant(now, typed, meant):
    assert session_forms.instant_of(typed, datetime.fromisoformat(now), "Europe/Amsterdam") == meant


@pytest.mark.parametrize("typed", ["22:37", "23:59"])
def test_time_that_has_not_come_yet_is_refused_and_not_taken_for_yesterdays(typed):
    now = datetime(2026, 3, 2, 21, 21, tzinfo=UTC)

    with pytest.raises(session_forms.BadForm, match="That time has not come yet"):
        session_forms.instant_of(typed, now, "Europe/Amsterdam")


@pytest.mark.parametrize("typed", ["soon", "25:00", "22:22+05:00"])
def test_what_is_no_time_is_refused(typed):
    with pytest.raises(session_forms.BadForm, match="That is no time"):
        session_forms.instant_of(typed, datetime(2026, 3, 2, 21, 21, tzinfo=UTC), "Europe/Amsterdam")
