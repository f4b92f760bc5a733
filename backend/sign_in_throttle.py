"""The entrance is guarded: tries at sign-in, second factor, reset and invitation are counted before any view runs."""

from collections.abc import Callable, Mapping
from typing import Any

from django.contrib.auth import SESSION_KEY
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.utils import timezone

from tracker.access import sign_in_audit
from tracker.accounts import sessions, throttle
from tracker.api import device_binding, exceptions, parsers
from tracker.clinics import invitations
from tracker.lib import strict_json

# Route names, of pages and of the phone's API. Looking counts nowhere.
THROTTLED = {
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
# Who is tried is named by one field, the one that the view reads, and by no other; on every other route it is
# whoever the session is about.
ACCOUNT_FIELD = {
    "account_login": "login",
    "login": "email",
    "account_reset_password": "email",
    "request_password_reset": "email",
    "accept_invitation": "code",
    "accept-invitation": "code",
}
# Here somebody has shown a password and shows a second factor: allauth keeps who in a stash.
_STASHED = frozenset({"mfa_authenticate", "authenticate", "authenticate_webauthn"})
_APP = "/_allauth/"


class SignInThrottleMiddleware:
    """
    Middleware: what comes to sign-in is looked at before any view is.

    To allauth's API comes strict JSON, and a phone's token from that phone alone. Too many tries are answered with
    429 and when to come back.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(self, request: HttpRequest, view: Any, args: Any, kwargs: Any) -> HttpResponse | None:
        """Called by Django with the view that it has found."""
        name = (request.resolver_match.url_name if request.resolver_match else None) or ""
        given: dict[str, Any] | None = None
        if request.path.startswith(_APP):
            refused = device_binding.check(request)
            if refused is not None:
                return refused
            try:
                given = _strict(request.body) if request.method != "GET" else {}
            except strict_json.BadJSON as problem:
                return exceptions.problem_response(problem.code)
        if name not in THROTTLED or not _is_try(request):
            return None
        return _counted(request, name, _form(request) if given is None else given)


def _is_try(request: HttpRequest) -> bool:
    """Allauth's API checks what a body says before it looks at the method; a page does so only where it is posted."""
    return request.method != "GET" if request.path.startswith(_APP) else request.method == "POST"


def _counted(request: HttpRequest, name: str, given: dict[str, Any]) -> HttpResponse | None:
    try:
        throttle.hit(
            THROTTLED[name],
            account=_account(request, name, given),
            device=request.headers.get("X-Device", "")[:40],
            address=throttle.client_ip(request),
        )
    except throttle.TooManyAttempts as too_many:
        answer = _too_many(request, too_many.retry_after)
        sign_in_audit.record_throttled(request, answer, timezone.now())
        return answer
    return None


def _account(request: HttpRequest, name: str, given: dict[str, Any]) -> str:
    """Return whose door is tried: the address, the invitation's code or, within a session, the person."""
    field = ACCOUNT_FIELD.get(name)
    if field is None:
        return _person(_session(request), name)
    named = given.get(field)
    if not isinstance(named, str) or not named:
        return ""
    return invitations.code_hash(named).hex() if field == "code" else named


def _session(request: HttpRequest) -> Mapping[str, Any]:
    """Return what the session holds that the view will see: the token's in the API, the cookie's on a page."""
    if not request.path.startswith(_APP):
        return dict(request.session.items())
    held = sessions.load(request.headers.get("X-Session-Token", ""), timezone.now())
    return held.data if held else {}


def _person(data: Mapping[str, Any], name: str) -> str:
    if name in _STASHED:
        return str((data.get(sessions.PENDING_LOGIN_KEY) or {}).get("user_pk") or "")
    return str(data.get(SESSION_KEY) or "")


def _strict(body: bytes) -> dict[str, Any]:
    """Return what allauth will read, which takes a body for JSON whatever it says it is."""
    found = strict_json.decode(body) if body else {}
    if not isinstance(found, dict):
        raise strict_json.BadJSON("not_an_object", "The body is not an object.")
    return found


def _form(request: HttpRequest) -> dict[str, Any]:
    """Return what a page's form says, or a body of the product's own API, which refuses by itself what is none."""
    if not request.path.startswith("/api/"):
        return request.POST.dict()
    encoding = request.headers.get("Content-Encoding", "").strip().lower()
    try:
        return _strict(parsers.gunzip(request.body, encoding, parsers.MAX_BODY_BYTES))
    except (strict_json.BadJSON, exceptions.APIProblem):
        return {}


def _too_many(request: HttpRequest, retry_after: int) -> HttpResponse:
    if request.path.startswith(("/api/", _APP)):
        answer = exceptions.problem_response("too_many_tries")
    else:
        answer = HttpResponse(render_to_string("429.html"), status=429)
    answer["Retry-After"] = str(retry_after)
    answer["Cache-Control"] = "no-store"
    return answer
