"""
Refused writes of a patient: no refusal hides a positive safety answer, whatever it was refused for.

The bytes that were sent are read once more, leniently. What can be made out raises alerts, in a transaction of its own;
what cannot be read at all is counted for operations. Every refusal carries the crisis text.
"""

from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from typing import Any

from django.db import transaction
from django.http import HttpRequest
from django.http.request import UnreadablePostError
from django.utils import timezone
from rest_framework.exceptions import APIException
from rest_framework.views import APIView

from tracker.access.principal import InactiveUser, Principal, load_principal
from tracker.accounts import request_throttle
from tracker.alerts import unread_writes
from tracker.api import guidance
from tracker.lib import lenient_json, logs
from tracker.outbox.tasks import wake_delivery
from tracker.sync import ingest, safety

log = logs.get(__name__)
# As sent and as inflated. The web server drains no more either (``lib.wsgi``).
MOST_BYTES = 16 * 1024 * 1024
LEAST_BYTES = 128 * 1024
_WRITES = frozenset({"POST", "PUT", "PATCH", "DELETE"})


def scan(view: APIView, response: Any) -> None:
    """
    Raise alerts for the safety answers of a refused write; put crisis text and ``alerted`` into its problem.

    :raises DatabaseError: if the alert cannot be written: then the refusal must not be told.
    """
    if view.request.method not in _WRITES:
        return
    if response.status_code >= 500:
        response.data |= {"guidance": guidance.ANYWHERE}
        return
    with suppress(InactiveUser), transaction.atomic():
        sender = _sender(view)
        if sender is None:
            response.data |= {"guidance": guidance.ANYWHERE, "alerted": False}
        elif sender.is_patient:
            alerted = _raise_alerts(view.request._request, sender, response.data["code"])
            response.data |= {"guidance": guidance.of_refusal(sender, alerted=alerted), "alerted": alerted}


def _sender(view: APIView) -> Principal | None:
    """Whose token came with the request, though it may have been refused; None if nobody's did."""
    request = view.request._request
    if not hasattr(request, "token_holder"):
        # Refused before anybody asked who it is.
        with suppress(APIException):
            _ = view.request.user
    holder: Principal | None = getattr(request, "token_holder", None)
    return load_principal(holder.user_id, timezone.now()) if holder else None


def _raise_alerts(request: HttpRequest, sender: Principal, code: str) -> bool:
    at, deadline = timezone.now(), safety.Deadline()
    body, is_whole = _body(request)
    plain, is_plain = lenient_json.inflate(body, _most_plain_bytes(sender))
    documents = lenient_json.decode(plain)
    alerted = ingest.raise_alerts_for_refused(principal=sender, documents=documents, at=at, deadline=deadline)
    transaction.on_commit(partial(_charge, sender, deadline))
    if alerted:
        transaction.on_commit(wake_delivery)
    is_read = is_whole and is_plain and not deadline.has_passed and _are_read(documents)
    if body and not is_read:
        log.warning("refused write could not be read", error=code)
        unread_writes.count(at)
    return alerted


def _most_plain_bytes(sender: Principal) -> int:
    """How much of a refused body is scanned: of whoever keeps processors busy with them, a single record's worth."""
    try:
        request_throttle.check(request_throttle.SCAN, sender.user_id)
    except request_throttle.TooManyRequests:
        return LEAST_BYTES
    return MOST_BYTES


def _charge(sender: Principal, deadline: safety.Deadline) -> None:
    request_throttle.count(request_throttle.SCAN, sender.user_id, round(1000 * deadline.seconds_used))


def _are_read(documents: Sequence[Any]) -> bool:
    return lenient_json.REST not in documents and any(isinstance(one, list | dict) for one in documents)


def _body(request: HttpRequest) -> tuple[bytes, bool]:
    """The bytes of the request as far as they are looked at, and whether these are all."""
    body: bytes = getattr(request, "sent_bytes", b"")
    stream: Any = request
    if "Transfer-Encoding" in request.headers:
        # Django reads no body that names no length.
        stream = request.META["wsgi.input"]
    try:
        body += stream.read(MOST_BYTES + 1 - len(body))
    except (UnreadablePostError, OSError):
        return body, False
    return body[:MOST_BYTES], len(body) <= MOST_BYTES
