"""Weekly progress summaries."""

from datetime import date, datetime
from typing import Annotated, Any
from uuid import UUID

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from pydantic import BaseModel, Field
from rest_framework.request import Request
from rest_framework.response import Response

from tracker.access.chart import open_chart
from tracker.access.policy import EVERYTHING, Action
from tracker.access.principal import CAREGIVER, Principal
from tracker.api.consent_schemas import Named
from tracker.api.exceptions import APIProblem
from tracker.api.queries import Limit, OfPatient, parse_query
from tracker.api.views.base import ClinicalAPIView, patient_of, principal_of
from tracker.clinics.errors import NotFoundOrHidden
from tracker.clinics.models import Clinic
from tracker.lib.strict_model import Day, StrictModel
from tracker.progress import summaries
from tracker.progress.figures import SummaryFigures
from tracker.progress.models import SummaryPart
from tracker.progress.summaries import Summary


class SharedFigures(SummaryFigures):
    """The figures of one week, of the categories that the reader sees."""

    categories: list[Named]


class SummaryOut(BaseModel):
    """
    One week of one patient, made of the categories that are shared with the reader (``figures.categories``).

    ``figures`` is canonical JSON whose bytes have the SHA-256 ``digest``.
    """

    id: UUID
    patient: UUID
    week_start: date
    revision: int
    built_at: datetime
    algorithm: str
    digest: str
    figures: SharedFigures


class SummaryList(BaseModel):
    summaries: list[SummaryOut]


class SummariesQuery(StrictModel):
    """Whose summaries, of which week, and how many."""

    patient: OfPatient | None = None
    week: Annotated[Day, Field(description="a local day, YYYY-MM-DD: only the week that it is in")] | None = (
        None
    )
    limit: Limit = 20


def _summary_out(row: Summary) -> dict[str, Any]:
    return {
        "id": row.id, "patient": row.patient_id, "week_start": row.week_start, "revision": row.revision,
        "built_at": row.built_at, "algorithm": row.figures["algorithm"], "digest": row.digest, "figures": row.figures,
    }  # fmt: skip


def _may_see_summaries(principal: Principal) -> None:
    """A patient sees summaries where the clinic's policy says so, and so do those whom a patient shows them."""
    if principal.is_patient or principal.role == CAREGIVER:
        clinic = Clinic.objects.get(pk=principal.clinic_id)
        if not clinic.patients_see_summaries:
            raise APIProblem("not_shared_by_clinic")


class Summaries(ClinicalAPIView):
    """Weekly progress summaries of one patient, newest first."""

    actions = {"GET": Action.READ_SUMMARIES}
    queries = {"GET": SummariesQuery}

    @extend_schema(
        operation_id="summaries_list", summary="List weekly summaries", responses={200: SummaryList}
    )
    def get(self, request: Request) -> Response:
        query = parse_query(request, SummariesQuery)
        _may_see_summaries(principal_of(request))
        patient = patient_of(request, query.patient, "api/summaries", EVERYTHING)
        page = summaries.newest(patient.pk, limit=query.limit, on=query.week)
        return Response({"summaries": [_summary_out(row) for row in page]})


class OneSummary(ClinicalAPIView):
    """One progress summary."""

    actions = {"GET": Action.READ_SUMMARIES}

    @extend_schema(
        operation_id="summaries_read", summary="Read a weekly summary", responses={200: SummaryOut}
    )
    def get(self, request: Request, summary_id: UUID) -> Response:
        principal = principal_of(request)
        _may_see_summaries(principal)
        own = SummaryPart.objects.filter(summary_id=summary_id, patient_id__in=principal.patients)
        parts = list(own.order_by("category"))
        if not any(part.is_due for part in parts):
            raise NotFoundOrHidden
        (row,) = summaries.together(parts)
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
