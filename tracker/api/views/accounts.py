"""
Sign-in for the phone: the routes of allauth's headless API that are part of this product, and no other.

A session of somebody who has a second factor and has not shown it changes nothing about sign-in.
"""

from functools import wraps
from typing import Any

from allauth.headless.constants import Client
from allauth.headless.urls import build_urlpatterns
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, URLResolver, include, path
from django.utils import timezone

from tracker.access import devices
from tracker.accounts import second_factor, sessions
from tracker.accounts.decorators import (
    View,
    keep_last_factor,
    refuse_malformed_passkey,
    refuse_unreadable_factor,
    require_second_factor,
)
from tracker.accounts.models import User
from tracker.accounts.throttle import Throttle, json_field, pending_user, session_user
from tracker.api import device_binding
from tracker.api.exceptions import method_not_allowed, problem_response
from tracker.api.parsers import is_json_in_utf8
from tracker.lib import strict_json

# Left out: signing up, changing the address, phone numbers, codes by mail, access tokens.
KEPT = frozenset(
    {
        *("config", "login", "current_session", "reauthenticate"),
        *("request_password_reset", "reset_password", "change_password"),
        *("authenticate", "authenticators", "manage_totp", "manage_recovery_codes", "manage_webauthn"),
        *("authenticate_webauthn", "reauthenticate_webauthn", "login_webauthn"),
    }
)

GUARDED = frozenset({"change_password", "manage_totp", "manage_recovery_codes", "manage_webauthn"})
# Not for a patient's token that belongs to no phone yet: it pairs, or signs out.
OF_PAIRED_PHONE = GUARDED | {"authenticators"}
FACTORS = frozenset({"manage_totp", "manage_webauthn"})
PASSKEYS = frozenset(
    {"manage_webauthn", "authenticate_webauthn", "reauthenticate_webauthn", "login_webauthn"}
)
PUBLIC = "allauth's own sign-in and the security of one's own account: it asks by itself who it is"


# By the route's name: the kind of the tries, and whose account is tried.
THROTTLES = {
    "login": Throttle("sign-in", json_field("email"), every_method=True),
    # The challenge comes by GET, and is kept in a session.
    "login_webauthn": Throttle("sign-in", session_user, every_method=True, counts_get=True),
    "authenticate": Throttle("second-factor", pending_user, every_method=True),
    "authenticate_webauthn": Throttle("second-factor", pending_user, every_method=True),
    "reauthenticate": Throttle("second-factor", session_user, every_method=True),
    "reauthenticate_webauthn": Throttle("second-factor", session_user, every_method=True),
    "manage_totp": Throttle("second-factor", session_user, every_method=True),
    "change_password": Throttle("second-factor", session_user, every_method=True),
    "request_password_reset": Throttle("reset", json_field("email"), every_method=True),
    "reset_password": Throttle("reset", session_user, every_method=True),
}


# Begin something new, or end what there was: a token that is no longer good is left out of it.
WITHOUT_SESSION = frozenset({"config", "login", "login_webauthn", "request_password_reset", "reset_password"})


def _forget_dead_token(request: HttpRequest) -> None:
    """Treat a token that opens nothing as if none had been sent: an app that still has it signs in, or out."""
    token = request.headers.get("X-Session-Token", "")
    match = request.resolver_match
    name = match.url_name if match else ""
    is_sign_out = name == "current_session" and request.method == "DELETE"
    if token and (is_sign_out or name in WITHOUT_SESSION) and sessions.load(token, timezone.now()) is None:
        del request.META["HTTP_X_SESSION_TOKEN"]
        # What Django keeps of the headers once they were read.
        request.__dict__.pop("headers", None)


def _methods_of(view: Any) -> list[str]:
    """The methods that one of allauth's views has."""
    own = [name for name in ("get", "post", "put", "patch", "delete") if hasattr(view.view_class, name)]
    return [name.upper() for name in (*own, *(["head"] if "get" in own else []))]


def _checked(view: View) -> View:
    """
    Take a phone's token from that phone alone, and strict JSON: allauth reads any body as JSON.

    A method that the view does not have is refused here: allauth looks at the body first.
    """
    allowed = _methods_of(view)

    @wraps(view)
    def wrapper(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if request.method not in allowed:
            return method_not_allowed(allowed)
        _forget_dead_token(request)
        refused = device_binding.check(request)
        if refused is not None:
            return refused
        if request.method != "GET" and request.body and not is_json_in_utf8(request):
            return problem_response("not_json")
        try:
            if request.method != "GET":
                strict_json.decode_object(request.body)
        except strict_json.BadJSON as problem:
            return problem_response(problem.code)
        return view(request, *args, **kwargs)

    return wrapper


def _is_second_factor_due(request: HttpRequest) -> bool:
    token = request.headers.get("X-Session-Token", "")
    session = sessions.load(token, timezone.now()) if token.isascii() and token.isalnum() else None
    if session is None or session.user_id is None or session.has_second_factor:
        return False
    return second_factor.count(User(pk=session.user_id)) > 0


_guarded = require_second_factor(
    _is_second_factor_due, lambda request: problem_response("second_factor_required")
)
_keeps_last = keep_last_factor(lambda request: problem_response("last_second_factor"))
_decrypted = refuse_unreadable_factor(lambda request: problem_response("second_factor_unreadable"))
_readable = refuse_malformed_passkey(lambda request: problem_response("bad_passkey"))


def _on_trusted_device(view: View) -> View:
    """Set up no second factor from a phone that is new, or from none, while an older one is there."""

    @wraps(view)
    def wrapper(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        at = timezone.now()
        session = sessions.load_token(request.headers.get("X-Session-Token", ""), at)
        user_id = session.user_id if session and request.method == "POST" else None
        user = User.objects.filter(pk=user_id).first() if user_id else None
        if session and user and not devices.may_add_second_factor(user, session.device_id, at):
            return problem_response("use_older_device")
        return view(request, *args, **kwargs)

    return wrapper


def _on_paired_phone(view: View) -> View:
    """Refuse a patient's session that belongs to no phone yet."""

    @wraps(view)
    def wrapper(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        session = sessions.load_token(request.headers.get("X-Session-Token", ""), timezone.now())
        if session and session.data.get(sessions.KIND) == sessions.PATIENT and session.device_id is None:
            return problem_response("device_not_paired")
        return view(request, *args, **kwargs)

    return wrapper


def _kept(patterns: list[URLPattern | URLResolver]) -> list[URLPattern | URLResolver]:
    """Return the routes whose names are kept, in the same tree."""
    kept: list[URLPattern | URLResolver] = []
    for each in patterns:
        if isinstance(each, URLResolver):
            each.url_patterns[:] = _kept(list(each.url_patterns))
            kept += [each] if each.url_patterns else []
        elif each.name in KEPT:
            if each.name in PASSKEYS:
                each.callback = _readable(each.callback)
            if each.name in FACTORS:
                each.callback = _keeps_last(_on_trusted_device(each.callback))
            if each.name in GUARDED:
                each.callback = _guarded(each.callback)
            if each.name in OF_PAIRED_PHONE:
                each.callback = _on_paired_phone(each.callback)
            checked: Any = _checked(_decrypted(each.callback))
            if each.name in THROTTLES:
                checked.throttle = THROTTLES[each.name]
            checked.public = PUBLIC
            each.callback = checked
            kept.append(each)
    return kept


app_name = "headless"
urlpatterns = [path("app/", include((_kept(build_urlpatterns(Client.APP)), "headless"), namespace="app"))]
