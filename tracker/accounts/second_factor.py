"""The second factor of sign-in: staff must have one, patients and caregivers may."""

import struct
from typing import Any

from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator
from django.db import transaction

from tracker.accounts.models import AccountKind, User
from tracker.lib import app_secrets, encryption, logs

log = logs.get(__name__)
_PURPOSE = "mfa_authenticator.data"
_SECRETS = frozenset({"secret", "seed"})
# A recovery code helps whoever has lost a factor; it is none by itself.
FACTORS = (Authenticator.Type.WEBAUTHN, Authenticator.Type.TOTP)
# What a passkey's answer that was made up makes the library raise.
MALFORMED_PASSKEY = (ValueError, TypeError, LookupError, AttributeError, ArithmeticError, struct.error)


class MFAAdapter(DefaultMFAAdapter):  # type: ignore[misc]
    """Allauth's adapter for second factors, with secrets encrypted and the last factor kept."""

    def encrypt(self, text: str) -> str:
        return app_secrets.encrypt(_PURPOSE, text.encode())

    def decrypt(self, encrypted_text: str) -> str:
        return app_secrets.decrypt(_PURPOSE, encrypted_text).decode()

    def _get_site_name(self) -> str:
        return "Interlude"

    def can_delete_authenticator(self, authenticator: Any) -> bool:
        """Staff do not remove their last factor: they add another one first."""
        return count(authenticator.user) > 1 or not is_required(authenticator.user)

    def generate_authenticator_name(self, user: Any, type: Any) -> str:
        return "Passkey"


def count(user: User) -> int:
    """Return how many factors somebody has, recovery codes left aside."""
    own: int = Authenticator.objects.filter(user_id=user.pk, type__in=FACTORS).count()
    return own


def count_outdated() -> int:
    """Return how many factors have secrets under a former master key."""
    return sum(
        not _is_current(each) for each in Authenticator.objects.exclude(type=Authenticator.Type.WEBAUTHN)
    )


def reencrypt() -> app_secrets.Reencrypted:
    """Put the secrets of all factors under today's master key."""
    done = unreadable = 0
    for pk in list(
        Authenticator.objects.exclude(type=Authenticator.Type.WEBAUTHN).values_list("pk", flat=True)
    ):
        with transaction.atomic():
            row = Authenticator.objects.select_for_update().filter(pk=pk).first()
            if row is not None and not _is_current(row):
                try:
                    secrets = _secrets(row)
                except encryption.DecryptionError:
                    log.error("encrypted text unreadable", table="mfa_authenticator", rows=[str(pk)], count=1)
                    unreadable += 1
                    continue
                row.data |= {name: app_secrets.encrypt(_PURPOSE, secret) for name, secret in secrets.items()}
                row.save(update_fields=["data"])
                done += 1
    return app_secrets.Reencrypted(done, unreadable)


def unreadable() -> list[tuple[str, str]]:
    """Decrypt every factor's secret; return table and primary key of each factor whose secret cannot be."""
    rows = []
    for row in Authenticator.objects.exclude(type=Authenticator.Type.WEBAUTHN).order_by("pk"):
        try:
            _secrets(row)
        except encryption.DecryptionError:
            rows.append(("mfa_authenticator", str(row.pk)))
    return rows


def _secrets(row: Any) -> dict[str, bytes]:
    return {name: app_secrets.decrypt(_PURPOSE, row.data[name]) for name in _SECRETS & row.data.keys()}


def _is_current(row: Any) -> bool:
    return all(app_secrets.uses_current_key(row.data[name]) for name in _SECRETS & row.data.keys())


def is_required(user: User) -> bool:
    """Return whether somebody needs a second factor: staff do, whatever else they are."""
    return user.kind == AccountKind.STAFF
