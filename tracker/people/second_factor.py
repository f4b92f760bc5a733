"""The second factor of sign-in: staff must have one, patients may."""

from typing import Any

from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator
from django.db import transaction
from django.utils import timezone

from tracker.people import access, house
from tracker.people.models import User

_PURPOSE = "mfa_authenticator.data"
# A recovery code helps whoever has lost a factor; it is none by itself.
FACTORS = (Authenticator.Type.WEBAUTHN, Authenticator.Type.TOTP)


class SecondFactor(DefaultMFAAdapter):  # type: ignore[misc]
    """Allauth's adapter for second factors, with secrets sealed and the last factor kept."""

    def encrypt(self, text: str) -> str:
        return house.seal(_PURPOSE, text.encode())

    def decrypt(self, encrypted_text: str) -> str:
        return house.unseal(_PURPOSE, encrypted_text).decode()

    def _get_site_name(self) -> str:
        return "Interlude"

    def can_delete_authenticator(self, authenticator: Any) -> bool:
        """Staff do not remove their last factor: they add another one first."""
        return count(authenticator.user) > 1 or not must_have(authenticator.user)

    def generate_authenticator_name(self, user: Any, type: Any) -> str:
        return "Passkey"


def count(user: User) -> int:
    """Return how many factors somebody has, recovery codes left aside."""
    own: int = Authenticator.objects.filter(user_id=user.pk, type__in=FACTORS).count()
    return own


def must_have(user: User) -> bool:
    """Return whether somebody needs a second factor: everybody but patients."""
    try:
        with transaction.atomic():
            return not access.enter(user.pk, timezone.now()).is_patient
    except access.NobodyError:
        return True
