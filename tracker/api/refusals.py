"""
Refused and failed writes of a patient or a caregiver: none hides a positive safety answer, whatever it was refused for.

The bytes that were sent are read once more, leniently and outside of any transaction. What can be made out raises
alerts, in a transaction of its own; what cannot be read is counted for operations. Each refusal has the crisis text.

A caregiver may warn of the patient whom they read, whether or not she lets them write: what is refused is the entry.
"""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import datetime
from http import HTTPStatus
from typing import Any
from urllib.parse import unquote_plus
from uuid import UUID

import orjson
from django.db import DatabaseError, transaction
from django.http import HttpRequest, HttpResponse
from django.http.request import UnreadablePostError
from django.utils import timezone
from rest_framework.exceptions import APIException
from rest_framework.request import Request
from rest_framework.response import Response

from tracker.access import caregivers
from tracker.access.principal import InactiveUser, Principal, load_principal
from tracker.accounts import request_throttle
from tracker.alerts import unread_writes
from tracker.alerts.escalation import Finding
from tracker.api import guidance
from tracker.api.authentication import SessionToken
from tracker.api.exceptions import is_api, problem_response
from tracker.api.renderers import JSONRenderer
from tracker.audit import actions as audit
from tracker.audit.models import Result
from tracker.lib import lenient_json, logs
from tracker.lib.error_codes import CODES
from tracker.outbox.tasks import wake_delivery
from tracker.sync import ingest, safety

log = logs.get(__name__)
# As sent and as inflated. The web server keeps no more either (``lib.asgi``).
MOST_BYTES = 6 * 1024 * 1024
# Of who has no scan of a whole body, or waits for one in vain: a single record's worth.
LEAST_BYTES = 128 * 1024
_LEAST_SECONDS = 0.25
# Of a form that holds JSON: percent signs take a while.
_FORM_CHARS = 512 * 1024
_MOST_SCANS = 2
_WAIT_SECONDS = 1.0
_WRITES = frozenset({"POST", "PUT", "PATCH", "DELETE"})
# No view looks at what comes with these, so that an answer in it would be lost behind a 200.
_READS = frozenset({"GET", "HEAD", "OPTIONS"})


