"""What staff record of a patient: treatment sessions."""

from datetime import datetime
from decimal import Decimal

from tracker.access.principal import Principal
from tracker.clinics.models import Patient
from tracker.lib import days, rls
from tracker.records import change_counter, measure_state
from tracker.records.models import Observation, TreatmentSession


class InTheFuture(Exception):
    """A treatment session is recorded once it has begun."""


class AlreadyRecorded(Exception):
    """The patient has a treatment session at that instant already."""


def record_session(
    *,
    principal: Principal,
    patient: Patient,
    starts_at: datetime,
    route: str,
    dose_mg: Decimal,
    at: datetime,
) -> TreatmentSession:
    """
    Record a treatment session; baselines count back from the first one, so all of them are made again.

    The session is written with the rights of ``principal``. What follows from it is worked out from the whole
    record, whatever of it they may see.

    :raises InTheFuture: if ``starts_at`` is later than ``at``.
    :raises AlreadyRecorded: if a session of that instant was recorded before: a form that is sent twice.
    """
    if starts_at > at:
        raise InTheFuture
    _take_change(patient, starts_at)
    session = TreatmentSession.objects.create(
        clinic_id=patient.clinic_id,
        patient=patient,
        starts_at=starts_at,
        time_zone=patient.time_zone,
        local_date=days.local_day(starts_at, patient.time_zone),
        route=route,
        dose_mg=dose_mg,
        recorded_by_id=principal.user_id,
    )
    with rls.as_patient(patient.clinic_id, patient.pk):
        measures = Observation.objects.filter(patient=patient).values_list("measure", flat=True).distinct()
        measure_state.refresh(patient.clinic_id, patient.pk, set(measures), removed=False)
    principal.audit("session.record", str(session), patient_id=patient.pk, at=at)
    return session


def _take_change(patient: Patient, starts_at: datetime) -> None:
    """Lock the patient's changes, then look: of a form that is sent twice only one session is recorded."""
    with rls.as_patient(patient.clinic_id, patient.pk):
        change_counter.advance(patient.clinic_id, patient.pk, 0)
        if TreatmentSession.objects.filter(patient=patient, starts_at=starts_at).exists():
            raise AlreadyRecorded
        change_counter.advance(patient.clinic_id, patient.pk, 1)
