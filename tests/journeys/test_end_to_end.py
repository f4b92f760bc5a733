"""The whole path on real processes: a phone, a web server, PostgreSQL, Valkey, a Celery worker, the watch."""

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import transaction

from tests import factories, servers
from tests.http_phone import Phone
from tests.rls_context import as_clinic
from tracker.access.chart import open_chart
from tracker.access.principal import load_principal
from tracker.clinics.models import Patient
from tracker.lib import days
from tracker.outbox.message_texts import TEXTS
from tracker.outbox.models import Message
from tracker.progress import summaries as progress
from tracker.records.kinds.pain import PainEntry
from tracker.reminders import actions as reminders

REFRESH = "tracker.progress.tasks.refresh_stale"
DELIVER = ("tracker.outbox.tasks.deliver_in_app", "tracker.outbox.tasks.deliver_by_network")
PLAN = "tracker.reminders.tasks.plan_reminders"


def phone_of(patient: Patient, url: str) -> Phone:
    assert patient.user
    return Phone(url, patient.user.email, factories.PASSWORD, patience_s=20)


def pain_of_days(n: int) -> list[dict[str, Any]]:
    """One entry a day for ``n`` days up to yesterday, as lived in Amsterdam."""
    start = datetime.now(days.zone(factories.ZONE)).replace(hour=11) - timedelta(days=n)
    return [
        factories.pain(day % 8, recorded_at=(start + timedelta(days=day)).isoformat()) for day in range(n)
    ]


def test_a_worker_turns_what_a_phone_sent_into_summaries_that_the_patient_reads(shared_live):
    live = shared_live
    with servers.worker(live.environment), phone_of(live.world.ada, live.url) as phone:
        results = phone.push("first-batch", pain_of_days(30))

        servers.hint(live.environment, REFRESH)
        summaries = servers.wait_until(
            lambda: phone.http.get("/api/v1/summaries").json()["summaries"], what="a summary"
        )

    assert {result["status"] for result in results} == {"stored"}
    week = summaries[1]["figures"]
    assert week["logged"]["entries"] == {"pain": 7}
    assert week["logged"]["days_missed"] == []
    assert [row["measure"] for row in week["measures"]] == ["pain.intensity"]


def test_an_alert_is_delivered_by_the_watch_although_the_broker_is_dead(live):
    dead = live.environment | {"REDIS_URL": f"redis://127.0.0.1:{servers.free_port()}/0"}
    with servers.web(dead) as url:
        with phone_of(live.world.ada, url) as phone:
            stored = phone.push("positive", [factories.phq9([0] * 8 + [1])])

        with servers.running("manage.py", "watch", "--every", "0.2", environment=dead):
            # One mail each to Ben and Dan.
            servers.wait_until(
                lambda: mails(live).count("Subject: You have a new message") >= 2, what="the mail"
            )

    assert stored[0]["status"] == "stored"
    with as_clinic(live.world.clinic.pk):
        alerts = Message.objects.filter(words="alert", sent_at__isnull=False)
        sent = alerts.values_list("recipient_id", "channel")
        team = {live.world.ben.user_id, live.world.dan.user_id}
        assert set(sent) == {(person, channel) for person in team for channel in TEXTS["alert"].channels}


def mails(live) -> str:
    """All that lies in the local mail folder; one file may hold several mails."""
    return "\n".join(path.read_text() for path in live.mail.iterdir())


def at_noon() -> tuple[datetime, str]:
    """Return now, and a zone in which it is between 12:00 and 13:00, so that no quiet hour interferes."""
    now = datetime.now(UTC)
    return now, f"Etc/GMT{now.hour - 12:+d}"


