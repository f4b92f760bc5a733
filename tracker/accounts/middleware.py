"""Middleware of sign-in: browser sessions, and the throttle."""

import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any
from uuid import UUID, uuid5

from django.conf import settings
from django.contrib.sessions.middleware import SessionMiddleware
from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, HttpResponse
from django.urls import Resolver404, resolve
from django.utils.module_loading import import_string

from tracker.accounts import (
    addresses,
    known_devices,
    request_throttle,
    routes,
    sessions,
    sign_in_capacity,
    throttle,
)
from tracker.accounts.sessions import BrowserSessionStore
from tracker.lib import strict_json

# Of a form of a page, and of a try of a password, a second factor (a passkey's answer is the longest) or an invitation.
# It is decoded before anything is known of its sender.
MOST_BYTES = 64 * 1024
# More than it takes to write the mail.
RESET_SECONDS = 0.1
_SESSION = UUID("0197a1c0-0000-7000-8000-000000000011")


class BrowserSessionMiddleware(SessionMiddleware):
    """Django's middleware; a phone's token that is put into a cookie opens nothing."""

    def __init__(self, get_response: Any) -> None:
        super().__init__(get_response)
        self.SessionStore = BrowserSessionStore


def _length(request: HttpRequest) -> int:
    try:
        return int(request.META.get("CONTENT_LENGTH") or 0)
    except ValueError:
        return 0


def _is_short(request: HttpRequest) -> bool:
    """Whether a request is a form of a page, or a try of a secret."""
    return not request.path.startswith(routes.API) or routes.is_try(str(request.method), request.path)


class SignInThrottleMiddleware:
    """
    Middleware: tries at a route that declares a ``Throttle`` are counted; one too many gets 429 and Retry-After.

    The count is a transaction of its own, before that of the sign-in begins. The answer is given where the view
    would be called, so that it is audited like any other. A try of an unknown device also needs capacity
    (``sign_in_capacity``): without it the answer is 503, and nothing is tried or counted.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if _length(request) > MOST_BYTES and _is_short(request):
            raise RequestDataTooBig("a form and a try of a secret are short")
        declared = _declared(request)
        if declared is None or not declared.counts(request):
            return self._answer(request)
        ends_at = time.monotonic() + (RESET_SECONDS if declared.kind == "reset" else 0)
        response = self._counted(request, declared)
        # Of an address that is known a mail is written: whoever waits for the answer learns nothing by that.
        time.sleep(max(0, ends_at - time.monotonic()))
        return response

    def _counted(self, request: HttpRequest, declared: throttle.Throttle) -> HttpResponse:
        """Answer a try that counts."""
        try:
            who = _who(request, declared)
        except strict_json.BadJSON:
            # The view refuses such a body before it tries anything.
            return self._answer(request)
        try:
            with _capacity(request, declared, who):
                request.throttled = _refused(declared.kind, who)  # type: ignore[attr-defined]
                return self._answer(request)
        except sign_in_capacity.NoCapacity:
            response: HttpResponse = import_string(settings.OVERLOADED_VIEW)(request)
            return response

    def _answer(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        known_devices.set_cookie(request, response)
        return response

    def process_view(self, request: HttpRequest, view: Any, args: Any, kwargs: Any) -> HttpResponse | None:
        """Called by Django with the view that it has found."""
        refused: throttle.TooManyAttempts | None = getattr(request, "throttled", None)
        if refused is None:
            return None
        response = _too_many(request, refused.retry_after)
        if request.path.startswith(routes.API):
            quota = request_throttle.Quota(refused.kind, refused.rate, 0, refused.retry_after)
            for name, value in quota.headers().items():
                response[name] = value
        return response


class SessionThrottleMiddleware:
    """
    Middleware: requests that come with a session are counted by it, on every route but those of the API.

    The API counts by person, once it knows who it is: a refusal of its own is scanned for safety answers.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        session = getattr(request, "counted_session", None)
        if session is not None:
            kind = request_throttle.kind_of(request.method)
            request_throttle.count(kind, session)
            if request.path.startswith(routes.API):
                for name, value in request_throttle.quota(kind, session).headers().items():
                    response[name] = value
        return response

    def process_view(self, request: HttpRequest, view: Any, args: Any, kwargs: Any) -> HttpResponse | None:
        """Called by Django with the view that it has found."""
        # What the page or program is signed in by: nothing beside it makes another session of it.
        is_program = request.path.startswith(routes.API)
        sent, name = (
            (request.headers, "X-Session-Token")
            if is_program
            else (request.COOKIES, settings.SESSION_COOKIE_NAME)
        )
        token = sent.get(name)
        if not token or hasattr(getattr(view, "cls", None), "throttle_classes"):
            return None
        session = uuid5(_SESSION, sessions.key_hash(token))
        request.counted_session = session  # type: ignore[attr-defined]
        try:
            request_throttle.check(request_throttle.kind_of(request.method), session)
        except request_throttle.TooManyRequests as refused:
            return _too_many(request, refused.retry_after)
        return None


def _too_many(request: HttpRequest, retry_after: int) -> HttpResponse:
    response: HttpResponse = import_string(settings.THROTTLE_FAILURE_VIEW)(request)
    response["Retry-After"] = str(retry_after)
    response["Cache-Control"] = "no-store"
    return response


def _declared(request: HttpRequest) -> throttle.Throttle | None:
    if request.method == "GET" and not request.path.startswith(routes.SIGN_IN):
        return None
    try:
        view = resolve(request.path_info).func
    except Resolver404:
        return None
    declared: throttle.Throttle | None = getattr(getattr(view, "cls", view), "throttle", None)
    return declared


def _who(request: HttpRequest, declared: throttle.Throttle) -> dict[str, str]:
    """As whom a try is counted: a device on which the account has signed in before by itself, all others by all."""
    account, device = declared.account(request), known_devices.of_request(request)
    if "known_device" in throttle.RATES[declared.kind] and device and known_devices.is_known(account, device):
        return {"known_device": f"{account}/{device}"}
    named, address = request.headers.get("X-Device", "")[:40], throttle.client_ip(request)
    account_from = f"{addresses.normal_form(account)} {address}" if account else ""
    return {"account": account, "account_from": account_from, "device": named, "address": address}


def _capacity(
    request: HttpRequest, declared: throttle.Throttle, who: dict[str, str]
) -> AbstractContextManager[None]:
    """The capacity that a request needs: none on a known device, or in a session whose account has shown a password."""
    is_known = "known_device" in who or (declared.of_session and bool(who["account"]))
    if is_known or not routes.is_try(str(request.method), request.path):
        return nullcontext()
    return sign_in_capacity.of_unknown_device()


def _refused(kind: str, who: dict[str, str]) -> throttle.TooManyAttempts | None:
    try:
        throttle.hit(kind, **who)
    except throttle.TooManyAttempts as refused:
        return refused
    return None
