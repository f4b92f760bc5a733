"""The phone's opaque token: looked up on every request, in the transaction that its rights are read in."""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.utils import timezone
from django.utils.crypto import constant_time_compare
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed

from tracker.api import binding
from tracker.api.wire import Refused
from tracker.people import access, sessions
from tracker.people.access import Viewer
from tracker.people.models import User

_LONGEST = 128


class SessionToken(BaseAuthentication):
    """``X-Session-Token``, as given by ``/_allauth/app/v1/auth/login``. The user of a request is a ``Viewer``."""

    def authenticate(self, request: Any) -> tuple[Viewer, sessions.Held] | None:
        token = request.headers.get("X-Session-Token", "")
        if not token:
            return None
        if len(token) > _LONGEST or not token.isascii() or not token.isalnum():
            raise AuthenticationFailed
        at = timezone.now()
        held = sessions.read(token, at)
        if held is None or held.user_id is None:
            raise AuthenticationFailed
        viewer = _enter(held, held.user_id, at)
        if not (viewer.is_patient or held.has_second_factor):
            raise Refused(403, "second_factor_needed", "Staff sign in with a second factor.")
        device = _device(request, held, viewer, at)
        sessions.touch(held, at)
        return access.signed_in(viewer, authenticated_at=held.authenticated_at, device_id=device), held

    def authenticate_header(self, request: Any) -> str:
        return "SessionToken"


def _enter(held: sessions.Held, user_id: UUID, at: datetime) -> Viewer:
    try:
        viewer = access.enter(user_id, at)
    except access.NobodyError:
        raise AuthenticationFailed from None
    # A changed password ends the sessions that were made with the old one.
    made_with = User(password=viewer.password_hash).get_session_auth_hash()
    if not constant_time_compare(held.password_mark, made_with):
        raise AuthenticationFailed
    return viewer


def _device(request: Any, held: sessions.Held, viewer: Viewer, at: datetime) -> UUID | None:
    """
    Return the phone that the request comes from: the one that the session is bound to, and none but that.

    :raises Refused: where another device sends the token, whose session ends; and where none is named.
    """
    try:
        return binding.device_of(request, held)
    except binding.AnotherDeviceError:
        raise binding.ended(held, viewer, at) from None


class SessionTokenScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """How the schema names it."""

    target_class = SessionToken
    name = "SessionToken"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "apiKey", "in": "header", "name": "X-Session-Token"}
