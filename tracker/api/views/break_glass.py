"""Break-glass: a clinician opens one patient's record in an emergency."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from django.db import transaction
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from pydantic import BaseModel, Field
from rest_framework.request import Request
from rest_framework.response import Response

from tracker.access import break_glass
from tracker.access.policy import Action
from tracker.alerts.break_glass import start_and_notify
from tracker.api import schemas
from tracker.api.parsers import validate
from tracker.api.views.base import ClinicalAPIView, only, principal_of
from tracker.outbox.tasks import wake_delivery
from tracker.records.shapes import StrictModel

_PROBLEMS = {400: schemas.Problem, 401: schemas.Problem, 403: schemas.Problem, 404: schemas.Problem}


class BreakGlassIn(StrictModel):
    """Whose record, by name and day of birth as the clinic knows them, and why it cannot wait."""

    name: Annotated[str, Field(min_length=1, max_length=120)]
    birth_date: schemas.Day
    reason: Annotated[str, Field(min_length=10, max_length=500)]


class BreakGlassOut(BaseModel):
    id: UUID
    patient: UUID
    begun_at: datetime
    ends_at: datetime


class BreakGlassEntry(BaseModel):
    """One break-glass access."""

    id: UUID
    by: str
    patient_name: str
    begun_at: datetime
    ends_at: datetime
    reason: str


class BreakGlassList(BaseModel):
    broken: list[BreakGlassEntry]


class BreakGlassAPIView(ClinicalAPIView):
    """Open a record for 60 minutes, close it again; for the privacy officer, see each time."""

    actions = {
        "GET": Action.SEE_BREAK_GLASS,
        "POST": Action.BREAK_GLASS,
        "DELETE": Action.BREAK_GLASS,
    }

    @extend_schema(operation_id="break_glass_list", responses={200: BreakGlassList, **_PROBLEMS})
    def get(self, request: Request) -> Response:
        only(request)
        found = break_glass.list_for_clinic(principal=principal_of(request))
        shown = [
            {
                "id": one.id,
                "by": one.by,
                "patient_name": one.patient,
                "begun_at": one.begun_at,
                "ends_at": one.ends_at,
                "reason": one.reason,
            }
            for one in found
        ]
        return Response({"broken": shown})

    @extend_schema(
        operation_id="break_glass", request=BreakGlassIn, responses={201: BreakGlassOut, **_PROBLEMS}
    )
    def post(self, request: Request) -> Response:
        given = validate(BreakGlassIn, request.data)
        principal, at = principal_of(request), timezone.now()
        patient_id = break_glass.find_patient(
            principal=principal, name=given.name, birth_date=given.birth_date
        )
        made = start_and_notify(principal=principal, patient_id=patient_id, reason=given.reason, at=at)
        transaction.on_commit(wake_delivery)
        shown = {"id": made.pk, "patient": patient_id, "begun_at": made.begun_at, "ends_at": made.ends_at}
        return Response(shown, 201)

    @extend_schema(operation_id="break_glass_end", responses={204: None, **_PROBLEMS})
    def delete(self, request: Request) -> Response:
        only(request)
        break_glass.end(principal=principal_of(request), at=timezone.now())
        return Response(status=204)
