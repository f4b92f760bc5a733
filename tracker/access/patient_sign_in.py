"""A care team closes a patient's sign-in that was stolen or lost, and opens it again once the patient was asked."""

from datetime import datetime
from uuid import UUID

from allauth.mfa.models import Authenticator
from django.db import transaction

from tracker.access import policy, recent_sharing
from tracker.access.models import Device
from tracker.access.policy import Action
from tracker.access.principal import Principal
from tracker.accounts import sessions
from tracker.accounts.models import AccountKind, User
from tracker.clinics import patient_lock
from tracker.clinics.errors import NotFoundOrHidden
from tracker.clinics.models import Patient
from tracker.lib import rls


@transaction.atomic
def disable(*, principal: Principal, patient_id: UUID, at: datetime) -> tuple[UUID, bool]:
    """
    Close a patient's sign-in at once; return the account, and whether something that was shared ended with it.

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
def recover(*, principal: Principal, patient_id: UUID, at: datetime) -> UUID:
    """
    Open a patient's sign-in again, and return the account: its owner chooses a new password by a link to its address.

    A second factor goes, since it may be the thief's; not that of somebody who is staff or a caregiver too.

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
    if user.kind == AccountKind.PATIENT:
        Authenticator.objects.filter(user_id=user.pk).delete()
    principal.audit("patient.recover_sign_in", f"user/{user.pk}", patient_id=patient_id, at=at)
    return user.pk


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
