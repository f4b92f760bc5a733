"""A thief who changes the address of an account loses it to its owner: by the former mailbox, or by the care team."""

import re
from datetime import datetime, timedelta

import pytest
import time_machine
from allauth.mfa.models import Authenticator
from django.core import mail
from django.test import Client
from django.utils import timezone

from tests import authenticator, factories
from tests.access_control.phones import date_back
from tests.access_control.test_stolen_sign_in import NEW_PASSWORD, account, caregivers_code
from tests.api.test_email_change import begun, confirm, mailed
from tests.concurrency import run_during
from tests.phone import Phone, token_of
from tests.rls_context import as_clinic
from tracker.access.models import EmailChange
from tracker.accounts import email_encryption, former_emails
from tracker.accounts.models import AccountKind, FormerEmail, Session, User
from tracker.audit.models import SYSTEM, AuditEvent
from tracker.clinics import invitations

THIEF, LATER = "thief@example.com", "thief.two@example.com"
LINK = re.compile(r"https?://[^/\s]+(/accounts/email/undo/)#(\S+)")
A_DAY = timedelta(days=1)


@pytest.fixture
def owner(world: factories.World) -> str:
    return address_of(world)


@pytest.fixture
def thief(world: factories.World, phone: Phone) -> Phone:
    """Somebody with Ada's password and a phone that was paired two days ago."""
    thief = Phone(world.ada.user)
    date_back(world, thief, 2 * A_DAY)
    return thief


def take_over(thief: Phone, address: str = THIEF) -> None:
    """Change the address, ask for yet another one, and change the password."""
    assert confirm(thief, begun(thief, address)).status_code == 204
    assert thief.post("me/email", {"email": LATER}).status_code == 202
    body = {"current_password": factories.PASSWORD, "new_password": NEW_PASSWORD}
    assert account(thief, "POST", "account/password/change", body).status_code == 200


def undo_code(address: str) -> str:
    """The code in the link of a mail that waits for an address."""
    (code,) = [found[2] for each in mailed(address) if (found := LINK.search(each))]
    return code


def undo(code: str) -> int:
    return Client().post("/accounts/email/undo/", {"code": code}).status_code


def told() -> set[str]:
    """Deliver what waits; the addresses to which mail of a change went."""
    mailed("")
    return {each.to[0] for each in mail.outbox if each.subject == "A change to your account"}


def address_of(world: factories.World) -> str:
    assert world.ada.user_id
    return str(User.objects.get(pk=world.ada.user_id).email)


def close(world: factories.World) -> Phone:
    ben = Phone(world.ben.user)
    assert ben.call("DELETE", f"patients/{world.ada.pk}/sign-in").status_code == 204
    return ben


def reopen(ben: Phone, world: factories.World, address_at: datetime | None = None) -> int:
    body = {"address_at": address_at.isoformat()} if address_at else None
    return int(ben.call("PUT", f"patients/{world.ada.pk}/sign-in", body).status_code)


def test_whoever_reads_the_former_address_takes_the_account_back_without_signing_in(
    world, phone, thief, owner
):
    take_over(thief)
    assert phone.get("me").status_code == 401
    code = undo_code(owner)

    assert Client().get("/accounts/email/undo/").status_code == 200
    answer = Client().post("/accounts/email/undo/", {"code": code})

    assert (answer.status_code, answer["Location"]) == (302, "/accounts/password/reset/")
    assert address_of(world) == owner
    assert thief.get("me").status_code == 401
    assert not Session.objects.filter(user=world.ada.user).exists()
    assert not User.objects.get(pk=world.ada.user_id).has_usable_password()
    with as_clinic(world.clinic.pk):
        assert not EmailChange.objects.exists()
        event = AuditEvent.objects.get(action="email.undo")
    assert (event.actor, event.patient) == ("nobody", world.ada.pk)
    assert any("A change to your account" in text for text in mailed(THIEF))
    assert undo(code) == 422, "a code works once"


