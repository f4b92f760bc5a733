"""What every page does before it does anything: who is asking, what may they do, from the database, now."""

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from functools import wraps
from typing import Any, Concatenate
from uuid import UUID

from django.contrib.auth import SESSION_KEY, logout
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.db import InternalError, OperationalError, transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.template.loader import render_to_string
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
from tracker.lib import logs

log = logs.get(__name__)

Inner = Callable[Concatenate[HttpRequest, Principal, datetime, ...], HttpResponse]
Outer = Callable[..., HttpResponse]


class SecondFactorMissingError(Exception):
    """A member of staff has signed in by password alone."""


def clinical_page(action: policy.Action, *, is_poll: bool = False) -> Callable[[Inner], Outer]:
    """
    Let in who has signed in and may ever do ``action``; hand on the request, the principal and the time.

    One transaction holds the context, the reading, the rendering and the audit event. Nobody: to the sign-in
    page. Staff without a second factor: to where it is shown or set up. A role that never may: 403, whatever the
    address says. What is not theirs: 404, as if missing. A page that asks ``is_poll`` keeps no session alive.
    """

    def decorate(view: Inner) -> Outer:
        @wraps(view)
        def wrapper(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            at = timezone.now()
            try:
                principal, response = _answer(view, action, is_poll, request, at, *args, **kwargs)
                if principal is not None and response is None:
                    allowed = policy.role_may(principal.role, action)
                    _note_refusal(principal, action, request, 404 if allowed else 403, at)
                    raise Http404 if allowed else PermissionDenied
            except (OperationalError, InternalError):
                return _unavailable()
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
    Return who asks and the view's answer, with its trace, in one transaction.

    No answer: they may not, or it is not theirs; nothing that was begun stands.
    """
    principal = None
    with suppress(NotFoundOrHidden), audit.collecting() as buffer, transaction.atomic():
        principal = _viewer(request, at, is_poll)
        if principal is None or not policy.role_may(principal.role, action):
            return principal, None
        response = view(request, principal, at, *args, **kwargs)
        if not buffer.events:
            audit.record_event(**_plain(principal, action, request, at))
        first = buffer.events[0]
        first["kind"], first["purpose"] = (
            first["kind"] or _name(request),
            first["purpose"] or _purpose(request),
        )
        audit.flush(buffer)
        return principal, response
    return principal, None


def _note_refusal(
    principal: Principal, action: policy.Action, request: HttpRequest, status: int, at: datetime
) -> None:
    """What was begun is undone; that it was refused stands."""
    audit.record_event_in_own_transaction(
        **_plain(principal, action, request, at), kind=_name(request), purpose=_purpose(request),
        result=Result.REFUSED, detail={"status": status},
    )  # fmt: skip


def _plain(principal: Principal, action: policy.Action, request: HttpRequest, at: datetime) -> dict[str, Any]:
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


def _viewer(request: HttpRequest, at: datetime, is_poll: bool) -> Principal | None:
    """
    Return who has signed in, or None.

    ``access.enter`` hands over the password's hash, so that a session made before a change of password
    ends here without another query.

    :raises SecondFactorMissingError: if staff have shown a password only.
    """
    request.session.get(SESSION_KEY)  # loads it
    held: sessions.SessionData | None = request.session.held  # type: ignore[attr-defined]
    if held is None or held.user_id is None:
        return None
    try:
        principal = load_principal(held.user_id, at)
    except InactiveUser:
        return None
    expected = User(password=principal.password_hash).get_session_auth_hash()
    if not constant_time_compare(held.password_mark, expected):
        return None
    if not (principal.is_patient or held.has_second_factor):
        raise SecondFactorMissingError
    if not is_poll:
        sessions.touch(held, at)
    return with_session(principal, authenticated_at=held.authenticated_at, device_id=None)


def _unavailable() -> HttpResponse:
    """
    The database is unavailable, read-only or out of space: say so, and never that something was done.

    Rendered without the request, whose session lies in that same database.
    """
    log.warning("unavailable")
    return HttpResponse(
        render_to_string("503.html"), status=503, headers={"Retry-After": "30", "Cache-Control": "no-store"}
    )


def _to_second_factor(request: HttpRequest) -> HttpResponse:
    """To where a second factor is shown, or set up by who has none yet."""
    return redirect_to_login(_way_back(request), reverse("second_factor"))


def _to_sign_in(request: HttpRequest) -> HttpResponse:
    if request.session.get(SESSION_KEY):
        # Switched off, or the password has changed: the sign-in page would send them straight back here.
        logout(request)
    return redirect_to_login(_way_back(request))


def _way_back(request: HttpRequest) -> str:
    """The page that was asked for, without what was asked of it: an address is kept in many places."""
    return request.path if request.method == "GET" else "/"


def _name(request: HttpRequest) -> str:
    return request.resolver_match.url_name or "" if request.resolver_match else ""


def _purpose(request: HttpRequest) -> str:
    return f"{request.method} /{request.resolver_match.route}" if request.resolver_match else ""
