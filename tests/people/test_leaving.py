"""Whoever leaves is out at once: account, sessions, teams, invitations, links."""

import pytest
from django.contrib.auth.tokens import default_token_generator

from tests import factor, make
from tests.phone import Phone
from tracker.audit.models import Event
from tracker.lib import walls
from tracker.people import access, actions, invitations, second_factor, teams
from tracker.people.access import NobodyError, NotYoursError
from tracker.people.models import Clinic, DutyPeriod, Invitation, Session, TeamMembership, User

NOW = make.MONDAY


def eve(world: make.World) -> access.Viewer:
    walls.leave()
    return access.enter(world.eve.user_id, NOW)


def test_switching_off_ends_all_that_the_account_held(world):
    phone = Phone(world.ben.user)
    link = default_token_generator.make_token(world.ben.user)
    walls.leave()
    by = access.enter(world.ben.user_id, NOW)
    _, code = invitations.enrol(
        viewer=by, name="Fay", born_on=NOW.date(), zone=make.ZONE, team_id=world.team.pk, at=NOW
    )

    actions.disable(by=eve(world), member_id=world.ben.pk, at=NOW)

    walls.leave()
    assert phone.get("me").status_code == 401
    assert not Session.objects.filter(user=world.ben.user).exists()
    user = User.objects.get(pk=world.ben.user_id)
    assert (user.is_active, user.has_usable_password()) == (False, False)
    assert not default_token_generator.check_token(user, link)
    with pytest.raises(NobodyError):
        access.enter(user.pk, NOW)
    with pytest.raises(invitations.RefusedError):
        invitations.accept(
            code=code, born_on=NOW.date(), email="x@example.org", password="x" * 14, at=NOW, for_patient=True
        )
    with walls.clinic(world.clinic.pk):
        assert not Invitation.objects.open(NOW).exists()
        assert not TeamMembership.objects.active(NOW).filter(staff_member=world.ben).exists()
        assert Event.objects.filter(action="account.disable", subject=f"user/{user.pk}").count() == 1


def test_who_is_on_duty_is_reckoned_without_them_from_then_on(world):
    actions.disable(by=eve(world), member_id=world.ben.pk, at=NOW)

    with walls.clinic(world.clinic.pk):
        assert world.ben.user_id not in teams.on_duty(world.ada.pk, NOW)
        assert teams.on_duty(world.ada.pk, NOW)
        assert not DutyPeriod.objects.active(NOW).filter(staff_member=world.ben).exists()


def test_nobody_of_another_clinic_is_switched_off_and_nobody_switches_off_themselves(world):
    for member in (world.finn, world.eve):
        with pytest.raises(NotYoursError):
            actions.disable(by=eve(world), member_id=member.pk, at=NOW)
        assert User.objects.get(pk=member.user_id).is_active


def test_the_fallback_contact_of_an_active_clinic_stays(world):
    with walls.clinic(world.clinic.pk):
        Clinic.objects.filter(pk=world.clinic.pk).update(fallback_contact=world.ben, activated_at=NOW)

    with pytest.raises(actions.LastToAnswerError):
        actions.disable(by=eve(world), member_id=world.ben.pk, at=NOW)


def test_a_lost_second_factor_is_forgotten_by_an_administrator_and_the_sessions_end(world):
    factor.enrol(world.ben.user)
    phone = Phone(world.ben.user)

    actions.forget_second_factor(by=eve(world), member_id=world.ben.pk, at=NOW)

    assert second_factor.count(world.ben.user) == 0
    assert phone.get("me").status_code == 401
    with pytest.raises(NotYoursError):
        actions.forget_second_factor(by=eve(world), member_id=world.finn.pk, at=NOW)
