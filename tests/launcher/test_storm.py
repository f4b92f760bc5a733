"""Fifty phones push three thousand writes while each server is killed in turn: none lost, doubled or changed."""

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psycopg
import pytest

from examples.reference_phone import Answer, Json, Ledger, Phone, over_http, version_of
from tests import factories
from tests.launcher.conftest import ROOT, Clone
from tests.servers import free_port, wait_until
from tracker.records.kinds import KINDS

pytestmark = pytest.mark.full

PHONES = 50
ROUNDS = 20
A_ROUND = 3
VICTIMS = ("postgres", "valkey", "web", "worker")
KILLS = 2 * len(VICTIMS)

# Runs in the clone's environment: a clinic, and patients whose phones are signed in and paired.
ENROL = """
import django, json, sys, uuid
django.setup()
from django.db import transaction
from tests import factories
from tests.phone import Phone
from tracker.clinics.models import CareTeam
with transaction.atomic():
    world = factories.world()
signed = []
for n in range(int(sys.argv[1])):
    with transaction.atomic():
        ada = factories.patient(world.clinic, f"ada{n}", world.team)
    phone = Phone(ada.user)
    signed.append({"token": phone.token, "device": str(phone.device)})
print(json.dumps({"clinic": str(world.clinic.pk), "phones": signed}))
"""


class Witness:
    """The way of one phone to the server; it keeps what the server has acknowledged."""

    def __init__(self, url: str) -> None:
        self.http = over_http(url, timeout_s=20)
        self.acknowledged: dict[tuple[str, int], Json] = {}
        self.lost_answers = 0

    def __call__(self, method: str, path: str, body: Json | None, headers: Mapping[str, str]) -> Answer:
        try:
            answer = self.http(method, path, body, headers)
        except Exception:
            self.lost_answers += 1
            raise
        assert answer.status != 500, answer.body
        if path.endswith("push") and answer.status == 200 and body:
            for sent, result in zip(body["records"], answer.body["results"], strict=True):
                assert result["status"] in {"stored", "replayed"}, result
                self.acknowledged[sent["id"], sent["revision"]] = sent
        return answer


class Patient(Phone):
    """A phone with a ledger in a file, and somebody who writes on it."""

    def __init__(self, witness: Witness, file: Path, signed: Mapping[str, str], seed: str) -> None:
        ledger = Ledger(str(file))
        # The phones do not die in this test: only the servers' disks must be waited for.
        ledger.db.execute("PRAGMA synchronous=OFF")
        for name in ("token", "device"):
            ledger.keep(name, signed[name])
        self.witness = witness
        super().__init__(
            witness, ledger, time_zone=factories.ZONE, rng=random.Random(seed), attempts=10**6, patience_s=240
        )

    def live(self) -> None:
        """Write and sync until all is said; the servers come and go meanwhile."""
        for _ in range(ROUNDS):
            for _ in range(A_ROUND):
                self.write()
            self.sync()
            time.sleep(self.rng.uniform(0, 0.6))

    def write(self) -> None:
        """Say something new, or say anew or take back what was said; each is one more version of one record."""
        settled = [
            entry for entry in self.ledger.records() if not entry.is_unsent and "data" in (entry.held or {})
        ]
        what = self.rng.random()
        if what < 0.25 and settled:
            entry = self.rng.choice(settled)
            assert entry.held
            kind, before = entry.held["kind"], entry.held["data"]
            while (now := before | self.said(kind)) == before:
                pass
            self.amend(entry.id, now, "typo")
        elif what < 0.35 and settled:
            self.remove(self.rng.choice(settled).id)
        else:
            self.add(kind := self.rng.choice(["pain", "daily", "journal", "response"]), self.said(kind))

    def said(self, kind: str) -> Json:
        n = self.rng.randrange(10**6)
        if kind == "response":
            answers = factories.phq9([n % 4] * 8 + [0])["data"]["answers"]
            return {"instrument": "phq-9", "version": "1999", "answers": answers, "status": "complete"}
        said: dict[str, Json] = {
            "pain": {"intensity": n % 11},
            "daily": {"mood": n % 11},
            "journal": {"text": f"page {n}"},
        }
        return said[kind]


def bring_up(clone: Clone) -> tuple[str, dict[str, str]]:
    started = clone.dev("up", "--detach", "--json", "--no-demo", "--port", str(free_port()))
    assert started.returncode == 0, started.stderr
    environment = clone.environment()
    return json.loads(started.stdout)["url"], environment


