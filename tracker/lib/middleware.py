"""
One log line per request, by allow-list: route, method, status, duration, request id. No address, no query
string, no body. Answers carry the request id, and headers that keep pages out of caches and frames.
"""

import re
import time
import uuid
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.urls import Resolver404, resolve

from tracker.lib import logs

log = logs.get(__name__)
request_id = logs.request_id
# As proxies make them: it is logged and kept in the audit, so it must hold no word.
_GIVEN = re.compile(r"^[0-9a-fA-F-]{16,64}$")
CONTENT_SECURITY_POLICY = (
    "default-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; script-src 'self'; "
    "frame-ancestors 'none'; base-uri 'none'; form-action 'self'"
)


class RequestLogMiddleware:
    """Middleware: names, times and logs each request."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        given = request.headers.get("X-Request-ID", "")
        name = given if _GIVEN.match(given) else uuid.uuid4().hex
        token = request_id.set(name)
        started = time.monotonic()
        try:
            response = self.get_response(request)
        finally:
            request_id.reset(token)
        response["X-Request-ID"] = name
        response.setdefault("Content-Security-Policy", CONTENT_SECURITY_POLICY)
        response.setdefault("Cache-Control", "no-store")
        route = _route(request)
        if not route.startswith("health"):
            log.info(
                "request",
                request_id=name,
                route=route,
                method=request.method,
                status=response.status_code,
                ms=round(1000 * (time.monotonic() - started), 1),
            )
        return response


def _route(request: HttpRequest) -> str:
    """The route of a request; also of one that was answered before its view was looked for, such as by 503."""
    try:
        match = request.resolver_match or resolve(request.path_info)
    except Resolver404:
        return "(none)"
    return str(match.route)
