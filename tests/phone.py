"""A phone in tests: signs in through the real route, then speaks JSON."""

import json
from typing import Any

from django.test import Client

from tests import make
from tracker.people.models import User


class Phone:
    """Calls the API as a signed-in person would."""

    def __init__(self, user: User, password: str = make.PASSWORD) -> None:
        self.client = Client(raise_request_exception=False)
        answer = self.client.post(
            "/_allauth/app/v1/auth/login",
            json.dumps({"email": user.email, "password": password}),
            content_type="application/json",
        )
        assert answer.status_code == 200, answer.content
        self.token: str = answer.json()["meta"]["session_token"]

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