def enrol(environment: Mapping[str, str], phones: int) -> Json:
    ran = subprocess.run(
        [sys.executable, "-c", ENROL, str(phones)], cwd=ROOT, env=os.environ | environment,
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr[-2000:]
    return dict(json.loads(ran.stdout.splitlines()[-1]))


def kill_in_turn(clone: Clone, chance: random.Random, until: threading.Event) -> list[str]:
    killed: list[str] = []
    while len(killed) < KILLS and not until.wait(chance.uniform(1, 2.5)):
        pid = clone.pids().get(victim := VICTIMS[len(killed) % len(VICTIMS)])
        if pid:
            os.kill(pid, signal.SIGKILL)
            killed.append(victim)
    return killed


def is_ready(url: str) -> bool:
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(
            f"{url}/health/ready", timeout=5
        ) as answer:
            return bool(json.loads(answer.read())["broker"] == "ready")
    except OSError:
        return False


def known(ledger: Ledger) -> dict[str, Json]:
    """What the server holds, as this phone knows it."""
    return {entry.id: {"revision": entry.revision, "held": entry.held} for entry in ledger.records()}


def pulled(url: str, phone: Patient) -> dict[str, Json]:
    """What a phone that is new learns from the server."""
    ledger = Ledger()
    for name in ("token", "device"):
        ledger.keep(name, phone.ledger.recall(name))
    fresh = Phone(over_http(url), ledger)
    fresh.pull()
    return known(ledger)


def versions(url: str, phone: Patient, record_id: str) -> dict[int, Json]:
    token = {"X-Session-Token": phone.ledger.recall("token"), "X-Device": phone.device}
    answer = over_http(url)("GET", f"/api/v1/records/{record_id}/history", None, token)
    assert answer.status == 200, "an acknowledged record has vanished"
    return {version["revision"]: version for version in answer.body["versions"]}


def compare(url: str, phone: Patient) -> None:
    """The ledger, the server's answer to a new phone and what was acknowledged are the same."""
    assert (phone.unsent(), phone.refused()) == (0, [])
    own = known(phone.ledger)
    assert pulled(url, phone) == own
    for record_id, entry in own.items():
        acknowledged = {
            revision: version
            for (one, revision), version in phone.witness.acknowledged.items()
            if one == record_id
        }
        assert sorted(acknowledged) == list(range(1, entry["revision"] + 1))
        kept = versions(url, phone, record_id) if entry["revision"] > 1 else {1: entry["held"]}
        assert sorted(kept) == sorted(acknowledged), "a version was lost or doubled"
        for revision, sent in acknowledged.items():
            assert said(kept[revision]) == said(sent), "an acknowledged version was changed"


def said(record: Json) -> tuple[Any, ...]:
    data = version_of(record).get("data")
    # The server calls a questionnaire amended that was complete before.
    plain = {name: value for name, value in (data or {}).items() if name not in ("status", "share")}
    return record["kind"], plain, record.get("time_zone")


def counted(environment: Mapping[str, str], clinic: str) -> tuple[int, int, int]:
    """Return how many records, former versions and receipts stand in the tables."""
    with psycopg.connect(environment["DATABASE_URL"]) as connection:
        connection.execute(
            "SELECT set_config('app.clinic', %s, true), set_config('app.scope', 'clinic', true)", [clinic]
        )
        records = sum(
            connection.execute(f"SELECT count(*) FROM {kind.table}").fetchone()[0]  # type: ignore[index]
            for kind in KINDS.values()
        )
        former, heads = connection.execute(
            "SELECT (SELECT count(*) FROM records_formerversion), (SELECT sum(head) FROM records_changecounter)"
        ).fetchone()  # type: ignore[misc]
        return records, former, heads


def test_fifty_phones_lose_nothing_while_every_server_is_killed_in_turn(clone: Clone, tmp_path: Path):
    url, environment = bring_up(clone)
    enrolled = enrol(environment, PHONES)
    witnesses = [Witness(url) for _ in range(PHONES)]

    def one(n: int) -> Patient:
        return Patient(witnesses[n], tmp_path / f"{n}.sqlite", enrolled["phones"][n], f"{factories.SEED}/{n}")

    def live(n: int) -> None:
        phone = one(n)
        try:
            phone.live()
        finally:
            phone.ledger.db.close()

    over = threading.Event()
    with ThreadPoolExecutor(PHONES + 1) as pool:
        killing = pool.submit(kill_in_turn, clone, random.Random(factories.SEED), over)
        try:
            for lived in [pool.submit(live, n) for n in range(PHONES)]:
                lived.result(400)
        finally:
            over.set()
    killed = killing.result()
    wait_until(lambda: is_ready(url), what="the servers' return")

    acknowledged = sum(len(witness.acknowledged) for witness in witnesses)
    lost = sum(witness.lost_answers for witness in witnesses)
    print(f"killed {killed}; {acknowledged} writes acknowledged, {lost} requests without an answer")
    assert set(killed) == set(VICTIMS)
    assert lost
    assert acknowledged == PHONES * ROUNDS * A_ROUND
    for phone in map(one, range(PHONES)):
        compare(url, phone)
        phone.ledger.db.close()
    own = {record_id for witness in witnesses for record_id, _ in witness.acknowledged}
    assert counted(environment, enrolled["clinic"])[:2] == (len(own), acknowledged - len(own))
    again = subprocess.run(
        [sys.executable, "manage.py", "rederive"], cwd=ROOT, env=os.environ | environment,
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert again.returncode == 0, again.stdout + again.stderr
