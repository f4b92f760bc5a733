"""Every kind of entry: what is sent comes back as it was, is seen as numbers, and is refused where it cannot be."""

from typing import Any

import pytest

from tests import factories
from tests.phone import Phone
from tests.rls_context import as_clinic
from tracker.alerts.models import Alert
from tracker.instruments import catalogue
from tracker.records.kinds import KINDS
from tracker.records.models import Observation

WHOLE: dict[str, dict[str, Any]] = {kind.name: dict(kind.example) for kind in KINDS.values()}
# The least that an entry may hold; of a kind that is not named here its example.
ONE_TAP: dict[str, dict[str, Any]] = {
    "pain": {"intensity": 0},
    "daily": {"mood": 0},
    "response": {"instrument": "phq-9", "version": "1999", "status": "draft", "answers": {}},
    "medication_use": {"medication": "sertraline", "outcome": "taken"},
    "journal": {"text": "."},
    "practice": {"practice": "other"},
    "sleep": {"quality": 0},
    "side_effects": {"items": {"dizziness": 1}},
    "vitals": {"heart_rate": 64},
    "plan": {"practice": "pacing_plan"},
}


@pytest.fixture
def phone(world: factories.World) -> Phone:
    return Phone(world.ada.user)


def test_every_kind_is_tried_here():
    assert set(ONE_TAP) <= set(KINDS)


@pytest.mark.parametrize("kind", sorted(WHOLE))
def test_a_whole_entry_comes_back_as_it_was_sent(phone, kind):
    sent = factories.record(kind, WHOLE[kind])
    assert [result["status"] for result in phone.push(sent).json()["results"]] == ["stored"]

    pulled = phone.get("sync/pull").json()["records"]
    read = phone.get(f"records/{sent['id']}").json()
    listed = phone.get(f"records?kind={kind}").json()["records"]

    assert pulled == [read] == listed
    assert read["data"] == WHOLE[kind]


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_one_tap_is_a_whole_entry_and_grows_by_revision(phone, kind):
    sent = factories.record(kind, ONE_TAP.get(kind, WHOLE[kind]))
    first = phone.push(sent).json()["results"][0]
    grown = sent | {"revision": 2, "data": WHOLE[kind], "amendment_reason": "added"}
    second = phone.push(grown).json()["results"][0]

    assert (first["status"], second["status"]) == ("stored", "stored")
    read = phone.get(f"records/{sent['id']}").json()
    assert (read["revision"], read["data"], read["amendment_reason"]) == (2, WHOLE[kind], "added")


@pytest.mark.parametrize("kind", sorted(WHOLE))
def test_a_tombstone_is_restored_only_by_an_amendment_that_follows_it(phone, kind):
    sent = factories.record(kind, WHOLE[kind])
    removal = {name: value for name, value in sent.items() if name != "data"} | {
        "revision": 2,
        "removed": True,
    }
    phone.push(sent)
    phone.push(removal)
    stale = phone.push(sent | {"revision": 2, "amendment_reason": "typo"}).json()["results"][0]
    restored = phone.push(sent | {"revision": 3, "amendment_reason": "other"}).json()["results"][0]

    assert (stale["status"], stale["server"]["removed"]) == ("conflict", True)
    assert restored["status"] == "stored"
    # A questionnaire that was complete before is called amended from then on.
    amended = {"status": "amended"} if kind == "response" else {}
    assert phone.get(f"records/{sent['id']}").json()["data"] == WHOLE[kind] | amended


