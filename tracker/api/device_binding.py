"""A phone's token is taken from that phone alone, whatever it asks for."""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from tracker.access.principal import InactiveUser, Principal, load_principal
from tracker.accounts import sessions
from tracker.api import exceptions
from tracker.api.exceptions import APIProblem
from tracker.audit import actions as audit
from tracker.outbox import actions as outbox

DEVICE_REQUIRED = "device_header_required"
SESSION_ENDED = "session_ended"


class AnotherDeviceError(Exception):
    """The token of one phone came from another."""


def bound_device(request: Any, session: sessions.SessionData) -> UUID | None:
    """
    Return the phone that the session is bound to and the request names; None of a session that is bound to none.

    :raises APIProblem: 403, where the request names no phone; nothing ends.
    :raises AnotherDeviceError: where it names another.
    """
    if session.device_id is None:
        return None
    named = request.headers.get("X-Device", "")
    if not named:
        raise APIProblem(DEVICE_REQUIRED)
    if named.lower() != str(session.device_id):
        raise AnotherDeviceError
    return session.device_id


def end_stolen_session(session: sessions.SessionData, principal: Principal, at: datetime) -> APIProblem:
    """End a session whose token came from another device, tell the person, and return the answer."""
    sessions.delete(session.key)
    subject = f"device/{session.device_id}"
    audit.record_event(
        actor=principal.actor,
        action="session.end_stolen",
        subject=subject,
        clinic_id=principal.clinic_id,
        patient_id=principal.patient_id,
        at=at,
    )
    outbox.enqueue(
        clinic_id=principal.clinic_id,
        recipients=[principal.user_id],
        words="sign-in-ended",
        subject=subject,
        key=f"sign-in-ended/{sessions.key_hash(session.key)}",
        due_at=at,
    )
    refused = APIProblem(SESSION_ENDED)
    refused.commits = True
    return refused


def check(request: HttpRequest) -> HttpResponse | None:
    """Return the answer to a request to allauth's API that does not come from the token's phone; None if it does."""
    at = timezone.now()
    session = sessions.load(request.headers.get("X-Session-Token", ""), at)
    if session is None:
        return None
    try:
        bound_device(request, session)
    except APIProblem:
        # Whoever has nothing but the token may still throw it away.
        return None if _is_sign_out(request) else exceptions.problem_response(DEVICE_REQUIRED)
    except AnotherDeviceError:
        _end(session, at)
        return exceptions.problem_response(SESSION_ENDED)
    return None


def _is_sign_out(request: HttpRequest) -> bool:
    match = request.resolver_match
    return request.method == "DELETE" and match is not None and match.url_name == "current_session"


def _end(session: sessions.SessionData, at: datetime) -> None:
    if session.user_id is None:
        return sessions.delete(session.key)
    try:
        with transaction.atomic():
            end_stolen_session(session, load_principal(session.user_id, at, session.acts_as), at)
    except InactiveUser:
        sessions.delete(session.key)
    return None
