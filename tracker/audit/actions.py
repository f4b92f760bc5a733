"""Writing the trail, in the transaction of the act itself."""

import json
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection

from tracker.audit.models import Event

_INSERT = (
    f'INSERT INTO "{Event._meta.db_table}" (at, clinic_id, actor, action, subject, patient, detail) '
    "VALUES (%s, %s, %s, %s, %s, %s, %s::jsonb)"
)


def note(
    *,
    actor: str,
    action: str,
    subject: str,
    clinic_id: UUID,
    at: datetime,
    patient_id: UUID | None = None,
    detail: dict[str, Any] | None = None,
) -> None:
    """
    Write one event. ``detail`` holds ids and counts, never a health value.

    If it cannot be written the caller's transaction fails with it: nothing happens unseen.
    """
    with connection.cursor() as cursor:
        cursor.execute(_INSERT, [at, clinic_id, actor, action, subject, patient_id, json.dumps(detail or {})])
