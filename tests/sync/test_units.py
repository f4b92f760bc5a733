"""A unit is named or refused by name, and a number without one is never guessed at."""

from typing import Any

import pytest

from tests import factories
from tests.phone import Phone
from tracker.records.kinds.vitals import KG_OF_A_POUND


@pytest.fixture
def phone(world: factories.World) -> Phone:
    return Phone(world.ada.user)


def pushed(phone: Phone, data: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The result of a push, and the data that are held then."""
    record = factories.record("vitals", data)
    result = phone.push(record).json()["results"][0]
    held = phone.get(f"records/{record['id']}").json()["data"] if result["status"] == "stored" else {}
    return result, held


@pytest.mark.parametrize(
    ("data", "kept"),
    [
        ({"temperature": {"value": 98.6, "unit": "fahrenheit"}}, {"temperature_c": 37.0}),
        ({"temperature": {"value": 86, "unit": "fahrenheit"}}, {"temperature_c": 30.0}),
        ({"temperature": {"value": 113, "unit": "fahrenheit"}}, {"temperature_c": 45.0}),
        ({"temperature": {"value": 38.39999999999998, "unit": "celsius"}}, {"temperature_c": 38.4}),
        ({"weight": {"value": 180, "unit": "lb"}}, {"weight_kg": 81.65}),
        ({"weight": {"value": 44.1, "unit": "lb"}}, {"weight_kg": 20.0}),
        ({"weight": {"value": 881.8, "unit": "lb"}}, {"weight_kg": 399.98}),
        ({"weight": {"value": 81.25, "unit": "kg"}}, {"weight_kg": 81.25}),
        ({"temperature_c": 37.2, "weight": {"value": 180, "unit": "lb"}}, {"temperature_c": 37.2, "weight_kg": 81.65}),
    ],
)  # fmt: skip
def test_a_value_in_a_declared_unit_is_kept_and_comes_back_in_celsius_and_kilograms(phone, data, kept):
    result, held = pushed(phone, data)

    assert result["status"] == "stored"
    assert held == kept | {"self_measured": True}


def test_the_same_value_in_the_same_unit_again_is_a_replay(phone):
    record = factories.record("vitals", {"weight": {"value": 180, "unit": "lb"}})
    phone.push(record)

    assert phone.push(record).json()["results"][0]["status"] == "replayed"
    assert (
        round(180 * KG_OF_A_POUND, 2)
        == phone.get("observations?measure=vitals.weight_kg").json()["current"]["last"]
    )


@pytest.mark.parametrize(
    ("data", "pointer", "code", "told"),
    [
        ({"temperature_c": 98.6}, "/data/temperature_c", "out_of_range", "at most 45"),
        ({"temperature": 98.6}, "/data/temperature", "wrong_type", "an object"),
        ({"temperature": {"value": 37}}, "/data/temperature/unit", "missing_field", "required"),
        (
            {"temperature": {"value": 98.6, "unit": "celsius"}},
            "/data/temperature/value",
            "out_of_range",
            "range",
        ),
        (
            {"temperature": {"value": 37.0, "unit": "fahrenheit"}},
            "/data/temperature/value",
            "out_of_range",
            "range",
        ),
        ({"weight": {"value": 12, "unit": "stone"}}, "/data/weight/unit", "not_offered", "one of kg, lb"),
        ({"weight": {"value": 900, "unit": "lb"}}, "/data/weight/value", "out_of_range", "range"),
        ({"weight_kg": 80, "weight_unit": "lb"}, "/data/weight_unit", "unknown_field", "not known"),
        ({"weight_kg": 80, "weight": {"value": 180, "unit": "lb"}}, "/data", "two_units", "one unit"),
    ],
)
def test_a_value_whose_unit_is_unknown_missing_or_not_likely_is_refused_by_name(
    phone, data, pointer, code, told
):
    result, _ = pushed(phone, data)

    assert (result["pointer"], result["code"]) == (pointer, code)
    assert told in result["detail"]
