"""Who am I."""

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from tracker.access.policy import Action
from tracker.api import schemas
from tracker.api.views.base import ClinicalAPIView, only, principal_of
from tracker.api.views.check_ins import upcoming
from tracker.api.views.sync import NOT_WATCHED
from tracker.clinics.models import Clinic
from tracker.lib import codes
from tracker.outbox.models import Message

_PROBLEMS = {400: schemas.Problem, 401: schemas.Problem, 403: schemas.Problem, 404: schemas.Problem}


class Me(ClinicalAPIView):
    """Who is signed in, their clinic, what is due next, and the crisis resources for offline use."""

    actions = {"GET": Action.SEE_SELF}
    needs_device = False

    @extend_schema(operation_id="me", responses={200: schemas.Me, 401: schemas.Problem})
    def get(self, request: Request) -> Response:
        only(request)
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
                "crisis": {"crisis_text": clinic.crisis_text, "disclaimer": NOT_WATCHED},
                "unread_messages": unread,
                "check_ins": upcoming(principal, timezone.now()) if principal.is_patient else [],
            }
        )
