"""
How often somebody may try: sign-in, second factor, reset, invitation. Per account, device and address.

They guard sign-in only. A phone that is signed in is never counted here, so no lock-out stops its uploads.
"""

from dataclasses import dataclass
from typing import Any

from allauth.account.adapter import get_adapter
from allauth.core.internal.ratelimit import truncate_ip
from django.conf import settings
from django.http import HttpRequest

from tracker.lib import encryption, fleeting


@dataclass(frozen=True, slots=True)
class Rate:
    """At most ``limit`` tries within ``seconds``; ``alone`` where each process counts by itself, Valkey being away."""

    limit: int
    seconds: int
    alone: int


# A clinic's staff come from one address; an account and a device are one person's.
RATES = {
    "sign-in": {
        "account": Rate(10, 300, 3),
        "device": Rate(20, 300, 5),
        "address": Rate(60, 300, 15),
    },
    "second-factor": {
        "account": Rate(10, 300, 3),
        "address": Rate(60, 300, 15),
    },
    "reset": {
        "account": Rate(3, 1800, 1),
        "device": Rate(5, 1800, 2),
        "address": Rate(20, 1800, 5),
    },
    "invitation": {
        "account": Rate(5, 900, 2),
        "device": Rate(5, 900, 2),
        "address": Rate(20, 900, 5),
    },
}
COUNTERS = fleeting.Counters()


class TooManyAttempts(Exception):
    """Too many tries; ``retry_after`` says in how many whole seconds there may be another."""

    def __init__(self, retry_after: int) -> None:
        super().__init__()
        self.retry_after = retry_after


def hit(kind: str, **who: str) -> None:
    """
    Count one try of ``kind`` for each of ``account``, ``device`` and ``address`` that is named.

    :raises TooManyAttempts: if one of them has tried too often. A try that is refused counts too.
    """
    limits = RATES[kind]
    names = {
        _name(kind, scope, value): limits[scope] for scope, value in who.items() if value and scope in limits
    }
    told, shared = COUNTERS.add(settings.REDIS_URL, {name: limit.seconds for name, limit in names.items()})
    waits = [
        left
        for name, (hit, left) in told.items()
        if hit > (names[name].limit if shared else names[name].alone)
    ]
    if waits:
        raise TooManyAttempts(int(max(waits)) + 1)


def reset(kind: str, **who: str) -> None:
    """Begin again with somebody who got in."""
    COUNTERS.forget(settings.REDIS_URL, *(_name(kind, scope, value) for scope, value in who.items() if value))


def client_ip(request: HttpRequest) -> str:
    """Return where a request comes from; of an IPv6 address the part that is one household's."""
    address: Any = get_adapter().get_client_ip(request)
    return str(truncate_ip(str(address)))


def _name(kind: str, scope: str, value: str) -> str:
    # Valkey learns nobody's address: neither of mail nor of a machine.
    mark = encryption.keyed_hash(settings.LOOKUP_KEY, f"{scope}/{value.strip().lower()}".encode())
    return f"limit:{kind}:{scope}:{mark.hex()[:32]}"
