"""A phone in tests: signed in, it speaks JSON."""

import json
from typing import Any

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.test import Client

from tests import make
from tracker.people.models import User
from tracker.people.sessions import SessionStore


def token_of(user: User) -> str:
    """Sign in without the password, which is slow on purpose; ``test_sign_in`` goes the whole way."""
    session = SessionStore()
    session[SESSION_KEY] = str(user.pk)
    session[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    session.save()
    assert session.session_key
    return session.session_key


class Phone:
    """Calls the API as a signed-in person would."""

    def __init__(self, user: User) -> None:
        self.client = Client(raise_request_exception=False)
        self.token = token_of(user)

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        sent = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        return self.client.generic(
            method,
            f"/api/v1/{path}",
            sent,
            content_type="application/json",
            headers={"X-Session-Token": self.token} | headers,
        )

    def get(self, path: str, **headers: str) -> Any:
        return self.call("GET", path, **headers)

    def post(self, path: str, body: Any = None) -> Any:
        return self.call("POST", path, body)

    def push(self, *records: dict[str, Any], **more: Any) -> Any:
        return self.post("sync/push", make.batch(*records, **more))
