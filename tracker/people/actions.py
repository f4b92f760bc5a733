"""What a patient decides about who sees what, and what is done to an account. The only writers of these rows."""

from collections.abc import Collection, Mapping
from datetime import datetime
from uuid import UUID

from allauth.mfa.models import Authenticator
from django.db import IntegrityError, transaction

from tracker.access.models import Consent, ConsentChange, ConsentText
from tracker.access.policy import Category
from tracker.access.principal import Principal
from tracker.accounts import sessions
from tracker.accounts.models import User
from tracker.audit import actions as audit
from tracker.clinics.errors import NotFoundOrHidden
from tracker.clinics.models import CareTeam, DutyPeriod, Invitation, StaffMember, TeamMembership
from tracker.lib import rls


class OutdatedConsentText(Exception):
    """Consent is given to the words that stand now, not to a version that has been followed by another."""


class LastFallbackContact(Exception):
    """The clinic's fallback contact cannot be switched off: an active clinic always has one."""


def granted_categories(patient_id: UUID) -> dict[UUID, frozenset[Category]]:
    """Return what each team may see of a patient."""
    return {held.team_id: held.categories() for held in Consent.objects.filter(patient_id=patient_id)}


def expands(principal: Principal, wanted: Mapping[UUID, Collection[Category]]) -> bool:
    """Return whether ``wanted`` (team to categories) would show any team more than it sees now."""
    held = granted_categories(principal.own_patient_id)
    return any(set(categories) - held.get(team, frozenset()) for team, categories in wanted.items())


def set_consent(
    *, principal: Principal, wanted: Mapping[UUID, Collection[Category]], text: int, at: datetime
) -> int:
    """
    Let each team of ``wanted`` see exactly these categories from its next look on; return how many changed.

    Teams that are not named keep what they have. ``text`` is the version of the words that the patient read.

    :raises OutdatedConsentText: if there are newer words, or none of this version.
    :raises NotFoundOrHidden: for a team that is not of the patient's clinic, and for anybody but a patient.
    """
    patient_id = principal.own_patient_id
    if text != ConsentText.objects.order_by("-version").values_list("version", flat=True).first():
        raise OutdatedConsentText
    if CareTeam.objects.filter(clinic_id=principal.clinic_id, pk__in=wanted).count() != len(wanted):
        raise NotFoundOrHidden
    # Two requests at once: the second waits here, and then sees what the first has left.
    held = {
        row.team_id: row.categories()
        for row in Consent.objects.select_for_update().filter(patient_id=patient_id, team_id__in=wanted)
    }
    changes = [
        ConsentChange(
            clinic_id=principal.clinic_id, patient_id=patient_id, team_id=team, category=category,
            given=category in categories, text_id=text, by_id=principal.user_id, at=at,
        )
        for team, categories in wanted.items()
        for category in sorted(held.get(team, frozenset()).symmetric_difference(categories))
    ]  # fmt: skip
    if changes:
        ConsentChange.objects.bulk_create(changes)
        _note_consent(principal, changes, at)
    return len(changes)


def _note_consent(principal: Principal, changes: Collection[ConsentChange], at: datetime) -> None:
    audit.note(
        actor=principal.actor,
        action="consent.change",
        subject=f"consent-text/{next(iter(changes)).text_id}",
        clinic_id=principal.clinic_id,
        patient_id=principal.own_patient_id,
        at=at,
        detail={
            "given": [f"{change.team_id}/{change.category}" for change in changes if change.given],
            "withdrawn": [f"{change.team_id}/{change.category}" for change in changes if not change.given],
        },
    )


@transaction.atomic
def disable_account(*, by: Principal, member_id: UUID, at: datetime) -> None:
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
        for held in (TeamMembership, DutyPeriod):
            held.objects.active(at).filter(staff_member=member).update(ends_at=at)
        audit.note(
            actor=by.actor,
            action="account.disable",
            subject=f"user/{member.user_id}",
            clinic_id=by.clinic_id,
            at=at,
        )


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
def reset_second_factor(*, by: Principal, member_id: UUID, at: datetime) -> None:
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
        audit.note(
            actor=by.actor,
            action="account.forget_second_factor",
            subject=f"user/{member.user_id}",
            clinic_id=by.clinic_id,
            at=at,
        )
