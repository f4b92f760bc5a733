"""
A storm: everything at once on fifty phones, for ten minutes (``STORM_SECONDS``) and until the mail provider is back.

Nothing acknowledged is lost or doubled, every other patient's alert is told in time, and health is true all along.
"""

import os
import random
import threading
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from django.db import connection, transaction
from django.utils import timezone

from examples.reference_phone import Json, Ledger, Phone, over_http
from tests import factories, servers
from tests.journeys import storm
from tests.journeys.health_watch import HealthWatch
from tests.journeys.storm import StormPatient, StormWitness
from tests.launcher.test_storm import known, pulled
from tests.outbox.mailserver import mail_server
from tests.outbox.test_hanging_provider import HangingServer, hanging_server
from tests.phone import Phone as SignedInPhone
from tests.rls_context import as_clinic
from tracker.alerts.models import Alert
from tracker.audit import verification
from tracker.clinics.models import Patient
from tracker.outbox.channels import INBOX
from tracker.outbox.models import Message
from tracker.records.kinds import KINDS

pytestmark = pytest.mark.full

SECONDS = int(os.environ.get("STORM_SECONDS", "600"))
PHONES = 50
POSITIVE_EVERY_S = 15
NOTICED_WITHIN_S = 30
ITEM_9 = "phq9_item9"


class Phones:
    """Fifty phones, each with a ledger in a file, and in the first place one more, which floods."""

    def __init__(self, live: Any, url: str, folder: Path) -> None:
        self.url, self.folder = url, folder
        with transaction.atomic():
            clinic, team = live.world.clinic, live.world.team
            self.patients = [factories.patient(clinic, f"ada{n}", team) for n in range(PHONES + 1)]
        self.tokens = [_signed_in(patient) for patient in self.patients]
        self.witnesses = [StormWitness(url) for _ in self.patients]
        self.positives: dict[int, str] = {}
        # In another order each time: who gives a positive answer, 15 seconds apart.
        order = random.Random(factories.SEED).sample(range(1, PHONES + 1), PHONES)
        self.positive_after_s = {n: POSITIVE_EVERY_S * place for place, n in enumerate(order, 1)}

    @contextmanager
    def phone(self, n: int) -> Iterator[StormPatient]:
        file, seed = self.folder / f"{n}.sqlite", f"{factories.SEED}/{n}"
        phone = StormPatient(self.witnesses[n], file, self.tokens[n], seed)
        yield phone
        phone.ledger.db.close()

    def live(self, n: int, over: threading.Event) -> None:
        with self.phone(n) as phone:
            positive = phone.live_until(over, self.positive_after_s[n])
        if positive:
            self.positives[n] = positive

    def flood(self, over: threading.Event) -> None:
        storm.flood(self.witnesses[0], self.tokens[0], over)

    def compare(self, rows: dict[str, dict[str, int]]) -> None:
        """Ledger, acknowledgements, tables and the server's answer to a new phone are the same, for every phone."""
        for n in range(1, PHONES + 1):
            with self.phone(n) as phone:
                own = known(phone.ledger)
                assert (phone.unsent(), phone.refused()) == (0, [])
                assert pulled(self.url, phone) == own
            revisions = {record_id: entry["revision"] for record_id, entry in own.items()}
            assert newest(self.witnesses[n]) == revisions == rows[str(self.patients[n].pk)]

    def compare_flood(self, rows: dict[str, int]) -> None:
        """What the flood was told is stored, is there; of what nobody answered some may be there too."""
        ledger = Ledger()
        for name in ("token", "device"):
            ledger.keep(name, self.tokens[0][name])
        pulled = list(Phone(over_http(self.url), ledger)._everything())

        assert newest(self.witnesses[0]).items() <= rows.items()
        assert set(rows) <= set(self.witnesses[0].sent_at)
        assert sorted(record["id"] for record in pulled) == sorted(rows)


def _signed_in(patient: Patient) -> Json:
    phone = SignedInPhone(patient.user)
    return {"token": phone.token, "device": str(phone.device)}


def newest(witness: StormWitness) -> dict[str, int]:
    """Return the newest revision of each record that was acknowledged; all before it must have been too."""
    revisions: dict[str, list[int]] = {}
    for record_id, revision in witness.acknowledged:
        revisions.setdefault(record_id, []).append(revision)
    assert all(sorted(own) == list(range(1, len(own) + 1)) for own in revisions.values())
    return {record_id: len(own) for record_id, own in revisions.items()}


def stored(live: Any) -> dict[str, dict[str, int]]:
    """Return the revision of every record by patient and id, as the tables have it; none is there twice."""
    revisions: dict[str, dict[str, int]] = {}
    with as_clinic(live.world.clinic.pk), connection.cursor() as cursor:
        for kind in KINDS.values():
            cursor.execute(f"SELECT patient_id, id, revision FROM {kind.table}")
            for patient_id, record_id, revision in cursor.fetchall():
                own = revisions.setdefault(str(patient_id), {})
                assert str(record_id) not in own, "a record was doubled"
                own[str(record_id)] = revision
    return revisions


