"""
The two pages of a clinician's morning, each as a ratio to the bare read of its ready-made rows.

The caseload has 300 patients; the patient's page one year of eight measures. Both are asked for through the
whole stack in one process (session, row-level security, policy, audit, template), without the network and its server.
"""

import os
import statistics
import sys
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import django
from django.conf import settings

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "backend.settings")
django.setup()

from django.db import connection, transaction  # noqa: E402
from django.test import Client  # noqa: E402
from django.test.utils import CaptureQueriesContext  # noqa: E402
from django.utils import timezone  # noqa: E402

from tests import authenticator, factories  # noqa: E402
from tracker.access.principal import load_principal  # noqa: E402
from tracker.clinics.models import Patient, StaffMember  # noqa: E402
from tracker.progress import actions as progress  # noqa: E402
from tracker.sync import ingest  # noqa: E402

PATIENTS = 300
RUNS = 40
BUDGET_MS = 60
MOST_STATEMENTS = {"caseload": 8, "patient": 12}

_READY_CASELOAD = """
SELECT p.id, p.name, c.measure, c.baseline, c.last, c.last_on, c.week_mean, c.week_n
FROM clinics_patient p JOIN records_measurestate c ON c.patient_id = p.id
WHERE c.measure = ANY (%s)
"""
_READY_PATIENT = """
SELECT measure, local_date, count(*), avg(value), min(value), max(value) FROM records_observation
WHERE patient_id = %s GROUP BY measure, local_date ORDER BY measure, local_date
"""


def diary(now: datetime, days: int) -> list[dict[str, Any]]:
    """Six daily numbers, a dose, and a PHQ-9 every fortnight: eight measures."""
    items = []
    for n in range(days):
        at = (now - timedelta(days=n, minutes=5)).isoformat()
        logged = {"pain_avg": n % 10, "mood": 9 - n % 10, "anxiety": 4, "function": 5, "sleep_quality": 6}
        items.append(factories.record("daily", {**logged, "sleep_hours": 7.5}, recorded_at=at))
        dose = {"medication": "venlafaxine", "outcome": "taken", "dose_value": 75.0, "dose_unit": "mg"}
        items.append(factories.record("medication_use", dose, recorded_at=at))
        if n % 14 == 0:
            items.append(factories.phq9(recorded_at=at))
    return items


def send(patient: Patient, items: list[dict[str, Any]], at: datetime) -> None:
    for start in range(0, len(items), 500):
        with transaction.atomic():
            assert patient.user_id
            principal = load_principal(patient.user_id, at)
            ingest.apply_batch(principal=principal, sent=None, items=items[start : start + 500], at=at)


def fill(at: datetime) -> tuple[StaffMember, Patient]:
    with transaction.atomic():
        clinic = factories.clinic(name="Benchmark")
        team = factories.team(clinic, "Team")
        clinician = factories.staff(clinic, "bench", on=team)
        people = [factories.patient(clinic, f"patient {n}", team) for n in range(PATIENTS)]
    for patient in people[1:]:
        send(patient, diary(at, 21), at)
    send(people[0], diary(at, 365), at)
    progress.refresh(clinic_id=clinic.pk, patient_id=people[0].pk, at=at)
    return clinician, people[0]


def p50_ms(work: Callable[[], object]) -> float:
    times = []
    for _ in range(RUNS):
        start = time.perf_counter()
        work()
        times.append(1000 * (time.perf_counter() - start))
    return statistics.median(times)


def bare(clinician: StaffMember, statement: str, given: list[Any]) -> float:
    """The milliseconds of reading the ready-made rows and no more, under the same row-level security."""
    with transaction.atomic(), connection.cursor() as cursor:
        load_principal(clinician.user_id, timezone.now())
        return p50_ms(lambda: cursor.execute(statement, given).fetchall())


def measured(name: str, browser: Client, path: str, limit: float) -> bool:
    """Print one page's line; return whether it keeps its budget."""
    with CaptureQueriesContext(connection) as queries:
        answer = browser.get(path)
        statements = len(queries)
    assert answer.status_code == 200, answer.status_code
    page = p50_ms(lambda: browser.get(path))
    kept = page <= BUDGET_MS and statements <= MOST_STATEMENTS[name]
    print(
        f"  {name:9} {statements:3} statements  {len(answer.content) / 1024:6.0f} KB  p50 {page:6.1f} ms"
        f"   bare read {limit:5.2f} ms   {page / limit:5.1f} x   budget {BUDGET_MS} ms"
        f"{'' if kept else '   MISSED'}"
    )
    return kept


def main() -> int:
    settings.ALLOWED_HOSTS = [*settings.ALLOWED_HOSTS, "testserver"]
    clinician, patient = fill(timezone.now())
    browser = Client()
    authenticator.add_totp(clinician.user)
    browser.post("/accounts/login/", {"login": clinician.user.email, "password": factories.PASSWORD})
    browser.post("/accounts/2fa/authenticate/", {"code": authenticator.totp_code()})
    print(f"{PATIENTS} patients; one of them with a year of eight measures; median of {RUNS}")
    limit = bare(clinician, _READY_CASELOAD, [["daily.pain_avg", "daily.mood", "phq-9"]])
    kept = measured("caseload", browser, "/", limit)
    limit = bare(clinician, _READY_PATIENT, [patient.pk])
    kept &= measured("patient", browser, f"/patients/{patient.pk}/?range=all", limit)
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
