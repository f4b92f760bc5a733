"""The caller."""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from pydantic import BaseModel
from rest_framework.request import Request
from rest_framework.response import Response

from tracker.access.models import Caregiver
from tracker.access.policy import Action
from tracker.access.principal import CAREGIVER, Principal
from tracker.api import guidance
from tracker.api.consent_schemas import Named
from tracker.api.schemas import Guidance, UserRole
from tracker.api.views.base import ClinicalAPIView, principal_of
from tracker.api.views.check_ins import CheckInOut, upcoming
from tracker.clinics.models import Clinic, Patient
from tracker.lib import codes
from tracker.outbox.models import Message


class ClinicOut(BaseModel):
    name: str
    time_zone: str


class ReadableRecord(BaseModel):
    """Whose record a caregiver reads, and what of it, until ``ends_at`` (null: until the patient ends it)."""

    patient: UUID
    name: str
    categories: list[Named]
    ends_at: datetime | None


class MeOut(BaseModel):
    """
    Who is signed in, and what a phone shows first. ``crisis`` is for offline use too.

    ``caregiver_of`` is whose record a caregiver may read; null for everybody else. Who is a caregiver of several acts
    as one of them at a time (``/me/roles``).
    """

    id: UUID
    role: UserRole
    name: str
    patient: UUID | None
    caregiver_of: ReadableRecord | None
    time_zone: str
    clinic: ClinicOut
    crisis: Guidance
    unread_messages: int
    check_ins: list[CheckInOut]


class Me(ClinicalAPIView):
    """Who is signed in, their clinic, what is due next, and the crisis resources for offline use."""

    actions = {"GET": Action.SEE_SELF}

    @extend_schema(operation_id="me", summary="Who I am", responses={200: MeOut})
    def get(self, request: Request) -> Response:
        principal = principal_of(request)
        clinic = Clinic.objects.get(pk=principal.clinic_id)
        unread = Message.objects.inbox_of(principal.user_id).filter(read_at__isnull=True).count()
        return Response(
            {
                "id": principal.user_id,
                "role": codes.to_wire(principal.role),
                "name": principal.name,
                "patient": principal.patient_id,
                "caregiver_of": _readable_record(principal) if principal.role == CAREGIVER else None,
                "time_zone": principal.time_zone,
                "clinic": {"name": clinic.name, "time_zone": clinic.time_zone},
                "crisis": {"crisis_text": clinic.crisis_text, "disclaimer": guidance.disclaimer(principal)},
                "unread_messages": unread,
                "check_ins": upcoming(principal, timezone.now()) if principal.is_patient else [],
            }
        )


def _readable_record(principal: Principal) -> dict[str, Any]:
    (patient_id,) = principal.patients
    name = Patient.objects.values_list("name", flat=True).get(pk=patient_id)
    own = Caregiver.objects.active(timezone.now()).get(user_id=principal.user_id, patient_id=patient_id)
    return {
        "patient": patient_id,
        "name": name,
        "categories": codes.all_to_wire(sorted(principal.visible_categories(patient_id))),
        "ends_at": own.ends_at,
    }
