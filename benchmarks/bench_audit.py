"""
What row security, audit and encryption cost together: the same writes with them and without, in turns.

Two databases of one server hold the same tables. In the second one the policies, the forced row security and the
audit's triggers are off; its process writes no event and leaves texts unencrypted. Everything else is the same code:
sign-in, rights, validation, scores, observations. Each side is one process that is asked through the whole stack
without the network; they take turns, so that a busy stretch of the machine falls on both.

Then the chain alone: events of one clinic, whose commits stand in line, against events of a clinic for each connection.
"""

import json
import logging
import os
import statistics
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import psycopg
from psycopg import sql

ROUNDS, SINGLES, BATCH = 15, 15, 500
THREADS, SECONDS = 16, 4
WORDS = "Slept badly, the back is worse in the morning; walked a little and felt lighter after that. " * 5
_CONTEXT = "SELECT set_config('app.clinic', %s, true)"
_EVENT = """
INSERT INTO audit_auditevent
    (at, clinic_id, actor, on_behalf_of, action, kind, subject, purpose, device, request, result, detail)
VALUES (now(), %s, 'b', '', 'b', '', 'b', '', '', '', 'DONE', '{}')
"""


# --- one side: a process that writes when it is told to ------------------------------------------------------


def take_off() -> None:
    """No event is written, no text encrypted. The database's part is taken off by ``bare_copy``."""
    from tracker.audit import actions as audit
    from tracker.keys import data_keys
    from tracker.lib import encryption

    no_key_id, encrypt = uuid.UUID(int=0), encryption.encrypt
    # Views look at what was noted: it is still noted, and goes nowhere.
    audit._write = lambda events: None
    # A patient's text has no key here; a session stays encrypted.
    encryption.encrypt = lambda key, plain, associated: encrypt(key, plain, associated) if key else plain
    data_keys.data_key_for = lambda *_: (no_key_id, b"")


def begun() -> Any:
    """A clinic and a patient with a paired phone."""
    import django

    django.setup()
    from django.conf import settings
    from django.db import transaction

    from tests import factories
    from tests.phone import Phone

    settings.ALLOWED_HOSTS = [*settings.ALLOWED_HOSTS, "testserver"]
    logging.getLogger("tracker.lib.middleware").setLevel(logging.WARNING)
    if "--without" in sys.argv:
        take_off()
    with transaction.atomic():
        clinic = factories.clinic()
        patient = factories.patient(clinic, "bench", factories.team(clinic, "Bench"))
    return Phone(patient.user)


def mixed(start: datetime, n: int) -> list[dict[str, Any]]:
    """A diary of ``n`` entries: mostly pain, each tenth a page of the journal, each tenth a dose."""
    from tests import factories

    made = []
    for i in range(n):
        at = (start + timedelta(minutes=30 * i)).isoformat()
        if i % 10 == 0:
            made.append(factories.record("journal", {"text": WORDS}, recorded_at=at))
        elif i % 10 == 1:
            dose = {"medication": "venlafaxine", "outcome": "taken"}
            made.append(factories.record("medication_use", dose, recorded_at=at))
        else:
            made.append(factories.pain(i % 11, recorded_at=at))
    return made


def timed(work: Callable[[], Any]) -> float:
    """Milliseconds of a request that must be answered well."""
    started = time.perf_counter()
    answer = work()
    taken = 1000 * (time.perf_counter() - started)
    assert answer.status_code in {200, 201}, (answer.status_code, answer.content[:300])
    return taken


def one_round(phone: Any, number: int) -> dict[str, list[float]]:
    from tests import factories

    start = datetime.now(UTC) - timedelta(days=300 - 12 * number)
    batch = phone.batch(*mixed(start, BATCH))
    at = {"recorded_at": start.isoformat()}
    pains = [factories.pain(5, **at) for _ in range(SINGLES)]
    pages = [factories.record("journal", {"text": WORDS}, **at) for _ in range(SINGLES)]
    return {
        "push": [timed(lambda: phone.post("sync/push", batch))],
        "entry": [timed(partial(phone.post, "records", entry)) for entry in pains],
        "page": [timed(partial(phone.post, "records", page)) for page in pages],
    }


