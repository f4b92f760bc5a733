"""
Throttle of sign-in: how often somebody may try a password, a second factor, a reset, an invitation.

Counts stand in PostgreSQL (``ThrottleCount``), per account, device and address, shared by all processes. A phone
that is signed in is never counted, so no lock-out stops its uploads.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from ipaddress import ip_address

from allauth.account.adapter import get_adapter
from allauth.core.internal.ratelimit import truncate_ip
from django.conf import settings
from django.db import connection
from django.db.models import F
from django.db.models.functions import Now
from django.http import HttpRequest

from tracker.accounts import addresses, sessions
from tracker.accounts.models import ThrottleCount
from tracker.lib import encryption, strict_json


@dataclass(frozen=True, slots=True)
class Rate:
    """At most ``limit`` tries within ``seconds``."""

    limit: int
    seconds: int


# A clinic's staff come from one address; an account and a device are one person's. A device on which the account has
# signed in before (``known_devices``) is counted by itself alone: it is not shut out by what others try.
RATES = {
    "sign-in": {
        "account": Rate(10, 300),
        "device": Rate(20, 300),
        "address": Rate(60, 300),
        "known_device": Rate(10, 300),
    },
    "second-factor": {"account": Rate(10, 300), "address": Rate(60, 300), "known_device": Rate(10, 300)},
    # Of an account by network: what a stranger asks for elsewhere makes its owner wait for nothing.
    "reset": {"account_from": Rate(3, 1800), "device": Rate(5, 1800), "address": Rate(20, 1800)},
    # What all networks together bring into a mailbox. One more is answered alike and mails nothing: links that are
    # good for an hour lie there (``PASSWORD_RESET_TIMEOUT``).
    "reset-mail": {"account": Rate(10, 3600)},
    "invitation": {"account": Rate(5, 900), "device": Rate(5, 900), "address": Rate(20, 900)},
    # Mails to an address that somebody names; and codes that are 80 bits long.
    "email-change": {"account": Rate(5, 3600), "address": Rate(60, 3600)},
    "email-code": {"account": Rate(10, 3600), "address": Rate(60, 3600)},
    # A name and a day of birth, tried against the patients of the clinic.
    "break-glass": {"account": Rate(20, 3600)},
}
# One statement for all scopes of a try. Rows are locked in the order of their keys, so no two tries wait for each
# other; a window begins with its first try and is not made longer by those that follow.
_COUNT = """
INSERT INTO accounts_throttlecount AS counted (key, count, expires_at)
SELECT name, %s::int, statement_timestamp() + make_interval(secs => seconds)
    FROM unnest(%s::text[], %s::int[]) AS tried (name, seconds) ORDER BY name
ON CONFLICT (key) DO UPDATE SET
    count = EXCLUDED.count
        + CASE WHEN counted.expires_at > statement_timestamp() THEN counted.count ELSE 0 END,
    expires_at = CASE WHEN counted.expires_at > statement_timestamp()
        THEN counted.expires_at ELSE EXCLUDED.expires_at END
RETURNING key, count, ceil(extract(epoch FROM expires_at - statement_timestamp()))::int
"""


class TooManyAttempts(Exception):
    """Too many tries of ``kind`` for ``rate``; ``retry_after`` says in how many whole seconds there may be another."""

    def __init__(self, retry_after: int, kind: str, rate: Rate) -> None:
        super().__init__()
        self.retry_after, self.kind, self.rate = retry_after, kind, rate


@dataclass(frozen=True, slots=True)
class Throttle:
    """
    How the tries of a view are counted: as ``kind`` of ``RATES``, for whoever ``account`` says.

    It stands in the attribute ``throttle`` of the view, where the middleware reads it.

    A page is tried by POST. Allauth's API reads what a body says before it looks at the method: ``every_method``.
    ``counts_get``: a GET is no try, but makes a session for nobody, a row that stays for a while.
    """

    kind: str
    account: Callable[[HttpRequest], str]
    every_method: bool = False
    counts_get: bool = False

    def counts(self, request: HttpRequest) -> bool:
        """Return whether the request is a try. Looking at a page is none."""
        if request.method == "GET":
            return self.counts_get
        return self.every_method or request.method == "POST"

    @property
    def of_session(self) -> bool:
        """Whether the account is that of a session, and nobody's word."""
        return self.account in (session_user, pending_user)


