"""Errors outside of any view: as problems for the API, as pages for people."""

import sys
from collections.abc import Callable, Iterable
from typing import Any

from django.core.handlers.wsgi import WSGIRequest
from django.db import InterfaceError, InternalError, OperationalError
from django.http import HttpRequest, HttpResponse, UnreadablePostError
from django.template import loader

from tracker.api import exceptions
from tracker.lib import asgi, logs
from tracker.lib.middleware import RequestLogMiddleware

log = logs.get(__name__)
_DATABASE_ERRORS = (OperationalError, InterfaceError, InternalError)


def _for_program(request: HttpRequest) -> bool:
    return exceptions.is_api(request) or request.path.startswith(("/health/", "/_allauth/"))


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """400: a host that is not ours, a body that is too large."""
    if _for_program(request):
        return exceptions.problem_response("bad_request")
    return _page("400.html", 400)


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    """403: the role may not use this page."""
    if _for_program(request):
        return exceptions.problem_response("not_allowed")
    return _page("403.html", 403)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """404: nothing here, or nothing here for you."""
    if _for_program(request):
        return exceptions.problem_response("not_found")
    return _page("404.html", 404)


def too_many_attempts(request: HttpRequest) -> HttpResponse:
    """429: a try at sign-in that was one too many; the middleware adds when to come back."""
    if _for_program(request):
        return exceptions.problem_response("too_many_tries")
    return _page("429.html", 429)


def server_error(request: HttpRequest, *args: Any) -> HttpResponse:
    """
    500: our mistake. The log has its type and place under the request id.

    Outside of a view, too, a database that is away is no mistake (503), nor is a body that did not come whole.
    """
    problem = sys.exc_info()[1]
    if isinstance(problem, UnreadablePostError):
        return _incomplete_body(request)
    if isinstance(problem, _DATABASE_ERRORS):
        return _unavailable(request, problem)
    if _for_program(request):
        return exceptions.problem_response("internal_error")
    return _page("500.html", 500)


def _page(template: str, status: int, **context: str) -> HttpResponse:
    """
    Return a page that says what went wrong, made without the request.

    Django's own error pages check its CSRF token, and parse its body to find that: a body that cannot be parsed was
    an error while an error was answered. And the session of who is signed in is in the database.
    """
    return HttpResponse(loader.render_to_string(template, context), status=status)


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
    return _page("408.html", 408)


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
    page = _page("503.html", 503, crisis_text=exceptions.CRISIS_TEXT)
    page["Retry-After"], page["Cache-Control"] = str(exceptions.RETRY_AFTER_S), "no-store"
    return page


class LongHeadersMiddleware:
    """
    Middleware: a request whose headers are too long is refused before anything takes them apart (``lib.asgi``).

    Below ``/api/`` it is scanned like any other that is refused.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if asgi.LONG_HEADERS not in request.META:
            return self.get_response(request)
        if _for_program(request):
            return exceptions.problem_response("headers_too_long")
        return _page("400.html", 431)


class AmbiguousLengthMiddleware:
    """
    Middleware: a request whose headers disagree about its body is refused, and its connection closed (``lib.asgi``).

    Below ``/api/`` it is scanned like any other that is refused.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if asgi.AMBIGUOUS_LENGTH not in request.META:
            return self.get_response(request)
        is_program = _for_program(request)
        response = exceptions.problem_response("bad_request") if is_program else _page("400.html", 400)
        response["Connection"] = "close"
        return response


def _broken_body(request: HttpRequest) -> HttpResponse:
    """400 of a body that breaks off or is no HTTP; made without a database."""
    if _for_program(request):
        return exceptions.problem_response("bad_request", has_guidance=True)
    return _page("400.html", 400)


_log_overloaded = RequestLogMiddleware(overloaded)
_log_broken = RequestLogMiddleware(_broken_body)


def refuse(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    """WSGI application: refuse a request before any middleware, view or database has seen it (``lib.asgi``)."""
    respond = _log_broken if asgi.BROKEN_BODY in environ else _log_overloaded
    response = respond(WSGIRequest(environ))
    start_response(f"{response.status_code} {response.reason_phrase}", list(response.items()))
    return [response.content]
