"""A patient's e-mail address: changed with a code that was mailed to the new one, and told to the former one."""

import re
from datetime import timedelta

import pytest
import time_machine
from django.contrib.auth.tokens import default_token_generator
from django.core import mail
from django.test import Client
from django.utils import timezone

from tests import authenticator, factories
from tests.phone import Phone
from tests.rls_context import as_clinic
from tracker.access.models import EmailChange
from tracker.accounts.models import User
from tracker.audit.models import AuditEvent
from tracker.outbox import actions as outbox
from tracker.outbox import letters
from tracker.outbox.models import Letter, Message

NEW = "ada.byron@example.org"
CODE = re.compile(r"(?:[2-9A-Z]{4}-){3}[2-9A-Z]{4}")


def mailed(address: str) -> list[str]:
    """Deliver what waits; the subjects and bodies of the mail to an address since the last call."""
    mail.outbox.clear()
    outbox.deliver_by_network(at=timezone.now())
    return [f"{each.subject}\n{each.body}" for each in mail.outbox if each.to == [address]]


def begun(phone: Phone, address: str = NEW) -> str:
    """Ask for another address; the code of the mail."""
    answer = phone.post("me/email", {"email": address})
    assert answer.status_code == 202, answer.content
    (letter,) = [each for each in mailed(address) if "Your code" in each]
    found = CODE.search(letter)
    assert found
    return found[0]


def confirm(phone: Phone, code: str):
    return phone.post("me/email/confirm", {"code": code})


def sign_in(address: str) -> int:
    body = {"email": address, "password": factories.PASSWORD}
    return Client().post("/_allauth/app/v1/auth/login", body, "application/json").status_code


def test_a_patient_changes_the_address_with_the_code_that_was_mailed_to_the_new_one(world):
    phone, former = Phone(world.ada.user), world.ada.user.email
    code = begun(phone)
    assert phone.get("me").json()["profile"]["email"] == former

    assert confirm(phone, code.lower().replace("-", " ")).status_code == 204

    assert phone.get("me").json()["profile"]["email"] == NEW
    assert (sign_in(NEW), sign_in(former)) == (200, 400)
    assert confirm(phone, code).json()["code"] == "email_change_refused"


def test_the_former_address_the_new_one_and_the_inbox_are_told(world):
    phone, former = Phone(world.ada.user), world.ada.user.email
    code = begun(phone)
    mailed("")
    confirm(phone, code)

    outbox.deliver_in_app(at=timezone.now())
    mail.outbox.clear()
    outbox.deliver_by_network(at=timezone.now())

    told = {each.to[0]: f"{each.subject}\n{each.body}" for each in mail.outbox}
    assert {former, NEW} == set(told)
    assert all("A change to your account" in text for text in told.values())
    assert NEW not in told[former]
    inbox = [row["text"] for row in phone.get("messages").json()["messages"]]
    assert any("e-mail address" in text for text in inbox)
    with as_clinic(world.clinic.pk):
        assert not Letter.objects.exists()
        assert not EmailChange.objects.exists()


@pytest.mark.parametrize(
    "spelling", [" Ada.Byron@Example.org ", "ada.byron@ex\uff41mple.org", "ada.byron@EXAMPLE.org"]
)
def test_the_new_address_is_kept_in_its_normal_form(world, spelling):
    phone = Phone(world.ada.user)
    phone.post("me/email", {"email": spelling})
    mail.outbox.clear()
    outbox.deliver_by_network(at=timezone.now())
    (code,) = [found[0] for each in mail.outbox if (found := CODE.search(str(each.body)))]

    confirm(phone, code)

    assert User.objects.get(pk=world.ada.user_id).email == NEW


def test_an_address_that_has_an_account_is_asked_for_like_any_other_and_refused_like_a_wrong_code(world):
    phone, taken = Phone(world.ada.user), world.bea.user.email
    former, code = world.ada.user.email, begun(phone, taken)

    refused, wrong = confirm(phone, code), confirm(phone, "2222-2222-2222-2222")

    assert (refused.status_code, refused.json()["code"]) == (403, "email_change_refused")
    assert refused.json() | {"request_id": ""} == wrong.json() | {"request_id": ""}
    assert User.objects.get(pk=world.ada.user_id).email == former


def test_the_code_of_another_patient_or_of_an_earlier_change_or_an_old_one_is_refused(world):
    ada, bea = Phone(world.ada.user), Phone(world.bea.user)
    first = begun(ada)
    second = begun(ada, "ada.second@example.org")
    of_bea = begun(bea, "bea.new@example.org")

    assert [confirm(ada, code).status_code for code in (first, of_bea)] == [403, 403]
    with time_machine.travel(timezone.now() + timedelta(minutes=61)):
        assert confirm(ada, second).status_code == 403
    assert confirm(bea, of_bea).status_code == 204


def test_a_change_needs_a_fresh_sign_in_and_the_second_factor_that_there_is(world):
    phone = Phone(world.ada.user)
    with time_machine.travel(timezone.now() + timedelta(minutes=6)):
        late = phone.post("me/email", {"email": NEW})
    authenticator.add_totp(world.ada.user)
    bare = phone.post("me/email", {"email": NEW})

    assert (late.status_code, late.json()["code"]) == (403, "reauthentication_required")
    assert (bare.status_code, bare.json()["code"]) == (403, "second_factor_required")


def test_a_new_phone_beside_an_older_one_changes_no_address(world):
    with time_machine.travel(timezone.now() - timedelta(days=2)):
        Phone(world.ada.user)

    refused = Phone(world.ada.user).post("me/email", {"email": NEW})

    assert (refused.status_code, refused.json()["code"]) == (403, "use_older_device")


def test_a_link_for_a_new_password_that_was_mailed_to_the_former_address_ends(world):
    phone = Phone(world.ada.user)
    token = default_token_generator.make_token(world.ada.user)
    confirm(phone, begun(phone))

    assert not default_token_generator.check_token(User.objects.get(pk=world.ada.user_id), token)


def test_neither_the_database_nor_the_audit_holds_the_new_address_in_plain(world):
    phone = Phone(world.ada.user)
    phone.post("me/email", {"email": NEW})

    with as_clinic(world.clinic.pk):
        assert NEW.encode() not in bytes(EmailChange.objects.get().ciphertext)
        assert NEW.encode() not in bytes(Letter.objects.get().ciphertext)
        assert NEW not in str(list(AuditEvent.objects.values()))
        assert NEW not in str(list(Message.objects.values()))


def test_a_change_that_was_not_confirmed_in_time_is_removed_with_its_letter(world):
    phone = Phone(world.ada.user)
    phone.post("me/email", {"email": NEW})

    with time_machine.travel(timezone.now() + timedelta(hours=2)):
        letters.remove_useless(at=timezone.now())

    with as_clinic(world.clinic.pk):
        assert not EmailChange.objects.exists()
        assert not Letter.objects.exists()


def test_asking_and_trying_codes_is_throttled_and_stops_no_upload(world):
    phone = Phone(world.ada.user)
    asked = [phone.post("me/email", {"email": NEW}).status_code for _ in range(6)]
    tried = [confirm(phone, "2222-2222-2222-2222").status_code for _ in range(11)]

    assert asked == [202] * 5 + [429]
    assert tried == [403] * 10 + [429]
    assert phone.push(factories.pain(3)).json()["results"][0]["status"] == "stored"


def test_staff_change_no_address_here(world):
    assert Phone(world.ben.user).post("me/email", {"email": NEW}).status_code == 403
