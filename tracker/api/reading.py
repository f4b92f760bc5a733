"""What it all adds up to: observations and progress summaries."""

import json
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from django.core import signing
from django.db.models import QuerySet
from django.db.models.fields.tuple_lookups import Tuple, TupleGreaterThan
from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from tracker.lib import codes
from tracker.access.chart import open_chart
from tracker.access.policy import EVERYTHING, Action
from tracker.access.principal import Principal
from tracker.api import shapes
from tracker.api.doors import Door, chart, limit_of, only, viewer_of
from tracker.api.wire import Refused
from tracker.clinics.errors import NotFoundOrHidden
from tracker.clinics.models import Clinic
from tracker.instruments import measures
from tracker.lib import days
from tracker.progress.models import Summary
from tracker.records import daily_statistics, categories
from tracker.records.models import MeasureState, Observation

_PROBLEMS = {400: shapes.Problem, 401: shapes.Problem, 403: shapes.Problem, 404: shapes.Problem}
_PATIENT = OpenApiParameter("patient", UUID, description="for staff: whose")
_SALT = "interlude.observations.page"


def day_of(request: Request, name: str) -> date | None:
    text = request.query_params.get(name)
    try:
        return None if text is None else days.parse_date(text)
    except ValueError:
        errors = [{"parameter": name, "code": "not_a_day"}]
        raise Refused(400, "invalid", f"{name} must be YYYY-MM-DD.", errors) from None


def measure_of(request: Request) -> Any:
    """Return the measure that ``?measure=`` names."""
    measure = measures.find(request.query_params.get("measure", ""))
    if measure is None:
        raise Refused(
            400, "unknown_measure", "Name a measure.", [{"parameter": "measure", "code": "unknown"}]
        )
    return measure


class Observations(Door):
    """The numeric timeline of one measure, oldest first, with baseline and last week."""

    actions = {"GET": Action.READ_RECORDS}

    @extend_schema(
        operation_id="observations_list",
        parameters=[
            _PATIENT,
            OpenApiParameter("measure", str, required=True, description="such as pain.intensity or phq-9"),
            OpenApiParameter("from", str, description="first local day, YYYY-MM-DD"),
            OpenApiParameter("to", str, description="last local day, YYYY-MM-DD"),
            OpenApiParameter("limit", int, description="1 to 1000"),
            OpenApiParameter("cursor", str, description="`next` of the page before"),
        ],
        responses={200: shapes.ObservationPage, **_PROBLEMS},
    )
    def get(self, request: Request) -> Response:
        only(request, "patient", "measure", "from", "to", "limit", "cursor")
        measure = measure_of(request)
        patient = chart(request, "api/observations", {categories.of_measure(measure.code)})
        limit = limit_of(request, most=1000, usual=200)
        rows = Observation.objects.filter(patient_id=patient.pk, measure=measure.code)
        first, last = day_of(request, "from"), day_of(request, "to")
        rows = rows.filter(local_date__gte=first) if first else rows
        rows = rows.filter(local_date__lte=last) if last else rows
        page = list(self._after(request, rows).order_by("local_date", "at", "source_id")[: limit + 1])
        following = None
        if len(page) > limit:
            end = page[limit - 1]
            place = [end.local_date.isoformat(), end.at.isoformat(), str(end.source_id)]
            following = signing.dumps(place, salt=_SALT)
        return Response(
            {
                "measure": _measure_out(measure),
                "current": self._current(patient.pk, measure.code),
                "observations": [
                    {"at": row.at, "local_date": row.local_date, "value": row.value, "band": row.band,
                     "source": row.source_id}
                    for row in page[:limit]
                ],
                "next": following,
            }
        )  # fmt: skip

    def _after(self, request: Request, rows: QuerySet[Observation]) -> QuerySet[Observation]:
        """What comes after the cursor, if there is one: by place and not by number, so that nothing shifts."""
        cursor = request.query_params.get("cursor")
        if cursor is None:
            return rows
        try:
            on, at, source = signing.loads(cursor, salt=_SALT)
        except (signing.BadSignature, ValueError, TypeError):
            raise Refused(400, "invalid_cursor", "This cursor is not one of ours.") from None
        place = (date.fromisoformat(on), datetime.fromisoformat(at), UUID(source))
        return rows.filter(TupleGreaterThan(Tuple("local_date", "at", "source_id"), place))

    def _current(self, patient_id: UUID, code: str) -> dict[str, Any] | None:
        row = MeasureState.objects.filter(patient_id=patient_id, measure=code).first()
        if row is None:
            return None
        names = shapes.CurrentOut.model_fields
        current = {name: getattr(row, name) for name in names}
        return current | {"baseline_basis": codes.to_wire(row.baseline_basis)}


