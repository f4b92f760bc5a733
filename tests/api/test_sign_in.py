"""Signing in as a phone does."""

import json

import pytest

from tests import make
from tracker.people.models import Session


def sign_in(client, email: str, password: str = make.PASSWORD):
    body = json.dumps({"email": email, "password": password})
    return client.post("/_allauth/app/v1/auth/login", body, content_type="application/json")


def test_a_phone_signs_in_and_gets_a_token_that_the_database_does_not_hold(world, client):
    answer = sign_in(client, world.ada.user.email)
    token = answer.json()["meta"]["session_token"]

    assert client.get("/api/v1/me", headers={"X-Session-Token": token}).json()["name"] == "Ada"
    assert token not in set(Session.objects.values_list("session_key", flat=True))


def test_a_patients_phone_stays_signed_in_longer_than_staff(world, client):
    ages = {}
    for person in (world.ada.user, world.ben.user):
        Session.objects.all().delete()
        sign_in(client, person.email)
        row = Session.objects.get()
        ages[person] = row.expire_date
    assert (ages[world.ada.user] - ages[world.ben.user]).days >= 88


@pytest.mark.parametrize("known", [True, False])
def test_a_wrong_password_and_an_unknown_address_get_the_same_answer(world, client, known):
    email = world.ada.user.email if known else "nobody@example.org"

    answer = sign_in(client, email, "wrong password")

    assert answer.status_code == 400
    assert [error["code"] for error in answer.json()["errors"]] == ["email_password_mismatch"]


def test_nobody_signs_up(client, db):
    body = json.dumps({"email": "new@example.org", "password": make.PASSWORD})
    answer = client.post("/_allauth/app/v1/auth/signup", body, content_type="application/json")

    assert answer.status_code == 404
