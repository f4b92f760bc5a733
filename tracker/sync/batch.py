"""One batch on its way through ingest, and what it is answered with."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from tracker.access.principal import Principal
from tracker.records import store as records
from tracker.records.kinds import Record
from tracker.records.kinds.base import Kind
from tracker.records.patient_record import PatientRecord
from tracker.sync import parsing
from tracker.sync.merge import CurrentVersion, Status


@dataclass(frozen=True, slots=True)
class BatchKey:
    """Where a batch comes from, and the key that it can be sent again under."""

    device_id: UUID
    key: str


@dataclass(slots=True)
class ItemResult:
    """What became of one item, in the order sent."""

    id: str | None
    status: str
    revision: int | None = None
    code: str = ""
    pointer: str = ""
    detail: str = ""
    server: dict[str, Any] | None = None

    @property
    def is_stored(self) -> bool:
        """Whether the record is to be stored, as far as it has been looked at."""
        return self.status == Status.STORED

    def as_dict(self) -> dict[str, Any]:
        shown = {"id": self.id, "status": self.status}
        rest = {
            "revision": self.revision, "code": self.code, "pointer": self.pointer,
            "detail": self.detail, "server": self.server,
        }  # fmt: skip
        return shown | {name: value for name, value in rest.items() if value}


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


@dataclass(slots=True)
class BatchState:
    """One batch: what arrived, what is held under its ids, what became of it."""

    principal: Principal
    source: records.Provenance
    sent: BatchKey | None
    raw: Sequence[Any]
    sizes: Sequence[int]
    items: list[Record | parsing.InvalidItem]
    fingerprint: bytes = b""
    head: int = 0
    has_room: bool = True
    outcomes: list[ItemResult] = field(default_factory=list)
    held: dict[UUID, CurrentVersion] = field(default_factory=dict)
    stored: list[records.AcceptedRecord] = field(default_factory=list)

    def change_of(self, place: int) -> int:
        """The change number of the item at ``place`` in the batch."""
        return self.head - len(self.items) + 1 + place
