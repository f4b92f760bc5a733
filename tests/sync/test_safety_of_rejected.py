"""An answer about self-harm is seen even where the record that held it could not be stored."""

import json
from typing import Any

import pytest

from tests import factories
from tests.phone import Phone
from tests.rls_context import as_clinic
from tracker.alerts import assessment
from tracker.alerts.models import Alert
from tracker.audit.models import AuditEvent
from tracker.outbox.message_texts import TEXTS
from tracker.outbox.models import Message

POSITIVE = [0] * 8 + [2]


@pytest.fixture
def phone(world: factories.World) -> Phone:
    return Phone(world.ada.user)


def alerts(world: factories.World) -> list[tuple[str, bool]]:
    with as_clinic(world.clinic.pk):
        # Ben and Dan are told of each open alert by every channel of the text.
        told = 2 * len(TEXTS["alert"].channels)
        assert Message.objects.count() == told * Alert.objects.open().count()
        return list(Alert.objects.values_list("rule", "answer_stored"))


def altered(**changes):
    record = factories.phq9(POSITIVE)
    return (
        record
        | {key: value for key, value in changes.items() if key != "data"}
        | {"data": record["data"] | changes.get("data", {})}
    )


@pytest.mark.parametrize(
    ("item", "rule"),
    [
        (altered(time_zone="localtime"), "phq9_item9"),
        (altered(revision=7), "phq9_item9"),
        (altered(recorded_at="yesterday"), "phq9_item9"),
        (altered(note="hello"), "phq9_item9"),
        (altered(id="no id"), "phq9_item9"),
        (altered(data={"instrument": "phq-10"}), "phq9_item9"),
        (altered(data={"status": "done"}), "phq9_item9"),
        (altered(data={"answers": {"/44260-8": 2, "/44250-9": [1]}}), "phq9_item9"),
        (altered(data={"answers": {"/44260-8": "2"}}), "unreadable_safety_answer"),
        (altered(data={"answers": {"/44260-8": True}}), "unreadable_safety_answer"),
        (altered(data={"answers": {"/44260-8": 4}}), "unreadable_safety_answer"),
        (factories.record("daily", {"mood": 99, "self_harm_thoughts": True}), "daily_self_harm_thoughts"),
        (factories.record("Daily", {"self_harm_thoughts": True}), "daily_self_harm_thoughts"),
        (factories.record("daily", {"self_harm_thoughts": "yes"}), "unreadable_safety_answer"),
        (factories.record("Side_Effects", {"items": {"chest_pain": 2}}), "side_effect_chest_pain"),
        (factories.record("side_effects", {"items": ["chest_pain"]}), "unreadable_safety_answer"),
    ],
)
@pytest.mark.parametrize("route", ["push", "single"])
def test_the_safety_scan_alerts_in_a_rejected_record(world, phone, item, rule, route):
    for _ in range(2):
        answer = phone.push(item) if route == "push" else phone.post("records", item)

    body = answer.json()
    assert body["guidance"]["crisis_text"] == world.clinic.crisis_text
    if route == "push":
        assert body["results"][0]["status"] in {"rejected", "retry"}
    else:
        assert answer.status_code in {400, 409}
    assert alerts(world) == [(rule, False)]


def test_the_safety_scan_alerts_in_a_record_in_conflict(world, phone):
    record = factories.phq9()
    phone.push(record)

    answer = phone.push(factories.phq9(POSITIVE, id=record["id"]))

    assert answer.json()["results"][0]["status"] == "conflict"
    assert alerts(world) == [("phq9_item9", False)]


def test_a_form_that_is_mended_is_no_longer_called_unstored(world, phone):
    bad = altered(time_zone="localtime")
    phone.push(bad)
    phone.push(bad | {"time_zone": factories.ZONE})

    assert alerts(world) == [("phq9_item9", True)]
    with as_clinic(world.clinic.pk):
        assert Alert.objects.values_list("source_kind", flat=True).get() == "response"


def test_a_rejected_response_without_a_positive_safety_answer_raises_no_alert(world, phone):
    phone.push(
        factories.phq9(time_zone="localtime"),
        factories.record("daily", {"mood": 99, "self_harm_thoughts": False}),
    )

    assert alerts(world) == []


