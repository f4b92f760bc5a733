"""The entrance is guarded: tries at sign-in, second factor, reset and invitation are counted before any view runs."""

from collections.abc import Callable
from typing import Any

from django.contrib.auth import SESSION_KEY
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.utils import timezone

from tracker.api import errors
from tracker.lib import strict_json
from tracker.people import limits, sessions, trail

# Route names, of pages and of the phone's API. Only what is posted counts.
GUARDED = {
    "account_login": "sign-in",
    "account_reauthenticate": "sign-in",
    "mfa_login_webauthn": "sign-in",
    "login": "sign-in",
    "login_webauthn": "sign-in",
    "mfa_authenticate": "second-factor",
    "mfa_reauthenticate": "second-factor",
    "mfa_reauthenticate_webauthn": "second-factor",
    "mfa_activate_totp": "second-factor",
    "authenticate": "second-factor",
    "authenticate_webauthn": "second-factor",
    "reauthenticate": "second-factor",
    "reauthenticate_webauthn": "second-factor",
    "manage_totp": "second-factor",
    "account_change_password": "second-factor",
    "change_password": "second-factor",
    "account_reset_password": "reset",
    "account_reset_password_from_key": "reset",
    "request_password_reset": "reset",
    "reset_password": "reset",
    "accept_invitation": "invitation",
    "accept-invitation": "invitation",
}


class Entrance:
    """Middleware: too many tries are answered with 429 and when to come back, and never reach the view."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(self, request: HttpRequest, view: Any, args: Any, kwargs: Any) -> HttpResponse | None:
        """Called by Django with the view that it has found."""
        name = request.resolver_match.url_name if request.resolver_match else None
        if request.method != "POST" or name not in GUARDED:
            return None
        try:
            limits.count(
                GUARDED[name],
                account=_account(request, GUARDED[name]),
                device=request.headers.get("X-Device", "")[:40],
                address=limits.address_of(request),
            )
        except limits.TooManyError as too_many:
            answer = _too_many(request, too_many.retry_after)
            trail.note_too_many(request, answer, timezone.now())
            return answer
        return None


def _account(request: HttpRequest, kind: str) -> str:
    """Return whose door is tried: the address, the invitation's code or, within a session, the person."""
    body = _body(request)
    named = body.get("code") if kind == "invitation" else body.get("email") or body.get("login")
    if isinstance(named, str):
        return named[:254]
    token = request.headers.get("X-Session-Token", "")
    held = sessions.read(token[:128], timezone.now()) if token.isalnum() else None
    data = held.data if held else dict(request.session.items())
    stashed = data.get(sessions.SIGNING_IN) or {}
    return str(stashed.get("user_pk") or data.get(SESSION_KEY) or "")


def _body(request: HttpRequest) -> dict[str, Any]:
    if request.content_type != "application/json":
        return request.POST.dict()
    try:
        found = strict_json.decode(request.body)
    except strict_json.BadJSON:
        return {}
    return found if isinstance(found, dict) else {}


def _too_many(request: HttpRequest, retry_after: int) -> HttpResponse:
    if request.path.startswith(("/api/", "/_allauth/")):
        answer = errors.page(429, "too_many_tries", "Too many tries. Wait, then try again.")
    else:
        answer = HttpResponse(render_to_string("429.html"), status=429)
    answer["Retry-After"] = str(retry_after)
    answer["Cache-Control"] = "no-store"
    return answer
