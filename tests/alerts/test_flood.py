"""A flood of positive answers is no cover: the others' alerts stand in the first places and are told at once."""

import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from django.db import transaction

from tests import factories, servers
from tests.phone import Phone, token_of
from tests.rls_context import as_clinic
from tracker.alerts.models import Alert
from tracker.outbox.models import Message

POSITIVE = [0] * 8 + [3]
BATCH = 100


def positive() -> dict[str, Any]:
    return factories.phq9(POSITIVE, id=str(uuid.uuid4()))


def push(url: str, phone: Phone, *records: dict[str, Any]) -> dict[str, Any]:
    answer = httpx.post(
        f"{url}/api/v1/sync/push",
        json=phone.batch(*records),
        headers=phone.headers,
        trust_env=False,
        timeout=60,
    )
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


@pytest.mark.parametrize("answers", [300, pytest.param(5_000, marks=pytest.mark.full)])
def test_a_flood_of_one_patients_alerts_hides_and_delays_no_other_patients_alert(live, answers, capsys):
    world = live.world
    with transaction.atomic():
        cara = factories.patient(world.clinic, "cara", world.team)
    ada, other = Phone(world.ada.user), Phone(cara.user)
    watch = ("manage.py", "watch", "--every", "1")
    with servers.web(live.environment) as url, servers.running(*watch, environment=live.environment):
        with ThreadPoolExecutor(4) as senders:
            batches = [[positive() for _ in range(BATCH)] for _ in range(answers // BATCH)]
            guided = list(senders.map(lambda batch: "guidance" in push(url, ada, *batch), batches))
        pushed_at = time.monotonic()
        assert "guidance" in push(url, other, positive())

        def unsent() -> bool:
            with as_clinic(world.clinic.pk):
                alert = Alert.objects.get(patient=cara)
                messages = Message.objects.filter(subject=f"alert/{alert.pk}")
                return messages.exists() and not messages.filter(sent_at=None).exists()

        servers.wait_until(unsent, seconds=30, what="the other patient's notice")
        told_after = time.monotonic() - pushed_at
        page = httpx.get(
            f"{url}/api/v1/alerts",
            headers={"X-Session-Token": token_of(world.ben.user)},
            trust_env=False,
            timeout=30,
        )
    places = {row["patient"]: (place, row["answers"]) for place, row in enumerate(page.json()["alerts"], 1)}
    with as_clinic(world.clinic.pk):
        rows, told = Alert.objects.count(), Message.objects.filter(words="alert").count()

    assert all(guided)
    assert places == {str(world.ada.pk): (1, answers), str(cara.pk): (2, 1)}
    assert page.json()["total"] == 2
    assert rows == answers + 1
    # Two people by two channels, for each of the two alerts.
    assert told == 8
    with capsys.disabled():
        print(
            f"\n{answers} answers: {told} messages, page of {len(page.content)} bytes, told after {told_after:.1f} s"
        )
