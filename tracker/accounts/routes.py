"""Kinds of requests by path and method: sign-in, tries of a secret, API, and what may change something."""

# Allauth's pages, and its API for phones.
SIGN_IN = ("/accounts/", "/_allauth/")
# Where somebody tries a password, a second factor or an invitation: a fifth of a second of a processor for each. These
# are the routes with a ``throttle``, break-glass excepted; signing out is no try.
TRIES = (
    "/accounts/login/",
    "/accounts/reauthenticate/",
    "/accounts/password/",
    "/accounts/invitation/",
    "/accounts/email/",
    "/accounts/2fa/",
    "/_allauth/app/v1/auth/login",
    "/_allauth/app/v1/auth/reauthenticate",
    "/_allauth/app/v1/auth/password/",
    "/_allauth/app/v1/auth/2fa/",
    "/_allauth/app/v1/auth/webauthn/",
    "/_allauth/app/v1/account/password/",
    "/_allauth/app/v1/account/authenticators/",
    "/api/v1/invitations/accept",
    "/api/v1/me/email",
)
# Here a request brings its token, and its device, in a header; everywhere else in a cookie.
API = ("/api/", "/_allauth/")
UNSAFE_METHODS = frozenset({"POST", "PUT", "PATCH", "DELETE"})


def is_try(method: str, path: str) -> bool:
    """Whether a request may try a secret. Allauth's API reads a body under every method but GET."""
    return method != "GET" and path.startswith(TRIES)
