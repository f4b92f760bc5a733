"""Kinds of requests by path and method: sign-in, API, and what may change something."""

# Allauth's pages, and its API for phones.
SIGN_IN = ("/accounts/", "/_allauth/")
# Here a request brings its token, and its device, in a header; everywhere else in a cookie.
API = ("/api/", "/_allauth/")
UNSAFE_METHODS = frozenset({"POST", "PUT", "PATCH", "DELETE"})
