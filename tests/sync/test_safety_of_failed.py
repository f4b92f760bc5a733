"""A write that fails, by a mistake of ours or for want of the database, hides no positive safety answer."""

import json
from typing import Any

import pytest
from django.db import OperationalError
from django.test import Client

from tests import factories
from tests.phone import Phone
from tests.rls_context import as_clinic
from tracker.alerts import actions as alerts
from tracker.alerts.models import Alert, UnreadWrites
from tracker.api.exceptions import CRISIS_TEXT
from tracker.audit.models import AuditEvent
from tracker.records import store
from tracker.sync import safety

POSITIVE = factories.phq9([0] * 8 + [2])


def failing(problem: Exception) -> Any:
    def fail(*_: Any, **__: Any) -> Any:
        raise problem

    return fail


@pytest.fixture
def phone(world: factories.World) -> Phone:
    return Phone(world.ada.user)


def send(phone: Phone, path: str = "sync/push") -> Any:
    sent = phone.batch(factories.pain(3), POSITIVE) if path == "sync/push" else POSITIVE
    return Client(raise_request_exception=False).post(
        f"/api/v1/{path}", json.dumps(sent), content_type="application/json", headers=phone.headers
    )


def raised(world: factories.World) -> list[tuple[str, bool]]:
    with as_clinic(world.clinic.pk):
        return list(Alert.objects.values_list("rule", "answer_stored"))


@pytest.mark.parametrize("path", ["sync/push", "records"])
@pytest.mark.parametrize(
    ("problem", "status"), [(TypeError("ours"), 500), (OperationalError("statement timeout"), 503)]
)
def test_a_positive_answer_in_a_write_that_fails_each_time_alerts_once(
    world, phone, monkeypatch, path, problem, status
):
    monkeypatch.setattr(store, "store", failing(problem))

    answers = [send(phone, path) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [status] * 2
    assert all(answer.json()["alerted"] for answer in answers)
    assert answers[0].json()["guidance"]["crisis_text"] == world.clinic.crisis_text
    assert raised(world) == [("phq9_item9", False)]
    with as_clinic(world.clinic.pk):
        events = AuditEvent.objects.filter(action="refuse", patient=world.ada.pk)
        assert [(event.result, event.detail) for event in events] == [("REFUSED", {"status": status})] * 2


def test_the_answer_of_a_write_that_failed_and_is_sent_again_is_stored_under_the_same_alert(
    world, phone, monkeypatch
):
    with monkeypatch.context() as patched:
        patched.setattr(store, "store", failing(OperationalError("lock timeout")))
        assert send(phone, "records").status_code == 503

    assert send(phone, "records").status_code == 201
    assert raised(world) == [("phq9_item9", True)]


@pytest.mark.parametrize("problem", [TypeError("ours"), OperationalError("no space left")])
def test_a_write_that_fails_is_503_where_the_database_takes_no_alert(world, phone, monkeypatch, problem):
    monkeypatch.setattr(store, "store", failing(problem))
    monkeypatch.setattr(alerts, "assess", failing(OperationalError("no space left")))

    answer = send(phone)

    assert (answer.status_code, answer["Retry-After"]) == (503, "5")
    assert answer.json()["guidance"]["crisis_text"] == CRISIS_TEXT
    assert "alerted" not in answer.json()


def test_a_write_that_fails_and_cannot_be_scanned_tells_operations(world, phone, monkeypatch):
    monkeypatch.setattr(safety, "scan", failing(TypeError("ours")))
    monkeypatch.setattr(safety, "scan_deep", failing(TypeError("ours")))

    answer = send(phone)

    assert (answer.status_code, "alerted" in answer.json()) == (500, False)
    assert answer.json()["guidance"]["crisis_text"]
    assert UnreadWrites.objects.get().count == 1
