"""A refused request hides no positive safety answer: what can be made out of its bytes alerts."""

import gzip
import io
import json
import time
import uuid
import zlib
from collections.abc import Callable
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
from django.db import connection
from django.test import Client

from backend import errors
from tests import factories
from tests.phone import Phone
from tests.rls_context import as_clinic
from tracker.accounts import request_throttle
from tracker.alerts.models import Alert, UnreadWrites
from tracker.api import refusals
from tracker.api.parsers import MAX_BATCH_BYTES, MAX_BODY_BYTES
from tracker.instruments import catalogue
from tracker.lib import asgi
from tracker.sync import safety, safety_answers

POSITIVE = factories.phq9([0] * 8 + [2])
ITEM_9 = [("phq9_item9", False)]


@pytest.fixture
def phone(world: factories.World) -> Phone:
    return Phone(world.ada.user)


def alerts(world: factories.World) -> list[tuple[str, bool]]:
    with as_clinic(world.clinic.pk):
        return list(Alert.objects.values_list("rule", "answer_stored"))


def send(phone: Phone, body: bytes, path: str = "sync/push", method: str = "POST", **headers: str):
    kind = headers.pop("content_type", "application/json")
    return Client(raise_request_exception=False).generic(
        method, f"/api/v1/{path}", body, content_type=kind, headers=phone.headers | headers
    )


def batch(phone: Phone, *records: Any) -> bytes:
    return json.dumps(phone.batch(*records)).encode()


def beside(phone: Phone, text: bytes) -> bytes:
    """A batch of the positive answer and another record whose intensity is ``text``."""
    return batch(phone, factories.pain("HERE"), POSITIVE).replace(b'"HERE"', text)


OTHERS = {
    "a duplicate key": b'1, "intensity": 2',
    "NaN": b"NaN",
    "Infinity": b"-Infinity",
    "an infinite number": b"1e400",
    "a number of 10,000 digits": b"9" * 10_000,
    "bad UTF-8": b'"\xff\xfe"',
    "a lone surrogate": b'"\\ud83d"',
    "nesting beyond 32": b"[" * 40 + b"]" * 40,
    "nesting beyond 100,000": b"[" * 100_000 + b"]" * 100_000,
    "a bare word": b"six",
    "no value": b"",
    "a control character": b'"\x01\x00"',
    "brackets that do not match": b"[1, 2}",
    "a wrong escape": b'"\\x"',
}


@pytest.mark.parametrize("other", OTHERS)
def test_an_error_in_another_record_of_the_batch_hides_no_positive_answer(world, phone, other):
    for path in ("sync/push", "sync/push", "records"):
        answer = send(phone, beside(phone, OTHERS[other]), path)

        assert answer.status_code in {200, 400}
        assert answer.json()["guidance"]["crisis_text"] == world.clinic.crisis_text
    assert {rule for rule, _ in alerts(world)} == {"phq9_item9"}
    assert len(alerts(world)) == 1


def unequal(first: int, second: int) -> bytes:
    return (
        json.dumps(POSITIVE)
        .encode()
        .replace(b'"/44260-8": 2', b'"/44260-8": %d, "/44260-8": %d' % (first, second))
    )


DUPLICATES = {
    "of the item, positive first": unequal(2, 0),
    "of the item, positive last": unequal(0, 2),
    "of the answers": json.dumps(POSITIVE).encode().replace(b'"answers":', b'"answers": {}, "answers":'),
    "of the answers, empty last": b', "answers": {}}}'.join(json.dumps(POSITIVE).encode().rsplit(b"}}", 1)),
    "of the data": json.dumps(POSITIVE).encode()[:-1] + b', "data": {"instrument": "phq-9", "answers": {}}}',
    "of the data, empty first": json.dumps(POSITIVE).encode().replace(b'"data":', b'"data": {}, "data":'),
}


@pytest.mark.parametrize("which", DUPLICATES)
def test_a_duplicate_key_hides_no_positive_answer(world, phone, which):
    answers = [
        send(phone, DUPLICATES[which], "records"),
        send(phone, batch(phone, "HERE").replace(b'"HERE"', DUPLICATES[which])),
    ]

    assert [answer.status_code for answer in answers] == [400, 400]
    assert all("guidance" in answer.json() for answer in answers)
    assert alerts(world) == ITEM_9


def test_a_duplicate_list_of_records_hides_no_positive_answer(world, phone):
    body = batch(phone, POSITIVE)[:-1] + b', "records": []}'

    assert send(phone, body).status_code == 400
    assert alerts(world) == ITEM_9


