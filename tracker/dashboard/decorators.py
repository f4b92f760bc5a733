"""View decorator of every clinical page: sign-in, second factor, role, transaction, audit event."""

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from functools import wraps
from typing import Any, Concatenate
from uuid import UUID

from django.contrib.auth import SESSION_KEY, logout
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.crypto import constant_time_compare

from tracker.access import policy
from tracker.access.principal import InactiveUser, Principal, load_principal, with_session
from tracker.accounts import sessions
from tracker.accounts.models import User
from tracker.audit import actions as audit
from tracker.audit.models import Result
from tracker.clinics.errors import NotFoundOrHidden
from tracker.lib.admission import ACCOUNT

Inner = Callable[Concatenate[HttpRequest, Principal, datetime, ...], HttpResponse]
Outer = Callable[..., HttpResponse]


class SecondFactorMissingError(Exception):
    """A member of staff signed in by password alone."""


def clinical_page(action: policy.Action, *, is_poll: bool = False) -> Callable[[Inner], Outer]:
    """
    Decorator of a view that needs a signed-in user whose role may do ``action``; passes request, principal and time.

    One transaction holds the row-level security context, the reads, the rendering and the audit event. Nobody signed
    in: redirect to the sign-in page. Staff without a second factor: redirect to its page. A role that may never do
    ``action``: 403, whatever the URL. An object of somebody else: 404, as if missing. ``is_poll``: the request does
    not extend the session.
    """

    def decorate(view: Inner) -> Outer:
        @wraps(view)
        def wrapper(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            at = timezone.now()
            try:
                principal, response = _answer(view, action, is_poll, request, at, *args, **kwargs)
                if principal is not None and response is None:
                    allowed = policy.role_may(principal.role, action)
                    _record_refusal(principal, action, request, 404 if allowed else 403, at)
                    raise Http404 if allowed else PermissionDenied
            except SecondFactorMissingError:
                return _to_second_factor(request)
            if response is None:
                return _to_sign_in(request)
            # Health pages stay in no cache: not the browser's, not after sign-out by the back button.
            response["Cache-Control"] = "no-store, private"
            return response

        wrapper.action = action  # type: ignore[attr-defined]  # the access matrix reads it
        return wrapper

    return decorate


def _answer(
    view: Inner,
    action: policy.Action,
    is_poll: bool,
    request: HttpRequest,
    at: datetime,
    *args: Any,
    **kwargs: Any,
) -> tuple[Principal | None, HttpResponse | None]:
    """
    Principal and response of the view, with its audit events, in one transaction.

    The response is None where the role may not do ``action`` or the object is somebody else's; the transaction is
    then rolled back. The principal is None where nobody is signed in.
    """
    principal = None
    with suppress(NotFoundOrHidden), audit.collecting() as buffer, transaction.atomic():
        principal = _signed_in_principal(request, at, is_poll)
        # Whose requests wait for each other.
        request.META[ACCOUNT] = str(principal.user_id) if principal else ""
        if principal is None or not policy.role_may(principal.role, action):
            return principal, None
        response = view(request, principal, at, *args, **kwargs)
        if not buffer.events:
            audit.record_event(**_event(principal, action, request, at))
        first = buffer.events[0]
        first["kind"], first["purpose"] = (
            first["kind"] or _name(request),
            first["purpose"] or _purpose(request),
        )
        audit.flush(buffer)
        return principal, response
    return principal, None


def _record_refusal(
    principal: Principal, action: policy.Action, request: HttpRequest, status: int, at: datetime
) -> None:
    """Audit event of a refusal, in a transaction of its own: that of the view was rolled back."""
    audit.record_event_in_own_transaction(
        **_event(principal, action, request, at), kind=_name(request), purpose=_purpose(request),
        result=Result.REFUSED, detail={"status": status},
    )  # fmt: skip


def _event(principal: Principal, action: policy.Action, request: HttpRequest, at: datetime) -> dict[str, Any]:
    named = request.resolver_match.kwargs if request.resolver_match else {}
    return {
        "actor": principal.actor,
        "action": str(action),
        "subject": _name(request),
        "clinic_id": principal.clinic_id,
        "patient_id": principal.patient_id or named.get("patient_id"),
        "ids": [value for value in named.values() if isinstance(value, UUID)],
        "at": at,
    }


def _signed_in_principal(request: HttpRequest, at: datetime, is_poll: bool) -> Principal | None:
    """
    Principal of the session's user, loaded from the database; None if nobody active is signed in.

    ``load_principal`` returns the password's hash too, so that a session from before a change of password is refused
    here without another query.

    :raises SecondFactorMissingError: if staff signed in by password alone.
    """
    request.session.get(SESSION_KEY)  # loads it
    session: sessions.SessionData | None = request.session.held  # type: ignore[attr-defined]
    if session is None or session.user_id is None:
        return None
    try:
        principal = load_principal(session.user_id, at, session.acts_as)
    except InactiveUser:
        return None
    expected = User(password=principal.password_hash).get_session_auth_hash()
    if not constant_time_compare(session.password_mark, expected):
        return None
    if not (principal.is_patient or session.is_staffs):
        # Begun as a patient's, before the person was anything else.
        return None
    if principal.is_staff and not session.has_second_factor:
        raise SecondFactorMissingError
    if not is_poll:
        sessions.touch(session, at)
    return with_session(principal, authenticated_at=session.authenticated_at, device_id=None)


def _to_second_factor(request: HttpRequest) -> HttpResponse:
    """Redirect to the page where a second factor is shown, or set up by staff who have none yet."""
    return redirect_to_login(_next_path(request), reverse("second_factor"))


def _to_sign_in(request: HttpRequest) -> HttpResponse:
    if request.session.get(SESSION_KEY):
        # A disabled account or a changed password: the sign-in page would redirect a signed-in session back here.
        logout(request)
    return redirect_to_login(_next_path(request))


def _next_path(request: HttpRequest) -> str:
    """Path to return to after sign-in, without its query: URLs are kept in histories and logs."""
    return request.path if request.method == "GET" else "/"


def _name(request: HttpRequest) -> str:
    return request.resolver_match.url_name or "" if request.resolver_match else ""


def _purpose(request: HttpRequest) -> str:
    return f"{request.method} /{request.resolver_match.route}" if request.resolver_match else ""
