"""Asks ``/health`` each second, and compares every answer with what a storm knows."""

import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from django.db import OperationalError, connection
from django.db.models import Min
from django.db.models.functions import Greatest
from django.utils import timezone

from examples.reference_phone import Answer, LineLostError, over_http
from tests.journeys.storm import Service, TableLocks
from tests.rls_context import as_clinic
from tracker.alerts.heartbeat import OLDEST_S
from tracker.outbox.models import Message

# Two rounds of the watch, or a few statements on a busy machine: so old may an answer of health be.
SLACK_S = 12


class HealthWatch:
    """Asks health each second and compares each answer with what the storm knows."""

    def __init__(self, live: Any, url: str, services: Mapping[str, Service], locks: TableLocks) -> None:
        self.live, self.services, self.locks = live, services, locks
        self.ask_server = over_http(url, timeout_s=10)
        self.wrong: list[str] = []
        self.statuses: dict[str, int] = {}
        self.due: list[tuple[float, float]] = []
        self.slowest_s = 0.0

    def run(self, over: threading.Event) -> None:
        while not over.wait(1):
            self.ask("live")
            self.ask("safety")
        connection.close()

    def ask(self, name: str) -> None:
        began = time.monotonic()
        try:
            answer = self.ask_server("GET", f"/health/{name}", None, {})
        except LineLostError:
            if self.services["web"].was_up_since(began):
                self.note(f"/health/{name} did not answer within {time.monotonic() - began:.1f} s")
            return
        self.slowest_s = max(self.slowest_s, time.monotonic() - began)
        seen = f"{name} {answer.status}"
        self.statuses[seen] = self.statuses.get(seen, 0) + 1
        if name == "safety":
            self.compare(answer, began)
        elif answer.status != 200:
            self.note(f"live: {answer.status} {answer.body}")

    def oldest_due_s(self) -> float:
        """For how long the oldest message has been due and is not sent, as the database knows it."""
        at = timezone.now()
        with as_clinic(self.live.world.clinic.pk):
            oldest = Message.objects.unsent(at).aggregate(oldest=Min(Greatest("due_at", "queued_at")))[
                "oldest"
            ]
        return (at - oldest).total_seconds() if oldest else 0.0

    def compare(self, answer: Answer, began: float) -> None:
        """Each number may be as old as a heartbeat; none may hide a process that is dead, or name one that works."""
        body, now = answer.body, time.monotonic()
        if "worker_age_s" not in body:
            # A table that it reads is locked: it does not know, and says so.
            if answer.status != 503 or not self.locks.was_held_since(began):
                self.note(f"safety: {answer.status} {body}")
            return
        ages = [body["worker_age_s"], body["watch_age_s"], body["oldest_due_message_s"]]
        if (answer.status == 503) != any(age > OLDEST_S for age in ages):
            self.note(f"safety: {answer.status} with {body}")
        beating = {"watch": ("watch",), "worker": ("worker", "beat")}
        for name, parts in beating.items():
            age, own = body[f"{name}_age_s"], [self.services[part] for part in parts]
            dead_s = max((began - part.killed_at for part in own if part.is_down), default=0.0)
            if age < dead_s - SLACK_S:
                self.note(f"the {name} has been dead for {dead_s:.0f} s, and health says {age}")
            if age > OLDEST_S and all(part.was_up_since(now - OLDEST_S + SLACK_S) for part in own):
                self.note(f"the {name} is at work, and health says {age}")
        self.compare_oldest_due(body, began)

    def compare_oldest_due(self, body: dict[str, Any], began: float) -> None:
        """What was sent since the watch's last round is still in its number, and what is new is not yet."""
        try:
            due_s = self.oldest_due_s()
        except OperationalError:
            # The table is locked for us too.
            if not self.locks.was_held_since(began):
                raise
            return
        self.due.append((began, due_s))
        recent = [due for at, due in self.due if at >= began - body["watch_age_s"] - SLACK_S]
        if not min(recent) - SLACK_S <= body["oldest_due_message_s"] <= max(recent) + SLACK_S:
            self.note(f"the oldest message has been due for {due_s:.0f} s, and health says {body}")

    def is_well(self) -> bool:
        with suppress(LineLostError):
            return self.ask_server("GET", "/health/safety", None, {}).status == 200
        return False

    def note(self, sentence: str) -> None:
        self.wrong.append(f"{timezone.now():%H:%M:%S} {sentence}")
