"""
Caregivers: the patient shows somebody close some categories, for a time or until they end it, and may let them write.

The patient names no address: they get a code and hand it over. Nobody has an account, and nobody sees anything, before
the invited person has accepted with it.
"""

from collections.abc import Callable, Collection
from datetime import datetime, timedelta
from uuid import UUID

from django.contrib.auth.hashers import make_password
from django.db import transaction
from django.db.models import F, Q, QuerySet, Value
from django.db.models.functions import Greatest

from tracker.access import devices
from tracker.access.models import Caregiver
from tracker.access.policy import Category
from tracker.access.principal import InactiveUser, Principal, load_principal, with_session
from tracker.accounts import reauthentication
from tracker.accounts.models import AccountKind, User
from tracker.accounts.sessions import SessionData
from tracker.audit import actions as audit
from tracker.clinics import active_account, invitation_codes, invitations, patient_lock
from tracker.clinics.errors import NotFoundOrHidden
from tracker.clinics.invitations import InvitationRejected, TooManyInvitations
from tracker.lib import rls

CODE_LENGTH, CODE_LASTS = 16, timedelta(days=7)
# Of one patient: at a time, and within a day.
MOST_STANDING, MOST_A_DAY, A_DAY = 10, 10, timedelta(days=1)

# What is done in the transaction in which a caregiver accepts.
OnAccept = Callable[[Caregiver, datetime], None]


class CaregiverChanged(Exception):
    """More is to be allowed to a caregiver, by a patient who has not seen what they may now."""


def _nothing(row: Caregiver, at: datetime) -> None:
    """What is done if the caller wants nothing done."""


def invite(
    *,
    principal: Principal,
    name: str,
    categories: Collection[Category],
    at: datetime,
    ends_at: datetime | None = None,
    may_write: bool = False,
) -> tuple[Caregiver, str]:
    """
    Ask somebody to see these categories of the patient's record; return the row and the code to hand over, shown once.

    With ``may_write`` they may write in these categories too.

    :raises NotFoundOrHidden: for anybody but a patient.
    :raises devices.UseOlderDevice: on a phone that is new.
    :raises TooManyInvitations: if there are ``MOST_STANDING`` caregivers, or ``MOST_A_DAY`` were invited within a day.
    """
    patient_id = principal.own_patient_id
    # Two at once are counted one after the other.
    patient_lock.lock(principal.clinic_id, patient_id)
    devices.require_older(principal, at)
    own = Caregiver.objects.filter(patient_id=patient_id)
    standing, lately = own.standing(at).count(), own.filter(invited_at__gt=at - A_DAY).count()
    if standing >= MOST_STANDING or lately >= MOST_A_DAY:
        raise TooManyInvitations
    code, is_recent = invitation_codes.new_code(CODE_LENGTH), devices.is_recent(principal, at)
    made = Caregiver.objects.create(
        clinic_id=principal.clinic_id,
        patient_id=patient_id,
        name=name,
        categories=sorted(categories),
        code=invitation_codes.code_hash(code),
        invited_at=at,
        accept_by=at + CODE_LASTS,
        starts_at=at,
        ends_at=ends_at,
        by_recent_sign_in=is_recent,
        writes_since=at if may_write else None,
        writes_by_recent_sign_in=may_write and is_recent,
    )
    detail = {"categories": list(made.categories), "may_write": may_write}
    principal.audit("caregiver.invite", made, patient_id=patient_id, at=at, detail=detail)
    return made, code


def accept(*, code: str, email: str, password: str, at: datetime, on_accept: OnAccept = _nothing) -> User:
    """
    Take a patient's invitation with a new account; what is shown is seen from then on.

    :raises InvitationRejected: if it is not to be had, or the address has an account; never which.
    """
    with transaction.atomic():
        user = _accept(
            code, at, lambda _: invitations.new_account(email, password, AccountKind.CAREGIVER), on_accept,
            # Costs what an account would.
            refuse=lambda: make_password(password),
        )  # fmt: skip
    if user is None:
        raise InvitationRejected
    return user


