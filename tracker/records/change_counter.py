"""The lock on a patient's timeline, the numbers of its changes, and what it may hold."""

from dataclasses import dataclass
from uuid import UUID

from django.db import connection

_ADVANCE = """
UPDATE records_changecounter SET head = head + %s, stored_bytes = stored_bytes + %s WHERE patient_id = %s
RETURNING head, stored_bytes
"""


@dataclass(frozen=True, slots=True)
class Position:
    """Where a timeline stands: its last change number, and the bytes that its records hold."""

    sequence: int
    stored_bytes: int


def advance(clinic_id: UUID, patient_id: UUID, by: int, stored_bytes: int = 0) -> Position:
    """
    Lock the patient's timeline until the transaction ends, and move its head; return where it stands then.

    Whatever summaries are made of must move it: they are stale when they are behind.
    """
    with connection.cursor() as cursor:
        for _ in range(2):
            cursor.execute(_ADVANCE, [by, stored_bytes, patient_id])
            row = cursor.fetchone()
            if row is not None:
                return Position(*row)
            cursor.execute(
                "INSERT INTO records_changecounter (clinic_id, patient_id, head, stored_bytes) VALUES (%s, %s, 0, 0)"
                " ON CONFLICT DO NOTHING",
                [clinic_id, patient_id],
            )
    raise RuntimeError("the timeline could not be made")


def epoch() -> int:
    """Return the number of the present epoch: one more after each restore from a backup."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT coalesce(max(number), 0) FROM records_epoch")
        row = cursor.fetchone()
    return int(row[0])