def test_an_answer_that_gets_worse_after_it_was_acknowledged_is_raised_again(world, phone):
    record = factories.phq9([0] * 8 + [1])
    phone.push(record)
    with as_clinic(world.clinic.pk):
        Alert.objects.update(acknowledged_at=factories.MONDAY, acknowledged_by=world.ben.user)
        before = Message.objects.count()

    phone.push(factories.phq9([0] * 8 + [3], id=record["id"], revision=2))
    again = phone.push(factories.phq9([0] * 8 + [2], id=record["id"], revision=3))

    assert again.status_code == 200
    with as_clinic(world.clinic.pk):
        alert = Alert.objects.get()
        assert (alert.acknowledged_at, alert.value) == (None, 3)
        assert Message.objects.count() == 2 * before


@pytest.mark.parametrize(
    ("path", "header"),
    [
        ("records", {"Idempotency-Key": "bad key!"}),
        ("records?who=me", {}),
        ("records/{id}", {"Idempotency-Key": "bad key!"}),
        ("records/{id}?who=me", {}),
        ("records/{id}", {"If-Match": "x"}),
        ("records/{id}", {"If-Match": '"1"'}),
    ],
)
def test_the_safety_scan_alerts_in_a_push_with_a_refused_header_or_query_parameter(
    world, phone, path, header
):
    record = factories.phq9(POSITIVE)
    method = "PUT" if "{id}" in path else "POST"

    answer = phone.call(method, path.format(id=record["id"]), record, **header)

    assert answer.status_code in {400, 404}
    assert answer.json()["guidance"]["crisis_text"] == world.clinic.crisis_text
    assert alerts(world) == [("phq9_item9", False)]


HALF_AN_EMOJI = "\ud83d"


def test_the_safety_scan_alerts_beside_a_journal_entry_with_a_lone_surrogate(world, phone):
    page = factories.record("journal", {"text": f"so tired {HALF_AN_EMOJI}"})

    answer = phone.push(page, factories.phq9(POSITIVE), factories.pain(4))

    assert [(row["status"], row.get("code")) for row in answer.json()["results"]] == [
        ("rejected", "bad_text"), ("stored", None), ("stored", None),
    ]  # fmt: skip
    assert "guidance" in answer.json()
    assert alerts(world) == [("phq9_item9", True)]


@pytest.mark.parametrize(
    "change",
    [
        {"instrument": "PHQ-9"},
        {"instrument": " phq-9 "},
        {"answers": {" /44260-8 ": 2}},
        {"answers": {" 9 ": 2}},
        {"answers": {"44260-8": 2, "9": 0}},
        {"answers": {"/44260-8": 2, " /44260-8": 0}},
        {"answers": {" /44260-8": 0, "/44260-8 ": 2}},
    ],
)
def test_the_safety_scan_reads_a_positive_answer_however_it_is_spelt(world, phone, change):
    assert "guidance" in phone.push(altered(data=change)).json()
    assert [rule for rule, _ in alerts(world)] == ["phq9_item9"]


def test_the_safety_scan_reports_a_list_of_answers_to_nobody_knows_what_as_unreadable(world, phone):
    phone.push(altered(data={"answers": [3, 2]}))

    assert alerts(world) == [("unreadable_safety_answer", False)]


FHIR_ITEM = {"linkId": "/44260-8", "text": "Better off dead", "answer": [{"valueInteger": "ANSWER"}]}
CODING = {"system": "http://loinc.org", "code": "44260-8"}
PHQ9 = {"instrument": "phq-9", "version": "1999", "status": "complete"}
# How other systems, and phones in haste, may spell the answer ANSWER to a safety question.
OTHER_FORMS: dict[str, dict[str, Any]] = {
    "a FHIR questionnaire response as the data": {
        "data": {"resourceType": "QuestionnaireResponse", "item": [FHIR_ITEM]}
    },
    "a FHIR questionnaire response as the record": {
        "resourceType": "QuestionnaireResponse",
        "item": [FHIR_ITEM],
    },
    "FHIR items beside the instrument": {"data": PHQ9 | {"item": [FHIR_ITEM]}},
    "a FHIR observation": {
        "resourceType": "Observation",
        "code": {"coding": [CODING]},
        "valueInteger": "ANSWER",
    },
    "an item of a group": {"item": [{"linkId": "group", "item": [FHIR_ITEM]}]},
    "link ids beside the instrument": {"data": PHQ9 | {"/44260-8": "ANSWER"}},
    "answers called responses": {"data": PHQ9 | {"responses": {"/44260-8": "ANSWER"}}},
    "answers called answer, by number": {"data": PHQ9 | {"answer": {"9": "ANSWER"}}},
    "answers in wide letters": {"data": PHQ9 | {"\uff41nswers": {"9": "ANSWER"}}},
    "answers in a list": {"data": PHQ9 | {"answers": [{"linkId": "/44260-8", "value": "ANSWER"}]}},
    "answers in pairs": {"data": PHQ9 | {"answers": [["/44260-8", "ANSWER"]]}},
    "with the code system": {"data": PHQ9 | {"answers": {"http://loinc.org|44260-8": "ANSWER"}}},
    "with two slashes": {"data": PHQ9 | {"answers": {"//44260-8": "ANSWER"}}},
    "Q9": {"data": PHQ9 | {"answers": {"Q9": "ANSWER"}}},
    "PHQ.9": {"data": PHQ9 | {"answers": {"PHQ.9": "ANSWER"}}},
    "phq9_9": {"data": PHQ9 | {"answers": {"phq9_1": 0, "phq9_9": "ANSWER"}}},
    "a hyphen that does not break": {"data": PHQ9 | {"answers": {"/44260\u20118": "ANSWER"}}},
    "a space of no width": {"data": PHQ9 | {"answers": {"/44260-8\u200b": "ANSWER"}}},
}


