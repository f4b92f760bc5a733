"""
Asking people in. A code is shown once, to whoever asks somebody in; the database keeps a keyed hash of it.

A patient's code is short, to be read out or typed, and goes with the date of birth. A member of staff gets a longer
one, in a link. Wrong, unknown, used and expired codes get the same answer, at the same cost.
"""

from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from django.contrib.auth.hashers import make_password
from django.db import IntegrityError, transaction
from django.db.models import F

from tracker.accounts import former_emails
from tracker.accounts.models import AccountKind, User
from tracker.audit import actions as audit
from tracker.clinics import active_account, approvals, invitation_codes, patient_lock
from tracker.clinics.actor import Actor
from tracker.clinics.errors import NotFoundOrHidden
from tracker.clinics.models import CareTeam, Clinic, Invitation, Patient, Role, StaffMember, TeamMembership
from tracker.lib import days, rls

# Characters of a code.
PATIENTS_CODE, STAFF_CODE = 8, 16
PATIENT_LASTS, STAFF_LASTS = timedelta(days=14), timedelta(days=7)
# Of one clinic within a day, so that a stolen sign-in of its staff makes no crowd.
MOST_A_DAY, A_DAY = 200, timedelta(days=1)


# What is done in the transaction in which a member of staff begins.
OnBegin = Callable[[StaffMember, datetime], None]


class TooManyInvitations(Exception):
    """The clinic, or the patient, has asked in as many people as anybody would within a day."""


class InvitationRejected(Exception):
    """The invitation is not taken: wrong, unknown, used or too old, or the address cannot be used. Never which."""


def teams_of(principal: Actor, at: datetime) -> list[CareTeam]:
    """Return the teams that the principal may enrol patients into: their own, an administrator's clinic's."""
    found = CareTeam.objects.filter(clinic_id=principal.clinic_id).order_by("name", "id")
    if principal.role != Role.ADMINISTRATOR:
        mine = TeamMembership.objects.active(at).filter(staff_member_id=principal.staff_id)
        found = found.filter(pk__in=mine.values("team_id"))
    return list(found)


@transaction.atomic
def enrol(
    *, principal: Actor, name: str, birth_date: date, time_zone: str, team_id: UUID, at: datetime
) -> tuple[UUID, str]:
    """
    Enrol a patient and ask them in; return the patient's id and the code.

    :raises NotFoundOrHidden: if the team is not the principal's.
    :raises TooManyInvitations: if the clinic has asked in ``MOST_A_DAY`` people within a day.
    """
    if team_id not in {team.pk for team in teams_of(principal, at)}:
        raise NotFoundOrHidden
    with rls.as_clinic(principal.clinic_id):
        _require_active(principal)
        patient = Patient.objects.create(
            clinic_id=principal.clinic_id,
            care_team_id=team_id,
            name=name,
            birth_date=birth_date,
            time_zone=time_zone,
            enrolled_on=days.local_day(at, time_zone),
        )
        code = _create_for_patient(principal, patient, at)
    return patient.pk, code


@transaction.atomic
def reinvite(*, principal: Actor, patient_id: UUID, at: datetime) -> str:
    """
    Invite a patient without an account again: a new code; the former ones end.

    :raises NotFoundOrHidden: if there is no such patient in a team of the principal's.
    """
    teams = [team.pk for team in teams_of(principal, at)]
    with rls.as_clinic(principal.clinic_id):
        # The account before the patient and the invitations: ``disable_account`` takes them in this order.
        _require_active(principal)
        # Of two at once the second finds the code of the first, and ends it.
        patient_lock.lock(principal.clinic_id, patient_id)
        patient = Patient.objects.filter(pk=patient_id, user__isnull=True, care_team__in=teams).first()
        if patient is None:
            raise NotFoundOrHidden
        Invitation.objects.open(at).filter(patient=patient).update(withdrawn_at=at)
        return _create_for_patient(principal, patient, at)


def _require_active(by: Actor) -> None:
    """Go on while the account of who invites is on: what they have given ends when it is switched off."""
    if not active_account.lock_staff(by.clinic_id, by.user_id):
        raise NotFoundOrHidden


