"""A session that began before its owner had a second factor changes nothing about sign-in."""

import pytest

from tests import authenticator
from tests.phone import Phone, token_of

ROUTES = [
    ("GET", "authenticators/recovery-codes"),
    ("POST", "authenticators/recovery-codes"),
    ("DELETE", "authenticators/totp"),
    ("GET", "authenticators/webauthn"),
    ("POST", "password/change"),
]


@pytest.mark.parametrize(("method", "route"), ROUTES)
def test_who_has_a_second_factor_and_has_not_shown_it_changes_no_sign_in(world, method, route):
    phone, token = Phone(world.ben.user), token_of(world.ben.user, second_factor=False)
    authenticator.add_totp(world.ben.user)

    answer = phone.client.generic(
        method, f"/_allauth/app/v1/account/{route}", b"{}", "application/json",
        headers={"X-Session-Token": token},
    )  # fmt: skip

    assert (answer.status_code, answer.json()["code"]) == (403, "second_factor_required")


def test_who_has_shown_it_and_who_has_none_go_on(world):
    authenticator.add_totp(world.ben.user)
    for phone in (Phone(world.ben.user), Phone(world.ada.user)):
        answer = phone.client.get("/_allauth/app/v1/account/authenticators/webauthn", headers=phone.headers)
        assert answer.status_code == 200, answer.content


def test_health_is_asked_and_nothing_else(client):
    assert client.post("/health/live").status_code == 405


def test_a_page_of_documentation_asked_for_its_options_breaks_nothing(db, client):
    assert client.options("/api/v1/docs").status_code == 405
