"""Push and pull: the phone's two routes."""

from datetime import date
from typing import Annotated, Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from pydantic import BaseModel, Field
from rest_framework.request import Request
from rest_framework.response import Response

from tracker.access.policy import Action
from tracker.api import guidance
from tracker.api.consent_schemas import Named
from tracker.api.exceptions import APIProblem, field_problem
from tracker.api.openapi import problems
from tracker.api.parsers import MAX_BATCH_BYTES, validate
from tracker.api.queries import DIGITS, NoParameters, OfPatient, parse_query
from tracker.api.record_schemas import HeldRecord, RecordIn
from tracker.api.schemas import FieldProblem, Guidance
from tracker.api.views.base import (
    ClinicalAPIView,
    patient_of,
    principal_of,
)
from tracker.lib.cursors import InvalidCursor
from tracker.lib.strict_model import Id, StrictModel, code_from
from tracker.lib.strict_text import STORABLE
from tracker.outbox.tasks import wake_delivery
from tracker.records.kinds.questionnaire import Scoring
from tracker.sync import ingest, pull, receipts
from tracker.sync.batch import BatchKey, Receipt
from tracker.sync.merge import Status
from tracker.treatment.session_list import TreatmentSessionOut


class Batch(StrictModel):
    """
    A batch of up to 500 records, each still to be looked at on its own. The same ``key`` again gets the same receipt.

    ``cursor`` is the phone's own pull cursor, if it has one: where nothing happened in between, the reply's
    goes past this batch.
    """

    key: Annotated[str, Field(min_length=8, max_length=80, pattern=r"^[A-Za-z0-9._-]+$")]
    device: Id
    records: Annotated[list[Any], Field(max_length=ingest.MAX_RECORDS)]
    cursor: Annotated[str, Field(max_length=400), STORABLE] | None = None


class PushIn(Batch):
    """
    A batch of up to 500 records; each gets a status of its own. The same ``key`` again gets the same receipt.

    ``device`` is that of ``X-Device``. ``cursor`` is the phone's own pull cursor, if it has one: where nothing happened
    in between, the reply's goes past this batch.
    """

    records: Annotated[list[RecordIn], Field(max_length=ingest.MAX_RECORDS)]


class PushResult(BaseModel):
    """
    What became of one record, in the order sent.

    A record that is rejected has no ``revision``. Of ``replayed`` it is the one that was sent: there may be newer ones.
    """

    id: str | None
    status: code_from("PushStatus", Status)  # type: ignore[valid-type]
    revision: int | None = None
    local_date: date | None = Field(
        default=None, description="the day of a record that is stored or replayed, unless it is a tombstone"
    )
    code: str | None = None
    pointer: str | None = None
    detail: str | None = None
    errors: list[FieldProblem] | None = Field(
        default=None, description="all that is wrong with the record, where that is more than one thing"
    )
    server: HeldRecord | None = None
    scoring: Scoring | None = Field(
        default=None,
        description="of a questionnaire response that is stored",
    )
    capacity_guard: bool | None = Field(
        default=None,
        description="true of answers that are kept and do not count, since they were given too soon after a dose: "
        "tell the person",
    )


class PushReceipt(BaseModel):
    """The reply to a push."""

    receipt: UUID
    results: list[PushResult]
    guidance: Guidance | None = None
    alerted: bool | None = Field(
        default=None,
        description="beside guidance: true if an answer raised an alert, by whatever rule; false if none did and a "
        "record was rejected",
    )
    cursor: str


class PullPage(BaseModel):
    """
    What changed since the cursor, in order: records, and treatment sessions, which the care team records.

    ``unreadable`` are records whose text we cannot decrypt at present, without their data: a copy of it is kept.
    ``revoked_ids`` and ``revoked_categories`` are what the reader may no longer see: their copies of it have to go.
    """

    records: list[HeldRecord]
    sessions: list[TreatmentSessionOut]
    unreadable: list[HeldRecord]
    revoked_ids: list[UUID]
    revoked_categories: list[Named]
    cursor: str
    more: bool


