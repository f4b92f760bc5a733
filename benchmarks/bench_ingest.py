"""
Ingest over HTTP, as ratios to limits measured in the same run on the same machine.

One entry per request from 32 connections against a bare DRF + ORM view, and against the bare SQL; batches of
500 against one ``INSERT ... SELECT unnest`` of the same rows. Everything is on: sign-in, rights, row
security, validation, audit, observations, current values, alerts. The load comes from this machine too, so
all numbers are lower than a server of its own would give; the ratios are what counts.
"""

import http.client
import itertools
import json
import multiprocessing
import os
import statistics
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import django
import httpx
import psycopg

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "backend.settings")
django.setup()

from django.db import transaction  # noqa: E402

from tests import factories, servers  # noqa: E402
from tests.phone import Phone  # noqa: E402

PROCESSES, THREADS = 2, 16
SECONDS = 6
BATCH, BATCHES = 500, 12
BUDGET_SINGLE, BUDGET_BATCH = 1.0, 0.25

_CONTEXT = "SELECT set_config('app.clinic', %s, true), set_config('app.pain', %s, true)"
_ENTRY = """
INSERT INTO records_painentry (clinic_id, patient_id, id, revision, recorded_at, time_zone, local_date, received_at,
    author_id, sequence, entered_late, clock_skew, zone_check, fingerprint, intensity)
SELECT %s, %s, row.id, 1, row.at, 'UTC', row.at::date, now(), %s, row.sequence, false, 'none', 'consistent', '\\x00',
    row.intensity
FROM unnest(%s::uuid[], %s::timestamptz[], %s::bigint[], %s::smallint[]) AS row (id, at, sequence, intensity)
ON CONFLICT (patient_id, id) DO NOTHING
"""
_AUDIT = """
INSERT INTO audit_auditevent
    (at, clinic_id, actor, on_behalf_of, action, kind, subject, purpose, device, request, result, detail)
VALUES (now(), %s, 'b', '', 'b', '', 'b', '', '', '', 'DONE', '{}')
"""


def entries(n: int) -> list[dict[str, Any]]:
    start = datetime.now(UTC) - timedelta(days=300)
    return [
        factories.pain(i % 11, recorded_at=(start + timedelta(minutes=37 * i)).isoformat(), time_zone="UTC")
        for i in range(n)
    ]


class Sender:
    """One kept connection that posts JSON."""

    def __init__(self, url: str, headers: dict[str, str]) -> None:
        self.connection = http.client.HTTPConnection(urlsplit(url).netloc)
        self.headers = {"Content-Type": "application/json"} | headers

    def post(self, path: str, body: Any) -> None:
        self.connection.request("POST", path, json.dumps(body), self.headers)
        answer = self.connection.getresponse()
        answer.read()
        if answer.status not in {200, 201}:
            raise RuntimeError(f"answered {answer.status}")


