"""
Sign-in for the phone: the routes of allauth's headless API that are part of this product, and no other.

A session of somebody who has a second factor and has not shown it changes nothing about sign-in.
"""

from allauth.headless.constants import Client
from allauth.headless.urls import build_urlpatterns
from django.http import HttpRequest
from django.urls import URLPattern, URLResolver, include, path
from django.utils import timezone

from tracker.accounts import second_factor, sessions
from tracker.accounts.decorators import refuse_malformed_passkey, require_second_factor
from tracker.accounts.models import User
from tracker.api.exceptions import problem_response

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
PASSKEYS = frozenset(
    {"manage_webauthn", "authenticate_webauthn", "reauthenticate_webauthn", "login_webauthn"}
)


def _is_second_factor_due(request: HttpRequest) -> bool:
    token = request.headers.get("X-Session-Token", "")
    session = sessions.load(token, timezone.now()) if token.isascii() and token.isalnum() else None
    if session is None or session.user_id is None or session.has_second_factor:
        return False
    return second_factor.count(User(pk=session.user_id)) > 0


_guarded = require_second_factor(
    _is_second_factor_due, lambda request: problem_response("second_factor_required")
)
_readable = refuse_malformed_passkey(lambda request: problem_response("bad_passkey"))


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
            if each.name in GUARDED:
                each.callback = _guarded(each.callback)
            kept.append(each)
    return kept


app_name = "headless"
urlpatterns = [path("app/", include((_kept(build_urlpatterns(Client.APP)), "headless"), namespace="app"))]
