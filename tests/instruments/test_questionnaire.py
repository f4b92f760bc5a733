"""A form as an R4 Questionnaire, and answers back."""

import re
from typing import Any

import pytest

from tracker.instruments import catalogue, questionnaire, scoring
from tracker.instruments.form import Form

SHIPPED = [form for form in catalogue.all() if form.terms.wording_may_ship]
LOINC = "http://loinc.org"
ORDINAL = "http://hl7.org/fhir/StructureDefinition/ordinalValue"


@pytest.mark.parametrize("form", SHIPPED, ids=str)
def test_a_questionnaire_keeps_the_rules_of_r4(form):
    """R4 invariants que-0 (name), que-2 (linkIds once), que-4/5 (options of choices only), and its code patterns."""
    resource = questionnaire.to_r4(form)

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
    assert questionnaire.to_r4(form)["copyright"]


def test_phq_9_has_its_codes_and_ordinal_values():
    resource = questionnaire.to_r4(catalogue.latest("phq-9"))
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
    resource = questionnaire.to_r4(catalogue.latest("pgic"))

    assert [option["valueCoding"]["code"] for option in resource["item"][0]["answerOption"]] == list(
        "1234567"
    )
    assert {option["valueCoding"]["system"] for option in resource["item"][0]["answerOption"]} == {
        "urn:interlude:instrument:pgic:answers"
    }


def test_a_range_becomes_the_least_and_the_most():
    item = questionnaire.to_r4(catalogue.latest("peg"))["item"][0]

    assert (item["type"], [extension["valueInteger"] for extension in item["extension"]]) == (
        "integer",
        [0, 10],
    )
    hours = next(
        item
        for item in questionnaire.to_r4(catalogue.latest("daily-log"))["item"]
        if item["linkId"] == "sleep_hours"
    )
    assert (hours["type"], [extension["valueDecimal"] for extension in hours["extension"]]) == (
        "decimal",
        [0, 24],
    )


def test_what_is_kept_elsewhere_is_not_asked():
    link_ids = [item["linkId"] for item in questionnaire.to_r4(catalogue.latest("daily-log"))["item"]]

    assert "journal" not in link_ids
    assert "self_harm_thoughts" in link_ids


@pytest.mark.parametrize("form", [f for f in catalogue.all() if not f.terms.wording_may_ship], ids=str)
def test_without_wording_there_is_no_questionnaire(form):
    with pytest.raises(questionnaire.WordingMissingError):
        questionnaire.to_r4(form)


def own_wording(form: Form) -> dict[str, Any]:
    return {"items": {item.link_id: {"text": {"en": f"Text of {item.link_id}"}} for item in form.items}}


def test_a_clinics_own_wording_makes_one_with_its_skip_rules():
    form = catalogue.latest("c-ssrs-screener")

    resource = questionnaire.to_r4(form, own_wording(form))

    assert resource["item"][0]["text"] == "Text of /93246-7"
    assert resource["item"][2]["enableWhen"] == [
        {"question": "/93247-5", "operator": "=", "answerCoding": {"system": LOINC, "code": "LA33-6"}}
    ]


def test_a_clinics_own_labels_stand_beside_the_answers():
    form = catalogue.latest("gcps-r")
    given = own_wording(form)
    given["items"]["q1"]["options"] = {"0": {"en": "Not once"}}

    options = questionnaire.to_r4(form, given)["item"][0]["answerOption"]

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

    item = questionnaire.to_r4(form, given)["item"][0]
    coding = item["answerOption"][4]["valueCoding"]
    response = {"item": [{"linkId": "q1", "answer": [{"valueCoding": coding}]}]}

    assert (item["type"], coding["display"]) == ("choice", "Label 4")
    assert questionnaire.answers_of(form, response) == ({"q1": 4}, None)


def filled(form: Form, pick: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """A response to our own questionnaire as a renderer makes it, and the values meant."""
    items, values = [], {}
    for item in questionnaire.to_r4(form)["item"]:
        if item["type"] == "display":
            continue
        if item["type"] == "choice":
            coding = item["answerOption"][pick]["valueCoding"]
            values[item["linkId"]] = coding["extension"][0]["valueDecimal"]
            answer: dict[str, Any] = {"valueCoding": {k: v for k, v in coding.items() if k != "extension"}}
        else:
            kind = "valueInteger" if item["type"] == "integer" else "valueDecimal"
            values[item["linkId"]] = item["extension"][pick][kind]
            answer = {kind: values[item["linkId"]]}
        items.append({"linkId": item["linkId"], "answer": [answer]})
    return {"resourceType": "QuestionnaireResponse", "status": "completed", "item": items}, values


@pytest.mark.parametrize("form", SHIPPED, ids=str)
@pytest.mark.parametrize("pick", [0, 1])
def test_a_response_to_ours_gives_the_values_meant(form, pick):
    response, values = filled(form, pick)

    assert questionnaire.answers_of(form, response) == (values, None)
    assert scoring.score(form, values).status != "invalid"


LABELS = ["LA6568-5", "LA6569-3", "LA6570-1", "LA6571-9"]


def published() -> dict[str, Any]:
    """HL7 US Core, QuestionnaireResponse phq-9-example: its codes, its stated total, its answer to item 10."""
    form = catalogue.latest("phq-9")
    answers = [2, 2, 2, 2, 1, 1, 2, 0, 0]
    items: list[dict[str, Any]] = [
        {"linkId": name, "answer": [{"valueCoding": {"system": LOINC, "code": LABELS[value]}}]}
        for name, value in zip(form.scored, answers, strict=True)
    ]
    items.append({"linkId": "/44261-6", "answer": [{"valueDecimal": 12}]})
    items.append({"linkId": "/69722-7", "answer": [{"valueCoding": {"system": LOINC, "code": "LA6573-5"}}]})
    return {"resourceType": "QuestionnaireResponse", "status": "completed", "item": items}


def test_the_published_example_is_scored_and_its_total_compared():
    form = catalogue.latest("phq-9")

    answers, stated = questionnaire.answers_of(form, published())
    result = scoring.score(form, answers, stated)

    assert (stated, result.status, result.scores[0].value, result.flags) == (12, "complete", 12, ())


def test_answers_inside_groups_are_found():
    form = catalogue.latest("phq-9")
    response = {"item": [{"linkId": "group", "item": published()["item"]}]}

    assert questionnaire.answers_of(form, response) == questionnaire.answers_of(form, published())


@pytest.mark.parametrize(
    "answer",
    [
        [{"valueCoding": {"system": LOINC, "code": "LA0000-0"}}],
        [{"valueCoding": {"system": "urn:other", "code": "LA6568-5"}}],
        [{"valueString": "Not at all"}],
        [{"valueCoding": {"system": LOINC, "code": code}} for code in ("LA6568-5", "LA6569-3")],
        [{"valueBoolean": True}],
    ],
)
def test_an_answer_that_is_none_of_ours_is_refused_by_item(answer):
    form = catalogue.latest("phq-9")
    response = published()
    response["item"][0]["answer"] = answer

    result = scoring.score(form, *questionnaire.answers_of(form, response))

    assert (result.status, [problem.item for problem in result.errors]) == ("invalid", ["/44250-9"])


def test_an_item_without_an_answer_is_unanswered():
    form = catalogue.latest("phq-9")
    response = published()
    del response["item"][0]["answer"]

    assert scoring.score(form, *questionnaire.answers_of(form, response)).status == "incomplete"
