"""One record at a time, for clients that do not queue: the same ingest, and lists to read."""

import re
from collections.abc import Collection
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from tracker.access.policy import EVERYTHING, Action, Category
from tracker.access.principal import Principal
from tracker.api import schemas
from tracker.api.exceptions import APIProblem
from tracker.api.views.base import (
    ClinicalAPIView,
    RecordsAPIView,
    is_retry_by_record,
    limit_of,
    only,
    patient_of,
    principal_of,
)
from tracker.api.views.sync import guidance, refusal_with_alerts
from tracker.clinics.errors import NotFoundOrHidden
from tracker.outbox.tasks import wake_delivery
from tracker.records import history, pages, queries
from tracker.records.kinds import KINDS
from tracker.sync import ingest, receipts
from tracker.sync.batch import BatchKey

_PROBLEMS = {400: schemas.Problem, 401: schemas.Problem, 403: schemas.Problem, 404: schemas.Problem}
_FILTERS = ("kind", "measure", "since", "until", "cursor")
_REFUSALS = {"conflict": 409, "retry": 409, "rejected": 400}
# A client without a queue may have no device of its own: its keys are unique among its person's.
_NO_DEVICE = UUID(int=0)
_KEY = re.compile(r"^[A-Za-z0-9._-]{8,80}$")
_TAG = re.compile(r'^(?:W/)?"([1-9][0-9]{0,9})"$')
_KEY_HEADER = OpenApiParameter(
    "Idempotency-Key", str, OpenApiParameter.HEADER, description="the same key again gets the same answer"
)
_MATCH_HEADER = OpenApiParameter(
    "If-Match", str, OpenApiParameter.HEADER, description="the ETag of the version that this one follows"
)
_PATIENT = OpenApiParameter("patient", UUID, description="for staff: whose records")


def _asked(kind: str | None) -> Collection[Category]:
    """What a list is about: one category if it is of one kind; the questionnaires are of several."""
    known = KINDS[kind].category if kind is not None and kind in KINDS else None
    return {known} if known else EVERYTHING


def _take(request: Request, item: Any, *, created: int) -> Response:
    """Put one record through ingest and answer with what is held now."""
    principal = principal_of(request)
    try:
        receipt = ingest.apply_batch(
            principal=principal,
            sent=_sent(request),
            items=[item],
            at=timezone.now(),
            one_by_one=is_retry_by_record(request),
        )
    except receipts.KeyReusedError:
        reused = APIProblem(409, "idempotency_key_reused", "This key was used before, with another record.")
        raise refusal_with_alerts(principal, [item], reused) from None
    result = receipt.results[0]
    if receipt.alerted:
        transaction.on_commit(wake_delivery)
    if result["status"] in _REFUSALS:
        raise _refusal(principal, result, receipt.alerted)
    rows = receipt.stored()
    record = (
        queries.serialize(principal.own_patient_id, rows, as_patient=True)[0]
        if rows
        else _one(principal, principal.own_patient_id, UUID(result["id"]))
    )
    body: dict[str, Any] = {"status": result["status"], "record": record}
    if receipt.alerted:
        body["guidance"] = guidance(principal)
    status = created if result["status"] == "stored" else 200
    return Response(body, status, headers={"ETag": _tag(record)})


def _sent(request: Request) -> BatchKey | None:
    """The key under which the request may come again, if it names one."""
    key = request.headers.get("Idempotency-Key")
    if key is None:
        return None
    if not _KEY.match(key):
        errors = [{"parameter": "Idempotency-Key", "code": "bad_format"}]
        raise APIProblem(400, "invalid", "Idempotency-Key: 8 to 80 letters, digits, . _ or -.", errors)
    return BatchKey(_NO_DEVICE, key)


def _tag(record: dict[str, Any]) -> str:
    return f'"{record["revision"]}"'


def _revision_wanted(request: Request) -> int | None:
    """The revision that ``If-Match`` names; None if there is no such header."""
    given = request.headers.get("If-Match")
    if given is None:
        return None
    found = _TAG.match(given.strip())
    if found is None:
        errors = [{"parameter": "If-Match", "code": "bad_format"}]
        raise APIProblem(400, "invalid", 'If-Match: the ETag of the record, such as "3".', errors)
    return int(found[1])


def _only_if_held(principal: Principal, record_id: UUID, wanted: int) -> None:
    """
    Go on only if ``wanted`` is the revision that is held.

    :raises Refused: 412 with our copy.
    """
    record = _one(principal, principal.own_patient_id, record_id)
    if record["revision"] != wanted:
        raise APIProblem(412, "newer_version_held", "There is another version.", server=record)


def _refusal(principal: Principal, result: dict[str, Any], alerted: bool) -> APIProblem:
    """Return why the record was not stored. An alert that it raised all the same is committed."""
    names = ("pointer", "code", "detail")
    errors = [{name: result[name] for name in names if name in result}] if "pointer" in result else []
    more = {"server": result["server"]} if "server" in result else {}
    if alerted:
        more["guidance"] = guidance(principal)
    detail = result.get("detail") or "The record cannot be taken."
    refused = APIProblem(_REFUSALS[result["status"]], result.get("code", "refused"), detail, errors, **more)
    refused.commits = alerted
    return refused


def _one(principal: Principal, patient_id: UUID, record_id: UUID) -> dict[str, Any]:
    heads = queries.current_versions(patient_id, [record_id])
    if record_id not in heads:
        raise NotFoundOrHidden
    rows = queries.get_many(patient_id, [(heads[record_id].kind, record_id)])
    shown = queries.serialize(patient_id, rows, as_patient=principal.is_patient)
    if not shown:
        raise NotFoundOrHidden
    return shown[0]


