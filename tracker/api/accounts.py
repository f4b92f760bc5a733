"""Sign-in for the phone: the routes of allauth's headless API that are part of this product, and no other."""

from allauth.headless.constants import Client
from allauth.headless.urls import build_urlpatterns
from django.urls import URLPattern, URLResolver, include, path

# Left out: signing up, changing the address, phone numbers, codes by mail, access tokens.
KEPT = frozenset(
    {
        *("config", "login", "current_session", "reauthenticate"),
        *("request_password_reset", "reset_password", "change_password"),
        *("authenticate", "authenticators", "manage_totp", "manage_recovery_codes", "manage_webauthn"),
        *("authenticate_webauthn", "reauthenticate_webauthn", "login_webauthn"),
    }
)


def _kept(patterns: list[URLPattern | URLResolver]) -> list[URLPattern | URLResolver]:
    """Return the routes whose names are kept, in the same tree."""
    found: list[URLPattern | URLResolver] = []
    for each in patterns:
        if isinstance(each, URLResolver):
            each.url_patterns[:] = _kept(list(each.url_patterns))
            found += [each] if each.url_patterns else []
        elif each.name in KEPT:
            found.append(each)
    return found


app_name = "headless"
urlpatterns = [path("app/", include((_kept(build_urlpatterns(Client.APP)), "headless"), namespace="app"))]
