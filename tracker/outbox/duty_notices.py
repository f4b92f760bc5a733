"""
Duty for a team by somebody who is not on it: they see what the team sees, so its patients and the officers are told.

Nobody approves it first, since a night needs somebody; and whoever takes turns is told of once, not each week. Duty for
the whole clinic shows no more than that there is an alert, and whose.
"""

from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction

from tracker.clinics import actions as clinics
from tracker.clinics.actor import Actor
from tracker.clinics.models import DutyPeriod, Patient, Role, StaffMember, TeamMembership
from tracker.lib import rls
from tracker.outbox import actions as outbox

# Whoever was on duty for the team so lately is not new to it.
KNOWN_FOR = timedelta(days=30)


@transaction.atomic
def add_duty_period_and_notify(
    *, by: Actor, member_id: UUID, team_id: UUID | None, starts_at: datetime, ends_at: datetime, at: datetime
) -> DutyPeriod:
    """
    Do ``clinics.actions.add_duty_period``, which says what it raises, and tell of somebody new to the team.

    The officers are told at once, the patients when the duty begins: then they find the person among who sees what.
    """
    period = clinics.add_duty_period(
        by=by, member_id=member_id, team_id=team_id, starts_at=starts_at, ends_at=ends_at, at=at
    )
    with rls.as_clinic(by.clinic_id):
        if team_id is not None and not _is_known(period):
            patients = Patient.objects.filter(care_team_id=team_id, user__isnull=False)
            officers = StaffMember.objects.at_work().filter(clinic_id=by.clinic_id, role=Role.PRIVACY_OFFICER)
            for words, people, due_at in (
                ("duty-new", patients, max(at, starts_at)), ("duty-new-officer", officers, at),
            ):  # fmt: skip
                outbox.enqueue(
                    clinic_id=by.clinic_id, recipients=list(people.values_list("user_id", flat=True)),
                    words=words, subject=str(period), key=f"{words}/{period.pk}", due_at=due_at,
                )  # fmt: skip
    return period


@transaction.atomic
def end_duty_period(*, by: Actor, period_id: int, at: datetime) -> None:
    """
    Do ``clinics.actions.end_duty_period``; of a period that had not begun the patients are not told any more.

    They are told if the person has another period: it may be one that was not told for this one's sake.

    :raises NotFoundOrHidden: as ``end_duty_period`` does.
    """
    with rls.as_clinic(by.clinic_id):
        period = DutyPeriod.objects.filter(pk=period_id, clinic_id=by.clinic_id).first()
    clinics.end_duty_period(by=by, period_id=period_id, at=at)
    if period is None or period.starts_at < at:
        return
    with rls.as_clinic(by.clinic_id):
        others = DutyPeriod.objects.filter(
            team_id=period.team_id, staff_member_id=period.staff_member_id, ends_at__gt=at
        )
        goes_on = others.exists()
    if not goes_on:
        outbox.cancel(clinic_id=by.clinic_id, subject=str(period), at=at)


def _is_known(period: DutyPeriod) -> bool:
    """Whether the person is on the team for the whole period, or was on duty for it shortly before."""
    member = TeamMembership.objects.filter(
        team_id=period.team_id, staff_member_id=period.staff_member_id, starts_at__lte=period.starts_at,
        ends_at__isnull=True,
    )  # fmt: skip
    turns = DutyPeriod.objects.filter(
        team_id=period.team_id, staff_member_id=period.staff_member_id, starts_at__lte=period.starts_at,
        ends_at__gt=period.starts_at - KNOWN_FOR,
    )  # fmt: skip
    return member.exists() or turns.exclude(pk=period.pk).exists()
