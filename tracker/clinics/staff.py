"""What an administrator does to the accounts of staff: switch one off, reset its second factor."""

from datetime import datetime
from uuid import UUID

from allauth.mfa.models import Authenticator
from django.db import IntegrityError, transaction

from tracker.accounts import sessions
from tracker.accounts.models import User
from tracker.clinics.actor import Actor
from tracker.clinics.errors import NotFoundOrHidden
from tracker.clinics.models import DutyPeriod, Invitation, StaffMember, TeamMembership
from tracker.lib import rls


class LastFallbackContact(Exception):
    """The clinic's fallback contact cannot be switched off: an active clinic always has one."""


@transaction.atomic
def disable_account(*, by: Actor, member_id: UUID, at: datetime) -> None:
    """
    Switch off the account of a member of the clinic's staff, at once and in one transaction.

    Sessions end and with them every token; the links of a password reset die; invitations they gave and nobody took
    are withdrawn; they leave their teams, so that whoever is on duty is reckoned without them from this commit on.

    :raises NotFoundOrHidden: if nobody of that id works at the clinic, or it is the administrator's own account.
    :raises LastFallbackContact: if it is the fallback contact of a clinic that is at work.
    """
    with rls.as_clinic(by.clinic_id):
        member = StaffMember.objects.filter(pk=member_id, clinic_id=by.clinic_id).first()
        if member is None or member.user_id == by.user_id:
            raise NotFoundOrHidden
        _switch_off(member.user_id, at)
        for model in (TeamMembership, DutyPeriod):
            model.objects.active(at).filter(staff_member=member).update(ends_at=at)
        by.audit("account.disable", f"user/{member.user_id}", at=at)


def _switch_off(user_id: UUID, at: datetime) -> None:
    user = User.objects.select_for_update().get(pk=user_id)
    user.is_active = False
    # A link of a password reset is signed with the password's hash: it dies with it.
    user.set_unusable_password()
    try:
        with transaction.atomic():
            user.save(update_fields=["is_active", "password"])
    except IntegrityError:
        raise LastFallbackContact from None
    sessions.delete_all(user_id)
    Invitation.objects.open(at).filter(invited_by_id=user_id).update(withdrawn_at=at)


@transaction.atomic
def reset_second_factor(*, by: Actor, member_id: UUID, at: datetime) -> None:
    """
    Let a member of staff who has lost every second factor set one up anew; their sessions end.

    :raises NotFoundOrHidden: if nobody of that id works at the clinic, or it is the administrator's own account.
    """
    with rls.as_clinic(by.clinic_id):
        member = StaffMember.objects.filter(pk=member_id, clinic_id=by.clinic_id).first()
        if member is None or member.user_id == by.user_id:
            raise NotFoundOrHidden
        Authenticator.objects.filter(user_id=member.user_id).delete()
        sessions.delete_all(member.user_id)
        by.audit("account.reset_second_factor", f"user/{member.user_id}", at=at)
