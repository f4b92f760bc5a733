"""One record at a time, for clients that do not queue: the same ingest, and lists to read."""

from collections.abc import Collection
from typing import Annotated, Any, Literal
from uuid import UUID

from drf_spectacular.utils import OpenApiParameter, extend_schema
from pydantic import BaseModel, Field
from rest_framework.request import Request
from rest_framework.response import Response

from tracker.access.policy import EVERYTHING, Action, Category
from tracker.api import record_writes
from tracker.api.exceptions import APIProblem, field_problem
from tracker.api.openapi import LOCATION, problems
from tracker.api.queries import (
    DIGITS,
    Cursor,
    FirstDay,
    LastDay,
    Limit,
    OfMeasure,
    OfPatient,
    WrittenPatient,
    parse_query,
)
from tracker.api.record_schemas import HeldRecord, RecordIn, RecordVersion
from tracker.api.schemas import Guidance, RecordConflict
from tracker.api.views.base import (
    ClinicalAPIView,
    patient_of,
    principal_of,
)
from tracker.clinics.errors import NotFoundOrHidden
from tracker.lib.strict_model import StrictModel, code_from
from tracker.records import history, pages
from tracker.records.kinds import KINDS

_KEY_HEADER = OpenApiParameter(
    "Idempotency-Key", str, OpenApiParameter.HEADER, description="the same key again gets the same answer"
)
_MATCH_HEADER = OpenApiParameter(
    "If-Match",
    str,
    OpenApiParameter.HEADER,
    description="the ETag of the version that this one follows; `*` for whichever is held",
)
_CONFLICTS = problems(
    "idempotency_key_reused",
    "newer_version_held",
    "written_by_another",
    "missing_base_revision",
    body=RecordConflict,
)
_FAILED_PRECONDITION = problems("precondition_failed", body=RecordConflict)


class RecordHistory(BaseModel):
    """A page of versions, newest first."""

    versions: list[RecordVersion]
    next: str | None


class RecordPage(BaseModel):
    """A page of records, newest first."""

    records: list[HeldRecord]
    next: str | None


class RecordReply(BaseModel):
    """One record as it is held now, with guidance if an answer raised an alert."""

    status: code_from("WriteStatus", ("stored", "replayed"))  # type: ignore[valid-type]
    record: HeldRecord
    guidance: Guidance | None = None


class RecordsQuery(StrictModel):
    """Which records, newest first."""

    patient: OfPatient | None = None
    kind: Literal[tuple(sorted(KINDS))] | None = None  # type: ignore[valid-type]
    measure: Annotated[OfMeasure, Field(description="only records with this measure")] | None = None
    since: FirstDay | None = None
    until: LastDay | None = None
    limit: Limit = 50
    cursor: Cursor | None = None


class RecordQuery(StrictModel):
    """Whose record."""

    patient: OfPatient | None = None


class HistoryQuery(StrictModel):
    """Which versions of whose record, newest first."""

    patient: OfPatient | None = None
    limit: Limit = 50
    cursor: Cursor | None = None


class WriteQuery(StrictModel):
    """In whose record a caregiver writes."""

    patient: WrittenPatient | None = None


class RemovalQuery(StrictModel):
    """The revision that the client holds, and in whose record a caregiver writes."""

    patient: WrittenPatient | None = None
    revision: (
        Annotated[int, Field(ge=1, le=2_000_000_000, description="the revision held by the client"), DIGITS]
        | None
    ) = None


def _kind_of(item: Any) -> Any:
    return item.get("kind") if isinstance(item, dict) else None


def _categories(kind: str | None) -> Collection[Category]:
    """What a list is about: one category if it is of one kind; the questionnaires are of several."""
    known = KINDS[kind].category if kind is not None and kind in KINDS else None
    return {known} if known else EVERYTHING


