"""Records in the OpenAPI document: a component for each kind, told apart by ``kind``, with the limits that hold."""

from typing import Any

import jsonschema_rs
import pytest

from tests import factories, openapi
from tests.phone import Phone
from tracker.records.kinds import KINDS

PREFIX = "#/components/schemas/"
UNIONS = ("RecordRequest", "HeldRecord", "RecordVersion")


def component(name: str) -> dict[str, Any]:
    found: dict[str, Any] = openapi.document()["components"]["schemas"][name]
    return found


def schema_of(content: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = content["content"]["application/json"]["schema"]
    return found


def is_taken_by_schema(record: dict[str, Any]) -> bool:
    reference = {"$ref": PREFIX + "RecordRequest", "components": openapi.document()["components"]}
    return bool(jsonschema_rs.is_valid(reference, record, validate_formats=True))


@pytest.mark.parametrize("union", UNIONS)
def test_every_kind_of_record_has_a_component_by_the_discriminator_of_the_openapi_document(union):
    schema = component(union)
    mapping = schema["discriminator"]["mapping"]

    assert schema["discriminator"]["propertyName"] == "kind"
    assert mapping.keys() == KINDS.keys()
    assert [part["$ref"] for part in schema["oneOf"]] == list(mapping.values())
    assert len(set(mapping.values())) == len(KINDS)
    for kind, reference in mapping.items():
        member = component(reference.removeprefix(PREFIX))
        assert member["properties"]["kind"] == {"const": kind, "type": "string"}
        assert "kind" in member["required"]


def test_every_route_of_records_names_the_union_of_the_openapi_document():
    def operation(method: str, path: str) -> dict[str, Any]:
        found = openapi.operation(method, f"/api/v1/{path}")
        assert found
        return found

    request, held, version = ({"$ref": PREFIX + name} for name in UNIONS)
    one = "records/00000000-0000-4000-8000-000000000000"

    assert component("PushRequest")["properties"]["records"]["items"] == request
    assert schema_of(operation("POST", "records")["requestBody"]) == request
    assert schema_of(operation("PUT", one)["requestBody"]) == request
    assert schema_of(operation("GET", one)["responses"]["200"]) == held
    assert component("PullPage")["properties"]["records"]["items"] == held
    assert component("PullPage")["properties"]["unreadable"]["items"] == held
    assert component("RecordPage")["properties"]["records"]["items"] == held
    assert component("RecordReply")["properties"]["record"] == held
    assert component("PushResult")["properties"]["server"] == held
    assert component("RecordConflict")["properties"]["server"] == held
    assert component("RecordHistory")["properties"]["versions"]["items"] == version


@pytest.mark.parametrize("kind", KINDS.values(), ids=list(KINDS))
def test_the_example_of_every_kind_of_record_fits_the_openapi_document_and_is_stored(world, kind):
    record = factories.record(kind.name, dict(kind.example))

    assert is_taken_by_schema(record)
    assert Phone(world.ada.user).push(record).json()["results"][0]["status"] == "stored"


LIMITS = {
    "no data": {"kind": "pain", "data": None},
    "no kind of ours": {"kind": "mood", "data": {"mood": 3}},
    "nothing in it": {"kind": "daily", "data": {}},
    "nothing of a night": {"kind": "sleep", "data": {}},
    "no sign": {"kind": "vitals", "data": {"self_measured": True}},
    "half a blood pressure": {"kind": "vitals", "data": {"systolic": 120}},
    "a dose without a unit": {
        "kind": "medication_use", "data": {"medication": "pregabalin", "outcome": "taken", "dose_value": 5},
    },
    "a dose that was skipped": {
        "kind": "medication_use",
        "data": {"medication": "pregabalin", "outcome": "skipped", "dose_value": 5, "dose_unit": "mg"},
    },
    "a side that is not there": {
        "kind": "pain", "data": {"intensity": 3, "regions": [{"code": "knee", "side": "mid"}]},
    },
    "too long": {"kind": "journal", "data": {"text": "x" * 65_537}},
    "half a text": {"kind": "journal", "data": {"text": "a\0b"}},
    "a name of no item": {
        "kind": "response",
        "data": {"instrument": "phq-9", "version": "1999", "status": "draft", "answers": {"item 1": 1}},
    },
}  # fmt: skip


@pytest.mark.parametrize("what", LIMITS.values(), ids=list(LIMITS))
def test_what_is_rejected_of_a_record_is_outside_the_limits_of_the_openapi_document(world, what):
    record = factories.record("pain", {"intensity": 3}) | what
    if record["data"] is None:
        del record["data"]

    assert not is_taken_by_schema(record)
    assert Phone(world.ada.user).push(record).json()["results"][0]["status"] == "rejected"


def test_a_tombstone_fits_the_openapi_document_without_data_only():
    record = factories.record("pain", {"intensity": 3}) | {"removed": True}

    assert not is_taken_by_schema(record)
    del record["data"]
    assert is_taken_by_schema(record)


def test_a_malformed_record_of_any_kind_is_rejected_alone_whatever_the_openapi_document_says(world):
    malformed: list[Any] = [factories.record(kind, {"nothing": "of it"}) for kind in KINDS]
    malformed += [{"kind": 7}, "no record"]
    good = factories.record("pain", {"intensity": 3})

    results = Phone(world.ada.user).push(*malformed, good).json()["results"]

    assert [result["status"] for result in results] == ["rejected"] * len(malformed) + ["stored"]
