"""Audit chains to tamper with: two clinics' events, committed, and anchors in a folder of the test."""

from collections.abc import Callable
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests import factories
from tests.rls_context import as_clinic
from tracker.audit import actions as audit
from tracker.audit import anchoring, verification
from tracker.audit.models import SYSTEM


@pytest.fixture(autouse=True)
def anchors_folder(tmp_path: Path, settings: Any) -> Path:
    settings.AUDIT_ANCHORS = str(tmp_path / "anchors")
    return tmp_path / "anchors"


@pytest.fixture
def actors() -> Callable[[], factories.World]:
    """Actors who have left no trace yet: nobody has given any consent."""
    return partial(factories.world, shares=())


def leave_trace(clinic_id: Any, n: int = 1, **more: Any) -> None:
    """Commit ``n`` events of a clinic, each in a transaction of its own."""
    for number in range(n):
        with as_clinic(clinic_id):
            audit.record_event(
                **{"actor": "user/1", "action": "try", "subject": f"x/{number}", "clinic_id": clinic_id,
                   "at": factories.MONDAY} | more
            )  # fmt: skip


@pytest.fixture
def audited(live):
    """Ten events of each of two clinics and of the system, all anchored; then two more each."""
    for clinic_id in (live.world.clinic.pk, live.world.other_clinic.pk, SYSTEM):
        leave_trace(clinic_id, 10, detail={"ä": [1, 2.5, None]}, patients=[live.world.ada.pk])
    anchoring.anchor_all(at=factories.MONDAY)
    for clinic_id in (live.world.clinic.pk, live.world.other_clinic.pk, SYSTEM):
        leave_trace(clinic_id, 2)
    return live


@pytest.fixture
def owner(live) -> Callable[..., Any]:
    """Run SQL as the owner of the tables, with triggers and row-level security off: the worst that can happen."""

    def run(sql: str, *values: Any) -> Any:
        with psycopg.connect(live.environment["DATABASE_OWNER_URL"]) as connection:
            for table in ("audit_auditevent", "audit_chainlink", "audit_chainhead"):
                connection.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
                connection.execute(f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY")
            cursor = connection.execute(sql, values)
            rows = cursor.fetchall() if cursor.description else []
            for table in ("audit_auditevent", "audit_chainlink", "audit_chainhead"):
                connection.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")
                connection.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
            return rows

    return run


def report(live, at: datetime = factories.MONDAY) -> verification.Report:
    return verification.verify([live.world.clinic.pk, live.world.other_clinic.pk], at=at)
