"""What a batch is sent under, and what it is answered with."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from tracker.lib.validation_errors import FieldError
from tracker.records.kinds.base import Kind
from tracker.records.patient_record import PatientRecord
from tracker.sync.merge import Status


@dataclass(frozen=True, slots=True)
class BatchKey:
    """Where a batch comes from, and the key that it can be sent again under."""

    device_id: UUID
    key: str


@dataclass(frozen=True, slots=True)
class ItemResult:
    """
    What the phone is told of one item: of several ``errors`` the first, and then all.

    ``local_date`` is the day of a record that is held as it was sent. ``capacity_guard``: it is of answers that do not
    count, given too soon after a dose.
    """

    id: str | None
    status: Status
    revision: int | None = None
    local_date: date | None = None
    code: str = ""
    pointer: str = ""
    detail: str = ""
    server: dict[str, Any] | None = None
    scoring: dict[str, Any] | None = None
    capacity_guard: bool = False
    errors: tuple[FieldError, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        optional = {
            "revision": self.revision, "local_date": self.local_date, "code": self.code,
            "pointer": self.pointer, "detail": self.detail, "server": self.server, "scoring": self.scoring,
            "capacity_guard": self.capacity_guard,
        }  # fmt: skip
        present: dict[str, Any] = {name: value for name, value in optional.items() if value}
        if len(self.errors) > 1:
            present["errors"] = [error.as_dict() for error in self.errors]
        return {"id": self.id, "status": self.status, **present}


@dataclass(frozen=True, slots=True)
class Receipt:
    """
    The reply to a batch. ``alerted`` says that an answer raised an alert: show the crisis resources.

    ``stored`` gives the rows of what this batch stored; a receipt that is handed out again has none.
    """

    receipt: UUID
    results: list[dict[str, Any]]
    head: int
    alerted: bool
    stored: Callable[[], list[tuple[Kind, PatientRecord]]] = list
