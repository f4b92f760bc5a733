"""A care team closes a patient's sign-in that was stolen or lost, and opens it again once the patient was asked."""

from datetime import datetime
from uuid import UUID

from allauth.mfa.models import Authenticator
from django.db import transaction

from tracker.access import policy, recent_sharing
from tracker.access.models import Device, EmailChange
from tracker.access.policy import Action
from tracker.access.principal import Principal
from tracker.accounts import former_emails, sessions
from tracker.accounts.fields import UnreadableAddress
from tracker.accounts.models import FormerEmail, User
from tracker.clinics import patient_lock
from tracker.clinics.errors import NotFoundOrHidden
from tracker.clinics.models import Patient, StaffMember
from tracker.lib import rls


@transaction.atomic
def disable(*, principal: Principal, patient_id: UUID, at: datetime) -> tuple[UUID, bool]:
    """
    Close a patient's sign-in at once; return the account, and whether something that was shared ended with it.

    A change of the address that waits for its code ends.

    In one transaction the sessions of the account end, the phones are retired, and the password and every link of a
    password reset die; so do every caregiver, and what was lately shown to a team (``recent_sharing``). Nothing of the
    record is touched: the phone keeps what it has not sent, and sends it when it is paired again. Doing it twice
    changes nothing more.

    :raises NotFoundOrHidden: if it is no patient of a team of the principal's, or has no account.
    """
    user = _lock(principal, patient_id)
    user.set_unusable_password()
    user.save(update_fields=["password"])
    sessions.delete_all(user.pk)
    with rls.as_clinic(principal.clinic_id):
        Patient.objects.filter(pk=patient_id, sign_in_disabled_at__isnull=True).update(sign_in_disabled_at=at)
        own = Device.objects.filter(patient_id=patient_id, retired_at__isnull=True)
        own.update(retired_at=at, retires_at=None)
        EmailChange.objects.filter(patient_id=patient_id).delete()
    principal.audit("patient.disable_sign_in", f"user/{user.pk}", patient_id=patient_id, at=at)
    has_ended = recent_sharing.end(
        clinic_id=principal.clinic_id,
        patient_id=patient_id,
        by_id=principal.user_id,
        at=at,
        all_caregivers=True,
    )
    return user.pk, has_ended


@transaction.atomic
def recover(
    *, principal: Principal, patient_id: UUID, at: datetime, address_at: datetime | None = None
) -> tuple[UUID, bool]:
    """
    Open a patient's sign-in again; return the account, and whether second factors of it were removed.

    Its address is the one that it had at ``address_at``, within the last month: whoever had the sign-in may have
    changed it. Without that instant it is the one before all changes of the month. No code undoes them any more.

    Its owner chooses a new password by a link to its address. Second factors and recovery codes go, since they may be
    the thief's or lost, whatever else the patient was. Those of staff stay: an administrator resets them
    (``clinics.staff.reset_second_factor``).

    :raises NotFoundOrHidden: if it is no patient of a team of the principal's, or the sign-in is not closed.
    """
    user = _lock(principal, patient_id)
    with rls.as_clinic(principal.clinic_id):
        closed = Patient.objects.filter(pk=patient_id, sign_in_disabled_at__isnull=False)
        if not closed.update(sign_in_disabled_at=None):
            raise NotFoundOrHidden
    # What was chosen while the sign-in was closed is no better known than what was stolen.
    user.set_unusable_password()
    user.save(update_fields=["password"])
    sessions.delete_all(user.pk)
    if _put_back_address(user, address_at, at):
        principal.audit("email.put_back", f"user/{user.pk}", patient_id=patient_id, at=at)
    with rls.as_clinic(principal.clinic_id):
        EmailChange.objects.filter(patient_id=patient_id).delete()
    removed = 0 if is_staff(user) else Authenticator.objects.filter(user_id=user.pk).delete()[0]
    principal.audit("patient.recover_sign_in", f"user/{user.pk}", patient_id=patient_id, at=at)
    if removed:
        principal.audit("account.reset_second_factor", f"user/{user.pk}", patient_id=patient_id, at=at)
    return user.pk, bool(removed)


def _put_back_address(user: User, address_at: datetime | None, at: datetime) -> bool:
    """Return whether the address is another one now."""
    rows = former_emails.of(user.pk, at)
    before = next((row for row in rows if address_at is None or row.replaced_at >= address_at), None)
    FormerEmail.objects.filter(user=user).update(code=None)
    if before is None or before.email == user.email or isinstance(before.email, UnreadableAddress):
        return False
    former_emails.replace(user=user, address=before.email, code=None, at=at)
    return True


def is_staff(user: User) -> bool:
    """Whether somebody works at a clinic, whichever it is; who was staff, or asked to be, does not."""
    with rls.context(person=str(user.pk)):
        return StaffMember.objects.at_work().filter(user_id=user.pk).exists()


def _lock(principal: Principal, patient_id: UUID) -> User:
    """
    Lock the account and then the patient, as everywhere, and return the account.

    No chart is opened, nothing of the record is read: what is done leaves the one event of the request.
    """
    relation = principal.relation_to(patient_id)
    if relation is None or not policy.may(principal.role, relation, Action.DISABLE_PATIENT_ACCOUNT):
        raise NotFoundOrHidden
    user_id = Patient.objects.values_list("user_id", flat=True).get(pk=patient_id)
    if user_id is None:
        raise NotFoundOrHidden
    user = User.objects.select_for_update(no_key=True).get(pk=user_id)
    patient_lock.lock(principal.clinic_id, patient_id)
    return user
