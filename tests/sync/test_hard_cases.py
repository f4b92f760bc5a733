"""A poison record, a full account, a compressed body: each has its answer, and nothing else is held up."""

import gzip
import json
import uuid

import psycopg
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests import factories
from tests.concurrency import run_during
from tests.phone import Phone
from tests.rls_context import as_clinic
from tests.sync.test_cost import mixed
from tracker.alerts.models import Alert
from tracker.records.kinds.plan import MergedEdit
from tracker.records.models import ChangeCounter
from tracker.sync import receipts
from tracker.sync.models import SyncBatch


@pytest.fixture
def phone(world: factories.World) -> Phone:
    return Phone(world.ada.user)


def statuses(answer):
    assert answer.status_code == 200, answer.content
    return [(result["status"], result.get("code", "")) for result in answer.json()["results"]]


@pytest.fixture
def poisoned(live):
    """A database with a rule that nobody foresaw: 7 cannot be stored."""
    with psycopg.connect(live.environment["DATABASE_OWNER_URL"]) as owner:
        owner.execute("ALTER TABLE records_painentry ADD CONSTRAINT unforeseen CHECK (intensity <> 7)")
        owner.execute("ALTER TABLE records_dailylog ADD CONSTRAINT unforeseen_too CHECK (mood <> 7)")
    return Phone(live.world.ada.user)


def test_a_record_that_the_database_refuses_does_not_hold_up_the_queue_behind_it(poisoned):
    poison, positive = factories.pain(7), factories.phq9([0] * 8 + [2])
    batch = poisoned.batch(
        factories.pain(3), poison, positive, factories.daily(mood=4), poison | {"revision": 2}
    )

    first = poisoned.post("sync/push", batch)
    again = poisoned.post("sync/push", batch)

    assert statuses(first) == [
        ("stored", ""), ("rejected", "cannot_be_stored"), ("stored", ""), ("stored", ""),
        ("retry", "missing_base_revision"),
    ]  # fmt: skip
    assert "guidance" in first.json()
    assert [status for status, _ in statuses(again)] == [
        "replayed",
        "rejected",
        "replayed",
        "replayed",
        "retry",
    ]
    assert len(poisoned.get("records").json()["records"]) == 3


def test_a_single_record_that_the_database_refuses_is_a_clear_answer(poisoned):
    answer = poisoned.post("records", factories.pain(7))

    assert (answer.status_code, answer.json()["code"]) == (400, "cannot_be_stored")


def test_records_that_the_database_refuses_are_found_by_halving_the_batch(poisoned):
    sent = [factories.pain(7 if n in (5, 40) else 3) for n in range(64)]

    with CaptureQueriesContext(connection) as asked:
        answer = poisoned.push(*sent)

    refused = [n for n, (status, _) in enumerate(statuses(answer)) if status != "stored"]
    tries = [row for row in asked.captured_queries if 'INSERT INTO "records_painentry"' in row["sql"]]
    assert refused == [5, 40]
    # The whole batch, then two halves for each record refused and each time that 64 is halved.
    assert len(tries) <= 1 + 2 * 2 * 6


def test_a_connection_stores_on_after_many_refusals(poisoned):
    """A statement that was prepared in a refused savepoint was never made: the driver must not use its name."""
    for kinds in range(1, 9):
        good = [factories.daily(mood=4), factories.pain(3), factories.record("journal", {"text": "x"})][
            :kinds
        ]
        answer = poisoned.push(*good, factories.pain(7), factories.pain(2), factories.pain(7), *mixed(kinds))

        assert {status for status, _ in statuses(answer)} == {"stored", "rejected"}
        assert statuses(answer).count(("rejected", "cannot_be_stored")) == 2


def test_a_positive_answer_that_the_database_refuses_to_store_raises_its_alert(poisoned, live):
    answer = poisoned.push(factories.daily(mood=7, self_harm_thoughts=True), factories.pain(3))

    assert statuses(answer) == [("rejected", "cannot_be_stored"), ("stored", "")]
    assert "guidance" in answer.json()
    with as_clinic(live.world.clinic.pk):
        alert = Alert.objects.get()
        assert (alert.rule, alert.answer_stored) == ("daily_self_harm_thoughts", False)


