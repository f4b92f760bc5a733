"""What a phone and a care team read back."""

import hashlib
import json
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from openapi_spec_validator import validate

from tests import factories
from tests.api.test_alerts import raise_alert
from tests.phone import Phone
from tracker.access.policy import Category
from tracker.accounts.models import AccountKind
from tracker.api import guidance
from tracker.api.views import docs
from tracker.progress import actions as progress


@pytest.fixture
def phone(world) -> Phone:
    return Phone(world.ada.user)


def at(day: int) -> str:
    return (factories.MONDAY + timedelta(days=day)).isoformat()


def refresh(world: factories.World, day: int = 40) -> int:
    return progress.refresh_stale(at=factories.MONDAY + timedelta(days=day))


def test_the_pull_cursor_hands_out_every_change_once_and_in_order(phone):
    sent = [factories.pain(n % 11) for n in range(25)]
    phone.push(*sent)
    phone.push(
        {key: value for key, value in sent[3].items() if key != "data"} | {"revision": 2, "removed": True}
    )

    pages: list[list[dict[str, Any]]] = []
    cursor, more = "", True
    while more:
        page = phone.get(f"sync/pull?limit=10&cursor={cursor}").json()
        pages.append(page["records"])
        cursor, more = page["cursor"], page["more"]

    ids = [record["id"] for page in pages for record in page]
    assert [len(page) for page in pages] == [10, 10, 5]
    assert ids == [record["id"] for record in [*sent[:3], *sent[4:], sent[3]]]
    assert pages[-1][-1] | {"removed": True} == pages[-1][-1]
    assert "data" not in pages[-1][-1]
    assert phone.get(f"sync/pull?cursor={cursor}").json()["records"] == []


def test_records_are_listed_newest_first_by_kind_and_day(phone):
    phone.push(
        factories.pain(1, recorded_at=at(0)), factories.daily(mood=3), factories.pain(2, recorded_at=at(5))
    )

    listed = phone.get("records?kind=pain").json()["records"]
    late = phone.get("records?since=2026-03-05").json()["records"]

    assert [record["data"]["intensity"] for record in listed] == [2, 1]
    assert [record["data"]["intensity"] for record in late] == [2]


def test_the_cursor_of_records_neither_skips_nor_repeats(phone):
    phone.push(*[factories.pain(3) for _ in range(23)])

    seen: list[str] = []
    following: str | None = ""
    while following is not None:
        page = phone.get("records?limit=5" + (f"&cursor={following}" if following else "")).json()
        seen += [record["id"] for record in page["records"]]
        following = page["next"]

    assert len(seen) == len(set(seen)) == 23


def test_one_record_is_added_amended_and_removed(phone):
    record = factories.pain(6)

    assert phone.post("records", record).status_code == 201
    assert phone.post("records", record).status_code == 200
    amended = phone.call("PUT", f"records/{record['id']}", record | {"revision": 2, "data": {"intensity": 4}})
    assert amended.json()["record"]["data"] == {"intensity": 4}
    stale = phone.call("PUT", f"records/{record['id']}", record | {"revision": 2, "data": {"intensity": 1}})
    assert (stale.status_code, stale.json()["server"]["data"]) == (409, {"intensity": 4})
    removed = phone.call("DELETE", f"records/{record['id']}")
    assert removed.json()["record"]["removed"] is True
    assert phone.call("DELETE", f"records/{record['id']}").json()["status"] == "replayed"
    assert phone.get("records").json()["records"] == []


def test_observations_come_with_their_measure_and_baseline(phone):
    phone.push(*[factories.pain(day % 3 + 4, recorded_at=at(day)) for day in range(20)])

    body = phone.get("observations?measure=pain.intensity&from=2026-03-04").json()

    assert body["measure"]["direction"] == "higher_worse"
    assert (body["measure"]["low"], body["measure"]["high"]) == (0, 10)
    assert len(body["observations"]) == 18
    assert body["current"]["baseline_n"] == 14
    assert body["current"]["baseline"] == pytest.approx(sum(day % 3 + 4 for day in range(14)) / 14)
    assert body["current"]["week_n"] == 7


