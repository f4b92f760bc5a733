"""``manage.py watch``: escalate and deliver in a loop, on PostgreSQL alone."""

import signal
import threading
from types import FrameType
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.db import DatabaseError, InterfaceError, connection
from django.utils import timezone

from tracker.alerts import actions as alerts
from tracker.lib import logs
from tracker.outbox import actions as outbox

log = logs.get(__name__)


class Command(BaseCommand):
    help = "Deliver messages and escalate alerts without the broker. Safe beside the workers."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--every", type=float, default=5.0, help="seconds between two rounds")
        parser.add_argument("--once", action="store_true", help="one round, then stop")

    def handle(self, *args: Any, every: float, once: bool, **options: Any) -> None:
        stop = threading.Event()

        def on_signal(_: int, __: FrameType | None) -> None:
            stop.set()

        signal.signal(signal.SIGTERM, on_signal)
        signal.signal(signal.SIGINT, on_signal)
        while not stop.is_set():
            self.round()
            if once:
                return
            stop.wait(every)

    def round(self) -> None:
        """One round. A database that is away is waited for: this process must outlive it."""
        try:
            alerts.escalate_overdue(at=timezone.now())
            outbox.deliver_due(at=timezone.now())
        except (DatabaseError, InterfaceError) as problem:
            log.warning("database away", error=type(problem).__name__)
            connection.close()
