"""An address that cannot be written to is its own recipient's matter: it waits longer, and health stays true."""

from datetime import timedelta

import pytest
from django.utils import timezone

from tests import factories
from tests.outbox.mailserver import MailServer
from tests.outbox.test_outbox import deliver, end_leases, enqueue, rows, server  # noqa: F401
from tests.rls_context import as_clinic
from tracker.accounts.models import User
from tracker.outbox import actions
from tracker.outbox.channels import EMAIL, Email
from tracker.outbox.models import Message

A_MINUTE = timedelta(minutes=1)


def is_late() -> bool:
    """Whether mail waits that a working worker would have sent, five minutes from now."""
    return actions.oldest_due_at(at=timezone.now() + 5 * A_MINUTE) is not None


@pytest.fixture
def relay(server: MailServer, world: factories.World) -> MailServer:  # noqa: F811
    """A relay that puts Ben's address off."""
    server.statuses[world.ben.user.email] = 450
    return server


def test_mail_that_is_put_off_for_one_recipient_alone_is_not_late(world, relay):
    enqueue(world, world.ben)
    assert is_late()

    deliver()

    assert not is_late()
    (mail,) = rows(world, channel=EMAIL)
    assert (mail.sent_at, mail.attempts, mail.put_off_at is not None) == (None, 1, True)


def test_a_relay_that_puts_off_every_address_is_late(world, relay):
    relay.statuses[None] = 451
    enqueue(world, world.ben, world.dan)

    deliver()

    assert is_late()


def test_mail_that_is_put_off_is_not_late_once_other_mail_went_out(world, relay):
    relay.statuses[world.dan.user.email] = 452
    enqueue(world, world.ben, world.dan)
    deliver()
    assert is_late()

    enqueue(world, world.eve, key="other")
    deliver()

    assert not is_late()


def test_urgent_mail_that_is_put_off_is_late_whatever_else_went_out_and_is_tried_at_each_lease(world, relay):
    enqueue(world, world.ben, urgent=True)
    deliver()
    enqueue(world, world.eve, key="other")
    deliver()

    assert is_late()
    (mail,) = rows(world, channel=EMAIL, sent_at=None)
    assert mail.claimed_until
    assert mail.claimed_until <= timezone.now() + actions.LEASE


@pytest.mark.parametrize("how", ["server goes away", "refused at the text", "no server"])
def test_a_fault_of_the_relay_itself_is_late_for_one_recipient_too(world, relay, settings, how):
    relay.statuses[world.ben.user.email] = 421 if how == "server goes away" else 250
    relay.refuses = how == "refused at the text"
    if how == "no server":
        settings.EMAIL_PORT = 1
    enqueue(world, world.ben)

    deliver()

    assert is_late()


def test_mail_that_is_put_off_waits_longer_after_each_try_and_goes_out_at_last(world, relay):
    enqueue(world, world.ben)
    waits = []
    for _ in range(9):
        deliver()
        (mail,) = rows(world, channel=EMAIL)
        assert mail.claimed_until
        waits.append(round((mail.claimed_until - timezone.now()) / A_MINUTE))
        end_leases(world)

    relay.statuses.clear()
    deliver()

    assert waits == [2, 4, 8, 16, 32, 64, 120, 120, 120]
    assert [address for address, _ in relay.received] == [world.ben.user.email]


def test_an_address_that_no_message_can_be_made_for_is_given_up_at_once(world, server):  # noqa: F811
    User.objects.filter(pk=world.ben.user_id).update(email="kim@\u3002.org")
    enqueue(world, world.ben, world.dan)

    deliver()

    assert not is_late()
    assert [address for address, _ in server.received] == [world.dan.user.email]
    with as_clinic(world.clinic.pk):
        given_up = Message.objects.get(channel=EMAIL, recipient=world.ben.user)
    assert (given_up.attempts, given_up.sent_at) == (actions.MOST_ATTEMPTS, None)


def test_an_address_that_cannot_be_read_is_put_off(world, monkeypatch):
    monkeypatch.setattr(Email, "address", lambda self, user: None)
    enqueue(world, world.ben)

    deliver()

    assert not is_late()
    assert rows(world, channel=EMAIL)[0].put_off_at
