"""The demo's treatment sessions: every kind of event and every state, by the real actions, once."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import transaction

from tests.rls_context import as_clinic
from tracker.alerts.models import Alert
from tracker.clinics.models import Clinic, Patient
from tracker.demo import loading, people, session_events, simulate, treatment_sessions
from tracker.treatment import discharge, esketamine_form, events, flags, limits, monitoring, store
from tracker.treatment.flags import Flag
from tracker.treatment.models import SessionEvent, SessionText, TreatmentSession
from tracker.treatment.products import Route
from tracker.treatment.session_state import SessionState, State, derive

NOW = datetime(2026, 7, 20, 12, 10, tzinfo=UTC)
Loaded = dict[tuple[int, str], SessionState]


def sessions_of(who: simulate.Simulated, patient: Patient) -> Iterator[tuple[tuple[int, str], SessionState]]:
    for row in TreatmentSession.objects.filter(patient=patient):
        yield (who.number, row.local_date.isoformat()), derive(store.entries(row))


# Of whom most is recorded; of the others the sessions are as those of the sixth.
NUMBERS = (0, 3, 4, 5, 6, 9)
ALIKE = {0: {0, 10}, 3: {0}, 4: set(range(99)), 5: set(range(22)), 6: set(range(1, 99)), 9: set(range(36))}


def without_what_is_alike(number: int) -> simulate.Simulated:
    who = simulate.everybody()[number]
    some = tuple(each for each in who.trajectory.sessions if each.day not in ALIKE[number])
    return replace(who, trajectory=replace(who.trajectory, sessions=some))


def load(who: simulate.Simulated) -> Patient:
    with as_clinic(Clinic.objects.get(name=people.CLINIC).pk):
        patient = Patient.objects.get(user__email=who.email)
    treatment_sessions.load(who, loading._clinician_of(who), patient.enrolled_on, NOW)
    return patient


@pytest.fixture(scope="module")
def loaded(django_db_setup: None, django_db_blocker: Any, tmp_path_factory: Any) -> Iterator[Loaded]:
    """The sessions of those patients of whom most is recorded."""
    with django_db_blocker.unblock(), transaction.atomic():
        people.prepare(tmp_path_factory.mktemp("demo") / "sign-ins.json", NOW.date())
        found: Loaded = {}
        for who in map(without_what_is_alike, NUMBERS):
            patient = load(who)
            with as_clinic(patient.clinic_id):
                found |= dict(sessions_of(who, patient))
        yield found
        transaction.set_rollback(True)


def on(number: int, day: int) -> tuple[int, str]:
    """The key of a session by the patient's number and the day after their first one."""
    first = NOW.date() - timedelta(weeks=simulate.WEEKS) + timedelta(days=simulate.FIRST_SESSION)
    return number, (first + timedelta(days=day)).isoformat()


def test_every_kind_of_session_event_and_every_state_is_in_the_demo(loaded):
    shown = [entry.event for session in loaded.values() for entry in session.entries]

    assert {event.kind for event in shown} == set(events.KINDS)
    assert {session.state for session in loaded.values()} == set(State)
    assert {session.route for session in loaded.values()} == {
        Route.IV_INFUSION, Route.IM, Route.TROCHE, Route.NASAL_ESKETAMINE,
    }  # fmt: skip
    assert {session.discharge for session in loaded.values()} >= set(events.Discharge)
    for field, codes in (("change", events.InfusionChange), ("decision", events.PressureDecision)):
        assert {value for event in shown if (value := getattr(event, field, None))} == set(codes)


def test_who_left_as_ready_was_ready_by_the_clinic_s_rules(loaded):
    left = [
        session
        for session in loaded.values()
        if session.discharge == events.Discharge.READY and not session.is_at_home
    ]

    assert len(left) == 8
    for session in left:
        assert discharge.readiness(session, limits.DEFAULTS, session.ended_at).is_ready
        due = monitoring.observations_due(session, limits.DEFAULTS, session.ended_at)
        gaps = [each for each in due if each.status != monitoring.DueStatus.DONE]
        assert bool(gaps) == (session.route == Route.NASAL_ESKETAMINE and not _form_is_whole(session)), gaps


