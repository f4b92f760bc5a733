"""The line that each request leaves in the log: what an operator counts pushes by."""

import pytest
from django.test import Client, RequestFactory

from backend import errors
from tests import factories
from tests.phone import Phone

LOGGER = "tracker.lib.middleware"


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture):
    """The route, method and status of each line, after what was logged before."""
    return lambda: [
        (record.msg["route"], record.msg["method"], record.msg["status"])  # type: ignore[index]
        for record in caplog.records
        if record.name == LOGGER
    ]


def test_a_push_leaves_a_log_line_with_its_route_and_status_stored_refused_or_unavailable(world, lines):
    phone, client = Phone(world.ada.user), Client(raise_request_exception=False)
    phone.push(factories.pain(3))
    client.post("/api/v1/sync/push", b"[", content_type="application/json", headers=phone.headers)
    # As the web server does where it is full.
    environ = RequestFactory().post("/api/v1/sync/push", b"[", content_type="application/json").environ
    list(errors.refuse(environ, lambda status, headers: None))
    client.post(
        "/api/v1/sync/push",
        b"[",
        content_type="application/json",
        headers=phone.headers,
        HTTP_HOST="a.example",
    )
    client.post("/api/v1/sync/push/ada", b"[", content_type="application/json")

    assert lines() == [
        ("api/v1/sync/push", "POST", 200),
        ("api/v1/sync/push", "POST", 400),
        ("api/v1/sync/push", "POST", 503),
        ("api/v1/sync/push", "POST", 400),
        ("(none)", "POST", 404),
    ]
