"""Writing one record, by its patient or by a caregiver of hers: who may, ingest, and what is answered."""

import re
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import transaction
from django.urls import reverse
from django.utils import timezone
from rest_framework.request import Request
from rest_framework.response import Response

from tracker.access import caregivers
from tracker.access.chart import open_chart
from tracker.access.principal import Principal
from tracker.api import conditional, guidance
from tracker.api.exceptions import APIProblem, parameter_problem
from tracker.api.views.base import action_of, principal_of
from tracker.clinics.errors import NotFoundOrHidden
from tracker.lib.error_codes import CODES, FIELD_CODES
from tracker.outbox.tasks import wake_delivery
from tracker.records import change_counter, queries
from tracker.records.kinds import KINDS
from tracker.sync import ingest, receipts
from tracker.sync.batch import BatchKey, Receipt
from tracker.sync.writer import Writer

# A client without a queue may be on several devices: its keys are unique among its person's.
_NO_DEVICE = UUID(int=0)
_KEY = re.compile(r"^[A-Za-z0-9._-]{8,80}$")
_REFUSED = frozenset({"conflict", "retry", "rejected"})


@dataclass(frozen=True, slots=True)
class Record:
    """A record that is written: by whom, and in whose name it stands."""

    principal: Principal
    patient_id: UUID

    def current(self, record_id: UUID) -> dict[str, Any]:
        """
        Return the record as it is held.

        :raises NotFoundOrHidden: if there is none that its writer sees.
        """
        return one(self.principal, self.patient_id, record_id)

    def lock(self) -> None:
        """Keep the record as it is until the transaction ends."""
        with Writer.of(self.principal, self.patient_id).whole_record():
            change_counter.lock(self.patient_id)


def of(request: Request, patient_id: UUID | None, purpose: str, kind: Any) -> Record:
    """
    Return whose record a request writes in: the caller's own, or for a caregiver that of the patient whom they name.

    ``kind`` is what stands in the body; a caregiver writes what is shared with them, and of that what a kind lets them.
    Their rights are locked, so that nothing is stored after they were withdrawn.

    :raises NotFoundOrHidden: if the caller may not write there, or there is nobody of that id.
    :raises APIProblem: if a caregiver names no patient.
    """
    principal = principal_of(request)
    if not principal.is_caregiver:
        if patient_id not in (None, principal.own_patient_id):
            raise NotFoundOrHidden
        return Record(principal, principal.own_patient_id)
    if patient_id is None:
        raise parameter_problem("missing_field", "patient")
    principal = caregivers.lock_rights(principal, patient_id, timezone.now)
    known = KINDS.get(kind) if isinstance(kind, str) else None
    shared = {known.category} if known and known.category and known.caregivers_write else set()
    open_chart(
        principal,
        patient_id,
        purpose=purpose,
        at=timezone.now(),
        action=action_of(request),
        categories=shared,
    )
    return Record(principal, patient_id)


def store(request: Request, target: Record, item: Any, *, created: int) -> Response:
    """Put one record through ingest and answer with what is held now."""
    principal = target.principal
    try:
        receipt = ingest.apply_batch(
            principal=principal,
            patient_id=target.patient_id,
            sent=_batch_key(request, principal),
            items=[item],
            at=timezone.now(),
        )
    except receipts.KeyReusedError:
        raise APIProblem("idempotency_key_reused") from None
    result = receipt.results[0]
    if result["status"] in _REFUSED:
        raise _refusal(result)
    record = _record_of(target, receipt, UUID(result["id"]))
    body: dict[str, Any] = {"status": result["status"], "record": record}
    if receipt.alerted:
        body["guidance"] = guidance.of_clinic(principal)
        transaction.on_commit(wake_delivery)
    status = created if result["status"] == "stored" else 200
    headers = {"ETag": tag(record)}
    if status == 201:
        whose = f"?patient={target.patient_id}" if principal.is_caregiver else ""
        headers["Location"] = reverse("record", args=[record["id"]]) + whose
    return Response(body, status, headers=headers)


def _record_of(target: Record, receipt: Receipt, record_id: UUID) -> dict[str, Any]:
    """The record as it is held after the batch: what the batch stored, if it did."""
    rows = receipt.stored()
    if not rows:
        return target.current(record_id)
    return queries.serialize(target.patient_id, rows, as_patient=target.principal.is_patient)[0]


def _batch_key(request: Request, principal: Principal) -> BatchKey | None:
    """The key under which the request may come again, if it names one: nobody has another's."""
    key = request.headers.get("Idempotency-Key")
    if key is None:
        return None
    if not _KEY.match(key):
        raise parameter_problem("bad_format", "Idempotency-Key")
    return BatchKey(principal.user_id if principal.is_caregiver else _NO_DEVICE, key)


def tag(record: dict[str, Any]) -> str:
    """Return the entity tag of a record."""
    return f'"{record["revision"]}"'


def revision_by_if_match(request: Request, target: Record, record_id: UUID) -> int | None:
    """
    Return the revision that is held, which stays it until the transaction ends; None without an ``If-Match``.

    :raises NotFoundOrHidden: if there is no such record: ``*`` makes none.
    :raises APIProblem: 412 with our copy, if ``If-Match`` names other revisions.
    """
    revisions = conditional.revisions_of_if_match(request)
    if revisions is None and not conditional.is_any(request):
        return None
    target.lock()
    record = target.current(record_id)
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


def one(principal: Principal, patient_id: UUID, record_id: UUID) -> dict[str, Any]:
    """
    Return one record as the wire shows it.

    :raises NotFoundOrHidden: if there is none that ``principal`` sees.
    """
    heads = queries.current_versions(patient_id, [record_id])
    if record_id not in heads:
        raise NotFoundOrHidden
    rows = queries.get_many(patient_id, [(heads[record_id].kind, record_id)])
    serialized = queries.serialize(patient_id, rows, as_patient=principal.is_patient)
    if not serialized:
        raise NotFoundOrHidden
    return serialized[0]


def tombstone(record: dict[str, Any]) -> dict[str, Any]:
    """Return the version that removes a record."""
    return {
        "kind": record["kind"],
        "id": str(record["id"]),
        "revision": record["revision"] + 1,
        "recorded_at": record["recorded_at"],
        "time_zone": record["time_zone"],
        "removed": True,
    }
