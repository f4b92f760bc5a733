"""A phone's token is taken from that phone alone, whatever it asks for."""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from tracker.api import errors
from tracker.api.wire import Refused
from tracker.audit import actions as audit
from tracker.outbox import actions as outbox
from tracker.people import access, sessions
from tracker.people.access import Viewer

_NAME_IT = (403, "name_the_device", "This sign-in belongs to a phone: send the phone's id in X-Device.")
_STOLEN = (401, "signed_out", "This sign-in belongs to another device and has been ended.")


class AnotherDeviceError(Exception):
    """The token of one phone came from another."""


def device_of(request: Any, held: sessions.Held) -> UUID | None:
    """
    Return the phone that the session is bound to and the request names; None of a session that is bound to none.

    :raises Refused: 403, where the request names no phone; nothing ends.
    :raises AnotherDeviceError: where it names another.
    """
    if held.device_id is None:
        return None
    named = request.headers.get("X-Device", "")
    if not named:
        raise Refused(*_NAME_IT)
    if named.lower() != str(held.device_id):
        raise AnotherDeviceError
    return held.device_id


def ended(held: sessions.Held, viewer: Viewer, at: datetime) -> Refused:
    """End a session whose token came from another device, tell the person, and return the answer."""
    sessions.end(held.key)
    subject = f"device/{held.device_id}"
    audit.note(
        actor=viewer.actor,
        action="session.end_stolen",
        subject=subject,
        clinic_id=viewer.clinic_id,
        patient_id=viewer.patient_id,
        at=at,
    )
    outbox.enqueue(
        clinic_id=viewer.clinic_id,
        recipients=[viewer.user_id],
        words="sign-in-ended",
        subject=subject,
        key=f"sign-in-ended/{sessions.hashed(held.key)}",
        due_at=at,
    )
    refused = Refused(*_STOLEN)
    refused.commits = True
    return refused


def refusal(request: HttpRequest) -> HttpResponse | None:
    """Return the answer to a request to allauth's API that does not come from the token's phone; None if it does."""
    at = timezone.now()
    held = sessions.read(request.headers.get("X-Session-Token", ""), at)
    if held is None:
        return None
    try:
        device_of(request, held)
    except Refused:
        # Whoever has nothing but the token may still throw it away.
        return None if _is_sign_out(request) else errors.page(*_NAME_IT)
    except AnotherDeviceError:
        _end(held, at)
        return errors.page(*_STOLEN)
    return None


def _is_sign_out(request: HttpRequest) -> bool:
    match = request.resolver_match
    return request.method == "DELETE" and match is not None and match.url_name == "current_session"


def _end(held: sessions.Held, at: datetime) -> None:
    if held.user_id is None:
        return sessions.end(held.key)
    try:
        with transaction.atomic():
            ended(held, access.enter(held.user_id, at), at)
    except access.NobodyError:
        sessions.end(held.key)
    return None
