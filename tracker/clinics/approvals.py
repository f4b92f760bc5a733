"""
Approval of new staff: whoever has taken an invitation to work here begins when a second person has agreed.

The second person is an administrator or a privacy officer, neither the one who invited nor the one who was invited.
Where there is none, and was none within ``COUNTS_FOR``, the role begins at once. ``outbox.new_staff`` tells of it
either way. An administrator can switch off every other approver: whoever was invited then waits for the next one, whom
the operator may invite (``manage.py invite_approver``). Nor does she become one by resetting a second factor: whose was
reset approves nobody for ``RESET_WAITS``.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet

from tracker.clinics import active_account
from tracker.clinics.actor import Actor
from tracker.clinics.errors import NotFoundOrHidden
from tracker.clinics.models import Invitation, StaffMember, TeamMembership
from tracker.lib import rls

# So long does somebody count who was an approver; the trigger ``staff_begin_with_an_approval`` says the same.
COUNTS_FOR = timedelta(days=30)
# So long can the owner of a second factor that was reset speak up before it approves anybody.
RESET_WAITS = timedelta(days=7)


class AlreadyStaff(Exception):
    """The account works at a clinic by now: it has taken two invitations."""


@dataclass(frozen=True, slots=True)
class PendingApproval:
    """Somebody who is to work at the clinic, as a second person reads it."""

    id: UUID
    name: str
    role: str
    team: str
    email: str
    invited_by: str
    accepted_at: datetime


def pending_for(by: Actor, at: datetime) -> list[PendingApproval]:
    """Return what ``by`` may approve or refuse, oldest first."""
    with rls.as_clinic(by.clinic_id):
        if waits_until(by, at) is not None:
            return []
        rows = list(_for(by).select_related("used_by", "care_team").order_by("used_at", "id"))
        inviters = [row.invited_by_id for row in rows if row.invited_by_id]
        names = dict(StaffMember.objects.filter(user_id__in=inviters).values_list("user_id", "name"))
        return [_pending_approval(row, names) for row in rows]


def waits_until(by: Actor, at: datetime) -> datetime | None:
    """Return until when ``by`` approves nobody, since their second factor was reset; None if they may."""
    with rls.as_clinic(by.clinic_id):
        own = StaffMember.objects.filter(clinic_id=by.clinic_id, user_id=by.user_id)
        reset_at = own.order_by("-second_factor_reset_at").filter(second_factor_reset_at__gt=at - RESET_WAITS)
        latest = reset_at.values_list("second_factor_reset_at", flat=True).first()
    return latest + RESET_WAITS if latest else None


def begin_where_nobody_could_approve(invitation: Invitation, at: datetime) -> StaffMember | None:
    """
    Let the role of an invitation that was just taken begin, if there is no second person; else return None.

    An operator's invitation founds a clinic, so nobody is asked. Must be inside the context of a job of the clinic.
    """
    counts = Q(left_at__isnull=True) | Q(left_at__gt=at - COUNTS_FOR)
    staff = StaffMember.objects.approvers().filter(counts, clinic_id=invitation.clinic_id)
    people = [each for each in (invitation.invited_by_id, invitation.used_by_id) if each]
    if invitation.invited_by_id is not None and staff.exclude(user_id__in=people).exists():
        return None
    return _begin(invitation, None, at)


@transaction.atomic
def approve(*, by: Actor, invitation_id: UUID, at: datetime) -> StaffMember:
    """
    Agree, as a second person, that somebody begins to work at the clinic.

    :raises NotFoundOrHidden: if nothing of that id waits for ``by``: it is another clinic's, decided already, or about
        themselves or somebody whom they have invited; or their second factor was reset within ``RESET_WAITS``.
    :raises AlreadyStaff: if the account has begun to work somewhere else meanwhile.
    """
    with rls.as_clinic(by.clinic_id):
        invitation = _lock(by, invitation_id, at)
        member = _begin(invitation, by, at)
        by.audit("staff.approve", str(member), at=at)
        return member


@transaction.atomic
def refuse(*, by: Actor, invitation_id: UUID, at: datetime) -> None:
    """
    Say no, as a second person: the role never begins.

    :raises NotFoundOrHidden: as ``approve`` does.
    """
    with rls.as_clinic(by.clinic_id):
        invitation = _lock(by, invitation_id, at)
        Invitation.objects.filter(pk=invitation.pk).update(withdrawn_at=at)
        by.audit("staff.refuse", str(invitation), at=at)


def _for(by: Actor) -> QuerySet[Invitation]:
    """An operator's invitation, which names nobody as inviter, never waits."""
    mine = (by.user_id,)
    waiting = Invitation.objects.waiting_for_approval().filter(clinic_id=by.clinic_id)
    return waiting.exclude(invited_by_id__in=mine).exclude(used_by_id__in=mine)


def _lock(by: Actor, invitation_id: UUID, at: datetime) -> Invitation:
    # Who is switched off, or whose second factor is reset, at this moment agrees to nothing.
    if not active_account.lock_staff(by.clinic_id, by.user_id) or waits_until(by, at) is not None:
        raise NotFoundOrHidden
    row = _for(by).select_for_update(of=("self",)).filter(pk=invitation_id).first()
    if row is None:
        raise NotFoundOrHidden
    return row


def _begin(invitation: Invitation, by: Actor | None, at: datetime) -> StaffMember:
    assert invitation.used_by_id
    Invitation.objects.filter(pk=invitation.pk).update(
        approved_at=at, approved_by_id=by.user_id if by else None
    )
    try:
        with transaction.atomic():
            member = StaffMember.objects.create(
                clinic_id=invitation.clinic_id,
                user_id=invitation.used_by_id,
                name=invitation.name,
                role=invitation.role,
            )
    except IntegrityError:
        raise AlreadyStaff from None
    if invitation.care_team_id is not None:
        TeamMembership.objects.create(
            clinic_id=invitation.clinic_id, team_id=invitation.care_team_id, staff_member=member, starts_at=at
        )
    return member


def _pending_approval(row: Invitation, names: dict[UUID, str]) -> PendingApproval:
    assert row.used_by
    assert row.used_at
    assert row.invited_by_id
    return PendingApproval(
        id=row.pk,
        name=row.name,
        role=row.get_role_display(),
        team=row.care_team.name if row.care_team else "",
        email=row.used_by.email,
        invited_by=names.get(row.invited_by_id, ""),
        accepted_at=row.used_at,
    )
