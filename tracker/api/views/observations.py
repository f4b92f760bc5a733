"""Observations: the numbers of one measure over time."""

from datetime import date, datetime, timedelta
from typing import Annotated, Any
from uuid import UUID

from django.db.models import QuerySet
from django.db.models.fields.tuple_lookups import Tuple, TupleGreaterThan
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from pydantic import BaseModel, Field
from rest_framework.request import Request
from rest_framework.response import Response

from tracker.access.policy import Action
from tracker.api.exceptions import parameter_problem
from tracker.api.measure_schemas import MeasureOut, measure_out
from tracker.api.queries import DIGITS, Cursor, FirstDay, LastDay, OfMeasure, OfPatient, parse_query
from tracker.api.views.base import ClinicalAPIView, patient_of, principal_of
from tracker.lib import codes, days
from tracker.lib.cursors import CursorCipher
from tracker.lib.strict_model import StrictModel, code_from
from tracker.records import categories, daily_statistics
from tracker.records.models import MeasureState, Observation
from tracker.records.patient_record import ClockSkew
from tracker.records.reading_source import Origin

_CURSORS = CursorCipher("observations")


class ObservationOut(BaseModel):
    """
    One number. ``at`` and ``local_date`` are what its record is about: of a night, the getting up.

    ``counted`` is false where the phone's clock is known to be wrong: ``clock_skew`` is ``ahead``, or the day is more
    than 90 days before the enrolment and the record not ``imported``; and where another source of the same measure and
    local day comes first; and where ``capacity_guard`` is true: the answers were given too soon after a dose. Such a
    number is in no mean, baseline, last value, chart or summary.

    ``by_caregiver``: a caregiver gave it; of what is no day's total it counts only where the patient says nothing.

    ``source`` is the id of the record that the number is of, not the record's own ``source``, which says what made it.
    """

    at: datetime
    local_date: date
    value: float
    band: str
    clock_skew: code_from("ClockSkew", ClockSkew.values)  # type: ignore[valid-type]
    imported: bool
    capacity_guard: bool
    counted: bool
    by_caregiver: bool
    source: UUID


class CurrentValueOut(BaseModel):
    """
    Where a measure started and where it is. ``last_by_caregiver``: a caregiver gave the last value;
    ``week_by_caregiver`` is the number of the ``week_n`` days on which one gave a value.
    """

    baseline: float | None
    baseline_n: int
    baseline_basis: str
    last: float
    last_at: datetime
    last_on: date
    last_by_caregiver: bool
    week_mean: float
    week_n: int
    week_by_caregiver: int


class ObservationPage(BaseModel):
    measure: MeasureOut
    current: CurrentValueOut | None
    observations: list[ObservationOut]
    next: str | None


class DailyObservation(BaseModel):
    """
    One local day. ``sum`` is there for doses and minutes of practice only. ``by_caregiver``: a caregiver gave a value.
    """

    local_date: date
    n: int
    mean: float
    min: float
    max: float
    last: float
    by_caregiver: bool
    sum: float | None = None


class DailyObservationList(BaseModel):
    measure: MeasureOut
    days: list[DailyObservation]


class ObservationsQuery(StrictModel):
    """Whose, of which measure, of which days."""

    patient: OfPatient | None = None
    measure: OfMeasure
    first: Annotated[FirstDay | None, Field(alias="from")] = None
    last: Annotated[LastDay | None, Field(alias="to")] = None
    limit: Annotated[int, Field(ge=1, le=1000, description="1 to 1000"), DIGITS] = 200
    cursor: Cursor | None = None


class DailyObservationsQuery(StrictModel):
    """Whose, of which measure, of which days: up to 366."""

    patient: OfPatient | None = None
    measure: OfMeasure
    first: Annotated[FirstDay | None, Field(alias="from")] = None
    last: Annotated[
        LastDay | None, Field(alias="to", description="last local day, YYYY-MM-DD; up to 366 days")
    ] = None