def serve() -> None:
    phone = begun()
    one_round(phone, 0)
    print("ready", flush=True)
    for number, _ in enumerate(sys.stdin, start=1):
        print(json.dumps(one_round(phone, number)), flush=True)


# --- both sides ----------------------------------------------------------------------------------------------


def named(address: str, database: str) -> str:
    return urlsplit(os.environ[address])._replace(path=f"/{database}").geturl()


def bare_copy() -> dict[str, str]:
    """Copy the empty database, take row-level security and the audit's triggers off the copy; return its addresses."""
    here = urlsplit(os.environ["DATABASE_URL"]).path.lstrip("/")
    with psycopg.connect(named("DATABASE_OWNER_URL", "postgres"), autocommit=True) as owner:
        names = sql.Identifier("bare"), sql.Identifier(here)
        owner.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(*names))
    addresses = {name: named(name, "bare") for name in ("DATABASE_URL", "DATABASE_OWNER_URL")}
    with psycopg.connect(addresses["DATABASE_OWNER_URL"]) as owner:
        for (table,) in owner.execute("SELECT relname FROM pg_class WHERE relrowsecurity").fetchall():
            off = "ALTER TABLE {} DISABLE ROW LEVEL SECURITY, NO FORCE ROW LEVEL SECURITY"
            owner.execute(sql.SQL(off).format(sql.Identifier(table)))
        owner.execute("ALTER TABLE audit_auditevent DISABLE TRIGGER USER")
        for table in ("records_journaltext", "access_devicelabel"):
            owner.execute(f"ALTER TABLE {table} DROP CONSTRAINT {table}_key_of_patient")
    return addresses


class Side:
    """The process of one side."""

    def __init__(self, *arguments: str, **environment: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.bench_audit", "--serve", *arguments],
            env=os.environ | environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        self.times: dict[str, list[float]] = {}
        assert self.process.stdout
        assert self.process.stdin
        self.said, self.told = self.process.stdout, self.process.stdin
        assert self.said.readline() == "ready\n", "the process did not start"

    def go(self) -> None:
        self.told.write("go\n")
        self.told.flush()
        for name, times in json.loads(self.said.readline()).items():
            self.times.setdefault(name, []).extend(times)

    def end(self) -> None:
        self.told.close()
        self.process.wait(30)


def compared(whole: Side, bare: Side) -> None:
    for name, what in (
        ("push", f"push of {BATCH} records, 50 of them journal"),
        ("entry", "one entry, POST /records"),
        ("page", "one page of the journal, POST /records"),
    ):
        ours, limit = statistics.median(whole.times[name]), statistics.median(bare.times[name])
        print(f"{what:<46}{ours:8.2f} ms   without {limit:8.2f} ms   {ours / limit:5.2f} x")


# --- the chain alone -----------------------------------------------------------------------------------------


def events_per_second(clinics: list[uuid.UUID]) -> float:
    """Return how many events of these clinics are committed in a second, a connection for each clinic named."""
    counts = [0] * len(clinics)
    deadline = time.monotonic() + SECONDS

    def loop(number: int) -> None:
        with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as connection:
            while time.monotonic() < deadline:
                with connection.transaction():
                    connection.execute(_CONTEXT, [str(clinics[number])])
                    connection.execute(_EVENT, [clinics[number]])
                counts[number] += 1

    threads = [threading.Thread(target=loop, args=(number,)) for number in range(len(clinics))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(counts) / SECONDS


def main() -> None:
    addresses = bare_copy()
    whole, bare = Side(), Side("--without", **addresses)
    try:
        for _ in range(ROUNDS):
            whole.go()
            bare.go()
    finally:
        whole.end()
        bare.end()
    compared(whole, bare)
    one = events_per_second([uuid.uuid4()] * THREADS)
    many = events_per_second([uuid.uuid4() for _ in range(THREADS)])
    print(f"{f'events of one clinic, {THREADS} connections':<46}{one:8,.0f} /s")
    print(f"{'events of a clinic for each connection':<46}{many:8,.0f} /s   {one / many:5.2f} x")


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "backend.settings")
    serve() if "--serve" in sys.argv else main()