REFUSED: list[tuple[str, dict[str, Any], str, str]] = [
    ("pain", {"intensity": 3, "regions": [{"code": "knee"}]}, "/data/regions/0/side", "missing_field"),
    (
        "pain",
        {"intensity": 3, "regions": [{"code": "knee", "side": "mid"}]},
        "/data/regions/0",
        "invalid_side",
    ),
    (
        "pain",
        {"intensity": 3, "regions": [{"code": "wing", "side": "left"}]},
        "/data/regions/0/code",
        "not_offered",
    ),
    ("pain", {"intensity": 3, "regions": []}, "/data/regions", "too_short"),
    ("pain", {"intensity": 3, "regions": [{"code": "knee", "side": "left"}] * 2}, "/data", "duplicate"),
    ("pain", {"intensity": 3, "qualities": ["aching", "aching"]}, "/data", "duplicate"),
    ("pain", {"intensity": 3, "trigger": "the moon"}, "/data/trigger", "not_offered"),
    ("practice", {"practice": "other", "minutes": 601}, "/data/minutes", "out_of_range"),
    ("practice", {"minutes": 10}, "/data/practice", "missing_field"),
    ("sleep", {}, "/data", "empty"),
    ("sleep", {"hours": 24.01}, "/data/hours", "out_of_range"),
    (
        "sleep",
        {"bed_at": "2026-03-02T07:00:00Z", "up_at": "2026-03-02T06:00:00Z"},
        "/data",
        "invalid_sleep_interval",
    ),
    ("side_effects", {"items": {}}, "/data/items", "too_short"),
    ("side_effects", {"items": {"nausea": True}}, "/data/items/nausea", "wrong_type"),
    ("side_effects", {"items": {"nausea": 4}}, "/data/items/nausea", "out_of_range"),
    ("side_effects", {"items": {"hallucination_persisting_24h": 2}}, "/data", "out_of_range"),
    (
        "side_effects",
        {"items": {"nausea": 1}, "duration_minutes": {"vomiting": 3}},
        "/data",
        "duration_without_effect",
    ),
    ("vitals", {"self_measured": True}, "/data", "empty"),
    ("vitals", {"systolic": 120}, "/data", "incomplete_blood_pressure"),
    ("vitals", {"systolic": 80, "diastolic": 90}, "/data", "systolic_not_above_diastolic"),
    ("vitals", {"temperature_c": 45.06}, "/data/temperature_c", "out_of_range"),
    ("plan", {"practice": "other", "remind_at": "25:00"}, "/data/remind_at", "not_a_time"),
    ("plan", {"practice": "other", "remind_at": "08:00+01"}, "/data/remind_at", "not_a_time"),
]


@pytest.mark.parametrize(("kind", "data", "field", "code"), REFUSED)
def test_an_impossible_record_is_rejected_by_its_pointer_and_blocks_no_other(phone, kind, data, field, code):
    bad, good = factories.record(kind, data), factories.pain(4)

    refused, stored = phone.push(bad, good).json()["results"]

    assert (refused["status"], refused["pointer"], refused["code"]) == ("rejected", field, code)
    assert stored["status"] == "stored"


def numbers(world: factories.World) -> dict[str, float]:
    with as_clinic(world.clinic.pk):
        return dict(Observation.objects.values_list("measure", "value"))


def test_the_newer_kinds_stand_on_the_timeline_in_their_own_units(world, phone):
    phone.push(
        *(
            factories.record(kind, WHOLE[kind])
            for kind in ("practice", "sleep", "side_effects", "vitals", "plan")
        )
    )

    assert numbers(world) == {
        "practice.minutes": 25, "practice.helpful": 7,
        "sleep.hours": 6, "sleep.latency_minutes": 40, "sleep.awakenings": 3, "sleep.awake_minutes": 35,
        "sleep.quality": 4, "sleep.efficiency": 75.0,
        "side_effect.nausea": 2, "side_effect.headache": 0,
        "vitals.systolic": 128, "vitals.diastolic": 82, "vitals.heart_rate": 71, "vitals.respiratory_rate": 14,
        "vitals.spo2": 97, "vitals.temperature_c": 36.8, "vitals.weight_kg": 81.25,
    }  # fmt: skip


