"""RateLimit headers: what is left of a limit, as structured fields, on every answer of the API."""

import json
import re
from collections.abc import Iterator

import pytest
import yaml

from tests import factories
from tests.api.test_openapi import FILE
from tests.phone import Phone
from tracker.accounts import request_throttle

APP = "/_allauth/app/v1"
POLICY = re.compile(r'^"(\S+)";q=(\d+);w=(\d+)$')
LIMIT = re.compile(r'^"(\S+)";r=(\d+);t=(\d+)$')


@pytest.fixture(autouse=True)
def forget() -> Iterator[None]:
    request_throttle._counts.clear()
    yield
    request_throttle._counts.clear()


@pytest.fixture
def limits(settings):
    settings.READS_PER_MINUTE = settings.WRITES_PER_MINUTE = 60


def told(answer) -> tuple[str, int, int]:
    """The name of the limit, what is left and in how many seconds; policy and limit name the same one."""
    policy, limit = POLICY.match(answer["RateLimit-Policy"]), LIMIT.match(answer["RateLimit"])
    assert policy
    assert limit
    assert policy[1] == limit[1]
    assert 1 <= int(limit[3]) <= int(policy[3])
    return limit[1], int(limit[2]), int(policy[2])


def test_each_answer_says_how_many_requests_are_left_of_reads_and_of_writes(world, limits):
    phone = Phone(world.ada.user)

    assert [told(phone.get("me")) for _ in range(5)] == [("read", left, 60) for left in (59, 58, 57, 56, 55)]
    assert told(phone.push(factories.pain(3))) == ("write", 59, 60)


def test_a_refusal_of_a_view_says_what_is_left_too(world, limits):
    phone = Phone(world.ada.user)

    assert told(phone.post("records", {"kind": "pain"})) == ("write", 59, 60)
    assert told(phone.get("summaries?unknown=1")) == ("read", 59, 60)
    assert told(phone.get("alerts")) == ("read", 58, 60)


def test_who_is_over_the_limit_has_nothing_left_until_retry_after(world, limits):
    phone = Phone(world.ada.user)
    answers = [phone.get("me") for _ in range(61)]

    assert [told(answer)[1] for answer in answers] == [*range(59, -1, -1), 0]
    assert (answers[-1].status_code, told(answers[-1])[1]) == (429, 0)
    assert answers[-1]["RateLimit"].endswith(f";t={answers[-1]['Retry-After']}")


def test_the_account_routes_say_what_is_left_to_the_session(world, limits):
    phone = Phone(world.ada.user)

    answers = [phone.client.get(f"{APP}/auth/session", headers=phone.headers) for _ in range(2)]

    assert [told(answer) for answer in answers] == [("read", 59, 60), ("read", 58, 60)]


def test_tries_of_a_password_say_nothing_of_what_is_left_before_there_were_too_many(world, client):
    body = json.dumps({"email": world.ada.user.email, "password": "wrong password"})

    answers = [client.post(f"{APP}/auth/login", body, "application/json") for _ in range(11)]

    assert not any("RateLimit" in answer for answer in answers[:-1])
    assert (answers[-1].status_code, told(answers[-1])) == (429, ("sign-in", 0, 10))


def test_the_openapi_document_has_429_with_retry_after_on_every_route_and_rate_limits_on_those_of_signed_in_callers():
    document = yaml.safe_load(FILE.read_text())

    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            headers = operation["responses"]["429"]["headers"]
            assert "Retry-After" in headers, (method, path)
            assert ("RateLimit" in headers) == any(operation["security"]), (method, path)
