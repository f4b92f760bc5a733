"""The list of medications that an app offers."""

import re

from tests import factories
from tests.phone import Phone
from tracker.records import measures, medications
from tracker.records.kinds import KINDS

CODE = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")


def _listed(world):
    return Phone(world.ada.user).get("medications").json()["medications"]


def test_every_medication_is_listed_by_label_with_the_measure_of_its_doses(world):
    listed = _listed(world)
    by_code = {row["medication"]: row for row in listed}

    assert by_code.keys() == medications.CODES
    assert [row["label"] for row in listed] == sorted(row["label"] for row in listed)
    assert by_code["st-johns-wort"]["label"] == "St John's wort"
    assert by_code["venlafaxine"] == {
        "medication": "venlafaxine", "label": "Venlafaxine", "measure": "dose.venlafaxine",
    }  # fmt: skip
    for row in listed:
        assert CODE.fullmatch(row["medication"])
        assert measures.get(row["measure"]).label == f"Dose of {medications.name(row['medication'])}"


def test_the_medications_of_the_example_and_of_the_demo_clinic_are_listed():
    assert {"sertraline", "oxycodone", KINDS["medication_use"].example["medication"]} <= medications.CODES


def test_a_dose_of_a_medication_that_is_not_listed_is_taken_under_its_own_measure(world):
    phone = Phone(world.ada.user)
    data = {"medication": "reserpine", "outcome": "taken", "dose_value": 0.25, "dose_unit": "mg"}

    receipt = phone.push(factories.record("medication_use", data))

    assert "reserpine" not in medications.CODES
    assert receipt.json()["results"][0]["status"] == "stored"
    assert measures.get("dose.reserpine").label == "Dose of reserpine"


def test_the_medications_are_not_sent_again_unless_their_etag_changed(world):
    phone = Phone(world.ada.user)
    tag = phone.get("medications")["ETag"]

    assert phone.get("medications", **{"If-None-Match": tag}).status_code == 304
