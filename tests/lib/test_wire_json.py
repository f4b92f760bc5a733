"""JSON as the API writes it: whatever is stored can be read."""

import json

import pytest

from tracker.lib import wire_json


@pytest.mark.parametrize("number", [2**53, 2**63, 2**64, -(2**63) - 1, 10**300, -(10**4000)])
def test_an_integer_of_any_size_is_written_with_all_its_digits(number):
    data = {"answers": {"item1": number, "item2": 1.5, "of": [number, {"deep": (number,)}]}}

    assert json.loads(wire_json.dump(data)) == {
        "answers": {"item1": number, "item2": 1.5, "of": [number, {"deep": [number]}]}
    }


def test_what_is_no_json_is_written_as_text_beside_a_large_integer():
    assert json.loads(wire_json.dump({1: 2**70, "x": ValueError("no")})) == {"1": 2**70, "x": "no"}