class RefusedWriteMiddleware:
    """
    Middleware: a write below ``/api/`` that is refused or fails, in a view or before one was found, is scanned.

    So a wrong path or host hides no more than a wrong field. The problem gets the crisis text and ``alerted``. Where an
    alert cannot be written, the database's error is answered instead: the refusal must not be told. A write that failed
    keeps its status.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.method in _READS and _has_body(request) and is_api(request):
            response = problem_response("unexpected_body")
        else:
            response = self.get_response(request)
        if response.status_code < 400 or not _may_write(request) or not is_api(request):
            return response
        # Of a view that answers with a page, too, which makes none of an error.
        problem = response.data if isinstance(response, Response) else orjson.loads(response.content)
        # Of a batch whose scan did not end in time, what is found within the limits of a refused request alerts now.
        if response.status_code >= 500 and not getattr(response, "needs_scan", False):
            problem = {"guidance": guidance.ANYWHERE} | problem | _scan_failed(request, problem)
        else:
            problem |= _scan_refused(request, problem["code"])
        response.content = JSONRenderer().render(problem)
        response["Content-Length"] = str(len(response.content))
        return response


def _may_write(request: HttpRequest) -> bool:
    """Whether a request may hold an answer: by its method, or since it has a body under any other."""
    return request.method in _WRITES or _has_body(request)


def _has_body(request: HttpRequest) -> bool:
    return _length(request) > 0 or "Transfer-Encoding" in request.headers


def _scan_refused(request: HttpRequest, code: str) -> dict[str, Any]:
    """Raise alerts for the safety answers of a refused write; return what its problem says of them."""
    with suppress(InactiveUser):
        with transaction.atomic():
            sender = _sender(request)
            role_id = _role_to_alert_as(request, sender)
        if sender is None:
            return {"guidance": guidance.ANYWHERE, "alerted": False}
        if sender.is_patient or role_id is not None:
            return _alert(request, sender, role_id, code)
        if sender.is_caregiver:
            # About somebody who is not theirs, or not any more.
            return {"guidance": _guidance(sender, alerted=False), "alerted": False}
    return {}


def _guidance(sender: Principal, *, alerted: bool) -> dict[str, str]:
    with transaction.atomic():
        return guidance.of_refusal(sender, alerted=alerted)


def _scan_failed(request: HttpRequest, problem: Mapping[str, Any]) -> dict[str, Any]:
    """
    Raise alerts for the safety answers of a write that failed: a fault that comes each time must hide none for ever.

    :raises DatabaseError: if they cannot be written. Where the write failed for want of the database, it is sent again.
    """
    try:
        told = _scan_refused(request, problem["code"])
    except DatabaseError:
        if problem["status"] == HTTPStatus.SERVICE_UNAVAILABLE:
            return {}
        raise
    except Exception as mistake:
        # Perhaps the one that the write failed by.
        log.error("failed write could not be scanned", exc_info=mistake)
        unread_writes.count(timezone.now())
        return {}
    return told if told.get("alerted") else {}


def _alert(request: HttpRequest, sender: Principal, role_id: UUID | None, code: str) -> dict[str, Any]:
    at = timezone.now()
    # No transaction is open meanwhile: one that idled so long would be broken off, and its alerts with it.
    findings, is_read = _scan(request, sender, at)
    if not is_read:
        log.warning("refused write could not be read", error=code)
        unread_writes.count(at)
    with transaction.atomic():
        sender = load_principal(sender.user_id, at, role_id)
        (patient_id,) = sender.patients
        alerted = ingest.raise_alerts_for_refused(
            principal=sender, findings=findings, at=at, patient_id=patient_id
        )
        if alerted:
            transaction.on_commit(wake_delivery)
        if alerted and CODES[code].status >= 500:
            # A refusal has its event already, of the view; of what failed nothing was noted.
            _record(request, sender, code, at)
        return {"guidance": guidance.of_refusal(sender, alerted=alerted), "alerted": alerted}


def _record(request: HttpRequest, sender: Principal, code: str, at: datetime) -> None:
    """Write that a write failed and alerted; if that cannot be written, nothing of it is."""
    route = request.resolver_match
    audit.record_event(
        actor=sender.actor,
        action="refuse",
        subject=route.url_name or "" if route else "",
        clinic_id=sender.clinic_id,
        patient_id=sender.own_patient_id,
        purpose=f"{request.method} /{route.route}" if route else "",
        result=Result.REFUSED,
        detail={"status": CODES[code].status},
        at=at,
    )


def _sender(request: HttpRequest) -> Principal | None:
    """Whose token came with the request, though it may have been refused; None if nobody's did."""
    if not hasattr(request, "token_holder"):
        # Refused before anybody asked who it is.
        with suppress(APIException):
            SessionToken().authenticate(Request(request))
        holder: Principal | None = getattr(request, "token_holder", None)
        if holder:
            request_throttle.count(request_throttle.kind_of(request.method), holder.user_id)
    holder = getattr(request, "token_holder", None)
    if holder is None:
        return None
    at, role_id = timezone.now(), None
    if holder.is_caregiver:
        (patient_id,) = holder.patients
        role_id = caregivers.role_for(holder.user_id, patient_id, at)
        if role_id is None:
            return None
    return load_principal(holder.user_id, at, role_id)


def _role_to_alert_as(request: HttpRequest, sender: Principal | None) -> UUID | None:
    """
    The caregiver's row by which a caregiver's request is about a patient; None if it is not about one of theirs.

    It is about the patient whom it names and about nobody else; where it names none, about the one of their sign-in.
    """
    if sender is None or not sender.is_caregiver:
        return None
    (patient_id,) = sender.patients
    with suppress(ValueError):
        patient_id = UUID(request.GET.get("patient", ""))
    return caregivers.role_for(sender.user_id, patient_id, timezone.now())


