"""Treatment sessions, discharge and readmission from a patient's page, by the team and by nobody else."""

from datetime import date, timedelta
from uuid import uuid4

import pytest
from django.test import Client

from tests import factories
from tests.dashboard.conftest import NOW, text
from tests.rls_context import as_clinic, as_user
from tracker.alerts.models import Alert
from tracker.audit.models import AuditEvent
from tracker.clinics.models import Patient
from tracker.lib import rls
from tracker.outbox.models import Message
from tracker.records.models import MeasureState
from tracker.reminders import actions as reminders
from tracker.treatment.models import TreatmentSession

SESSION = {"on": "2026-02-20", "time": "10:00", "route": "IM", "dose_mg": "42.5"}
POSITIVE: list[int | None] = [1, 1, 1, 1, 1, 1, 1, 1, 2]


def sessions(patient: Patient) -> list[tuple[date, str, float]]:
    with rls.as_patient(patient.clinic_id, patient.pk):
        rows = TreatmentSession.objects.filter(patient=patient)
        return [(row.local_date, row.route, float(row.total_mg or 0)) for row in rows]


def post(browser: Client, patient: Patient, what: str, data: dict[str, str] | None = None):
    return browser.post(f"/patients/{patient.pk}/{what}/", data or {})


def test_a_treatment_session_recorded_on_the_page_moves_the_baseline_before_it(world, ben, send):
    days = [NOW - timedelta(days=n) for n in range(2, 25)]
    send(
        world.ada, *(factories.record("daily", {"pain_avg": 7}, recorded_at=day.isoformat()) for day in days)
    )

    answer = post(ben, world.ada, "treatment-sessions", SESSION)

    assert answer.status_code == 302
    assert sessions(world.ada) == [(date(2026, 2, 20), "IM", 42.5)]
    with rls.as_patient(world.ada.clinic_id, world.ada.pk):
        state = MeasureState.objects.get(patient=world.ada, measure="daily.pain_avg")
        assert state.baseline_to
        assert state.baseline_to < date(2026, 2, 20)
    assert "intramuscular, 42.5 mg" in text(ben.get(f"/patients/{world.ada.pk}/"))


def test_the_limits_of_monitoring_are_reached_from_a_patients_sessions(world, ben):
    page = ben.get(f"/patients/{world.ada.pk}/sessions/").content.decode()

    assert 'href="/monitoring-limits/"' in page
    assert "Highest systolic before a dose" in text(ben.get("/monitoring-limits/"))


def test_a_treatment_session_that_is_sent_twice_is_recorded_once(world, ben):
    post(ben, world.ada, "treatment-sessions", SESSION)
    answer = post(ben, world.ada, "treatment-sessions", SESSION)

    assert answer.status_code == 422
    assert "There is a treatment session at that time already." in text(answer)
    assert len(sessions(world.ada)) == 1


@pytest.mark.parametrize(
    "wrong",
    [
        {"on": "2026-03-03"}, {"on": "02/03/2026"}, {"on": "9999-12-31"}, {"on": "0001-01-01"}, {"time": ""},
        {"route": "EYE"}, {"dose_mg": "-1"}, {"dose_mg": "2000.01"}, {"dose_mg": "NaN"}, {"dose_mg": "1e400"},
        {"dose_mg": ""},
    ],
)  # fmt: skip
def test_a_treatment_session_with_a_mistake_is_refused_in_a_sentence(world, ben, wrong):
    answer = post(ben, world.ada, "treatment-sessions", SESSION | wrong)

    assert answer.status_code == 422
    assert "Not recorded." in text(answer)
    assert sessions(world.ada) == []


def test_past_session_of_another_route_at_the_same_time_is_refused_in_a_sentence(world, ben):
    post(ben, world.ada, "treatment-sessions", SESSION)
    answer = post(ben, world.ada, "treatment-sessions", SESSION | {"route": "SC"})

    assert answer.status_code == 422
    assert "There is a treatment session at that time already." in text(answer)
    assert sessions(world.ada) == [(date(2026, 2, 20), "IM", 42.5)]


def test_past_session_while_another_is_in_progress_is_refused_in_a_sentence(world, ben):
    plan = {"on": "2026-03-02", "time": "20:00", "minutes": "60", "route": "IM", "setting": "CLINIC"}
    page = post(ben, world.ada, "sessions/plan", plan)["Location"]
    ben.post(f"{page}events/", {"id": str(uuid4()), "kind": "check_in"})

    answer = post(ben, world.ada, "treatment-sessions", SESSION)

    assert answer.status_code == 422
    assert "Another session of the patient is in progress: close it first." in text(answer)
    assert len(sessions(world.ada)) == 1


def test_a_stranger_to_the_patient_records_no_treatment_session_and_discharges_nobody(world, cleo):
    assert post(cleo, world.ada, "treatment-sessions", SESSION).status_code == 404
    assert post(cleo, world.ada, "discharge").status_code == 404
    assert sessions(world.ada) == []


def test_a_discharged_patient_leaves_the_caseload_and_is_found_among_the_discharged(world, ben, cleo):
    assert post(ben, world.ada, "discharge").status_code == 302
    assert post(ben, world.ada, "discharge").status_code == 302

    assert "Ada" not in text(ben.get("/"))
    assert "Ada" in text(ben.get("/patients/discharged/"))
    assert "Ada" not in text(cleo.get("/patients/discharged/"))
    assert "Discharged 2 Mar 2026" in text(ben.get(f"/patients/{world.ada.pk}/"))
    with as_clinic(world.clinic.pk):
        assert AuditEvent.objects.filter(action="patient.discharge", patient=world.ada.pk).count() == 1


def test_a_readmitted_patient_is_on_the_caseload_again(world, ben):
    post(ben, world.ada, "discharge")
    post(ben, world.ada, "readmit")

    assert "Ada" in text(ben.get("/"))
    assert "Ada" not in text(ben.get("/patients/discharged/"))


def test_a_discharged_patients_entries_are_taken_and_still_raise_alerts(world, ben, send):
    post(ben, world.ada, "discharge")

    send(world.ada, factories.phq9(POSITIVE, recorded_at=NOW.isoformat()))

    with as_clinic(world.clinic.pk):
        assert Alert.objects.open().filter(patient=world.ada).count() == 1


def test_a_discharged_patient_gets_no_reminder(world, ben):
    with as_user(world.ben, NOW) as principal:
        reminders.plan_check_in(
            principal=principal, patient=world.ada, starts_at=NOW + timedelta(days=1), minutes=20, at=NOW
        )
    post(ben, world.ada, "discharge")

    assert reminders.plan_reminders(at=NOW + timedelta(hours=12)) == 0
    with as_clinic(world.clinic.pk):
        assert not Message.objects.filter(words="check-in", recipient=world.ada.user).exists()
