"""Errors outside of any view: as problems for the API, as pages for people."""

import sys
from collections.abc import Callable, Iterable
from typing import Any

from django.core.handlers.wsgi import WSGIRequest
from django.db import InterfaceError, InternalError, OperationalError
from django.http import HttpRequest, HttpResponse, UnreadablePostError
from django.template import loader
from django.views import defaults

from tracker.api import exceptions
from tracker.lib import logs
from tracker.lib.middleware import RequestLogMiddleware

log = logs.get(__name__)
_DATABASE_ERRORS = (OperationalError, InterfaceError, InternalError)


def _for_program(request: HttpRequest) -> bool:
    return exceptions.is_api(request) or request.path.startswith(("/health/", "/_allauth/"))


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """400: a host that is not ours, a body that is too large."""
    if _for_program(request):
        return exceptions.problem_response("bad_request")
    return defaults.bad_request(request, exception)


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    """403: the role may not use this page."""
    if _for_program(request):
        return exceptions.problem_response("not_allowed")
    return defaults.permission_denied(request, exception)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """404: nothing here, or nothing here for you."""
    if _for_program(request):
        return exceptions.problem_response("not_found")
    return defaults.page_not_found(request, exception)


def too_many_attempts(request: HttpRequest) -> HttpResponse:
    """429: a try at sign-in that was one too many; the middleware adds when to come back."""
    if _for_program(request):
        return exceptions.problem_response("too_many_tries")
    return HttpResponse(loader.render_to_string("429.html"), status=429)


def server_error(request: HttpRequest, *args: Any) -> HttpResponse:
    """
    500: our mistake. The log has its type and place under the request id.

    Outside of a view, too, a database that is away is no mistake: 503.
    """
    problem = sys.exc_info()[1]
    if isinstance(problem, _DATABASE_ERRORS):
        return _unavailable(request, problem)
    if _for_program(request):
        return exceptions.problem_response("internal_error")
    return defaults.server_error(request)


class ServiceUnavailableMiddleware:
    """
    Middleware: a view that finds no database answers 503, and says when to try again. Never a false 2xx.

    A body that came too slowly, or is nested so deep that a library gives up, is the sender's.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """Called by Django with what a view raised."""
        if isinstance(exception, RecursionError) and _for_program(request):
            return exceptions.problem_response("too_deep")
        if isinstance(exception, UnreadablePostError):
            return _incomplete_body(request)
        return _unavailable(request, exception) if isinstance(exception, _DATABASE_ERRORS) else None


class MethodNotAllowedMiddleware:
    """Middleware: a program that asks with a method that a route does not have gets a problem, whoever refuses it."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        # A page of documentation, too, answers such a request as a page.
        if response.status_code == 405 and _for_program(request):
            return exceptions.method_not_allowed([response["Allow"]])
        return response


def _incomplete_body(request: HttpRequest) -> HttpResponse:
    if _for_program(request):
        return exceptions.problem_response("incomplete_body")
    return HttpResponse(loader.render_to_string("408.html"), status=408)


def _unavailable(request: HttpRequest, problem: BaseException) -> HttpResponse:
    """
    503 of a database that is away, read-only, full or out of connections, or in which a lock, a statement or another
    transaction took too long: nothing was done, and the same request may do well in a while.
    """
    log.warning("unavailable", error=type(problem).__name__)
    return overloaded(request)


def overloaded(request: HttpRequest) -> HttpResponse:
    """503 of a request that is not taken now; made without a database."""
    if _for_program(request):
        return exceptions.problem_response("service_unavailable")
    # Rendered without the request, whose session is in the database.
    page = loader.render_to_string("503.html", {"crisis_text": exceptions.CRISIS_TEXT})
    headers = {"Retry-After": str(exceptions.RETRY_AFTER_S), "Cache-Control": "no-store"}
    return HttpResponse(page, status=503, headers=headers)


_log_overloaded = RequestLogMiddleware(overloaded)


def refuse(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    """WSGI application: refuse a request before any middleware, view or database has seen it (``lib.asgi``)."""
    response = _log_overloaded(WSGIRequest(environ))
    start_response(f"{response.status_code} {response.reason_phrase}", list(response.items()))
    return [response.content]
