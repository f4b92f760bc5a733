"""A second factor whose secret cannot be decrypted is refused in a clear sentence, and nobody else is touched."""

import json

import pytest
from allauth.mfa.models import Authenticator
from django.db import transaction
from django.test import Client

from tests import authenticator, factories
from tests.concurrency import run_during
from tests.phone import Phone
from tests.rls_context import as_clinic
from tracker.accounts import second_factor
from tracker.accounts.models import User
from tracker.audit.models import AuditEvent, Result

APP = "/_allauth/app/v1"


def damage(user: User) -> None:
    authenticator.add_totp(user)
    row = Authenticator.objects.get(user=user, type=Authenticator.Type.TOTP)
    row.data["secret"] = row.data["secret"][:-6] + "AAAA=="
    row.save(update_fields=["data"])


def sign_in(client: Client, user: User):
    body = json.dumps({"email": user.email, "password": factories.PASSWORD})
    token = client.post(f"{APP}/auth/login", body, "application/json").json()["meta"]["session_token"]
    return client.post(
        f"{APP}/auth/2fa/authenticate",
        json.dumps({"code": authenticator.totp_code()}),
        "application/json",
        headers={"X-Session-Token": token},
    )


@pytest.fixture
def browser() -> Client:
    return Client(raise_request_exception=False)


def test_a_damaged_second_factor_is_refused_over_the_api_logged_and_audited(world, browser, caplog):
    damage(world.ben.user)
    authenticator.add_totp(world.dan.user)

    refused = sign_in(browser, world.ben.user)

    assert (refused.status_code, refused.json()["code"]) == (403, "second_factor_unreadable")
    assert "encrypted text unreadable" in caplog.text
    with as_clinic(world.clinic.pk):
        event = AuditEvent.objects.filter(detail__status=403).latest("pk")
    assert (event.subject, event.result) == (f"user/{world.ben.user_id}", Result.REFUSED)
    assert sign_in(browser, world.dan.user).status_code == 200


def test_a_damaged_second_factor_is_refused_on_the_page_in_a_sentence(world, browser):
    damage(world.ben.user)
    browser.post("/accounts/login/", {"login": world.ben.user.email, "password": factories.PASSWORD})

    page = browser.post("/accounts/2fa/authenticate/", {"code": "123456"})

    assert page.status_code == 403
    assert b"second factor cannot be read" in page.content


def test_of_two_factors_that_are_removed_at_once_one_stays_with_staff(live):
    user = live.world.ben.user
    phones = []
    for _ in range(2):
        authenticator.add_passkey(user)
        phones.append(Phone(user))
    keys = list(Authenticator.objects.filter(user=user).order_by("pk").values_list("pk", flat=True))

    def remove(phone: Phone, key: int) -> int:
        body = json.dumps({"authenticators": [key]}).encode()
        path = f"{APP}/account/authenticators/webauthn"
        return int(
            phone.client.generic("DELETE", path, body, "application/json", headers=phone.headers).status_code
        )

    @transaction.atomic
    def first() -> None:
        assert remove(phones[0], keys[0]) == 200

    second = run_during(first, lambda: remove(phones[1], keys[1]))

    assert second in (400, 403, 409)
    assert second_factor.count(user) == 1


def test_staff_with_two_factors_remove_one_in_the_browser_and_not_the_other(world):
    user = world.ben.user
    keys = [authenticator.add_passkey(user).pk for _ in range(2)]
    browser = Client()
    browser.cookies["sessionid"] = Phone(user).token

    for key in keys:
        browser.post(f"/accounts/2fa/passkeys/{key}/remove/")

    assert second_factor.count(user) == 1
