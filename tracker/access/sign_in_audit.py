"""
The sign-in audit: who signed in, or failed to.

The middleware stands here and not in ``accounts``: which clinic's chain an event belongs to is known from here on up.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from tracker.access import anonymous_events
from tracker.access.principal import InactiveUser, load_principal
from tracker.accounts import routes, sessions
from tracker.audit import actions as audit
from tracker.audit.models import Result


class SignInAuditMiddleware:
    """
    Middleware: each sign-in, sign-out, and change on the pages of the account leaves one event with what it did.

    It stands outside of the session's own middleware, so that a session and its event are kept together or not.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not request.path.startswith(routes.SIGN_IN):
            return self._elsewhere(request)
        with audit.naming_refusals(), transaction.atomic():
            session = sessions.of_request(request)
            before, began = (session.user_id, session.began_as) if session else (None, None)
            response = self.get_response(request)
            if response.status_code >= 500:
                transaction.set_rollback(True)
                return response
            person = getattr(request, "proved", None) or before
            at = timezone.now()
            if person is not None or request.method in routes.UNSAFE_METHODS:
                _record(person, began, _event(person, began, request, response, at))
        return response

    def _elsewhere(self, request: HttpRequest) -> HttpResponse:
        """Audit a throttled try of another route: accepting an invitation, looking for a patient in an emergency."""
        response = self.get_response(request)
        if getattr(request, "throttled", None) is not None:
            session = sessions.of_request(request)
            person = session.user_id if session else None
            _record(person, None, _event(person, None, request, response, timezone.now()))
        return response


def _record(person: UUID | None, began: UUID | None, event: dict[str, Any]) -> None:
    known = person or began
    if known is None:
        anonymous_events.record_or_count(**event)
    else:
        audit.record_event_in_own_transaction(clinic_id=_clinic_of(known, event["at"]), **event)


def _clinic_of(person: UUID, at: datetime) -> UUID | None:
    """The clinic whose chain tells of the person; none, which is the system's, if they belong to none any more."""
    try:
        with transaction.atomic():
            return load_principal(person, at).clinic_id
    except InactiveUser:
        return None


def _event(
    person: UUID | None, began: UUID | None, request: HttpRequest, response: HttpResponse, at: datetime
) -> dict[str, Any]:
    """Until the second factor is shown the user is the subject of the event, not its actor."""
    match = request.resolver_match
    name = (match.url_name or "") if match else ""
    step = getattr(request, "sign_in_step", "")
    about = person if step else began
    return {
        "actor": f"user/{person}" if person else "nobody",
        "action": step or "account",
        "subject": f"user/{about}" if about else name,
        "kind": name,
        "purpose": f"{request.method} /{match.route}" if match else "",
        "at": at,
        "result": Result.REFUSED if not step and _is_refused(request, response) else Result.DONE,
        "detail": {"status": response.status_code},
    }


def _is_refused(request: HttpRequest, response: HttpResponse) -> bool:
    """A page that shows its form again has refused what was sent; the API says so by its status."""
    shown_again = request.path.startswith("/accounts/") and response.status_code == 200
    return response.status_code >= 400 or (request.method in routes.UNSAFE_METHODS and shown_again)
