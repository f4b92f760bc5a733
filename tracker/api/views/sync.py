"""Push and pull: the phone's two routes."""

from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from tracker.access.policy import Action
from tracker.access.principal import Principal
from tracker.api import schemas
from tracker.api.exceptions import APIProblem
from tracker.api.parsers import MAX_BATCH_BYTES, validate
from tracker.api.views.base import (
    ClinicalAPIView,
    RecordsAPIView,
    limit_of,
    only,
    patient_of,
    principal_of,
)
from tracker.clinics.models import Clinic
from tracker.lib import strict_json
from tracker.outbox.tasks import wake_delivery
from tracker.sync import ingest, pull, receipts
from tracker.sync.batch import BatchKey, Receipt

NOT_WATCHED = (
    "Your care team will see this answer, but nobody watches this app around the clock and it is not an "
    "emergency service."
)


def guidance(principal: Principal) -> dict[str, str]:
    """Return what to show when an answer raised an alert, in the clinic's words."""
    crisis = Clinic.objects.values_list("crisis_text", flat=True).get(pk=principal.clinic_id)
    return {"crisis_text": crisis, "disclaimer": NOT_WATCHED}


def refusal_with_alerts(principal: Principal, items: list[Any], refused: APIProblem) -> APIProblem:
    """Raise alerts for safety answers in a rejected body; return the error, with guidance if any was raised."""
    if ingest.raise_alerts_for_rejected(principal=principal, items=items, at=timezone.now()):
        refused.commits = True
        refused.more["guidance"] = guidance(principal)
        transaction.on_commit(wake_delivery)
    return refused


class Push(RecordsAPIView):
    """Take in a batch of records from a phone; sending it twice changes nothing."""

    actions = {"POST": Action.WRITE_RECORDS}
    max_body_bytes = MAX_BATCH_BYTES

    @extend_schema(
        operation_id="sync_push",
        request=schemas.PushRecords,
        responses={200: schemas.PushReceipt, 400: schemas.Problem, 401: schemas.Problem, 403: schemas.Problem,
                   409: schemas.Problem, 410: schemas.Problem, 413: schemas.Problem, 415: schemas.Problem},
    )  # fmt: skip
    def post(self, request: Request) -> Response:
        principal = principal_of(request)
        try:
            batch, known, receipt = self._received(request)
        except APIProblem as refused:
            given = request.data.get("records") if isinstance(request.data, dict) else None
            raise refusal_with_alerts(principal, given if isinstance(given, list) else [], refused) from None
        # Past this batch only if the phone has seen all that came before it: a cursor never skips.
        alone = known == receipt.head - len(batch.records)
        cursor = pull.cursor_at(principal, principal.own_patient_id, receipt.head if alone else known)
        body: dict[str, Any] = {
            "receipt": receipt.receipt,
            "results": receipt.results,
            "cursor": cursor,
        }
        if receipt.alerted:
            body["guidance"] = guidance(principal)
            transaction.on_commit(wake_delivery)
        return Response(body)

    def _received(self, request: Request) -> tuple[schemas.Push, int, Receipt]:
        """Return the batch, the phone's own cursor, and the receipt."""
        principal = principal_of(request)
        if isinstance(request.data, strict_json.Spoilt):
            raise APIProblem(400, "bad_text", "A text holds NUL or half a character.")
        batch = validate(schemas.Push, request.data)
        if batch.device != principal.device_id:
            errors = [
                {"pointer": "/device", "code": "not_this_device", "detail": "X-Device names another device."}
            ]
            raise APIProblem(400, "invalid", "Some fields cannot be taken.", errors)
        try:
            known = pull.read_cursor(principal, principal.own_patient_id, batch.cursor)
            receipt = ingest.apply_batch(
                principal=principal,
                sent=BatchKey(batch.device, batch.key),
                items=batch.records,
                at=timezone.now(),
            )
        except receipts.KeyReusedError:
            raise APIProblem(
                409, "idempotency_key_reused", "This key was used before, with other records."
            ) from None
        except (pull.BadCursorError, pull.EpochChangedError) as problem:
            raise _bad_cursor(problem) from None
        return batch, known, receipt


def _bad_cursor(problem: Exception) -> APIProblem:
    if isinstance(problem, pull.EpochChangedError):
        return APIProblem(
            410,
            "epoch_changed",
            "The server was restored from a backup: pull again without a cursor, and push what you sent lately.",
        )
    return APIProblem(400, "invalid_cursor", "This cursor is not one of ours: start again without.")


class Pull(ClinicalAPIView):
    """
    Hand out what changed since a cursor, in order, tombstones included.

    HEAD says in ``X-Remaining`` how many records are left to pull.
    """

    actions = {"GET": Action.READ_RECORDS}

    @extend_schema(
        operation_id="sync_pull",
        parameters=[
            OpenApiParameter("patient", UUID, description="for caregivers and staff: whose records"),
            OpenApiParameter(
                "cursor", str, description="as given by the last pull; none: from the beginning"
            ),
            OpenApiParameter("limit", int, description="1 to 500"),
        ],
        responses={200: schemas.PullPage, 400: schemas.Problem, 401: schemas.Problem, 403: schemas.Problem,
                   410: schemas.Problem},
    )  # fmt: skip
    def get(self, request: Request) -> Response:
        only(request, "patient", "cursor", "limit")
        principal, cursor = principal_of(request), request.query_params.get("cursor")
        limit = limit_of(request, most=500, usual=200)
        # Also where nothing is shared any more: the reader is told what has to go.
        patient_id = patient_of(request, "api/pull", ()).pk
        try:
            if request.method == "HEAD":
                return Response(headers={"X-Remaining": str(pull.remaining(principal, patient_id, cursor))})
            page = pull.page(principal, patient_id, cursor, limit)
        except (pull.BadCursorError, pull.EpochChangedError) as problem:
            raise _bad_cursor(problem) from None
        return Response(
            {
                "records": page.records,
                "revoked_ids": page.revoked_ids,
                "revoked_categories": page.revoked_categories,
                "cursor": page.cursor,
                "more": page.more,
            }
        )
