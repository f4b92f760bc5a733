"""``manage.py watch``: escalate, deliver and anchor the audit in a loop, on PostgreSQL alone."""

import signal
import threading
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from types import FrameType
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError, InterfaceError, connection
from django.utils import timezone

from tracker.alerts import actions as alerts
from tracker.alerts import heartbeat as heartbeats
from tracker.alerts import safety_status, treatment_sessions
from tracker.audit import anchoring
from tracker.lib import logs
from tracker.outbox import actions as outbox

log = logs.get(__name__)


class Command(BaseCommand):
    is_service = True
    options_without_database = frozenset({"--check"})
    help = "Deliver messages and escalate alerts without the broker. Safe beside the workers."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--every", type=float, default=5.0, help="seconds between two rounds")
        parser.add_argument("--once", action="store_true", help="one round, then stop")
        parser.add_argument(
            "--heartbeat", type=Path, help="file in which each round that did its work is noted"
        )
        parser.add_argument(
            "--check",
            action="store_true",
            help="ask the file of --heartbeat whether a watch is at work; then stop",
        )

    def handle(
        self, *args: Any, every: float, once: bool, heartbeat: Path | None, check: bool, **options: Any
    ) -> None:
        if check:
            self.check_heartbeat(heartbeat)
        else:
            self.watch(every, once, heartbeat)

    def check_heartbeat(self, path: Path | None) -> None:
        if path is None:
            raise CommandError("--check needs --heartbeat FILE, the same as the watch was started with.")
        problem = heartbeats.problem(path)
        if problem:
            raise CommandError(problem)
        self.stdout.write("The watch is at work.")

    def watch(self, every: float, once: bool, path: Path | None) -> None:
        stop = threading.Event()

        def on_signal(_: int, __: FrameType | None) -> None:
            stop.set()

        signal.signal(signal.SIGTERM, on_signal)
        signal.signal(signal.SIGINT, on_signal)
        if once:
            if self.round() and self._does(outbox.deliver_by_network) and path:
                _write_heartbeat(path)
            return
        network = threading.Thread(target=self.deliver_by_network, args=(stop, every), daemon=True)
        network.start()
        while network.is_alive() and not stop.is_set():
            if self.round() and path:
                _write_heartbeat(path)
            stop.wait(every)
        if not stop.is_set():
            raise CommandError("Delivery by network has ended: look at the log.")

    def deliver_by_network(self, stop: threading.Event, every: float) -> None:
        """Send by providers in a thread of its own: one that hangs delays no escalation, and nothing in the app."""
        while not stop.is_set():
            self._does(outbox.deliver_by_network)
            stop.wait(every)

    def round(self) -> bool:
        """
        One round; return whether it did its work.

        A database that is away is waited for: this process must outlive it. What cannot escalate may still
        deliver, so neither half is given up for the other.
        """
        done = all(
            [
                self._does(step)
                for step in (
                    treatment_sessions.raise_unclosed,
                    alerts.escalate_overdue,
                    outbox.deliver_in_app,
                    anchoring.anchor_due,
                )
            ]
        )
        return done and self._does(_record_heartbeat)

    def _does(self, step: Callable[..., object]) -> bool:
        try:
            step(at=timezone.now())
        except (DatabaseError, InterfaceError, OSError) as problem:
            log.warning("round not done", error=type(problem).__name__)
            connection.close()
            return False
        return True


def _record_heartbeat(*, at: datetime) -> None:
    safety_status.record_heartbeat(safety_status.WATCH, outbox.oldest_due_at(at=at))


def _write_heartbeat(path: Path) -> None:
    """A full disk ends no watch: alerts go on, and ``--check`` finds the file too old."""
    try:
        heartbeats.write(path)
    except OSError as problem:
        log.warning("heartbeat not written", error=type(problem).__name__)
