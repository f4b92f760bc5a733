"""A caregiver's way: from the patient's invitation by mail to the first reading and entry, and to the end of it."""

import json
import re
import uuid
from datetime import timedelta
from smtplib import SMTPRecipientsRefused
from typing import Any

import pytest
from django.core import mail
from django.core.mail.backends.locmem import EmailBackend
from django.test import Client
from django.utils import timezone

from tests import factories, servers
from tests.phone import Phone
from tests.rls_context import as_clinic
from tracker.access.models import Caregiver
from tracker.outbox import actions as outbox
from tracker.outbox import letters
from tracker.outbox.models import Letter, Message
from tracker.progress import actions as progress

ADDRESS, PASSWORD = "carl@example.org", "a long new passphrase"
APP = "/_allauth/app/v1"
LINK = re.compile(r"(/accounts/invitation/accept/)#(\S+)")
DELIVER = "tracker.outbox.tasks.deliver_by_network"


def invite(
    ada: Phone, *categories: str, email: str | None = ADDRESS, may_write: bool = False
) -> dict[str, Any]:
    body = {"name": "Carl", "categories": list(categories), "email": email, "may_write": may_write}
    answer = ada.post("me/caregivers", body)
    assert answer.status_code == 201, answer.content
    return dict(answer.json())


def signed_in(email: str) -> Phone:
    """An app whose owner has given address and password, and nothing else."""
    answer = Client().post(
        f"{APP}/auth/login", json.dumps({"email": email, "password": PASSWORD}), "application/json"
    )
    assert answer.status_code == 200, answer.content
    phone = Phone.__new__(Phone)
    phone.client, phone.device = Client(raise_request_exception=False), uuid.uuid4()
    phone.headers = {"X-Session-Token": answer.json()["meta"]["session_token"]}
    return phone


def test_a_caregiver_comes_in_by_mail_without_a_second_factor_reads_and_writes_what_is_shared_until_it_is_ended(
    live,
):
    ada = Phone(live.world.ada.user)
    ada.push(factories.pain(4), factories.daily(mood=3))
    progress.refresh_stale(at=timezone.now())
    invited = invite(ada, "pain", may_write=True)

    with servers.worker(live.environment):
        servers.hint(live.environment, DELIVER)
        found = servers.wait_until(
            lambda: next(filter(None, (LINK.search(path.read_text()) for path in live.mail.iterdir())), None),
            what="the mail",
        )
    path, code = found.groups()
    browser = Client()
    assert "Somebody wants to show you" in browser.get(path).content.decode()
    joined = browser.post(path, {"code": code, "email": ADDRESS, "password": PASSWORD})
    assert joined.status_code == 302, joined.content
    carl, of_ada = signed_in(ADDRESS), f"patient={live.world.ada.pk}"

    assert carl.get("me").json()["caregiver_of"]["categories"] == ["pain"]
    assert [row["kind"] for row in carl.get(f"records?{of_ada}").json()["records"]] == ["pain"]
    assert carl.get(f"summaries?{of_ada}").json()["summaries"][0]["figures"]["categories"] == ["pain"]
    assert carl.get(f"observations?{of_ada}&measure=daily.mood").status_code == 404

    assert carl.get("me").json()["caregiver_of"]["writable_kinds"] == ["pain"]
    assert carl.post(f"records?{of_ada}", factories.pain(7)).status_code == 201
    pulled = ada.get("sync/pull").json()["records"]
    assert [row["author"]["name"] for row in pulled if "author" in row] == ["Carl"]
    ended = ada.call("PATCH", f"me/caregivers/{invited['id']}", {"may_write": False}).json()
    assert ended["may_write"] is False
    assert carl.post(f"records?{of_ada}", factories.pain(8)).status_code == 404
    assert carl.get(f"records?{of_ada}").status_code == 200

    assert ada.call("DELETE", f"me/caregivers/{invited['id']}").status_code == 204
    for route in ("me", f"records?{of_ada}", f"summaries?{of_ada}"):
        assert carl.get(route).status_code == 401
    assert carl.post(f"records?{of_ada}", factories.pain(9)).status_code == 401
    assert len(ada.get("sync/pull").json()["records"]) == len(pulled)


