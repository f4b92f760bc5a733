"""Tries are counted for whoever is really tried, however a request is dressed up."""

import json

import pytest
from django.test import Client

from tests import authenticator, factories
from tests.phone import Phone, token_of
from tracker.accounts import throttle

APP = "/_allauth/app/v1"
LOGIN = f"{APP}/auth/login"
MOST = throttle.RATES["sign-in"]["account"].limit


def send(client, path: str, body, *, method: str = "POST", kind: str = "application/json", **headers: str):
    sent = body if isinstance(body, bytes) else json.dumps(body).encode()
    return client.generic(method, path, sent, kind, headers=headers)


@pytest.mark.parametrize(
    "kind", ["text/plain", "multipart/form-data; boundary=x", "application/x-www-form-urlencoded"]
)
def test_the_throttle_counts_a_json_body_whatever_its_content_type(world, client, kind):
    wrong = {"email": world.ada.user.email, "password": "wrong"}

    answers = [send(client, LOGIN, wrong, kind=kind).status_code for _ in range(MOST + 1)]

    assert answers == [415] * MOST + [429]
    right = send(client, LOGIN, {"email": world.ada.user.email, "password": factories.PASSWORD}, kind=kind)
    assert right.status_code == 429


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"])
def test_a_password_is_not_tried_by_another_method(world, client, method):
    wrong = {"email": world.ada.user.email, "password": "wrong"}

    answers = [send(client, LOGIN, wrong, method=method).status_code for _ in range(MOST + 1)]

    assert answers[-1] == 429, answers


def test_a_key_that_stands_twice_is_refused_before_anything_is_tried(world, client):
    body = '{"email": "a%d@example.org", "email": "%s", "password": "%s"}'

    answers = [
        send(client, LOGIN, (body % (n, world.ada.user.email, factories.PASSWORD)).encode()) for n in range(3)
    ]

    assert {(answer.status_code, answer.json()["code"]) for answer in answers} == {(400, "duplicate_key")}


def test_a_try_of_many_kilobytes_is_refused_before_it_is_decoded_or_counted(world, client):
    right = {"email": world.ada.user.email, "password": factories.PASSWORD}

    answers = [send(client, LOGIN, right | {"more": "x" * 70_000}) for _ in range(12)]

    assert {(answer.status_code, answer.json()["code"]) for answer in answers} == {(400, "bad_request")}
    assert send(client, LOGIN, right).status_code == 200


def pending(client, user) -> str:
    answer = send(client, LOGIN, {"email": user.email, "password": factories.PASSWORD})
    assert answer.status_code == 401
    return str(answer.json()["meta"]["session_token"])


def test_the_throttle_counts_a_second_factor_for_the_user_who_shows_it(world, client):
    authenticator.add_totp(world.ben.user)
    token, most = pending(client, world.ben.user), throttle.RATES["second-factor"]["account"].limit

    answers = [
        send(
            client, f"{APP}/auth/2fa/authenticate", {"code": "0", "email": f"{n}@example.org", "login": str(n)},
            **{"X-Session-Token": token},
        ).status_code
        for n in range(most + 1)
    ]  # fmt: skip

    assert answers == [400] * most + [429]


def test_a_token_beside_the_cookie_lends_no_other_name_to_a_second_factor(world):
    authenticator.add_totp(world.ben.user)
    browser, most = Client(), throttle.RATES["second-factor"]["account"].limit
    browser.post("/accounts/login/", {"login": world.ben.user.email, "password": factories.PASSWORD})
    others = [token_of(user) for user in (world.ada.user, world.bea.user)]

    answers = [
        browser.post(
            "/accounts/2fa/authenticate/",
            {"code": "000000", "email": f"{n}@example.org"},
            headers={"X-Session-Token": others[n % 2]},
        ).status_code
        for n in range(most + 1)
    ]

    assert answers == [200] * most + [429]


def test_the_throttle_counts_a_form_by_the_field_that_the_view_reads(world, client):
    answers = [
        client.post(
            "/accounts/login/",
            {"login": world.ben.user.email, "password": "wrong", "email": f"{n}@example.org"},
        ).status_code
        for n in range(MOST + 1)
    ]

    assert answers == [200] * MOST + [429]


def test_the_throttle_counts_an_invitation_by_its_code_however_it_is_typed(db, client):
    most = throttle.RATES["invitation"]["account"].limit
    given = {"birth_date": "1980-01-01", "email": "x@example.org", "password": "x" * 14}

    answers = [
        send(client, "/api/v1/invitations/accept", given | {"code": f"2222{'-' * n}2222"}).status_code
        for n in range(most + 1)
    ]

    assert answers == [403] * most + [429]


ROUTES = ("auth/login", "auth/reauthenticate", "auth/password/request", "auth/password/reset",
          "account/password/change", "auth/2fa/authenticate", "account/authenticators/webauthn",
          "auth/webauthn/login")  # fmt: skip
BODIES = {
    "number_too_long": b'{"code": ' + b"9" * 5000 + b"}",
    "bad_text": rb'{"email": "\ud800@example.org", "password": "\ud800", "current_password": "\ud800"}',
    "bad_utf8": b'{"email": "\xff"}',
    "bad_json": b"{",
    "not_an_object": b"[]",
    "number_not_finite": b'{"email": 1e400}',
    "too_deep": b'{"a":' * 5000,
}


@pytest.mark.parametrize("refused", sorted(BODIES))
@pytest.mark.parametrize("route", ROUTES)
def test_a_body_that_is_no_strict_json_is_refused_with_a_reason(world, client, route, refused):
    client.raise_request_exception = False

    answer = send(client, f"{APP}/{route}", BODIES[refused], **{"X-Session-Token": token_of(world.ada.user)})

    assert (answer.status_code, answer.json()["code"]) == (400, refused)
    assert answer["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize("credential", [{"id": 1}, {}, "x", None, [], {"id": "AA", "rawId": 1, "response": {}},
                                        {"id": "\u00e9", "response": {"userHandle": "\u00e9"}}])  # fmt: skip
@pytest.mark.parametrize(
    ("method", "route"),
    [
        ("POST", "account/authenticators/webauthn"),
        ("POST", "auth/webauthn/reauthenticate"),
        ("POST", "auth/webauthn/login"),
    ],
)
def test_a_passkeys_answer_that_was_made_up_is_refused(world, client, method, route, credential):
    client.raise_request_exception = False
    headers = {} if route.endswith("login") else Phone(world.ada.user).headers

    answer = send(client, f"{APP}/{route}", {"name": "x", "credential": credential}, method=method, **headers)

    assert answer.status_code == 400
