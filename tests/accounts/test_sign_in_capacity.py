"""Capacity of sign-in: a flood of tries keeps neither a known device out nor memory and processors busy."""

import json
import threading
import uuid

import pytest
from django.contrib.auth.hashers import Argon2PasswordHasher
from django.test import Client

from tests import authenticator, factories
from tests.dashboard.conftest import sign_in as browser_of
from tracker.access import checks
from tracker.accounts import hashers, routes, sign_in_capacity
from tracker.accounts.models import ThrottleCount, User

LOGIN = "/_allauth/app/v1/auth/login"


def sign_in(user: User, device: str = ""):
    headers = {"X-Device": device} if device else {}
    body = json.dumps({"email": user.email, "password": factories.PASSWORD})
    return Client().post(LOGIN, body, content_type="application/json", headers=headers)


@pytest.fixture
def full(monkeypatch):
    """A try of an unknown device that runs until the block ends."""
    monkeypatch.setattr(sign_in_capacity, "_WAIT_SECONDS", 0.01)
    return sign_in_capacity.of_unknown_device


def test_a_known_device_signs_in_while_the_capacity_for_unknown_ones_is_used_up(world, full):
    device = str(uuid.uuid4())
    assert sign_in(world.ada.user, device).status_code == 200

    with full():
        assert sign_in(world.ada.user, device).status_code == 200
        assert sign_in(world.ada.user, str(uuid.uuid4())).status_code == 503
        assert sign_in(world.bea.user, device).status_code == 503


def test_a_try_without_capacity_is_told_when_to_come_back_and_is_not_counted(world, full):
    with full():
        answer = sign_in(world.ada.user)
        page = Client().post("/accounts/login/", {"login": "x@example.org", "password": "x"})
    assert (answer.status_code, answer.json()["code"]) == (503, "service_unavailable")
    assert (page.status_code, page["Content-Type"]) == (503, "text/html; charset=utf-8")
    assert answer["Retry-After"] == page["Retry-After"] == "5"
    assert not ThrottleCount.objects.exists()

    assert sign_in(world.ada.user).status_code == 200


def test_a_second_factor_after_the_right_password_needs_no_capacity(world, full):
    authenticator.add_totp(world.ben.user)
    token = sign_in(world.ben.user).json()["meta"]["session_token"]

    with full():
        answer = Client().post(
            "/_allauth/app/v1/auth/2fa/authenticate", json.dumps({"code": authenticator.totp_code()}),
            content_type="application/json", headers={"X-Session-Token": token},
        )  # fmt: skip

    assert answer.status_code == 200


def test_break_glass_needs_no_capacity_of_sign_in(world, full):
    browser = browser_of(world.ben.user)

    with full():
        assert browser.post("/emergency/?alert=x", {"reason": "x"}).status_code != 503


def test_more_tries_than_may_wait_are_refused_without_waiting(monkeypatch):
    monkeypatch.setattr(sign_in_capacity, "_WAIT_SECONDS", 60)
    monkeypatch.setattr(sign_in_capacity, "_places", threading.BoundedSemaphore(1))

    with (
        sign_in_capacity.of_unknown_device(),
        pytest.raises(sign_in_capacity.NoCapacity),
        sign_in_capacity.of_unknown_device(),
    ):
        pass


def test_every_route_with_a_throttle_has_the_threads_of_sign_in():
    throttled = {
        "/" + route.lstrip("/").replace("^", "")
        for route, view in checks.routes()
        if (declared := getattr(getattr(view, "cls", view), "throttle", None))
        and declared.kind != "break-glass"
    }

    assert len(throttled) > 20
    assert {route for route in throttled if not routes.is_try("POST", route)} == set()


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/api/v1/sync/push"),
        ("PUT", "/api/v1/me/consents"),
        ("DELETE", "/_allauth/app/v1/auth/session"),
        ("POST", "/accounts/logout/"),
        ("GET", "/accounts/login/"),
        ("POST", "/emergency/"),
        ("POST", "/api/v1/break-glass"),
    ],
)
def test_what_tries_no_secret_waits_for_no_try(method, path):
    assert not routes.is_try(method, path)


def test_a_process_hashes_two_passwords_at_once_and_no_more(monkeypatch):
    entered, go_on = threading.Semaphore(0), threading.Event()

    def verify(*_: object) -> bool:
        entered.release()
        return go_on.wait(30)

    monkeypatch.setattr(Argon2PasswordHasher, "verify", verify)
    threads = [threading.Thread(target=hashers.Argon2Hasher().verify, args=("x", "y")) for _ in range(3)]
    for thread in threads:
        thread.start()
    assert [entered.acquire(timeout=30) for _ in range(hashers.AT_ONCE)] == [True, True]

    assert not hashers._free.acquire(blocking=False)
    go_on.set()
    for thread in threads:
        thread.join()
    assert entered.acquire(blocking=False)