def test_a_merge_that_the_database_refuses_leaves_no_note_of_it(live):
    phone = Phone(live.world.ada.user)
    plan = factories.record("plan", {"practice": "stretching", "minutes": 10, "per_week": 3})
    phone.push(plan, plan | {"revision": 2, "data": plan["data"] | {"minutes": 20}})
    with psycopg.connect(live.environment["DATABASE_OWNER_URL"]) as owner:
        owner.execute("ALTER TABLE records_plan ADD CONSTRAINT unforeseen CHECK (per_week <> 7)")

    answer = phone.push(plan | {"revision": 2, "data": plan["data"] | {"per_week": 7}})

    assert statuses(answer) == [("rejected", "cannot_be_stored")]
    with as_clinic(live.world.clinic.pk):
        assert not MergedEdit.objects.exists()


def test_a_full_account_says_so_and_still_takes_tombstones_and_positive_safety_answers(
    world, phone, settings
):
    kept = factories.pain(3)
    phone.push(kept)
    settings.PATIENT_STORAGE_BYTES = 500
    long = factories.record("journal", {"text": "x" * 600})
    removal = {name: value for name, value in kept.items() if name != "data"} | {
        "revision": 2,
        "removed": True,
    }

    answer = phone.push(long, removal, factories.phq9([0] * 8 + [1]))

    assert statuses(answer) == [("rejected", "storage_full"), ("stored", ""), ("rejected", "storage_full")]
    assert "guidance" in answer.json()
    single = phone.post("records", long)
    assert (single.status_code, single.json()["code"]) == (400, "storage_full")


def test_a_rejected_record_takes_no_storage_and_a_receipt_does(world, phone):
    def used() -> int:
        with as_clinic(world.clinic.pk):
            return ChangeCounter.objects.get().stored_bytes

    record = factories.pain(3)
    batch = phone.batch(record)
    phone.post("sync/push", batch)
    before = used()
    phone.post("sync/push", batch)
    phone.push(record, factories.pain(99), {"nonsense": 1}, record | {"data": {"intensity": 4}})

    assert used() - before == receipts.size(4)
    assert before > receipts.size(1) + 100


def test_a_full_account_keeps_no_receipts(world, phone, settings):
    """Or an endless row of empty batches would fill the disk."""
    settings.PATIENT_STORAGE_BYTES = 1000
    for _ in range(20):
        assert phone.push().status_code == 200

    with as_clinic(world.clinic.pk):
        assert SyncBatch.objects.count() == 1000 // receipts.size(0)
        assert ChangeCounter.objects.get().stored_bytes <= 1000


def gzipped(phone, body: bytes, **headers):
    return phone.call("POST", "sync/push", body, **{"Content-Encoding": "gzip"} | headers)


def test_a_compressed_body_is_taken(phone):
    body = json.dumps(phone.batch(*(factories.pain(n % 11) for n in range(100)))).encode()

    assert {status for status, _ in statuses(gzipped(phone, gzip.compress(body)))} == {"stored"}


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (gzip.compress(b" " * (60 * 1024 * 1024)), 413, "too_large"),
        (gzip.compress(b"{}")[:-3], 400, "bad_gzip"),
        (gzip.compress(b"{}") + b"more", 400, "bad_gzip"),
        (b"{}", 400, "bad_gzip"),
        (gzip.compress(b'{"key": NaN}'), 400, "number_not_finite"),
    ],
    # Compressed bytes hold the time at which they were made.
    ids=["60 MB unpacked", "cut off", "more behind it", "not compressed", "NaN in it"],
)
def test_a_compressed_body_that_is_broken_or_grows_too_large_is_refused(phone, body, status, code):
    answer = gzipped(phone, body)

    assert (answer.status_code, answer.json()["code"]) == (status, code)


def test_an_encoding_that_is_not_known_is_refused_by_name(phone):
    answer = gzipped(phone, b"{}", **{"Content-Encoding": "br"})

    assert (answer.status_code, answer.json()["code"]) == (415, "unknown_encoding")


def test_an_idempotency_key_header_makes_one_record_and_is_refused_for_another(phone):
    record, key = factories.pain(5), uuid.uuid4().hex

    first = phone.call("POST", "records", record, **{"Idempotency-Key": key})
    again = phone.call("POST", "records", record, **{"Idempotency-Key": key})
    other = phone.call("POST", "records", factories.pain(6), **{"Idempotency-Key": key})
    bad = phone.call("POST", "records", factories.pain(6), **{"Idempotency-Key": "x y"})

    assert (first.status_code, first.json()["status"]) == (201, "stored")
    assert again.json()["record"] == first.json()["record"]
    assert (other.status_code, other.json()["code"]) == (409, "idempotency_key_reused")
    assert (bad.status_code, bad.json()["errors"][0]["parameter"]) == (400, "Idempotency-Key")
    assert len(phone.get("records").json()["records"]) == 1


