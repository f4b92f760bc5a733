"""Observations: the numbers of one measure over time."""

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

from tracker.access.policy import Action
from tracker.api import schemas
from tracker.api.exceptions import APIProblem
from tracker.api.views.base import ClinicalAPIView, limit_of, only, patient_of
from tracker.lib import codes, days
from tracker.records import categories, daily_statistics, measures
from tracker.records.models import MeasureState, Observation

_PROBLEMS = {400: schemas.Problem, 401: schemas.Problem, 403: schemas.Problem, 404: schemas.Problem}
_PATIENT = OpenApiParameter("patient", UUID, description="for staff: whose")
_SALT = "interlude.observations.page"


def day_of(request: Request, name: str) -> date | None:
    text = request.query_params.get(name)
    try:
        return None if text is None else days.parse_date(text)
    except ValueError:
        errors = [{"parameter": name, "code": "not_a_day"}]
        raise APIProblem(400, "invalid", f"{name} must be YYYY-MM-DD.", errors) from None


def measure_of(request: Request) -> Any:
    """Return the measure that ``?measure=`` names."""
    measure = measures.find(request.query_params.get("measure", ""))
    if measure is None:
        raise APIProblem(
            400, "unknown_measure", "Name a measure.", [{"parameter": "measure", "code": "unknown"}]
        )
    return measure


class Observations(ClinicalAPIView):
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
        responses={200: schemas.ObservationPage, **_PROBLEMS},
    )
    def get(self, request: Request) -> Response:
        only(request, "patient", "measure", "from", "to", "limit", "cursor")
        measure = measure_of(request)
        patient = patient_of(request, "api/observations", {categories.of_measure(measure.code)})
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
            raise APIProblem(400, "invalid_cursor", "This cursor is not one of ours.") from None
        place = (date.fromisoformat(on), datetime.fromisoformat(at), UUID(source))
        return rows.filter(TupleGreaterThan(Tuple("local_date", "at", "source_id"), place))

    def _current(self, patient_id: UUID, code: str) -> dict[str, Any] | None:
        row = MeasureState.objects.filter(patient_id=patient_id, measure=code).first()
        if row is None:
            return None
        names = schemas.CurrentOut.model_fields
        current = {name: getattr(row, name) for name in names}
        return current | {"baseline_basis": codes.to_wire(row.baseline_basis)}


class DailyObservations(ClinicalAPIView):
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
        responses={200: schemas.DailyObservationList, **_PROBLEMS},
    )
    def get(self, request: Request) -> Response:
        only(request, "patient", "measure", "from", "to")
        measure = measure_of(request)
        patient = patient_of(request, "api/observations/daily", {categories.of_measure(measure.code)})
        last = day_of(request, "to") or days.local_day(timezone.now(), patient.time_zone)
        first = day_of(request, "from") or last - timedelta(days=27)
        if not timedelta(0) <= last - first <= timedelta(days=365):
            errors = [{"parameter": "from", "code": "out_of_range"}]
            raise APIProblem(400, "invalid", "From 1 to 366 days.", errors)
        found = daily_statistics.of_measure(patient.pk, measure.code, first, last)
        return Response({"measure": _measure_out(measure), "days": found})


def _measure_out(measure: Any) -> dict[str, Any]:
    return {
        "measure": measure.code, "label": measure.label, "unit": measure.unit, "low": measure.low,
        "high": measure.high, "direction": measure.direction, "family": measure.family,
    }  # fmt: skip
