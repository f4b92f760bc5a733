"""Many workers, one outbox: each message goes out once, and a worker that dies holds nothing for long."""

from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone

from tests import servers
from tests.concurrency import run_concurrently
from tests.rls_context import as_clinic
from tracker.outbox import actions
from tracker.outbox.channels import CHANNELS
from tracker.outbox.models import Message

MANY = 200


def fill(live, n: int, **more) -> None:
    with as_clinic(live.world.clinic.pk):
        for each in range(n):
            actions.enqueue(
                clinic_id=live.world.clinic.pk, recipients=[live.world.ben.user_id], words="alert",
                subject=f"alert/{each}", key=f"many/{each}", due_at=timezone.now() - timedelta(minutes=1), **more,
            )  # fmt: skip


@pytest.fixture
def mail_folder(live, settings) -> None:
    """The folder that the product itself puts its mail in, where a test would catch it before."""
    settings.EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
    settings.EMAIL_FILE_PATH = str(live.mail)


def references(folder: Path) -> Counter[str]:
    text = "".join(path.read_text() for path in folder.iterdir())
    return Counter(line.split()[-1] for line in text.splitlines() if line.startswith("Reference:"))


def unsent(live) -> int:
    with as_clinic(live.world.clinic.pk):
        return Message.objects.filter(sent_at=None).count()


def test_eight_workers_lease_and_send_each_of_two_hundred_messages_once(live, mail_folder):
    fill(live, MANY)

    counts = run_concurrently(*[lambda: actions.deliver_due(at=timezone.now())] * 8)

    assert all(isinstance(count, int) for count in counts), counts
    assert sum(count for count in counts if isinstance(count, int)) == MANY * len(CHANNELS)
    mails = references(live.mail)
    assert (len(mails), set(mails.values())) == (MANY, {1})
    with as_clinic(live.world.clinic.pk):
        assert set(Message.objects.values_list("attempts", flat=True)) == {1}


def test_two_watches_beside_each_other_send_each_message_once(live):
    fill(live, 60, urgent=True)
    watch = ("manage.py", "watch", "--every", "0.1")

    with (
        servers.running(*watch, environment=live.environment),
        servers.running(*watch, environment=live.environment),
    ):
        servers.wait_until(lambda: not unsent(live), what="the last message")

    assert set(references(live.mail).values()) == {1}
    assert len(references(live.mail)) == 60


def test_the_lease_of_a_killed_worker_ends_and_its_messages_are_sent(live, mail_folder):
    fill(live, 3)
    # It took its lease, and was never heard of again.
    actions._claim(live.world.clinic.pk, CHANNELS, timezone.now())

    assert actions.deliver_due(at=timezone.now()) == 0
    with as_clinic(live.world.clinic.pk):
        assert Message.objects.filter(claimed_until__gt=timezone.now()).count() == 6
        Message.objects.update(claimed_until=timezone.now() - timedelta(seconds=1))

    assert actions.deliver_due(at=timezone.now()) == 6
    assert len(references(live.mail)) == 3
