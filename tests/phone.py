"""A phone in tests: signed in, paired, it speaks JSON."""

import json
import time
import uuid
from typing import Any

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.db import transaction
from django.test import Client
from django.utils import timezone

from tests import factories, openapi
from tracker.access import devices
from tracker.access.principal import load_principal, with_session
from tracker.accounts import sessions
from tracker.accounts.models import AccountKind, User
from tracker.accounts.sessions import SessionStore
from tracker.lib import rls


def token_of(user: User, *, second_factor: bool = True) -> str:
    """Sign in without the password, which is slow on purpose; ``test_sign_in`` goes the whole way."""
    with transaction.atomic():
        principal = load_principal(user.pk, timezone.now())
        rls.reset()
    methods = [{"method": "password", "at": time.time()}]
    if second_factor and principal.is_staff:
        methods.append({"method": "mfa", "at": time.time(), "type": "totp"})
    session = SessionStore()
    session[SESSION_KEY] = str(user.pk)
    session[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    # As ``accounts.adapter`` does.
    is_patients = User.objects.filter(pk=user.pk, kind=AccountKind.PATIENT).exists()
    session[sessions.KIND] = sessions.PATIENT if is_patients else sessions.STAFF
    session[sessions.STARTED_AT] = time.time()
    session["account_authentication_methods"] = methods
    session["account_authentication_methods_user"] = str(user.pk)
    session.save()
    assert session.session_key
    return session.session_key


def pair(user: User, token: str, device: uuid.UUID) -> None:
    """Bind the sign-in to the phone, as ``POST /api/v1/devices`` does."""
    at = timezone.now()
    with transaction.atomic():
        held = sessions.load(token, at)
        assert held
        principal = load_principal(user.pk, at)
        if principal.is_patient:
            principal = with_session(principal, authenticated_at=held.authenticated_at, device_id=None)
            devices.pair(principal=principal, session_key=token, device_id=device, label="test", at=at)
        rls.reset()


class Phone:
    """
    Calls the API as a signed-in person would; a patient's phone is paired, unless it is not to be.

    Each answer is held against the OpenAPI document.
    """

    def __init__(
        self, user: User | None, *, device: uuid.UUID | str | None = None, paired: bool = True
    ) -> None:
        assert user, "who has not come in yet has no phone"
        self.client = Client(raise_request_exception=False)
        self.token = token_of(user)
        self.device = uuid.UUID(str(device)) if device else uuid.uuid4()
        self.headers = {"X-Session-Token": self.token}
        if paired:
            pair(user, self.token, self.device)
            self.headers["X-Device"] = str(self.device)

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        sent = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        response = self.client.generic(
            method,
            f"/api/v1/{path}",
            sent,
            content_type="application/json",
            headers=self.headers | headers,
        )
        wrong = openapi.problems(method, f"/api/v1/{path}", response)
        assert not wrong, wrong
        return response

    def get(self, path: str, **headers: str) -> Any:
        return self.call("GET", path, **headers)

    def post(self, path: str, body: Any = None) -> Any:
        return self.call("POST", path, body)

    def batch(self, *records: Any, **more: Any) -> dict[str, Any]:
        """A push body of this phone's."""
        return factories.batch(*records, **{"device": str(self.device)} | more)

    def push(self, *records: dict[str, Any], **more: Any) -> Any:
        return self.post("sync/push", self.batch(*records, **more))
