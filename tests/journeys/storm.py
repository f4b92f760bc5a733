"""The parts of a storm: processes that are killed and come back, slow connections, locks, phones, a flood."""

import os
import signal
import socket
import threading
import time
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg

from examples.reference_phone import Answer, Json, LineLostError
from tests import factories, owner, servers
from tests.launcher.test_storm import Patient, Witness

POSITIVE = [0] * 8 + [2]
KILL_EVERY_S, LOCK_EVERY_S, LOCK_S = 20, 60, 10
# What pushes write; then what notices, the watch and health need.
LOCKED = ("records\\_%", "alerts\\_%", "outbox\\_%")
# The worker's first kill: nobody starts it again before its next turn, so that health must turn red, and green again.
LEFT_DEAD = 1
SLOW_SENDERS = 200


class Service:
    """A process of the product, with the monotonic times of its last kill and return; ``url``: when it answers."""

    def __init__(self, name: str, command: tuple[str, ...], environment: Mapping[str, str], url: str) -> None:
        self.name, self.command, self.environment, self.url = name, command, environment, url
        self.killed_at, self.up_since = time.monotonic(), float("inf")
        self.downs: list[tuple[float, float]] = []

    def start(self, stack: ExitStack) -> None:
        self.process = stack.enter_context(servers.running(*self.command, environment=self.environment))
        if self.url:
            servers.wait_until(lambda: servers.answers(self.url), what=f"the {self.name}'s return")
        self.up_since = time.monotonic()
        self.downs.append((self.killed_at, self.up_since))

    def kill(self) -> None:
        self.killed_at, self.up_since = time.monotonic(), float("inf")
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(10)

    @property
    def is_down(self) -> bool:
        return self.up_since == float("inf")

    def was_up_since(self, instant: float) -> bool:
        return self.up_since <= instant

    def was_up_between(self, begins_at: float, ends_at: float) -> bool:
        return all(up < begins_at or ends_at < down for down, up in self.downs)


def services(live: Any, url: str, mail_port: int, folder: Path) -> list[Service]:
    """Return the product's processes as the launcher starts them, with its rate limits, in the order of their kills."""
    celery = ("celery", "-A")
    commands = {
        "web": ("backend.serve", "--port", url.rpartition(":")[2]),
        "worker": (*celery, "backend", "worker", "--concurrency", "2", "--without-gossip"),
        "watch": ("manage.py", "watch"),
        "beat": (*celery, "backend.beat", "beat", "--schedule", str(folder / "beat"), "--pidfile="),
    }
    environment = {name: text for name, text in live.environment.items() if not name.endswith("_PER_MINUTE")}
    environment |= {
        "PUBLIC_URL": url, "AUDIT_ANCHORS": str(folder / "anchors"), "SMTP_HOST": "127.0.0.1",
        "SMTP_PORT": str(mail_port), "SMTP_TLS": "none", "MAIL_FROM": "interlude@example.org",
    }  # fmt: skip
    return [
        Service(
            name,
            command,
            environment | {"TEST_LOG": str(folder / f"{name}.log")},
            url if name == "web" else "",
        )
        for name, command in commands.items()
    ]


def kill_in_turn(services: list[Service], stack: ExitStack, over: threading.Event) -> None:
    """Every 20 seconds the next one; it comes back at once, as the launcher brings it back."""
    turn = 0
    while not over.wait(KILL_EVERY_S):
        service = services[turn % len(services)]
        assert service.is_down or service.process.poll() is None, f"the {service.name} ended by itself"
        if not service.is_down:
            service.kill()
        if turn != LEFT_DEAD:
            service.start(stack)
        turn += 1
    for service in services:
        if service.is_down:
            service.start(stack)


