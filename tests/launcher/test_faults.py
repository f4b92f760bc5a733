"""Killed in the middle of the demo's import, everything comes back: nothing is lost, nothing doubled."""

import os
import random
import signal
import time
from datetime import date, timedelta

import psycopg
import pytest

from tests import factories
from tests.launcher.conftest import Clone
from tests.servers import wait_until
from tracker.demo import diary, people, simulate
from tracker.records.kinds import KINDS

pytestmark = pytest.mark.full

VICTIMS = ("worker", "valkey", "postgres", "web")


def expected(enrolled_on: date) -> int:
    simulated = sum(len(week) for who in simulate.everybody() for week in simulate.weeks(who, enrolled_on))
    return simulated + len(diary.records(*diary.load()))


def held(clone: Clone) -> tuple[int, int, int]:
    """Return how many records, how many weeks of summaries of the diary, and how many weeks stand twice."""
    environment = clone.environment()
    with psycopg.connect(environment["DATABASE_URL"]) as connection:
        connection.execute(
            "SELECT set_config('app.clinic', id::text, true), set_config('app.scope', 'clinic', true)"
            " FROM clinics_clinic WHERE name = %s",
            [people.CLINIC],
        )
        records = sum(
            connection.execute(f"SELECT count(*) FROM {kind.table}").fetchone()[0]  # type: ignore[index]
            for kind in KINDS.values()
        )
        weeks, doubled = connection.execute(
            "SELECT count(DISTINCT week_start), count(*) - count(DISTINCT (week_start, category))"
            " FROM progress_summarypart"
            " JOIN clinics_patient p ON p.id = patient_id WHERE p.enrolled_on = %s",
            [people.DIARY_BEGINS],
        ).fetchone()  # type: ignore[misc]
        return records, weeks, doubled


def is_loaded(clone: Clone) -> bool:
    log = clone.data.log_of("demo")
    return log.exists() and log.read_text().rstrip().endswith("loaded")


def test_nothing_is_lost_or_doubled_when_each_server_is_killed_during_the_import(clone: Clone):
    chance = random.Random(factories.SEED)
    started = clone.dev("up", "--detach", "--json")
    assert started.returncode == 0, started.stderr

    killed: list[str] = []
    deadline = time.monotonic() + 300
    while not is_loaded(clone) and time.monotonic() < deadline:
        time.sleep(chance.uniform(1, 3))
        victim = VICTIMS[len(killed) % len(VICTIMS)]
        pid = clone.pids().get(victim)
        if pid and len(killed) < 2 * len(VICTIMS):
            os.kill(pid, signal.SIGKILL)
            killed.append(victim)

    assert is_loaded(clone), clone.data.log_of("demo").read_text()[-2000:]
    assert len(killed) >= len(VICTIMS)
    wanted = expected(date.today() - timedelta(weeks=simulate.WEEKS))
    wait_until(lambda: clone.dev("status").returncode == 0, what="a healthy product", seconds=120)
    wait_until(lambda: held(clone)[1] >= 35, what="the diary's summaries", seconds=300)
    records, _, doubled = held(clone)
    assert (records, doubled) == (wanted, 0)
