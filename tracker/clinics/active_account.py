"""The lock on a person's account: what is given to somebody, or by them, is given while their account is on."""

from uuid import UUID

from tracker.accounts.models import User
from tracker.clinics.models import StaffMember


def lock(user_id: UUID) -> bool:
    """
    Lock the account until the transaction ends; return whether it is switched on.

    ``clinics.staff.disable_account`` waits until the holder is done, and then ends what the holder has given; or it was
    first, and the account is off. Must be inside a transaction.
    """
    on = User.objects.select_for_update(no_key=True).filter(pk=user_id, is_active=True)
    return on.values_list("pk").first() is not None


def lock_staff(clinic_id: UUID, user_id: UUID) -> bool:
    """Do what ``lock`` does; return whether the account is on and its owner still works at the clinic."""
    return (
        lock(user_id) and StaffMember.objects.at_work().filter(clinic_id=clinic_id, user_id=user_id).exists()
    )