def test_the_page_of_the_undoing_is_cached_nowhere_and_a_wrong_code_changes_nothing(world, thief, owner):
    take_over(thief)

    page = Client().get("/accounts/email/undo/")

    assert "no-store" in page["Cache-Control"]
    assert [undo(code) for code in ("", "2222-2222-2222-2222")] == [422, 422]
    assert address_of(world) == THIEF


@pytest.mark.parametrize(("hours", "works"), [(71, True), (73, False)])
def test_a_change_is_undone_within_72_hours(world, thief, owner, hours, works):
    take_over(thief)
    code = undo_code(owner)

    with time_machine.travel(timezone.now() + timedelta(hours=hours)):
        assert (undo(code) == 302) is works

    assert (address_of(world) == owner) is works


def test_an_undoing_goes_back_over_every_later_change_and_ends_their_codes(world, thief, owner):
    confirm(thief, begun(thief, THIEF))
    first = undo_code(owner)
    confirm(thief, begun(thief, LATER))
    second = undo_code(THIEF)

    assert undo(second) == 302
    assert address_of(world) == THIEF
    assert undo(first) == 302, "the code of an earlier change is not the thief's to end"
    assert address_of(world) == owner
    assert undo(second) == 422


def test_whoever_is_left_by_going_back_to_a_former_address_gets_no_code(world, phone, thief, owner):
    confirm(thief, begun(thief, THIEF))
    mailed("")

    assert confirm(phone, begun(phone, owner)).status_code == 204

    (news,) = [each for each in mailed(THIEF) if "A change to your account" in each]
    assert not LINK.search(news)
    assert not FormerEmail.objects.filter(email=THIEF, code__isnull=False).exists()


def test_a_former_address_is_nobody_elses_for_a_month(world, thief, owner):
    """Else a thief gives it to an account of their own, and it cannot be put back."""
    code = caregivers_code(world.bea)
    take_over(thief)
    joining = {"code": code, "email": owner, "password": NEW_PASSWORD}
    bea = Phone(world.bea.user)

    assert Client().post("/api/v1/invitations/accept", joining, "application/json").status_code == 403
    assert confirm(bea, begun(bea, owner)).json()["code"] == "email_change_refused"
    assert not User.objects.filter(email=owner).exists()
    assert former_emails.delete_expired(at=timezone.now() + 29 * A_DAY) == 0
    assert former_emails.delete_expired(at=timezone.now() + 31 * A_DAY) == 1
    assert Client().post("/api/v1/invitations/accept", joining, "application/json").status_code == 201


def test_an_address_that_is_being_left_is_not_given_to_an_account_that_waits_for_it(live):
    user = live.world.ada.user
    owner = user.email

    def leave() -> None:
        former_emails.replace(user=user, address=THIEF, code=None, at=timezone.now())

    made = run_during(leave, lambda: invitations.new_account(owner, NEW_PASSWORD, AccountKind.CAREGIVER))

    assert made is None
    assert not User.objects.filter(email=owner).exists()


@pytest.mark.parametrize(("age", "stays"), [(2 * A_DAY, False), (60 * A_DAY, True)])
def test_an_undoing_removes_second_factors_of_the_month_before_the_change(world, thief, owner, age, stays):
    confirm(thief, begun(thief, THIEF))
    authenticator.add_totp(world.ada.user)
    Authenticator.objects.filter(user=world.ada.user).update(created_at=timezone.now() - age)

    assert undo(undo_code(owner)) == 302

    assert Authenticator.objects.filter(user=world.ada.user).exists() is stays


def test_the_care_team_gives_the_account_back_to_the_address_before_the_change_and_tells_both(
    world, thief, owner
):
    take_over(thief)
    mailed("")

    ben = close(world)
    told_of_closing = told()
    with as_clinic(world.clinic.pk):
        assert not EmailChange.objects.exists()
    assert reopen(ben, world) == 204

    assert address_of(world) == owner
    assert told_of_closing == told() == {owner, THIEF}
    assert not FormerEmail.objects.filter(code__isnull=False).exists()


