"""The lock on a patient's changes, their numbers, and how much the patient may store."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from uuid import UUID

from django.db import connection

_ADVANCE = """
UPDATE records_changecounter SET head = head + %s, stored_bytes = stored_bytes + %s WHERE patient_id = %s
RETURNING head, stored_bytes
"""
_CREATE = """
INSERT INTO records_changecounter (clinic_id, patient_id, head, stored_bytes) VALUES (%s, %s, 0, 0)
ON CONFLICT DO NOTHING
"""
_LOCK = "SELECT head FROM records_changecounter WHERE patient_id = %s FOR UPDATE"


@dataclass(frozen=True, slots=True)
class Position:
    """Where a patient's changes stand: the last number, and the bytes that are stored."""

    sequence: int
    stored_bytes: int


def advance(clinic_id: UUID, patient_id: UUID, by: int, stored_bytes: int = 0) -> Position:
    """
    Lock the patient's changes until the transaction ends, and move their head; return where it stands then.

    Whatever summaries are made of must move it: they are stale when they are behind.
    """
    with connection.cursor() as cursor:
        for _ in range(2):
            cursor.execute(_ADVANCE, [by, stored_bytes, patient_id])
            row = cursor.fetchone()
            if row is not None:
                return Position(*row)
            cursor.execute(_CREATE, [clinic_id, patient_id])
    raise RuntimeError("the change counter could not be made")


def head(patient_id: UUID) -> int | None:
    """Return the number of the patient's last change that is committed, without a lock; None if there is none."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT head FROM records_changecounter WHERE patient_id = %s", [patient_id])
        row = cursor.fetchone()
    return row and int(row[0])


def lock(patient_id: UUID, *, wait: bool = True) -> int | None:
    """
    Lock the patient's changes until the transaction ends; return the number of the last one.

    None if there are none, or, without ``wait``, if somebody else holds the lock.
    """
    with connection.cursor() as cursor:
        cursor.execute(_LOCK if wait else f"{_LOCK} SKIP LOCKED", [patient_id])
        row = cursor.fetchone()
    return row and int(row[0])


@dataclass(slots=True)
class Reservation:
    """
    Change numbers from ``first`` to ``last`` and space for bytes, held under the lock.

    ``stored_bytes`` is what the patient has stored, with what is reserved here.
    """

    clinic_id: UUID
    patient_id: UUID
    first: int
    last: int
    stored_bytes: int
    _bytes: int

    def release(self, stored_bytes: int = 0, count: int = 0) -> None:
        """Give back bytes that were not stored, and the last ``count`` numbers, which nothing has used."""
        if stored_bytes or count:
            _give_back(self.patient_id, count, stored_bytes)
            self.last -= count
            self.stored_bytes -= stored_bytes
            self._bytes -= stored_bytes

    def cancel(self) -> None:
        """Give everything back: nothing was stored."""
        self.release(self._bytes, self.last - self.first + 1)


@contextmanager
def reserve(clinic_id: UUID, patient_id: UUID, *, count: int, stored_bytes: int) -> Iterator[Reservation]:
    """
    Lock the patient's changes until the transaction ends; reserve ``count`` numbers and ``stored_bytes``.

    What is released in the block is given back at once, so that the next writer in line has it.
    """
    position = advance(clinic_id, patient_id, count, stored_bytes)
    last, total = position.sequence, position.stored_bytes
    yield Reservation(clinic_id, patient_id, last - count + 1, last, total, stored_bytes)


def _give_back(patient_id: UUID, count: int, stored_bytes: int) -> None:
    """One statement whose answer nobody waits for: it may be sent in a pipeline."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE records_changecounter SET head = head - %s, stored_bytes = stored_bytes - %s"
            " WHERE patient_id = %s",
            [count, stored_bytes, patient_id],
        )


def epoch() -> int:
    """Return the number of the present epoch: one more after each restore from a backup."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT coalesce(max(number), 0) FROM records_epoch")
        row = cursor.fetchone()
    return int(row[0])
