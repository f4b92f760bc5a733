"""An administrator alone makes nobody staff: who was an approver lately counts, and is missed aloud."""

from datetime import datetime, timedelta
from io import StringIO
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from django.core import mail
from django.core.management import CommandError, call_command
from django.db import IntegrityError, transaction
from django.test import Client
from django.utils import timezone

from tests import authenticator, factories
from tests.phone import token_of
from tests.rls_context import as_clinic, as_user
from tracker.access.principal import InactiveUser
from tracker.accounts.models import User
from tracker.clinics import approvals, invitations
from tracker.clinics.errors import NotFoundOrHidden
from tracker.clinics.models import Invitation, Role, StaffMember
from tracker.lib import rls
from tracker.outbox import actions as outbox
from tracker.outbox import new_staff, staff_notices
from tracker.outbox.models import Message

NOW = factories.MONDAY
INSTANT = timedelta(microseconds=1)
PASSWORD = "a long new passphrase"


@pytest.fixture
def olga(world: factories.World) -> StaffMember:
    """The clinic's privacy officer: the only other person who approves new staff."""
    return factories.staff(world.clinic, "olga", Role.PRIVACY_OFFICER)


def switch_off(world: factories.World, member: StaffMember, at: datetime = NOW) -> None:
    with as_user(world.eve) as eve:
        staff_notices.end_work_and_notify(by=eve, member_id=member.pk, at=at)


def accept_own_invitation(world: factories.World, at: datetime) -> User:
    """Eve invites a clinician who is herself, under another address."""
    with as_user(world.eve, at) as eve, rls.as_clinic(world.clinic.pk):
        code = invitations.invite_staff(
            clinic_id=world.clinic.pk, name="Gil", role=Role.CLINICIAN, team_id=world.team.pk, at=at, by=eve
        )
    return invitations.accept(
        code=code, birth_date=None, email="gil@example.org", password=PASSWORD, at=at, for_patient=False,
        on_begin=new_staff.notify,
    )  # fmt: skip


def works(user: User, at: datetime) -> bool:
    try:
        with as_user(user, at) as principal:
            return bool(principal.patients)
    except InactiveUser:
        return False


def messages(world: factories.World, words: str) -> set[tuple[Any, str]]:
    with as_clinic(world.clinic.pk):
        return set(Message.objects.filter(words=words).values_list("recipient_id", "channel"))


@pytest.mark.parametrize(
    ("after", "begins"),
    [(timedelta(0), False), (approvals.COUNTS_FOR - INSTANT, False), (approvals.COUNTS_FOR, True)],
)
def test_an_administrator_who_switches_off_the_other_approver_begins_no_staff_alone(
    world, olga, after, begins
):
    switch_off(world, olga)

    sham = accept_own_invitation(world, NOW + after)

    assert works(sham, NOW + after) is begins


def test_the_database_lets_nobody_begin_unapproved_while_an_approver_counts(world, olga):
    now = timezone.now()
    switch_off(world, olga, now)
    sham = accept_own_invitation(world, now)

    for at in (now, now - timedelta(days=400), now + timedelta(days=400)):
        with (
            as_clinic(world.clinic.pk),
            pytest.raises(IntegrityError, match="a second person approves new staff"),
            transaction.atomic(),
        ):
            Invitation.objects.filter(used_by=sham).update(approved_at=at)


def test_an_approver_who_is_switched_off_is_told_by_mail_and_all_colleagues_are(world, olga):
    switch_off(world, olga)

    assert messages(world, "work-ended") == {(olga.user_id, "EMAIL")}
    colleagues = {each.user_id for each in (world.ben, world.dan, world.cleo, world.eve)}
    assert {person for person, _ in messages(world, "approver-left")} == colleagues
    outbox.deliver_due(at=NOW)
    assert [each.to for each in mail.outbox].count([olga.user.email]) == 1
    switch_off(world, olga)
    assert len(messages(world, "approver-left")) == 2 * len(colleagues), "the second time changes nothing"


def test_a_clinician_who_is_switched_off_is_told_and_nobody_else(world):
    switch_off(world, world.cleo)

    assert messages(world, "work-ended") == {(world.cleo.user_id, "EMAIL")}
    assert messages(world, "approver-left") == set()