def test_an_amendment_names_the_version_that_it_follows(phone):
    record = factories.pain(5)
    made = phone.post("records", record)
    assert made.headers["ETag"] == '"1"'
    new = {name: value for name, value in record.items() if name != "revision"} | {"data": {"intensity": 6}}

    first = phone.call("PUT", f"records/{record['id']}", new, **{"If-Match": '"1"'})
    late = phone.call(
        "PUT", f"records/{record['id']}", new | {"data": {"intensity": 7}}, **{"If-Match": '"1"'}
    )
    lost = phone.call("DELETE", f"records/{record['id']}", **{"If-Match": '"1"'})
    bad = phone.call("PUT", f"records/{record['id']}", new, **{"If-Match": "one"})

    assert (first.status_code, first.headers["ETag"]) == (200, '"2"')
    assert (late.status_code, late.json()["server"]["data"]) == (412, {"intensity": 6})
    assert lost.status_code == 412
    assert bad.status_code == 400
    same = phone.call("GET", f"records/{record['id']}", **{"If-None-Match": '"2"'})
    assert (same.status_code, same.content) == (304, b"")


def test_of_two_edits_of_a_plan_with_one_if_match_at_once_the_later_is_refused_and_not_merged(live):
    phone, other = Phone(live.world.ada.user), Phone(live.world.ada.user)
    plan = factories.record("plan", {"practice": "stretching", "minutes": 10, "per_week": 3})
    phone.push(plan)
    path, bare = f"records/{plan['id']}", {name: value for name, value in plan.items() if name != "revision"}

    def put(sender: Phone, **fields: int):
        return sender.call("PUT", path, bare | {"data": plan["data"] | fields}, **{"If-Match": '"1"'})

    late = run_during(lambda: put(phone, minutes=20), lambda: put(other, per_week=5))

    assert (late.status_code, late.json()["code"]) == (412, "precondition_failed")
    held = late.json()["server"]["data"]
    assert (held["minutes"], held["per_week"]) == (20, 3)


def test_records_can_be_found_by_what_they_measure(phone):
    phone.push(factories.pain(5), factories.daily(mood=3), factories.daily(anxiety=3))

    def kinds(query):
        return [record["kind"] for record in phone.get(f"records?{query}").json()["records"]]

    assert kinds("measure=daily.mood") == ["daily"]
    assert kinds("measure=pain.intensity&kind=pain") == ["pain"]
    assert kinds("measure=vitals.spo2") == []
    assert phone.get("records?measure=joy").status_code == 400


def test_several_observations_of_a_day_are_one_daily_statistic(phone):
    phone.push(
        *(
            factories.pain(n, recorded_at=f"2026-03-02T{hour:02d}:00:00Z")
            for n, hour in ((2, 8), (9, 12), (4, 20))
        ),
        factories.pain(1, recorded_at="2026-03-02T23:30:00Z"),
        factories.record("practice", {"practice": "other", "minutes": 10}),
        factories.record("practice", {"practice": "other", "minutes": 15}),
    )

    def days(measure):
        return phone.get(f"observations/daily?measure={measure}&from=2026-03-01&to=2026-03-05").json()["days"]

    # Half past eleven at night in UTC is the next day in Amsterdam.
    assert days("pain.intensity") == [
        {"local_date": "2026-03-02", "n": 3, "mean": 5, "min": 2, "max": 9, "last": 4, "by_caregiver": False},
        {"local_date": "2026-03-03", "n": 1, "mean": 1, "min": 1, "max": 1, "last": 1, "by_caregiver": False},
    ]
    assert [day["sum"] for day in days("practice.minutes")] == [25]
    assert (
        phone.get("observations/daily?measure=pain.intensity&from=2020-01-01&to=2026-01-01").status_code
        == 400
    )


def test_observations_page_by_place_so_that_a_late_entry_shifts_nothing(phone):
    phone.push(*(factories.pain(n, recorded_at=f"2026-03-02T{8 + n:02d}:00:00Z") for n in range(1, 7)))
    first = phone.get("observations?measure=pain.intensity&limit=3").json()
    phone.push(factories.pain(10, recorded_at="2026-03-02T05:00:00Z"))
    rest = phone.get(f"observations?measure=pain.intensity&limit=3&cursor={first['next']}").json()

    assert [row["value"] for row in first["observations"] + rest["observations"]] == [1, 2, 3, 4, 5, 6]
    assert rest["next"] is None
