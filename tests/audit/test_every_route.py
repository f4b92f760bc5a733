"""Whatever is answered leaves one event: every route of the API and every page, what is done and what is refused."""

import re
import uuid
from typing import Any

import pytest
from django.test import Client

from tests import factories
from tests.dashboard.conftest import sign_in
from tests.phone import Phone
from tests.rls_context import as_clinic
from tracker.accounts.sessions import SessionStore
from tracker.api import urls as api
from tracker.audit.models import AuditEvent
from tracker.dashboard import urls as dashboard

OPEN_TO_ALL = {"live", "ready", "safety", "schema", "account-schema", "docs", "accept-invitation"}
ROUTES = [pattern for pattern in api.urlpatterns if pattern.name not in OPEN_TO_ALL]
PAGES = list(dashboard.urlpatterns)


def address(pattern: Any, world: factories.World) -> str:
    """The path of a route, with Ada for a patient and unknown ids for the rest."""
    known = {"patient_id": world.ada.pk, "instrument": "phq-9", "version": "1999"}
    path = str(pattern.pattern)
    for name in pattern.pattern.converters:
        converter = _converter(path, name)
        unknown = 987654321 if converter == "int" else uuid.uuid4()
        path = path.replace(f"<{converter}:{name}>", str(known.get(name, unknown)))
    return "/" + path


def _converter(path: str, name: str) -> str:
    return path.split(f":{name}>")[0].rsplit("<", 1)[1]


def methods_of(pattern: Any) -> list[str]:
    return sorted(pattern.callback.cls.actions)


def events_of(world: factories.World, name: str) -> list[AuditEvent]:
    """The events of a request, in the order in which they were recorded."""
    with as_clinic(world.clinic.pk):
        return list(AuditEvent.objects.filter(request=name).order_by("id"))


def event_of(world: factories.World, name: str) -> AuditEvent:
    """The one event of a request; more than one, or none, is a failure."""
    (event,) = events_of(world, name)
    return event


def ask(world: factories.World, who: Any, method: str, path: str) -> tuple[int, AuditEvent]:
    """Ask as somebody of the actors; return the answer's status and the one event that it left."""
    name = uuid.uuid4().hex
    phone = Phone(who.user)
    answer = phone.client.generic(
        method, path, b"", "application/json",
        headers=phone.headers | {"X-Request-ID": name},
    )  # fmt: skip
    return answer.status_code, event_of(world, name)


@pytest.mark.parametrize("who", ["ada", "ben", "cleo", "eve"])
@pytest.mark.parametrize("pattern", ROUTES, ids=lambda pattern: pattern.name)
def test_every_route_of_the_api_records_one_audit_event_whoever_asks(world, pattern, who):
    person = getattr(world, who)
    for method in methods_of(pattern):
        for query in ("", f"?patient={world.ada.pk}"):
            status, event = ask(world, person, method, address(pattern, world) + query)

            assert status < 500
            assert event.actor == f"user/{person.user_id}"
            assert event.result == ("DONE" if status < 400 else "REFUSED"), status
            assert event.kind == pattern.name
            assert event.purpose
            assert event.detail.get("status", status) == status


@pytest.mark.parametrize("who", ["ada", "ben", "cleo", "eve"])
@pytest.mark.parametrize("pattern", PAGES, ids=lambda pattern: pattern.name)
def test_every_page_records_its_audit_event_whoever_asks(world, pattern, who):
    person, name = getattr(world, who), uuid.uuid4().hex
    browser = sign_in(person.user)
    # A page that takes only forms refuses the method before it asks who is there.
    for method in ("GET", "POST"):
        name = uuid.uuid4().hex
        answer = browser.generic(method, address(pattern, world), headers={"X-Request-ID": name})
        if answer.status_code == 405:
            continue
        assert answer.status_code < 500
        # A page that opens a chart and changes something of it leaves an event of each.
        event, *changes = events_of(world, name)
        assert {change.actor for change in changes} <= {event.actor}
        assert event.actor == f"user/{person.user_id}"
        assert event.result == ("REFUSED" if answer.status_code in {403, 404} else "DONE")
        assert event.kind == pattern.name


def test_an_audit_event_names_the_patient_and_the_ids_and_no_value(world):
    secret = "nobody else's business"
    sent = [factories.record("journal", {"text": secret, "share": "entry"}), factories.pain(7)]
    Phone(world.ada.user).push(*sent)

    _, event = ask(world, world.ben, "GET", f"/api/v1/records?patient={world.ada.pk}")

    assert (event.action, event.patient, event.result) == ("chart.open", world.ada.pk, "DONE")
    assert set(event.detail["ids"]) == {record["id"] for record in sent}
    assert event.detail["count"] == 2
    shown = str(vars(event))
    assert secret not in shown
    assert "intensity" not in shown


def test_the_audit_event_of_a_push_names_the_records_and_the_device(world):
    phone = Phone(world.ada.user)
    sent = [factories.pain(n % 11) for n in range(60)]
    phone.push(*sent)

    with as_clinic(world.clinic.pk):
        event = AuditEvent.objects.get(action="records.receive")
    assert event.detail["ids"] == [record["id"] for record in sent[:50]]
    assert (event.detail["count"], event.detail["stored"], event.device) == (
        60,
        60,
        str(phone.device),
    )


def test_the_audit_event_of_a_list_names_each_of_its_patients(world):
    phone = Phone(world.ada.user)
    phone.push(factories.phq9([0] * 8 + [2]))

    _, event = ask(world, world.ben, "GET", "/api/v1/alerts")

    assert event.patients == [world.ada.pk]
    _, event = ask(world, world.cleo, "GET", "/api/v1/alerts")
    assert event.patients is None


def test_the_audit_event_of_a_refusal_names_the_id_asked_for(world):
    Phone(world.ada.user).push(record := factories.pain())

    _, event = ask(world, world.cleo, "GET", f"/api/v1/records/{record['id']}?patient={world.ada.pk}")

    assert (event.result, event.patient, event.detail["ids"], event.detail["status"]) == (
        "REFUSED", world.ada.pk, [record["id"]], 404,
    )  # fmt: skip


def test_a_refused_request_changes_nothing_and_is_audited(world):
    status, event = ask(world, world.ben, "POST", "/api/v1/sync/push")

    assert (status, event.result, event.action, event.detail["status"]) == (
        403,
        "REFUSED",
        "push_records",
        403,
    )


def test_an_ended_token_records_an_audit_event_of_its_user(world):
    phone, name = Phone(world.ada.user), uuid.uuid4().hex
    world.ada.user.is_active = False
    world.ada.user.save()

    assert phone.get("me", **{"X-Request-ID": name}).status_code == 401

    with as_clinic(uuid.UUID(int=0)):
        event = AuditEvent.objects.get(request=name)
    assert (event.actor, event.result) == (f"user/{world.ada.user_id}", "REFUSED")


def test_an_unknown_token_records_no_audit_event(world, client: Client):
    client.get("/api/v1/me", headers={"X-Session-Token": SessionStore()._get_new_session_key()})  # type: ignore[attr-defined]

    with as_clinic(uuid.UUID(int=0)):
        assert not AuditEvent.objects.exists()


def test_a_request_whose_audit_event_cannot_be_written_fails(world, monkeypatch):
    """The database refuses the event: the name of a request that is longer than its column."""
    phone = Phone(world.ada.user)
    monkeypatch.setattr("tracker.lib.middleware._GIVEN", re.compile(r"^.{8,90}$"))

    answer = phone.call("GET", "me", **{"X-Request-ID": "x" * 80})

    assert answer.status_code >= 500