def accept_with_account(
    *,
    user_id: UUID,
    code: str,
    at: datetime,
    session: SessionData | None = None,
    on_accept: OnAccept = _nothing,
) -> None:
    """
    Take a patient's invitation as somebody who has signed in to an account; it replaces what they saw of that patient.

    :raises devices.UseOlderDevice: if it is a patient's account, and ``session`` may give it no other role
        (``devices.require_older_for_role``), whatever the code is.
    :raises InvitationRejected: if it is not to be had, or it is the patient's own account.
    """

    def existing(own_account_id: UUID | None) -> User | None:
        if own_account_id == user_id:
            return None
        # Sign-ins from now on end as early as those of staff, unless they are a phone's.
        User.objects.filter(pk=user_id, kind=AccountKind.PATIENT).update(kind=AccountKind.CAREGIVER)
        return User.objects.get(pk=user_id)

    with transaction.atomic():
        # The account before the patient, as everywhere.
        on = active_account.lock(user_id)
        devices.require_older_for_role(user_id, session, at)
        user = _accept(code, at, existing, on_accept) if on else None
    if user is None:
        raise InvitationRejected


def _accept(
    code: str, at: datetime, account: Callable[[UUID | None], User | None], on_accept: OnAccept,
    refuse: Callable[[], object] = lambda: None,
) -> User | None:  # fmt: skip
    """Accept an invitation, in the transaction of the caller; None if refused, which commits the count of misses."""
    hashed = invitation_codes.code_hash(code)
    with rls.context(invitation=hashed.hex()):
        candidate = Caregiver.objects.acceptable(at).filter(code=hashed).first()
    if candidate is None:
        refuse()
        return None
    patient_lock.lock(candidate.clinic_id, candidate.patient_id)
    with rls.as_patient(candidate.clinic_id, candidate.patient_id):
        # What was revoked or taken while this request waited for the lock is not to be had.
        row = Caregiver.objects.acceptable(at).filter(pk=candidate.pk).select_related("patient").first()
        if row is None:
            refuse()
            return None
        user = account(row.patient.user_id)
        if user is None:
            Caregiver.objects.filter(pk=row.pk).update(failed_attempts=F("failed_attempts") + 1)
            return None
        _end(_seen_now(row.patient_id, at).filter(user=user), at)
        Caregiver.objects.filter(pk=row.pk).update(user=user, starts_at=at)
        audit.record_event(
            actor=f"user/{user.pk}", action="caregiver.accept", subject=str(row), clinic_id=row.clinic_id,
            patient_id=row.patient_id, at=at,
        )  # fmt: skip
        on_accept(row, at)
    return user


def revoke(*, principal: Principal, caregiver_id: UUID, at: datetime) -> None:
    """
    End what a caregiver sees, from their next look on, or an invitation. Ending it twice changes nothing.

    :raises NotFoundOrHidden: if the patient has no such caregiver.
    """
    patient_lock.lock(principal.clinic_id, principal.own_patient_id)
    own = Caregiver.objects.filter(patient_id=principal.own_patient_id, pk=caregiver_id).first()
    if own is None:
        raise NotFoundOrHidden
    if _end(_seen_now(principal.own_patient_id, at).filter(pk=caregiver_id), at):
        detail = {"user": str(own.user_id or ""), "categories": list(own.categories)}
        principal.audit("caregiver.revoke", own, patient_id=own.patient_id, at=at, detail=detail)


