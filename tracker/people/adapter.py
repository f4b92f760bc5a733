"""Accounts are made by a clinic's invitation, never by signing up; and how long a sign-in lasts."""

from datetime import timedelta
from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from django.db import transaction
from django.utils import timezone

from tracker.people import access

# A patient's phone stays signed in; a member of staff signs in again each working day.
PATIENT_SESSION, STAFF_SESSION = timedelta(days=90), timedelta(hours=12)


class InvitedOnly(DefaultAccountAdapter):  # type: ignore[misc]
    """Allauth's account adapter with sign-up closed."""

    def is_open_for_signup(self, request: Any) -> bool:
        return False

    def login(self, request: Any, user: Any) -> None:
        super().login(request, user)
        try:
            with transaction.atomic():
                is_patient = access.enter(user.pk, timezone.now()).is_patient
        except access.NobodyError:
            is_patient = False
        request.session.set_expiry(PATIENT_SESSION if is_patient else STAFF_SESSION)
