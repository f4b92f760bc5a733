"""Every error as ``application/problem+json`` (RFC 9457): a stable code, a request id, no values, no hints."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import orjson
from django.core.exceptions import PermissionDenied
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpResponse
from rest_framework import exceptions
from rest_framework.response import Response

from tracker.accounts.reauthentication import ReauthenticationRequired
from tracker.clinics.errors import NotFoundOrHidden
from tracker.lib import logs
from tracker.lib.middleware import request_id

log = logs.get(__name__)
CONTENT_TYPE = "application/problem+json"
_RETRY_AFTER = "5"


class APIProblem(exceptions.APIException):
    """A request that cannot be taken, with a stable code and, where there is one, the field."""

    def __init__(
        self, status: int, code: str, detail: str, errors: list[dict[str, str]] | None = None, **more: Any
    ) -> None:
        super().__init__(detail, code)
        self.status_code = status
        self.code = code
        self.errors = errors or []
        self.more = more
        # Whether what the request has written so far stands although it is refused (an alert).
        self.commits = False


def problem_body(
    status: int,
    code: str,
    detail: str,
    errors: list[dict[str, str]] | None = None,
    more: Mapping[str, Any] = {},
) -> dict[str, Any]:
    """Return the members of a problem."""
    problem: dict[str, Any] = {
        "type": f"urn:interlude:error:{code}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "code": code,
        "detail": detail,
        "request_id": request_id.get(),
    }
    if errors:
        problem["errors"] = errors
    return problem | dict(more)


def problem_response(status: int, code: str, detail: str) -> HttpResponse:
    """Return a problem outside of a view: an unknown path, or a failure before a view was found."""
    response = HttpResponse(
        orjson.dumps(problem_body(status, code, detail)), status=status, content_type=CONTENT_TYPE
    )
    if status == 503:
        response["Retry-After"] = _RETRY_AFTER
    return response


_PROBLEM_OF: dict[type[Exception], tuple[int, str, str]] = {
    Http404: (404, "not_found", "There is nothing here for you."),
    NotFoundOrHidden: (404, "not_found", "There is nothing here for you."),
    ReauthenticationRequired: (
        403,
        "reauthentication_required",
        "Prove who you are again, then repeat the request.",
    ),
    PermissionDenied: (403, "not_allowed", "Your role may not use this route."),
    exceptions.NotAuthenticated: (401, "not_signed_in", "Sign in and send X-Session-Token."),
    exceptions.AuthenticationFailed: (401, "not_signed_in", "Sign in and send X-Session-Token."),
    exceptions.PermissionDenied: (403, "not_allowed", "Your role may not use this route."),
    exceptions.MethodNotAllowed: (405, "method_not_allowed", "This route does not take this method."),
    exceptions.NotAcceptable: (406, "not_acceptable", "This route answers in JSON."),
    exceptions.UnsupportedMediaType: (415, "not_json", "Send application/json."),
    OperationalError: (503, "service_unavailable", "The database is away. Nothing was stored; try again."),
    InterfaceError: (503, "service_unavailable", "The database is away. Nothing was stored; try again."),
}


def exception_handler(exception: Exception, context: dict[str, Any]) -> Response | None:
    """DRF's exception handler. An unknown exception goes on to Django, and is answered with a bare 500."""
    if isinstance(exception, APIProblem):
        status, detail = exception.status_code, str(exception.detail)
        given = problem_body(status, exception.code, detail, exception.errors, exception.more)
        response = Response(given, status, content_type=CONTENT_TYPE)
        response.commits = exception.commits  # type: ignore[attr-defined]
        return response
    for kind in type(exception).__mro__:
        if kind in _PROBLEM_OF:
            status, code, detail = _PROBLEM_OF[kind]
            response = Response(problem_body(status, code, detail), status, content_type=CONTENT_TYPE)
            if status == 401:
                response["WWW-Authenticate"] = "SessionToken"
            if status == 503:
                response["Retry-After"] = _RETRY_AFTER
                log.warning("database away", error=type(exception).__name__)
            if status == 405:
                response["Allow"] = ", ".join(context["view"].allowed_methods)
            return response
    if isinstance(exception, exceptions.APIException):
        status = exception.status_code
        return Response(
            problem_body(status, "refused", "The request cannot be taken."), status, content_type=CONTENT_TYPE
        )
    return None
