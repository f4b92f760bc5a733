"""The catalogue as a phone and another system read it, and the wording that only one clinic may see."""

import json
from typing import Any

import pytest

from tests import factories
from tests.api.test_isolation import bare
from tests.instruments import r4
from tests.phone import Phone
from tests.rls_context import as_clinic
from tracker.instruments import actions, catalogue, fhir_questionnaire, scoring
from tracker.instruments.models import Permission
from tracker.instruments.wording import Wording

WHO5 = "instruments/who-5/2024"
FHIR = "application/fhir+json"


@pytest.fixture
def phone(world) -> Phone:
    return Phone(world.ada.user)


@pytest.fixture
def elsewhere(world) -> Phone:
    """The phone of Gus, a patient of another clinic."""
    return Phone(world.gus.user)


def permit(world: factories.World, *, said: str = "Asked with permission", language: str = "en") -> None:
    """Let Ada's clinic use the wording of WHO-5."""
    form = catalogue.get("who-5", "2024")
    items: dict[str, Any] = {item.link_id: {"text": {language: said}} for item in form.items}
    items["q1"]["options"] = {"0": {language: "Not once"}, "5": {language: "Always"}}
    given = Wording.model_validate(
        {
            "instrument": "who-5", "version": "2024", "granted_by": "the rights holder", "granted_on": "2026-01-05",
            "stem": {language: "The last two weeks"}, "items": items,
        }
    )  # fmt: skip
    with as_clinic(world.clinic.pk):
        actions.load_wording(clinic_id=world.clinic.pk, given=given, actor="user/eve", at=factories.MONDAY)


def listed(phone: Phone) -> dict[str, bool]:
    return {row["instrument"]: row["available"] for row in phone.get("instruments").json()["instruments"]}


def test_the_list_says_what_the_clinic_may_use(phone):
    available = {form.code: form.terms.wording_may_ship for form in catalogue.all()}

    assert listed(phone) == available
    assert (available["phq-9"], available["who-5"]) == (True, False)


def test_without_permission_there_are_numbers_and_no_words(phone):
    body = phone.get(WHO5).json()

    assert body["available"] is False
    assert not any("text" in item for item in body["items"])
    assert "stem" not in body
    assert body["scoring"]["scores"][0]["name"] == "who-5"


def test_with_permission_the_clinic_reads_its_own_wording_and_no_other_clinic_does(world, phone, elsewhere):
    permit(world)

    body = phone.get(WHO5).json()
    other = elsewhere.get(WHO5)

    assert (listed(phone)["who-5"], listed(elsewhere)["who-5"]) == (True, False)
    assert body["available"] is True
    assert body["stem"] == {"en": "The last two weeks"}
    assert {item["text"]["en"] for item in body["items"]} == {"Asked with permission"}
    assert body["items"][0]["labels"] == {"0": {"en": "Not once"}, "5": {"en": "Always"}}
    assert other.json()["available"] is False
    assert b"with permission" not in other.content
    assert b"with permission" not in elsewhere.get(f"{WHO5}/fhir").content


def without_nulls(content):
    return {name: part for name, part in content.items() if part is not None}


@pytest.mark.parametrize("form", catalogue.all(), ids=str)
def test_a_phone_gets_all_that_it_needs_to_score_offline(phone, form):
    body = phone.get(f"instruments/{form.code}/{form.version}").json()

    assert body["content_hash"]
    # By way of JSON, where every key is text; what the file says nothing of is left out.
    told = json.loads(json.dumps(form.document), object_hook=without_nulls)
    assert {name: body[name] for name in form.document} == told


@pytest.mark.parametrize("route", ["instruments", "instruments/phq-9/1999", "instruments/phq-9/1999/fhir"])
@pytest.mark.parametrize("sent", ["{}", "W/{}", '"other", {}', "*"])
def test_what_a_phone_holds_is_not_sent_again(phone, route, sent):
    first = phone.get(route)

    again = phone.get(route, **{"If-None-Match": sent.format(first["ETag"])})

    assert first.status_code == 200
    assert (again.status_code, again.content, again["ETag"]) == (304, b"", first["ETag"])
    assert phone.get(route, **{"If-None-Match": '"other"'}).status_code == 200


@pytest.mark.parametrize("route", ["instruments", WHO5])
def test_a_permission_that_comes_or_goes_changes_the_tag_for_this_clinic_alone(
    world, phone, elsewhere, route
):
    before, other = phone.get(route)["ETag"], elsewhere.get(route)["ETag"]
    permit(world)
    during = phone.get(route, **{"If-None-Match": before})
    with as_clinic(world.clinic.pk):
        Permission.objects.all().delete()
    after = phone.get(route)

    assert (during.status_code, during["ETag"] == before) == (200, False)
    assert before == after["ETag"] == other == elsewhere.get(route)["ETag"]


def test_a_corrected_wording_changes_the_tag(world, phone):
    permit(world)
    before = [phone.get(route)["ETag"] for route in (WHO5, f"{WHO5}/fhir")]
    permit(world, said="Asked better")
    after = [phone.get(route)["ETag"] for route in (WHO5, f"{WHO5}/fhir")]

    assert not set(before) & set(after)


def test_other_systems_get_a_questionnaire_of_r4(phone):
    answer = phone.get("instruments/phq-9/1999/fhir", Accept=f"{FHIR}; fhirVersion=4.0")

    assert (answer.status_code, answer["Content-Type"]) == (200, FHIR)
    assert answer.json() == fhir_questionnaire.to_r4(catalogue.get("phq-9", "1999"))
    assert answer["Cache-Control"] == "private, no-cache"


