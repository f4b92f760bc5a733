"""The list of measures, and the headers that say where something is and whether it has changed."""

from datetime import timedelta

from django.utils import timezone

from tests import factories
from tests.phone import Phone
from tracker.records import measures
from tracker.records.value_sets import EFFECTS


def test_every_measure_is_listed_with_unit_range_direction_and_family(world):
    listed = {row["measure"]: row for row in Phone(world.ada.user).get("measures").json()["measures"]}

    assert listed.keys() == measures.all().keys() | {f"side_effect.{effect}" for effect in EFFECTS}
    assert listed["vitals.temperature_c"] == {
        "measure": "vitals.temperature_c", "label": "Temperature", "unit": "°C", "low": 30, "high": 45, "step": 0.1,
        "direction": "neutral", "family": "other", "aggregation": "mean", "instrument": None,
    }  # fmt: skip
    assert (listed["phq-9"]["high"], listed["phq-9"]["direction"]) == (27, "higher_worse")
    assert listed["phq-9"]["instrument"] == "phq-9"


def test_a_listed_measure_is_one_whose_observations_can_be_asked_for(world):
    phone = Phone(world.ada.user)

    for row in phone.get("measures").json()["measures"]:
        assert measures.get(row["measure"]).code == row["measure"]
    assert (
        phone.get("observations?measure=side_effect.nausea").json()["measure"]
        in (phone.get("measures").json()["measures"])
    )


def test_the_measures_and_the_openapi_document_are_not_sent_again_unless_their_etag_changed(world, client):
    phone = Phone(world.ada.user)
    tag = phone.get("measures")["ETag"]
    document = client.get("/api/v1/schema")

    assert phone.get("measures", **{"If-None-Match": tag}).status_code == 304
    assert client.get("/api/v1/schema", headers={"If-None-Match": document["ETag"]}).status_code == 304
    assert client.get("/api/v1/schema", headers={"If-None-Match": '"other"'}).status_code == 200


def test_a_record_that_was_added_has_its_location_and_one_that_is_replayed_has_none(world):
    phone, record = Phone(world.ada.user), factories.pain(3)

    added = phone.post("records", record)

    assert added.status_code == 201
    assert added["Location"] == f"/api/v1/records/{record['id']}"
    assert phone.get(added["Location"].removeprefix("/api/v1/")).json()["id"] == record["id"]
    assert "Location" not in phone.post("records", record)


def test_a_check_in_that_was_planned_has_its_location(world):
    ben, at = Phone(world.ben.user), timezone.now() + timedelta(days=2)

    planned = ben.post("check-ins", {"patient": str(world.ada.pk), "starts_at": at.isoformat()})

    assert planned["Location"] == f"/api/v1/check-ins/{planned.json()['id']}"
    assert ben.call("DELETE", planned["Location"].removeprefix("/api/v1/")).status_code == 204
