"""Push: what a phone sends arrives once, and only what can be used."""

from datetime import timedelta

import pytest

from tests import factories
from tests.phone import Phone
from tests.rls_context import as_clinic
from tracker.alerts.models import Alert
from tracker.outbox.models import Message
from tracker.records.kinds.journal import JournalText
from tracker.records.kinds.pain import PainEntry
from tracker.records.kinds.questionnaire import Response, Score
from tracker.records.models import MeasureState, Observation


@pytest.fixture
def phone(world: factories.World) -> Phone:
    return Phone(world.ada.user)


def statuses(answer) -> list[str]:
    assert answer.status_code == 200, answer.content
    return [result["status"] for result in answer.json()["results"]]


def test_a_one_tap_entry_is_stored_with_its_observation(world, phone):
    answer = phone.push(factories.pain(6))

    assert statuses(answer) == ["stored"]
    with as_clinic(world.clinic.pk):
        entry = PainEntry.objects.get()
        assert (entry.intensity, entry.time_zone, entry.local_date.isoformat()) == (
            6,
            factories.ZONE,
            "2026-03-02",
        )
        assert Observation.objects.get().value == 6
        assert MeasureState.objects.get().last == 6


def test_an_idempotency_key_sent_twice_gets_the_same_receipt_and_stores_once(world, phone):
    batch = factories.batch(factories.pain(6), factories.daily(mood=3), device=str(phone.device))

    first, second = phone.post("sync/push", batch), phone.post("sync/push", batch)

    assert first.json() == second.json()
    with as_clinic(world.clinic.pk):
        assert PainEntry.objects.count() == 1
        assert Observation.objects.count() == 2


def test_a_record_under_another_idempotency_key_is_replayed(world, phone):
    record = factories.pain(6)
    phone.push(record)

    assert statuses(phone.push(record)) == ["replayed"]


def test_a_receipt_tells_the_local_date_of_what_is_held_also_when_it_is_sent_again(phone):
    # Half past eleven at night in UTC is the next day in Amsterdam; a night is of the day of getting up.
    late = factories.pain(6, recorded_at="2026-03-01T23:30:00Z")
    night = factories.record("sleep", {"up_at": "2026-03-04T07:00:00+01:00"})
    removed = {name: value for name, value in late.items() if name != "data"} | {
        "revision": 2,
        "removed": True,
    }
    batch = factories.batch(late, night, factories.daily(mood=11), device=str(phone.device))

    answers = [phone.post("sync/push", batch), phone.post("sync/push", batch), phone.push(late, night)]

    held = [[result.get("local_date") for result in answer.json()["results"]] for answer in answers]
    assert held == [
        ["2026-03-02", "2026-03-04", None],
        ["2026-03-02", "2026-03-04", None],
        ["2026-03-02", "2026-03-04"],
    ]
    assert phone.get(f"records/{night['id']}").json()["local_date"] == "2026-03-04"
    assert phone.push(removed).json()["results"] == [{"id": late["id"], "status": "stored", "revision": 2}]


def test_what_the_server_fills_in_comes_with_the_next_pull_after_a_push_without_a_cursor(phone):
    before = phone.get("sync/pull").json()["cursor"]
    phone.push(factories.record("vitals", {"temperature": {"value": 98.6, "unit": "fahrenheit"}}))

    (record,) = phone.get(f"sync/pull?cursor={before}").json()["records"]

    assert record["data"]["temperature_c"] == 37.0


def test_a_record_that_is_rejected_has_no_revision_whatever_it_was_rejected_for(phone):
    held = factories.pain(6)
    phone.push(held)
    log = {"instrument": "daily-log", "version": "project-1", "status": "complete", "answers": {"mood": 11}}
    refused = [
        factories.pain(11),
        factories.record("response", log),
        factories.record("daily", {"mood": 3}, id=held["id"]),
    ]

    results = phone.push(*refused).json()["results"]

    assert [result["code"] for result in results] == ["out_of_range", "out_of_range", "kind_mismatch"]
    assert not any("revision" in result for result in results)


def test_a_rejected_batch_that_raised_no_alert_promises_no_reader_of_it(phone):
    alarming = factories.daily(mood=11, self_harm_thoughts=True)
    told = [phone.push(record).json() for record in (factories.pain(11), alarming)]

    assert [answer["alerted"] for answer in told] == [False, True]
    assert ["care team" in answer["guidance"]["disclaimer"] for answer in told] == [False, True]


def test_an_idempotency_key_reused_for_other_records_is_refused(phone):
    phone.push(factories.pain(6), key="one-key-for-two")
    answer = phone.push(factories.pain(7), key="one-key-for-two")

    assert (answer.status_code, answer.json()["code"]) == (409, "idempotency_key_reused")


def test_one_bad_record_never_blocks_another(world, phone):
    bad = factories.pain(11)
    answer = phone.push(bad, factories.pain(4), {"kind": "pain"}, "nonsense", factories.record("weather", {}))

    assert statuses(answer) == ["rejected", "stored", "rejected", "rejected", "rejected"]
    first = answer.json()["results"][0]
    assert (first["code"], first["pointer"], first["id"]) == ("out_of_range", "/data/intensity", bad["id"])


def test_an_amendment_keeps_the_former_version(world, phone):
    record = factories.pain(6)
    phone.push(record)

    answer = phone.push(record | {"revision": 2, "data": {"intensity": 3}})

    assert statuses(answer) == ["stored"]
    with as_clinic(world.clinic.pk):
        from tracker.records.models import FormerVersion

        assert FormerVersion.objects.get().row["intensity"] == 6
        assert Observation.objects.get().value == 3
        assert MeasureState.objects.get().last == 3