def _form_is_whole(session: SessionState) -> bool:
    form = esketamine_form.monitoring_form(session)
    return form is not None and form.is_complete and form.submitted_at is not None


def test_of_the_esketamine_forms_one_has_gaps_and_is_not_handed_in(loaded):
    forms = {
        key: form
        for key, session in loaded.items()
        if (form := esketamine_form.monitoring_form(session)) is not None
    }

    gaps = {key: form.missing for key, form in forms.items() if form.missing}
    assert gaps == {
        on(0, 98): (esketamine_form.FormField.PRESSURE_AT_40, esketamine_form.FormField.MEDICINES_BESIDE)
    }
    assert forms[on(0, 98)].submitted_at is None
    assert sum(form.submitted_at is not None for form in forms.values()) == 3


def test_the_same_amount_is_given_where_an_infusion_was_slowed_down(loaded):
    usual, slowed = loaded[on(0, 3)], loaded[on(0, 7)]

    assert (usual.total_mg(NOW), slowed.total_mg(NOW)) == (35, 40)
    assert [len(period.rates) for period in (*usual.infusions, *slowed.infusions)] == [1, 2]
    assert monitoring.pressure_before_dose(usual, limits.DEFAULTS, usual.first_dosed_at) == (
        monitoring.Pressure.PROCEED
    )


def test_a_second_dose_a_correction_and_a_retraction_are_kept(loaded):
    assert [float(dose.mg) for dose in loaded[on(3, 14)].doses] == [50, 25]
    corrected = loaded[on(3, 35)]
    assert (len(corrected.replaced_by), len(corrected.retracted_by)) == (1, 1)
    assert Flag.PRESSURE_CRISIS not in {flag for flag, _ in flags.of_session(corrected, limits.DEFAULTS, NOW)}


def test_sessions_at_home_are_the_patient_s_own_and_grave_signs_alert(loaded):
    home = [session for session in loaded.values() if session.is_at_home and session.is_dosed]

    assert len(home) == 4
    assert {entry.is_by_patient for session in home for entry in session.entries[1:]} == {True}
    alerts = Alert.objects.filter(rule="session_vital_signs")
    with as_clinic(Clinic.objects.get(name=people.CLINIC).pk):
        assert [alert.answered_on.isoformat() for alert in alerts] == [on(9, 42)[1]]


def test_nothing_in_the_demo_was_entered_late_or_later_than_now(loaded):
    entries = [entry for session in loaded.values() for entry in session.entries]

    assert max(entry.received_at for entry in entries) <= NOW
    assert max(entry.received_at - entry.occurred_at for entry in entries) <= timedelta(minutes=28)


def test_one_session_is_planned_for_today_and_one_at_home_for_tomorrow(loaded):
    today, tomorrow = loaded[0, "2026-07-20"], loaded[9, "2026-07-21"]

    assert (today.state, tomorrow.state, tomorrow.is_at_home) == (State.PLANNED, State.PLANNED, True)
    assert loaded[6, "2026-07-20"].infusion_runs


def test_treatment_sessions_of_the_demo_are_loaded_once(loaded):
    def counted() -> tuple[int, ...]:
        with as_clinic(Clinic.objects.get(name=people.CLINIC).pk):
            return tuple(model.objects.count() for model in (TreatmentSession, SessionEvent, SessionText))

    before = counted()
    for number in (0, 9):
        load(without_what_is_alike(number))

    assert counted() == before


def test_each_round_of_a_session_spans_less_than_half_an_hour():
    script = session_events.Script("a-session", NOW, session_events.Team(str(NOW.year), ""))
    for minute in (70, 0, 5, 28, 29):
        script.add(minute, "start")

    assert [len(sent) for sent in session_events.rounds(script)] == [3, 1, 1]