def spelt(item, answer):
    return json.loads(json.dumps(item).replace('"ANSWER"', json.dumps(answer)))


@pytest.mark.parametrize("form", OTHER_FORMS)
@pytest.mark.parametrize("route", ["push", "single", "refused"])
def test_the_safety_scan_finds_a_positive_answer_in_the_forms_of_other_systems(world, phone, form, route):
    item = spelt(factories.record("response", {}) | OTHER_FORMS[form], 2)

    if route == "push":
        answer = phone.push(factories.pain(3), item)
    elif route == "single":
        answer = phone.post("records", item)
    else:
        answer = phone.post("sync/push", phone.batch(item) | {"more": 1})

    assert answer.json()["guidance"]["crisis_text"] == world.clinic.crisis_text
    assert alerts(world) == [("phq9_item9", False)]


@pytest.mark.parametrize(
    "answer", [0, "0", False, "Not at all", "no", None, {"code": "LA6568-5", "display": "x"}], ids=str
)
def test_the_safety_scan_raises_no_alert_for_a_plain_no_in_the_forms_of_other_systems(world, phone, answer):
    sent = [spelt(factories.record("response", {}) | form, answer) for form in OTHER_FORMS.values()]

    receipt = phone.push(*sent, factories.record("daily", {"mood": 99, "self_harm_thoughts": "no"})).json()

    assert {result["status"] for result in receipt["results"]} == {"rejected"}
    assert alerts(world) == []
    # Whatever it is that was refused, the crisis text comes with it.
    assert receipt["guidance"]["crisis_text"] == world.clinic.crisis_text
    assert receipt["alerted"] is False


@pytest.mark.parametrize(
    "answer", [True, "often", "LA6571-9", {"display": "Nearly every day"}, 17, [3]], ids=str
)
def test_the_safety_scan_raises_an_alert_for_whatever_is_no_plain_no(world, phone, answer):
    for form in OTHER_FORMS.values():
        phone.push(spelt(factories.record("response", {}) | form, answer))

    assert len(alerts(world)) == len(OTHER_FORMS)


@pytest.mark.parametrize(
    ("answers", "is_alert"),
    [
        ({"foo": 3}, True),
        ({"foo": "x", "bar": 0}, True),
        ({"foo": 0, "bar": None}, False),
        ({"total": 12}, False),
        ({}, False),
    ],
)
def test_answers_to_unknown_items_of_a_form_with_a_safety_question_are_unreadable_safety_answers(
    world, phone, answers, is_alert
):
    phone.push(altered(data={"answers": answers}))
    phone.push(
        factories.record("response", {"instrument": "gad-7", "version": "2006", "answers": {"foo": 3}})
    )

    assert alerts(world) == ([("unreadable_safety_answer", False)] if is_alert else [])


@pytest.mark.parametrize(
    "name",
    ["self\u2010harm\u2010thoughts", "\uff53elf_harm_thoughts", "self.harm.thoughts", "self/harm/thoughts"],
)
def test_the_safety_scan_finds_the_daily_question_under_look_alike_names(world, phone, name):
    phone.push(factories.record("daily", {"mood": 3, name: True}))

    assert alerts(world) == [("daily_self_harm_thoughts", False)]


def test_the_safety_scan_reads_a_positive_answer_in_a_list(world, phone):
    record = factories.phq9(POSITIVE)

    assert "guidance" in phone.push(record | {"data": [record["data"]]}).json()
    assert alerts(world) == [("phq9_item9", False)]