def notice_delays(live: Any, patient: Patient, sent_at: datetime) -> tuple[float, float]:
    """Return the seconds until the whole team had its notice in the app: since the answer came, since it was sent."""
    with as_clinic(live.world.clinic.pk):
        alert = Alert.objects.get(patient=patient, rule=ITEM_9)
        notices = Message.objects.filter(subject=f"alert/{alert.pk}", channel=INBOX)
        times = {notice.recipient_id: notice.sent_at for notice in notices if notice.sent_at}
    assert set(times) == {live.world.ben.user_id, live.world.dan.user_id}, "a notice never came"
    last = max(times.values())
    return (last - alert.raised_at).total_seconds(), (last - sent_at).total_seconds()


class Storm:
    """The product's processes, a mail provider that hangs, and all that happens to them."""

    def __init__(self, live: Any, phones: Phones, folder: Path, stack: ExitStack) -> None:
        self.live, self.phones, self.stack = live, phones, stack
        self.hanging = stack.enter_context(ExitStack())
        self.provider: HangingServer = self.hanging.enter_context(hanging_server())
        self.services = storm.services(live, phones.url, self.provider.port, folder)
        for service in self.services:
            service.start(stack)
        self.locks = storm.TableLocks(live)
        by_name = {service.name: service for service in self.services}
        self.health = HealthWatch(live, phones.url, by_name, self.locks)
        self.over, self.well = threading.Event(), threading.Event()

    def rage(self, pool: ThreadPoolExecutor) -> None:
        """Let it all happen at once until the time is over, or a part of it fails; then let health return."""
        asking = pool.submit(self.health.run, self.well)
        try:
            self._rage(pool)
            self.hanging.close()
            self.stack.enter_context(mail_server(self.provider.port))
            servers.wait_until(self.health.is_well, seconds=300, what="health's return")
        finally:
            self.over.set()
            self.well.set()
        asking.result(60)

    def lost_without_a_kill(self) -> list[tuple[float, float]]:
        """Requests that nobody answered, although the web server was at work all the time."""
        web = self.services[0]
        lost = [span for witness in self.phones.witnesses for span in witness.lost]
        return [span for span in lost if web.was_up_between(*span)]

    def _rage(self, pool: ThreadPoolExecutor) -> None:
        over = self.over
        sending = pool.submit(storm.send_slowly, self.phones.url, over)
        parts: list[Future[Any]] = [
            pool.submit(storm.kill_in_turn, self.services, self.stack, over),
            pool.submit(self.locks.run, over),
            pool.submit(self.phones.flood, over),
            sending,
        ]
        parts += [pool.submit(self.phones.live, n, over) for n in range(1, PHONES + 1)]
        wait(parts, timeout=SECONDS, return_when=FIRST_COMPLETED)
        over.set()
        for part in parts:
            part.result(300)
        self.connections = sending.result()

    def __str__(self) -> str:
        witnesses = self.phones.witnesses
        acknowledged = sum(len(one.acknowledged) for one in witnesses)
        refused = sum(one.refused for one in witnesses)
        lost = sum(len(one.lost) for one in witnesses)
        unexplained = len(self.lost_without_a_kill())
        # The first is the start.
        kills = {one.name: [round(up - down, 1) for down, up in one.downs[1:]] for one in self.services}
        return (
            f"{SECONDS} s, seed {factories.SEED}: {acknowledged} versions acknowledged, {lost} requests without an"
            f" answer, {unexplained} of them without a kill, {refused} told to come again; {self.locks.count} locks,"
            f" {self.connections} slow connections,"
            f" {len(self.provider.accepted)} mails tried; seconds away after each kill: {kills};"
            f" health {self.health.statuses}, slowest {self.health.slowest_s:.1f} s"
        )


def test_a_storm_of_everything_at_once_loses_doubles_and_hides_nothing(
    live: Any, tmp_path: Path, settings: Any, capsys: Any
):
    settings.AUDIT_ANCHORS = str(tmp_path / "anchors")
    phones = Phones(live, f"http://127.0.0.1:{servers.free_port()}", tmp_path)
    connection.close()
    with ExitStack() as stack, ThreadPoolExecutor(PHONES + 5) as pool:
        weather = Storm(live, phones, tmp_path, stack)
        weather.rage(pool)

        rows = stored(live)
        phones.compare(rows)
        phones.compare_flood(flooded := rows[str(phones.patients[0].pk)])

    delays = [
        notice_delays(live, phones.patients[n], phones.witnesses[n].sent_at[positive])
        for n, positive in phones.positives.items()
    ]
    with as_clinic(live.world.clinic.pk):
        flooding = Alert.objects.open().get(patient=phones.patients[0], rule=ITEM_9)
    audit = verification.verify([live.world.clinic.pk, live.world.other_clinic.pk], at=timezone.now())
    noticed, since_sent = (max(column) for column in zip(*delays, strict=True))
    with capsys.disabled():
        print(
            f"\nstorm of {weather}; {len(flooded)} answers of the flood; {len(delays)} alerts noticed within"
            f" {noticed:.1f} s, {since_sent:.1f} s after they were first sent; audit {audit.events} events"
        )

    assert [wrong for witness in phones.witnesses for wrong in witness.wrong] == []
    assert weather.lost_without_a_kill() == []
    assert weather.health.wrong == []
    assert len(delays) >= SECONDS / POSITIVE_EVERY_S / 2
    assert noticed <= NOTICED_WITHIN_S
    assert flooding.answer_count >= len(flooded)
    assert audit.problems == []
