"""
Staff who are switched off, or whose second factor is reset: they are told, and of an approver others too.

An administrator who is up to something would begin with whoever approves new staff (``clinics.approvals``).
"""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID, uuid4

from django.db import transaction

from tracker.access import roles
from tracker.clinics.actor import Actor
from tracker.clinics.models import APPROVERS, StaffMember
from tracker.clinics.staff import reset_second_factor
from tracker.lib import rls
from tracker.outbox import actions as outbox


@transaction.atomic
def end_work_and_notify(*, by: Actor, member_id: UUID, at: datetime) -> None:
    """
    Do ``access.roles.end_work`` and tell the person; all who work at the clinic are told of an approver.

    :raises NotFoundOrHidden: as ``end_work`` does.
    :raises LastFallbackContact: as ``end_work`` does.
    """
    with rls.as_clinic(by.clinic_id):
        before = StaffMember.objects.filter(
            pk=member_id, clinic_id=by.clinic_id, left_at__isnull=True
        ).first()
    roles.end_work(by=by, member_id=member_id, at=at)
    if before is None:
        return
    with rls.as_clinic(by.clinic_id):
        _tell(before, [before.user_id], "work-ended", at)
        if before.role in APPROVERS:
            colleagues = StaffMember.objects.at_work().filter(clinic_id=by.clinic_id)
            _tell(before, list(colleagues.values_list("user_id", flat=True)), "approver-left", at)


@transaction.atomic
def reset_second_factor_and_notify(*, by: Actor, member_id: UUID, at: datetime) -> None:
    """
    Do ``clinics.staff.reset_second_factor`` and tell the person; every approver is told of an approver.

    :raises NotFoundOrHidden: as ``reset_second_factor`` does.
    """
    reset_second_factor(by=by, member_id=member_id, at=at)
    with rls.as_clinic(by.clinic_id):
        member = StaffMember.objects.get(pk=member_id)
        _tell(member, [member.user_id], "second-factor-reset", at)
        if member.role in APPROVERS:
            approvers = StaffMember.objects.at_work().approvers().filter(clinic_id=by.clinic_id)
            _tell(member, list(approvers.values_list("user_id", flat=True)), "approver-reset", at)


def _tell(about: StaffMember, people: Sequence[UUID], words: str, at: datetime) -> None:
    outbox.enqueue(
        clinic_id=about.clinic_id, recipients=people, words=words, subject=str(about), key=f"{words}/{uuid4()}",
        due_at=at,
    )  # fmt: skip