def pending_patients(principal: Actor, at: datetime) -> list[Patient]:
    """Return the patients in the principal's teams who have not accepted their invitation yet."""
    teams = [team.pk for team in teams_of(principal, at)]
    with rls.as_clinic(principal.clinic_id):
        found = Patient.objects.filter(user__isnull=True, care_team__in=teams, discharged_on__isnull=True)
        return list(found.order_by("name", "id"))


@transaction.atomic
def invite_staff(
    *, clinic_id: UUID, name: str, role: str, team_id: UUID | None, at: datetime, by: Actor | None
) -> str:
    """
    Ask somebody in as staff; return the code. ``by`` is None for the operator, who founds a clinic.

    Must be inside the context of a job of the clinic.

    :raises NotFoundOrHidden: if the team is not the clinic's.
    :raises TooManyInvitations: if the clinic has asked in ``MOST_A_DAY`` people within a day.
    """
    if team_id is not None and not CareTeam.objects.filter(pk=team_id, clinic_id=clinic_id).exists():
        raise NotFoundOrHidden
    if by is not None:
        _require_active(by)
    invitation, code = _create(
        clinic_id, STAFF_CODE, STAFF_LASTS, at, by, role=role, name=name, care_team_id=team_id
    )
    if by is not None:
        by.audit("staff.invite", str(invitation), at=at)
    else:
        _audit("operator", "staff.invite", str(invitation), clinic_id, at)
    return code


def accept(
    *, code: str, birth_date: date | None, email: str, password: str, at: datetime, for_patient: bool,
    on_begin: OnBegin = lambda member, at: None,
) -> User:  # fmt: skip
    """
    Take an invitation with a new account; tie the patient to it, or ask for approval of the member of staff.

    ``on_begin`` is called in the transaction with a member of staff whom nobody has to approve (``approvals``).

    :raises InvitationRejected: if it is not to be had; a patient's wrong date of birth is counted.
    """
    with transaction.atomic():
        user = _accept(
            code, for_patient, birth_date, at,
            lambda _: new_account(email, password, AccountKind.PATIENT if for_patient else AccountKind.STAFF),
            # Costs what an account would.
            on_begin, refuse=lambda: make_password(password),
        )  # fmt: skip
    if user is None:
        raise InvitationRejected
    return user


def accept_with_account(
    *, user_id: UUID, code: str, birth_date: date | None, at: datetime, for_patient: bool,
    on_begin: OnBegin = lambda member, at: None,
) -> None:  # fmt: skip
    """
    Take an invitation as somebody who has an account and has signed in to it: one account, another role.

    Staff sign in with a second factor from then on. Whether this sign-in may make staff of a patient is the caller's
    question (``access.devices.require_older_for_role``).

    :raises InvitationRejected: if it is not to be had, or the account is a patient's (or staff's) already, or it is
        that of whoever invites.
    """

    def existing(invitation: Invitation) -> User | None:
        if invitation.invited_by_id == user_id or _has_role(user_id, for_patient):
            return None
        if not for_patient:
            # From now on the account needs a second factor to sign in.
            User.objects.filter(pk=user_id).update(kind=AccountKind.STAFF)
        return User.objects.get(pk=user_id)

    with transaction.atomic():
        # The account before the patient and the invitation, as everywhere.
        on = active_account.lock(user_id)
        user = _accept(code, for_patient, birth_date, at, existing, on_begin) if on else None
    if user is None:
        raise InvitationRejected


def new_account(email: str, password: str, kind: AccountKind) -> User | None:
    """
    Return a new account, None where somebody has the address: they sign in and accept with what they have.

    Nor is it given where somebody had it lately (``former_emails``).
    """
    try:
        with transaction.atomic():
            user = User.objects.create_user(email, password, kind=kind)
            former_emails.require_free(user.email, user.pk)
            return user
    except (IntegrityError, former_emails.AddressTaken):
        return None


