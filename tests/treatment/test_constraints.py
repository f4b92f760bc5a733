"""Every named constraint of the treatment tables is seen to refuse, and lets through what an event may say."""

from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from django.apps import apps
from django.db import IntegrityError, models, transaction

from tests.factories import MONDAY
from tests.rls_context import as_clinic
from tracker.lib.table_constraints import CompositeForeignKey, NoOverlap
from tracker.treatment import events, limits
from tracker.treatment.models import MonitoringLimits, SessionEvent, TreatmentSession

HOUR = timedelta(hours=1)
# A whole event of each kind, as its columns.
WHOLE: dict[str, dict[str, Any]] = {
    "plan": {"starts_at": MONDAY, "minutes": 120, "route": "IM", "setting": "CLINIC"},
    "check_in": {},
    "start": {},
    "weight": {"weight_kg": 80.0, "measured_on": MONDAY.date()},
    "dose": {"amount": 40.0, "unit": "MG", "given_as": "SINGLE"},
    "infusion": {"change": "START"},
    "vitals": {"systolic": 120, "diastolic": 80},
    "pressure_decision": {"decision": "PROCEED"},
    "dissociation": {"scale": "SESSION_DISSOCIATION_5", "answers": [0, 1, 2, 3, 4]},
    "sedation": {"moaas": 5},
    "adverse_event": {"effect": "nausea", "severity": 2, "serious": False},
    "adverse_event_end": {"target": "OWN"},
    "staff": {"staff_member_id": "BEN", "staff_role": "NURSE", "presence": "JOINED"},
    "escort": {"escort": "PRESENT"},
    "checklist": {"item": "WALKS_STEADILY", "is_met": True},
    "note": {},
    "complete": {"discharge": "READY"},
    "cancel": {"cause": "CLINIC"},
    "miss": {"cause": "NO_SHOW"},
    "reopen": {},
    "retract": {"target": "OWN"},
    "form_submitted": {},
}
CADSS = {"scale": "CADSS", "answers": None, "total": 40}


def scale(kind: str, column: str, low: Any, high: Any, step: Any = 1) -> list[tuple[str, dict[str, Any]]]:
    return [(kind, {column: low - step}), (kind, {column: high + step})]


