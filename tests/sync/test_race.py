"""Many writers of one patient at once: sent 32 times is there once; what commits late is read."""

import json
import random
import threading
import time
import uuid
from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from typing import Any

import psycopg
from django.db import connections, transaction
from django.test import Client
from django.utils import timezone

from tests import factories
from tests.concurrency import run_concurrently
from tests.phone import Phone
from tests.rls_context import as_clinic, as_user
from tracker.access.principal import load_principal
from tracker.records import change_counter, rebuild
from tracker.records.kinds.pain import PainEntry
from tracker.records.models import ChangeCounter, MeasureState, Observation
from tracker.sync import ingest
from tracker.sync.batch import BatchKey
from tracker.sync.models import SyncBatch

AT_ONCE = 32
INTERLEAVINGS = 40
WRITERS = 3


def test_thirty_two_pushes_of_one_idempotency_key_at_once_make_one_set_of_rows_and_one_receipt(live):
    # In threads of our own: a web process runs one write of a person at a time.
    phone = Phone(live.world.ada.user)
    sent = [factories.pain(n % 11) for n in range(20)] + [factories.phq9([0] * 8 + [1])]
    body = json.dumps(phone.batch(*sent))

    def push() -> Any:
        return Client().post("/api/v1/sync/push", body, "application/json", headers=phone.headers)

    answers = run_concurrently(*[push] * AT_ONCE)

    receipts = [answer.json() for answer in answers if not isinstance(answer, Exception)]
    assert [answer for answer in answers if isinstance(answer, Exception) or answer.status_code != 200] == []
    assert len(receipts) == AT_ONCE
    assert all(receipt == receipts[0] for receipt in receipts)
    assert {result["status"] for result in receipts[0]["results"]} == {"stored"}
    with as_clinic(live.world.clinic.pk):
        assert PainEntry.objects.count() == 20
        assert Observation.objects.filter(measure="pain.intensity").count() == 20
        assert MeasureState.objects.filter(measure="pain.intensity").count() == SyncBatch.objects.count() == 1
        assert ChangeCounter.objects.get(patient_id=live.world.ada.pk).head == len(sent)
    assert rebuild.check().differences == []


@contextmanager
def writers() -> Iterator[ThreadPoolExecutor]:
    """Threads that keep their connections until the end, each its own."""
    all_there = threading.Barrier(WRITERS)

    def leave() -> None:
        all_there.wait(10)
        connections.close_all()

    with ThreadPoolExecutor(WRITERS) as pool:
        try:
            yield pool
        finally:
            for done in [pool.submit(leave) for _ in range(WRITERS)]:
                done.result()


def late(user: Any, record: dict[str, Any], before: float, after: float) -> None:
    """Push as the view does, in a transaction that dawdles before it takes its number and before it commits."""
    with transaction.atomic():
        principal = load_principal(user.pk, timezone.now())
        time.sleep(before)
        key = BatchKey(uuid.uuid4(), uuid.uuid4().hex)
        receipt = ingest.apply_batch(principal=principal, sent=key, items=[record], at=timezone.now())
        assert receipt.results[0]["status"] == "stored"
        time.sleep(after)


def interleave(
    live: Any, chance: random.Random, rounds: int
) -> Generator[tuple[list[str], list[dict[str, Any]]], None, None]:
    """
    Let several writers of one patient and a reader at it, round by round.

    Yield for each round the ids that were written, and the records that the reader had seen when it was over.
    """
    phone, user, cursor = Phone(live.world.ada.user), live.world.ada.user, ""
    with writers() as pool:
        for _ in range(rounds):
            sent = [factories.pain(n) for n in range(WRITERS)]
            writing = [
                pool.submit(late, user, record, chance.uniform(0, 0.01), chance.uniform(0, 0.01))
                for record in sent
            ]
            seen: list[dict[str, Any]] = []
            over = more = False
            while more or not over:
                # Asked before the page is read: the last page comes after the last commit.
                over = all(writer.done() for writer in writing)
                page = phone.get(f"sync/pull?limit=2&cursor={cursor}").json()
                seen += page["records"]
                cursor, more = page["cursor"], page["more"]
            for writer in writing:
                writer.result()
            yield [record["id"] for record in sent], seen


def test_interleavings_of_late_commits_hide_nothing_from_a_reader(live):
    for sent, seen in interleave(live, random.Random(factories.SEED), INTERLEAVINGS):
        assert sorted(record["id"] for record in seen) == sorted(sent)
        ids = [record["id"] for record in seen]
        with as_user(live.world.ada.user):
            by_change = PainEntry.objects.filter(id__in=ids).order_by("sequence").values_list("id", flat=True)
            assert ids == [str(record_id) for record_id in by_change]


def test_numbers_that_are_given_without_the_lock_are_found_out(live, monkeypatch):
    """The test of the test: a bare counter, as a sequence is, gives a lower number to a later commit."""

    def unlocked(clinic_id: Any, patient_id: Any, by: int, stored_bytes: int = 0) -> change_counter.Position:
        with psycopg.connect(live.environment["DATABASE_URL"]) as apart:
            apart.execute(
                "SELECT set_config('app.clinic', %s, true), set_config('app.scope', 'clinic', true)",
                [str(clinic_id)],
            )
            row = apart.execute(change_counter._ADVANCE, [by, stored_bytes, patient_id]).fetchone()
        assert row
        return change_counter.Position(*row)

    Phone(live.world.ada.user).push(factories.pain())
    monkeypatch.setattr("tracker.records.change_counter.advance", unlocked)

    with closing(interleave(live, random.Random(factories.SEED), INTERLEAVINGS)) as rounds:
        assert any(set(sent) - {record["id"] for record in seen} for sent, seen in rounds)