@pytest.mark.parametrize(
    "more", [{"key": "x"}, {"device": "0196f0a1-0000-7000-8000-000000000001"}, {"note": 1}, {"cursor": "nonsense"},
             {"note": HALF_AN_EMOJI}],
)  # fmt: skip
def test_the_safety_scan_alerts_in_a_batch_that_is_refused_as_a_whole(world, phone, more):
    answer = phone.post("sync/push", phone.batch(factories.phq9(POSITIVE)) | more)

    assert answer.status_code == 400
    assert answer.json()["guidance"]["crisis_text"] == world.clinic.crisis_text
    assert alerts(world) == [("phq9_item9", False)]


def test_the_safety_scan_alerts_at_the_end_of_a_batch_of_too_many_records(world, phone):
    answer = phone.push(*(factories.pain(3) for _ in range(500)), factories.phq9(POSITIVE))

    assert (answer.status_code, "guidance" in answer.json()) == (400, True)
    assert alerts(world) == [("phq9_item9", False)]


def test_a_safety_scan_of_a_very_long_batch_raises_one_alert_for_each_rule_beyond_the_limit(world, phone):
    """However long a body is, its alerts are not: no team is flooded, and no answer is lost to its size."""
    many = [{"data": {"self_harm_thoughts": True}, "n": n} for n in range(10_000)]

    answer = phone.push(*many, factories.phq9(POSITIVE))

    assert (answer.status_code, "guidance" in answer.json()) == (400, True)
    raised = alerts(world)
    assert raised.count(("daily_self_harm_thoughts", False)) == 501
    assert raised.count(("phq9_item9", False)) == 1


@pytest.mark.parametrize(
    "item",
    [
        {"kind": "daily", "data": {"Self_harm_thoughts": True}},
        {"kind": "daily", "self_harm_thoughts": True},
        {"kind": "Side-Effects", "data": {"items": {"suicidal_thoughts": 1}}},
        {"data": {"ITEMS": {"Suicidal_Thoughts": 2}}},
        {"kind": "response", "data": {"instrument": "PHQ9", "version": "x", "answers": {"9": 2}}},
        {"kind": "response", "data": {"Instrument": "phq 9", "Answers": {"/44260-8": 1}}},
        {"kind": "response", "data": {"answers": {"/44260-8": 3}}},
        {"kind": "response", "data": {"answers": {"44260_8": 3}}},
        {"kind": "response", "data": {"instrument": "depression", "answers": {"/44260-8": 3}}},
        {"kind": "response", "data": {"instrument": "gad-7", "answers": {"/44260-8": 3}}},
        {"answers": {"scl15": 4}},
        {"answers": {"/44260-8": "often"}},
        {"kind": "daily", "data": {"selfHarmThoughts": True}},
        {"kind": "daily", "data": {"self-harm-thoughts": True}},
        {"kind": "daily", "data": {"SELF HARM THOUGHTS": "yes"}},
        {"kind": "side_effects", "data": {"items": {"suicidalThoughts": 1}}},
        {"kind": "side_effects", "data": {"items": {"suicidal-thoughts": 1}}},
    ],
)
def test_a_safety_scan_finds_a_positive_answer_under_other_spellings(world, phone, item):
    answer = phone.push(item)

    assert "guidance" in answer.json()
    assert len(alerts(world)) == 1


@pytest.mark.parametrize(
    "answers", [{"/44260-8": 0}, {"9": 3}, {"q1": 3}, {}, {"scl15": 1}, {"/44260-8": None}]
)
def test_a_safety_scan_finds_nothing_in_other_answers_to_an_unnamed_instrument(world, phone, answers):
    phone.push({"kind": "response", "data": {"answers": answers}})

    assert alerts(world) == []


def test_a_positive_answer_that_is_sent_again_shows_the_crisis_text_again(world, phone):
    """A phone that sends again has not seen the first reply."""
    record = factories.phq9(POSITIVE)
    phone.push(record)

    again = phone.push(record).json()

    assert (again["results"][0]["status"], "guidance" in again) == ("replayed", True)
    assert alerts(world) == [("phq9_item9", True)]


def test_a_severe_total_raises_an_alert_beside_the_one_of_item_9(world, phone):
    phone.push(
        factories.phq9([3] * 8 + [0]), factories.phq9([3] * 9), factories.phq9([3, 3, 3, 3, 3, 3, 1, 0, 0])
    )

    assert sorted(alerts(world)) == [("phq9_item9", True), ("phq9_severe", True), ("phq9_severe", True)]


