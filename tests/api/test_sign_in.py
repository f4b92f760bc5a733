"""Signing in, coming in and getting a new password, as a phone does."""

import json
import re
import time
from pathlib import Path

import pytest
from django.conf import settings
from django.core.cache import cache
from django.test import Client
from django.utils import timezone

from tests import authenticator, factories
from tests.hashers import count_hashes
from tests.phone import Phone
from tests.rls_context import as_clinic, as_user
from tests.servers import wait_until
from tracker.accounts import adapter
from tracker.accounts.models import Session
from tracker.accounts.sessions import SessionStore
from tracker.audit.models import AuditEvent
from tracker.clinics import invitations

NEW = "a long new passphrase"


def post(client, path: str, body, **headers: str):
    return client.post(path, json.dumps(body), content_type="application/json", headers=headers)


def sign_in(client, email: str, password: str = factories.PASSWORD):
    return post(client, "/_allauth/app/v1/auth/login", {"email": email, "password": password})


@pytest.fixture
def hashes(monkeypatch) -> list[str]:
    """Each time that Argon2 is asked; it is nearly all that an answer costs."""
    return count_hashes(monkeypatch)


def test_a_phone_signs_in_and_gets_a_token_that_the_database_does_not_hold(world, client):
    answer = sign_in(client, world.ada.user.email)
    token = answer.json()["meta"]["session_token"]

    assert (
        client.get("/api/v1/me/roles", headers={"X-Session-Token": token}).json()["roles"][0]["role"]
        == "patient"
    )
    assert token not in set(Session.objects.values_list("session_key", flat=True))
    assert len(token) >= 26, "at least 128 bits of base 36"


def test_a_patients_phone_stays_signed_in_longer_than_staff(world, client):
    ages = {}
    for person in (world.ada.user, world.ben.user):
        Session.objects.all().delete()
        sign_in(client, person.email)
        ages[person] = Session.objects.get().expire_date
    assert (ages[world.ada.user] - ages[world.ben.user]).days >= 88


def test_a_sign_in_records_an_audit_event(world, client):
    sign_in(client, world.ada.user.email)

    with as_clinic(world.clinic.pk):
        assert AuditEvent.objects.get(action="sign_in").actor == f"user/{world.ada.user_id}"


@pytest.mark.parametrize("known", [True, False])
def test_a_wrong_password_and_an_unknown_address_get_the_same_answer(world, client, known):
    email = world.ada.user.email if known else "nobody@example.org"

    answer = sign_in(client, email, "wrong password")

    assert answer.status_code == 400
    assert [error["code"] for error in answer.json()["errors"]] == ["email_password_mismatch"]


def test_known_unknown_and_switched_off_accounts_cost_one_hash_each(world, client, hashes):
    world.bea.user.is_active = False
    world.bea.user.save()
    costs = []
    for email in (world.ada.user.email, "nobody@example.org", world.bea.user.email):
        hashes.clear()
        sign_in(client, email, "wrong password")
        costs.append(len(hashes))

    assert costs == [1, 1, 1]


def test_staff_on_a_phone_show_their_second_factor_too(world, client):
    authenticator.add_totp(world.ben.user)
    answer = sign_in(client, world.ben.user.email)
    token = answer.json()["meta"]["session_token"]
    assert answer.status_code == 401
    assert client.get("/api/v1/me", headers={"X-Session-Token": token}).status_code == 401

    answer = post(
        client,
        "/_allauth/app/v1/auth/2fa/authenticate",
        {"code": authenticator.totp_code()},
        **{"X-Session-Token": token},
    )

    assert answer.status_code == 200
    token = answer.json()["meta"].get("session_token", token)
    assert client.get("/api/v1/me", headers={"X-Session-Token": token}).json()["name"] == "Ben"


def test_nobody_signs_up(client, db):
    answer = post(
        client, "/_allauth/app/v1/auth/signup", {"email": "new@example.org", "password": factories.PASSWORD}
    )

    assert answer.status_code == 404


def enrolled(world: factories.World) -> str:
    with as_user(world.ben, timezone.now()) as principal:
        _, code = invitations.enrol(
            principal=principal,
            name="Fay",
            birth_date=factories.MONDAY.date(),
            time_zone=factories.ZONE,
            team_id=world.team.pk,
            at=timezone.now(),
        )
    return code


def accept(client, **more):
    given = {
        "code": "2222-2222",
        "birth_date": "2026-03-02",
        "email": "fay@example.org",
        "password": NEW,
    } | more
    return post(client, "/api/v1/invitations/accept", given)