def wrapped(phone: Phone) -> dict[str, bytes]:
    batch = phone.batch(POSITIVE)
    key = {"key": batch["key"], "device": batch["device"]}
    return {
        "in a list": json.dumps(phone.batch([POSITIVE])).encode(),
        "in two lists": json.dumps(phone.batch([[POSITIVE]])).encode(),
        "in an object": json.dumps(phone.batch({"record": POSITIVE})).encode(),
        "under another name": json.dumps(key | {"Records": [POSITIVE]}).encode(),
        "by their ids": json.dumps(key | {"records": {POSITIVE["id"]: POSITIVE}}).encode(),
        "the list alone": json.dumps([POSITIVE]).encode(),
        "one record alone": json.dumps(POSITIVE).encode(),
        "the data alone": json.dumps(POSITIVE["data"]).encode(),
        "as text": json.dumps(json.dumps(batch)).encode(),
        "records as text": json.dumps(key | {"records": json.dumps([POSITIVE])}).encode(),
        "a line each": b"\n".join(json.dumps(one).encode() for one in (factories.pain(), POSITIVE)),
        "with more behind it": json.dumps(batch).encode() + b"\n--\n",
        "with a byte order mark": b"\xef\xbb\xbf" + json.dumps(batch).encode(),
        "in UTF-16": json.dumps(batch).encode("utf-16"),
        "cut": json.dumps(batch).encode()[:-5],
        "with its data in another place": json.dumps(phone.batch(
            {name: value for name, value in POSITIVE.items() if name != "data"} | {"payload": POSITIVE["data"]}
        )).encode(),
    }  # fmt: skip


@pytest.mark.parametrize("path", ["sync/push", "records"])
@pytest.mark.parametrize("how", [
    "in a list", "in two lists", "in an object", "under another name", "by their ids", "the list alone",
    "one record alone", "the data alone", "as text", "records as text", "a line each", "with more behind it",
    "with a byte order mark", "in UTF-16", "cut", "with its data in another place",
])  # fmt: skip
def test_a_positive_answer_in_a_wrong_wrapping_alerts(world, phone, path, how):
    for _ in range(2):
        answer = send(phone, wrapped(phone)[how], path)

        assert "guidance" in answer.json()
    assert {rule for rule, _ in alerts(world)} == {"phq9_item9"}
    assert len(alerts(world)) == 1


def zipped(body: bytes) -> dict[str, bytes]:
    whole = gzip.compress(body)
    noise = gzip.compress(uuid.uuid4().bytes * 100)
    return {
        "with bytes behind it": whole + b"\x00\x01",
        "cut": gzip.compress(body + b" " * 10_000 + uuid.uuid4().bytes * 10)[:-40],
        "in two members": gzip.compress(body[:300]) + gzip.compress(body[300:]),
        "as the second member": noise + whole,
        "as zlib": zlib.compress(body),
        "not zipped at all": body,
    }


@pytest.mark.parametrize("how", list(zipped(b"{}")))
def test_a_broken_gzip_stream_hides_no_positive_answer(world, phone, how):
    answer = send(phone, zipped(batch(phone, POSITIVE))[how], **{"Content-Encoding": "gzip"})

    assert answer.status_code == 400
    assert answer.json()["guidance"]["crisis_text"] == world.clinic.crisis_text
    assert alerts(world) == ITEM_9


@pytest.mark.parametrize(
    "headers",
    [
        {"content_type": "text/plain"},
        {"content_type": "application/x-www-form-urlencoded"},
        {"content_type": "multipart/form-data; boundary=x"},
        {"content_type": ""},
        {"Content-Encoding": "br"},
        {"Accept": "text/html"},
        {"X-Device": ""},
        {"X-Device": "0196f0a1-0000-7000-8000-000000000001"},
        {"Idempotency-Key": "bad key!", "X-Device": ""},
    ],
)
@pytest.mark.parametrize("path", ["sync/push", "records"])
def test_a_wrong_header_hides_no_positive_answer(world, phone, path, headers):
    answer = send(phone, batch(phone, POSITIVE), path, **headers)

    assert 400 <= answer.status_code < 500
    assert answer.json()["guidance"]["crisis_text"] == world.clinic.crisis_text
    assert alerts(world) == ITEM_9


def test_a_gzip_stream_that_no_header_names_hides_no_positive_answer(world, phone):
    assert send(phone, gzip.compress(batch(phone, POSITIVE))).status_code == 400
    assert alerts(world) == ITEM_9