class TableLocks:
    """Locks tables for ten seconds of each minute; ``count`` says how often."""

    def __init__(self, live: Any) -> None:
        self.live = live
        self.count, self.ended_at, self.is_held = 0, 0.0, False

    def run(self, over: threading.Event) -> None:
        pause = LOCK_EVERY_S / 2
        while not over.wait(pause):
            pause = LOCK_EVERY_S - LOCK_S
            try:
                self.hold(LOCKED[self.count % len(LOCKED)], over)
            # Somebody of the product holds one of them and waits for another.
            except (psycopg.errors.DeadlockDetected, psycopg.errors.LockNotAvailable):
                pause = 0.5

    def hold(self, like: str, over: threading.Event) -> None:
        # Who waits for a table waits behind the lock before it is given, too.
        self.is_held = True
        try:
            with owner.locked_tables(self.live, like):
                self.count += 1
                over.wait(LOCK_S)
        finally:
            self.ended_at, self.is_held = time.monotonic(), False

    def was_held_since(self, instant: float) -> bool:
        return self.is_held or self.ended_at >= instant


def send_slowly(url: str, over: threading.Event) -> int:
    """Hold 200 connections whose body does not come, and open another for each that ends; return how many in all."""
    at, opened = urlsplit(url), 0
    lines: list[socket.socket] = []
    paths = ("/api/v1/sync/push", "/health/live", "/accounts/login/", "/api/v1/me")
    while not over.wait(0.5):
        for line in [line for line in lines if _has_ended(line)]:
            lines.remove(line)
            line.close()
        with suppress(OSError):
            while len(lines) < SLOW_SENDERS:
                line = socket.create_connection((at.hostname, at.port), 5)
                lines.append(line)
                request = (
                    f"POST {paths[opened % 4]} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n{{"
                )
                line.sendall(request.encode())
                opened += 1
    for line in lines:
        line.close()
    return opened


def _has_ended(line: socket.socket) -> bool:
    """The server has hung up, or answered, that the body did not come."""
    try:
        line.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
    except BlockingIOError:
        return False
    except OSError:
        return True
    return True


class StormWitness(Witness):
    """Notes what no phone may be answered, and when a record was sent first."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.wrong: list[str] = []
        self.sent_at: dict[str, datetime] = {}
        self.lost: list[tuple[float, float]] = []
        self.refused = 0

    def __call__(self, method: str, path: str, body: Json | None, headers: Mapping[str, str]) -> Answer:
        for record in (body or {}).get("records", ()):
            self.sent_at.setdefault(record["id"], datetime.now(UTC))
        began = time.monotonic()
        try:
            answer = super().__call__(method, path, body, headers)
        except LineLostError:
            self.lost.append((began, time.monotonic()))
            raise
        for record in (body or {}).get("records", ()):
            # Which, not what: all that a flood says would fill the memory.
            if (version := (record["id"], record["revision"])) in self.acknowledged:
                self.acknowledged[version] = {}
        if answer.status >= 400:
            self.refused += 1
            if answer.status not in (429, 503) or "Retry-After" not in answer.headers:
                self.wrong.append(f"{method} {path}: {answer.status} {answer.body}")
        return answer


class StormPatient(Patient):
    """Writes and syncs until it is over, and once gives a positive answer."""

    witness: StormWitness

    def live_until(self, over: threading.Event, positive_after_s: float) -> str | None:
        """Return the id of the positive answer, if its time came."""
        starts_at, positive = time.monotonic(), None
        while not over.wait(self.rng.uniform(1, 5)):
            self.write()
            if positive is None and time.monotonic() - starts_at >= positive_after_s:
                data = factories.phq9(POSITIVE)["data"]
                positive = self.add("response", data)
            self.sync()
        self.sync()
        return positive


def flood(witness: StormWitness, token: Json, over: threading.Event) -> None:
    """Push batches of a hundred positive answers, one after another, and never wait as one is told to."""
    headers = {"X-Session-Token": token["token"], "X-Device": token["device"]}
    while not over.wait(0.25):
        answers = [factories.phq9(POSITIVE) for _ in range(100)]
        with suppress(LineLostError):
            witness("POST", "/api/v1/sync/push", factories.batch(*answers, device=token["device"]), headers)
