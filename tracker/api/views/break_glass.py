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
from tracker.accounts.throttle import Throttle, session_user
from tracker.alerts.break_glass import start_and_notify
from tracker.api.openapi import problems
from tracker.api.parsers import validate
from tracker.api.views.base import ClinicalAPIView, principal_of
from tracker.lib.strict_model import Day, StrictModel
from tracker.lib.strict_text import STORABLE
from tracker.outbox.tasks import wake_delivery


class BreakGlassIn(StrictModel):
    """Whose record, by name and day of birth as the clinic knows them, and why it cannot wait."""

    name: Annotated[str, Field(min_length=1, max_length=120), STORABLE]
    birth_date: Day
    reason: Annotated[str, Field(min_length=10, max_length=500), STORABLE]


class BreakGlassOut(BaseModel):
    id: UUID
    patient: UUID
    begun_at: datetime
    ends_at: datetime


class BreakGlassEntry(BaseModel):
    """One break-glass access; ``reason`` is null where it cannot be decrypted."""

    id: UUID
    by: str
    patient_name: str
    begun_at: datetime
    ends_at: datetime
    reason: str | None


class BreakGlassList(BaseModel):
    accesses: list[BreakGlassEntry]


class BreakGlassAPIView(ClinicalAPIView):
    """Open a record for 60 minutes, close it again; for the privacy officer, see each time."""

    actions = {
        "GET": Action.SEE_BREAK_GLASS,
        "POST": Action.BREAK_GLASS,
        "DELETE": Action.BREAK_GLASS,
    }

    throttle = Throttle("break-glass", session_user)

    @extend_schema(
        operation_id="break_glass_list",
        summary="List the accesses in an emergency",
        responses={200: BreakGlassList},
    )
    def get(self, request: Request) -> Response:
        rows = break_glass.list_for_clinic(principal=principal_of(request))
        accesses = [
            {
                "id": row.id,
                "by": row.by,
                "patient_name": row.patient,
                "begun_at": row.begun_at,
                "ends_at": row.ends_at,
                "reason": row.reason,
            }
            for row in rows
        ]
        return Response({"accesses": accesses})

    @extend_schema(
        operation_id="break_glass",
        summary="Open a record in an emergency",
        request=BreakGlassIn,
        responses={201: BreakGlassOut, **problems("too_many_tries")},
    )
    def post(self, request: Request) -> Response:
        body = validate(BreakGlassIn, request.data)
        principal, at = principal_of(request), timezone.now()
        patient_id = break_glass.find_patient(principal=principal, name=body.name, birth_date=body.birth_date)
        access = start_and_notify(principal=principal, patient_id=patient_id, reason=body.reason, at=at)
        transaction.on_commit(wake_delivery)
        return Response(
            {"id": access.pk, "patient": patient_id, "begun_at": access.begun_at, "ends_at": access.ends_at},
            201,
        )

    @extend_schema(
        operation_id="break_glass_end", summary="End my access in an emergency", responses={204: None}
    )
    def delete(self, request: Request) -> Response:
        break_glass.end(principal=principal_of(request), at=timezone.now())
        return Response(status=204)
