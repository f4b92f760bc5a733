"""A mail provider that hangs delays nobody's notice in the app, and other mail only until the next run."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest
from django.conf import settings as product
from django.utils import timezone

from tests import servers
from tests.outbox.mailserver import mail_server
from tests.outbox.test_outbox import MINUTE, enqueue
from tests.rls_context import as_clinic
from tracker.clinics.models import Clinic
from tracker.outbox import actions
from tracker.outbox.channels import EMAIL, INBOX
from tracker.outbox.models import Message


class HangingServer:
    """Takes connections and never answers; or answers a byte at a time, and never ends its line."""

    def __init__(self, listening: socket.socket, byte_every_s: float) -> None:
        self.port = listening.getsockname()[1]
        self.accepted: list[socket.socket] = []
        self.connected = threading.Event()
        self.byte_every_s = byte_every_s
        threading.Thread(target=self._accept, args=(listening,), daemon=True).start()

    def _accept(self, listening: socket.socket) -> None:
        with suppress(OSError):
            while True:
                self.accepted.append(listening.accept()[0])
                self.connected.set()
                if self.byte_every_s:
                    threading.Thread(target=self._drip, args=(self.accepted[-1],), daemon=True).start()

    def _drip(self, connection: socket.socket) -> None:
        with suppress(OSError):
            while True:
                connection.sendall(b"2")
                time.sleep(self.byte_every_s)

    def open_connections(self) -> int:
        """How many are still waited on: the other side has not hung up."""
        return sum(not _has_ended(connection) for connection in self.accepted)


def _has_ended(connection: socket.socket) -> bool:
    try:
        return connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) == b""
    except BlockingIOError:
        return False


@contextmanager
def hanging_server(byte_every_s: float = 0) -> Iterator[HangingServer]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = HangingServer(listening, byte_every_s)
        yield server
        # Wakes the thread that accepts, which would keep the port.
        listening.shutdown(socket.SHUT_RDWR)
        for connection in server.accepted:
            connection.close()


def mail_through(settings: Any, port: int) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT, settings.EMAIL_USE_TLS = "127.0.0.1", port, False


def messages(clinic: Clinic, channel: str, **wanted: Any) -> list[Message]:
    with as_clinic(clinic.pk):
        return list(Message.objects.filter(channel=channel, **wanted))


def test_the_time_limits_of_delivery_fit_each_other():
    limits = (
        product.EMAIL_TIMEOUT,
        product.OUTBOX_SEND_S,
        product.OUTBOX_RUN_S,
        product.CELERY_TASK_SOFT_TIME_LIMIT,
        product.CELERY_TASK_TIME_LIMIT,
        product.OUTBOX_LEASE_S,
        product.VISIBILITY_TIMEOUT_S,
    )

    assert list(limits) == sorted(set(limits))
    # The last message of a run is begun as the run ends.
    assert product.OUTBOX_RUN_S + product.OUTBOX_SEND_S < product.CELERY_TASK_SOFT_TIME_LIMIT


def test_a_provider_that_hangs_costs_one_message_of_each_run_and_the_next_run_begins_with_another(
    world, settings
):
    settings.EMAIL_TIMEOUT = 0.2
    for n in range(5):
        enqueue(world, key=str(n))
    with hanging_server() as server:
        mail_through(settings, server.port)

        sent = actions.deliver_due(at=timezone.now())

        assert (sent, len(server.accepted)) == (5, 1)
        assert len(messages(world.clinic, INBOX, sent_at__isnull=False)) == 5
        tried, *left = sorted(messages(world.clinic, EMAIL), key=lambda row: -row.attempts)
        assert (tried.attempts, bool(tried.claimed_until)) == (1, True)
        assert {(row.attempts, row.claimed_until) for row in left} == {(0, None)}
    with mail_server() as server:
        mail_through(settings, server.port)

        assert actions.deliver_due(at=timezone.now()) == 4
        assert len(server.received) == 4


def test_a_provider_that_answers_byte_by_byte_is_given_up_after_the_time_of_a_message(world, settings):
    settings.EMAIL_TIMEOUT, settings.OUTBOX_SEND_S = 5, 0.3
    enqueue(world)
    with hanging_server(byte_every_s=0.05) as server:
        mail_through(settings, server.port)

        assert actions.deliver_due(at=timezone.now()) == 1
        assert server.open_connections() == 1

    (mail,) = messages(world.clinic, EMAIL)
    assert (mail.attempts, mail.sent_at) == (1, None)


def test_a_provider_that_hangs_for_one_clinic_does_not_end_the_run_for_another(world, settings, monkeypatch):
    settings.EMAIL_TIMEOUT = 0.2
    enqueue(world, key="here")
    with as_clinic(world.other_clinic.pk):
        actions.enqueue(
            clinic_id=world.other_clinic.pk, recipients=[world.finn.user_id], words="alert", subject="alert/2",
            key="there", due_at=timezone.now() - MINUTE,
        )  # fmt: skip
    with hanging_server() as server:
        mail_through(settings, server.port)

        assert actions.deliver_due(at=timezone.now()) == 2
        assert len(server.accepted) == 2


@pytest.fixture
def hanging(live) -> Iterator[tuple[HangingServer, dict[str, str]]]:
    """A server that hangs, and the environment of processes that send through it; one message waits already."""
    with hanging_server() as server:
        smtp = {
            "SMTP_HOST": "127.0.0.1", "SMTP_PORT": str(server.port), "SMTP_TLS": "none",
            "MAIL_FROM": "interlude@example.org",
        }  # fmt: skip
        enqueue(live.world, key="first")
        yield server, live.environment | smtp


def delivered_in_app(live: Any, key: str) -> bool:
    return bool(messages(live.world.clinic, INBOX, key__startswith=key, sent_at__isnull=False))


def test_a_worker_delivers_in_the_app_while_a_provider_hangs(live, hanging):
    server, environment = hanging
    with servers.worker(environment, "--concurrency", "2"):
        for _ in range(4):
            servers.hint(environment, "tracker.outbox.tasks.deliver_by_network")
        assert server.connected.wait(60)
        enqueue(live.world, key="second")
        servers.hint(environment, "tracker.outbox.tasks.deliver_in_app")
        servers.wait_until(lambda: delivered_in_app(live, "second"), what="the notice in the app")

        # One process waits for the provider, and still does: the other one delivered.
        assert (len(server.accepted), server.open_connections()) == (1, 1)


def test_a_watch_delivers_in_the_app_while_a_provider_hangs(live, hanging):
    server, environment = hanging
    with servers.running("manage.py", "watch", "--every", "0.2", environment=environment):
        assert server.connected.wait(60)
        enqueue(live.world, key="second")
        servers.wait_until(lambda: delivered_in_app(live, "second"), what="the notice in the app")

        assert (len(server.accepted), server.open_connections()) == (1, 1)