# What each constraint of an event refuses: a kind, and what is changed of a whole one.
EVENT: dict[str, list[tuple[str, dict[str, Any]]]] = {
    "session_event_kind_is_known": [("dance", {})],
    "session_plan_5_minutes_to_a_week": scale("plan", "minutes", 5, 10_080),
    "session_event_route_is_known": [("plan", {"route": "EYE"})],
    "session_event_setting_is_known": [("plan", {"setting": "MOON"})],
    "session_planned_dose_up_to_5000": [("plan", {"planned_amount": 5000.1, "planned_unit": "MG"})],
    "session_planned_dose_has_a_unit": [("plan", {"planned_amount": 5.0}), ("plan", {"planned_unit": "MG"})],
    "session_planned_unit_is_known": [("plan", {"planned_amount": 5.0, "planned_unit": "SPOON"})],
    "session_weight_20_to_400_kg": scale("weight", "weight_kg", 20.0, 400.0, 0.1),
    "session_dose_up_to_5000": [("dose", {"amount": 0.0}), ("dose", {"amount": 5000.1})],
    "session_dose_unit_is_known": [("dose", {"unit": "SPOON"})],
    "session_dose_given_as_is_known": [("dose", {"given_as": "GIFT"})],
    "session_spray_0_1_to_200_mg": [
        ("dose", {"unit": "SPRAY", "mg_per_spray": 0.05}), ("dose", {"unit": "SPRAY", "mg_per_spray": 200.1}),
    ],
    "session_spray_has_strength": [("dose", {"unit": "SPRAY"}), ("dose", {"mg_per_spray": 10.0})],
    "session_held_up_to_2_hours": scale("dose", "hold_minutes", 0, 120),
    "session_infusion_change_is_known": [("infusion", {"change": "DANCE"})],
    "session_rate_up_to_2000": [
        ("infusion", {"rate": -1.0, "rate_unit": "MG_PER_H"}), ("infusion", {"rate": 2000.1, "rate_unit": "MG_PER_H"}),
    ],
    "session_rate_has_a_unit": [("infusion", {"rate": 5.0}), ("infusion", {"rate_unit": "MG_PER_H"})],
    "session_rate_unit_is_known": [("infusion", {"rate": 5.0, "rate_unit": "SPOON"})],
    "session_systolic_40_to_300": [
        ("vitals", {"systolic": 39, "diastolic": 30}), ("vitals", {"systolic": 301}),
    ],
    "session_diastolic_20_to_200": [
        ("vitals", {"diastolic": 19}), ("vitals", {"systolic": 250, "diastolic": 201}),
    ],
    "session_pressure_has_both_values": [("vitals", {"systolic": None}), ("vitals", {"diastolic": None})],
    "session_systolic_above_diastolic": [("vitals", {"systolic": 80})],
    "session_heart_rate_20_to_300": scale("vitals", "heart_rate", 20, 300),
    "session_respiratory_rate_3_to_80": scale("vitals", "respiratory_rate", 3, 80),
    "session_spo2_50_to_100": scale("vitals", "spo2", 50, 100),
    "session_temperature_30_to_45": scale("vitals", "temperature_c", 30.0, 45.0, 0.1),
    "session_vitals_have_a_value": [("vitals", {"systolic": None, "diastolic": None})],
    "session_decision_is_known": [("pressure_decision", {"decision": "DANCE"})],
    "session_scale_is_known": [("dissociation", CADSS | {"scale": "OTHER"})],
    "session_dissociation_has_answers_or_total": [
        ("dissociation", {"answers": [0] * 4}), ("dissociation", {"total": 4}),
        ("dissociation", CADSS | {"total": None}),
    ],
    "session_answers_0_to_4": [
        ("dissociation", {"answers": [0, 0, 0, 0, 5]}), ("dissociation", {"answers": [-1, 0, 0, 0, 0]}),
    ],
    "session_total_of_the_scale": [
        ("dissociation", CADSS | {"total": 93}), ("dissociation", CADSS | {"scale": "CADSS_6", "total": 25}),
    ],
    "session_moaas_0_to_5": scale("sedation", "moaas", 0, 5),
    "session_effect_is_known": [("adverse_event", {"effect": "hiccups"})],
    "session_severity_1_to_3": scale("adverse_event", "severity", 1, 3),
    "session_measure_is_known": [("adverse_event", {"measure_taken": "DANCE"})],
    "session_staff_role_is_known": [("staff", {"staff_role": "COOK"})],
    "session_presence_is_known": [("staff", {"presence": "ABOVE"})],
    "session_escort_is_known": [("escort", {"escort": "DOG"})],
    "session_item_is_known": [("checklist", {"item": "DANCES"})],
    "session_discharge_is_known": [("complete", {"discharge": "FLIES"})],
    "session_cause_is_known": [("cancel", {"cause": "RAIN"})],
    "session_event_in_one_place": [("start", {"place": 1})],
    "session_event_replaces_one_of_its_session": [("start", {"replaces": uuid4()})],
    "session_event_is_about_one_of_its_session": [("retract", {"target": uuid4()})],
    "session_event_of_session": [("start", {"session_id": uuid4()})],
}  # fmt: skip
# Of each kind: a field of another one is refused, and so is one of its own that is not there.
OTHER = {
    "moaas": 5, "weight_kg": 80.0, "escort": "PRESENT",
}  # fmt: skip
for _kind, _others in events.other_columns().items():
    _name = next(name for name in OTHER if name in _others)
    EVENT[f"session_event_{_kind}_has_its_own_fields"] = [(_kind, {_name: OTHER[_name]})]
for _kind, _columns in events.required_columns().items():
    if _columns:
        EVENT[f"session_event_{_kind}_is_whole"] = [(_kind, {name: None}) for name in _columns]
# Without a scale there is no telling whether it has answers or a total.
EVENT["session_event_dissociation_is_whole"] = [("dissociation", CADSS | {"scale": None})]

SESSION: dict[str, list[dict[str, Any]]] = {
    "session_state_is_known": [{"state": "DANCING"}],
    "session_setting_is_known": [{"setting": "MOON"}],
    "session_route_is_known": [{"route": "EYE"}],
    "session_ends_after_its_start": [{"ends_at": MONDAY}],
    "session_ended_after_it_started": [{"started_at": MONDAY, "ended_at": MONDAY - HOUR}],
    "session_doses_in_order": [{"first_dosed_at": MONDAY, "last_dosed_at": MONDAY - HOUR}],
    "session_has_both_dose_times": [{"first_dosed_at": MONDAY}, {"last_dosed_at": MONDAY}],
    "session_total_up_to_100_g": [{"total_mg": Decimal(-1)}, {"total_mg": Decimal("100000.1")}],
    "session_one_at_a_time": [
        {"state": "RUNNING", "starts_at": MONDAY + 9 * HOUR, "ends_at": MONDAY + 10 * HOUR}
    ],
    "session_patient_is_free": [{"starts_at": MONDAY + HOUR}],
    "session_of_patient": [],
}
# Held by their own tests (tests/treatment/test_actions.py), or together with the primary key.
ELSEWHERE = {
    "session_event_of_patient", "session_event_is_replaced_once", "session_event_is_retracted_once",
    "session_of_patient",
}  # fmt: skip


def session(world: Any, **changes: Any) -> TreatmentSession:
    return TreatmentSession.objects.create(
        **{
            "clinic_id": world.clinic.pk, "patient_id": world.ada.pk, "state": "PLANNED", "setting": "CLINIC",
            "route": "IM", "product": "KETAMINE", "starts_at": MONDAY, "ends_at": MONDAY + 2 * HOUR,
            "time_zone": "Europe/Amsterdam", "local_date": MONDAY.date(), "revision": 1, "sequence": 1,
            "planned_by_id": world.ben.user_id, "planned_at": MONDAY,
        } | changes
    )  # fmt: skip


