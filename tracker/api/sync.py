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
from tracker.api import shapes
from tracker.api.doors import Door, SecondTry, chart, is_second_try, limit_of, only, viewer_of
from tracker.api.wire import MOST_BYTES_OF_A_BATCH, Refused, checked
from tracker.clinics.models import Clinic
from tracker.lib import strict_json
from tracker.outbox.tasks import ring
from tracker.sync import changes, intake, receipts
from tracker.sync.work import Receipt, Sent

NOT_WATCHED = (
    "Your care team will see this answer, but nobody watches this app around the clock and it is not an "
    "emergency service."
)


def guidance(principal: Principal) -> dict[str, str]:
    """Return what to show when an answer worries us, in the clinic's words."""
    crisis = Clinic.objects.values_list("crisis_text", flat=True).get(pk=principal.clinic_id)
    return {"crisis_text": crisis, "disclaimer": NOT_WATCHED}


def heeded(principal: Principal, items: list[Any], refused: Refused) -> Refused:
    """Return the refusal of records that were not looked at one by one, once what worries us in them is raised."""
    if intake.heed(principal=principal, items=items[: intake.MOST_RECORDS], at=timezone.now()):
        refused.commits = True
        refused.more["guidance"] = guidance(principal)
        transaction.on_commit(ring)
    return refused


class Push(SecondTry):
    """Take in a batch of records from a phone; sending it twice changes nothing."""

    actions = {"POST": Action.WRITE_RECORDS}
    most_bytes = MOST_BYTES_OF_A_BATCH

    @extend_schema(
        operation_id="sync_push",
        request=shapes.PushRecords,
        responses={200: shapes.PushReceipt, 400: shapes.Problem, 401: shapes.Problem, 403: shapes.Problem,
                   409: shapes.Problem, 410: shapes.Problem, 413: shapes.Problem, 415: shapes.Problem},
    )  # fmt: skip
    def post(self, request: Request) -> Response:
        principal = viewer_of(request)
        try:
            batch, known, receipt = self._received(request)
        except Refused as refused:
            given = request.data.get("records") if isinstance(request.data, dict) else None
            raise heeded(principal, given if isinstance(given, list) else [], refused) from None
        # Past this batch only if the phone has seen all that came before it: a cursor never skips.
        alone = known == receipt.head - len(batch.records)
        cursor = changes.cursor_at(principal, principal.own_patient_id, receipt.head if alone else known)
        body: dict[str, Any] = {
            "receipt": receipt.receipt,
            "results": receipt.results,
            "cursor": cursor,
        }
        if receipt.worried:
            body["guidance"] = guidance(principal)
            transaction.on_commit(ring)
        return Response(body)

    def _received(self, request: Request) -> tuple[shapes.Push, int, Receipt]:
        """Return the batch, the phone's own cursor, and the receipt."""
        principal = viewer_of(request)
        if isinstance(request.data, strict_json.Spoilt):
            raise Refused(400, "bad_text", "A text holds NUL or half a character.")
        batch = checked(shapes.Push, request.data)
        if batch.device != principal.device_id:
            errors = [
                {"pointer": "/device", "code": "not_this_device", "detail": "X-Device names another device."}
            ]
            raise Refused(400, "invalid", "Some fields cannot be taken.", errors)
        try:
            known = changes.read_cursor(principal, principal.own_patient_id, batch.cursor)
            receipt = intake.receive(
                principal=principal,
                sent=Sent(batch.device, batch.key),
                items=batch.records,
                at=timezone.now(),
                one_by_one=is_second_try(request),
            )
        except receipts.KeyReusedError:
            raise Refused(409, "idempotency_key_reused", "This key was used before, with other records.") from None
        except (changes.BadCursorError, changes.EpochChangedError) as problem:
            raise _bad_cursor(problem) from None
        return batch, known, receipt


def _bad_cursor(problem: Exception) -> Refused:
    if isinstance(problem, changes.EpochChangedError):
        return Refused(
            410,
            "epoch_changed",
            "The server was restored from a backup: pull again without a cursor, and push what you sent lately.",
        )
    return Refused(400, "invalid_cursor", "This cursor is not one of ours: start again without.")


class Pull(Door):
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
        responses={200: shapes.PullPage, 400: shapes.Problem, 401: shapes.Problem, 403: shapes.Problem,
                   410: shapes.Problem},
    )  # fmt: skip
    def get(self, request: Request) -> Response:
        only(request, "patient", "cursor", "limit")
        principal, cursor = viewer_of(request), request.query_params.get("cursor")
        limit = limit_of(request, most=500, usual=200)
        # Also where nothing is shared any more: the reader is told what has to go.
        patient_id = chart(request, "api/pull", ()).pk
        try:
            if request.method == "HEAD":
                return Response(headers={"X-Remaining": str(changes.left(principal, patient_id, cursor))})
            page = changes.since(principal, patient_id, cursor, limit)
        except (changes.BadCursorError, changes.EpochChangedError) as problem:
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
