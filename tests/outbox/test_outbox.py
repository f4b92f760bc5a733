"""The outbox: said once, tried again when it fails, silent to those who have left."""

import uuid
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.core.mail import EmailMessage
from django.utils import timezone

from tests import factories
from tests.outbox.mailserver import MailServer, mail_server
from tests.rls_context import as_clinic
from tracker.accounts.models import User
from tracker.clinics.models import StaffMember
from tracker.outbox import actions
from tracker.outbox.channels import EMAIL, INBOX, Channel
from tracker.outbox.message_texts import TEXTS
from tracker.outbox.models import Message

MINUTE = timedelta(minutes=1)


@pytest.fixture
def server(settings) -> Iterator[MailServer]:
    with mail_server() as running:
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", running.port
        settings.EMAIL_USE_TLS, settings.EMAIL_TIMEOUT = False, 5
        yield running


def enqueue(world: factories.World, *people: StaffMember, **more: Any) -> int:
    given: dict[str, Any] = {
        "clinic_id": world.clinic.pk,
        "recipients": [person.user_id for person in people or (world.ben,)],
        "words": "alert",
        "subject": "alert/1",
        "key": "one",
        "due_at": timezone.now() - MINUTE,
    }
    with as_clinic(world.clinic.pk):
        return actions.enqueue(**given | more)


def deliver(at: datetime | None = None) -> int:
    return actions.deliver_due(at=at or timezone.now())


def rows(world: factories.World, **wanted) -> list[Message]:
    with as_clinic(world.clinic.pk):
        return list(Message.objects.filter(**wanted).order_by("due_at", "key"))


def end_leases(world: factories.World) -> None:
    """Two minutes later: the database's own clock cannot be turned, so the lease is."""
    with as_clinic(world.clinic.pk):
        Message.objects.filter(sent_at=None).update(claimed_until=timezone.now() - MINUTE)


def test_enqueueing_the_same_key_twice_creates_one_message_per_recipient_and_channel(world):
    assert enqueue(world, world.ben, world.dan) == 4
    assert enqueue(world, world.ben, world.dan) == 0
    assert enqueue(world, world.ben, world.ben, key="two") == 2

    assert len(rows(world)) == 6


def test_messages_are_claimed_by_turns_so_that_many_of_one_subject_delay_no_other(world, monkeypatch):
    monkeypatch.setattr(actions, "AT_ONCE", 4)
    for number in range(20):
        enqueue(world, subject="alert/flood", key=f"flood/{number}")
    enqueue(world, subject="alert/other", key="other", due_at=timezone.now())

    claimed = actions._claim(world.clinic.pk, [INBOX], timezone.now() + MINUTE)

    assert [message.subject for message in claimed] == ["alert/flood", "alert/other", *["alert/flood"] * 2]


def test_messages_are_claimed_by_turns_of_patients_whatever_their_subjects(world, monkeypatch):
    monkeypatch.setattr(actions, "AT_ONCE", 3)
    for number in range(20):
        enqueue(world, subject=f"alert/{number}", key=f"flood/{number}", patient_id=world.ada.pk, urgent=True)
    enqueue(world, subject="alert/other", key="other", patient_id=world.bea.pk, urgent=True,
            due_at=timezone.now())  # fmt: skip

    claimed = actions._claim(world.clinic.pk, [INBOX], timezone.now() + MINUTE)

    assert [message.patient for message in claimed] == [world.ada.pk, world.bea.pk, world.ada.pk]


def test_a_message_counts_as_waiting_from_when_it_was_written_not_from_long_before(world):
    began = timezone.now()
    enqueue(world, due_at=began - timedelta(days=120))

    oldest = actions.oldest_due_at(at=timezone.now() + MINUTE)

    assert oldest
    assert abs(oldest - began) < MINUTE


@pytest.mark.parametrize("how", ["withdrawn", "switched off"])
def test_a_message_that_ends_while_others_of_its_claim_are_delivered_is_not_sent(world, monkeypatch, how):
    enqueue(world, world.ben, key="first", subject="alert/1", due_at=timezone.now() - 2 * MINUTE)
    enqueue(world, world.dan, key="second", subject="alert/2")
    sent: list[str] = []

    # In the thread of the test, whose transaction holds the rows.
    def send(channel: Channel, address: str, message: Message) -> None:
        sent.append(address)
        if how == "withdrawn":
            actions.cancel(clinic_id=world.clinic.pk, subject="alert/2", at=timezone.now())
        else:
            User.objects.filter(pk=world.dan.user_id).update(is_active=False)

    monkeypatch.setattr(actions, "_send_in_time", send)
    deliver()

    assert sent == [world.ben.user.email]