def event(world: Any, row: TreatmentSession, kind: str, place: int = 2, **changes: Any) -> SessionEvent:
    values = WHOLE.get(kind, {}) | changes
    if values.get("staff_member_id") == "BEN":
        values = values | {"staff_member_id": world.ben.pk}
    if values.get("target") == "OWN":
        values = values | {"target": SessionEvent.objects.get(session=row, place=1).id}
    return SessionEvent.objects.create(
        **{
            "clinic_id": world.clinic.pk, "patient_id": world.ada.pk, "session_id": row.pk, "id": uuid4(),
            "place": place, "kind": kind, "recorded_at": MONDAY, "occurred_at": MONDAY, "received_at": MONDAY,
            "recorded_by_id": world.ben.user_id, "fingerprint": b"x" * 32,
        } | values
    )  # fmt: skip


def named(model: type[models.Model]) -> set[str]:
    """The constraints of a model that refuse a row by its values."""
    kinds = (models.CheckConstraint, models.UniqueConstraint, NoOverlap, CompositeForeignKey)
    return {
        each.name
        for each in model._meta.constraints
        if isinstance(each, kinds) and not each.name.endswith(("_of_clinic", "_key_of_patient"))
    }


def test_every_constraint_of_the_treatment_tables_is_tried():
    assert named(SessionEvent) | named(TreatmentSession) == set(EVENT) | set(SESSION) | ELSEWHERE
    own = {"SessionEvent", "TreatmentSession", "SessionText", "MonitoringLimits"}
    assert {model.__name__ for model in apps.get_app_config("treatment").get_models()} == own
    assert set(WHOLE) == set(events.KINDS)


@pytest.mark.parametrize("name", sorted(EVENT))
def test_constraint_of_an_event_refuses(world, name):
    with as_clinic(world.clinic.pk):
        row = session(world)
        event(world, row, "plan", place=1)
        for kind, changes in EVENT[name]:
            with pytest.raises(IntegrityError, match=name), transaction.atomic():
                event(world, row, kind, **changes)


def test_whole_event_of_each_kind_is_let_through(world):
    with as_clinic(world.clinic.pk):
        row = session(world)
        for place, kind in enumerate(WHOLE, start=1):
            event(world, row, kind, place=place)
        event(world, row, "dissociation", place=99, **CADSS)
        event(world, row, "dose", place=98, unit="SPRAY", mg_per_spray=10.0)

        assert SessionEvent.objects.count() == len(WHOLE) + 2


@pytest.mark.parametrize("name", sorted(set(SESSION) - ELSEWHERE))
def test_constraint_of_a_session_refuses(world, name):
    with as_clinic(world.clinic.pk):
        if name in ("session_patient_is_free", "session_one_at_a_time"):
            session(world, state="RUNNING")
        for changes in SESSION[name]:
            with pytest.raises(IntegrityError, match=name), transaction.atomic():
                session(world, **changes)


@pytest.mark.parametrize(("lower", "upper"), limits.ORDERED)
def test_limits_that_cross_each_other_are_refused_by_the_database(world, lower, upper):
    values = {each: getattr(limits.DEFAULTS, each) for each in limits.BOUNDS}
    same = min(limits.BOUNDS[lower][1], limits.BOUNDS[upper][1])
    common = {"clinic_id": world.clinic.pk, "set_by_id": world.ben.user_id, "set_at": MONDAY}
    if not all(limits.BOUNDS[each][0] <= same <= limits.BOUNDS[each][1] for each in (lower, upper)):
        # Their bounds keep them apart.
        return
    with (
        as_clinic(world.clinic.pk),
        pytest.raises(IntegrityError, match=f"monitoring_{upper}_above_{lower}"),
        transaction.atomic(),
    ):
        MonitoringLimits.objects.create(**common, **values | {lower: same, upper: same})


@pytest.mark.parametrize("name", sorted(limits.BOUNDS))
def test_limits_of_a_clinic_are_held_within_their_bounds(world, name):
    low, high = limits.BOUNDS[name]
    values = {each: getattr(limits.DEFAULTS, each) for each in limits.BOUNDS}
    # The one that it is held against stands out of the way.
    for lower, upper in limits.ORDERED:
        if name == lower:
            values[upper] = limits.BOUNDS[upper][1]
        if name == upper:
            values[lower] = limits.BOUNDS[lower][0]
    common = {"clinic_id": world.clinic.pk, "set_by_id": world.ben.user_id, "set_at": MONDAY}
    with as_clinic(world.clinic.pk):
        for inside in (low, high):
            MonitoringLimits.objects.create(**common, **values | {name: inside})
        for outside in (low - 1, high + 1):
            with pytest.raises(IntegrityError, match=f"monitoring_limit_{name}"), transaction.atomic():
                MonitoringLimits.objects.create(**common, **values | {name: outside})
