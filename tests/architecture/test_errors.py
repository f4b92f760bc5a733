"""What people and programs are told when something is not there, or not well."""

import re
from typing import Any

import pytest
from django.db import connections
from django.http import HttpRequest
from django.test import Client


@pytest.fixture
def database_away(live):
    """PostgreSQL does not answer: its port is another's."""
    connection = connections["default"]
    connection.close()
    port = connection.settings_dict["PORT"]
    connection.settings_dict["PORT"] = "1"
    yield
    connection.close()
    connection.settings_dict["PORT"] = port


@pytest.mark.parametrize("path", ["/accounts/login/", "/_allauth/app/v1/auth/login", "/api/v1/me", "/"])
def test_a_database_that_is_unavailable_is_503_with_retry_after(database_away, client, path):
    client.raise_request_exception = False
    client.cookies["sessionid"] = "a" * 32
    body = {"email": "ada@example.org", "password": "x", "login": "ada@example.org"}
    headers = {"X-Session-Token": "a" * 32}
    answer = (
        client.get(path, headers=headers)
        if path in {"/", "/api/v1/me"}
        else client.post(path, body, content_type="application/json", headers={})
        if "_allauth" in path
        else client.post(path, body)
    )

    assert answer.status_code == 503
    assert answer["Retry-After"]


def test_the_readiness_route_says_that_the_database_is_unavailable(database_away, client):
    answer = client.get("/health/ready")

    assert (answer.status_code, answer.json()["database"]) == (503, "unavailable")
    assert client.get("/health/live").status_code == 200


def test_a_lost_page_is_a_page_and_a_lost_route_a_problem(client, db):
    page, route = client.get("/nowhere/"), client.get("/api/v1/nowhere")

    assert (page.status_code, page["Content-Type"]) == (404, "text/html; charset=utf-8")
    assert (route.status_code, route["Content-Type"]) == (404, "application/problem+json")
    assert route.json()["code"] == "not_found"


def test_every_answer_carries_a_request_id_and_keeps_out_of_frames(client, db):
    answer = client.get("/health/live", headers={"X-Request-ID": "0192f3a4-7b1c-7000-8000-00c0ffee0001"})

    assert answer["X-Request-ID"] == "0192f3a4-7b1c-7000-8000-00c0ffee0001"
    assert "frame-ancestors 'none'" in answer["Content-Security-Policy"]
    assert "script-src 'self';" in answer["Content-Security-Policy"]
    for given in ("bad id\u2028", "a-word-of-the-senders", "abc"):
        assert client.get("/health/live", headers={"X-Request-ID": given})["X-Request-ID"] != given


@pytest.mark.parametrize(
    "path",
    [
        "/", "/nowhere/", "/accounts/login/", "/accounts/logout/", "/accounts/signup/", "/accounts/inactive/",
        "/accounts/password/reset/", "/accounts/password/reset/done/", "/accounts/password/reset/key/done/",
        "/accounts/invitation/", "/_allauth/app/v1/auth/session", "/api/v1/schema", "/api/v1/docs",
    ],
)  # fmt: skip
def test_a_page_that_says_nothing_of_caches_is_kept_in_none(client, db, path):
    assert re.search("no-store|no-cache", client.get(path)["Cache-Control"])


def test_inline_scripts_are_allowed_on_the_documentation_page_alone(client, db):
    policies = {
        path: client.get(path)["Content-Security-Policy"] for path in ("/api/v1/docs", "/accounts/login/")
    }

    assert "script-src 'self' 'unsafe-inline'" in policies["/api/v1/docs"]
    assert "script-src 'self';" in policies["/accounts/login/"]


_PART = b'--x\r\nContent-Disposition: form-data; name="f"; filename="a"\r\n\r\nz\r\n'
_FORM, _MULTIPART = "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"
UNPARSABLE = {
    "101 files": (_MULTIPART, _PART * 101 + b"--x--\r\n"),
    "a long part header": (_MULTIPART, b"--x\r\nX: " + b"a" * 5000 + b"\r\n\r\nz\r\n--x--\r\n"),
    "2000 fields": (_FORM, b"a=1&" * 2000),
    "no boundary": ("multipart/form-data", _PART),
    "an odd boundary": ("multipart/form-data; boundary=\xe9", _PART),
    "broken base64": (
        _MULTIPART,
        _PART.replace(b"\r\n\r\n", b"\r\nContent-Transfer-Encoding: base64\r\n\r\n!!!") + b"--x--\r\n",
    ),
    "an unknown charset": (_FORM + "; charset=nope", b"a=1"),
    "too large": (_FORM, b"a" * (5 * 1024 * 1024 + 1)),
}


@pytest.mark.parametrize("path", ["/nope/", "/static/nope.css", "/accounts/login/", "/", "/api/v1/nope"])
def test_a_body_that_cannot_be_parsed_is_the_senders_error_on_every_page(db, path):
    client = Client(raise_request_exception=False, enforce_csrf_checks=True)
    # Made up: with it the token in the body is looked for.
    client.cookies["csrftoken"] = "a" * 32

    answers = {
        name: client.generic("POST", path, body, media_type).status_code
        for name, (media_type, body) in UNPARSABLE.items()
    }

    assert {name: status for name, status in answers.items() if status >= 500} == {}


class CutBody:
    """A body of which a part did not come, as the web server hands it on."""

    def read(self, *_: object) -> bytes:
        raise OSError

    readline = read


@pytest.mark.parametrize(
    "path", ["/nope/", "/accounts/login/", "/accounts/invitation/", "/", "/api/v1/sync/push"]
)
def test_a_body_that_did_not_come_whole_is_no_error_of_ours_on_any_page(db, path):
    client = Client(raise_request_exception=False, enforce_csrf_checks=True)
    client.cookies["csrftoken"] = "a" * 32
    cut: Any = {"wsgi.input": CutBody(), "CONTENT_LENGTH": "10", "CONTENT_TYPE": _FORM}

    answer = client.generic("POST", path, b"", _FORM, **cut)

    assert 400 <= answer.status_code < 500, answer.content


@pytest.mark.parametrize("path", ["/", "/accounts/login/", "/accounts/logout/", "/sessions/", "/nope/"])
def test_a_form_of_a_page_of_more_than_64_kb_is_refused_before_it_is_parsed(db, path, monkeypatch):
    client = Client(raise_request_exception=False, enforce_csrf_checks=True)
    client.cookies["csrftoken"] = "a" * 32
    monkeypatch.setattr(HttpRequest, "_load_post_and_files", lambda *_: pytest.fail("it was parsed"))

    answer = client.generic("POST", path, b"a=" + b"1" * 65 * 1024, _FORM)

    assert answer.status_code == 400
    assert "Not understood" in answer.content.decode()
