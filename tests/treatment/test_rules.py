"""The rules of a treatment session: doses, pressure before a dose, times of observation, discharge. Pure."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from pydantic import ValidationError

from tests.treatment.sessions import calm, dose, entry, event, minute, plan, pressure, session
from tracker.treatment import acceptance, discharge, esketamine_form, flags, limits, monitoring
from tracker.treatment.discharge import Missing
from tracker.treatment.flags import Flag
from tracker.treatment.limits import DEFAULTS
from tracker.treatment.monitoring import DueStatus, Point, Pressure
from tracker.treatment.products import Route
from tracker.treatment.session_state import State, derive

# Doses ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("route", "fields", "mg"),
    [
        ("iv_infusion", {"amount": 0.5, "unit": "mg_per_kg"}, "40"),
        ("iv_infusion", {"amount": 35.5, "unit": "mg"}, "35.5"),
        ("im", {"amount": 0.75, "unit": "mg_per_kg"}, "60"),
        ("troche", {"amount": 200.0, "unit": "mg", "hold_minutes": 15, "swallowed": False}, "200"),
        ("nasal_racemic", {"amount": 3.0, "unit": "spray", "mg_per_spray": 10.5}, "31.5"),
        ("nasal_esketamine", {"amount": 3.0, "unit": "device"}, "84"),
    ],
)
def test_dose_in_mg_follows_from_amount_unit_and_weight(route: str, fields: dict[str, Any], mg: str) -> None:
    given = session(
        event("weight", 0, weight_kg=80.0, measured_on="2026-03-01"), event("dose", 5, **fields), route=route
    )

    assert given.total_mg(minute(60)) == Decimal(mg)
    assert given.mg_per_kg(minute(60)) == Decimal(mg) / 80


def test_dose_per_kg_without_a_weight_has_no_mg_and_is_flagged() -> None:
    given = session(event("dose", 5, amount=0.5, unit="mg_per_kg"))

    assert given.total_mg(minute(60)) is None
    assert Flag.WEIGHT_MISSING in dict(flags.of_session(given, DEFAULTS, minute(60)))


@pytest.mark.parametrize(("measured_on", "is_flagged"), [("2026-01-31", False), ("2026-01-30", True)])
def test_dose_per_kg_with_a_weight_older_than_30_days_counts_and_is_flagged(
    measured_on: str, is_flagged: bool
) -> None:
    given = session(
        event("weight", 0, weight_kg=80.0, measured_on=measured_on),
        event("dose", 5, amount=0.5, unit="mg_per_kg"),
    )

    assert given.total_mg(minute(60)) == 40
    assert (Flag.WEIGHT_OUTDATED in dict(flags.of_session(given, DEFAULTS, minute(60)))) is is_flagged


@pytest.mark.parametrize(
    ("route", "unit", "is_taken"),
    [
        ("iv_infusion", "mg_per_kg", True),
        ("iv_infusion", "device", False),
        ("oral", "mg_per_kg", False),
        ("troche", "mg", True),
        ("nasal_esketamine", "device", True),
        ("nasal_esketamine", "mg_per_kg", False),
        ("im", "device", False),
    ],
)
def test_dose_in_a_unit_that_the_product_cannot_be_given_in_is_refused(
    route: str, unit: str, is_taken: bool
) -> None:
    wrong = acceptance.refusal(
        session(route=route), dose(5, 1.0, unit), DEFAULTS, occurred_at=minute(5), is_patient=False
    )

    assert (wrong is None) is is_taken
    assert wrong is None or (wrong.code, wrong.field) == ("unit_not_for_route", "unit")


def test_infusion_gives_what_its_rates_come_to() -> None:
    given = session(
        event("weight", 0, weight_kg=60.0, measured_on="2026-03-02"),
        event("infusion", 10, change="start", rate=0.5, rate_unit="mg_per_kg_per_h"),
        event("infusion", 40, change="rate", rate=20.0, rate_unit="mg_per_h"),
        event("infusion", 55, change="rate", rate=0.0, rate_unit="mg_per_h"),
        event("infusion", 70, change="stop"),
    )

    assert given.total_mg(minute(90)) == 15 + 5
    assert given.last_dosed_at == minute(70)


def test_rates_are_not_added_to_the_dose_of_the_whole_infusion_and_a_difference_is_flagged() -> None:
    given = session(
        event("infusion", 10, change="start", rate=30.0, rate_unit="mg_per_h"),
        event("infusion", 50, change="stop"),
        dose(50, 40.0, given_as="infusion"),
    )

    assert given.total_mg(minute(90)) == 40
    assert Flag.DOSE_AND_RATE_DIFFER in dict(flags.of_session(given, DEFAULTS, minute(90)))


def test_second_dose_adds_up_and_a_corrected_one_counts_once() -> None:
    first, second = dose(5, 30.0), dose(35, 15.0)
    correction = event("dose", 5, name="right", amount=25.0, unit="mg", replaces=str(first.id))

    given = derive([entry(each) for each in (plan("im"), first, second, correction)])

    assert given.total_mg(minute(60)) == 40
    assert len(given.entries) == 4


def test_retracted_dose_counts_no_more_and_stays_in_the_history() -> None:
    first = dose(5, 30.0)
    given = session(first, event("retract", 6, target=str(first.id), text="Another patient's."), route="im")

    assert (given.is_dosed, given.total_mg(minute(60)), given.state) == (False, None, State.PLANNED)
    assert first in [each.event for each in given.entries]


# Blood pressure before a dose -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("readings", "found"),
    [
        ([], Pressure.MISSING),
        ([(140, 90)], Pressure.WITHIN_LIMITS),
        ([(141, 80)], Pressure.RECHECK_DUE),
        ([(120, 91)], Pressure.RECHECK_DUE),
        ([(150, 95), (139, 89)], Pressure.WITHIN_LIMITS),
        ([(150, 95), (145, 85)], Pressure.DECISION_DUE),
    ],
)
def test_pressure_before_a_dose_has_a_limit_and_a_recheck(
    readings: list[tuple[int, int]], found: Pressure
) -> None:
    given = session(*(pressure(number * 15, *values) for number, values in enumerate(readings)))

    assert monitoring.pressure_before_dose(given, DEFAULTS, minute(60)) == found


@pytest.mark.parametrize(
    ("decision", "found"),
    [
        ("proceed", Pressure.PROCEED),
        ("withhold", Pressure.WITHHELD),
        ("recheck", Pressure.DECISION_DUE),
    ],
)
def test_raised_pressure_takes_a_decision_after_the_reading(decision: str, found: Pressure) -> None:
    readings = [pressure(0, 150, 95), pressure(15, 145, 92)]
    decided = event("pressure_decision", 20, decision=decision, text="Usual for her.")
    too_early = event("pressure_decision", 10, decision="proceed", text="Usual for her.")

    assert monitoring.pressure_before_dose(session(*readings, decided), DEFAULTS, minute(60)) == found
    assert (
        monitoring.pressure_before_dose(session(*readings, too_early), DEFAULTS, minute(60))
        == Pressure.DECISION_DUE
    )


def test_dose_on_a_raised_pressure_without_a_decision_is_kept_and_flagged() -> None:
    given = session(pressure(0, 150, 95), dose(20))

    assert given.is_dosed
    assert Flag.DOSE_WITHOUT_DECISION in dict(flags.of_session(given, DEFAULTS, minute(30)))


def test_clinic_sets_its_own_limit_of_pressure() -> None:
    strict = replace(DEFAULTS, pre_dose_systolic=130)

    assert (
        monitoring.pressure_before_dose(session(pressure(0, 135, 80)), strict, minute(5))
        == Pressure.RECHECK_DUE
    )


@pytest.mark.parametrize(
    ("name", "value"), [("pre_dose_systolic", 161), ("crisis_diastolic", 99), ("capacity_hours", 1)]
)
def test_limit_beyond_its_bounds_is_refused(name: str, value: int) -> None:
    with pytest.raises(limits.OutOfBounds) as refused:
        limits.check(replace(DEFAULTS, **{name: value}))  # type: ignore[arg-type]

    assert refused.value.name == name


def test_no_clinic_observes_esketamine_for_less_than_two_hours() -> None:
    esketamine = Route.NASAL_ESKETAMINE
    with pytest.raises(limits.OutOfBounds):
        limits.check(replace(DEFAULTS, observation_minutes={esketamine: 90}))

    assert replace(DEFAULTS, observation_minutes={esketamine: 90}).observation(esketamine) == 120


# Times of observation ---------------------------------------------------------------------------------------------


def due(given: Any, at: float) -> list[tuple[Point, float, DueStatus]]:
    rows = monitoring.observations_due(given, DEFAULTS, minute(at))
    return [(row.point, (row.due_at - minute(0)).total_seconds() / 60, row.status) for row in rows]


def test_observations_of_esketamine_are_due_at_40_90_and_120_minutes() -> None:
    given = session(pressure(0), dose(5, 2.0, "device"), pressure(43), route="nasal_esketamine")

    assert due(given, 96) == [
        (Point.BEFORE_DOSE, 5, DueStatus.DONE),
        (Point.AFTER_DOSE, 45, DueStatus.DONE),
        (Point.AFTER_DOSE, 95, DueStatus.DUE),
        (Point.BEFORE_DISCHARGE, 125, DueStatus.PLANNED),
    ]


def test_observation_that_was_not_entered_is_overdue_and_then_missed() -> None:
    given = session(pressure(0), dose(5), route="im")

    assert due(given, 26)[1] == (Point.AFTER_DOSE, 20, DueStatus.OVERDUE)
    assert due(given, 36)[1] == (Point.AFTER_DOSE, 20, DueStatus.MISSED)


def test_second_dose_begins_the_series_anew() -> None:
    given = session(pressure(0), dose(5), dose(25, name="second"), route="im")

    assert [row[1] for row in due(given, 26)] == [5, 20, 40, 55, 85, 115]


def test_vital_signs_are_due_every_15_minutes_during_an_infusion_and_after_its_end() -> None:
    running = [
        pressure(0),
        event("infusion", 5, change="start", rate=30.0, rate_unit="mg_per_h"),
    ]

    assert [row[1] for row in due(session(*running, minutes=45), 10)] == [5, 20, 35]
    stopped = session(*running, event("infusion", 45, change="stop"), minutes=45)
    assert [row[1] for row in due(stopped, 46)] == [5, 20, 35, 45, 60, 75]


def test_session_at_home_is_to_be_closed_four_hours_after_its_last_dose() -> None:
    given = session(dose(0, 200.0), route="troche", setting="home")

    assert due(given, 250)[-1] == (Point.CLOSE, 240, DueStatus.OVERDUE)


# Discharge --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("left_at", "missing"),
    [(110, (Missing.TOO_EARLY,)), (119.9, (Missing.TOO_EARLY,)), (120, ()), (130, ())],
)
def test_discharge_after_esketamine_takes_two_hours(left_at: float, missing: tuple[Missing, ...]) -> None:
    given = session(pressure(-5), dose(0, 2.0, "device"), *calm(109), route="nasal_esketamine")

    ready = discharge.readiness(given, DEFAULTS, minute(left_at))

    assert ready.missing == missing
    assert ready.is_ready is (not missing)
    assert ready.earliest_at == minute(120)


@pytest.mark.parametrize(
    ("instead", "missing"),
    [
        (pressure(101, 165, 85), Missing.PRESSURE_RAISED),
        (pressure(101, 120, 80, spo2=93), Missing.OXYGEN_LOW),
        (event("dissociation", 101, answers=[1, 1, 0, 0, 0]), Missing.DISSOCIATION_RAISED),
        (event("sedation", 101, moaas=3), Missing.SEDATED),
        (event("checklist", 101, item="walks_steadily", is_met=False), Missing.NOT_STEADY),
        (event("escort", 101, escort="arranged"), Missing.NO_ESCORT),
        (event("adverse_event", 101, effect="chest_pain", severity=3), Missing.ADVERSE_EVENT_OPEN),
        (event("infusion", 101, change="start", rate=5.0, rate_unit="mg_per_h"), Missing.INFUSION_RUNS),
    ],
)
def test_discharge_is_refused_for_what_is_not_yet_as_before(instead: Any, missing: Missing) -> None:
    given = session(pressure(-5), dose(0), *calm(100), instead)

    assert missing in discharge.readiness(given, DEFAULTS, minute(120)).missing


@pytest.mark.parametrize(
    ("kind", "missing"),
    [
        ("vitals", Missing.PRESSURE_MISSING),
        ("dissociation", Missing.DISSOCIATION_MISSING),
        ("sedation", Missing.SEDATION_MISSING),
        ("escort", Missing.NO_ESCORT),
    ],
)
def test_discharge_is_refused_for_what_was_not_looked_at(kind: str, missing: Missing) -> None:
    given = session(pressure(-5), dose(0), *(each for each in calm(100) if each.kind != kind))

    assert discharge.readiness(given, DEFAULTS, minute(120)).missing == (missing,)


def test_dissociation_counts_against_what_it_was_before_the_dose() -> None:
    before = event("dissociation", -5, answers=[1, 1, 0, 0, 0])
    after = event("dissociation", 101, answers=[1, 1, 1, 0, 0])

    assert discharge.readiness(
        session(pressure(-5), before, dose(0), *calm(100), after), DEFAULTS, minute(120)
    ).is_ready


def test_pressure_that_was_raised_before_the_dose_need_not_be_lower_after_it() -> None:
    decision = event("pressure_decision", -3, decision="proceed", text="Usual for her.")
    after = pressure(101, 165, 95)

    given = session(pressure(-5, 150, 92), decision, dose(0), *calm(100), after)

    assert discharge.readiness(given, DEFAULTS, minute(120)).is_ready


# State ------------------------------------------------------------------------------------------------------------


def test_session_goes_from_planned_to_completed() -> None:
    steps: list[tuple[Any, State]] = [
        (plan("im"), State.PLANNED),
        (event("check_in", -10), State.CHECKED_IN),
        (event("start", 0), State.RUNNING),
        (dose(5), State.RUNNING),
        (event("complete", 120), State.COMPLETED),
        (event("reopen", 130, text="A dose was forgotten."), State.RUNNING),
    ]
    for number, (_, state) in enumerate(steps):
        assert derive([entry(each) for each, _ in steps[: number + 1]]).state == state


def weighed() -> Any:
    return event("weight", 0, weight_kg=80.0, measured_on="2026-03-02")


def closed() -> Any:
    return event("complete", 100, discharge="not_monitored", text="-")


@pytest.mark.parametrize(
    ("before", "then", "code"),
    [
        ([dose(0), closed()], event("complete", 101), "session_already_closed"),
        ([], event("complete", 10), "session_without_dose"),
        ([event("start", 0)], event("complete", 10), "session_without_dose"),
        ([dose(50)], event("complete", 40, discharge="not_monitored", text="-"), "ends_before_start"),
        ([dose(0)], event("cancel", 10, cause="patient_choice"), "session_dosed"),
        ([event("start", 0)], event("miss", 10), "session_not_planned"),
        ([], event("reopen", 10, text="-"), "session_not_closed"),
        ([dose(0), *calm(10)], event("complete", 12), "discharge_not_ready"),
        ([], dose(-2 * 24 * 60 - 1), "far_from_session"),
        ([], dose(7 * 24 * 60 + 121), "far_from_session"),
        ([], event("infusion", -9999, change="start"), "far_from_session"),
        ([], event("dose", 0, amount=5000.0, unit="mg_per_kg", name="much"), ""),
        ([weighed()], event("dose", 5, amount=126.0, unit="mg_per_kg"), "out_of_range"),
        ([weighed()], event("infusion", 5, change="start", rate=63.0, rate_unit="mg_per_kg_per_h"), "out_of_range"),
    ],
)  # fmt: skip
def test_change_of_state_that_cannot_be_is_refused(before: list[Any], then: Any, code: str) -> None:
    refused = acceptance.refusal(session(*before), then, DEFAULTS, occurred_at=then.at, is_patient=False)

    assert (refused.code if refused else "") == code


def refused_in_time(*before: Any, then: Any, route: str = "iv_infusion") -> str:
    """The code by which an event contradicts those before it; empty if it does not."""
    found = acceptance.contradiction(session(*before, route=route), session(*before, then, route=route), then)
    return found.code if found else ""


def test_correction_that_makes_a_session_end_before_it_began_is_a_contradiction() -> None:
    first = dose(0)
    later = event("dose", 110, amount=40.0, unit="mg", replaces=str(first.id))

    assert refused_in_time(first, closed(), then=later) == "ends_before_start"


def rate(at: float, change: str = "start", **fields: Any) -> Any:
    return event("infusion", at, change=change, **fields)


PER_H: dict[str, Any] = {"rate": 20.0, "rate_unit": "mg_per_h"}


@pytest.mark.parametrize(
    ("before", "then", "code"),
    [
        ([], rate(10, "stop"), "no_infusion"),
        ([rate(10)], rate(20), "infusion_runs"),
        # Two tablets start one infusion, and the earlier start arrives after its end.
        ([rate(10), rate(50, "stop")], rate(8), "infusion_runs"),
        ([rate(10), rate(50, "stop")], rate(60, "rate", **PER_H), "no_infusion"),
        # A change of rate that a tablet kept while it was offline.
        ([rate(10, **PER_H), rate(50, "stop")], rate(30, "rate", **PER_H), ""),
        ([rate(10), rate(50, "stop")], rate(60), ""),
    ],
)
def test_event_of_an_infusion_is_held_against_the_others_at_its_own_time(
    before: list[Any], then: Any, code: str
) -> None:
    assert refused_in_time(*before, then=then) == code


@pytest.mark.parametrize(
    ("given", "mg"),
    [
        ([rate(0, **PER_H), rate(60, "stop"), rate(70), rate(90, "stop")], None),
        ([dose(0, 10.0), rate(5), rate(45, "stop")], None),
        ([rate(0), rate(30, "rate", **PER_H), rate(60, "stop")], None),
        (
            [
                rate(0),
                rate(60, "stop"),
                dose(60, 25.0, given_as="infusion"),
                rate(70, **PER_H),
                rate(130, "stop"),
            ],
            45,
        ),
        ([dose(0, 10.0), rate(5, **PER_H), rate(65, "stop")], 30),
        ([dose(0, 40.0, given_as="infusion"), rate(1), rate(41, "stop")], 40),
    ],
)
def test_mg_of_infusions_add_up_or_are_not_known(given: list[Any], mg: int | None) -> None:
    state = session(*given)

    assert state.total_mg(minute(200)) == mg
    is_flagged = Flag.INFUSION_WITHOUT_AMOUNT in dict(flags.of_session(state, DEFAULTS, minute(200)))
    assert is_flagged is (mg is None)


@pytest.mark.parametrize(
    "looked_at",
    [
        # A minute after the dose and never again; at the instant of the dose; before it.
        1, 0, -5,
    ],
)  # fmt: skip
def test_discharge_takes_a_look_at_the_patient_as_they_are_now(looked_at: float) -> None:
    given = session(pressure(-6), dose(0, 2.0, "device"), *calm(looked_at), route="nasal_esketamine")

    missing = discharge.readiness(given, DEFAULTS, minute(121)).missing

    assert {Missing.PRESSURE_MISSING, Missing.DISSOCIATION_MISSING, Missing.SEDATION_MISSING} <= {*missing}
    assert Missing.NOT_STEADY in missing


def test_discharge_waits_for_a_serious_adverse_event_whatever_its_severity() -> None:
    given = session(
        pressure(-5),
        dose(0),
        *calm(100),
        event("adverse_event", 50, effect="nausea", severity=2, serious=True),
    )

    assert discharge.readiness(given, DEFAULTS, minute(120)).missing == (Missing.ADVERSE_EVENT_OPEN,)


def test_pressure_of_a_crisis_stops_discharge_whatever_it_was_before() -> None:
    given = session(pressure(-5, 178, 100), dose(0), *calm(100), pressure(110, 182, 100))

    assert Missing.PRESSURE_RAISED in discharge.readiness(given, DEFAULTS, minute(120)).missing


@pytest.mark.parametrize(
    "crossed",
    [
        {"pre_dose_systolic": 160, "crisis_systolic": 160},
        {"pre_dose_diastolic": 100, "crisis_diastolic": 100},
        {"spo2_prompt": 90, "spo2_emergency": 90},
    ],
)
def test_limits_that_cross_each_other_are_refused(crossed: dict[str, int]) -> None:
    with pytest.raises(limits.OutOfBounds):
        limits.check(replace(DEFAULTS, **crossed))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"route": "iv_infusion"}, "unit_not_for_route"),
        ({"route": "nasal_esketamine", "setting": "home"}, "session_dosed"),
        ({"route": "nasal_esketamine", "setting": "home", "text": "It was at home."}, "session_dosed"),
        ({"route": "nasal_esketamine", "minutes": 90}, ""),
    ],
)
def test_plan_of_a_dosed_session_changes_neither_product_nor_place(fields: dict[str, Any], code: str) -> None:
    again = event("plan", 5, starts_at="2026-03-02T10:00:00Z", **fields)
    found = acceptance.refusal(
        session(dose(0, 56.0), route="nasal_esketamine"),
        again,
        DEFAULTS,
        occurred_at=again.at,
        is_patient=False,
    )

    assert (found.code if found else "") == code


def test_dose_that_arrives_after_the_patient_was_found_ready_is_flagged() -> None:
    parts = [plan("im"), pressure(-5), dose(0), *calm(100), event("complete", 105)]
    late = entry(dose(85, 10.0, name="late"), received=130)

    given = derive([*(entry(each) for each in parts), late])

    assert Flag.DOSE_AFTER_READINESS in dict(flags.of_session(given, DEFAULTS, minute(140)))


def test_dose_into_a_session_entered_in_error_is_refused() -> None:
    given = session(event("cancel", 5, cause="entered_in_error"))
    found = acceptance.refusal(given, dose(6), DEFAULTS, occurred_at=minute(6), is_patient=False)

    assert found is not None
    assert found.code == "session_in_error"


def test_retracting_a_wrong_correction_lets_the_first_dose_count_again() -> None:
    first = dose(0, 40.0)
    wrong = event("dose", 1, amount=400.0, unit="mg", replaces=str(first.id))
    given = session(first, wrong, event("retract", 2, target=str(wrong.id), text="A slip."))

    assert given.total_mg(minute(60)) == 40


def test_infusion_that_nobody_stops_is_not_looked_after_without_end() -> None:
    given = session(pressure(-5), rate(0, **PER_H))

    assert len(monitoring.observations_due(given, DEFAULTS, minute(60 * 24 * 400))) < 100


def test_patient_who_leaves_against_advice_is_recorded_so() -> None:
    leaves = event("complete", 20, discharge="against_advice", text="Wanted to go home.")

    assert (
        acceptance.refusal(session(dose(0)), leaves, DEFAULTS, occurred_at=leaves.at, is_patient=False)
        is None
    )
    assert Flag.LEFT_AGAINST_ADVICE in dict(flags.of_session(session(dose(0), leaves), DEFAULTS, minute(30)))


def test_observation_that_arrives_after_the_closing_is_kept() -> None:
    late = pressure(30)
    closing = event("complete", 100, discharge="not_monitored", text="-")

    assert (
        acceptance.refusal(session(dose(0), closing), late, DEFAULTS, occurred_at=late.at, is_patient=False)
        is None
    )


def test_dose_brings_a_cancelled_session_back() -> None:
    given = session(event("cancel", 5, cause="clinic"), dose(6), route="im")

    assert given.state == State.RUNNING


def test_session_entered_in_error_does_not_count_whatever_was_said_of_it() -> None:
    given = session(
        dose(0), event("complete", 100, discharge="not_monitored", text="-"),
        event("cancel", 110, cause="entered_in_error"),
    )  # fmt: skip

    assert (given.state, given.counts) == (State.CANCELLED, False)


# The esketamine form ----------------------------------------------------------------------------------------------


def whole_form() -> list[Any]:
    return [
        pressure(-5),
        event("staff", -5, staff_member="0196f0a1-0000-7000-8000-0000000000bb", staff_role="prescriber"),
        *(event("checklist", -4, name=item, item=item, is_met=False) for item in (
            "took_benzodiazepine", "took_other_cns_depressant", "took_psychostimulant", "took_maoi",
        )),
        dose(0, 2.0, "device"), pressure(40), event("dissociation", 40, answers=[1, 2, 1, 0, 0]),
        event("sedation", 40, moaas=4), *calm(121), event("complete", 122),
    ]  # fmt: skip


def test_esketamine_form_of_a_whole_session_lacks_nothing_and_is_due_in_seven_days() -> None:
    form = esketamine_form.monitoring_form(session(*whole_form(), route="nasal_esketamine"))

    assert form is not None
    assert form.missing == ()
    assert form.due_at == minute(7 * 24 * 60)


@pytest.mark.parametrize(
    ("without", "missing"),
    [
        (("vitals", 40), esketamine_form.FormField.PRESSURE_AT_40),
        (("vitals", -5), esketamine_form.FormField.PRESSURE_BEFORE),
        (("staff", -5), esketamine_form.FormField.SUPERVISED_BY),
    ],
)
def test_esketamine_form_says_what_it_lacks(without: tuple[str, float], missing: Any) -> None:
    kept = [each for each in whole_form() if (each.kind, each.at) != (without[0], minute(without[1]))]
    form = esketamine_form.monitoring_form(session(*kept, route="nasal_esketamine"))

    assert form is not None
    assert form.missing == (missing,)


def test_esketamine_form_lacks_two_hours_of_observation_at_one_hour_fifty() -> None:
    events_ = [each for each in whole_form() if each.kind != "complete"]
    left = event("complete", 110, discharge="against_advice", text="-")
    form = esketamine_form.monitoring_form(session(*events_, left, route="nasal_esketamine"))

    assert form is not None
    assert esketamine_form.FormField.OBSERVED_TWO_HOURS in form.missing


# What is sent -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "fields", "where"),
    [
        ("weight", {"weight_kg": 700.0, "measured_on": "2026-03-01"}, "weight_kg"),
        ("vitals", {"systolic": 80, "diastolic": 120}, ""),
        ("vitals", {"systolic": 310, "diastolic": 120}, "systolic"),
        ("vitals", {}, ""),
        ("dose", {"amount": 0.0, "unit": "mg"}, "amount"),
        ("dose", {"amount": 10.0, "unit": "spray"}, ""),
        ("dissociation", {"answers": [0, 0, 0, 0]}, "answers"),
        ("dissociation", {"scale": "cadss", "answers": [0, 0, 0, 0, 0]}, ""),
        ("dissociation", {"scale": "cadss_6", "total": 25}, ""),
        ("adverse_event", {"effect": "hiccups", "severity": 1}, "effect"),
        ("note", {}, ""),
        ("retract", {"target": "0196f0a1-0000-7000-8000-0000000000bb"}, ""),
        ("plan", {"starts_at": "2026-03-02T10:00:00Z", "route": "im", "minutes": 0}, "minutes"),
    ],
)
def test_event_that_cannot_be_is_refused_by_its_field(kind: str, fields: dict[str, Any], where: str) -> None:
    with pytest.raises(ValidationError) as refused:
        event(kind, 0, **fields)

    assert any(where in error["loc"] or not where for error in refused.value.errors())


# What a look at one instant must not let pass ---------------------------------------------------------------------


def test_low_saturation_stays_low_until_it_is_measured_again() -> None:
    low = event("vitals", 70, spo2=82)
    calm_ = [each for each in calm(99) if each.kind != "vitals"]
    given = session(pressure(-5), dose(0), low, *calm_, pressure(99))

    assert discharge.readiness(given, DEFAULTS, minute(101)).missing == (Missing.OXYGEN_LOW,)


@pytest.mark.parametrize(("diastolic", "is_ready"), [(98, True), (99, False)])
def test_diastolic_pressure_at_discharge_is_within_half_of_what_the_systolic_may_be_above(
    diastolic: int, is_ready: bool
) -> None:
    given = session(pressure(-5, 138, 88), dose(0), *calm(100), pressure(101, 150, diastolic))

    assert discharge.readiness(given, DEFAULTS, minute(120)).is_ready is is_ready


def test_severe_event_that_ends_later_is_open_at_discharge() -> None:
    began = event("adverse_event", 50, effect="chest_pain", severity=3)
    given = session(
        pressure(-5), dose(0), began, *calm(100), event("adverse_event_end", 300, target=str(began.id))
    )

    assert Missing.ADVERSE_EVENT_OPEN in discharge.readiness(given, DEFAULTS, minute(120)).missing
    assert Missing.ADVERSE_EVENT_OPEN not in discharge.readiness(given, DEFAULTS, minute(301)).missing


def test_adverse_event_that_was_corrected_twice_keeps_its_end() -> None:
    first = event("adverse_event", 50, effect="nausea", severity=1)
    second = event("adverse_event", 50, name="2", effect="nausea", severity=2, replaces=str(first.id))
    end = event("adverse_event_end", 60, target=str(second.id))
    third = event("adverse_event", 50, name="3", effect="nausea", severity=3, replaces=str(second.id))

    ((_, current, ended_at),) = session(dose(0), first, second, end, third).adverse_events()

    assert (current.severity, ended_at) == (3, minute(60))


def test_doses_of_later_are_not_given_yet() -> None:
    assert session(dose(0, 50.0), dose(30, 30.0), route="im").total_mg(minute(10)) == 50


@pytest.mark.parametrize(
    "then", [rate(100), event("retract", 110, target=str(rate(40, "stop").id), text="-")]
)
def test_closed_session_has_no_infusion_that_goes_on(then: Any) -> None:
    parts = [rate(0, **PER_H), rate(40, "stop"), closed()]

    assert refused_in_time(*parts, then=then) == "infusion_runs"


def test_patient_ends_no_adverse_event_of_staff() -> None:
    of_staff = event("adverse_event", 50, effect="chest_pain", severity=3)
    given = session(dose(0, 100.0), of_staff, route="troche", setting="home")
    end = event("adverse_event_end", 60, target=str(of_staff.id))

    refused = acceptance.refusal(given, end, DEFAULTS, occurred_at=end.at, is_patient=True)

    assert refused is not None
    assert refused.code == "session_staff_only"


def test_esketamine_form_takes_no_reading_from_after_the_patient_left() -> None:
    kept = [each for each in whole_form() if not (each.kind == "vitals" and each.at > minute(60))]
    left = [each for each in kept if each.kind != "complete"]
    leaves = event("complete", 122, discharge="against_advice", text="-")
    form = esketamine_form.monitoring_form(
        session(*left, leaves, pressure(30 * 60), route="nasal_esketamine")
    )

    assert form is not None
    assert esketamine_form.FormField.PRESSURE_BEFORE_LEAVING in form.missing


@pytest.mark.parametrize(("taken", "found"), [(-120, Pressure.WITHIN_LIMITS), (-121, Pressure.MISSING)])
def test_pressure_of_long_ago_is_not_the_one_before_the_dose(taken: float, found: Pressure) -> None:
    given = session(pressure(taken), dose(0))

    assert monitoring.pressure_before_dose(given, DEFAULTS, minute(0)) == found