def test_an_edit_based_on_an_older_revision_is_a_conflict_with_the_servers_copy(phone):
    record = factories.pain(6)
    phone.push(record, record | {"revision": 2, "data": {"intensity": 5}})

    answer = phone.push(record | {"revision": 2, "data": {"intensity": 1}})

    result = answer.json()["results"][0]
    assert (result["status"], result["server"]["data"]["intensity"]) == ("conflict", 5)


def test_a_tombstone_is_not_undone_by_an_older_edit(world, phone):
    record = factories.pain(6)
    phone.push(record)
    tombstone = {key: value for key, value in record.items() if key != "data"}
    phone.push(tombstone | {"revision": 2, "removed": True})

    answer = phone.push(record | {"revision": 2, "data": {"intensity": 2}})

    assert statuses(answer) == ["conflict"]
    with as_clinic(world.clinic.pk):
        assert PainEntry.objects.get().removed_at is not None
        assert not Observation.objects.exists()
        assert not MeasureState.objects.exists()


def test_an_amendment_that_arrives_before_its_base_revision_is_to_be_retried(phone):
    assert statuses(phone.push(factories.pain(6, revision=2))) == ["retry"]


def test_a_phq9_is_scored_on_the_server(world, phone):
    answer = phone.push(factories.phq9([1, 2, 1, 2, 1, 2, 1, 2, 0]))

    assert statuses(answer) == ["stored"]
    with as_clinic(world.clinic.pk):
        assert Response.objects.get().status == "complete"
        score = Score.objects.get()
        assert (score.measure, score.value, score.band, score.answered) == ("phq-9", 12, "moderate", 9)
        assert Observation.objects.get(measure="phq-9").value == 12
        assert not Alert.objects.exists()


def test_eight_of_nine_answers_have_no_total_and_are_kept_as_incomplete(world, phone):
    phone.push(factories.phq9([1, 2, None, 2, 1, 2, 1, 2, 0]))

    with as_clinic(world.clinic.pk):
        assert Response.objects.get().status == "incomplete"
        assert not Score.objects.exists()


def test_item_nine_at_one_raises_an_alert_and_its_messages_with_the_answer(world, phone):
    answer = phone.push(factories.phq9([0, 0, 0, 0, 0, 0, 0, 0, 1]))

    assert answer.json()["guidance"]["crisis_text"] == world.clinic.crisis_text
    with as_clinic(world.clinic.pk):
        alert = Alert.objects.get()
        assert (alert.rule, alert.level, alert.patient_id) == ("phq9_item9", "URGENT", world.ada.pk)
        told = set(Message.objects.values_list("recipient_id", flat=True))
        assert told == {world.ben.user_id, world.dan.user_id}


def test_item_nine_alerts_even_when_the_rest_is_missing_or_cannot_be_used(world, phone):
    incomplete = factories.phq9([None] * 8 + [2])
    unusable = factories.phq9([9, 0, 0, 0, 0, 0, 0, 0, 3])

    assert statuses(phone.push(incomplete, unusable)) == ["stored", "stored"]
    with as_clinic(world.clinic.pk):
        assert Alert.objects.count() == 2
        assert set(Response.objects.values_list("status", flat=True)) == {"incomplete"}


def test_replaying_a_positive_safety_answer_raises_no_second_alert(world, phone):
    record = factories.phq9([0] * 8 + [3])
    phone.push(record)
    phone.push(record)
    phone.push(record | {"revision": 2, "recorded_at": (factories.MONDAY + timedelta(hours=1)).isoformat()})

    with as_clinic(world.clinic.pk):
        assert Alert.objects.count() == 1


def test_the_daily_safety_question_alerts(world, phone):
    phone.push(factories.daily(mood=2, self_harm_thoughts=True))

    with as_clinic(world.clinic.pk):
        assert Alert.objects.get().rule == "daily_self_harm_thoughts"


def test_answers_that_cannot_be_used_are_refused_by_item(phone):
    result = phone.push(factories.phq9([4, 0, 0, 0, 0, 0, 0, 0, 0])).json()["results"][0]

    assert (result["status"], result["pointer"]) == ("rejected", "/data/answers/~144250-9")


def test_an_unknown_instrument_is_refused(phone):
    record = factories.phq9()
    record["data"]["instrument"] = "phq-10"

    assert phone.push(record).json()["results"][0]["code"] == "unknown_instrument"


def test_journal_text_is_stored_encrypted_and_read_back_by_its_author(world, phone):
    record = factories.record("journal", {"text": "Slept badly, dreamt of the sea.", "mood": 4})
    phone.push(record)

    with as_clinic(world.clinic.pk):
        ciphertext = bytes(JournalText.objects.get().ciphertext)
        assert b"sea" not in ciphertext
    assert phone.get(f"records/{record['id']}").json()["data"]["text"] == "Slept badly, dreamt of the sea."


def test_a_skipped_dose_counts_as_none_taken(world, phone):
    phone.push(factories.record("medication_use", {"medication": "venlafaxine", "outcome": "skipped"}))

    with as_clinic(world.clinic.pk):
        assert Observation.objects.get(measure="dose.venlafaxine").value == 0


def test_a_phone_with_a_wrong_clock_is_flagged_and_never_refused(world, phone):
    phone.push(factories.pain(5, recorded_at="2090-01-01T10:00:00+01:00"))

    with as_clinic(world.clinic.pk):
        assert PainEntry.objects.get().clock_skew == "ahead"


def test_a_single_entry_costs_eight_statements(phone, django_assert_max_num_queries):
    phone.push(factories.pain(1))

    # Eight, and the savepoint that the test's own transaction makes of the request's (two).
    with django_assert_max_num_queries(10):
        assert phone.post("records", factories.pain(6)).status_code == 201
