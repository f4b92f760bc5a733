"""Delivery channels: a new one sends nobody anything until a text names it, and then a real worker sends through it."""

from dataclasses import replace
from datetime import timedelta

import pytest
from django.utils import timezone

from tests import servers
from tests.outbox.pager import PAGES, Pager
from tests.rls_context import as_clinic
from tracker.outbox import actions
from tracker.outbox.channels import CHANNELS, EMAIL, INBOX, Email
from tracker.outbox.message_texts import TEXTS
from tracker.outbox.models import Message


def enqueue(world, key: str, words: str = "alert") -> int:
    with as_clinic(world.clinic.pk):
        return actions.enqueue(
            clinic_id=world.clinic.pk, recipients=[world.ben.user_id], words=words, subject="alert/1", key=key,
            due_at=timezone.now() - timedelta(minutes=1),
        )  # fmt: skip


def deliver(environment: dict[str, str]) -> None:
    """Start both tasks of delivery, as beat does."""
    for task in ("deliver_in_app", "deliver_by_network"):
        servers.hint(environment, f"tracker.outbox.tasks.{task}")


def messages(world, **wanted) -> list[Message]:
    with as_clinic(world.clinic.pk):
        return list(Message.objects.filter(**wanted))


def test_a_registered_channel_is_used_by_no_text_that_does_not_name_it(world, monkeypatch):
    monkeypatch.setitem(CHANNELS, Pager.code, Pager())

    for words in TEXTS:
        enqueue(world, words, words)

    assert {message.channel for message in messages(world)} == {INBOX, EMAIL}


def test_a_worker_sends_through_a_new_channel_once_a_text_names_it(live, monkeypatch, tmp_path):
    pages = tmp_path / "pages"
    environment = live.environment | {PAGES: str(pages)}
    with servers.worker(environment, "-I", "tests.outbox.pager"):
        enqueue(live.world, "before")
        deliver(environment)
        servers.wait_until(lambda: not messages(live.world, sent_at=None), what="the delivery")
        assert not pages.exists()

        monkeypatch.setitem(TEXTS, "alert", replace(TEXTS["alert"], channels=(INBOX, Pager.code)))
        assert enqueue(live.world, "after") == 2
        deliver(environment)
        servers.wait_until(lambda: not messages(live.world, sent_at=None), what="the page")

    (message,) = messages(live.world, channel=Pager.code)
    assert pages.read_text() == f"{message.pk} pager of {live.world.ben.user.email}\n"


def test_the_database_refuses_a_message_whose_channel_is_no_code(world, monkeypatch):
    monkeypatch.setitem(TEXTS, "alert", replace(TEXTS["alert"], channels=("carrier pigeon",)))

    with pytest.raises(Exception, match=r"value too long|message_channel_is_a_code"):
        enqueue(world, "one")


def test_a_channel_without_an_address_sends_no_message_and_delays_no_other(world, monkeypatch):
    monkeypatch.setattr(Email, "address", lambda self, user: None if user == world.ben.user else user.email)
    enqueue(world, "one")

    assert actions.deliver_due(at=timezone.now()) == 1
    (mail,) = messages(world, channel=EMAIL)
    assert (mail.sent_at, mail.attempts) == (None, 1)