@pytest.mark.parametrize(
    ("accept", "status", "kind"),
    [
        ("*/*", 200, FHIR),
        (FHIR, 200, FHIR),
        ("application/json", 200, "application/json"),
        ("text/html, application/fhir+json;q=0.9", 200, FHIR),
        ("application/fhir+xml", 406, "application/problem+json"),
    ],
)
def test_the_questionnaire_comes_under_the_name_asked_for(phone, accept, status, kind):
    answer = phone.get("instruments/phq-9/1999/fhir", Accept=accept)

    assert (answer.status_code, answer["Content-Type"]) == (status, kind)


def test_without_permission_there_is_no_questionnaire_and_the_reason_is_said(world, phone):
    answer = phone.get(f"{WHO5}/fhir")

    assert (answer.status_code, answer["Content-Type"]) == (409, "application/problem+json")
    assert answer.json()["code"] == "wording_not_available"
    assert answer.json()["detail"] == "Your clinic holds no permission for the wording of this instrument."

    permit(world)
    assert phone.get(f"{WHO5}/fhir").json()["item"][1]["text"] == "Asked with permission"


def test_a_clinics_wording_may_be_in_its_own_language_alone(world, phone):
    permit(world, said="Gevraagd met toestemming", language="nl")

    resource = phone.get(f"{WHO5}/fhir").json()

    assert (resource["language"], resource["item"][0]["text"]) == ("nl", "The last two weeks")
    assert {item["text"] for item in resource["item"][1:]} == {"Gevraagd met toestemming"}
    r4.check(resource)


@pytest.mark.parametrize("end", ["", "/fhir"])
def test_what_is_not_published_is_not_found(phone, end):
    unknown = [
        phone.get(f"instruments/{name}{end}")
        for name in ("phq-9/1850", "phq-10/1999", "PHQ-9/1999", "phq-9/%00", "%00/1999", "..%2F/1999")
    ]

    assert {bare(answer)[0] for answer in unknown} == {404}
    assert {answer["Content-Type"] for answer in unknown} == {"application/problem+json"}


@pytest.mark.parametrize("route", ["instruments", "instruments/phq-9/1999", "instruments/phq-9/1999/fhir"])
def test_a_parameter_that_nobody_knows_is_refused_by_name(phone, route):
    answer = phone.get(f"{route}?language=nl")

    assert (answer.status_code, answer.json()["errors"][0]["parameter"]) == (400, "language")


def test_the_schema_knows_the_questionnaire(client):
    schema = client.get("/api/v1/schema", headers={"Accept": "application/vnd.oai.openapi+json"}).json()

    responses = schema["paths"]["/api/v1/instruments/{instrument}/{version}/fhir"]["get"]["responses"]
    assert FHIR in responses["200"]["content"]
    assert {"304", "401", "404", "409"} <= set(responses)


@pytest.mark.parametrize(
    ("route", "statements"),
    [("instruments", 7), ("instruments/phq-9/1999", 7), (WHO5, 8), (f"{WHO5}/fhir", 7)],
)
def test_every_answer_keeps_to_its_number_of_statements(
    world, phone, route, statements, django_assert_max_num_queries
):
    permit(world)

    with django_assert_max_num_queries(statements):
        assert phone.get(route).status_code == 200


@pytest.mark.parametrize("form", [f for f in catalogue.all() if f.terms.wording_may_ship], ids=str)
def test_every_questionnaire_is_valid_r4(phone, form):
    answer = phone.get(f"instruments/{form.code}/{form.version}/fhir")

    resource = r4.check(answer.json())

    assert resource.copyright
    assert len(resource.item or ()) >= len([item for item in form.items if not item.recorded_as])


@pytest.mark.parametrize("form", [f for f in catalogue.all() if not f.terms.wording_may_ship], ids=str)
def test_a_questionnaire_with_a_clinics_wording_is_valid_r4(form):
    given = {
        "items": {item.link_id: {"text": {"en": "Words"}} for item in form.items if not item.recorded_as}
    }

    r4.check(fhir_questionnaire.to_r4(form, given))


@pytest.mark.parametrize(
    "spoil",
    [
        {"status": "published"},
        {"item": [{"linkId": "a", "type": "slider"}]},
        {"item": [{"type": "integer"}]},
        {"wording": "x"},
        {"item": [{"linkId": "a", "type": "choice", "enableWhen": [{"question": "b", "operator": "is"}]}]},
    ],
)
def test_the_validator_refuses_what_is_not_r4(spoil):
    resource = fhir_questionnaire.to_r4(catalogue.latest("phq-9")) | spoil

    with pytest.raises(r4.NotR4Error):
        r4.check(resource)


def test_a_filled_questionnaire_scores_as_the_server_does(phone):
    form = catalogue.get("gad-7", "2006")
    resource = phone.get("instruments/gad-7/2006/fhir").json()
    coding = [item["answerOption"][2]["valueCoding"] for item in resource["item"] if "answerOption" in item]
    link_ids = [item["linkId"] for item in resource["item"] if "answerOption" in item]
    filled = {
        "item": [{"linkId": a, "answer": [{"valueCoding": b}]} for a, b in zip(link_ids, coding, strict=True)]
    }

    answers = r4.answers(resource, filled)

    assert scoring.score(form, answers).scores[0].value == 14