def test_the_safety_scan_alerts_in_a_push_that_reuses_an_idempotency_key(world, phone):
    first = phone.batch(factories.pain(3))
    phone.post("sync/push", first)
    answer = phone.post("sync/push", first | {"records": [factories.phq9(POSITIVE)]})

    assert (answer.status_code, "guidance" in answer.json()) == (409, True)
    assert alerts(world) == [("phq9_item9", False)]


def test_the_safety_scan_alerts_in_an_amendment_of_a_version_that_is_too_old(world, phone):
    record = factories.phq9()
    phone.push(record)
    phone.push(record | {"revision": 2, "amendment_reason": "typo"})
    worse = factories.phq9([0] * 8 + [3], id=record["id"])

    stale = phone.call("PUT", f"records/{record['id']}", worse, **{"If-Match": '"1"'})
    other = phone.call("PUT", f"records/{factories.pain()['id']}", worse)

    assert (stale.status_code, other.status_code) == (412, 400)
    assert "guidance" in stale.json()
    assert "guidance" in other.json()
    assert alerts(world) == [("phq9_item9", False)]


def acknowledge_all(world: factories.World) -> None:
    with as_clinic(world.clinic.pk):
        Alert.objects.update(acknowledged_at=factories.MONDAY, acknowledged_by=world.ben.user)


def is_open(world: factories.World) -> bool:
    """Whether the one alert that there is waits for somebody."""
    with as_clinic(world.clinic.pk):
        return Alert.objects.get().acknowledged_at is None


def daily(answer: bool, **more: Any) -> dict[str, Any]:
    return factories.record("daily", {"mood": 5, "self_harm_thoughts": answer}, **more)


@pytest.mark.parametrize("between", ["no", "removed", "nothing"])
def test_a_yes_in_another_revision_after_the_acknowledgement_is_raised_again(world, phone, between):
    first = daily(True)
    versions = [first]
    if between == "no":
        versions.append(daily(False, id=first["id"], revision=2))
    if between == "removed":
        versions.append({k: v for k, v in first.items() if k != "data"} | {"revision": 2, "removed": True})
    again = daily(True, id=first["id"], revision=len(versions) + 1)
    phone.push(first)
    acknowledge_all(world)
    phone.push(*versions[1:])
    assert not is_open(world)

    answer = phone.push(again).json()

    assert (answer["results"][0]["status"], "guidance" in answer) == ("stored", True)
    assert is_open(world)
    with as_clinic(world.clinic.pk):
        assert Message.objects.filter(key__contains="/2/0/").count() == 2 * len(TEXTS["alert"].channels)
        (event,) = AuditEvent.objects.filter(action="alert.reopen")
        assert event.detail["ids"] == [str(Alert.objects.get().pk)]


@pytest.mark.parametrize("status", ["rejected", "conflict", "refused"])
def test_other_content_with_a_yes_under_the_id_after_the_acknowledgement_is_raised_again(
    world, phone, status
):
    """Whatever becomes of it: nobody has seen it. The same content again, of whichever version, adds nothing."""
    bad = {"time_zone": "localtime"} if status == "rejected" else {}
    more = {"cursor": "nonsense"} if status == "refused" else {}
    first = daily(True, **bad)
    other = first | {"data": first["data"] | {"mood": 4}}
    phone.push(first)
    acknowledge_all(world)

    phone.post("sync/push", phone.batch(other) | more)
    assert is_open(world)

    acknowledge_all(world)
    for replayed in (first, other):
        assert "guidance" in phone.post("sync/push", phone.batch(replayed) | more).json()
    assert not is_open(world)


def test_each_version_of_a_batch_that_is_sent_again_after_the_acknowledgement_adds_nothing(world, phone):
    first = daily(True)
    versions = [first, daily(False, id=first["id"], revision=2), daily(True, id=first["id"], revision=3)]
    phone.push(*versions)
    acknowledge_all(world)

    for version in versions:
        phone.push(version)

    assert not is_open(world)


def test_an_alert_knows_a_bounded_number_of_versions_of_its_answer(world, phone, monkeypatch):
    """An older one that is sent again is raised again: better twice than not at all."""
    monkeypatch.setattr(assessment, "MOST_VERSIONS", 3)
    first = daily(True, time_zone="localtime")
    versions = [first | {"revision": number} for number in range(1, 6)]
    for version in versions:
        phone.push(version)
    acknowledge_all(world)

    phone.push(*versions[2:])
    assert not is_open(world)
    phone.push(versions[0])
    assert is_open(world)
