"""
Known devices: where somebody has signed in before. Wrong passwords that others try do not keep the right one out there.

A phone names itself in ``X-Device``, a browser by a random cookie that it gets with its first whole sign-in. The table
names nobody: it keeps a keyed hash of account and device.
"""

import secrets
from collections.abc import Iterable
from datetime import timedelta

from django.conf import settings
from django.db.models.functions import Now
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from tracker.accounts import addresses, routes
from tracker.accounts.models import KnownDevice
from tracker.lib import encryption

COOKIE, LASTS = "known_device", timedelta(days=90)
# Of what names a device nothing longer is looked at.
_LONGEST = 40


def of_request(request: HttpRequest) -> str:
    """Return what a request says that it comes from; empty where it says nothing."""
    if request.path.startswith(routes.API):
        return request.headers.get("X-Device", "")[:_LONGEST]
    return request.COOKIES.get(COOKIE, "")[:_LONGEST]


def is_known(account: str, device: str) -> bool:
    """Return whether ``account`` (an address or a user id; none: anybody) has signed in on the device."""
    key = _key(account, device)
    return KnownDevice.objects.filter(pk=key, expires_at__gt=Now()).exists()


def remember(accounts: Iterable[str], device: str) -> None:
    """Note a whole sign-in on a device, for as long as ``LASTS``."""
    ends = timezone.now() + LASTS
    KnownDevice.objects.bulk_create(
        [KnownDevice(key=_key(account, device), expires_at=ends) for account in accounts],
        update_conflicts=True, unique_fields=["key"], update_fields=["expires_at"],
    )  # fmt: skip


def remember_sign_in(request: HttpRequest, accounts: Iterable[str]) -> None:
    """Note where the request comes from; a browser without a cookie is given one with the answer (``set_cookie``)."""
    device = of_request(request)
    if not device and not request.path.startswith(routes.API):
        device = secrets.token_hex(16)
        request.new_known_device = device  # type: ignore[attr-defined]
    if device:
        remember(accounts, device)


def set_cookie(request: HttpRequest, response: HttpResponse) -> None:
    """Give a browser that has just become known its cookie."""
    device = getattr(request, "new_known_device", "")
    if device:
        response.set_cookie(
            COOKIE, device, max_age=LASTS, path="/accounts/", httponly=True, samesite="Lax",
            secure=settings.SESSION_COOKIE_SECURE,
        )  # fmt: skip


def delete_expired() -> int:
    """Forget the devices on which nobody has signed in for long, and return how many rows those were."""
    return int(KnownDevice.objects.filter(expires_at__lte=Now()).delete()[0])


def _key(account: str, device: str) -> str:
    plain = f"known-device/{addresses.normal_form(account)}/{device.strip().lower()}"
    return encryption.keyed_hash(settings.LOOKUP_KEY, plain.encode()).hex()
