"""
Security notices: a change of how somebody signs in is told to their inbox, on every device, and to their address.

A notice is written in the transaction of the change. It holds a fixed text, and nobody can remove it.
"""

from collections.abc import Callable
from datetime import datetime
from uuid import UUID, uuid4

from allauth.mfa.models import Authenticator
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from tracker.access import recent_sharing, roles
from tracker.accounts import routes, second_factor, sessions
from tracker.clinics.models import Patient
from tracker.lib import rls
from tracker.outbox import actions as outbox

MAIL_SECONDS = 600
_FACTORS = frozenset(second_factor.FACTORS)


def notify(*, clinic_id: UUID, user_id: UUID, words: str, at: datetime) -> None:
    """
    Write a notice for one person, to the inbox of this clinic and to their address. In the change's transaction.

    The inbox has every one, the address one of each text in ten minutes: a change that is made again and again sends
    no hundreds of mails.
    """
    period = int(at.timestamp()) // MAIL_SECONDS
    with rls.as_clinic(clinic_id):
        outbox.enqueue(
            clinic_id=clinic_id, recipients=[user_id], words=words, subject=f"user/{user_id}",
            key=f"{words}/{uuid4()}", mail_key=f"{words}/{period}", due_at=at,
        )  # fmt: skip


class SecurityNoticeMiddleware:
    """
    Middleware: what a request has changed about an account is told to its owner.

    It stands within the transaction of ``access.sign_in_audit``, so that a change and its notice are kept together.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.method not in routes.UNSAFE_METHODS or not request.path.startswith(routes.SIGN_IN):
            return self.get_response(request)
        session = sessions.of_request(request)
        user_id = session.user_id if session else None
        before = _factors(user_id)
        response = self.get_response(request)
        at = timezone.now()
        if response.status_code < 500:
            if user_id is not None:
                for words in _changes(before, _factors(user_id)):
                    _notify_by_role(user_id, words, at)
            changed: UUID | None = getattr(request, "password_of", None)
            if changed is not None:
                _notify_by_role(changed, "password-changed", at)
                _end_recent_sharing(changed, at)
        return response


def _factors(user_id: UUID | None) -> dict[int, str]:
    """Return what there is of second factors and recovery codes: primary key -> type."""
    if user_id is None:
        return {}
    return dict(Authenticator.objects.filter(user_id=user_id).values_list("pk", "type"))


def _changes(before: dict[int, str], after: dict[int, str]) -> list[str]:
    """Return the texts of what has changed. Recovery codes that come and go with a factor are no news of their own."""
    added = {after[pk] for pk in after.keys() - before.keys()}
    removed = {before[pk] for pk in before.keys() - after.keys()}
    words = []
    if added & _FACTORS:
        words.append("second-factor-added")
    if removed & _FACTORS:
        words.append("second-factor-removed")
    if added and not words:
        words.append("recovery-codes-made")
    return words


def _notify_by_role(user_id: UUID, words: str, at: datetime) -> None:
    """By the first clinic where the person is somebody; whoever is nobody anywhere has nothing to lose."""
    clinics = [each.clinic_id for each in roles.roles_of(user_id, at)]
    with rls.context(person=str(user_id)):
        clinics += Patient.objects.filter(user_id=user_id).values_list("clinic_id", flat=True)
    if clinics:
        notify(clinic_id=clinics[0], user_id=user_id, words=words, at=at)


def _end_recent_sharing(user_id: UUID, at: datetime) -> None:
    """Of a patient with a new password: whoever had the former one may have shown the record to others."""
    with rls.context(person=str(user_id)):
        own = Patient.objects.filter(user_id=user_id).first()
    if own is None:
        return
    if recent_sharing.end(clinic_id=own.clinic_id, patient_id=own.pk, by_id=user_id, at=at):
        notify(clinic_id=own.clinic_id, user_id=user_id, words="sharing-ended", at=at)
