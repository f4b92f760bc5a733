"""Every error as ``application/problem+json`` (RFC 9457): a stable code, a request id, no values, no hints."""

import posixpath
from collections.abc import Iterable, Mapping, Sequence
from http import HTTPStatus
from typing import Any

import orjson
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, UnreadablePostError
from rest_framework import exceptions
from rest_framework.response import Response

from tracker.access.devices import UseOlderDevice
from tracker.accounts.reauthentication import ReauthenticationRequired
from tracker.clinics.errors import NotFoundOrHidden
from tracker.lib.cursors import InvalidCursor
from tracker.lib.error_codes import CODES
from tracker.lib.middleware import request_id
from tracker.lib.validation_errors import FieldError, field_error
from tracker.sync.safety import UnfinishedScan

CONTENT_TYPE = "application/problem+json"
RETRY_AFTER_S = 5
SCHEME = "SessionToken"
# Without the database nobody knows whose clinic it is: what holds everywhere. A phone that keeps the text of its
# clinic (``GET /me``) shows that.
CRISIS_TEXT = "If you are in danger, call your local emergency number now."
_UNSTORED = {
    "crisis_text": CRISIS_TEXT,
    "disclaimer": "Nothing was stored, so your care team has not seen it. This app is not an emergency service.",
}
Errors = Sequence[Mapping[str, str]]


class APIProblem(exceptions.APIException):
    """
    A request that is refused with a code of ``lib.error_codes``, which gives the status and the sentence.

    ``errors`` are its fields and parameters; ``more`` are further members of the problem.
    """

    def __init__(self, code: str, errors: Errors = (), **more: Any) -> None:
        super().__init__(CODES[code].detail, code)
        self.status_code = CODES[code].status
        self.code = code
        self.errors = errors
        self.more = more
        # Commit the transaction although the response is an error: a session was ended.
        self.commits = False


def field_problem(code: str, *place: str | int) -> APIProblem:
    """Return the refusal of one field of the body."""
    return APIProblem("invalid", [field_error(place, code).as_dict()])


def parameter_problem(code: str, name: str) -> APIProblem:
    """Return the refusal of one query parameter or header."""
    return APIProblem("invalid", [parameter_error(name, field_error((), code))])


def parameter_error(name: str, error: FieldError) -> dict[str, str]:
    """Return the error of a query parameter or header, which has a name and no pointer."""
    return {"parameter": name, "code": error.code, "detail": error.detail}


def problem_body(code: str, errors: Errors = (), more: Mapping[str, Any] = {}) -> dict[str, Any]:
    """Return the members of a problem."""
    status = CODES[code].status
    problem: dict[str, Any] = {
        "type": f"urn:interlude:error:{code}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "code": code,
        "detail": CODES[code].detail,
        "request_id": request_id.get(),
    }
    if errors:
        problem["errors"] = list(errors)
    return problem | dict(more)


def is_api(request: HttpRequest) -> bool:
    """Return whether a path is meant for the API; an app that writes it a little wrong gets a problem, and no page."""
    path = posixpath.normpath(request.path.lower()) + "/" if "/." in request.path else request.path.lower()
    return path.lstrip("/").startswith("api/")


def problem_response(code: str, *, has_guidance: bool = False) -> HttpResponse:
    """Return a problem outside of a view: an unknown path, or a failure before a view was found."""
    status = CODES[code].status
    more = {"guidance": _UNSTORED} if status == 503 or has_guidance else {}
    body = orjson.dumps(problem_body(code, more=more))
    response = HttpResponse(body, status=status, content_type=CONTENT_TYPE)
    if status == 503:
        response["Retry-After"] = str(RETRY_AFTER_S)
    if status == 401:
        response["WWW-Authenticate"] = SCHEME
    return response


def method_not_allowed(allowed: Iterable[str]) -> HttpResponse:
    """Return the problem of a method that a route does not have; ``Allow`` names those that it has."""
    response = problem_response("method_not_allowed")
    response["Allow"] = ", ".join(allowed)
    # Other than most refusals it may be kept, if nobody says no (RFC 9110, 15.5.6).
    response["Cache-Control"] = "no-store"
    return response


_CODE_OF: dict[type[Exception], str] = {
    Http404: "not_found",
    NotFoundOrHidden: "not_found",
    InvalidCursor: "invalid_cursor",
    ReauthenticationRequired: "reauthentication_required",
    UseOlderDevice: "use_older_device",
    PermissionDenied: "not_allowed",
    exceptions.NotAuthenticated: "not_signed_in",
    exceptions.AuthenticationFailed: "not_signed_in",
    exceptions.PermissionDenied: "not_allowed",
    exceptions.MethodNotAllowed: "method_not_allowed",
    exceptions.Throttled: "too_many_requests",
    exceptions.NotAcceptable: "not_acceptable",
    exceptions.UnsupportedMediaType: "not_json",
    exceptions.APIException: "bad_request",
    UnreadablePostError: "incomplete_body",
}


def exception_handler(exception: Exception, context: dict[str, Any]) -> Response | None:
    """
    DRF's exception handler. Every other exception goes on to ``backend.errors``: a database error is 503, a mistake of
    ours a bare 500. The transaction of the request is rolled back on its way.
    """
    if isinstance(exception, APIProblem):
        response = _response(problem_body(exception.code, exception.errors, exception.more))
        response.commits = exception.commits  # type: ignore[attr-defined]
        return response
    if isinstance(exception, UnfinishedScan):
        response = _response(problem_body("service_unavailable"))
        response["Retry-After"] = str(RETRY_AFTER_S)
        response.needs_scan = True  # type: ignore[attr-defined]
        return response
    code = next((_CODE_OF[kind] for kind in type(exception).__mro__ if kind in _CODE_OF), "")
    if not code:
        return None
    response = _response(problem_body(code))
    if response.status_code == 401:
        response["WWW-Authenticate"] = SCHEME
    if isinstance(exception, exceptions.Throttled):
        response["Retry-After"] = str(int(getattr(exception, "wait", None) or 1))
    if response.status_code == 405:
        response["Allow"] = ", ".join(context["view"].allowed_methods)
    return response


def _response(problem: dict[str, Any]) -> Response:
    return Response(problem, problem["status"], content_type=CONTENT_TYPE)
