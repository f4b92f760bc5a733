"""One record at a time, for clients that do not queue: the same intake, and lists to read."""

from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from tracker.api import shapes
from tracker.api.doors import Door, chart, limit_of, only, viewer_of
from tracker.api.sync import guidance
from tracker.api.wire import Refused
from tracker.outbox.tasks import ring
from tracker.people.access import NotYoursError, Viewer
from tracker.people.policy import Action
from tracker.records import held, listing
from tracker.records.kinds import KINDS
from tracker.sync import intake

_PROBLEMS = {400: shapes.Problem, 401: shapes.Problem, 403: shapes.Problem, 404: shapes.Problem}
_REFUSALS = {"conflict": 409, "retry": 409, "rejected": 400}
_PATIENT = OpenApiParameter("patient", UUID, description="for staff: whose records")


def _take(request: Request, item: Any, *, created: int) -> Response:
    """Put one record through the intake and answer with what is held now."""
    viewer = viewer_of(request)
    receipt = intake.receive(viewer=viewer, sent=None, items=[item], at=timezone.now())
    result = receipt.results[0]
    if receipt.worried:
        transaction.on_commit(ring)
    if result["status"] in _REFUSALS:
        raise _refusal(viewer, result, receipt.worried)
    rows = receipt.stored()
    record = (
        held.as_wire(viewer.clinic_id, viewer.own_patient_id, rows, own=True)[0]
        if rows
        else _one(viewer, viewer.own_patient_id, UUID(result["id"]))
    )
    body: dict[str, Any] = {"status": result["status"], "record": record}
    if receipt.worried:
        body["guidance"] = guidance(viewer)
    return Response(body, created if result["status"] == "stored" else 200)


def _refusal(viewer: Viewer, result: dict[str, Any], worried: bool) -> Refused:
    """Return why the record was not stored. An alert that it raised all the same is committed."""
    errors = [{"pointer": "/" + result.get("field", "").replace(".", "/"), "code": result.get("code", "")}]
    more = {"server": result["server"]} if "server" in result else {}
    if worried:
        more["guidance"] = guidance(viewer)
    detail = result.get("detail") or "The record cannot be taken."
    refused = Refused(_REFUSALS[result["status"]], result.get("code", "refused"), detail, errors, **more)
    refused.commits = worried
    return refused


def _one(viewer: Viewer, patient_id: UUID, record_id: UUID) -> dict[str, Any]:
    heads = held.heads(patient_id, [record_id])
    if record_id not in heads:
        raise NotYoursError
    rows = held.by_ids(patient_id, [(heads[record_id][0], record_id)])
    shown = held.as_wire(viewer.clinic_id, patient_id, rows, own=viewer.is_patient)
    if not shown:
        raise NotYoursError
    return shown[0]


class Records(Door):
    """List records, newest first; add one."""

    actions = {"GET": Action.READ_RECORDS, "POST": Action.WRITE_RECORDS}

    @extend_schema(
        operation_id="records_list",
        parameters=[
            _PATIENT,
            OpenApiParameter("kind", str, enum=sorted(KINDS)),
            OpenApiParameter("since", str, description="first local day, YYYY-MM-DD"),
            OpenApiParameter("until", str, description="last local day, YYYY-MM-DD"),
            OpenApiParameter("limit", int, description="1 to 200"),
            OpenApiParameter("cursor", str, description="`next` of the page before"),
        ],
        responses={200: shapes.RecordPage, **_PROBLEMS},
    )
    def get(self, request: Request) -> Response:
        only(request, "patient", "kind", "since", "until", "limit", "cursor")
        patient, own = chart(request, "api/records"), viewer_of(request).is_patient
        asked = {name: request.query_params.get(name) for name in ("kind", "since", "until", "cursor")}
        try:
            rows, following = listing.newest(patient.pk, limit=limit_of(request), own=own, **asked)
        except listing.BadFilterError as problem:
            errors = [{"pointer": problem.name, "code": "invalid"}]
            raise Refused(400, "invalid", "A parameter cannot be taken.", errors) from None
        shown = held.as_wire(patient.clinic_id, patient.pk, rows, own=own)
        return Response({"records": shown, "next": following})

    @extend_schema(
        operation_id="records_add",
        request=shapes.OneRecord,
        responses={200: shapes.RecordReply, 201: shapes.RecordReply, 409: shapes.Problem, **_PROBLEMS},
    )
    def post(self, request: Request) -> Response:
        return _take(request, request.data, created=201)


class OneRecord(Door):
    """Read, amend or remove one record."""

    actions = {
        "GET": Action.READ_RECORDS,
        "PUT": Action.WRITE_RECORDS,
        "DELETE": Action.WRITE_RECORDS,
    }

    @extend_schema(
        operation_id="records_read", parameters=[_PATIENT], responses={200: shapes.HeldRecord, **_PROBLEMS}
    )
    def get(self, request: Request, record_id: UUID) -> Response:
        only(request, "patient")
        patient = chart(request, "api/record")
        return Response(_one(viewer_of(request), patient.pk, record_id))

    @extend_schema(
        operation_id="records_amend",
        request=shapes.OneRecord,
        responses={200: shapes.RecordReply, 409: shapes.Problem, **_PROBLEMS},
    )
    def put(self, request: Request, record_id: UUID) -> Response:
        item = request.data
        if not isinstance(item, dict) or str(item.get("id", "")).lower() != str(record_id):
            raise Refused(
                400, "invalid", "The id in the body is another.", [{"pointer": "/id", "code": "mismatch"}]
            )
        return _take(request, item, created=200)

    @extend_schema(
        operation_id="records_remove",
        parameters=[OpenApiParameter("revision", int, description="the revision held by the client")],
        responses={200: shapes.RecordReply, 409: shapes.Problem, **_PROBLEMS},
    )
    def delete(self, request: Request, record_id: UUID) -> Response:
        only(request, "revision")
        record = _one(viewer_of(request), viewer_of(request).own_patient_id, record_id)
        if record["removed"]:
            return Response({"status": "replayed", "record": record})
        known = request.query_params.get("revision", str(record["revision"]))
        if known != str(record["revision"]):
            raise Refused(409, "newer_version_held", "There is a newer version.", server=record)
        tombstone = {
            "kind": record["kind"],
            "id": str(record_id),
            "revision": record["revision"] + 1,
            "recorded_at": record["recorded_at"].isoformat(),
            "zone": record["zone"],
            "removed": True,
        }
        return _take(request, tombstone, created=200)