@pytest.mark.parametrize(("path", "length"), [("sync/push", MAX_BATCH_BYTES), ("records", MAX_BODY_BYTES)])
@pytest.mark.parametrize("is_zipped", [False, True])
def test_a_body_over_the_limit_hides_no_positive_answer_at_its_end(world, phone, path, length, is_zipped):
    pad = {"kind": "pain", "note": "x" * length}
    body = batch(phone, pad, POSITIVE)

    answer = send(
        phone,
        gzip.compress(body) if is_zipped else body,
        path,
        **{"Content-Encoding": "gzip"} if is_zipped else {},
    )

    assert answer.status_code == 413
    assert answer.json()["guidance"]["crisis_text"] == world.clinic.crisis_text
    assert alerts(world) == ITEM_9


@pytest.mark.parametrize("method", ["PATCH", "DELETE", "PUT", "QUERY"])
@pytest.mark.parametrize("path", ["sync/push", "records", "records/{id}"])
def test_a_wrong_method_hides_no_positive_answer(world, phone, method, path):
    answer = send(phone, batch(phone, POSITIVE), path.format(id=POSITIVE["id"]), method)

    assert 400 <= answer.status_code < 500
    assert "guidance" in answer.json()
    assert alerts(world) == ITEM_9


def test_an_unpaired_phone_hides_no_positive_answer(world):
    answer = Phone(world.ada.user, paired=False).push(POSITIVE)

    assert (answer.status_code, answer.json()["code"]) == (403, "device_not_paired")
    assert answer.json()["guidance"]["crisis_text"] == world.clinic.crisis_text
    assert alerts(world) == ITEM_9


def test_a_draft_and_a_full_storage_hide_no_positive_answer(world, phone, settings):
    settings.PATIENT_STORAGE_BYTES = 10
    draft = POSITIVE | {"data": POSITIVE["data"] | {"status": "draft"}}
    for record in (POSITIVE, draft):
        assert phone.push(record).json()["results"][0]["code"] == "storage_full"
        assert "guidance" in phone.post("records", record).json()

    assert alerts(world) == ITEM_9


UNREAD = {
    "another compression": ({"Content-Encoding": "br"}, b"\x0b\x05\x80\x01\x02"),
    "random bytes": ({}, bytes(range(128, 256)) * 8),
    "a text": ({"content_type": "text/plain"}, b"I do not want to go on"),
    "gzip that is none": ({"Content-Encoding": "gzip"}, b"\x1f\x8b" + b"x" * 100),
}


@pytest.mark.parametrize("what", UNREAD)
def test_a_body_that_cannot_be_read_answers_with_the_crisis_text_and_tells_operations(world, phone, what):
    headers, body = UNREAD[what]
    for path in ("sync/push", "records"):
        answer = send(phone, body, path, **headers)

        assert 400 <= answer.status_code < 500
        assert answer.json()["guidance"]["crisis_text"] == world.clinic.crisis_text
        assert answer.json()["alerted"] is False
    assert alerts(world) == []
    assert UnreadWrites.objects.get().count == 2
    assert Client().get("/health/safety").json()["unread_writes_last_day"] == 2


def test_a_refusal_that_was_read_and_holds_no_positive_answer_tells_operations_nothing(world, phone):
    answer = phone.post("records", factories.pain(99))

    assert (answer.status_code, answer.json()["alerted"]) == (400, False)
    assert answer.json()["guidance"]["crisis_text"] == world.clinic.crisis_text
    assert (alerts(world), UnreadWrites.objects.count()) == ([], 0)


class Stalled:
    """A body that does not come."""

    def read(self, size: int = -1) -> bytes:
        raise OSError("the body did not come in time")

    readline = read


@pytest.mark.parametrize("how", ["cut by the server", "shorter than its length", "stalled"])
def test_a_body_that_did_not_come_whole_tells_operations(world, phone, how):
    body = batch(phone, POSITIVE)[:-1]
    environs: dict[str, Callable[[], dict[str, Any]]] = {
        "cut by the server": lambda: {asgi.BODY_CUT: True},
        "shorter than its length": lambda: {"CONTENT_LENGTH": "7000000", "wsgi.input": io.BytesIO(body)},
        "stalled": lambda: {"wsgi.input": Stalled()},
    }
    for path in ("sync/push", "records"):
        answer = Client(raise_request_exception=False).generic(
            "POST", f"/api/v1/{path}", body, "application/json", headers=phone.headers, **environs[how]()
        )

        assert 400 <= answer.status_code < 500
        assert answer.json()["guidance"]["crisis_text"] == world.clinic.crisis_text
        assert answer.json()["alerted"] is (how != "stalled")
    assert UnreadWrites.objects.get().count == 2