def test_a_patient_comes_in_with_her_phone_from_the_code_to_the_first_entry(world, client):
    assert accept(client, code=enrolled(world)).status_code == 201

    token = sign_in(client, "fay@example.org", NEW).json()["meta"]["session_token"]
    phone = Phone(world.ada.user)
    phone.headers = {"X-Session-Token": token}
    assert phone.post("devices", {"id": str(phone.device)}).status_code == 201
    phone.headers["X-Device"] = str(phone.device)
    assert phone.push(factories.pain(4)).json()["results"][0]["status"] == "stored"


def test_every_invitation_that_does_not_fit_gets_one_answer(world, client):
    code = enrolled(world)
    answers = [
        accept(client),
        accept(client, code=code, birth_date="1999-01-01"),
        accept(client, code=code, email=world.bea.user.email),
    ]

    told = [(answer.status_code, answer.json() | {"request_id": ""}) for answer in answers]
    assert told[0] == told[1] == told[2]
    assert told[0][1]["code"] == "invitation_refused"


@pytest.mark.parametrize(
    "wrong", [{"code": 5}, {"code": "x"}, {"code": "\x00" * 8}, {"birth_date": "29-02-1980"},
              {"birth_date": "1980-02-30"},
              {"email": "x"}, {"email": "a\x00@b.org"}, {"password": "short"}, {"password": ""}, {"role": "CLINICIAN"},
              {"clinic": "x"}, {"birth_date": None}],
)  # fmt: skip
def test_a_body_that_is_none_is_refused_by_field(db, client, wrong):
    answer = accept(client, **wrong)

    assert answer.status_code in {400, 403}
    if answer.status_code == 400 and "\\x00" not in repr(wrong):  # refused before it has fields
        assert [error["pointer"] for error in answer.json()["errors"]] == [f"/{next(iter(wrong))}"]


@pytest.fixture
def letters(settings, tmp_path: Path) -> Path:
    settings.EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
    settings.EMAIL_FILE_PATH = str(tmp_path)
    return tmp_path


def test_a_reset_says_the_same_and_hashes_nothing_for_known_and_unknown(world, client, letters, hashes):
    answers = []
    for email in (world.ada.user.email, "nobody@example.org"):
        hashes.clear()
        answer = post(client, "/_allauth/app/v1/auth/password/request", {"email": email})
        page = Client().post("/accounts/password/reset/", {"email": email}, follow=True)
        answers.append(
            (answer.status_code, answer.content, page.status_code, page.redirect_chain, len(hashes))
        )
        cache.clear()

    assert answers[0] == answers[1]
    assert answers[0][-1] == 0
    adapter._MAIL.submit(lambda: None).result(10)
    wait_until(lambda: len(list(letters.iterdir())) == 2, what="the letters")
    assert all(world.ada.user.email in letter.read_text() for letter in letters.iterdir())


def test_a_new_password_by_letter_ends_every_sign_in_and_the_link_works_once(world, client, letters):
    phone = Phone(world.ada.user)
    client.post("/accounts/password/reset/", {"email": world.ada.user.email})
    letter = wait_until(lambda: next(iter(letters.iterdir()), None), what="the letter")
    wait_until(lambda: "/key/" in letter.read_text(), what="the link")
    said = letter.read_text()
    link = re.search(rf"{settings.PUBLIC_URL}(/accounts/password/reset/key/\S+)", said)
    assert link
    assert "Interlude" not in said.split("\n\n", 1)[1]

    browser = Client()
    form = browser.get(link.group(1), follow=True).redirect_chain[-1][0]
    browser.post(form, {"password1": NEW, "password2": NEW})

    assert phone.get("me").status_code == 401
    assert not Session.objects.filter(user=world.ada.user).exists()
    assert sign_in(client, world.ada.user.email, NEW).status_code == 200
    assert b"This link no longer works" in Client().get(link.group(1), follow=True).content


def test_somebody_who_proves_it_again_may_pair_a_further_phone(world, client):
    Phone(world.ada.user)
    token = sign_in(client, world.ada.user.email).json()["meta"]["session_token"]
    make_older(token)
    second = Phone(world.ada.user, paired=False)
    second.headers = {"X-Session-Token": token}
    assert second.post("devices", {"id": str(second.device)}).json()["code"] == "reauthentication_required"

    answer = post(
        client,
        "/_allauth/app/v1/auth/reauthenticate",
        {"password": factories.PASSWORD},
        **{"X-Session-Token": token},
    )

    assert answer.status_code == 200
    second.headers = {"X-Session-Token": answer.json()["meta"].get("session_token", token)}
    assert second.post("devices", {"id": str(second.device)}).status_code == 201


def make_older(token: str) -> None:
    """Let the sign-in be an hour old."""

    session = SessionStore(token)
    session["account_authentication_methods"] = [{"method": "password", "at": time.time() - 3600}]
    session.save()
