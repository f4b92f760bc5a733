"""
What an old app may still do, and what is about to end.

An app names its version in ``X-App-Version``. One below ``MINIMUM_APP_VERSION`` gets 426, but what it has to say is
always taken: entries, pairing, and what its owner shares. An app that names none is not asked for one.

A route that is about to end is declared beside its view (``deprecations``); its answers say so (RFC 9745, RFC 8594).
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from datetime import date as Date
from typing import Any

from django.conf import settings
from django.utils.http import http_date

from tracker.access.policy import Action
from tracker.api.exceptions import APIProblem

HEADER = "X-App-Version"
TAKEN_FROM_EVERY_APP = frozenset(
    {
        Action.WRITE_RECORDS,
        Action.PUSH_RECORDS,
        Action.USE_DEVICE,
        Action.SEE_SELF,
        Action.SEE_CONSENT,
        Action.CHANGE_CONSENT,
    }
)
# Phones of the last twelve months keep working.
_NOTICE = timedelta(days=365)
_VERSION = re.compile(r"(\d{1,6})(\.\d{1,6}){0,3}(?=$|[-+ ])", re.ASCII)


@dataclass(frozen=True, slots=True)
class Deprecation:
    """
    A method of a view that works as ever, and not for ever: since when it is deprecated, and when it ends.

    :raises ValueError: if there are fewer than 365 days between the two.
    """

    since: Date
    sunset: Date
    successor: str

    def __post_init__(self) -> None:
        if self.sunset - self.since < _NOTICE:
            raise ValueError("a route works for 365 days after its deprecation")

    def headers(self) -> dict[str, str]:
        return {
            "Deprecation": f"@{_instant(self.since)}",
            "Sunset": http_date(_instant(self.sunset)),
            "Link": f'<{self.successor}>; rel="successor-version"',
        }


def _instant(day: Date) -> int:
    return int(datetime.combine(day, time(), UTC).timestamp())


def as_numbers(version: str) -> tuple[int, ...] | None:
    """Return ``1.4`` as (1, 4, 0, 0), to be compared; None of what is no version. A word behind it is left out."""
    match = _VERSION.match(version.strip())
    if match is None:
        return None
    numbers = [int(part) for part in match.group().split(".")]
    return (*numbers, *[0] * (4 - len(numbers)))


def may_be_refused(action: Action | None) -> bool:
    """Whether an app that is too old is refused what needs this right."""
    return action is not None and action not in TAKEN_FROM_EVERY_APP


def check(request: Any, action: Action | None) -> None:
    """
    Check the version of the app that a request comes from.

    :raises APIProblem: 426, where it is below the minimum.
    """
    minimum = as_numbers(settings.MINIMUM_APP_VERSION)
    named = as_numbers(request.headers.get(HEADER, ""))
    if minimum and named and named < minimum and may_be_refused(action):
        raise APIProblem("app_too_old")
