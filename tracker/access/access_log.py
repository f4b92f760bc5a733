"""The access log: who saw a patient, in words for the patient and the privacy officer."""

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from django.db.models import Q

from tracker.access.models import Caregiver
from tracker.access.principal import Principal
from tracker.audit.models import AuditEvent
from tracker.clinics.models import Role, StaffMember


@dataclass(frozen=True, slots=True)
class AccessLogEntry:
    """One event as the patient, or the privacy officer, reads it."""

    event: AuditEvent
    name: str
    role: str
    break_glass: bool


def entries(
    principal: Principal, *, patient_id: UUID | None, own: bool, before: int | None, limit: int
) -> list[AccessLogEntry]:
    """
    Return events, newest first: those about one patient, or for a privacy officer all of the clinic.

    Without ``own`` what the patient did is left out. Row security lets a patient read only events about
    herself, whatever is asked for here.
    """
    events = AuditEvent.objects.filter(clinic_id=principal.clinic_id)
    if patient_id is not None:
        events = events.filter(Q(patient=patient_id) | Q(patients__contains=[patient_id]))
    if not own:
        events = events.exclude(actor=principal.actor)
    if before is not None:
        events = events.filter(pk__lt=before)
    page = list(events.order_by("-pk")[:limit])
    known = _names({event.actor for event in page}, principal)
    return [_entry(event, *known.get(event.actor, (event.actor, "SYSTEM"))) for event in page]


def _entry(event: AuditEvent, name: str, role: str) -> AccessLogEntry:
    return AccessLogEntry(event, name, role, bool(event.detail.get("break_glass")))


def _names(actors: Iterable[str], principal: Principal) -> dict[str, tuple[str, str]]:
    """Return actor -> (name, role), as far as the principal may know them."""
    ids = [actor.removeprefix("user/") for actor in actors if actor.startswith("user/")]
    named = {f"user/{one}": ("somebody", "UNKNOWN") for one in ids}
    named[principal.actor] = (principal.name, principal.role)
    for user_id, name in Caregiver.objects.filter(user_id__in=ids).values_list("user_id", "name"):
        named[f"user/{user_id}"] = (name, "CAREGIVER")
    staff = StaffMember.objects.filter(user_id__in=ids).values_list("user_id", "name", "role")
    for user_id, name, role in staff:
        named[f"user/{user_id}"] = (name, Role(role).value)
    return named