def test_a_reminder_goes_out_exactly_once_with_no_health_word_in_it(live):
    now, time_zone = at_noon()
    ada = live.world.ada
    with as_clinic(live.world.clinic.pk):
        type(ada).objects.filter(pk=ada.pk).update(time_zone=time_zone)
    with transaction.atomic():
        ben = load_principal(live.world.ben.user_id, now)
        chart = open_chart(ben, ada.pk, purpose="test", at=now)
        reminders.plan_check_in(
            principal=ben, patient=chart, starts_at=now + timedelta(hours=23, minutes=50), minutes=20,
            at=now - timedelta(days=2),
        )  # fmt: skip

    def sent() -> bool:
        with as_clinic(live.world.clinic.pk):
            found = Message.objects.filter(words="check-in", sent_at__isnull=False)
            return found.count() >= len(TEXTS["check-in"].channels)

    with servers.worker(live.environment):
        for task in (PLAN, PLAN, *DELIVER, PLAN, *DELIVER):
            servers.hint(live.environment, task)
        servers.wait_until(sent, what="the reminder")

    with as_clinic(live.world.clinic.pk):
        about = Message.objects.filter(words="check-in")
        assert sorted(about.values_list("recipient_id", "channel")) == [
            (ada.user_id, channel) for channel in sorted(TEXTS["check-in"].channels)
        ]
    words = mails(live).lower()
    assert "you have a new message" in words
    for word in ("ketamine", "pain", "phq", "riverside", "check-in", "check in", "ben", "session", "mood"):
        assert word not in words.replace(str(ada.user.email).lower(), "")


def test_a_worker_that_is_killed_in_the_middle_loses_and_doubles_nothing(shared_live):
    live = shared_live
    # Nobody else at this clinic has summaries that other tests waited for.
    gus, clinic = live.world.gus, live.world.other_clinic
    with phone_of(gus, live.url) as phone:
        phone.push("one-batch", pain_of_days(60))
    with servers.worker(live.environment) as first:
        servers.hint(live.environment, REFRESH)
        os.killpg(first.pid, 9)
    with servers.worker(live.environment):
        servers.hint(live.environment, REFRESH)

        def weeks() -> int:
            with as_clinic(clinic.pk):
                return len(progress.weeks(gus.pk))

        servers.wait_until(weeks, what="a summary")

    with as_clinic(clinic.pk):
        every = progress.weeks(gus.pk)
        days = set(PainEntry.objects.values_list("local_date", flat=True))
    assert {day - timedelta(days=day.weekday()) for day in days} <= set(every)


@contextmanager
def hung_broker() -> Iterator[str]:
    """A broker that takes connections and never answers."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(64)
        yield f"redis://127.0.0.1:{listening.getsockname()[1]}/0"


def test_a_broker_that_hangs_delays_neither_the_answer_nor_what_to_do_now(live):
    with ExitStack() as stack:
        address = stack.enter_context(hung_broker())
        url = stack.enter_context(servers.web(live.environment | {"REDIS_URL": address}))
        phone = stack.enter_context(phone_of(live.world.ada, url))
        answer = phone.http.post(
            "/api/v1/sync/push",
            json=factories.batch(factories.phq9([0] * 8 + [3]), device=phone.device),
            timeout=5,
        )
        ready = phone.http.get("/health/ready", timeout=5)

    assert answer.json()["results"][0]["status"] == "stored"
    assert answer.json()["guidance"]["crisis_text"] == live.world.clinic.crisis_text
    assert (ready.status_code, ready.json()["database"]) == (200, "ready")
    assert ready.json()["broker"].startswith("unavailable")


def test_a_pull_beside_a_busy_phone_skips_nothing(shared_live):
    """Two phones of one patient: one pushes several kinds at a time, the other follows with its cursor."""
    bea, url = shared_live.world.bea, shared_live.url
    sent: list[str] = []
    done = threading.Event()

    def push_on() -> None:
        with phone_of(bea, url) as phone:
            for n in range(60):
                batch = [
                    factories.pain(n % 11),
                    factories.daily(mood=5),
                    factories.record("journal", {"text": "x"}),
                    factories.phq9(),
                ]
                phone.push(f"batch-{n:04d}", batch)
                sent.extend(record["id"] for record in batch)
        done.set()

    seen: list[str] = []
    with phone_of(bea, url) as phone:
        pusher = threading.Thread(target=push_on)
        pusher.start()
        cursor, last_round = "", False
        while not last_round:
            last_round = done.is_set()
            more = True
            while more:
                page = phone.http.get("/api/v1/sync/pull", params={"cursor": cursor, "limit": 3}).json()
                seen += [record["id"] for record in page["records"]]
                cursor, more = page["cursor"], page["more"]
        pusher.join()

    assert len(sent) == 240
    assert sorted(seen) == sorted(sent)