def test_who_was_switched_off_gets_no_other_mail(world, olga):
    with as_clinic(world.clinic.pk):
        outbox.enqueue(
            clinic_id=world.clinic.pk,
            recipients=[olga.user_id],
            words="staff-new",
            subject="x",
            key="x",
            due_at=NOW,
        )
    switch_off(world, olga)

    outbox.deliver_due(at=NOW)

    assert [each.subject for each in mail.outbox if each.to == [olga.user.email]] == [
        "A change to your account"
    ]


def reset(world: factories.World, member: StaffMember) -> None:
    with as_user(world.eve) as eve:
        staff_notices.reset_second_factor_and_notify(by=eve, member_id=member.pk, at=NOW)


@pytest.mark.parametrize(
    ("after", "may"), [(approvals.RESET_WAITS - INSTANT, False), (approvals.RESET_WAITS, True)]
)
def test_an_approver_whose_second_factor_was_reset_approves_nobody_for_a_week(world, olga, after, may):
    reset(world, olga)
    sham = accept_own_invitation(world, NOW)
    at = NOW + after
    with as_user(olga, at) as by:
        assert bool(approvals.pending_for(by, at)) is may
        with as_clinic(world.clinic.pk):
            waiting = Invitation.objects.waiting_for_approval().get().pk
    with as_user(olga, at) as by:
        if may:
            new_staff.approve_and_notify(by=by, invitation_id=waiting, at=at)
        else:
            for decide in (approvals.approve, approvals.refuse):
                with pytest.raises(NotFoundOrHidden):
                    decide(by=by, invitation_id=waiting, at=at)
    assert works(sham, at) is may


def test_a_reset_second_factor_is_told_to_its_owner_and_to_every_approver(world, olga):
    authenticator.add_totp(olga.user)
    reset(world, olga)

    assert not Authenticator.objects.filter(user=olga.user).exists()
    both = {"INBOX", "EMAIL"}
    assert messages(world, "second-factor-reset") == {(olga.user_id, channel) for channel in both}
    assert messages(world, "approver-reset") == {
        (who.user_id, channel) for who in (olga, world.eve) for channel in both
    }
    reset(world, world.ben)
    assert {person for person, _ in messages(world, "second-factor-reset")} == {
        olga.user_id,
        world.ben.user_id,
    }
    assert {person for person, _ in messages(world, "approver-reset")} == {olga.user_id, world.eve.user_id}


def test_the_buttons_of_the_staff_page_switch_off_and_reset_and_tell(world, olga):
    browser = Client()
    browser.cookies["sessionid"] = token_of(world.eve.user)

    assert browser.post(f"/staff/{olga.pk}/forget-second-factor/").status_code == 302
    assert browser.post(f"/staff/{olga.pk}/switch-off/").status_code == 302

    assert messages(world, "second-factor-reset")
    assert messages(world, "approver-left")


def test_the_operator_invites_another_approver_who_begins_at_once(world, olga):
    switch_off(world, olga)
    sham = accept_own_invitation(world, NOW)
    said = StringIO()
    call_command("invite_approver", clinic=world.clinic.name, name="Hal", role="PRIVACY_OFFICER", stdout=said)
    code = said.getvalue().split()[-1]

    hal = invitations.accept(
        code=code, birth_date=None, email="hal@example.org", password=PASSWORD, at=NOW, for_patient=False
    )

    with as_user(hal) as by:
        (waiting,) = approvals.pending_for(by, NOW)
        assert waiting.email == sham.email
    assert not works(sham, NOW)


def test_the_operator_invites_approvers_to_clinics_that_there_are(world):
    for clinic in ("Nowhere", str(world.ada.pk)):
        with pytest.raises(CommandError, match="no clinic"):
            call_command("invite_approver", clinic=clinic, name="Hal", role="PRIVACY_OFFICER")
    with pytest.raises(CommandError, match="invalid choice"):
        call_command(
            "invite_approver", "--clinic", str(world.clinic.pk), "--name", "Hal", "--role", "CLINICIAN"
        )
