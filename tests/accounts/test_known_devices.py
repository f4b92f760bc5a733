"""A device that has signed in before is not locked out by who tries wrong passwords beside it."""

import json
import uuid

import pytest
from django.test import Client

from tests import authenticator, factories
from tests.phone import Phone
from tracker.accounts import throttle
from tracker.accounts.models import ThrottleCount, User

LOGIN = "/_allauth/app/v1/auth/login"
PAGE = "/accounts/login/"


def sign_in(
    user: User, password: str = factories.PASSWORD, device: str = "", address: str = "192.0.2.1"
) -> int:
    headers = {"X-Device": device} if device else {}
    body = json.dumps({"email": user.email, "password": password})
    answer = Client(REMOTE_ADDR=address).post(LOGIN, body, content_type="application/json", headers=headers)
    return int(answer.status_code)


def attack(user: User, address: str = "192.0.2.66", tries: int = 15) -> None:
    answers = [sign_in(user, "wrong, alas", address=address) for _ in range(tries)]
    assert answers[-1] == 429


@pytest.mark.parametrize("how", ["signed in", "paired"])
def test_ten_wrong_passwords_do_not_lock_out_a_known_device(world, how):
    ada, device = world.ada.user, str(uuid.uuid4())
    if how == "signed in":
        assert sign_in(ada, device=device) == 200
    else:
        assert Phone(ada, paired=False).post("devices", {"id": device}).status_code == 201

    attack(ada)

    assert sign_in(ada, device=device) == 200
    attack(ada)
    assert sign_in(ada) == 429, "a device that is not known waits"
    assert sign_in(ada, device=str(uuid.uuid4())) == 429


def test_a_shared_address_that_is_full_locks_out_no_known_device(world):
    ada, device = world.ada.user, str(uuid.uuid4())
    assert sign_in(ada, device=device) == 200
    most = throttle.RATES["sign-in"]["address"].limit
    for n in range(most + 1):
        last = sign_in(User(email=f"{n}@example.org"), "wrong, alas")
    assert last == 429
    assert sign_in(world.bea.user) == 429

    assert sign_in(ada, device=device) == 200


def test_a_browser_that_has_signed_in_is_known_by_a_cookie_and_not_locked_out(world):
    authenticator.add_totp(world.ben.user)
    browser = Client(REMOTE_ADDR="192.0.2.1")
    form = {"login": world.ben.user.email, "password": factories.PASSWORD}
    browser.post(PAGE, form)
    assert "known_device" not in browser.cookies, "a password alone makes no browser known"
    assert browser.post("/accounts/2fa/authenticate/", {"code": authenticator.totp_code()}).status_code == 302
    cookie = browser.cookies["known_device"]
    assert (cookie["httponly"], cookie["samesite"], cookie["path"]) == (True, "Lax", "/accounts/")
    browser.post("/accounts/logout/")

    attack(world.ben.user)

    assert browser.post(PAGE, form).status_code == 302
    assert Client(REMOTE_ADDR="192.0.2.1").post(PAGE, form).status_code == 429


def test_a_known_device_guesses_ten_passwords_and_no_more(world):
    ada, device = world.ada.user, str(uuid.uuid4())
    assert sign_in(ada, device=device) == 200

    answers = [sign_in(ada, "wrong, alas", device=device) for _ in range(11)]

    assert answers == [400] * 10 + [429]


def test_a_device_is_known_for_its_own_account_alone(world):
    device = str(uuid.uuid4())
    assert sign_in(world.bea.user, device=device) == 200

    attack(world.ada.user)

    assert sign_in(world.ada.user, device=device) == 429


def test_those_who_get_in_take_no_place_of_their_address(world, monkeypatch):
    rates = throttle.RATES["sign-in"] | {"address": throttle.Rate(3, 300)}
    monkeypatch.setitem(throttle.RATES, "sign-in", rates)

    assert [sign_in(who.user) for who in (world.ada, world.bea, world.gus) * 3] == [200] * 9


@pytest.mark.parametrize("device", ["", "a phone"])
def test_a_try_costs_as_many_statements_for_an_account_that_is_known_as_for_one_that_is_not(
    world, client, device, django_assert_num_queries
):
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    counts = []
    for email in (world.ada.user.email, "nobody@example.org"):
        ThrottleCount.objects.all().delete()
        with CaptureQueriesContext(connection) as queries:
            sign_in(User(email=email), "wrong, alas", device=device)
        counts.append(len([each for each in queries if "throttle" in each["sql"] or "known" in each["sql"]]))

    assert counts[0] == counts[1]


def test_invitations_that_are_accepted_take_no_place_of_their_address(world, monkeypatch):
    rates = throttle.RATES["invitation"] | {"address": throttle.Rate(1, 900)}
    monkeypatch.setitem(throttle.RATES, "invitation", rates)
    for n in range(3):
        given = Phone(world.ada.user).post("me/caregivers", {"name": "X", "categories": ["pain"]}).json()
        body = {"code": given["code"], "email": f"{n}@example.org", "password": "a long new passphrase"}
        answer = Client().post(
            "/api/v1/invitations/accept", json.dumps(body), content_type="application/json"
        )
        assert answer.status_code == 201
