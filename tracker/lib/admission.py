"""
Admission control: how many requests of one person run at once, before any of them has a thread.

A person's further requests wait in the event loop, where waiting costs their body and nothing else. Of one event loop,
so without locks.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

# In the environ of a request: set by the application where it knows whose account the request is; empty for nobody's.
ACCOUNT = "tracker.account"
READ_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
# Beyond so many a process forgets whose sessions it has seen, and learns it again.
_MOST_SESSIONS = 20_000


class Overloaded(Exception):
    """The request is not taken now: nothing was done, and the same request may do well in a while."""


@dataclass(slots=True)
class _Person:
    """One person's requests of one kind: those that run, and all that are here."""

    slots: asyncio.Semaphore
    count: int = 0


@dataclass(slots=True)
class PersonLimit:
    """At most ``running`` requests of one person at once, and ``waiting`` more in the order in which they came."""

    running: int
    waiting: int
    _people: dict[str, _Person] = field(default_factory=dict)

    @asynccontextmanager
    async def slot(self, person: str, seconds: float) -> AsyncIterator[None]:
        """
        Hold one of the person's places for the block.

        :raises Overloaded: if too many of theirs wait already, or if the wait takes longer than ``seconds``.
        """
        own = self._people.setdefault(person, _Person(asyncio.Semaphore(self.running)))
        if own.count >= self.running + self.waiting:
            raise Overloaded
        own.count += 1
        try:
            try:
                async with asyncio.timeout(seconds):
                    await own.slots.acquire()
            except TimeoutError:
                raise Overloaded from None
            try:
                yield
            finally:
                own.slots.release()
        finally:
            own.count -= 1
            if not own.count:
                del self._people[person]


# Of an account all sessions take turns: each has but one request, or few, in this line.
_ALL = 1_000_000


class Admission:
    """
    The limits of each person, reads and writes apart: a phone sends one push at a time, a page asks for several parts.

    Requests of a session wait for each other; the first of them waits for the account's other sessions, which have no
    more places together than one. So a thief's sessions take turns with the owner's and never fill the line before
    them. A session is known by its token's hash, its account by its last answer: a token that does not hold any more
    is nobody's. This orders work and opens nothing: rights are read in the request.

    At ``token_paths`` the header ``X-Session-Token`` says whose a request is; elsewhere the cookie does.
    """

    def __init__(
        self, *, reads: PersonLimit, writes: PersonLimit, cookie: str, token_paths: tuple[str, ...]
    ) -> None:
        self._of_session = {True: reads, False: writes}
        self._of_account = {
            is_read: PersonLimit(limit.running, _ALL) for is_read, limit in self._of_session.items()
        }
        self._cookie, self._token_paths = cookie, token_paths
        self._accounts: dict[str, str] = {}

    @asynccontextmanager
    async def slot(self, environ: dict[str, Any], seconds: float) -> AsyncIterator[None]:
        """
        Hold a place of whoever sends the request; a request without a token needs none.

        :raises Overloaded: see ``PersonLimit.slot``.
        """
        session = self._session(environ)
        if not session:
            yield
            return
        is_read, start_before = environ["REQUEST_METHOD"] in READ_METHODS, time.monotonic() + seconds
        async with self._of_session[is_read].slot(session, seconds):
            account = self._accounts.get(session, session)
            async with self._of_account[is_read].slot(account, start_before - time.monotonic()):
                yield
        self._remember(session, environ.get(ACCOUNT))

    def _remember(self, session: str, account: str | None) -> None:
        if account is None:
            return
        self._accounts.pop(session, None)
        if not account:
            return
        if len(self._accounts) >= _MOST_SESSIONS:
            self._accounts.clear()
        self._accounts[session] = account

    def _session(self, environ: dict[str, Any]) -> str:
        """The hash of what the application takes for the session's key at this path: nothing beside it counts."""
        token: str = ""
        if environ["PATH_INFO"].startswith(self._token_paths):
            token = environ.get("HTTP_X_SESSION_TOKEN", "")
        else:
            token = self._of_cookie(environ.get("HTTP_COOKIE", ""))
        return sha256(token.encode("latin-1", "replace")).hexdigest() if token else ""

    def _of_cookie(self, header: str) -> str:
        """
        The session's key in a Cookie header: the last one, as Django reads it.

        What is quoted is not unquoted here, in the event loop, where Python took long for many backslashes
        (CVE-2024-7592): no browser quotes it, and whoever does shares the place of all who do.
        """
        token = ""
        for part in header.split(";"):
            name, _, value = part.partition("=")
            if name.strip() == self._cookie:
                token = value.strip() if value.strip().isalnum() else "quoted"
        return token