def test_the_weekly_summary_says_what_was_logged_and_what_was_missed(world, phone):
    phone.push(*[factories.pain(6, recorded_at=at(day)) for day in range(14)])
    phone.push(*[factories.pain(3, recorded_at=at(14 + day)) for day in (0, 1, 2, 4, 5)])
    refresh(world)

    week = phone.get("summaries?week=2026-03-18").json()["summaries"][0]["figures"]

    assert week["logged"]["days_missed"] == ["2026-03-19", "2026-03-22"]
    row = week["measures"][0]
    assert (row["baseline"]["value"], row["baseline"]["n"]) == (6, 14)
    assert (row["now"]["value"], row["now"]["n"]) == (3, 5)
    assert row["change"] == {"absolute": -3, "percent": -50, "word": "better"}


def test_a_summary_of_the_same_inputs_has_the_same_bytes(world, phone):
    phone.push(*[factories.pain(6, recorded_at=at(day)) for day in range(14)])
    refresh(world)
    before = phone.get("summaries").json()
    record = factories.pain(1, recorded_at=at(3))
    phone.push(record)
    refresh(world)
    between = phone.get("summaries").json()
    phone.push(
        {key: value for key, value in record.items() if key != "data"} | {"revision": 2, "removed": True}
    )
    refresh(world)
    after = phone.get("summaries").json()

    def digests(body):
        return [summary["digest"] for summary in body["summaries"]]

    assert digests(before) == digests(after)
    assert digests(before) != digests(between)
    canonical = json.dumps(after["summaries"][0]["figures"], sort_keys=True, separators=(",", ":"))
    assert hashlib.sha256(canonical.encode()).hexdigest() == digests(after)[0]


def test_a_patient_whose_entries_have_not_changed_costs_nothing(world, phone):
    phone.push(factories.pain(6))

    assert refresh(world) == 1
    assert refresh(world) == 0


def test_where_the_clinic_does_not_share_summaries_the_patient_is_told_so(world, phone):
    world.clinic.patients_see_summaries = False
    world.clinic.save()

    assert phone.get("summaries").json()["code"] == "not_shared_by_clinic"
    assert Phone(world.ben.user).get(f"summaries?patient={world.ada.pk}").status_code == 200


def test_me_says_who_i_am_and_carries_the_crisis_text(world, phone):
    body = phone.get("me").json()

    assert (body["role"], body["patient"]) == ("patient", str(world.ada.pk))
    assert body["crisis"]["crisis_text"] == world.clinic.crisis_text
    assert "not an emergency service" in body["crisis"]["disclaimer"]


def test_the_disclaimer_promises_a_care_team_to_whose_answers_reach_it_and_nothing_that_hangs_on_sharing(
    world, phone
):
    carl = factories.user("carl", AccountKind.CAREGIVER)
    factories.caregiver(world.ada, carl, Category.PAIN)

    told = {who: phone_of.get("me").json()["crisis"]["disclaimer"] for who, phone_of in {
        "ada": phone, "ben": Phone(world.ben.user), "carl": Phone(carl),
    }.items()}  # fmt: skip

    assert told["ada"].startswith(
        "Your care team is told of an answer like this once it has arrived, whatever you share"
    )
    assert told["carl"].startswith(
        "The care team is told of an answer like this once it has arrived, and that you"
    )
    assert told["ben"] == guidance.ANYWHERE["disclaimer"]


def test_the_catalogue_is_cached_by_its_tag(phone):
    first = phone.get("instruments/phq-9/1999")

    again = phone.get("instruments/phq-9/1999", **{"If-None-Match": first["ETag"]})

    assert first.json()["title"]["en"].startswith("Patient Health Questionnaire")
    assert (again.status_code, again.content) == (304, b"")
    assert phone.get("instruments/phq-9/1850").status_code == 404


