"""Telehealth check-ins: staff plan and cancel them, the patient sees them."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from django.urls import reverse
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from pydantic import BaseModel, Field
from rest_framework.request import Request
from rest_framework.response import Response

from tracker.access.chart import open_chart
from tracker.access.policy import Action, Category
from tracker.access.principal import Principal
from tracker.api.exceptions import APIProblem, field_problem
from tracker.api.openapi import LOCATION, problems
from tracker.api.parsers import validate
from tracker.api.queries import OfPatient, parse_query
from tracker.api.views.base import ClinicalAPIView, patient_of, principal_of
from tracker.lib import days
from tracker.lib.strict_model import Id, Instant, StrictModel
from tracker.reminders import actions
from tracker.reminders.models import CheckIn


class CheckInOut(BaseModel):
    id: UUID
    starts_at: datetime
    local_time: str
    time_zone: str
    minutes: int
    clinician: str
    patient: UUID
    cancelled: bool


class CheckInIn(StrictModel):
    """
    A check-in to plan with oneself: the patient, when it starts, and for how long (5 to 240 minutes).

    Neither the patient nor whoever plans it may have another one in that span; one may begin when the other ends.
    """

    patient: Id
    starts_at: Instant
    minutes: Annotated[int, Field(ge=5, le=240)] = 20


class CheckInList(BaseModel):
    check_ins: list[CheckInOut]


class CheckInsQuery(StrictModel):
    """Whose check-ins."""

    patient: OfPatient | None = None


def check_in_out(row: CheckIn, time_zone: str) -> dict[str, Any]:
    """Return a check-in; ``local_time`` is the patient's local time, in the zone they live in now."""
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
    return [check_in_out(row, principal.time_zone) for row in rows]


class CheckIns(ClinicalAPIView):
    """List a patient's check-ins, soonest first; plan one."""

    actions = {"GET": Action.SEE_CHECK_INS, "POST": Action.PLAN_CHECK_IN}
    queries = {"GET": CheckInsQuery}

    @extend_schema(
        operation_id="check_ins_list",
        summary="List check-ins",
        responses={200: CheckInList},
    )
    def get(self, request: Request) -> Response:
        query = parse_query(request, CheckInsQuery)
        patient = patient_of(request, query.patient, "api/check-ins", {Category.VISITS})
        rows = CheckIn.objects.filter(patient_id=patient.pk).select_related("staff_member")
        rows = rows.order_by("-starts_at", "id")[:200]
        return Response({"check_ins": [check_in_out(row, patient.time_zone) for row in reversed(rows)]})

    @extend_schema(
        operation_id="check_ins_plan",
        summary="Plan a check-in",
        parameters=[LOCATION],
        request=CheckInIn,
        responses={201: CheckInOut, **problems("already_planned", "clinician_busy")},
    )
    def post(self, request: Request) -> Response:
        body = validate(CheckInIn, request.data)
        principal, at = principal_of(request), timezone.now()
        patient = open_chart(
            principal,
            body.patient,
            purpose="api/check-ins",
            at=at,
            action=Action.PLAN_CHECK_IN,
            categories={Category.VISITS},
        )
        try:
            check_in = actions.plan_check_in(
                principal=principal, patient=patient, starts_at=body.starts_at, minutes=body.minutes, at=at
            )
        except actions.InThePastError:
            raise field_problem("in_the_past", "starts_at") from None
        except actions.AlreadyPlannedError:
            raise APIProblem("already_planned") from None
        except actions.ClinicianBusyError:
            raise APIProblem("clinician_busy") from None
        shown = check_in_out(check_in, patient.time_zone)
        return Response(shown, 201, headers={"Location": reverse("check_in", args=[check_in.pk])})


class OneCheckIn(ClinicalAPIView):
    """Cancel a check-in."""

    actions = {"DELETE": Action.PLAN_CHECK_IN}

    @extend_schema(operation_id="check_ins_cancel", summary="Cancel a check-in", responses={204: None})
    def delete(self, request: Request, check_in_id: UUID) -> Response:
        actions.cancel_check_in(principal=principal_of(request), check_in_id=check_in_id, at=timezone.now())
        return Response(status=204)