@pytest.mark.parametrize("which", ["before", "between", "now"])
def test_the_care_team_says_which_address_is_right(world, thief, owner, which):
    confirm(thief, begun(thief, "ada.second@example.org"))
    mailed("")
    between = timezone.now()
    confirm(thief, begun(thief, THIEF))
    address_at = {"before": between - A_DAY, "between": between, "now": timezone.now()}[which]

    assert reopen(close(world), world, address_at) == 204

    with as_clinic(world.clinic.pk):
        events = AuditEvent.objects.filter(action="email.put_back", patient=world.ada.pk)
        assert events.exists() is (which != "now")
    assert address_of(world) == {"before": owner, "between": "ada.second@example.org", "now": THIEF}[which]


def test_an_address_that_was_put_away_can_be_chosen_the_next_time(world, thief, owner):
    """Whoever reads the former mailbox was the thief, and the owner had moved away from it."""
    confirm(thief, begun(thief, "ada.new@example.org"))
    code = undo_code(owner)
    had_it_at = timezone.now()
    assert undo(code) == 302

    assert reopen(close(world), world, had_it_at) == 204

    assert address_of(world) == "ada.new@example.org"
    assert undo(code) == 422


def test_an_address_that_was_put_back_is_offered_once(world, thief, owner):
    confirm(thief, begun(thief, THIEF))
    undo(undo_code(owner))
    close(world)

    first, *others = former_emails.others_until(world.ada.user_id, timezone.now())

    assert FormerEmail.objects.get(replaced_at=first).email == THIEF
    assert others == []


def test_after_a_month_the_address_stays_as_it_is(world, thief, owner):
    confirm(thief, begun(thief, THIEF))
    with time_machine.travel(timezone.now() + 31 * A_DAY):
        assert reopen(close(world), world) == 204

    assert address_of(world) == THIEF


def test_the_page_of_a_patient_lets_the_care_team_choose_the_address(world, thief, owner):
    confirm(thief, begun(thief, THIEF))
    browser = Client()
    browser.cookies["sessionid"] = token_of(world.ben.user)
    page = f"/patients/{world.ada.pk}/"
    assert "address_at" not in browser.get(page).content.decode()
    browser.post(f"{page}sign-in/disable/")

    shown = browser.get(page).content.decode()

    choices = re.findall(r'<option value="(\d[^"]+)">', shown)
    assert len(choices) == 2
    assert owner not in shown
    assert THIEF not in shown
    assert browser.post(f"{page}sign-in/recover/", {"address_at": "yesterday"}).status_code == 302
    assert "Open the sign-in again" in browser.get(page).content.decode()
    browser.post(f"{page}sign-in/recover/", {"address_at": choices[0]})
    assert address_of(world) == owner


def test_a_former_address_goes_under_a_new_key_with_the_others(world, thief, owner, settings):
    confirm(thief, begun(thief, THIEF))
    settings.MASTER_KEYS_OLD = {settings.MASTER_KEY_ID: settings.MASTER_KEY}
    settings.MASTER_KEY_ID, settings.MASTER_KEY = "m9", b"9" * 32
    outdated = email_encryption.count_outdated()

    assert email_encryption.reencrypt().done == outdated == User.objects.count() + 1
    assert (email_encryption.count_outdated(), email_encryption.key_ids()) == (0, {"m9"})
    assert FormerEmail.objects.get().email == owner


def test_a_statement_that_writes_a_former_address_leaves_an_audit_event(world, thief):
    confirm(thief, begun(thief, THIEF))

    with as_clinic(SYSTEM):
        event = AuditEvent.objects.get(action="account.credentials_written", kind="accounts_formeremail")
    assert event.subject == f"user/{world.ada.user_id}"