def _hammer(make_one: Callable[[int], Callable[[], None]], index: int, results: Any) -> None:
    """Run THREADS loops for SECONDS; report how often each came round and how long each round took."""
    times: list[float] = []
    deadline = time.monotonic() + SECONDS

    def loop(number: int) -> None:
        act = make_one(number)
        while time.monotonic() < deadline:
            started = time.perf_counter()
            act()
            times.append(time.perf_counter() - started)

    threads = [threading.Thread(target=loop, args=(index * THREADS + n,)) for n in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    results.put(times)


def hammer(make_one: Callable[[int], Callable[[], None]]) -> tuple[float, float]:
    """Return rounds per second and the median round in ms, from 32 connections in 2 processes."""
    context = multiprocessing.get_context("fork")
    results: Any = context.Queue()
    processes = [context.Process(target=_hammer, args=(make_one, n, results)) for n in range(PROCESSES)]
    for process in processes:
        process.start()
    times = [moment for _ in processes for moment in results.get()]
    for process in processes:
        process.join()
    return len(times) / SECONDS, 1000 * statistics.median(times)


@contextmanager
def server(settings: str) -> Iterator[str]:
    port = servers.free_port()
    command = ("backend.serve", "--port", str(port), "--workers", "2")
    url = f"http://127.0.0.1:{port}"
    with servers.running(*command, environment={"DJANGO_SETTINGS_MODULE": settings}):
        servers.wait_until(lambda: answers(url), what="the web server's answer")
        yield url


def answers(url: str) -> bool:
    """Whether somebody answers there, whatever: the yardstick has no health page."""
    try:
        httpx.get(url, trust_env=False, timeout=5)
    except httpx.TransportError:
        return False
    return True


def people() -> tuple[Any, list[Any], list[dict[str, str]]]:
    """A clinic and a patient with a paired phone for each connection: patients do not wait for each other."""
    with transaction.atomic():
        clinic = factories.clinic()
        team = factories.team(clinic, "Bench")
        patients = [factories.patient(clinic, f"p{n}", team) for n in range(PROCESSES * THREADS)]
    return clinic, patients, [Phone(patient.user).headers for patient in patients]


def single_over_http(url: str, phones: list[dict[str, str]]) -> tuple[float, float]:
    def make_one(number: int) -> Callable[[], None]:
        sender = Sender(url, phones[number])
        # One an hour, as of a long diary: not a thousand entries of one day.
        hours = itertools.count()
        start = datetime.now(UTC) - timedelta(days=300)

        def act() -> None:
            at = start + timedelta(hours=next(hours))
            sender.post("/api/v1/records", factories.pain(5, recorded_at=at.isoformat(), time_zone="UTC"))

        return act

    return hammer(make_one)


def single_bare(url: str, clinic: Any, patients: list[Any]) -> tuple[float, float]:
    def make_one(number: int) -> Callable[[], None]:
        sender, patient = Sender(url, {}), patients[number]
        path = f"/bare/{clinic.pk}/{patient.pk}/{patient.user_id}"
        return lambda: sender.post(
            path, {"id": str(uuid.uuid4()), "intensity": 5, "recorded_at": factories.MONDAY.isoformat()}
        )

    return hammer(make_one)


def single_sql(clinic: Any, patients: list[Any]) -> tuple[float, float]:
    def make_one(number: int) -> Callable[[], None]:
        connection = psycopg.connect(os.environ["DATABASE_URL"])
        patient = patients[number]

        def act() -> None:
            with connection.transaction():
                connection.execute(_CONTEXT, [str(clinic.pk), str(patient.pk)])
                sequence = uuid.uuid4().int % 2**62
                rows = [[uuid.uuid4()], [factories.MONDAY], [sequence], [5]]
                connection.execute(_ENTRY, [clinic.pk, patient.pk, patient.user_id, *rows])
                connection.execute(_AUDIT, [clinic.pk])

        return act

    return hammer(make_one)


def batches_over_http(url: str, phone: dict[str, str]) -> float:
    sender, device = Sender(url, phone), phone["X-Device"]
    bodies = [factories.batch(*entries(BATCH), device=device) for _ in range(BATCHES)]
    sender.post("/api/v1/sync/push", factories.batch(*entries(BATCH), device=device))
    started = time.perf_counter()
    for body in bodies:
        sender.post("/api/v1/sync/push", body)
    return BATCH * BATCHES / (time.perf_counter() - started)


def batches_sql(clinic: Any, patient: Any) -> float:
    rounds = [entries(BATCH) for _ in range(BATCHES)]
    with psycopg.connect(os.environ["DATABASE_URL"]) as connection:
        started = time.perf_counter()
        for n, batch in enumerate(rounds):
            rows = [
                [uuid.UUID(entry["id"]) for entry in batch],
                [datetime.fromisoformat(entry["recorded_at"]) for entry in batch],
                [10**12 + BATCH * n + i for i in range(BATCH)],
                [entry["data"]["intensity"] for entry in batch],
            ]
            with connection.transaction():
                connection.execute(_CONTEXT, [str(clinic.pk), str(patient.pk)])
                connection.execute(_ENTRY, [clinic.pk, patient.pk, patient.user_id, *rows])
        return BATCH * BATCHES / (time.perf_counter() - started)


def line(name: str, value: float, unit: str, note: str = "") -> None:
    print(f"{name:<46}{value:>10,.0f} {unit:<10}{note}")


def main() -> None:
    clinic, patients, phones = people()
    sql, sql_ms = single_sql(clinic, patients)
    line("one entry, bare SQL, 32 connections", sql, "entries/s", f"median {sql_ms:.1f} ms")
    with server("benchmarks.bare") as url:
        bare, bare_ms = single_bare(url, clinic, patients)
    line("one entry, bare DRF + ORM view", bare, "entries/s", f"median {bare_ms:.1f} ms")
    with server("backend.settings") as url:
        ours, ours_ms = single_over_http(url, phones)
        line("one entry, POST /records", ours, "entries/s", f"median {ours_ms:.1f} ms")
        pushed = batches_over_http(url, phones[0])
    limit = batches_sql(clinic, patients[1])
    line("batches of 500, one INSERT of unnest", limit, "records/s")
    line("batches of 500, POST /sync/push", pushed, "records/s")
    print(f"ratio, one entry to the bare view:    {ours / bare:.2f}   (budget {BUDGET_SINGLE})")
    print(f"ratio, one entry to the bare SQL:     {ours / sql:.2f}")
    print(f"ratio, batches to the unnest limit:   {pushed / limit:.2f}   (budget {BUDGET_BATCH})")


if __name__ == "__main__":
    main()
