"""
A pull of 500 records, as a ratio to the bare read of the same rows, at the start and at the end of a long history.

Through the whole stack in one process (session, row-level security, policy, audit, JSON), without the network and its
server. Half of the records are daily logs, the others pain, doses, questionnaires and decrypted journal pages.
"""

import os
import statistics
import sys
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import django
import psycopg
from django.conf import settings

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "backend.settings")
django.setup()

from django.db import connection, transaction  # noqa: E402
from django.test.utils import CaptureQueriesContext  # noqa: E402
from django.utils import timezone  # noqa: E402

from tests import factories  # noqa: E402
from tests.phone import Phone  # noqa: E402
from tracker.access.principal import load_principal  # noqa: E402
from tracker.clinics.models import Patient  # noqa: E402
from tracker.records.kinds import KINDS  # noqa: E402
from tracker.sync import ingest  # noqa: E402

PAGE = 500
RUNS = 30
BUDGET_MS = 40
HISTORIES = (500, 5_000, 50_000)


def record(n: int, at: datetime) -> dict[str, Any]:
    when = (at - timedelta(minutes=10 * n)).isoformat()
    return [
        lambda: factories.record("daily", {"mood": n % 11, "pain_avg": 3}, recorded_at=when),
        lambda: factories.pain(n % 11, recorded_at=when),
        lambda: factories.record("daily", {"mood": n % 11, "sleep_hours": 6.5}, recorded_at=when),
        lambda: factories.record(
            "medication_use", {"medication": "sertraline", "outcome": "taken"}, recorded_at=when
        ),
        lambda: factories.record("daily", {"anxiety": n % 11}, recorded_at=when),
        lambda: factories.phq9(recorded_at=when),
        lambda: factories.record("daily", {"function": n % 11}, recorded_at=when),
        lambda: factories.record("journal", {"text": "A page of an ordinary day. " * 8}, recorded_at=when),
    ][n % 8]()


def fill(records: int) -> Patient:
    """One patient with so many records."""
    at = datetime.now(UTC)
    with transaction.atomic():
        clinic = factories.clinic(name="Benchmark")
        patient = factories.patient(clinic, "bench", factories.team(clinic, "Team"))
    assert patient.user_id
    for start in range(0, records, PAGE):
        with transaction.atomic():
            principal = load_principal(patient.user_id, at)
            batch = [record(n, at) for n in range(start, min(records, start + PAGE))]
            receipt = ingest.apply_batch(principal=principal, sent=None, items=batch, at=at)
        assert {result["status"] for result in receipt.results} == {"stored"}
    return patient


def compressed(phone: Phone, path: str) -> tuple[int, float]:
    """The bytes of a page as it is sent to who accepts gzip, and the milliseconds of asking for it so."""

    def ask() -> int:
        return len(
            phone.client.get(f"/api/v1/{path}", headers=phone.headers | {"Accept-Encoding": "gzip"}).content
        )

    return ask(), p50_ms(ask)


def p50_ms(work: Callable[[], object]) -> float:
    times = []
    for _ in range(RUNS):
        start = time.perf_counter()
        work()
        times.append(1000 * (time.perf_counter() - start))
    return statistics.median(times)


def bare_ms(patient: Patient, first: Mapping[str, Any]) -> float:
    """The milliseconds of reading the rows from ``first`` on and no more, under the same row-level security."""
    branches = " UNION ALL ".join(
        f"(SELECT to_jsonb(t) AS row, sequence FROM {kind.table} t WHERE patient_id = %(patient)s"
        f" AND sequence > %(after)s ORDER BY sequence LIMIT {PAGE})"
        for kind in KINDS.values()
    )
    sql = f"SELECT row FROM ({branches}) AS found ORDER BY sequence LIMIT {PAGE}"
    assert patient.user_id
    with transaction.atomic(), connection.cursor() as cursor:
        load_principal(patient.user_id, timezone.now())
        rows = KINDS[first["kind"]].model._default_manager.filter(patient=patient, id=first["id"])
        after = rows.values_list("sequence", flat=True).get() - 1
        return p50_ms(lambda: cursor.execute(sql, {"patient": patient.pk, "after": after}).fetchall())


def places(phone: Phone) -> dict[str, str]:
    """The addresses of the first page of a patient's history, and of the last."""
    first = f"sync/pull?limit={PAGE}"
    path, page = first, phone.get(first).json()
    while page["more"]:
        path = f"sync/pull?limit={PAGE}&cursor={page['cursor']}"
        page = phone.get(path).json()
    return {"first page": first} | ({"last page": path} if path != first else {})


def measured(phone: Phone, patient: Patient, name: str, path: str) -> bool:
    """Print one page's line; return whether it keeps its budget."""
    with CaptureQueriesContext(connection) as queries:
        answer = phone.get(path)
        statements = len(queries)
    shown = answer.json()["records"]
    page_ms, bare = p50_ms(lambda: phone.get(path)), bare_ms(patient, shown[0])
    size, gzipped_ms = compressed(phone, path)
    print(
        f"    {name:10} {len(shown):4} records {len(answer.content) / 1024:5.0f} KB, gzipped {size / 1024:4.0f} KB"
        f" {statements:3} statements"
        f"   p50 {page_ms:6.1f} ms, gzipped {gzipped_ms:6.1f} ms   bare read {bare:5.1f} ms   {page_ms / bare:4.1f} x"
        f"{'' if max(page_ms, gzipped_ms) <= BUDGET_MS else '   MISSED'}"
    )
    return max(page_ms, gzipped_ms) <= BUDGET_MS


def main() -> int:
    settings.ALLOWED_HOSTS = [*settings.ALLOWED_HOSTS, "testserver"]
    kept = True
    print(f"a pull of {PAGE}; median of {RUNS}; budget {BUDGET_MS} ms, flat in the length of the history")
    for records in HISTORIES:
        patient = fill(records)
        phone = Phone(patient.user)
        # As the server's own vacuum does within a minute: the planner knows how long the history is.
        with psycopg.connect(os.environ["DATABASE_OWNER_URL"], autocommit=True) as owner:
            owner.execute("ANALYZE")
        print(f"  {records} held")
        for name, path in places(phone).items():
            kept &= measured(phone, patient, name, path)
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