class Records(ClinicalAPIView):
    """List records, newest first; add one: the patient, or a caregiver whom she lets write."""

    actions = {"GET": Action.READ_RECORDS, "POST": Action.WRITE_RECORDS}
    queries = {"GET": RecordsQuery, "POST": WriteQuery}

    @extend_schema(operation_id="records_list", summary="List records", responses={200: RecordPage})
    def get(self, request: Request) -> Response:
        query = parse_query(request, RecordsQuery)
        patient = patient_of(request, query.patient, "api/records", _categories(query.kind))
        principal = principal_of(request)
        records, following = pages.newest(
            patient.pk,
            reader=principal.user_id,
            limit=query.limit,
            kind=query.kind,
            since=query.since,
            until=query.until,
            measure=query.measure.code if query.measure else None,
            cursor=query.cursor,
            as_patient=principal.is_patient,
        )
        return Response({"records": records, "next": following})

    @extend_schema(
        operation_id="records_add",
        summary="Add a record",
        parameters=[_KEY_HEADER, LOCATION],
        request=RecordIn,
        responses={200: RecordReply, 201: RecordReply, **_CONFLICTS},
    )
    def post(self, request: Request) -> Response:
        query, item = parse_query(request, WriteQuery), request.data
        target = record_writes.of(request, query.patient, "api/records", _kind_of(item))
        return record_writes.store(request, target, item, created=201)


class OneRecord(ClinicalAPIView):
    """Read, amend or remove one record. A caregiver amends and removes what they wrote themselves."""

    actions = {
        "GET": Action.READ_RECORDS,
        "PUT": Action.WRITE_RECORDS,
        "DELETE": Action.WRITE_RECORDS,
    }
    queries = {"GET": RecordQuery, "PUT": WriteQuery, "DELETE": RemovalQuery}

    @extend_schema(
        operation_id="records_read", summary="Read a record", responses={200: HeldRecord, 304: None}
    )
    def get(self, request: Request, record_id: UUID) -> Response:
        query = parse_query(request, RecordQuery)
        patient = patient_of(request, query.patient, "api/record", EVERYTHING)
        record = record_writes.one(principal_of(request), patient.pk, record_id)
        return Response(record, headers={"ETag": record_writes.tag(record)})

    @extend_schema(
        operation_id="records_amend",
        summary="Amend a record",
        parameters=[_KEY_HEADER, _MATCH_HEADER],
        request=RecordIn,
        responses={200: RecordReply, **_CONFLICTS, **_FAILED_PRECONDITION},
    )
    def put(self, request: Request, record_id: UUID) -> Response:
        query, item = parse_query(request, WriteQuery), request.data
        target = record_writes.of(request, query.patient, "api/record", _kind_of(item))
        item = self._with_revision(request, target, record_id, item)
        return record_writes.store(request, target, item, created=200)

    def _with_revision(
        self, request: Request, target: record_writes.Record, record_id: UUID, item: Any
    ) -> Any:
        """Return the record with the revision that ``If-Match`` gives it, if it names one."""
        if not isinstance(item, dict) or str(item.get("id", "")).lower() != str(record_id):
            raise field_problem("mismatch", "id")
        revision = record_writes.revision_by_if_match(request, target, record_id)
        return item if revision is None else {"revision": revision + 1} | item

    @extend_schema(
        operation_id="records_remove",
        summary="Remove a record",
        parameters=[_KEY_HEADER, _MATCH_HEADER],
        responses={200: RecordReply, **_CONFLICTS, **_FAILED_PRECONDITION},
    )
    def delete(self, request: Request, record_id: UUID) -> Response:
        query = parse_query(request, RemovalQuery)
        target = record_writes.of(request, query.patient, "api/record", None)
        record = target.current(record_id)
        if record["removed"]:
            return Response({"status": "replayed", "record": record})
        record_writes.revision_by_if_match(request, target, record_id)
        if query.revision not in (None, record["revision"]):
            raise APIProblem("newer_version_held", server=record)
        return record_writes.store(request, target, record_writes.tombstone(record), created=200)


class History(ClinicalAPIView):
    """The versions of one record, the newest first: what each said, who wrote it, when and why."""

    actions = {"GET": Action.READ_RECORDS}
    queries = {"GET": HistoryQuery}

    @extend_schema(
        operation_id="records_history",
        summary="List the versions of a record",
        responses={200: RecordHistory},
    )
    def get(self, request: Request, record_id: UUID) -> Response:
        query, principal = parse_query(request, HistoryQuery), principal_of(request)
        patient = patient_of(request, query.patient, "api/history", EVERYTHING)
        page = history.page(
            patient.pk,
            record_id,
            reader=principal.user_id,
            limit=query.limit,
            cursor=query.cursor,
            as_patient=principal.is_patient,
        )
        if page is None:
            raise NotFoundOrHidden
        versions, following = page
        return Response({"versions": versions, "next": following})
