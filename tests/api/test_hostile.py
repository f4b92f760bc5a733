"""Nothing that a client sends is answered with a 500, and no value is echoed."""

import json
from typing import Any

import pytest

from tests import factories
from tests.phone import Phone


@pytest.fixture
def phone(world) -> Phone:
    return Phone(world.ada.user)


DEVICE = "0191d6a0-0000-7000-8000-000000000001"
BODIES = [
    b"",
    b"null",
    b"[]",
    b"{",
    b"\xff",
    b'{"key": 1e400}',
    b'{"a":1,"a":2}',
    b'"\\u0000"',
    b"[" * 5000,
    b'{"key": "k"}',
    json.dumps({"key": "k" * 100, "device": "x", "records": []}).encode(),
    json.dumps({"key": "longenough", "device": DEVICE, "records": 5}).encode(),
    json.dumps({"key": "longenough", "device": DEVICE, "records": [], "role": "x"}).encode(),
]


@pytest.mark.parametrize("body", BODIES)
@pytest.mark.parametrize("route", ["sync/push", "records", "devices"])
def test_a_body_that_cannot_be_taken_is_refused_as_a_problem(phone, route, body):
    answer = phone.call("POST", route, body)

    assert answer.status_code == 400
    assert answer["Content-Type"] == "application/problem+json"
    assert {"type", "title", "status", "code", "detail", "request_id"} <= set(answer.json())


PHQ9 = {"instrument": "phq-9", "version": "1999"}
ITEMS: list[Any] = [
    None,
    5,
    "x",
    [],
    {},
    {"kind": None},
    {"kind": "pain", "id": 5},
    {"kind": ["pain"]},
    factories.pain(True),
    factories.pain("3"),
    factories.pain(3.5),
    factories.pain(2**70),
    factories.pain(-1),
    factories.pain(None),
    factories.pain(6, time_zone="localtime"),
    factories.pain(6, time_zone="../etc/passwd"),
    factories.pain(6, time_zone=5),
    factories.pain(6, recorded_at="yesterday"),
    factories.pain(6, recorded_at="2026-03-02T10:00:00"),
    factories.pain(6, recorded_at="0001-01-01T00:00:00+23:59"),
    factories.pain(6, recorded_at="9999-12-31T23:59:59-23:59"),
    factories.pain(6, recorded_at=1772442000),
    factories.pain(6, revision=0),
    factories.pain(6, revision=2**40),
    factories.pain(6, revision=True),
    factories.pain(6, id="not-a-uuid"),
    factories.pain(6, id="g" * 36),
    factories.pain(6, score=9),
    factories.pain(6, removed=True),
    factories.record("pain", None),
    factories.record("pain", {"intensity": 3, "who": "me"}),
    factories.record("pain", {"intensity": 3, "least": 5, "worst": 4}),
    factories.record("daily", {}),
    factories.record("daily", {"sleep_hours": float(25)}),
    factories.record("journal", {"text": ""}),
    factories.record("journal", {"text": "é" * 33_000}),
    factories.record("journal", {"text": "x", "share": "everybody"}),
    factories.record("medication_use", {"medication": "Venlafaxine!", "outcome": "taken"}),
    factories.record("medication_use", {"medication": "x", "outcome": "taken", "dose_value": 5}),
    factories.record(
        "medication_use", {"medication": "x", "outcome": "skipped", "dose_value": 5, "dose_unit": "mg"}
    ),
    factories.record("response", PHQ9 | {"answers": {"/1": {}}, "status": "complete"}),
    factories.record("response", PHQ9 | {"answers": [], "status": "complete"}),
    factories.record("response", PHQ9 | {"answers": {"/44250-9": "3"}, "status": "draft"}),
    factories.record("response", PHQ9 | {"answers": {"/44250-9": True}, "status": "draft"}),
    factories.record("response", PHQ9 | {"answers": {"nobody": 1}, "status": "draft"}),
]


@pytest.mark.parametrize("item", ITEMS)
def test_an_item_that_cannot_be_taken_is_rejected_alone_and_never_blocks_the_next(phone, item):
    answer = phone.push(item, factories.pain(4))

    assert answer.status_code == 200
    rejected, stored = answer.json()["results"]
    assert (rejected["status"], stored["status"]) == ("rejected", "stored")
    assert rejected["code"]


@pytest.mark.parametrize("item", [item for item in ITEMS if item is not None])
def test_the_single_record_route_refuses_the_same(phone, item):
    answer = phone.post("records", item)

    assert answer.status_code == 400
    assert answer.json()["code"]


def test_an_error_response_never_echoes_what_was_sent(phone):
    answer = phone.push(factories.record("daily", {"mood": "SECRETWORD"}), {"kind": "SECRETWORD"})

    assert "SECRETWORD" not in answer.content.decode()


def test_a_body_that_is_too_large_is_refused(phone):
    answer = phone.call("POST", "records", b'"' + b"x" * (1024 * 1024) + b'"')

    assert answer.status_code in {400, 413}
    assert answer["Content-Type"] == "application/problem+json"


def test_more_than_500_records_are_refused(phone):
    assert phone.push(*[factories.pain() for _ in range(501)]).status_code == 400


def test_a_body_that_is_not_json_is_unsupported(phone):
    answer = phone.client.post(
        "/api/v1/sync/push", "a=1", content_type="application/x-www-form-urlencoded",
        headers=phone.headers,
    )  # fmt: skip

    assert (answer.status_code, answer.json()["code"]) == (415, "not_json")


@pytest.mark.parametrize(
    "route",
    [
        "records?limit=0", "records?limit=201", "records?limit=x", "records?kind=weather", "records?since=soon",
        "records?cursor=forged", "records?who=me", "sync/pull?cursor=forged", "sync/pull?limit=9999",
        "observations", "observations?measure=luck", "observations?measure=pain.intensity&from=x",
        "observations?measure=pain.intensity&cursor=x", "observations?measure=%00", "summaries?week=x",
        "summaries?patient=x", "records?limit=٣",
    ],
)  # fmt: skip
def test_a_parameter_that_cannot_be_taken_is_refused_by_name(phone, route):
    answer = phone.get(route)

    assert answer.status_code in {400, 404}
    assert answer["Content-Type"] == "application/problem+json"


def test_an_unknown_path_and_an_unknown_method_are_problems_too(phone):
    assert phone.get("nowhere").json()["code"] == "not_found"
    assert phone.call("PUT", "me").json()["code"] == "method_not_allowed"


def test_a_cursor_of_somebody_else_is_refused(phone, world):
    phone.push(factories.pain())
    cursor = phone.get("sync/pull").json()["cursor"]

    assert Phone(world.bea.user).get(f"sync/pull?cursor={cursor}").json()["code"] == "invalid_cursor"