def test_the_schema_is_openapi_31_and_validates(client):
    answer = client.get("/api/v1/schema", headers={"Accept": "application/vnd.oai.openapi+json"})
    schema = json.loads(answer.content)

    assert schema["openapi"].startswith("3.1")
    validate(schema)
    assert schema["paths"]["/api/v1/sync/push"]["post"]["responses"]["200"]


def test_the_health_pages_answer(client, db):
    assert client.get("/health/live").json() == {"status": "alive"}
    ready = client.get("/health/ready")
    assert (ready.status_code, ready.json()["database"]) == (200, "ready")


# One of them is the event that every read leaves.
@pytest.mark.parametrize(
    ("route", "statements"),
    [
        ("me", 10),
        ("records", 13),
        ("sync/pull", 13),
        ("observations?measure=pain.intensity", 9),
        ("summaries", 8),
        ("messages", 6),
        ("check-ins", 7),
        ("instruments", 6),
    ],
)
def test_every_list_keeps_to_its_number_of_statements(
    phone, route, statements, django_assert_max_num_queries
):
    phone.push(*[factories.pain(3) for _ in range(40)], factories.record("journal", {"text": "x"}))

    with django_assert_max_num_queries(statements):
        assert phone.get(route).status_code == 200


def test_the_list_of_alerts_keeps_to_its_number_of_statements(world, django_assert_max_num_queries):
    for number in range(20):
        raise_alert(world, f"rule_{number}")
    ben = Phone(world.ben.user)

    # One of them counts the total.
    with django_assert_max_num_queries(7):
        assert len(ben.get("alerts").json()["alerts"]) == 20


def test_the_schema_is_made_once_and_asking_again_makes_none(client, monkeypatch):
    for accept in ("application/vnd.oai.openapi+json", "application/vnd.oai.openapi"):
        first = client.get("/api/v1/schema", headers={"Accept": accept})
        with monkeypatch.context() as patch:
            patch.setattr(docs.Schema, "generator_class", None)
            again = client.get("/api/v1/schema?lang=de", headers={"Accept": accept})

        assert again.content == first.content
        assert again["Content-Type"].startswith(accept)


def test_check_ins_that_overlap_are_a_conflict_for_the_patient_and_for_the_clinician(world):
    ben, at = Phone(world.ben.user), timezone.now() + timedelta(days=2)
    kim = factories.patient(world.clinic, "kim", world.team)

    def plan(patient, after: int, minutes: int):
        starts_at = (at + timedelta(minutes=after)).isoformat()
        body = {"patient": str(patient.pk), "starts_at": starts_at, "minutes": minutes}
        answer = ben.post("check-ins", body)
        return answer.status_code, answer.json().get("code")

    assert plan(world.ada, 0, 60) == (201, None)
    assert plan(world.ada, 30, 30) == (409, "already_planned")
    assert plan(kim, 30, 30) == (409, "clinician_busy")
    assert plan(kim, 60, 30) == (201, None)


@pytest.mark.parametrize("headers", [{}, {"Idempotency-Key": "one-of-mine"}])
def test_the_history_names_the_device_of_a_single_record_write_too(phone, headers):
    record = factories.pain(3)
    keys = ({name: f"{value}-{n}" for name, value in headers.items()} for n in range(3))

    phone.call("POST", "records", record, **next(keys))
    phone.call(
        "PUT", f"records/{record['id']}", record | {"revision": 2, "data": {"intensity": 4}}, **next(keys)
    )
    phone.call("DELETE", f"records/{record['id']}", **next(keys))

    versions = phone.get(f"records/{record['id']}/history").json()["versions"]
    assert [row["revision"] for row in versions] == [3, 2, 1]
    assert {row["device"] for row in versions} == {str(phone.device)}
