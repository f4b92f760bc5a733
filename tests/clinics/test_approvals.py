"""A second person approves new staff where there is one; the patients of the team and the privacy officers are told."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.test import Client
from django.utils import timezone

from tests import authenticator, factories
from tests.concurrency import run_during
from tests.phone import Phone, token_of
from tests.rls_context import act_as, as_clinic, as_user
from tracker.access import policy
from tracker.access.policy import Action
from tracker.access.principal import InactiveUser, load_principal
from tracker.accounts.models import User
from tracker.audit.models import AuditEvent
from tracker.clinics import approvals, invitations
from tracker.clinics.errors import NotFoundOrHidden
from tracker.clinics.invitations import InvitationRejected
from tracker.clinics.models import APPROVERS, DutyPeriod, Invitation, Role, StaffMember
from tracker.clinics.staff import disable_account
from tracker.lib import rls
from tracker.outbox import new_staff
from tracker.outbox.models import Message

NOW = factories.MONDAY
PASSWORD = "a long new passphrase"


def invite(world: factories.World, role: Role = Role.CLINICIAN) -> str:
    with as_user(world.eve) as eve, rls.as_clinic(world.clinic.pk):
        return invitations.invite_staff(
            clinic_id=world.clinic.pk, name="Gil", role=role, team_id=world.team.pk, at=NOW, by=eve
        )


def accept(code: str) -> User:
    return invitations.accept(
        code=code, birth_date=None, email="gil@example.org", password=PASSWORD, at=NOW, for_patient=False,
        on_begin=new_staff.notify,
    )  # fmt: skip


def officer(world: factories.World) -> StaffMember:
    return factories.staff(world.clinic, "olga", Role.PRIVACY_OFFICER)


def messages_of(world: factories.World, words: str) -> set[Any]:
    with as_clinic(world.clinic.pk):
        return set(Message.objects.filter(words=words).values_list("recipient_id", flat=True))


def waiting_id(world: factories.World):
    with as_clinic(world.clinic.pk):
        return Invitation.objects.waiting_for_approval().get().pk


def is_at_work(user: User) -> bool:
    try:
        with as_user(user) as principal:
            return bool(principal.patients)
    except InactiveUser:
        return False


def test_a_second_person_is_looked_for_among_the_roles_that_may_approve_staff():
    assert {role for role in Role if policy.role_may(role, Action.APPROVE_STAFF)} == set(APPROVERS)


@pytest.mark.parametrize("role", [Role.CLINICIAN, Role.ADMINISTRATOR])
def test_new_staff_see_nothing_before_a_second_person_has_approved(world, role):
    olga = officer(world)
    gil = accept(invite(world, role))

    with pytest.raises(InactiveUser), transaction.atomic():
        load_principal(gil.pk, NOW)
    with as_clinic(world.clinic.pk):
        assert not StaffMember.objects.filter(user=gil).exists()
    with as_user(olga) as by:
        new_staff.approve_and_notify(by=by, invitation_id=waiting_id(world), at=NOW)

    assert act_as(gil).role == role
    with as_clinic(world.clinic.pk):
        assert AuditEvent.objects.filter(action="staff.approve", actor=f"user/{olga.user_id}").count() == 1


def test_the_patients_of_the_team_and_the_privacy_officer_are_told_of_a_new_clinician(world):
    olga = officer(world)
    accept(invite(world))
    assert not messages_of(world, "team-member-new")

    with as_user(olga) as by:
        new_staff.approve_and_notify(by=by, invitation_id=waiting_id(world), at=NOW)

    assert messages_of(world, "team-member-new") == {world.ada.user_id}
    assert messages_of(world, "staff-new") == {olga.user_id}
    people = Phone(world.ada.user).get("me/consents").json()["teams"][0]["people"]
    assert "Gil" in {each["name"] for each in people}


def test_where_there_is_no_second_person_the_patients_are_told_all_the_same(world):
    gil = accept(invite(world))

    assert is_at_work(gil)
    assert messages_of(world, "team-member-new") == {world.ada.user_id}


def test_nobody_approves_whom_they_have_invited_nor_themselves(world):
    olga = officer(world)
    gil = accept(invite(world, Role.PRIVACY_OFFICER))
    waiting = waiting_id(world)
    gia = factories.staff(world.other_clinic, "gia", Role.ADMINISTRATOR)

    for person in (world.eve, gia):
        assert approvals.pending_for(act_as(person), NOW) == []
        with pytest.raises(NotFoundOrHidden):
            approvals.approve(by=act_as(person), invitation_id=waiting, at=NOW)
    assert [each.email for each in approvals.pending_for(act_as(olga), NOW)] == [gil.email]


def test_the_database_refuses_an_approval_by_who_invited_or_accepted(world):
    officer(world)
    gil = accept(invite(world))

    for user_id in (world.eve.user_id, gil.pk):
        with (
            as_clinic(world.clinic.pk),
            pytest.raises(IntegrityError, match="invitation_is_approved_by_somebody_else"),
            transaction.atomic(),
        ):
            Invitation.objects.filter(used_by=gil).update(approved_at=NOW, approved_by=user_id)


def test_an_administrator_does_not_take_her_own_invitation(world):
    code = invite(world)

    with pytest.raises(InvitationRejected):
        invitations.accept_with_account(
            user_id=world.eve.user_id, code=code, birth_date=None, at=NOW, for_patient=False
        )
    with (
        as_clinic(world.clinic.pk),
        pytest.raises(IntegrityError, match="invitation_is_taken_by_somebody_else"),
        transaction.atomic(),
    ):
        Invitation.objects.update(used_at=NOW, used_by=world.eve.user)


def test_an_administrator_who_invites_herself_under_another_address_reads_nothing(world):
    officer(world)
    sham = accept(invite(world))

    assert not is_at_work(sham)
    assert Phone(world.ada.user).get("me").status_code == 200
    browser = Client()
    browser.cookies["sessionid"] = signed_in(world.eve.user)
    assert b"gil@example.org" not in browser.get("/staff/approvals/").content


def signed_in(user: User) -> str:
    return token_of(user)


def test_who_is_refused_never_begins_and_the_page_shows_whom_it_is_about(world):
    olga = officer(world)
    gil = accept(invite(world))
    authenticator.add_totp(olga.user)
    browser = Client()
    browser.cookies["sessionid"] = signed_in(olga.user)
    waiting = waiting_id(world)
    page = browser.get("/staff/approvals/").content.decode()
    assert all(text in page for text in ("Gil", "gil@example.org", "clinician", "Eve", "North"))

    assert browser.post(f"/staff/approvals/{waiting}/refuse/").status_code == 302

    assert not is_at_work(gil)
    assert browser.post(f"/staff/approvals/{waiting}/approve/").status_code == 404


def test_who_is_switched_off_at_that_moment_approves_nobody(live):
    world = live.world
    with transaction.atomic():
        olga = officer(world)
    gil = accept(invite(world))
    waiting = waiting_id(world)

    @transaction.atomic
    def approve() -> None:
        new_staff.approve_and_notify(by=act_as(olga), invitation_id=waiting, at=NOW)

    outcome = run_during(lambda: disable_account(by=act_as(world.eve), member_id=olga.pk, at=NOW), approve)

    assert isinstance(outcome, NotFoundOrHidden)
    assert not is_at_work(gil)


def test_a_clinic_asks_in_two_hundred_people_within_a_day(world, monkeypatch):
    monkeypatch.setattr(invitations, "MOST_A_DAY", 2)
    invite(world)
    invite(world)

    with pytest.raises(invitations.TooManyInvitations):
        invite(world)


def test_who_is_on_duty_for_a_team_is_in_the_patients_list_of_who_sees_what(world):
    now = timezone.now()
    with as_clinic(world.clinic.pk):
        DutyPeriod.objects.create(
            clinic_id=world.clinic.pk, team=world.team, staff_member=world.cleo, starts_at=now - timedelta(hours=1),
            ends_at=now + timedelta(hours=1),
        )  # fmt: skip

    people = Phone(world.ada.user).get("me/consents").json()["teams"][0]["people"]

    assert {each["name"] for each in people} == {"Ben", "Dan", "Cleo"}


@pytest.mark.parametrize("page", ["/patients/invite/", "/staff/"])
def test_a_page_says_that_the_clinic_has_invited_too_many(world, monkeypatch, page):
    monkeypatch.setattr(invitations, "MOST_A_DAY", 0)
    browser = Client()
    browser.cookies["sessionid"] = signed_in(world.eve.user)
    form = {
        "name": "Fay", "birth_date": "1980-02-29", "time_zone": factories.ZONE, "team": world.team.pk,
        "role": "CLINICIAN",
    }  # fmt: skip

    answer = browser.post(page, form)

    assert answer.status_code == 422
    assert b"as many people as it may within a day" in answer.content