class Records(RecordsAPIView):
    """List records, newest first; add one."""

    actions = {"GET": Action.READ_RECORDS, "POST": Action.WRITE_RECORDS}

    @extend_schema(
        operation_id="records_list",
        parameters=[
            _PATIENT,
            OpenApiParameter("kind", str, enum=sorted(KINDS)),
            OpenApiParameter("measure", str, description="only records that tell of this measure"),
            OpenApiParameter("since", str, description="first local day, YYYY-MM-DD"),
            OpenApiParameter("until", str, description="last local day, YYYY-MM-DD"),
            OpenApiParameter("limit", int, description="1 to 200"),
            OpenApiParameter("cursor", str, description="`next` of the page before"),
        ],
        responses={200: schemas.RecordPage, **_PROBLEMS},
    )
    def get(self, request: Request) -> Response:
        only(request, "patient", "kind", "measure", "since", "until", "limit", "cursor")
        patient = patient_of(request, "api/records", _asked(request.query_params.get("kind")))
        as_patient = principal_of(request).is_patient
        asked = {name: request.query_params.get(name) for name in _FILTERS}
        try:
            rows, following = pages.newest(
                patient.pk, limit=limit_of(request), as_patient=as_patient, **asked
            )
        except pages.BadFilterError as problem:
            errors = [{"parameter": problem.name, "code": "invalid"}]
            raise APIProblem(400, "invalid", "A parameter cannot be taken.", errors) from None
        shown = queries.serialize(patient.pk, rows, as_patient=as_patient)
        return Response({"records": shown, "next": following})

    @extend_schema(
        operation_id="records_add",
        parameters=[_KEY_HEADER],
        request=schemas.OneRecord,
        responses={200: schemas.RecordReply, 201: schemas.RecordReply, 409: schemas.Problem, **_PROBLEMS},
    )
    def post(self, request: Request) -> Response:
        return _take(request, request.data, created=201)


class OneRecord(RecordsAPIView):
    """Read, amend or remove one record."""

    actions = {
        "GET": Action.READ_RECORDS,
        "PUT": Action.WRITE_RECORDS,
        "DELETE": Action.WRITE_RECORDS,
    }

    @extend_schema(
        operation_id="records_read",
        parameters=[_PATIENT],
        responses={200: schemas.HeldRecord, 304: None, **_PROBLEMS},
    )
    def get(self, request: Request, record_id: UUID) -> Response:
        only(request, "patient")
        patient = patient_of(request, "api/record", EVERYTHING)
        record = _one(principal_of(request), patient.pk, record_id)
        tag = _tag(record)
        if request.headers.get("If-None-Match", "").strip() == tag:
            return Response(status=304, headers={"ETag": tag})
        return Response(record, headers={"ETag": tag})

    @extend_schema(
        operation_id="records_amend",
        parameters=[_KEY_HEADER, _MATCH_HEADER],
        request=schemas.OneRecord,
        responses={200: schemas.RecordReply, 409: schemas.Problem, 412: schemas.Problem, **_PROBLEMS},
    )
    def put(self, request: Request, record_id: UUID) -> Response:
        item, principal = request.data, principal_of(request)
        try:
            item = self._following(request, principal, record_id, item)
        except APIProblem as refused:
            raise refusal_with_alerts(principal, [item], refused) from None
        return _take(request, item, created=200)

    def _following(self, request: Request, principal: Principal, record_id: UUID, item: Any) -> Any:
        """Return the record with the revision that ``If-Match`` gives it, if it names one."""
        if not isinstance(item, dict) or str(item.get("id", "")).lower() != str(record_id):
            raise APIProblem(
                400, "invalid", "The id in the body is another.", [{"pointer": "/id", "code": "mismatch"}]
            )
        wanted = _revision_wanted(request)
        if wanted is None:
            return item
        _only_if_held(principal, record_id, wanted)
        return type(item)({"revision": wanted + 1} | item)

    @extend_schema(
        operation_id="records_remove",
        parameters=[
            OpenApiParameter("revision", int, description="the revision held by the client"),
            _KEY_HEADER,
            _MATCH_HEADER,
        ],
        responses={200: schemas.RecordReply, 409: schemas.Problem, 412: schemas.Problem, **_PROBLEMS},
    )
    def delete(self, request: Request, record_id: UUID) -> Response:
        only(request, "revision")
        record = _one(principal_of(request), principal_of(request).own_patient_id, record_id)
        if record["removed"]:
            return Response({"status": "replayed", "record": record})
        wanted = _revision_wanted(request)
        if wanted is not None:
            _only_if_held(principal_of(request), record_id, wanted)
        known = request.query_params.get("revision", str(record["revision"]))
        if known != str(record["revision"]):
            raise APIProblem(409, "newer_version_held", "There is a newer version.", server=record)
        tombstone = {
            "kind": record["kind"],
            "id": str(record_id),
            "revision": record["revision"] + 1,
            "recorded_at": record["recorded_at"].isoformat(),
            "time_zone": record["time_zone"],
            "removed": True,
        }
        return _take(request, tombstone, created=200)


class History(ClinicalAPIView):
    """Every version of one record, the newest first: what it said, who wrote it, when and why."""

    actions = {"GET": Action.READ_RECORDS}

    @extend_schema(
        operation_id="records_history",
        parameters=[_PATIENT],
        responses={200: schemas.RecordHistory, **_PROBLEMS},
    )
    def get(self, request: Request, record_id: UUID) -> Response:
        only(request, "patient")
        patient = patient_of(request, "api/history", EVERYTHING)
        as_patient = principal_of(request).is_patient
        found = history.versions(patient.clinic_id, patient.pk, record_id, as_patient=as_patient)
        if not found:
            raise NotFoundOrHidden
        return Response({"versions": found})