def set_writing(
    *, principal: Principal, caregiver_id: UUID, may_write: bool, base_version: int | None, at: datetime
) -> tuple[Caregiver, bool]:
    """
    Let a caregiver write, or no longer, from their next request on; return the row, and whether more is allowed.

    To allow it is consent: it needs a recent proof of who it is, a phone that is not new, and ``base_version``, the
    version of the row that the patient saw. A withdrawal needs none of these, and what a caregiver is writing at that
    moment is either stored before it or refused (``lock_rights``).

    :raises NotFoundOrHidden: if the patient has no such caregiver.
    :raises CaregiverChanged: if it is allowed, and ``base_version`` is not the current one, or the access has ended.
    :raises devices.UseOlderDevice: if it is allowed, on a phone that is new.
    :raises reauthentication.ReauthenticationRequired: if it is allowed, and the sign-in is older than 5 minutes.
    """
    patient_lock.lock(principal.clinic_id, principal.own_patient_id)
    own = Caregiver.objects.filter(patient_id=principal.own_patient_id, pk=caregiver_id).first()
    if own is None:
        raise NotFoundOrHidden
    if may_write == (own.writes_since is not None):
        return own, False
    if may_write:
        has_ended = own.ends_at is not None and own.ends_at <= at
        if base_version != own.version or has_ended:
            raise CaregiverChanged
        reauthentication.require_recent(principal.authenticated_at, at)
        devices.require_older(principal, at)
    own.writes_since = at if may_write else None
    own.writes_by_recent_sign_in = may_write and devices.is_recent(principal, at)
    own.version += 1
    own.save(update_fields=["writes_since", "writes_by_recent_sign_in", "version"])
    detail = {"user": str(own.user_id or ""), "may_write": may_write, "categories": list(own.categories)}
    principal.audit("caregiver.set_writing", own, patient_id=own.patient_id, at=at, detail=detail)
    return own, may_write


def lock_rights(principal: Principal, patient_id: UUID, clock: Callable[[], datetime]) -> Principal:
    """
    Return a caregiver as they are now, under the lock under which the patient ends or narrows what they may.

    Before they write: what the patient withdraws at the same moment waits until it is stored, or counts for it. So the
    ``clock`` is read once the lock is held. The row-security context is theirs again, as ``load_principal`` sets it.

    :raises NotFoundOrHidden: if they have nothing to do with the patient, or not any more.
    """
    if patient_id not in principal.patients:
        raise NotFoundOrHidden
    patient_lock.lock(principal.clinic_id, patient_id)
    role_id = role_for(principal.user_id, patient_id, clock())
    try:
        own = load_principal(principal.user_id, clock(), role_id) if role_id else None
    except InactiveUser:
        own = None
    if own is None:
        raise NotFoundOrHidden
    return with_session(own, authenticated_at=principal.authenticated_at, device_id=principal.device_id)


def role_for(user_id: UUID, patient_id: UUID, at: datetime) -> UUID | None:
    """Return the caregiver's row by which somebody sees a patient at ``at``; None if there is none."""
    with rls.context(person=str(user_id)):
        rows = Caregiver.objects.active(at).filter(user_id=user_id, patient_id=patient_id)
        return rows.order_by("starts_at", "id").values_list("pk", flat=True).first()


def names(clinic_id: UUID, patient_id: UUID, user_ids: Collection[UUID]) -> dict[UUID, str]:
    """
    Return what the patient calls those of ``user_ids`` who are or were her caregivers, by user.

    For whoever reads what they wrote: of the row nothing but the name. Must be inside a transaction.
    """
    with rls.as_clinic(clinic_id):
        rows = Caregiver.objects.filter(patient_id=patient_id, user_id__in=user_ids).order_by(
            "starts_at", "id"
        )
        return dict(rows.values_list("user_id", "name"))


def _seen_now(patient_id: UUID, at: datetime) -> "QuerySet[Caregiver]":
    return Caregiver.objects.filter(Q(ends_at__isnull=True) | Q(ends_at__gt=at), patient_id=patient_id)


def _end(standing: "QuerySet[Caregiver]", at: datetime) -> int:
    # What began while this request waited for the lock never was.
    return standing.update(ends_at=Greatest("starts_at", Value(at)), version=F("version") + 1)
