"""The lock on a patient's timeline, and the numbers of its changes."""

from uuid import UUID

from django.db import connection


def advance(clinic_id: UUID, patient_id: UUID, by: int) -> int:
    """
    Lock the patient's timeline until the transaction ends, and move its head; return the new head.

    Whatever summaries are made of must move it: they are stale when they are behind.
    """
    with connection.cursor() as cursor:
        for _ in range(2):
            cursor.execute(
                "UPDATE records_timeline SET head = head + %s WHERE patient_id = %s RETURNING head",
                [by, patient_id],
            )
            row = cursor.fetchone()
            if row is not None:
                return int(row[0])
            cursor.execute(
                "INSERT INTO records_timeline (clinic_id, patient_id, head) VALUES (%s, %s, 0)"
                " ON CONFLICT DO NOTHING",
                [clinic_id, patient_id],
            )
    raise RuntimeError("the timeline could not be made")
