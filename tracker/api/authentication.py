"""The phone's opaque token: looked up on every request, in the transaction that its rights are read in."""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.utils import timezone
from django.utils.crypto import constant_time_compare
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed, NotAuthenticated

from tracker.access.principal import InactiveUser, Principal, load_principal, with_session
from tracker.accounts import reauthentication, second_factor, sessions
from tracker.accounts.models import User
from tracker.api import device_binding
from tracker.api.exceptions import APIProblem
from tracker.lib.admission import ACCOUNT

_LONGEST = 128


class SessionToken(BaseAuthentication):
    """``X-Session-Token``, as given by ``/_allauth/app/v1/auth/login``. The user of a request is a ``Principal``."""

    def authenticate(self, request: Any) -> tuple[Principal, sessions.SessionData] | None:
        token = request.headers.get("X-Session-Token", "")
        if not token:
            return None
        # Whose requests wait for each other (``lib.admission``): nobody's, until the token is known to hold.
        request._request.META[ACCOUNT] = ""
        if len(token) > _LONGEST or not token.isascii() or not token.isalnum():
            raise AuthenticationFailed
        at = timezone.now()
        session = sessions.load(token, at)
        if session is None or session.user_id is None:
            raise AuthenticationFailed
        principal = _enter(session, session.user_id, at)
        # Whom a refusal is about (``refusals``).
        request._request.token_holder = principal
        request._request.META[ACCOUNT] = str(principal.user_id)
        if principal.is_staff and not session.has_second_factor:
            raise APIProblem("second_factor_required")
        if not (principal.is_patient or session.is_staffs):
            # Begun as a patient's: on a phone, or before the person was anything else.
            raise AuthenticationFailed
        device = _device(request, session, principal, at)
        sessions.touch(session, at)
        return with_session(principal, authenticated_at=session.authenticated_at, device_id=device), session

    def authenticate_header(self, request: Any) -> str:
        return "SessionToken"


def _enter(session: sessions.SessionData, user_id: UUID, at: datetime) -> Principal:
    try:
        principal = load_principal(user_id, at, session.acts_as)
    except InactiveUser:
        raise AuthenticationFailed from None
    # A changed password ends the sessions that were made with the old one.
    made_with = User(password=principal.password_hash).get_session_auth_hash()
    if not constant_time_compare(session.password_mark, made_with):
        raise AuthenticationFailed
    return principal


def _device(request: Any, session: sessions.SessionData, principal: Principal, at: datetime) -> UUID | None:
    """
    Return the phone that the request comes from: the one that the session is bound to, and none but that.

    :raises APIProblem: where another device sends the token, whose session ends; and where none is named.
    """
    try:
        return device_binding.bound_device(request, session)
    except device_binding.AnotherDeviceError:
        raise device_binding.end_stolen_session(session, principal, at) from None


def signed_in_account(request: Any, at: datetime) -> tuple[UUID, sessions.SessionData]:
    """
    Return whose account the token of a request is, whatever role they have or have not, and the session.

    :raises NotAuthenticated: if the token is nobody's, or of another phone.
    :raises APIProblem: if a second factor that there is was not shown.
    :raises ReauthenticationRequired: if the sign-in is older than five minutes.
    """
    session = sessions.load_token(request.headers.get("X-Session-Token", "")[:_LONGEST], at)
    user_id = session.user_id if session else None
    user = User.objects.filter(pk=user_id, is_active=True).first() if user_id else None
    if session is None or user is None or device_binding.check(request._request) is not None:
        raise NotAuthenticated
    if not constant_time_compare(session.password_mark, user.get_session_auth_hash()):
        raise NotAuthenticated
    if second_factor.count(user) and not session.has_second_factor:
        raise APIProblem("second_factor_required")
    reauthentication.require_recent(session.authenticated_at, at)
    return user.pk, session


class SessionTokenScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """How the schema names it."""

    target_class = SessionToken
    name = "SessionToken"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {
            "type": "apiKey",
            "in": "header",
            "name": "X-Session-Token",
            "description": (
                "The `meta.session_token` of `POST /_allauth/app/v1/auth/login`, opaque and revocable. A patient pairs "
                "the phone (`POST /api/v1/devices`) and from then on sends its id in `X-Device` too: the token is good "
                "on that phone alone. Staff show a second factor, caregivers one that they have set up; neither has a "
                "phone."
            ),
        }
