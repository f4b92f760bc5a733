"""The caller."""

from uuid import UUID

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from pydantic import BaseModel
from rest_framework.request import Request
from rest_framework.response import Response

from tracker.access.policy import Action
from tracker.api import guidance
from tracker.api.schemas import Guidance, UserRole
from tracker.api.views.base import ClinicalAPIView, principal_of
from tracker.api.views.check_ins import CheckInOut, upcoming
from tracker.clinics.models import Clinic
from tracker.lib import codes
from tracker.outbox.models import Message


class ClinicOut(BaseModel):
    name: str
    time_zone: str


class MeOut(BaseModel):
    """Who is signed in, and what a phone shows first. ``crisis`` is for offline use too."""

    id: UUID
    role: UserRole
    name: str
    patient: UUID | None
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
                "time_zone": principal.time_zone,
                "clinic": {"name": clinic.name, "time_zone": clinic.time_zone},
                "crisis": {"crisis_text": clinic.crisis_text, "disclaimer": guidance.NOT_WATCHED},
                "unread_messages": unread,
                "check_ins": upcoming(principal, timezone.now()) if principal.is_patient else [],
            }
        )
