"""Planning telehealth check-ins, and their reminders."""

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from uuid import UUID

from django.db import IntegrityError, transaction

from tracker.access.principal import Principal
from tracker.audit import actions as audit
from tracker.clinics import patient_lock
from tracker.clinics.errors import NotFoundOrHidden
from tracker.clinics.models import Clinic, Patient, StaffMember
from tracker.lib import days, logs, rls
from tracker.outbox import actions as outbox
from tracker.records.models import DosingPeriod
from tracker.reminders import timing
from tracker.reminders.models import CheckIn

log = logs.get(__name__)
LOOKAHEAD = timedelta(days=3)
# No zone's rules move an hour by more.
_LARGEST_SHIFT = timedelta(days=1)


class InThePastError(Exception):
    """A check-in cannot be planned for a time that has passed."""


class AlreadyPlannedError(Exception):
    """The patient has another check-in in that span."""


class ClinicianBusyError(Exception):
    """The clinician has another check-in in that span, with whomever."""


_OVERLAPS = {
    "check_in_patient_is_free": AlreadyPlannedError,
    "check_in_clinician_is_free": ClinicianBusyError,
}


def plan_check_in(
    *, principal: Principal, patient: Patient, starts_at: datetime, minutes: int, at: datetime
) -> CheckIn:
    """
    Plan a telehealth check-in of ``minutes`` (5 to 240) and tell the patient.

    :raises InThePastError: if ``starts_at`` has passed.
    :raises AlreadyPlannedError: if the patient has another check-in in that span.
    :raises ClinicianBusyError: if the clinician has another one, with whomever.
    """
    if starts_at <= at:
        raise InThePastError
    assert principal.staff_id is not None
    _lock_calendars(patient, principal.staff_id)
    wall_clock = days.local(starts_at, patient.time_zone)
    with _refusing_overlaps():
        check_in = CheckIn.objects.create(
            clinic_id=patient.clinic_id,
            patient=patient,
            staff_member_id=principal.staff_id,
            starts_at=starts_at,
            time_zone=patient.time_zone,
            local_date=wall_clock.date(),
            local_time=wall_clock.time(),
            zone_rules=days.RULES,
            minutes=minutes,
            planned_at=at,
        )
    _notify(check_in, patient, words="check-in-planned", due_at=at)
    _audit(principal, check_in, "check_in.plan", at)
    return check_in


def _lock_calendars(patient: Patient, staff_id: UUID) -> None:
    """Plan one check-in after the other: of two at once each would wait for the other's constraint."""
    patient_lock.lock(patient.clinic_id, patient.pk)
    with rls.as_clinic(patient.clinic_id):
        list(StaffMember.objects.select_for_update(no_key=True).filter(pk=staff_id).values_list("pk"))


@contextmanager
def _refusing_overlaps() -> Iterator[None]:
    """
    Write a check-in in a savepoint.

    :raises AlreadyPlannedError, ClinicianBusyError: by the constraint that refuses it.
    """
    try:
        with transaction.atomic():
            yield
    except IntegrityError as problem:
        for constraint, overlap in _OVERLAPS.items():
            if constraint in str(problem):
                raise overlap from None
        raise


def cancel_check_in(
    *, principal: Principal, check_in_id: UUID, at: datetime, patient_id: UUID | None = None
) -> None:
    """
    Cancel a check-in, take back its reminder and tell the patient. Cancelling twice changes nothing.

    ``patient_id`` is whose it is said to be, where that is said.

    :raises NotFoundOrHidden: if there is no such check-in for this principal.
    """
    check_in = CheckIn.objects.filter(pk=check_in_id, patient_id__in=principal.caseload).first()
    if check_in is None or patient_id not in (None, check_in.patient_id):
        raise NotFoundOrHidden
    changed = CheckIn.objects.planned().filter(pk=check_in_id).update(cancelled_at=at)
    if changed:
        patient = Patient.objects.get(pk=check_in.patient_id)
        outbox.cancel(clinic_id=check_in.clinic_id, subject=str(check_in), at=at)
        _notify(check_in, patient, words="check-in-cancelled", due_at=at)
        _audit(principal, check_in, "check_in.cancel", at)


def plan_reminders(*, at: datetime) -> int:
    """
    Put the reminders that fall due into the outbox; return how many are new.

    A reminder is planned when it is due, by the zone the patient lives in then, and once: its key is
    the check-in, so a second run of beat, a restart or a zone change never sends a second one. One that falls into the
    hours after a dose waits until they are over.
    """
    return sum(_plan_clinic(clinic_id, at) for clinic_id in list(Clinic.objects.values_list("pk", flat=True)))


