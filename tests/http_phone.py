"""
A plain phone for tests: it signs in over HTTP and pushes records in batches until each is acknowledged.

A lost answer, a server that restarts, a database that is away: the same batch goes out again under the same
key, which changes nothing if it had arrived.
"""

import time
from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID, uuid4

import httpx

PATIENCE_S = 600.0
# A bare 500 is a mistake in the server, and likely to be the same next time.
MOST_500S = 5


class RefusedError(Exception):
    """The server answered, and will not take it. Sending it again would not help."""


class Phone:
    """One signed-in and paired phone; ``device`` is its own id, a new one if it is not named."""

    def __init__(
        self,
        url: str,
        email: str,
        password: str,
        *,
        device: UUID | None = None,
        patience_s: float = PATIENCE_S,
    ) -> None:
        self.device = str(device or uuid4())
        self.patience_s = patience_s
        # Trust nothing from the environment: the address is on this machine or named by the operator.
        self.http = httpx.Client(base_url=url, timeout=60, trust_env=False)
        answer = self._until_answered(
            lambda: self.http.post("/_allauth/app/v1/auth/login", json={"email": email, "password": password})
        )
        if answer.status_code != 200:
            raise RefusedError(f"sign-in answered {answer.status_code}")
        self.http.headers["X-Session-Token"] = answer.json()["meta"]["session_token"]
        self._pair()

    def __enter__(self) -> "Phone":
        return self

    def __exit__(self, *_: object) -> None:
        self.http.close()

    def _until_answered(self, send: Callable[[], httpx.Response]) -> httpx.Response:
        """Send until somebody answers. 5xx and 429 mean: nothing was stored, try again."""
        started, pause, broken = time.monotonic(), 0.2, 0
        while True:
            try:
                answer = send()
                if answer.status_code < 500 and answer.status_code != 429:
                    return answer
                reason = f"the server answers {answer.status_code}"
                broken += answer.status_code == 500
            except httpx.TransportError as problem:
                reason = f"the server does not answer ({type(problem).__name__})"
            if broken > MOST_500S or time.monotonic() - started > self.patience_s:
                raise RefusedError(f"gave up: {reason}")
            time.sleep(pause)
            pause = min(5.0, 2 * pause)

    def _pair(self) -> None:
        """Bind the sign-in to this phone."""
        body = {"id": self.device, "label": "test"}
        answer = self._until_answered(lambda: self.http.post("/api/v1/devices", json=body))
        if answer.status_code not in (200, 201):
            raise RefusedError(f"pairing answered {answer.status_code} {answer.json().get('code')}")
        self.http.headers["X-Device"] = self.device

    def push(self, key: str, records: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        """Push one batch; return the statuses, in order."""
        body = {"key": key, "device": self.device, "records": list(records)}
        answer = self._until_answered(lambda: self.http.post("/api/v1/sync/push", json=body))
        if answer.status_code != 200:
            raise RefusedError(f"push answered {answer.status_code} {answer.json().get('code')}")
        results: list[dict[str, Any]] = answer.json()["results"]
        return results
