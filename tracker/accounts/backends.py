"""How a password is checked at sign-in."""

from typing import Any

from allauth.account.auth_backends import AuthenticationBackend

from tracker.accounts import addresses, passwords
from tracker.accounts.models import User


class PasswordBackend(AuthenticationBackend):  # type: ignore[misc]
    """Allauth's backend: an address in any spelling, and the same cost for an account that there is not."""

    def _authenticate_by_email(self, email: str, password: str) -> Any:
        return super()._authenticate_by_email(addresses.normal_form(email), password)

    def _mitigate_timing_attack(self, password: str) -> None:
        # A wrong password is held against the hash once for each form that this may have been made of.
        for form in passwords.forms(password):
            User().set_password(form)
