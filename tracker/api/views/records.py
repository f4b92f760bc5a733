"""One record at a time, for clients that do not queue: the same ingest, and lists to read."""

import re
from collections.abc import Collection
from typing import Annotated, Any, Literal
from uuid import UUID

from django.db import transaction
from django.urls import reverse
from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from pydantic import BaseModel, Field
from rest_framework.request import Request
from rest_framework.response import Response

from tracker.access.policy import EVERYTHING, Action, Category
from tracker.access.principal import Principal
from tracker.api import conditional, guidance
from tracker.api.exceptions import APIProblem, field_problem, parameter_problem
from tracker.api.openapi import LOCATION, problems
from tracker.api.queries import (
    DIGITS,
    Cursor,
    FirstDay,
    LastDay,
    Limit,
    NoParameters,
    OfMeasure,
    OfPatient,
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
from tracker.lib.error_codes import CODES, FIELD_CODES
from tracker.lib.strict_model import StrictModel, code_from
from tracker.outbox.tasks import wake_delivery
from tracker.records import change_counter, history, pages, queries
from tracker.records.kinds import KINDS
from tracker.sync import ingest, receipts
from tracker.sync.batch import BatchKey, Receipt

# A client without a queue may be on several devices: its keys are unique among its person's.
_NO_DEVICE = UUID(int=0)
_KEY = re.compile(r"^[A-Za-z0-9._-]{8,80}$")
_KEY_HEADER = OpenApiParameter(
    "Idempotency-Key", str, OpenApiParameter.HEADER, description="the same key again gets the same answer"
)
_MATCH_HEADER = OpenApiParameter(
    "If-Match",
    str,
    OpenApiParameter.HEADER,
    description="the ETag of the version that this one follows; `*` for whichever is held",
)
_REFUSED = frozenset({"conflict", "retry", "rejected"})
_CONFLICTS = problems(
    "idempotency_key_reused", "newer_version_held", "missing_base_revision", body=RecordConflict
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


class RemovalQuery(StrictModel):
    """The revision that the client holds."""

    revision: (
        Annotated[int, Field(ge=1, le=2_000_000_000, description="the revision held by the client"), DIGITS]
        | None
    ) = None


def _categories(kind: str | None) -> Collection[Category]:
    """What a list is about: one category if it is of one kind; the questionnaires are of several."""
    known = KINDS[kind].category if kind is not None and kind in KINDS else None
    return {known} if known else EVERYTHING


def _ingest(request: Request, item: Any, key: BatchKey | None, *, created: int) -> Response:
    """Put one record through ingest and answer with what is held now."""
    principal = principal_of(request)
    try:
        receipt = ingest.apply_batch(
            principal=principal,
            sent=key,
            items=[item],
            at=timezone.now(),
        )
    except receipts.KeyReusedError:
        raise APIProblem("idempotency_key_reused") from None
    result = receipt.results[0]
    if result["status"] in _REFUSED:
        raise _refusal(result)
    record = _record_of(principal, receipt, UUID(result["id"]))
    body: dict[str, Any] = {"status": result["status"], "record": record}
    if receipt.alerted:
        body["guidance"] = guidance.of_clinic(principal)
        transaction.on_commit(wake_delivery)
    status = created if result["status"] == "stored" else 200
    headers = {"ETag": _tag(record)}
    if status == 201:
        headers["Location"] = reverse("record", args=[record["id"]])
    return Response(body, status, headers=headers)


def _record_of(principal: Principal, receipt: Receipt, record_id: UUID) -> dict[str, Any]:
    """The record as it is held after the batch: what the batch stored, if it did."""
    rows = receipt.stored()
    if not rows:
        return _one(principal, principal.own_patient_id, record_id)
    return queries.serialize(principal.own_patient_id, rows, as_patient=True)[0]


def _batch_key(request: Request) -> BatchKey | None:
    """The key under which the request may come again, if it names one."""
    key = request.headers.get("Idempotency-Key")
    if key is None:
        return None
    if not _KEY.match(key):
        raise parameter_problem("bad_format", "Idempotency-Key")
    return BatchKey(_NO_DEVICE, key)


def _tag(record: dict[str, Any]) -> str:
    return f'"{record["revision"]}"'


def _revision_by_if_match(request: Request, principal: Principal, record_id: UUID) -> int | None:
    """
    Return the revision that is held, which stays it until the transaction ends; None without an ``If-Match``.

    :raises NotFoundOrHidden: if there is no such record: ``*`` makes none.
    :raises APIProblem: 412 with our copy, if ``If-Match`` names other revisions.
    """
    revisions = conditional.revisions_of_if_match(request)
    if revisions is None and not conditional.is_any(request):
        return None
    change_counter.lock(principal.own_patient_id)
    record = _one(principal, principal.own_patient_id, record_id)
    if revisions is not None and record["revision"] not in revisions:
        raise APIProblem("precondition_failed", server=record)
    return int(record["revision"])


def _refusal(result: dict[str, Any]) -> APIProblem:
    """Return why the record was not stored."""
    more = {"server": result["server"]} if "server" in result else {}
    code = result["code"]
    if code in CODES and code not in FIELD_CODES:
        return APIProblem(code, **more)
    error = {"pointer": result.get("pointer", ""), "code": code, "detail": result.get("detail", "")}
    return APIProblem("invalid", result.get("errors", [error]), **more)


def _one(principal: Principal, patient_id: UUID, record_id: UUID) -> dict[str, Any]:
    heads = queries.current_versions(patient_id, [record_id])
    if record_id not in heads:
        raise NotFoundOrHidden
    rows = queries.get_many(patient_id, [(heads[record_id].kind, record_id)])
    serialized = queries.serialize(patient_id, rows, as_patient=principal.is_patient)
    if not serialized:
        raise NotFoundOrHidden
    return serialized[0]


class Records(ClinicalAPIView):
    """List records, newest first; add one."""

    actions = {"GET": Action.READ_RECORDS, "POST": Action.WRITE_RECORDS}
    queries = {"GET": RecordsQuery, "POST": NoParameters}

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
        parse_query(request, NoParameters)
        return _ingest(request, request.data, _batch_key(request), created=201)


class OneRecord(ClinicalAPIView):
    """Read, amend or remove one record."""

    actions = {
        "GET": Action.READ_RECORDS,
        "PUT": Action.WRITE_RECORDS,
        "DELETE": Action.WRITE_RECORDS,
    }
    queries = {"GET": RecordQuery, "PUT": NoParameters, "DELETE": RemovalQuery}

    @extend_schema(
        operation_id="records_read", summary="Read a record", responses={200: HeldRecord, 304: None}
    )
    def get(self, request: Request, record_id: UUID) -> Response:
        query = parse_query(request, RecordQuery)
        patient = patient_of(request, query.patient, "api/record", EVERYTHING)
        record = _one(principal_of(request), patient.pk, record_id)
        return Response(record, headers={"ETag": _tag(record)})

    @extend_schema(
        operation_id="records_amend",
        summary="Amend a record",
        parameters=[_KEY_HEADER, _MATCH_HEADER],
        request=RecordIn,
        responses={200: RecordReply, **_CONFLICTS, **_FAILED_PRECONDITION},
    )
    def put(self, request: Request, record_id: UUID) -> Response:
        item, principal = request.data, principal_of(request)
        parse_query(request, NoParameters)
        key = _batch_key(request)
        item = self._with_revision(request, principal, record_id, item)
        return _ingest(request, item, key, created=200)

    def _with_revision(self, request: Request, principal: Principal, record_id: UUID, item: Any) -> Any:
        """Return the record with the revision that ``If-Match`` gives it, if it names one."""
        if not isinstance(item, dict) or str(item.get("id", "")).lower() != str(record_id):
            raise field_problem("mismatch", "id")
        revision = _revision_by_if_match(request, principal, record_id)
        return item if revision is None else {"revision": revision + 1} | item

    @extend_schema(
        operation_id="records_remove",
        summary="Remove a record",
        parameters=[_KEY_HEADER, _MATCH_HEADER],
        responses={200: RecordReply, **_CONFLICTS, **_FAILED_PRECONDITION},
    )
    def delete(self, request: Request, record_id: UUID) -> Response:
        query, principal = parse_query(request, RemovalQuery), principal_of(request)
        record = _one(principal, principal.own_patient_id, record_id)
        if record["removed"]:
            return Response({"status": "replayed", "record": record})
        _revision_by_if_match(request, principal, record_id)
        if query.revision not in (None, record["revision"]):
            raise APIProblem("newer_version_held", server=record)
        return _ingest(request, _tombstone(record), _batch_key(request), created=200)


def _tombstone(record: dict[str, Any]) -> dict[str, Any]:
    return {
        "kind": record["kind"],
        "id": str(record["id"]),
        "revision": record["revision"] + 1,
        "recorded_at": record["recorded_at"],
        "time_zone": record["time_zone"],
        "removed": True,
    }


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
