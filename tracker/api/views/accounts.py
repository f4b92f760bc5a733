"""
Sign-in for the phone: the routes of allauth's headless API that are part of this product, and no other.

A session of somebody who has a second factor and has not shown it changes nothing about sign-in.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any

from allauth.headless.constants import Client
from allauth.headless.urls import build_urlpatterns
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, URLResolver, include, path
from django.utils import timezone

from tracker.accounts import second_factor, sessions
from tracker.accounts.models import User
from tracker.api import exceptions

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
View = Callable[..., HttpResponse]


def _guarded(view: View) -> View:
    """Refuse a session that began before its owner had a second factor: who stole the password may hold it."""

    @wraps(view)
    def wrapper(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if _has_more_to_show(request.headers.get("X-Session-Token", "")):
            return exceptions.problem_response(
                403, "second_factor_required", "Show your second factor first."
            )
        return view(request, *args, **kwargs)

    return wrapper


def _steady(view: View) -> View:
    """Answer a passkey's answer that makes no sense with a problem."""

    @wraps(view)
    def wrapper(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            return view(request, *args, **kwargs)
        except second_factor.MALFORMED_PASSKEY:
            if request.method == "GET":
                raise
            return exceptions.problem_response(400, "bad_passkey", "This is no passkey's answer.")

    return wrapper


def _has_more_to_show(token: str) -> bool:
    held = sessions.load(token, timezone.now()) if token.isascii() and token.isalnum() else None
    if held is None or held.user_id is None or held.has_second_factor:
        return False
    return second_factor.count(User(pk=held.user_id)) > 0


def _kept(patterns: list[URLPattern | URLResolver]) -> list[URLPattern | URLResolver]:
    """Return the routes whose names are kept, in the same tree."""
    found: list[URLPattern | URLResolver] = []
    for each in patterns:
        if isinstance(each, URLResolver):
            each.url_patterns[:] = _kept(list(each.url_patterns))
            found += [each] if each.url_patterns else []
        elif each.name in KEPT:
            if each.name in PASSKEYS:
                each.callback = _steady(each.callback)
            if each.name in GUARDED:
                each.callback = _guarded(each.callback)
            found.append(each)
    return found


app_name = "headless"
urlpatterns = [path("app/", include((_kept(build_urlpatterns(Client.APP)), "headless"), namespace="app"))]
