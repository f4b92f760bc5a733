"""Weekly progress summaries."""

import json
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from tracker.access.chart import open_chart
from tracker.access.policy import EVERYTHING, Action
from tracker.access.principal import Principal
from tracker.api import schemas
from tracker.api.exceptions import APIProblem
from tracker.api.views.base import ClinicalAPIView, limit_of, only, patient_of, principal_of
from tracker.api.views.observations import day_of
from tracker.clinics.errors import NotFoundOrHidden
from tracker.clinics.models import Clinic
from tracker.progress.models import Summary

_PROBLEMS = {400: schemas.Problem, 401: schemas.Problem, 403: schemas.Problem, 404: schemas.Problem}
_PATIENT = OpenApiParameter("patient", UUID, description="for staff: whose")


def _summary_out(row: Summary) -> dict[str, Any]:
    return {
        "id": row.pk, "patient": row.patient_id, "week_start": row.week_start, "revision": row.revision,
        "built_at": row.built_at, "algorithm": row.algorithm, "digest": row.digest,
        "figures": json.loads(row.figures),
    }  # fmt: skip


def _may_see_summaries(principal: Principal) -> None:
    """A patient sees summaries where the clinic's policy says so."""
    if principal.is_patient:
        clinic = Clinic.objects.get(pk=principal.clinic_id)
        if not clinic.patients_see_summaries:
            raise APIProblem(403, "not_shared_by_clinic", "Your clinic does not share summaries in the app.")


class Summaries(ClinicalAPIView):
    """Weekly progress summaries of one patient, newest first."""

    actions = {"GET": Action.READ_SUMMARIES}

    @extend_schema(
        operation_id="summaries_list",
        parameters=[
            _PATIENT,
            OpenApiParameter("week", str, description="a local day, YYYY-MM-DD: only the week that it is in"),
            OpenApiParameter("limit", int, description="1 to 200"),
        ],
        responses={200: schemas.SummaryList, **_PROBLEMS},
    )
    def get(self, request: Request) -> Response:
        only(request, "patient", "week", "limit")
        _may_see_summaries(principal_of(request))
        patient = patient_of(request, "api/summaries", EVERYTHING)
        rows = Summary.objects.filter(patient_id=patient.pk)
        day = day_of(request, "week")
        if day:
            rows = rows.filter(week_start__lte=day, week_start__gt=day - timedelta(days=7))
        page = rows.order_by("-week_start")[: limit_of(request, usual=20)]
        return Response({"summaries": [_summary_out(row) for row in page]})


class OneSummary(ClinicalAPIView):
    """One progress summary."""

    actions = {"GET": Action.READ_SUMMARIES}

    @extend_schema(operation_id="summaries_read", responses={200: schemas.SummaryOut, **_PROBLEMS})
    def get(self, request: Request, summary_id: UUID) -> Response:
        only(request)
        principal = principal_of(request)
        _may_see_summaries(principal)
        row = Summary.objects.filter(pk=summary_id, patient_id__in=principal.patients).first()
        if row is None:
            raise NotFoundOrHidden
        if not principal.is_patient:
            open_chart(
                principal,
                row.patient_id,
                purpose="api/summary",
                at=timezone.now(),
                action=Action.READ_SUMMARIES,
                categories=EVERYTHING,
            )
        return Response(_summary_out(row))
