"""Errors outside of any view: as problems for the API, as pages for people."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.views import defaults

from tracker.api import errors


def _for_program(request: HttpRequest) -> bool:
    return request.path.startswith(("/api/", "/health/", "/_allauth/"))


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """400: a host that is not ours, a body that is too large."""
    if _for_program(request):
        return errors.page(400, "bad_request", "The request cannot be taken.")
    return defaults.bad_request(request, exception)


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    """403: the role may not use this page."""
    if _for_program(request):
        return errors.page(403, "not_allowed", "Your role may not use this route.")
    return defaults.permission_denied(request, exception)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """404: nothing here, or nothing here for you."""
    if _for_program(request):
        return errors.page(404, "not_found", "There is nothing here for you.")
    return defaults.page_not_found(request, exception)


def broken(request: HttpRequest, *args: Any) -> HttpResponse:
    """500: our mistake. The log has its type and place under the request id."""
    if _for_program(request):
        return errors.page(500, "broken", "This is our mistake. Nothing of the request was stored.")
    return defaults.server_error(request)