def test_the_letter_names_nobody_and_is_removed_once_it_is_sent(world):
    invited = invite(Phone(world.ada.user), "pain")
    with as_clinic(world.clinic.pk):
        stored = bytes(Letter.objects.get().ciphertext)

    outbox.deliver_by_network(at=timezone.now())

    (letter,) = (each for each in mail.outbox if each.to == [ADDRESS])
    assert f"/accounts/invitation/accept/#{invited['code']}\n" in letter.body
    for word in (world.ada.name, "Carl", world.clinic.name, "pain", "health"):
        assert word not in f"{letter.subject}\n{letter.body}"
    assert ADDRESS.encode() not in stored
    with as_clinic(world.clinic.pk):
        assert not Letter.objects.exists()
        assert Message.objects.get(words=letters.WORDS).sent_at is not None
    outbox.deliver_by_network(at=timezone.now())
    assert len([each for each in mail.outbox if each.to == [ADDRESS]]) == 1


def test_a_letter_of_an_invitation_that_was_ended_is_not_sent_and_its_address_is_removed(world):
    ada = Phone(world.ada.user)
    ended, kept = invite(ada, "pain"), invite(ada, "pain", email="dora@example.org")
    ada.call("DELETE", f"me/caregivers/{ended['id']}")

    assert letters.remove_useless(at=timezone.now()) == 1
    outbox.deliver_by_network(at=timezone.now())

    assert {each.to[0] for each in mail.outbox} & {ADDRESS, "dora@example.org"} == {"dora@example.org"}
    with as_clinic(world.clinic.pk):
        assert {row.pk for row in Caregiver.objects.standing(timezone.now())} == {uuid.UUID(kept["id"])}


def test_a_letter_that_is_not_wanted_any_more_does_not_wait_for_ever(world):
    """Else health tells for forty minutes that delivery has stopped."""
    ada = Phone(world.ada.user)
    ended, accepted = invite(ada, "pain"), invite(ada, "pain", email="dora@example.org")
    ada.call("DELETE", f"me/caregivers/{ended['id']}")
    Phone(world.bea.user).post("invitations/accept", {"code": accepted["code"]})

    outbox.deliver_by_network(at=timezone.now())

    with as_clinic(world.clinic.pk):
        assert not Message.objects.unsent(timezone.now()).filter(words=letters.WORDS).exists()
        assert not Letter.objects.exists()
    assert not {each.to[0] for each in mail.outbox} & {ADDRESS, "dora@example.org"}


@pytest.mark.parametrize(("code", "is_given_up"), [(550, True), (451, False)])
def test_an_address_that_the_provider_refuses_is_no_sign_of_stalled_delivery_and_for_good_is_tried_once(
    world, monkeypatch, code, is_given_up
):
    def refuse(self, messages):
        raise SMTPRecipientsRefused({messages[0].to[0]: (code, b"no such mailbox")})

    invite(Phone(world.ada.user), "pain")
    monkeypatch.setattr(EmailBackend, "send_messages", refuse)
    now = timezone.now()

    outbox.deliver_due(at=now)
    outbox.deliver_due(at=now)

    with as_clinic(world.clinic.pk):
        letter = Message.objects.get(words=letters.WORDS)
        told = Message.objects.get(words="caregiver-invited", channel="EMAIL")
        assert (letter.attempts >= outbox.MOST_ATTEMPTS) is is_given_up
        assert Letter.objects.exists() is not is_given_up
        assert (told.attempts >= outbox.MOST_ATTEMPTS) is is_given_up
    assert outbox.oldest_due_at(at=now + timedelta(minutes=5)) is None


def test_an_address_that_has_an_account_gets_the_same_letter_and_its_owner_accepts_with_it(world):
    invited = invite(Phone(world.ada.user), "pain", email=world.bea.user.email)
    outbox.deliver_by_network(at=timezone.now())
    letter = next(each for each in mail.outbox if each.to == [world.bea.user.email])
    ((path, code),) = LINK.findall(str(letter.body))

    refused = Client().post(path, {"code": code, "email": world.bea.user.email, "password": PASSWORD})
    assert refused.status_code == 422
    assert Phone(world.bea.user).post("invitations/accept", {"code": code}).status_code == 201

    with as_clinic(world.clinic.pk):
        assert Caregiver.objects.get(pk=invited["id"]).user_id == world.bea.user_id


def test_without_an_address_no_letter_is_written(world):
    invite(Phone(world.ada.user), "pain", email=None)

    with as_clinic(world.clinic.pk):
        assert not Message.objects.filter(words=letters.WORDS).exists()
        assert not Letter.objects.exists()


def test_an_address_that_is_none_is_refused_by_name_and_nobody_is_invited(world):
    ada = Phone(world.ada.user)

    answer = ada.post("me/caregivers", {"name": "Carl", "categories": ["pain"], "email": "carl"})

    assert (answer.status_code, [each["pointer"] for each in answer.json()["errors"]]) == (400, ["/email"])
    assert ada.get("me/consents").json()["caregivers"] == []