def _has_role(user_id: UUID, for_patient: bool) -> bool:
    """Whether the account is a patient's, or staff's, at whatever clinic. There is one of each for an account."""
    with rls.context(person=str(user_id)):
        if for_patient:
            return Patient.objects.filter(user_id=user_id).exists()
        return StaffMember.objects.filter(user_id=user_id, left_at__isnull=True).exists()


def _accept(
    code: str, for_patient: bool, birth_date: date | None, at: datetime,
    account: Callable[[Invitation], User | None], on_begin: OnBegin, refuse: Callable[[], object] = lambda: None,
) -> User | None:  # fmt: skip
    """Accept an invitation, in the transaction of the caller; None if refused, which commits the count of misses."""
    hashed = invitation_codes.code_hash(code)
    with rls.context(invitation=hashed.hex()):
        candidate = Invitation.objects.open(at).filter(code=hashed, patient__isnull=not for_patient).first()
    if candidate is None:
        refuse()
        return None
    with rls.as_clinic(candidate.clinic_id):
        if candidate.patient_id is not None:
            patient_lock.lock(candidate.clinic_id, candidate.patient_id)
        # The lock lets the second of two at once find it used.
        invitation = Invitation.objects.select_for_update().open(at).filter(pk=candidate.pk).first()
        if invitation is None or not _is_meant(invitation, birth_date):
            refuse()
            return None
        user = account(invitation)
        if user is None:
            # The same answer as for a wrong code, and one try less.
            _count_miss(invitation)
            return None
        _use(invitation, user, at, on_begin)
    return user


def _is_meant(invitation: Invitation, birth_date: date | None) -> bool:
    """Whether who holds the code knows the patient's date of birth; a miss is counted."""
    if invitation.patient_id is None:
        return True
    free = Patient.objects.filter(pk=invitation.patient_id, user__isnull=True, birth_date=birth_date).exists()
    if not free:
        _count_miss(invitation)
    return free


def _count_miss(invitation: Invitation) -> None:
    Invitation.objects.filter(pk=invitation.pk).update(failed_attempts=F("failed_attempts") + 1)


def _use(invitation: Invitation, user: User, at: datetime, on_begin: OnBegin) -> None:
    Invitation.objects.filter(pk=invitation.pk).update(used_at=at, used_by=user)
    if invitation.patient_id is not None:
        Patient.objects.filter(pk=invitation.patient_id, user__isnull=True).update(user=user)
    else:
        invitation.used_at, invitation.used_by = at, user
        member = approvals.begin_where_nobody_could_approve(invitation, at)
        if member is not None:
            on_begin(member, at)
    own = f"user/{user.pk}"
    _audit(own, "invitation.accept", own, invitation.clinic_id, at, invitation.patient_id)


def _create_for_patient(principal: Actor, patient: Patient, at: datetime) -> str:
    invitation, code = _create(
        principal.clinic_id, PATIENTS_CODE, PATIENT_LASTS, at, principal, patient=patient
    )
    principal.audit("patient.invite", str(invitation), patient_id=patient.pk, at=at)
    return code


def _create(
    clinic_id: UUID, length: int, lasts: timedelta, at: datetime, by: Actor | None, **whom: Any
) -> tuple[Invitation, str]:
    # Two at once are counted one after the other.
    Clinic.objects.select_for_update(no_key=True).get(pk=clinic_id)
    if Invitation.objects.filter(clinic_id=clinic_id, made_at__gt=at - A_DAY).count() >= MOST_A_DAY:
        raise TooManyInvitations
    code = invitation_codes.new_code(length)
    invitation = Invitation.objects.create(
        clinic_id=clinic_id,
        code=invitation_codes.code_hash(code),
        invited_by_id=by.user_id if by else None,
        made_at=at,
        expires_at=at + lasts,
        **whom,
    )
    return invitation, code


def _audit(
    actor: str, action: str, subject: str, clinic_id: UUID, at: datetime, patient_id: UUID | None = None
) -> None:
    audit.record_event(
        actor=actor, action=action, subject=subject, clinic_id=clinic_id, patient_id=patient_id, at=at
    )