def test_more_sleep_than_time_in_bed_gives_no_efficiency(world, phone):
    night = {"bed_at": "2026-03-01T23:00:00Z", "up_at": "2026-03-02T05:00:00Z", "hours": 6.25}
    phone.push(factories.record("sleep", night))

    assert numbers(world) == {"sleep.hours": 6.25}


@pytest.mark.parametrize(
    ("effect", "rule", "level"),
    [
        ("suicidal_thoughts", "side_effect_suicidal_thoughts", "EMERGENCY"),
        ("chest_pain", "side_effect_chest_pain", "EMERGENCY"),
        ("blood_in_urine", "side_effect_blood_in_urine", "URGENT"),
        ("craving_or_wish_to_use_more", "side_effect_craving_or_wish_to_use_more", "REVIEW"),
    ],
)
@pytest.mark.parametrize("time_zone", [factories.ZONE, "localtime"])
def test_a_red_flag_among_side_effects_alerts_the_team_stored_or_not(
    world, phone, effect, rule, level, time_zone
):
    answer = phone.push(factories.record("side_effects", {"items": {effect: 1}}, time_zone=time_zone)).json()

    assert answer["guidance"]["crisis_text"] == world.clinic.crisis_text
    with as_clinic(world.clinic.pk):
        assert list(Alert.objects.values_list("rule", "level", "answer_stored")) == [
            (rule, level, time_zone == factories.ZONE)
        ]


def test_the_side_effects_of_a_record_are_the_items_of_the_checklist(world, phone):
    items = {item.link_id for item in catalogue.latest("side-effects").items}

    answer = phone.push(factories.record("side_effects", {"items": dict.fromkeys(sorted(items), 1)})).json()

    assert answer["results"][0]["status"] == "stored"
    assert {f"side_effect.{item}" for item in items} == set(numbers(world))


def test_side_effects_without_a_red_flag_alert_nobody(world, phone):
    phone.push(factories.record("side_effects", {"items": {"chest_pain": 0, "nausea": 3}}))

    with as_clinic(world.clinic.pk):
        assert not Alert.objects.exists()


def test_a_questionnaire_goes_from_draft_to_complete_to_amended(phone):
    answers: dict[str, Any] = dict.fromkeys(factories.PHQ9_ITEMS, 0)
    begun = {
        "instrument": "phq-9",
        "version": "1999",
        "status": "draft",
        "answers": {factories.PHQ9_ITEMS[0]: 1},
    }
    done = begun | {"status": "complete", "answers": answers}
    changed = done | {"answers": answers | {factories.PHQ9_ITEMS[0]: 2}}
    record, seen = factories.record("response", begun), []
    for revision, data in enumerate((begun, begun | {"status": "incomplete"}, done, changed), start=1):
        phone.push(record | {"revision": revision, "data": data})
        seen.append(phone.get(f"records/{record['id']}").json()["data"]["status"])

    assert seen == ["draft", "incomplete", "complete", "amended"]


def test_words_in_place_of_an_answer_are_not_kept_and_hide_no_alert(world):
    phone = Phone(world.ada.user)
    sent = factories.phq9([1] * 8 + [2])
    sent["data"]["answers"][factories.PHQ9_ITEMS[0]] = "my mother says"

    results = [phone.push(sent).json()["results"][0] for _ in range(2)]

    assert [row["status"] for row in results] == ["stored", "replayed"]
    kept = phone.get(f"records/{sent['id']}").json()["data"]
    assert (kept["status"], kept["answers"][factories.PHQ9_ITEMS[0]]) == ("incomplete", "(text)")
    with as_clinic(world.clinic.pk):
        assert Alert.objects.filter(source_id=sent["id"], value=2).count() == 1


@pytest.mark.parametrize("field", [{"answers": {"how I am": 1}}, {"version": "my version"}])
def test_a_response_is_named_by_codes_not_by_words(world, field):
    sent = factories.phq9()
    sent["data"] |= field

    result = Phone(world.ada.user).push(sent).json()["results"][0]

    assert (result["status"], result["code"]) == ("rejected", "bad_format")