@transaction.atomic
def _plan_clinic(clinic_id: UUID, at: datetime) -> int:
    planned = 0
    with rls.as_clinic(clinic_id):
        _apply_zone_rules(clinic_id, at)
        coming = CheckIn.objects.upcoming(at).filter(
            clinic_id=clinic_id, starts_at__lte=at + LOOKAHEAD, patient__discharged_on__isnull=True
        )
        # Locked, so that a check-in is not cancelled between our look at it and the reminder. One that is
        # being cancelled, or is in a colleague's hands, is looked at again at the next run.
        locked = coming.select_for_update(skip_locked=True, of=("self",))
        check_ins = list(locked.select_related("patient").order_by("starts_at", "id"))
        guards = _guards(clinic_id, {check_in.patient_id for check_in in check_ins}, at)
        for check_in in check_ins:
            due = _remind_at(check_in, guards.get(check_in.patient_id, ()), at)
            if due is not None and timing.is_due(due, at):
                planned += _notify(
                    check_in, check_in.patient, words="check-in", due_at=due, expires_at=due + timing.LATEST
                )
    return planned


def _guards(
    clinic_id: UUID, patients: Collection[UUID], at: datetime
) -> dict[UUID, list[tuple[datetime, datetime]]]:
    """The capacity guards of patients that a reminder may still have to wait for."""
    rows = DosingPeriod.objects.filter(
        clinic_id=clinic_id, patient_id__in=patients, capacity_ends_at__gt=at - LOOKAHEAD
    )
    found: dict[UUID, list[tuple[datetime, datetime]]] = {}
    for patient_id, *span in rows.values_list("patient_id", "dosed_at", "capacity_ends_at"):
        found.setdefault(patient_id, []).append((span[0], span[1]))
    return found


def _remind_at(
    check_in: CheckIn, guards: Collection[tuple[datetime, datetime]], at: datetime
) -> datetime | None:
    """When to remind of a check-in; that a reminder which had fallen due has to wait is written down."""
    zone_name = check_in.patient.time_zone
    first = timing.remind_at(check_in.starts_at, zone_name, check_in.planned_at)
    due = first if check_in.reminder_moved_to is None or first is None else check_in.reminder_moved_to
    if due is None or due > at:
        return due
    moved = timing.after_guards(due, check_in.starts_at, zone_name, guards)
    if moved != due:
        CheckIn.objects.filter(pk=check_in.pk).update(reminder_moved_to=moved)
    return moved


def _apply_zone_rules(clinic_id: UUID, at: datetime) -> None:
    """
    Keep the check-ins to come at the hour that they were planned for, where a zone's rules have changed since.

    Only towards later rules: two servers of different age do not undo each other's work.
    """
    outdated = CheckIn.objects.upcoming(at - _LARGEST_SHIFT).filter(
        clinic_id=clinic_id, zone_rules__lt=days.RULES, time_zone__in=days.names()
    )
    moves: list[tuple[CheckIn, datetime]] = []
    for check_in in outdated.select_for_update(skip_locked=True).order_by("starts_at", "id"):
        wall_clock = datetime.combine(check_in.local_date, check_in.local_time)
        # Of an hour that comes twice the one that was meant stays.
        if days.local(check_in.starts_at, check_in.time_zone).replace(tzinfo=None) == wall_clock:
            CheckIn.objects.filter(pk=check_in.pk).update(zone_rules=days.RULES)
        else:
            starts_at = days.instant(check_in.local_date, check_in.local_time, check_in.time_zone)
            moves.append((check_in, starts_at))
    _move_all(moves, at)


def _move_all(moves: Sequence[tuple[CheckIn, datetime]], at: datetime) -> None:
    """Move each; one that another is in the way of once more when that one has moved, as in a row without a gap."""
    waiting = list(moves)
    while waiting:
        left = [
            (check_in, starts_at) for check_in, starts_at in waiting if not _move(check_in, starts_at, at)
        ]
        if len(left) == len(waiting):
            log.warning(
                "check-ins not moved: others are planned then",
                clinic=str(left[0][0].clinic_id),
                count=len(left),
            )
            return
        waiting = left


def _move(check_in: CheckIn, starts_at: datetime, at: datetime) -> bool:
    """Give the check-in the instant that its wall clock is now; False while patient or clinician have another one."""
    try:
        with _refusing_overlaps():
            CheckIn.objects.filter(pk=check_in.pk).update(starts_at=starts_at, zone_rules=days.RULES)
    except (AlreadyPlannedError, ClinicianBusyError):
        return False
    audit.record_event(
        actor="system",
        action="check_in.apply_zone_rules",
        subject=str(check_in),
        clinic_id=check_in.clinic_id,
        patient_id=check_in.patient_id,
        at=at,
    )
    return True


def _notify(
    check_in: CheckIn, patient: Patient, *, words: str, due_at: datetime, expires_at: datetime | None = None
) -> int:
    return outbox.enqueue(
        clinic_id=check_in.clinic_id,
        # Who has not come in yet has no inbox.
        recipients=[patient.user_id] if patient.user_id else [],
        words=words,
        subject=str(check_in),
        key=f"{check_in}/{words}",
        due_at=due_at,
        expires_at=expires_at,
        patient_id=patient.pk,
    )


def _audit(principal: Principal, check_in: CheckIn, action: str, at: datetime) -> None:
    audit.record_event(
        actor=principal.actor,
        action=action,
        subject=str(check_in),
        clinic_id=check_in.clinic_id,
        patient_id=check_in.patient_id,
        at=at,
    )
