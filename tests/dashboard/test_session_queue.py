"""What a session's page kept while the line was cut, as its script sends it."""

from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from tests.dashboard.conftest import NOW, sign_in
from tracker.lib import rls
from tracker.treatment.models import SessionEvent


@pytest.fixture
def page(world, ben) -> str:
    """The address of a session of Ada's that is planned for now."""
    plan = {"on": "2026-03-02", "time": "20:00", "minutes": "60", "route": "IM", "setting": "CLINIC"}
    address: str = ben.post(f"/patients/{world.ada.pk}/sessions/plan/", plan)["Location"]
    return address


def entry(kind: str, **fields: str) -> dict[str, Any]:
    sent = {"kind": [kind]} | {name: [text] for name, text in fields.items()}
    return {"id": str(uuid4()), "at": NOW.isoformat(), "fields": sent}


def send(browser, page, *entries, user, sent_at: str = NOW.isoformat()):
    body = {"user": str(user.pk), "sent_at": sent_at, "events": list(entries)}
    return browser.post(f"{page}events/", body, content_type="application/json")


def stored(world) -> list[tuple[str, str]]:
    """Kind and writer of each event after the plan."""
    with rls.as_patient(world.clinic.pk, world.ada.pk):
        rows = SessionEvent.objects.filter(place__gt=1).order_by("place").values_list("kind", "staff_id")
        names = {world.ben.pk: "Ben", world.dan.pk: "Dan"}
        return [(kind, names[staff_id]) for kind, staff_id in rows]


@pytest.mark.parametrize(
    "wrong",
    [
        entry("weight", weight_kg="inf", measured_on="2026-03-02"),
        entry("weight", weight_kg="nan", measured_on="2026-03-02"),
        entry("weight", weight_kg="1e999", measured_on="2026-03-02"),
        entry("note", text="n" * 4001),
        entry("dance"),
        entry("note", text="Calm.") | {"at": "9999-12-31T23:59:59Z"},
        entry("note", text="Calm.") | {"id": "1"},
    ],
    ids=["inf", "nan", "1e999", "long", "kind", "at", "id"],
)
def test_entry_that_makes_no_event_is_refused_alone_and_the_others_are_stored(world, ben, page, wrong):
    good = entry("vitals", systolic="120", diastolic="80")

    answer = send(ben, page, wrong, good, user=world.ben.user)

    assert answer.status_code == 200
    results = {each["id"]: each for each in answer.json()["results"]}
    assert results[wrong["id"]]["status"] == "rejected"
    assert results[wrong["id"]]["sentence"]
    assert results[good["id"]]["status"] == "stored"
    assert stored(world) == [("vitals", "Ben")]


@pytest.mark.parametrize(
    "sent_at",
    [
        "9999-12-31T23:59:59Z", "0001-01-01T00:00:00+14:00", "2026-03-02T20:00:00", "soon",
        (NOW + timedelta(days=401)).isoformat(), (NOW - timedelta(days=401)).isoformat(),
    ],
)  # fmt: skip
def test_clock_that_can_only_be_wrong_is_refused_in_a_sentence(world, ben, page, sent_at):
    answer = send(ben, page, entry("note", text="Calm."), user=world.ben.user, sent_at=sent_at)

    assert answer.status_code == 400
    assert answer.json()["error"].endswith("nter it again.")
    assert stored(world) == []


@pytest.mark.parametrize("at", ["1970-01-01T00:00:00Z", "2199-12-31T23:59:59Z"])
@pytest.mark.parametrize("days", [-399, 399])
def test_any_instant_of_an_event_under_a_clock_that_is_a_year_off_is_answered(world, ben, page, days, at):
    sent_at: datetime = NOW + timedelta(days=days)

    answer = send(
        ben, page, entry("note", text="Calm.") | {"at": at}, user=world.ben.user, sent_at=sent_at.isoformat()
    )

    assert answer.status_code == 200
    assert ben.get(page).status_code == 200


@pytest.mark.parametrize("body", [[], {"user": "", "sent_at": NOW.isoformat(), "events": [[]]}])
def test_body_that_is_no_queue_is_refused(world, ben, page, body):
    assert ben.post(f"{page}events/", body, content_type="application/json").status_code == 400


def test_fields_that_are_no_form_are_refused(world, ben, page):
    wrong = entry("note") | {"fields": ["text"]}

    assert send(ben, page, wrong, user=world.ben.user).status_code == 400


def test_queue_of_one_user_is_never_stored_in_the_name_of_another(world, ben, page):
    dan = sign_in(world.dan.user)

    answer = send(dan, page, entry("dose", amount="35", unit="mg"), user=world.ben.user)

    assert answer.status_code == 409
    assert stored(world) == []
    assert send(ben, page, entry("note", text="Calm."), user=world.ben.user).status_code == 200
    assert stored(world) == [("note", "Ben")]