class Observations(ClinicalAPIView):
    """The numeric timeline of one measure, oldest first, with baseline and last week."""

    actions = {"GET": Action.READ_RECORDS}
    queries = {"GET": ObservationsQuery}

    @extend_schema(
        operation_id="observations_list",
        summary="List the numbers of a measure",
        responses={200: ObservationPage},
    )
    def get(self, request: Request) -> Response:
        query = parse_query(request, ObservationsQuery)
        code = query.measure.code
        patient = patient_of(request, query.patient, "api/observations", {categories.of_measure(code)})
        of = (principal_of(request).user_id, patient.pk, code, query.first, query.last)
        rows = list(_rows(patient.pk, query, of)[: query.limit + 1])
        page = rows[: query.limit]
        counted = daily_statistics.counted(patient, code, page)
        return Response(
            {
                "measure": measure_out(query.measure),
                "current": _current(patient.pk, code),
                "observations": [_observation_out(row, row.source_id in counted) for row in page],
                "next": _cursor_after(page[-1], of) if len(rows) > len(page) else None,
            }
        )


def _rows(patient_id: UUID, query: ObservationsQuery, of: tuple[object, ...]) -> QuerySet[Observation]:
    rows = Observation.objects.filter(patient_id=patient_id, measure=query.measure.code)
    rows = rows.filter(local_date__gte=query.first) if query.first else rows
    rows = rows.filter(local_date__lte=query.last) if query.last else rows
    if query.cursor is not None:
        # By place and not by number, so that nothing shifts.
        place = _CURSORS.decrypt(query.cursor, _place, of=of)
        rows = rows.filter(TupleGreaterThan(Tuple("local_date", "at", "source_id"), place))
    return rows.order_by("local_date", "at", "source_id")


def _cursor_after(row: Observation, of: tuple[object, ...]) -> str:
    return _CURSORS.encrypt(row.local_date.isoformat(), row.at.isoformat(), str(row.source_id), of=of)


def _place(on: str, at: str, source: str) -> tuple[date, datetime, UUID]:
    return date.fromisoformat(on), datetime.fromisoformat(at), UUID(source)


def _current(patient_id: UUID, code: str) -> dict[str, Any] | None:
    row = MeasureState.objects.filter(patient_id=patient_id, measure=code).first()
    if row is None:
        return None
    current = {name: getattr(row, name) for name in CurrentValueOut.model_fields}
    return current | {"baseline_basis": codes.to_wire(row.baseline_basis)}


class DailyObservations(ClinicalAPIView):
    """One measure by local day: how many values, their mean, lowest, highest and last; doses are summed too."""

    actions = {"GET": Action.READ_RECORDS}
    queries = {"GET": DailyObservationsQuery}

    @extend_schema(
        operation_id="observations_by_day",
        summary="List the numbers of a measure by day",
        responses={200: DailyObservationList},
    )
    def get(self, request: Request) -> Response:
        query = parse_query(request, DailyObservationsQuery)
        code = query.measure.code
        patient = patient_of(request, query.patient, "api/observations/daily", {categories.of_measure(code)})
        last = query.last or days.local_day(timezone.now(), patient.time_zone)
        first = query.first or last - timedelta(days=27)
        if not timedelta(0) <= last - first <= timedelta(days=365):
            raise parameter_problem("out_of_range", "from")
        statistics = daily_statistics.of_measure(patient, code, first, last)
        return Response({"measure": measure_out(query.measure), "days": statistics})


def _observation_out(row: Observation, is_counted: bool) -> dict[str, Any]:
    return {
        "at": row.at, "local_date": row.local_date, "value": row.value, "band": row.band,
        "clock_skew": row.clock_skew, "counted": is_counted,
        "imported": row.origin == Origin.IMPORTED, "by_caregiver": row.by_caregiver,
        "capacity_guard": row.is_in_capacity_guard,
        "source": row.source_id,
    }  # fmt: skip
