"""
What may be forgotten: counters and marks in Valkey, shared by all processes; each process's own while Valkey is away.

A Valkey that is dead or hangs costs one call the time-out, and then nothing for a few seconds: a breaker leaves it
alone meanwhile. Whoever counts here learns whether the count is shared, and can be stricter where it is not.
"""

import json
import threading
import time
from collections.abc import Callable
from functools import cache
from typing import Any, TypeVar

import redis
from django.core.cache.backends.base import DEFAULT_TIMEOUT, BaseCache
from django.core.cache.backends.locmem import LocMemCache
from redis.backoff import NoBackoff
from redis.retry import Retry

from tracker.lib import logs

log = logs.get(__name__)
# A hung Valkey may cost a request no more than this.
PATIENCE_S = 0.04
# How long it is left alone after that.
BREAK_S = 5.0
# A mark that something was used stays at least this long, whatever was asked: a code of an authenticator app is good
# over three half minutes, and its mark is asked for one.
MARK_S = 120
PREFIX = "interlude:fleeting:"
T = TypeVar("T")


class Away(Exception):
    """Valkey does not answer."""


class Valkey:
    """One Valkey behind a breaker. Safe to use from many threads."""

    def __init__(self, url: str) -> None:
        self._client = redis.Redis.from_url(
            url,
            socket_timeout=PATIENCE_S,
            socket_connect_timeout=PATIENCE_S,
            retry=Retry(NoBackoff(), 0),
            max_connections=32,
        )
        self._rests_until = 0.0

    def ask(self, question: Callable[["redis.Redis"], T]) -> T:
        """
        Return Valkey's answer.

        :raises Away: if it does not answer in time, or has not just now.
        """
        if time.monotonic() < self._rests_until:
            raise Away
        try:
            return question(self._client)
        except (redis.RedisError, OSError) as problem:
            self._rests_until = time.monotonic() + BREAK_S
            log.warning("valkey away", error=type(problem).__name__)
            raise Away from None


@cache
def valkey(url: str) -> Valkey:
    """Return this process's way to the Valkey at ``url``."""
    return Valkey(url)


class Counters:
    """Counts of what happened within a window, by name. Shared where Valkey answers."""

    def __init__(self) -> None:
        self._own: dict[str, tuple[float, int]] = {}
        self._lock = threading.Lock()

    def add(self, url: str, names: dict[str, int]) -> tuple[dict[str, tuple[int, float]], bool]:
        """
        Count one more under each of ``names``, each with its window in seconds.

        Return for each name (how many in this window, seconds until it ends), and whether all processes share them.
        """
        try:
            return valkey(url).ask(lambda client: _add(client, names)), True
        except Away:
            return {name: self._add_here(name, window) for name, window in names.items()}, False

    def forget(self, url: str, *names: str) -> None:
        """Begin again with these names."""
        with self._lock:
            for name in names:
                self._own.pop(name, None)
        try:
            valkey(url).ask(lambda client: client.delete(*(PREFIX + name for name in names)))
        except Away:
            return

    def forget_here(self) -> None:
        """Forget this process's own counts."""
        with self._lock:
            self._own.clear()

    def _add_here(self, name: str, window: int) -> tuple[int, float]:
        now = time.monotonic()
        with self._lock:
            if len(self._own) > 50_000:
                self._own = {held: value for held, value in self._own.items() if value[0] > now}
            ends, count = self._own.get(name, (0.0, 0))
            if ends <= now:
                ends, count = now + window, 0
            self._own[name] = (ends, count + 1)
        return count + 1, ends - now


def _add(client: "redis.Redis", names: dict[str, int]) -> dict[str, tuple[int, float]]:
    pipe = client.pipeline(transaction=True)
    for name, window in names.items():
        # The window begins with the first and is not made longer by those that follow.
        pipe.set(PREFIX + name, 0, ex=window, nx=True)
        pipe.incr(PREFIX + name)
        pipe.pttl(PREFIX + name)
    told = pipe.execute()
    return {name: (int(told[3 * n + 1]), max(0, int(told[3 * n + 2])) / 1000) for n, name in enumerate(names)}


class Cache(BaseCache):
    """Django's cache on the same Valkey, values as JSON; each process's own while it is away."""

    def __init__(self, location: str, params: dict[str, Any]) -> None:
        super().__init__(params)
        self._url = location
        self._own = LocMemCache("fleeting", params)

    def _name(self, key: str, version: int | None) -> str:
        return PREFIX + self.make_and_validate_key(key, version=version)

    def _lasts(self, timeout: Any) -> int | None:
        seconds = self.default_timeout if timeout is DEFAULT_TIMEOUT else timeout
        return None if seconds is None else max(1, int(seconds))

    def get(self, key: str, default: Any = None, version: int | None = None) -> Any:
        name = self._name(key, version)
        try:
            held = valkey(self._url).ask(lambda client: client.get(name))
        except Away:
            return self._own.get(key, default, version)
        return default if held is None else json.loads(held)

    def set(self, key: str, value: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None) -> None:
        name, lasts, text = self._name(key, version), self._lasts(timeout), json.dumps(value)
        try:
            valkey(self._url).ask(lambda client: client.set(name, text, ex=lasts))
        except Away:
            self._own.set(key, value, timeout, version)

    def add(self, key: str, value: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None) -> bool:
        asked = self._lasts(timeout)
        lasts = None if asked is None else max(MARK_S, asked)
        name, text = self._name(key, version), json.dumps(value)
        try:
            return bool(valkey(self._url).ask(lambda client: client.set(name, text, ex=lasts, nx=True)))
        except Away:
            return self._own.add(key, value, lasts, version)

    def delete(self, key: str, version: int | None = None) -> bool:
        name = self._name(key, version)
        here = self._own.delete(key, version)
        try:
            return bool(valkey(self._url).ask(lambda client: client.delete(name))) or here
        except Away:
            return here

    def touch(self, key: str, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None) -> bool:
        name, lasts = self._name(key, version), self._lasts(timeout)
        try:
            return bool(
                valkey(self._url).ask(
                    lambda client: client.persist(name) if lasts is None else client.expire(name, lasts)
                )
            )
        except Away:
            return self._own.touch(key, timeout, version)

    def clear(self) -> None:
        """Forget everything of ours; the queues of the broker lie in the same Valkey and stay."""
        self._own.clear()
        try:
            valkey(self._url).ask(_clear)
        except Away:
            return


def _clear(client: "redis.Redis") -> None:
    names = list(client.scan_iter(match=PREFIX + "*", count=1000))
    if names:
        client.delete(*names)