# As gzip it is 46 KB, and each object is scored.
COSTLY = b'{"answers":{"9":0,"x":1},"instrument":"phq9"},'


def test_a_scan_ends_in_time_and_what_it_found_alerts(world, phone, monkeypatch):
    monkeypatch.setattr(safety, "MOST_SECONDS", 1.0)
    body = gzip.compress(b"[" + json.dumps(POSITIVE).encode() + b"," + COSTLY * 100_000)
    began = time.thread_time()

    answer = send(phone, body, **{"Content-Encoding": "gzip"})

    assert (answer.status_code, answer.json()["alerted"]) == (400, True)
    assert alerts(world) == ITEM_9
    assert UnreadWrites.objects.get().count == 1
    assert time.thread_time() - began < 5


@pytest.mark.parametrize("other", [factories.pain(3), {"kind": "nonsense"}], ids=["valid", "invalid"])
def test_a_batch_whose_scan_did_not_end_is_not_acknowledged_and_its_positive_answer_alerts(
    world, phone, monkeypatch, other
):
    monkeypatch.setattr(safety, "MOST_SECONDS", 0)

    answer = send(phone, batch(phone, other, POSITIVE))

    assert (answer.status_code, answer.json()["code"]) == (503, "service_unavailable")
    assert (answer.json()["alerted"], answer["Retry-After"]) == (True, "5")
    assert alerts(world) == ITEM_9
    assert phone.get("sync/pull").json()["records"] == []


def test_all_records_of_a_batch_are_scanned_under_one_deadline(world, phone, monkeypatch):
    deadlines = []

    def scan(item: Any, at: Any, deadline: safety.Deadline) -> tuple[Any, ...]:
        deadlines.append(deadline)
        return ()

    monkeypatch.setattr(safety, "scan", scan)
    phone.push(*(factories.pain(3) for _ in range(3)))

    assert len(deadlines) == 3
    assert len(set(map(id, deadlines))) == 1


def test_answers_to_items_that_do_not_exist_are_scanned_as_one():
    form, item_9 = catalogue.latest("phq-9"), "/44260-8"
    strange = {f"x{n}y": n for n in range(290)}

    (reading,) = safety_answers._spellings(form, strange | {item_9: 2})

    assert reading == {"x0y": 0, item_9: 2}


def test_scans_are_charged_before_they_run_and_settled_afterwards(world, phone, monkeypatch):
    counted: list[tuple[str, int]] = []
    at_scan: list[int] = []

    def scan(*_: Any) -> list[Any]:
        at_scan.append(sum(by for kind, by in counted if kind == request_throttle.SCAN))
        return []

    monkeypatch.setattr(request_throttle, "count", lambda kind, user, by=1: counted.append((kind, by)))
    monkeypatch.setattr(safety, "scan_deep", scan)
    send(phone, batch(phone, POSITIVE), content_type="text/plain")

    (reserved,) = at_scan
    assert 0 <= sum(by for kind, by in counted if kind == request_throttle.SCAN) < reserved


def test_a_scan_that_fails_is_charged_all_the_same(world, phone, monkeypatch):
    counted = []
    monkeypatch.setattr(request_throttle, "count", lambda kind, user, by=1: counted.append((kind, by)))
    monkeypatch.setattr(safety, "scan_deep", lambda *_: 1 / 0)

    assert send(phone, batch(phone, POSITIVE) + b"x").status_code == 500
    assert len([kind for kind, _ in counted if kind == "scan"]) == 2


def test_a_large_body_waits_a_second_for_a_scan_and_has_its_first_part_read(world, phone, monkeypatch):
    monkeypatch.setattr(refusals, "_WAIT_SECONDS", 0.01)
    pad = {"pad": "x" * refusals.LEAST_BYTES}
    near, far = batch(phone, POSITIVE, pad) + b"x", batch(phone, pad, POSITIVE) + b"x"

    with refusals._scans.one_of(world.ada.user.pk) as is_free:
        alerted = [send(phone, body).json()["alerted"] for body in (far, near, batch(phone, POSITIVE) + b"x")]

    assert is_free
    assert alerted == [False, True, True]
    assert UnreadWrites.objects.get().count == 2
    assert send(phone, far).json()["alerted"] is True


