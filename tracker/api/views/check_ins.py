"""Telehealth check-ins: staff plan and cancel them, the patient sees them."""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from tracker.access.chart import open_chart
from tracker.access.policy import Action, Category
from tracker.access.principal import Principal
from tracker.api import schemas
from tracker.api.exceptions import APIProblem
from tracker.api.parsers import validate
from tracker.api.views.base import ClinicalAPIView, only, patient_of, principal_of
from tracker.lib import days
from tracker.reminders import actions
from tracker.reminders.models import CheckIn

_PROBLEMS = {400: schemas.Problem, 401: schemas.Problem, 403: schemas.Problem, 404: schemas.Problem}


def shown(row: CheckIn, time_zone: str) -> dict[str, Any]:
    """Return a check-in; ``local_time`` is the patient's own wall clock, in the zone they live in now."""
    return {
        "id": row.pk,
        "starts_at": row.starts_at,
        "local_time": days.local(row.starts_at, time_zone).strftime("%Y-%m-%d %H:%M"),
        "time_zone": time_zone,
        "minutes": row.minutes,
        "clinician": row.staff_member.name,
        "patient": row.patient_id,
        "cancelled": row.cancelled_at is not None,
    }


def upcoming(principal: Principal, at: datetime) -> list[dict[str, Any]]:
    """Return the patient's own check-ins that are still to come."""
    rows = CheckIn.objects.upcoming(at).filter(patient_id=principal.own_patient_id)
    rows = rows.select_related("staff_member").order_by("starts_at", "id")[:20]
    return [shown(row, principal.time_zone) for row in rows]


class CheckIns(ClinicalAPIView):
    """List a patient's check-ins, soonest first; plan one."""

    actions = {"GET": Action.SEE_CHECK_INS, "POST": Action.PLAN_CHECK_IN}

    @extend_schema(
        operation_id="check_ins_list",
        parameters=[OpenApiParameter("patient", UUID, description="for staff: whose check-ins")],
        responses={200: schemas.CheckInList, **_PROBLEMS},
    )
    def get(self, request: Request) -> Response:
        only(request, "patient")
        patient = patient_of(request, "api/check-ins", {Category.VISITS})
        rows = CheckIn.objects.filter(patient_id=patient.pk).select_related("staff_member")
        rows = rows.order_by("-starts_at", "id")[:200]
        return Response({"check_ins": [shown(row, patient.time_zone) for row in reversed(rows)]})

    @extend_schema(
        operation_id="check_ins_plan",
        request=schemas.CheckInIn,
        responses={201: schemas.CheckInOut, 409: schemas.Problem, **_PROBLEMS},
    )
    def post(self, request: Request) -> Response:
        given = validate(schemas.CheckInIn, request.data)
        principal, at = principal_of(request), timezone.now()
        patient = open_chart(
            principal,
            given.patient,
            purpose="api/check-ins",
            at=at,
            action=Action.PLAN_CHECK_IN,
            categories={Category.VISITS},
        )
        try:
            check_in = actions.plan_check_in(
                principal=principal, patient=patient, starts_at=given.starts_at, minutes=given.minutes, at=at
            )
        except actions.InThePastError:
            errors = [{"pointer": "/starts_at", "code": "in_the_past"}]
            raise APIProblem(400, "in_the_past", "A check-in starts in the future.", errors) from None
        except actions.AlreadyPlannedError:
            raise APIProblem(409, "already_planned", "There is a check-in at that time already.") from None
        return Response(shown(check_in, patient.time_zone), 201)


class OneCheckIn(ClinicalAPIView):
    """Cancel a check-in."""

    actions = {"DELETE": Action.PLAN_CHECK_IN}

    @extend_schema(operation_id="check_ins_cancel", responses={204: None, **_PROBLEMS})
    def delete(self, request: Request, check_in_id: UUID) -> Response:
        actions.cancel_check_in(principal=principal_of(request), check_in_id=check_in_id, at=timezone.now())
        return Response(status=204)