class _Scans:
    """The scans of large bodies that this process makes at once: few, and one of each patient."""

    def __init__(self) -> None:
        self._senders: set[UUID] = set()
        self._changed = threading.Condition()

    @contextmanager
    def one_of(self, sender_id: UUID) -> Iterator[bool]:
        """Whether there was a place within a second."""
        with self._changed:
            is_free = self._changed.wait_for(
                lambda: sender_id not in self._senders and len(self._senders) < _MOST_SCANS, _WAIT_SECONDS
            )
            if is_free:
                self._senders.add(sender_id)
        try:
            yield is_free
        finally:
            if is_free:
                with self._changed:
                    self._senders.discard(sender_id)
                    self._changed.notify_all()


_scans = _Scans()


def _scan(request: HttpRequest, sender: Principal, at: datetime) -> tuple[list[Finding], bool]:
    """What is found in the body, and whether it was read whole. Its cost is charged before, and settled after."""
    body, is_whole = _body(request)
    short = safety.Deadline(_LEAST_SECONDS)
    small, is_small = lenient_json.inflate(body, LEAST_BYTES, short.is_half_over)
    if is_small or len(small) < LEAST_BYTES or _is_over_limit(sender):
        return _charged(sender, small, is_whole and is_small, at, short)
    with _scans.one_of(sender.user_id) as is_free:
        # Another scan of the same sender's may have used up the limit meanwhile.
        if not is_free or _is_over_limit(sender):
            return _charged(sender, small, False, at, safety.Deadline(_LEAST_SECONDS))
        deadline = safety.Deadline()
        plain, is_plain = lenient_json.inflate(body, MOST_BYTES, deadline.is_half_over)
        return _charged(sender, plain, is_whole and is_plain, at, deadline)


def _charged(
    sender: Principal, plain: bytes, is_whole: bool, at: datetime, deadline: safety.Deadline
) -> tuple[list[Finding], bool]:
    reserved = min(
        round(1000 * deadline.seconds), request_throttle.rates()[request_throttle.SCAN].limit // 20
    )
    request_throttle.count(request_throttle.SCAN, sender.user_id, reserved)
    try:
        findings, is_read = _findings(plain, at, deadline)
    finally:
        used = round(1000 * deadline.seconds_used)
        request_throttle.count(request_throttle.SCAN, sender.user_id, used - reserved)
    return findings, is_whole and is_read


def _findings(plain: bytes, at: datetime, deadline: safety.Deadline) -> tuple[list[Finding], bool]:
    text = lenient_json.text_of(plain)
    if "{" not in text and "%7b" in text[:_FORM_CHARS].lower():
        text = unquote_plus(text[:_FORM_CHARS])
        deadline.left_rest |= len(plain) > _FORM_CHARS
    if not safety.may_be_answered(text):
        return [], not text or (("{" in text or "[" in text) and "\ufffd" not in text)
    documents = lenient_json.decode(text, deadline.is_half_over)
    deadline.left_rest |= lenient_json.REST in documents
    findings = [finding for document in documents for finding in safety.scan_deep(document, at, deadline)]
    is_readable = any(isinstance(one, list | dict) for one in documents)
    return findings, is_readable and not (deadline.left_rest or deadline.has_passed)


def _is_over_limit(sender: Principal) -> bool:
    """Whether whoever sent it keeps processors busy with refused bodies."""
    try:
        request_throttle.check(request_throttle.SCAN, sender.user_id)
    except request_throttle.TooManyRequests:
        return True
    return False


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
    # Said by the web server, which keeps no more than this either; and by the length, where it is named.
    is_cut = request.META.get("tracker.body_cut", False) or len(body) < _length(request)
    return body[:MOST_BYTES], len(body) <= MOST_BYTES and not is_cut


def _length(request: HttpRequest) -> int:
    try:
        return int(request.META.get("CONTENT_LENGTH") or 0)
    except ValueError:
        return 0
