"""
Admission control: how many requests of one person run at once, before any of them has a thread.

A person's further requests wait in the event loop, where waiting costs their body and nothing else. Of one event loop,
so without locks.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

# In the environ of a request: set by the application once it knows whose account the request is.
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


class Admission:
    """
    The limits of each person, reads and writes apart: a phone sends one push at a time, a page asks for several parts.

    Who it is says the session's token, by its hash; and from its first answer on the account, so that several sessions
    of one person have no more than one. This orders work and opens nothing: rights are read in the request.
    """

    def __init__(self, *, reads: PersonLimit, writes: PersonLimit, cookie: str) -> None:
        self.reads, self.writes = reads, writes
        self._cookie = f"{cookie}="
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
        limit = self.reads if environ["REQUEST_METHOD"] in READ_METHODS else self.writes
        async with limit.slot(self._accounts.get(session, session), seconds):
            yield
        account = environ.get(ACCOUNT)
        if account:
            if len(self._accounts) >= _MOST_SESSIONS:
                self._accounts.clear()
            self._accounts[session] = account

    def _session(self, environ: dict[str, Any]) -> str:
        token: str = environ.get("HTTP_X_SESSION_TOKEN", "")
        if not token:
            cookies = (part.strip() for part in environ.get("HTTP_COOKIE", "").split(";"))
            token = next((one[len(self._cookie) :] for one in cookies if one.startswith(self._cookie)), "")
        return sha256(token.encode("latin-1")).hexdigest() if token else ""