class DailyObservations(Door):
    """One measure by local day: how many values, their mean, lowest, highest and last; doses are summed too."""

    actions = {"GET": Action.READ_RECORDS}

    @extend_schema(
        operation_id="observations_by_day",
        parameters=[
            _PATIENT,
            OpenApiParameter("measure", str, required=True, description="such as pain.intensity"),
            OpenApiParameter("from", str, description="first local day, YYYY-MM-DD"),
            OpenApiParameter("to", str, description="last local day, YYYY-MM-DD; up to 366 days"),
        ],
        responses={200: shapes.DailyObservationList, **_PROBLEMS},
    )
    def get(self, request: Request) -> Response:
        only(request, "patient", "measure", "from", "to")
        measure = measure_of(request)
        patient = chart(request, "api/observations/daily", {categories.of_measure(measure.code)})
        last = day_of(request, "to") or days.local_day(timezone.now(), patient.time_zone)
        first = day_of(request, "from") or last - timedelta(days=27)
        if not timedelta(0) <= last - first <= timedelta(days=365):
            errors = [{"parameter": "from", "code": "out_of_range"}]
            raise Refused(400, "invalid", "From 1 to 366 days.", errors)
        found = daily_statistics.of_measure(patient.pk, measure.code, first, last)
        return Response({"measure": _measure_out(measure), "days": found})


def _measure_out(measure: Any) -> dict[str, Any]:
    return {
        "measure": measure.code, "label": measure.label, "unit": measure.unit, "low": measure.low,
        "high": measure.high, "direction": measure.direction, "family": measure.family,
    }  # fmt: skip


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
            raise Refused(403, "not_shared_by_clinic", "Your clinic does not share summaries in the app.")


class Summaries(Door):
    """Weekly progress summaries of one patient, newest first."""

    actions = {"GET": Action.READ_SUMMARIES}

    @extend_schema(
        operation_id="summaries_list",
        parameters=[
            _PATIENT,
            OpenApiParameter("week", str, description="a local day, YYYY-MM-DD: only the week that it is in"),
            OpenApiParameter("limit", int, description="1 to 200"),
        ],
        responses={200: shapes.SummaryList, **_PROBLEMS},
    )
    def get(self, request: Request) -> Response:
        only(request, "patient", "week", "limit")
        _may_see_summaries(viewer_of(request))
        patient = chart(request, "api/summaries", EVERYTHING)
        rows = Summary.objects.filter(patient_id=patient.pk)
        day = day_of(request, "week")
        if day:
            rows = rows.filter(week_start__lte=day, week_start__gt=day - timedelta(days=7))
        page = rows.order_by("-week_start")[: limit_of(request, usual=20)]
        return Response({"summaries": [_summary_out(row) for row in page]})


class OneSummary(Door):
    """One progress summary."""

    actions = {"GET": Action.READ_SUMMARIES}

    @extend_schema(operation_id="summaries_read", responses={200: shapes.SummaryOut, **_PROBLEMS})
    def get(self, request: Request, summary_id: UUID) -> Response:
        only(request)
        principal = viewer_of(request)
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