def test_two_scans_run_at_once_and_one_of_each_patient(monkeypatch):
    monkeypatch.setattr(refusals, "_WAIT_SECONDS", 0.01)
    scans, (ada, eve, ivy) = refusals._Scans(), (uuid.uuid4() for _ in range(3))

    with (
        scans.one_of(ada) as first,
        scans.one_of(ada) as again,
        scans.one_of(eve) as second,
        scans.one_of(ivy) as third,
    ):
        assert (first, again, second, third) == (True, False, True, False)
    with scans.one_of(ivy) as third:
        assert third


def test_no_transaction_is_open_while_a_body_is_scanned(live, monkeypatch):
    phone, open_ones = Phone(live.world.ada.user), []

    def scan(*_: Any) -> list[Any]:
        open_ones.append(connection.in_atomic_block)
        return []

    monkeypatch.setattr(safety, "scan_deep", scan)
    send(phone, batch(phone, POSITIVE), content_type="text/plain")

    assert open_ones == [False]


@pytest.mark.parametrize("text", ['"\\u0061nswers"', '"An_Swers"', '"\u0061n\u017fwers"', "Answers"])
def test_a_body_in_which_a_safety_question_may_be_answered_is_decoded(text):
    assert safety.may_be_answered("{" + text + ': {"/44260-8": 3}}')
    assert not safety.may_be_answered('{"kind": "pain", "data": {"intensity": 3}}')


def test_a_refusal_of_nobody_known_carries_a_crisis_text_and_raises_no_alert(world, phone):
    phone.headers = {"X-Session-Token": "nonsense"}

    answer = send(phone, batch(phone, POSITIVE))

    assert answer.status_code == 401
    assert "emergency number" in answer.json()["guidance"]["crisis_text"]
    assert (alerts(world), UnreadWrites.objects.count()) == ([], 0)


def test_a_member_of_staff_who_sends_an_answer_raises_no_alert(world):
    answer = Phone(world.ben.user).post("records", POSITIVE)

    assert answer.status_code == 403
    assert alerts(world) == []


NEAR_MISSES = {
    "a slash behind it": "/api/v1/sync/push/",
    "another version": "/api/v2/sync/push",
    "a slash behind the records": "/api/v1/records/",
    "two slashes": "/api/v1//sync/push",
    "two slashes before it": "//api/v1/sync/push",
    "capitals": "/API/v1/sync/push",
    "a record that is no id": "/api/v1/records/one",
    "the route for pulling": "/api/v1/sync/pull",
    "a way round": "/health/../api/v1/sync/push",
    "a route of something else": "/api/v1/devices",
    "a route that only shows": "/api/v1/docs",
    "nothing": "/api/",
}


@pytest.mark.parametrize("how", NEAR_MISSES)
def test_a_wrong_path_hides_no_positive_answer(world, phone, how):
    for method in ("POST", "PUT", "PATCH"):
        answer = Client(raise_request_exception=False).generic(
            method, "/", batch(phone, POSITIVE), "application/json", headers=phone.headers,
            PATH_INFO=NEAR_MISSES[how],
        )  # fmt: skip

        assert (400 <= answer.status_code < 500, answer["Content-Type"]) == (True, "application/problem+json")
        assert answer.json()["guidance"]["crisis_text"] == world.clinic.crisis_text
        assert answer.json()["alerted"] is True
        assert int(answer["Content-Length"]) == len(answer.content)
    assert alerts(world) == ITEM_9


@pytest.mark.parametrize("path", ["sync/push", "records", "sync/push/"])
def test_a_wrong_host_hides_no_positive_answer(world, phone, path):
    answer = send(phone, batch(phone, POSITIVE), path, Host="clinic.example")

    assert (answer.status_code, answer.json()["code"]) == (400, "bad_request")
    assert answer.json()["guidance"]["crisis_text"] == world.clinic.crisis_text
    assert alerts(world) == ITEM_9


def test_a_wrong_path_or_host_of_nobody_known_carries_a_crisis_text(world, phone):
    phone.headers = {}
    for path, host in (("sync/push/", "testserver"), ("sync/push", "clinic.example")):
        answer = send(phone, batch(phone, POSITIVE), path, Host=host)

        assert answer.status_code in {400, 404}
        assert "emergency number" in answer.json()["guidance"]["crisis_text"]
        assert answer.json()["alerted"] is False
    assert (alerts(world), UnreadWrites.objects.count()) == ([], 0)


