"""A form as an R4 Questionnaire."""

import re
from typing import Any

import pytest

from tracker.instruments import catalogue, fhir_questionnaire
from tracker.instruments.definition import InstrumentDefinition

SHIPPED = [form for form in catalogue.all() if form.terms.wording_may_ship]
LOINC = "http://loinc.org"
ORDINAL = "http://hl7.org/fhir/StructureDefinition/ordinalValue"


@pytest.mark.parametrize("form", SHIPPED, ids=str)
def test_a_questionnaire_keeps_the_rules_of_r4(form):
    """R4 invariants que-0 (name), que-2 (linkIds once), que-4/5 (options of choices only), and its code patterns."""
    resource = fhir_questionnaire.to_r4(form)

    assert re.fullmatch(r"[A-Z][A-Za-z0-9_]{0,254}", resource["name"])
    assert re.fullmatch(r"[A-Za-z0-9.-]{1,64}", resource["id"])
    link_ids = [item["linkId"] for item in resource["item"]]
    assert len(set(link_ids)) == len(link_ids)
    for item in resource["item"]:
        assert item["text"]
        assert ("answerOption" in item) == (item["type"] == "choice")
        assert item["type"] in ("choice", "integer", "decimal", "display")
        codings = [option["valueCoding"] for option in item.get("answerOption", ())]
        assert len({(coding["system"], coding["code"]) for coding in codings}) == len(codings)
        for when in item.get("enableWhen", ()):
            assert link_ids.index(when["question"]) < link_ids.index(item["linkId"])


@pytest.mark.parametrize("form", SHIPPED, ids=str)
def test_a_questionnaire_names_its_terms(form):
    assert fhir_questionnaire.to_r4(form)["copyright"]


def test_phq_9_has_its_codes_and_ordinal_values():
    resource = fhir_questionnaire.to_r4(catalogue.latest("phq-9"))
    item = next(item for item in resource["item"] if item["linkId"] == "/44260-8")

    assert resource["code"][0]["code"] == "44249-1"
    assert resource["item"][0]["type"] == "display"
    assert resource["item"][0]["text"].startswith("Over the last 2 weeks")
    assert item["linkId"] == "/44260-8"
    assert item["code"] == [{"system": LOINC, "code": "44260-8"}]
    assert item["answerOption"][3] == {
        "valueCoding": {
            "extension": [{"url": ORDINAL, "valueDecimal": 3}],
            "system": LOINC,
            "code": "LA6571-9",
            "display": "Nearly every day",
        }
    }


def test_answers_without_a_loinc_code_are_coded_by_their_value():
    resource = fhir_questionnaire.to_r4(catalogue.latest("pgic"))

    assert [option["valueCoding"]["code"] for option in resource["item"][0]["answerOption"]] == list(
        "1234567"
    )
    assert {option["valueCoding"]["system"] for option in resource["item"][0]["answerOption"]} == {
        "urn:interlude:instrument:pgic:answers"
    }


def test_a_range_becomes_the_least_and_the_most():
    item = fhir_questionnaire.to_r4(catalogue.latest("peg"))["item"][0]

    assert (item["type"], [extension["valueInteger"] for extension in item["extension"]]) == (
        "integer",
        [0, 10],
    )
    hours = next(
        item
        for item in fhir_questionnaire.to_r4(catalogue.latest("daily-log"))["item"]
        if item["linkId"] == "sleep_hours"
    )
    assert (hours["type"], [extension["valueDecimal"] for extension in hours["extension"]]) == (
        "decimal",
        [0, 24],
    )


def test_an_item_recorded_as_another_kind_is_not_asked():
    link_ids = [item["linkId"] for item in fhir_questionnaire.to_r4(catalogue.latest("daily-log"))["item"]]

    assert "journal" not in link_ids
    assert "self_harm_thoughts" in link_ids


@pytest.mark.parametrize("form", [f for f in catalogue.all() if not f.terms.wording_may_ship], ids=str)
def test_without_wording_there_is_no_questionnaire(form):
    with pytest.raises(fhir_questionnaire.WordingMissingError):
        fhir_questionnaire.to_r4(form)


def own_wording(form: InstrumentDefinition) -> dict[str, Any]:
    return {"items": {item.link_id: {"text": {"en": f"Text of {item.link_id}"}} for item in form.items}}


def test_a_clinics_own_wording_makes_one_with_its_skip_rules():
    form = catalogue.latest("c-ssrs-screener")

    resource = fhir_questionnaire.to_r4(form, own_wording(form))

    assert resource["item"][0]["text"] == "Text of /93246-7"
    assert resource["item"][2]["enableWhen"] == [
        {"question": "/93247-5", "operator": "=", "answerCoding": {"system": LOINC, "code": "LA33-6"}}
    ]


def test_a_clinics_own_labels_stand_beside_the_answers():
    form = catalogue.latest("gcps-r")
    given = own_wording(form)
    given["items"]["q1"]["options"] = {"0": {"en": "Not once"}}

    options = fhir_questionnaire.to_r4(form, given)["item"][0]["answerOption"]

    assert [option["valueCoding"]["display"] for option in options] == [
        "Not once",
        "some days",
        "most days",
        "every day",
    ]


def test_a_range_with_a_label_for_each_number_becomes_a_choice():
    form = catalogue.latest("who-5")
    given = own_wording(form)
    given["items"]["q1"]["options"] = {str(n): {"en": f"Label {n}"} for n in range(6)}

    item = fhir_questionnaire.to_r4(form, given)["item"][0]
    coding = item["answerOption"][4]["valueCoding"]

    assert (item["type"], coding["display"]) == ("choice", "Label 4")
