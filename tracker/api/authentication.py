"""The phone's opaque token: looked up on every request, in the transaction that its rights are read in."""

from typing import Any
from uuid import UUID

from django.utils import timezone
from django.utils.crypto import constant_time_compare
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed

from tracker.people import access, sessions
from tracker.people.access import Viewer
from tracker.people.models import User

_LONGEST = 128


class SessionToken(BaseAuthentication):
    """``X-Session-Token``, as given by ``/_allauth/app/v1/auth/login``. The user of a request is a ``Viewer``."""

    def authenticate(self, request: Any) -> tuple[Viewer, str] | None:
        token = request.headers.get("X-Session-Token", "")
        if not token:
            return None
        if len(token) > _LONGEST or not token.isascii() or not token.isalnum():
            raise AuthenticationFailed
        session = sessions.read(token)
        try:
            viewer = access.enter(UUID(session["_auth_user_id"]), timezone.now())
        except (KeyError, ValueError, access.NobodyError):
            raise AuthenticationFailed from None
        # A changed password ends the sessions that were made with the old one.
        made_with = User(password=viewer.password_hash).get_session_auth_hash()
        if not constant_time_compare(session.get("_auth_user_hash", ""), made_with):
            raise AuthenticationFailed
        return viewer, token

    def authenticate_header(self, request: Any) -> str:
        return "SessionToken"


class SessionTokenScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """How the schema names it."""

    target_class = SessionToken
    name = "SessionToken"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "apiKey", "in": "header", "name": "X-Session-Token"}
