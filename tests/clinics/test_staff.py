"""Whoever leaves is out at once: account, sessions, teams, invitations, links."""

from datetime import timedelta

import pytest
from django.contrib.auth.tokens import default_token_generator
from django.db import transaction

from tests import authenticator, factories
from tests.concurrency import run_during
from tests.phone import Phone
from tests.rls_context import act_as, as_clinic, as_user
from tracker.access.principal import InactiveUser, Principal, load_principal
from tracker.accounts import second_factor
from tracker.accounts.models import Session, User
from tracker.audit.models import AuditEvent
from tracker.clinics import actions, invitations, responders
from tracker.clinics.errors import NotFoundOrHidden
from tracker.clinics.models import Clinic, DutyPeriod, Invitation, Role, StaffMember, TeamMembership
from tracker.clinics.staff import LastFallbackContact, disable_account, reset_second_factor
from tracker.lib import rls

NOW = factories.MONDAY


def eve(world: factories.World) -> Principal:
    return act_as(world.eve)


def test_switching_off_ends_all_that_the_account_held(world):
    phone = Phone(world.ben.user)
    link = default_token_generator.make_token(world.ben.user)
    with as_user(world.ben) as by:
        _, code = invitations.enrol(
            principal=by,
            name="Fay",
            birth_date=NOW.date(),
            time_zone=factories.ZONE,
            team_id=world.team.pk,
            at=NOW,
        )

    with as_user(world.eve) as administrator:
        disable_account(by=administrator, member_id=world.ben.pk, at=NOW)

    assert phone.get("me").status_code == 401
    assert not Session.objects.filter(user=world.ben.user).exists()
    user = User.objects.get(pk=world.ben.user_id)
    assert (user.is_active, user.has_usable_password()) == (False, False)
    assert not default_token_generator.check_token(user, link)
    with pytest.raises(InactiveUser):
        load_principal(user.pk, NOW)
    with pytest.raises(invitations.InvitationRejected):
        invitations.accept(
            code=code,
            birth_date=NOW.date(),
            email="x@example.org",
            password="x" * 14,
            at=NOW,
            for_patient=True,
        )
    with as_clinic(world.clinic.pk):
        assert not Invitation.objects.open(NOW).exists()
        assert not TeamMembership.objects.active(NOW).filter(staff_member=world.ben).exists()
        assert AuditEvent.objects.filter(action="account.disable", subject=f"user/{user.pk}").count() == 1


def test_who_is_on_duty_is_reckoned_without_them_from_then_on(world):
    disable_account(by=eve(world), member_id=world.ben.pk, at=NOW)

    with as_clinic(world.clinic.pk):
        assert world.ben.user_id not in responders.alert_responders(world.ada.pk, NOW)
        assert responders.alert_responders(world.ada.pk, NOW)
        assert not DutyPeriod.objects.active(NOW).filter(staff_member=world.ben).exists()


def test_nobody_of_another_clinic_is_switched_off_and_nobody_switches_off_themselves(world):
    for member in (world.finn, world.eve):
        with pytest.raises(NotFoundOrHidden):
            disable_account(by=eve(world), member_id=member.pk, at=NOW)
        assert User.objects.get(pk=member.user_id).is_active


def test_the_fallback_contact_of_an_active_clinic_stays(world):
    with as_clinic(world.clinic.pk):
        Clinic.objects.filter(pk=world.clinic.pk).update(fallback_contact=world.ben, activated_at=NOW)

    with pytest.raises(LastFallbackContact):
        disable_account(by=eve(world), member_id=world.ben.pk, at=NOW)


def test_a_lost_second_factor_is_forgotten_by_an_administrator_and_the_sessions_end(world):
    authenticator.add_totp(world.ben.user)
    phone = Phone(world.ben.user)

    reset_second_factor(by=eve(world), member_id=world.ben.pk, at=NOW)

    assert second_factor.count(world.ben.user) == 0
    assert phone.get("me").status_code == 401
    with pytest.raises(NotFoundOrHidden):
        reset_second_factor(by=eve(world), member_id=world.finn.pk, at=NOW)


def disable(world: factories.World, who: StaffMember) -> None:
    """An administrator switches the account off; it is another one who does it to Eve."""
    other = factories.staff(world.clinic, "gil", Role.ADMINISTRATOR)
    disable_account(by=act_as(other), member_id=who.pk, at=NOW)


def test_an_account_that_is_disabled_at_the_moment_it_invites_leaves_no_open_invitation(live):
    world = live.world

    @transaction.atomic
    def invite() -> str:
        by = act_as(world.eve)
        with rls.as_clinic(world.clinic.pk):
            return invitations.invite_staff(
                clinic_id=world.clinic.pk, name="Hal", role=Role.CLINICIAN, team_id=None, at=NOW, by=by
            )

    assert isinstance(run_during(lambda: disable(world, world.eve), invite), NotFoundOrHidden)
    with as_clinic(world.clinic.pk):
        assert not Invitation.objects.open(NOW).exists()


def test_an_account_that_is_disabled_at_the_moment_it_gets_a_duty_period_is_not_on_duty(live):
    world = live.world

    @transaction.atomic
    def add() -> DutyPeriod:
        return actions.add_duty_period(
            by=act_as(world.eve), member_id=world.cleo.pk, team_id=world.team.pk, starts_at=NOW,
            ends_at=NOW + timedelta(hours=8), at=NOW,
        )  # fmt: skip

    assert isinstance(run_during(lambda: disable(world, world.cleo), add), actions.NotClinical)
    with as_clinic(world.clinic.pk):
        assert not DutyPeriod.objects.active(NOW).exists()