def test_a_message_is_delivered_once_by_each_channel(world, server):
    enqueue(world)

    assert (deliver(), deliver()) == (2, 0)
    assert [address for address, _ in server.received] == [world.ben.user.email]
    assert all(row.sent_at and row.attempts == 1 for row in rows(world))


def test_a_message_is_not_sent_before_it_is_due(world, server):
    due = timezone.now() + timedelta(hours=1)
    enqueue(world, due_at=due)

    assert deliver(due - timedelta(microseconds=1)) == 0
    assert deliver(due) == 2


def test_enqueueing_for_no_recipient_creates_no_message(world):
    with as_clinic(world.clinic.pk):
        assert (
            actions.enqueue(
                clinic_id=world.clinic.pk,
                recipients=[],
                words="alert",
                subject="x",
                key="x",
                due_at=factories.MONDAY,
            )
            == 0
        )


def test_a_failing_mail_server_leaves_the_message_due_again_and_the_inbox_delivered(world, server):
    enqueue(world)
    server.refuses = True

    assert deliver() == 1
    (mail,) = rows(world, channel=EMAIL)
    (inbox,) = rows(world, channel=INBOX)
    assert (mail.sent_at, mail.attempts, inbox.sent_at is not None) == (None, 1, True)
    # The lease keeps it from being tried again at once.
    assert deliver() == 0

    server.refuses = False
    end_leases(world)
    assert deliver() == 1
    assert [address for address, _ in server.received] == [world.ben.user.email]
    (mail,) = rows(world, channel=EMAIL)
    assert (mail.sent_at is not None, mail.attempts) == (True, 2)


def test_a_missing_mail_server_does_not_stop_delivery(world, server, settings):
    settings.EMAIL_PORT = 1
    enqueue(world, world.ben, world.dan)

    assert deliver() == 2
    assert {row.channel for row in rows(world, sent_at=None)} == {EMAIL}


@pytest.mark.parametrize(("attempts", "tried"), [(19, True), (20, False)])
def test_a_message_that_cannot_be_sent_is_dead_after_twenty_attempts_and_stays_visible(
    world, server, attempts, tried
):
    enqueue(world)
    server.refuses = True
    with as_clinic(world.clinic.pk):
        Message.objects.update(attempts=attempts)

    deliver()

    (mail,) = rows(world, channel=EMAIL)
    assert (mail.attempts > attempts, mail.sent_at, mail.withdrawn_at) == (tried, None, None)


@pytest.mark.parametrize("attempts", [20, 31_999, 32_000])
def test_an_urgent_message_is_retried_without_end(world, server, attempts):
    enqueue(world, urgent=True)
    server.refuses = True
    with as_clinic(world.clinic.pk):
        Message.objects.filter(channel=EMAIL).update(attempts=attempts)

    for _ in range(2):
        deliver()
        end_leases(world)

    server.refuses = False
    assert deliver() == 1
    assert len(server.received) == 1


def test_an_outbox_message_to_a_disabled_account_is_not_sent_and_delays_no_other(world, server):
    User.objects.filter(pk=world.dan.user_id).update(is_active=False)
    for n in range(actions.AT_ONCE):
        enqueue(world, world.dan, key=f"left-{n}", urgent=True, due_at=factories.MONDAY)
    enqueue(world, world.ben)

    assert deliver() == 2
    assert {address for address, _ in server.received} == {world.ben.user.email}
    assert {row.attempts for row in rows(world, recipient=world.dan.user_id)} == {0}


def test_an_outbox_message_that_no_server_accepts_delays_no_other(world, server, monkeypatch):
    with monkeypatch.context() as before:
        before.setitem(TEXTS, "a-text-of-a-former-version", TEXTS["alert"])
        enqueue(world, key="broken", urgent=True, words="a-text-of-a-former-version", due_at=factories.MONDAY)
    enqueue(world, world.ben, world.dan, key="sound")

    # The broken one's place in the inbox, and both channels of the two sound ones.
    assert deliver() == 5
    assert len(server.received) == 2