def form_field(name: str) -> Callable[[HttpRequest], str]:
    """Return what reads the account from one field of a form: the field that the view reads, and no other."""
    return lambda request: request.POST.get(name, "")


def json_field(name: str) -> Callable[[HttpRequest], str]:
    """Return what reads the account from one field of a JSON body."""

    def read(request: HttpRequest) -> str:
        value = strict_json.decode_object(request.body).get(name)
        return value if isinstance(value, str) else ""

    return read


def session_user(request: HttpRequest) -> str:
    """Return the account that the session of the request is signed in to."""
    session = sessions.of_request(request)
    return str(session.user_id or "") if session else ""


def pending_user(request: HttpRequest) -> str:
    """Return the account whose password was given, and whose second factor is tried."""
    session = sessions.of_request(request)
    return str(session.began_as or "") if session else ""


def hit(kind: str, **who: str) -> None:
    """
    Count one try of ``kind`` for each of ``account``, ``device`` and ``address`` that is named, or ``account_from``
    (an account and the address that names it).

    Called outside of the transaction of the sign-in: the count stays whatever becomes of that, and no try waits for
    another's to end.

    :raises TooManyAttempts: if one of them has tried too often. A try that is refused counts too.
    """
    rates = RATES[kind]
    by_key = {
        key(kind, scope, value): rates[scope] for scope, value in who.items() if value and scope in rates
    }
    counts = count({name: rate.seconds for name, rate in by_key.items()})
    waits = [(seconds, name) for name, (tries, seconds) in counts.items() if tries > by_key[name].limit]
    if waits:
        seconds, name = max(waits)
        raise TooManyAttempts(max(1, seconds), kind, by_key[name])


def count(windows: Mapping[str, int], by: int = 1) -> dict[str, tuple[int, int]]:
    """
    Count ``by`` more under each key, each with its window in seconds, in one atomic statement.

    Return for each key how many there are in its window, and in how many seconds that ends.
    """
    with connection.cursor() as cursor:
        cursor.execute(_COUNT, [by, list(windows), list(windows.values())])
        return {key: (tries, seconds) for key, tries, seconds in cursor.fetchall()}


def reset(kind: str, **who: str) -> None:
    """Begin again with somebody who got in."""
    keys = [key(kind, scope, value) for scope, value in who.items() if value]
    ThrottleCount.objects.filter(pk__in=keys).delete()


def give_back(kind: str, **who: str) -> None:
    """Take back one try of ``kind``: whoever got in takes no place of those who share the address."""
    keys = [key(kind, scope, value) for scope, value in who.items() if value]
    ThrottleCount.objects.filter(pk__in=keys, count__gt=0).update(count=F("count") - 1)


def delete_expired() -> int:
    """Remove the counts whose window has ended by the database's clock, and return how many."""
    # A count that a try holds is left for the next time: the two never wait for each other crosswise.
    ended = ThrottleCount.objects.filter(expires_at__lte=Now()).select_for_update(skip_locked=True)
    return int(ThrottleCount.objects.filter(pk__in=ended.values("pk")).delete()[0])


def client_ip(request: HttpRequest) -> str:
    """Return where a request comes from; of an IPv6 address the part that is one household's."""
    address = ip_address(str(get_adapter().get_client_ip(request)))
    # A server that listens on IPv6 writes IPv4 addresses so, and the first half of all of them is the same.
    return str(truncate_ip(str(getattr(address, "ipv4_mapped", None) or address)))


def key(kind: str, scope: str, value: str) -> str:
    """Return what somebody is counted under."""
    # The table names nobody: neither a mail address nor a machine's.
    name = encryption.keyed_hash(settings.LOOKUP_KEY, f"{scope}/{addresses.normal_form(value)}".encode())
    return f"{kind}:{scope}:{name.hex()[:32]}"