class PullQuery(StrictModel):
    """Whose records, from where, and how many."""

    patient: OfPatient | None = None
    cursor: (
        Annotated[
            str,
            Field(max_length=400, description="as given by the last pull; none: from the beginning"),
            STORABLE,
        ]
        | None
    ) = None
    limit: Annotated[int, Field(ge=1, le=500, description="1 to 500"), DIGITS] = 200


class Push(ClinicalAPIView):
    """Take in a batch of records from a phone; sending it twice changes nothing."""

    actions = {"POST": Action.PUSH_RECORDS}
    queries = {"POST": NoParameters}
    max_body_bytes = MAX_BATCH_BYTES

    @extend_schema(
        operation_id="sync_push",
        summary="Send records",
        request=PushIn,
        responses={200: PushReceipt, **problems("idempotency_key_reused", "epoch_changed")},
    )
    def post(self, request: Request) -> Response:
        principal = principal_of(request)
        batch, known, receipt = self._received(request)
        # Past this batch only if the phone has seen all that came before it: a cursor never skips.
        alone = known == receipt.head - len(batch.records)
        cursor = pull.cursor_at(principal, principal.own_patient_id, receipt.head if alone else known)
        body: dict[str, Any] = {
            "receipt": receipt.receipt,
            "results": receipt.results,
            "cursor": cursor,
        }
        # With every refusal too: what was refused may hold an answer that nobody could make out.
        if receipt.alerted or any(result["status"] == Status.REJECTED for result in receipt.results):
            words = guidance.of_refusal(principal, alerted=receipt.alerted)
            body |= {"guidance": words, "alerted": receipt.alerted}
        if receipt.alerted:
            transaction.on_commit(wake_delivery)
        return Response(body)

    def _received(self, request: Request) -> tuple[Batch, int, Receipt]:
        """Return the batch, the phone's own cursor, and the receipt."""
        principal = principal_of(request)
        parse_query(request, NoParameters)
        batch = validate(Batch, request.data)
        if batch.device != principal.device_id:
            raise field_problem("not_this_device", "device")
        try:
            known = pull.read_cursor(principal, principal.own_patient_id, batch.cursor)
            receipt = ingest.apply_batch(
                principal=principal,
                sent=BatchKey(batch.device, batch.key),
                items=batch.records,
                at=timezone.now(),
            )
        except receipts.KeyReusedError:
            raise APIProblem("idempotency_key_reused") from None
        except InvalidCursor:
            raise APIProblem("invalid_cursor") from None
        except pull.EpochChangedError:
            raise APIProblem("epoch_changed") from None
        return batch, known, receipt


class Pull(ClinicalAPIView):
    """
    Hand out what changed since a cursor, in order, tombstones included.

    HEAD says in ``X-Remaining`` how many records are left to pull.
    """

    actions = {"GET": Action.READ_RECORDS}
    queries = {"GET": PullQuery}

    @extend_schema(
        operation_id="sync_pull",
        summary="Fetch what changed",
        responses={200: PullPage, **problems("epoch_changed")},
    )
    def get(self, request: Request) -> Response:
        query, principal = parse_query(request, PullQuery), principal_of(request)
        # Also where nothing is shared any more: the reader is told what has to go.
        patient_id = patient_of(request, query.patient, "api/pull", ()).pk
        try:
            if request.method == "HEAD":
                remaining = pull.remaining(principal, patient_id, query.cursor)
                return Response(headers={"X-Remaining": str(remaining)})
            page = pull.page(principal, patient_id, query.cursor, query.limit)
        except pull.EpochChangedError:
            raise APIProblem("epoch_changed") from None
        return Response(
            {
                "records": page.records,
                "sessions": page.sessions,
                "unreadable": page.unreadable,
                "revoked_ids": page.revoked_ids,
                "revoked_categories": page.revoked_categories,
                "cursor": page.cursor,
                "more": page.more,
            }
        )
