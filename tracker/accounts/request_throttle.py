"""
Throttle of signed-in use: how many requests one person may make, and how much work refused ones may cause.

Each process counts by itself and asks the shared store (``accounts.throttle``) once for every twentieth of a limit: an
ordinary request costs no statement, and who is over the limit costs none either. All processes together let through a
twentieth more each, at most.
"""

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from django.conf import settings

from tracker.accounts import throttle
from tracker.accounts.throttle import Rate

READ, WRITE, SCAN = "read", "write", "scan"
_STEPS = 20
# A body counts as a further request for each so many bytes, as inflated. A push of 500 pain records counts as five.
_BYTES_PER_REQUEST = 20_000
# And an answer. A phone that pulls all that an account may hold, 256 MB, comes to about what it may read in a minute.
_BYTES_PER_READ = 256 * 1024
# Of so many people a process keeps counts. Then it forgets a tenth, who were counted last longest ago and are not over
# a limit: nobody frees themselves with invented names. What the store has of them stays.
_MOST_KEPT = 20_000


class TooManyRequests(Exception):
    """
    The person is over a limit for ``retry_after`` more whole seconds.

    ``is_first`` is true once for each process and window: what is written down of it does not grow with the requests.
    """

    def __init__(self, retry_after: int, *, is_first: bool) -> None:
        super().__init__()
        self.retry_after = retry_after
        self.is_first = is_first


@dataclass(frozen=True, slots=True)
class Quota:
    """
    What is left to a person of one limit, as far as this process knows, and in how many seconds it is whole again.

    Other processes' counts come in with every twentieth of the limit: ``remaining`` may be too high by as much.
    """

    kind: str
    rate: Rate
    remaining: int
    seconds: int

    def headers(self) -> dict[str, str]:
        """Return the headers that tell it (draft-ietf-httpapi-ratelimit-headers-10, structured fields)."""
        return {
            "RateLimit-Policy": f'"{self.kind}";q={self.rate.limit};w={self.rate.seconds}',
            "RateLimit": f'"{self.kind}";r={self.remaining};t={self.seconds}',
        }


@dataclass(slots=True)
class _Count:
    pending: int = 0
    # Of all processes when this one asked last, and when that window ends.
    total: int = 0
    window_ends: float = 0.0
    blocked_until: float = 0.0
    was_told: bool = False


_counts: dict[tuple[str, UUID], _Count] = {}
_lock = threading.Lock()


def rates() -> Mapping[str, Rate]:
    """Return the limits: requests a minute, and milliseconds of a processor for refused bodies in ten minutes."""
    return {
        READ: Rate(settings.READS_PER_MINUTE, 60),
        WRITE: Rate(settings.WRITES_PER_MINUTE, 60),
        SCAN: Rate(settings.REFUSED_SCAN_SECONDS * 1000, 600),
    }


def kind_of(method: str | None) -> str:
    """Return which limit a request with this method is counted under."""
    return READ if method in ("GET", "HEAD", "OPTIONS") else WRITE


def cost(body_bytes: int) -> int:
    """Return as how many requests one with such a body counts: what it takes to read grows with its length."""
    return 1 + body_bytes // _BYTES_PER_REQUEST


def answer_cost(answer_bytes: int) -> int:
    """Return as how many further requests such an answer counts."""
    return answer_bytes // _BYTES_PER_READ


def check(kind: str, user_id: UUID) -> None:
    """
    Let the person go on, or not; nothing is counted here and nothing asked.

    :raises TooManyRequests: if they are over the limit.
    """
    with _lock:
        count = _counts.get((kind, user_id))
        seconds = count.blocked_until - time.monotonic() if count else 0
        if count is None or seconds <= 0:
            return
        is_first, count.was_told = not count.was_told, True
    raise TooManyRequests(max(1, round(seconds)), is_first=is_first)


def quota(kind: str, user_id: UUID) -> Quota:
    """Return what is left to the person of the limit ``kind``; nothing is counted here and nothing asked."""
    rate, now = rates()[kind], time.monotonic()
    with _lock:
        held = _counts.get((kind, user_id), _Count())
        if held.blocked_until > now:
            return Quota(kind, rate, 0, max(1, round(held.blocked_until - now)))
        is_open = held.window_ends > now
        used = held.pending + (held.total if is_open else 0)
        seconds = max(1, round(held.window_ends - now)) if is_open else rate.seconds
    return Quota(kind, rate, max(0, rate.limit - used), seconds)


def count(kind: str, user_id: UUID, amount: int = 1) -> None:
    """
    Count a request, or ``amount`` of what the limit is in. Called after its transaction, whatever became of that.

    What is over the limit already is not counted: a window ends however many requests are refused in it.
    """
    rate = rates()[kind]
    with _lock:
        held = _counts.pop((kind, user_id), None) or _Count()
        if len(_counts) >= _MOST_KEPT:
            _forget_oldest()
        _counts[kind, user_id] = held
        if held.blocked_until > time.monotonic():
            return
        held.pending += amount
        if held.pending < max(1, rate.limit // _STEPS):
            return
        reported, held.pending = held.pending, 0
    key = throttle.key(f"request-{kind}", "account", str(user_id))
    total, seconds = throttle.count({key: rate.seconds}, by=reported)[key]
    with _lock:
        held.total, held.window_ends = total, time.monotonic() + seconds
    if total >= rate.limit:
        with _lock:
            held.blocked_until, held.was_told = time.monotonic() + max(1, seconds), False


def _forget_oldest() -> None:
    """Make room. Whose block has not ended goes last, the soonest to end first: only where nobody else is left."""
    now = time.monotonic()
    # In the order of the last count of each: sorting keeps it among those who are not blocked.
    order = sorted(_counts, key=lambda key: max(0.0, _counts[key].blocked_until - now))
    for key in order[: max(1, _MOST_KEPT // 10)]:
        del _counts[key]
