"""The safety status: a worker or watch that stands still, and a message that does not go out, turn it red."""

import json
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError, connection, connections, transaction
from django.utils import timezone

from backend.celery import BEAT_SCHEDULE
from tests import servers
from tests.outbox.test_outbox import MINUTE, deliver, enqueue
from tests.rls_context import as_clinic
from tracker.alerts import safety_status, tasks
from tracker.alerts.models import Heartbeat
from tracker.api.views import health
from tracker.lib import rls
from tracker.outbox import actions as outbox
from tracker.outbox.models import Message


def age(name: str, seconds: float) -> None:
    """Let the last heartbeat have been so long ago, by the database's clock."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE alerts_heartbeat SET at = statement_timestamp() - make_interval(secs => %s) WHERE name = %s",
            [seconds, name],
        )


@pytest.fixture
def at_work(db: None) -> None:
    """Worker and watch have just left a heartbeat."""
    tasks.record_worker_heartbeat()
    safety_status.record_heartbeat(safety_status.WATCH)


def ask(client: Any) -> tuple[int, dict[str, Any]]:
    answer = client.get("/health/safety")
    return answer.status_code, json.loads(answer.content)


def test_the_safety_status_is_ok_while_worker_and_watch_are_at_work(
    at_work, client, django_assert_num_queries
):
    # The limits of a short transaction, and two statements in it.
    with django_assert_num_queries(5):
        status, body = ask(client)

    assert (status, body["status"], body["mail"]) == (200, "ok", "folder")
    ages = {"worker_age_s", "watch_age_s", "oldest_due_message_s"}
    assert body.keys() == ages | {"status", "mail", "unread_writes_last_day"}
    assert max(body["worker_age_s"], body["watch_age_s"], body["oldest_due_message_s"]) < 5


@pytest.mark.parametrize(("seconds", "code"), [(59, 200), (61, 503), (75, 503), (100_000, 503)])
@pytest.mark.parametrize("name", ["worker", "watch"])
def test_a_process_without_a_heartbeat_for_a_minute_fails_the_safety_status(
    at_work, client, name, seconds, code
):
    age(name, seconds)

    status, body = ask(client)

    assert status == code
    assert body.get("failing", []) == (
        [f"the {name} has done nothing for {seconds} s"] if code == 503 else []
    )


def test_the_safety_status_command_ends_with_one_sentence_about_the_process_that_is_asked_about(at_work):
    call_command("safety_status")
    age("worker", 61)

    call_command("safety_status", of="watch")
    for of in ("worker", None):
        with pytest.raises(CommandError, match="the worker has done nothing for 61 s"):
            call_command("safety_status", of=of)


def test_a_failing_safety_status_says_when_to_ask_again(at_work, client):
    age("watch", 61)

    assert client.get("/health/safety")["Retry-After"]


def test_a_new_installation_has_a_minute_and_is_not_well_for_ever_without_a_worker(db, client, monkeypatch):
    since_migrating = safety_status.read()
    assert since_migrating.worker_age_s == since_migrating.watch_age_s

    monkeypatch.setattr(safety_status, "OLDEST_S", since_migrating.worker_age_s + 30)
    assert ask(client)[0] == 200
    monkeypatch.setattr(safety_status, "OLDEST_S", max(0, since_migrating.worker_age_s - 0.1))
    assert ask(client)[0] == 503


def test_the_oldest_message_that_is_due_and_not_sent_is_noted_by_the_watch(world, client):
    now = timezone.now()
    enqueue(world, key="old", due_at=now - 2 * MINUTE)
    with as_clinic(world.clinic.pk):
        Message.objects.update(queued_at=now - 2 * MINUTE)
    enqueue(world, key="later", due_at=now + MINUTE)
    rls.reset()
    tasks.record_worker_heartbeat()
    safety_status.record_heartbeat(safety_status.WATCH, outbox.oldest_due_at(at=now))

    status, body = ask(client)

    assert status == 503
    assert body["failing"] == [
        f"a message has been due for {body['oldest_due_message_s']:.0f} s and is not sent"
    ]
    assert 119 < body["oldest_due_message_s"] < 130


def test_a_message_under_a_lease_counts_and_what_was_sent_or_given_up_does_not(world):
    now = timezone.now()
    enqueue(world, key="one", due_at=now - MINUTE, urgent=True)
    with transaction.atomic(), rls.as_clinic(world.clinic.pk):
        Message.objects.update(
            queued_at=now - 2 * MINUTE, claimed_until=now + MINUTE, attempts=outbox.MOST_ATTEMPTS
        )
    assert outbox.oldest_due_at(at=now) == now - MINUTE

    with transaction.atomic(), rls.as_clinic(world.clinic.pk):
        Message.objects.update(urgent=False)
    assert outbox.oldest_due_at(at=now) is None

    with transaction.atomic(), rls.as_clinic(world.clinic.pk):
        Message.objects.update(claimed_until=None, attempts=0)
    assert deliver(now) > 0
    assert outbox.oldest_due_at(at=now) is None


def test_the_safety_status_without_a_database_is_failing(client, monkeypatch):
    def away() -> None:
        raise OperationalError("away")

    monkeypatch.setattr(connections["default"], "ensure_connection", away)

    assert ask(client) == (503, {"status": "failing", "failing": ["the database does not answer"]})


@pytest.mark.parametrize(("name", "other"), [("worker", "watch"), ("watch", "worker")])
def test_each_logs_that_the_other_is_silent_once_a_minute(at_work, caplog, monkeypatch, name, other):
    monkeypatch.setattr(safety_status, "_warned_at", {})
    age(other, 75)

    safety_status.record_heartbeat(name)
    safety_status.record_heartbeat(name)

    assert caplog.text.count(f"the {other} is silent") == 1


def test_the_beat_schedule_lets_the_worker_leave_a_heartbeat_every_fifteen_seconds():
    assert ("tracker.alerts.tasks.record_worker_heartbeat", 15.0) in {
        (task, every) for _, task, every in BEAT_SCHEDULE
    }


def test_a_round_of_the_watch_leaves_a_heartbeat(live):
    call_command("watch", once=True)

    assert Heartbeat.objects.filter(name="watch").exists()
    assert safety_status.read().watch_age_s < 30


@pytest.mark.full
def test_a_real_beat_and_worker_leave_a_heartbeat_and_a_stopped_worker_is_noticed(
    live, tmp_path, monkeypatch
):
    worker = servers.running(
        "celery", "-A", "backend", "worker", "--pool", "solo", environment=live.environment
    )
    broker = {"REDIS_URL": live.environment["REDIS_URL"]}
    schedule = ("--schedule", str(tmp_path / "s"), "--pidfile=")
    beat = servers.running("celery", "-A", "backend.beat", "beat", *schedule, environment=broker)

    with worker, beat:
        servers.wait_until(
            lambda: Heartbeat.objects.filter(name="worker").exists(), seconds=60, what="a heartbeat"
        )

    monkeypatch.setattr(safety_status, "OLDEST_S", 0.1)
    servers.wait_until(
        lambda: any("the worker has done nothing" in sentence for sentence in safety_status.read().failing),
        what="an old heartbeat",
    )


def test_health_that_fails_is_logged_once_for_each_change_and_never_as_an_error(
    world, client, caplog, monkeypatch
):
    monkeypatch.setattr(health, "_statuses", {})
    rls.reset()
    for is_well in (False, False, True, True, False):
        if is_well:
            tasks.record_worker_heartbeat()
            safety_status.record_heartbeat(safety_status.WATCH)
        else:
            Heartbeat.objects.update(at=timezone.now() - 2 * MINUTE)
            Heartbeat.objects.get_or_create(name="worker", defaults={"at": timezone.now() - 2 * MINUTE})
        assert ask(client)[0] == (200 if is_well else 503)

    lines = [(record.levelname, record.getMessage()) for record in caplog.records]
    assert [level for level, text in lines if "health/safety changed" in text] == [
        "WARNING",
        "INFO",
        "WARNING",
    ]
    assert [line for line in lines if line[0] == "ERROR"] == []
