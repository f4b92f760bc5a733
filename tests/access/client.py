"""One request of the matrix, sent in a savepoint that is undone; and its answer, without what always differs."""

import json
import re
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from html import escape
from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.core.cache import cache
from django.db import transaction
from django.test import Client

from tests.access.actors import Actor
from tracker.accounts import sessions
from tracker.accounts.models import Session

_TYPED = re.compile(r'": "([^"\\]*)"')
_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|\b\d{9}\b")
# What differs between any two answers, and what stands for it.
_CHANGING = (
    (re.compile(rb'"(request_id|receipt)":\s*"[^"]*"'), rb'"\1":""'),
    (re.compile(rb'name="csrfmiddlewaretoken" value="[^"]*"'), b""),
    (re.compile(rb"\b[A-Za-z0-9]{64}\b"), b"<csrf>"),
    # An invitation's code; groups of digits inside a UUID look the same, but do not stand alone.
    (re.compile(rb"(?<![\w-])[2-9A-HJ-NP-Z]{4}(?:-[2-9A-HJ-NP-Z]{4})+(?![\w-])"), b"<code>"),
)


def is_api(route: str) -> bool:
    return route.startswith(("api/", "health/"))


def is_account(route: str) -> bool:
    return route.startswith(("accounts/", "_allauth/"))


@dataclass(frozen=True)
class Ask:
    """One request of the matrix, and what it must answer; ``whose`` is empty where it is about nobody's resources."""

    actor: Actor
    method: str
    route: str
    path: str
    expected: int
    whose: str = ""
    query: Mapping[str, str] = field(default_factory=dict)
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    # Asked about what is not theirs: the answers to all of these are the same.
    refused: bool = False
    # Not as a client would ask it: one resource's id under another patient's name, or under none.
    aside: bool = False
    row: int = 0

    @property
    def given(self) -> str:
        """All that the request itself has brought."""
        return " ".join([self.path, *map(json.dumps, (dict(self.query), self.body, dict(self.headers)))])

    def __str__(self) -> str:
        said = f"{self.actor.name}: {self.method} {self.path}"
        return f"{said}?{urlencode(self.query)} about {self.whose or 'nobody'} {self.headers or ''}"


@dataclass(frozen=True)
class Answer:
    """What came back, without what differs between any two answers."""

    status: int
    body: bytes
    headers: tuple[tuple[str, str], ...]

    @property
    def whole(self) -> bytes:
        return b"\n".join([*(f"{name}: {value}".encode() for name, value in self.headers), self.body])


def bare(answer: Any, sent: str) -> Answer:
    """An answer without the request's own name and the ids that the request itself has brought."""
    body = bytes(answer.content)
    for pattern, instead in _CHANGING:
        body = pattern.sub(instead, body)
    headers = {**answer.headers, "Cookies": ",".join(sorted(answer.cookies))}
    headers.pop("X-Request-ID", None)
    # How many requests the caller has left: a count of them, whatever they ask for.
    headers.pop("RateLimit", None)
    # The length is that of the body which is compared: what was typed counts for nothing.
    has_length = headers.pop("Content-Length", None) is not None
    text = "\n".join(f"{name}\t{value}" for name, value in sorted(headers.items()))
    for known in sorted(set(_ID.findall(sent))):
        # As long as it was, so that the length of the body stays.
        blank = "<sent>".ljust(len(known), "-")
        body, text = body.replace(known.encode(), blank.encode()), text.replace(known, blank)
    # A form that is shown again holds what was typed into it.
    for typed in sorted(set(_TYPED.findall(sent))):
        body = body.replace(f'value="{escape(typed)}"'.encode(), b'value="<sent>"')
    pairs = tuple(tuple(line.split("\t", 1)) for line in text.split("\n"))
    pairs += (("Content-Length", str(len(body) if has_length else 0)),)
    return Answer(answer.status_code, body, pairs)  # type: ignore[arg-type]


class MatrixClient:
    """Sends requests, each in a savepoint that is undone, so that all of them meet the same state."""

    def __init__(self) -> None:
        self.client = Client(raise_request_exception=False)
        self.sent = 0

    def send(self, ask: Ask, meanwhile: Callable[[Any], None] | None = None) -> Answer:
        """Ask; ``meanwhile`` looks at the state that the request has left, before it is undone."""
        self.sent += 1
        if ask.method == "POST" and (is_account(ask.route) or "invitations" in ask.route):
            cache.clear()  # tries at sign-in are counted, and not what this is about
        self.client.cookies = SimpleCookie()
        with transaction.atomic():
            answer = self._call(ask)
            if meanwhile is not None:
                meanwhile(answer)
            transaction.set_rollback(True)
        return bare(answer, ask.given)

    def _call(self, ask: Ask) -> Any:
        phone, headers = ask.actor.phone, dict(ask.headers)
        program = is_api(ask.route) or ask.route.startswith("_allauth/")
        if phone is not None and program:
            headers |= phone.headers
        elif phone is not None:
            # A browser's sign-in is bound to no phone.
            Session.objects.filter(pk=sessions.key_hash(phone.token)).update(device_id=None)
            self.client.cookies[settings.SESSION_COOKIE_NAME] = phone.token
        where = f"{ask.path}?{urlencode(ask.query)}" if ask.query else ask.path
        body, kind = encoded(ask, program)
        if b'"base_version": "OWN"' in body:
            consents = self.client.get("/api/v1/me/consents", headers=headers)
            version = consents.json()["version"] if consents.status_code == 200 else 0
            body = body.replace(b'"OWN"', str(version).encode())
        return self.client.generic(ask.method, where, body, kind, headers=headers)


def encoded(ask: Ask, program: bool) -> tuple[bytes, str]:
    if not program:
        return urlencode(ask.body or {}).encode(), "application/x-www-form-urlencoded"
    body = ask.body
    if isinstance(body, dict) and body.get("device") == "OWN":
        body = body | {"device": str(ask.actor.phone.device if ask.actor.phone else uuid.UUID(int=0))}
    return (b"" if body is None else json.dumps(body).encode()), "application/json"
