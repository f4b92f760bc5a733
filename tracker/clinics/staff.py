"""What an administrator does to the accounts of staff: switch one off, reset its second factor."""

from datetime import datetime
from uuid import UUID

from allauth.mfa.models import Authenticator
from django.db import IntegrityError, transaction

from tracker.accounts import sessions
from tracker.accounts.models import User
from tracker.clinics import active_account
from tracker.clinics.actor import Actor
from tracker.clinics.errors import NotFoundOrHidden
from tracker.clinics.models import DutyPeriod, Invitation, StaffMember, TeamMembership
from tracker.lib import rls


class LastFallbackContact(Exception):
    """The clinic's fallback contact cannot be switched off: an active clinic always has one."""


@transaction.atomic
def disable_account(*, by: Actor, member_id: UUID, at: datetime, keeps_account: bool = False) -> None:
    """
    End the work of a member of the clinic's staff, at once and in one transaction, and switch off the account.

    Sessions end and with them every token; the links of a password reset die; invitations they gave and nobody took
    are withdrawn; they leave their teams, so that whoever is on duty is reckoned without them from this commit on.

    ``keeps_account``: the person is a patient or a caregiver too, which a clinic does not end; the account stays on.

    :raises NotFoundOrHidden: if nobody of that id works at the clinic, or it is the administrator's own account.
    :raises LastFallbackContact: if it is the fallback contact of a clinic that is at work.
    """
    with rls.as_clinic(by.clinic_id):
        member = _colleague(by, member_id)
        _switch_off(member, at, keeps_account)
        for model in (TeamMembership, DutyPeriod):
            model.objects.active(at).filter(staff_member=member).update(ends_at=at)
        by.audit("account.disable", f"user/{member.user_id}", at=at)


def _colleague(by: Actor, member_id: UUID) -> StaffMember:
    member = StaffMember.objects.filter(pk=member_id, clinic_id=by.clinic_id).first()
    if member is None or member.user_id == by.user_id:
        raise NotFoundOrHidden
    return member


def _switch_off(member: StaffMember, at: datetime, keeps_account: bool) -> None:
    user = User.objects.select_for_update().get(pk=member.user_id)
    try:
        with transaction.atomic():
            StaffMember.objects.filter(pk=member.pk, left_at__isnull=True).update(left_at=at)
            if not keeps_account:
                user.is_active = False
                # A link of a password reset is signed with the password's hash: it dies with it.
                user.set_unusable_password()
                user.save(update_fields=["is_active", "password"])
    except IntegrityError:
        raise LastFallbackContact from None
    sessions.delete_all(user.pk)
    given = Invitation.objects.filter(invited_by_id=user.pk)
    (given.open(at) | given.waiting_for_approval()).update(withdrawn_at=at)


@transaction.atomic
def reset_second_factor(*, by: Actor, member_id: UUID, at: datetime) -> None:
    """
    Let a member of staff who has lost every second factor set one up anew; their sessions end.

    For a week they approve no new staff (``approvals.RESET_WAITS``).

    :raises NotFoundOrHidden: if nobody of that id works at the clinic, or it is the administrator's own account.
    """
    with rls.as_clinic(by.clinic_id):
        member = _colleague(by, member_id)
        # What they approve at the same moment is over, or waits and finds the reset.
        active_account.lock(member.user_id)
        StaffMember.objects.filter(pk=member.pk).update(second_factor_reset_at=at)
        Authenticator.objects.filter(user_id=member.user_id).delete()
        sessions.delete_all(member.user_id)
        by.audit("account.reset_second_factor", f"user/{member.user_id}", at=at)
