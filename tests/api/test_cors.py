"""Apps in a browser: the API answers the origins that are named, and no other, and never with a cookie's right."""

import re

import pytest
from django.conf import settings

from tests.dashboard.conftest import sign_in
from tests.phone import Phone

APP, OTHER = "https://app.example.org", "https://evil.example.org"
ALLOWED = "Access-Control-Allow-Origin"
ROUTES = ["/api/v1/me", "/api/v1/sync/push", "/_allauth/app/v1/auth/login"]


@pytest.fixture(autouse=True)
def origins(settings):
    settings.CORS_ALLOWED_ORIGINS = [APP]


def preflight(
    client, path: str, origin: str, method: str = "POST", headers: str = "x-session-token,x-device"
):
    return client.options(
        path,
        headers={
            "Origin": origin,
            "Access-Control-Request-Method": method,
            "Access-Control-Request-Headers": headers,
        },
    )


@pytest.mark.parametrize("path", ROUTES)
def test_a_preflight_of_a_named_origin_is_allowed_with_the_headers_that_an_app_sends(db, client, path):
    answer = preflight(client, path, APP)

    assert (answer.status_code, answer[ALLOWED]) == (200, APP)
    sent = {"x-session-token", "x-device", "content-type", "content-encoding", "idempotency-key", "if-match"}
    assert sent <= set(answer["Access-Control-Allow-Headers"].split(", "))
    assert {"PUT", "PATCH", "DELETE"} <= set(answer["Access-Control-Allow-Methods"].split(", "))
    assert "Access-Control-Allow-Credentials" not in answer


@pytest.mark.parametrize("path", ROUTES)
@pytest.mark.parametrize(
    "origin", [OTHER, "null", f"{APP}.evil.org", APP.replace("https", "http"), f"{APP}:444"]
)
def test_a_preflight_of_another_origin_is_not_allowed(db, client, path, origin):
    assert ALLOWED not in preflight(client, path, origin)


def test_an_answer_and_a_refusal_are_shown_to_a_named_origin_with_the_headers_of_the_api(world):
    phone = Phone(world.ada.user)

    for path, status in (("me", 200), ("records/x", 404), ("me?more=1", 400)):
        answer = phone.get(path, Origin=APP)
        assert (answer.status_code, answer[ALLOWED]) == (status, APP)
        exposed = set(re.split(", ?", answer["Access-Control-Expose-Headers"]))
        assert {"ETag", "Location", "Retry-After", "RateLimit", "X-Request-ID"} <= exposed
        assert "origin" in answer["Vary"].lower()
        assert ALLOWED not in phone.get(path, Origin=OTHER)


def test_pages_and_health_are_shown_to_no_other_origin(world, client):
    browser = sign_in(world.ben.user)

    for path in ("/", "/accounts/login/", "/health/ready"):
        assert ALLOWED not in browser.get(path, headers={"Origin": APP}), path
    assert not settings.WHITENOISE_ALLOW_ALL_ORIGINS


def test_without_the_setting_no_origin_is_allowed(db, client, settings):
    settings.CORS_ALLOWED_ORIGINS = []

    assert ALLOWED not in preflight(client, "/api/v1/me", APP)


def test_a_cookie_opens_nothing_below_the_paths_that_other_origins_may_call(world):
    browser = sign_in(world.ben.user)

    assert browser.get("/api/v1/me", headers={"Origin": APP}).status_code == 401
    assert not settings.CORS_ALLOW_CREDENTIALS
