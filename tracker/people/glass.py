"""Breaking the glass: in an emergency a clinician opens one patient's record, for an hour, and says why."""

from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from django.db.models import QuerySet

from tracker.audit import actions as audit
from tracker.lib import sealed, walls
from tracker.people import keys, policy
from tracker.people.access import NotYoursError, Viewer
from tracker.people.models import BreakGlass, BreakGlassReason, Patient
from tracker.people.models.relations import LONGEST
from tracker.people.policy import Action


def find_patient(*, viewer: Viewer, name: str, born_on: date) -> UUID:
    """
    Return the one patient of the viewer's clinic with this name and day of birth, for ``break_glass``.

    :raises NotYoursError: if there is none, or more than one.
    """
    _require_breaking(viewer)
    with walls.clinic(viewer.clinic_id):
        found = list(
            Patient.objects.filter(
                clinic_id=viewer.clinic_id, name__iexact=name.strip(), born_on=born_on
            ).values_list("pk", flat=True)[:2]
        )
    if len(found) != 1:
        raise NotYoursError
    return found[0]


def break_glass(*, viewer: Viewer, patient_id: UUID, reason: str, at: datetime) -> BreakGlass:
    """
    Open one patient's chart to a clinician of the same clinic for 60 minutes, whatever team or consent.

    One at a time: opening a second one ends the first. It counts from the next request on. ``alerts.glass`` tells
    the patient and the privacy officers.

    :raises NotYoursError: if there is no such patient at the viewer's clinic, or the viewer is no clinician.
    """
    _require_breaking(viewer)
    assert viewer.staff_id is not None
    with walls.clinic(viewer.clinic_id):
        if not Patient.objects.filter(pk=patient_id, clinic_id=viewer.clinic_id).exists():
            raise NotYoursError
        _end(viewer, at)
        made = BreakGlass.objects.create(
            clinic_id=viewer.clinic_id, patient_id=patient_id, staff_member_id=viewer.staff_id,
            user_id=viewer.user_id, begun_at=at, ends_at=at + LONGEST,
        )  # fmt: skip
        _seal_reason(made, reason, at)
    _note_glass(viewer, made, "glass.break", at)
    return made


def end_glass(*, viewer: Viewer, at: datetime) -> int:
    """Close what the viewer holds open; return how many that were."""
    with walls.clinic(viewer.clinic_id):
        open_now = list(BreakGlass.objects.filter(user_id=viewer.user_id, ends_at__gt=at))
        _end(viewer, at)
    for made in open_now:
        _note_glass(viewer, made, "glass.end", at)
    return len(open_now)


@dataclass(frozen=True, slots=True)
class Broken:
    """One time that the glass was broken, as the privacy officer and the patient read it."""

    id: UUID
    by: str
    patient: str
    begun_at: datetime
    ends_at: datetime
    reason: str


def broken_at_clinic(*, viewer: Viewer, most: int = 50) -> list[Broken]:
    """Return each time that the glass was broken at the clinic, newest first, for its privacy officer."""
    if not policy.may(viewer.role, Action.SEE_BROKEN_GLASS):
        raise NotYoursError
    with walls.clinic(viewer.clinic_id):
        return _broken(BreakGlassReason.objects.filter(clinic_id=viewer.clinic_id), most)


def broken_for(*, viewer: Viewer, most: int = 50) -> list[Broken]:
    """Return each time that the patient's own record was opened in an emergency, newest first."""
    return _broken(BreakGlassReason.objects.filter(patient_id=viewer.own_patient_id), most)


def _broken(rows: "QuerySet[BreakGlassReason]", most: int) -> list[Broken]:
    newest = rows.select_related("glass__staff_member", "patient", "key").order_by(
        "-glass__begun_at", "glass_id"
    )
    return [
        Broken(
            id=row.glass_id,
            by=row.glass.staff_member.name,
            patient=row.patient.name,
            begun_at=row.glass.begun_at,
            ends_at=row.glass.ends_at,
            reason=reason,
        )
        for row, reason in keys.open_all(newest[:most])
    ]


def _require_breaking(viewer: Viewer) -> None:
    if not policy.may(viewer.role, Action.BREAK_GLASS):
        raise NotYoursError


def _end(viewer: Viewer, at: datetime) -> None:
    BreakGlass.objects.filter(user_id=viewer.user_id, begun_at__lte=at, ends_at__gt=at).update(ends_at=at)


def _seal_reason(made: BreakGlass, reason: str, at: datetime) -> None:
    key_id, key = keys.of_patient(made.clinic_id, made.patient_id, at)
    bound = BreakGlassReason.bound((made.pk,), made.patient_id, key_id)
    BreakGlassReason.objects.create(
        clinic_id=made.clinic_id,
        patient_id=made.patient_id,
        glass=made,
        key_id=key_id,
        sealed=sealed.seal(key, reason.encode(), bound),
    )


def _note_glass(viewer: Viewer, made: BreakGlass, action: str, at: datetime) -> None:
    audit.note(
        actor=viewer.actor,
        action=action,
        subject=str(made),
        clinic_id=made.clinic_id,
        patient_id=made.patient_id,
        at=at,
        detail={"until": made.ends_at.isoformat()},
    )