def test_requests_to_a_wrong_path_count_against_the_limit_of_who_sends_them(world, phone, monkeypatch):
    counted = []
    monkeypatch.setattr(request_throttle, "count", lambda kind, user, by=1: counted.append((kind, user)))
    send(phone, batch(phone, POSITIVE), "sync/push/")
    send(phone, b"[]", "sync/push")

    assert [one for one in counted if one[0] == request_throttle.WRITE] == 2 * [
        (request_throttle.WRITE, world.ada.user.pk)
    ]


def test_a_refusal_without_a_body_tells_operations_nothing(world, phone):
    answer = send(phone, b"", f"me/sessions/{uuid.uuid4()}", "DELETE")

    assert (answer.status_code, answer.json()["alerted"]) == (404, False)
    assert UnreadWrites.objects.count() == 0


def test_headers_that_are_too_long_hide_no_positive_answer(world, phone):
    client = Client(raise_request_exception=False)
    marked: Any = {asgi.LONG_HEADERS: True}

    answer = client.generic(
        "POST",
        "/api/v1/sync/push",
        batch(phone, POSITIVE),
        "application/json",
        headers=phone.headers,
        **marked,
    )

    assert (answer.status_code, answer.json()["code"], answer.json()["alerted"]) == (
        431,
        "headers_too_long",
        True,
    )
    assert answer.json()["guidance"]["crisis_text"] == world.clinic.crisis_text
    assert alerts(world) == ITEM_9
    assert client.get("/accounts/login/", **marked).status_code == 431


def test_headers_that_disagree_about_the_body_hide_no_positive_answer(world, phone):
    client = Client(raise_request_exception=False)
    marked: Any = {asgi.AMBIGUOUS_LENGTH: True}
    body = batch(phone, POSITIVE)

    answer = client.generic(
        "POST", "/api/v1/sync/push", body, "application/json", headers=phone.headers, **marked
    )

    assert (answer.status_code, answer.json()["code"], answer.json()["alerted"]) == (400, "bad_request", True)
    assert alerts(world) == ITEM_9
    assert client.get("/accounts/login/", **marked).status_code == 400


def test_a_body_under_a_method_that_takes_none_hides_no_positive_answer(world, phone):
    answer = send(phone, batch(phone, POSITIVE), "sync/push", "GET")

    assert (answer.status_code, answer.json()["alerted"]) == (400, True)
    assert alerts(world) == ITEM_9


@pytest.mark.parametrize("path", ["me", "sync/pull", "records", "records/{id}", "schema", "docs"])
@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "DELETE"])
def test_a_route_that_takes_no_body_hides_no_positive_answer_in_one(world, phone, method, path):
    """It answered 200, and nobody looked at what was sent; DELETE is asked of a record that is there."""
    phone.push(record := factories.pain(4))
    answer = send(phone, batch(phone, POSITIVE), path.format(id=record["id"]), method)

    assert answer.status_code in (400, 405)
    if method != "HEAD":
        assert answer.json()["guidance"]["crisis_text"] == world.clinic.crisis_text
    assert alerts(world) == ITEM_9
    assert phone.get(f"records/{record['id']}").status_code == 200


@pytest.mark.parametrize(
    ("kind", "wrap"),
    [
        ("application/json", lambda body: gzip.compress(gzip.compress(body))),
        ("application/x-www-form-urlencoded", lambda body: b"records=" + quote(body.decode()).encode()),
        (
            "application/x-www-form-urlencoded",
            lambda body: b"records=" + quote_plus(body.decode(), safe=":").encode(),
        ),
    ],
    ids=["gzip in gzip", "a form", "a form with plus signs"],
)
def test_a_body_that_is_wrapped_twice_hides_no_positive_answer(world, phone, kind, wrap):
    answer = send(phone, wrap(batch(phone, POSITIVE)), content_type=kind)

    assert (400 <= answer.status_code < 500, answer.json()["alerted"]) == (True, True)
    assert alerts(world) == ITEM_9


def test_a_body_that_breaks_off_is_answered_with_the_crisis_text(db):
    started: list[Any] = []
    environ = asgi.build_environ(
        {"type": "http", "method": "POST", "path": "/api/v1/sync/push", "query_string": b"", "http_version": "1.1",
         "headers": [(b"transfer-encoding", b"chunked")]}
    )  # fmt: skip

    (body,) = errors.refuse(environ | {asgi.BROKEN_BODY: True}, lambda *said: started.append(said))

    assert started[0][0] == "400 Bad Request"
    assert "emergency number" in json.loads(body)["guidance"]["crisis_text"]