def test_an_urgent_message_goes_before_an_older_one_and_the_inbox_before_the_mail(world, server):
    enqueue(world, world.dan, key="old", due_at=factories.MONDAY)
    enqueue(world, world.ben, key="urgent", urgent=True)

    deliver()

    assert [address for address, _ in server.received] == [world.ben.user.email, world.dan.user.email]
    inbox, mail = (rows(world, channel=channel, urgent=True)[0].sent_at for channel in ("INBOX", "EMAIL"))
    assert inbox
    assert mail
    assert inbox < mail


def test_a_delivery_to_a_slow_mail_server_is_given_up_before_the_lease_ends(world, server, settings):
    settings.OUTBOX_RUN_S = 1
    server.slow_s = 1.1
    for n in range(3):
        enqueue(world, key=str(n))
    with as_clinic(world.clinic.pk):
        Message.objects.filter(channel=INBOX).update(withdrawn_at=factories.MONDAY)

    assert deliver() == 1
    # What is left over is in nobody's hands at once.
    server.slow_s = 0
    assert deliver() == 2
    assert len(server.received) == 3


def test_a_lease_ends_by_the_databases_clock_and_not_by_a_workers_that_runs_ahead(world, server):
    enqueue(world)
    server.refuses = True
    deliver()

    assert deliver(timezone.now() + timedelta(days=1)) == 0
    assert {row.attempts for row in rows(world, channel=EMAIL)} == {1}


def test_a_withdrawn_message_is_not_sent_and_a_sent_one_stays(world, server):
    enqueue(world, key="sent")
    deliver()
    enqueue(world, key="waiting")
    enqueue(world, key="other", subject="alert/2")

    with as_clinic(world.clinic.pk):
        assert actions.cancel(clinic_id=world.clinic.pk, subject="alert/1", at=factories.MONDAY) == 2

    assert deliver() == 2
    assert [row.key.split("/")[0] for row in rows(world, sent_at=None)] == ["waiting", "waiting"]


def test_messages_of_another_clinic_are_delivered_and_not_seen(world, server):
    with as_clinic(world.other_clinic.pk):
        actions.enqueue(
            clinic_id=world.other_clinic.pk, recipients=[world.finn.user_id], words="alert", subject="alert/9",
            key="theirs", due_at=factories.MONDAY,
        )  # fmt: skip

    assert deliver() == 2
    assert rows(world) == []


def test_enqueueing_the_same_key_in_two_clinics_creates_two_messages(world):
    enqueue(world)

    with as_clinic(world.other_clinic.pk):
        assert (
            actions.enqueue(
                clinic_id=world.other_clinic.pk, recipients=[world.ben.user_id], words="alert",
                subject="alert/1", key="one", due_at=factories.MONDAY,
            )
            == 2
        )  # fmt: skip


def test_the_inbox_shows_ones_own_messages_and_keeps_the_first_read_time(world, server):
    enqueue(world)
    deliver()
    (inbox,) = rows(world, channel=INBOX)
    (mail,) = rows(world, channel=EMAIL)

    def read(who: StaffMember, message: uuid.UUID, at: datetime) -> bool:
        with as_clinic(world.clinic.pk):
            return actions.mark_read(recipient_id=who.user_id, message_id=message, at=at)

    assert read(world.ben, inbox.pk, factories.MONDAY)
    assert read(world.ben, inbox.pk, factories.MONDAY + MINUTE)
    assert not read(world.dan, inbox.pk, factories.MONDAY)
    assert not read(world.ben, mail.pk, factories.MONDAY)
    assert not read(world.ben, uuid.uuid4(), factories.MONDAY)
    assert rows(world, channel=INBOX)[0].read_at == factories.MONDAY


def test_an_unsent_message_is_in_no_inbox(world):
    enqueue(world)

    with as_clinic(world.clinic.pk):
        assert not Message.objects.inbox_of(world.ben.user_id).exists()


def test_our_mail_server_is_one_that_a_client_would_believe(server):
    assert EmailMessage("Subject", "Body\n.\nend", to=["a@example.org"]).send() == 1

    ((address, text),) = server.received
    assert address == "a@example.org"
    assert "Subject: Subject" in text
