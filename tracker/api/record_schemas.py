"""
Schemas of records: a component for each kind, told apart by ``kind``; made from the registry of kinds.

What a phone writes is read by ``records.kinds.RECORD``, one record at a time, so that one bad record never blocks
another. What is here describes it, and what is answered.
"""

from datetime import date, datetime
from typing import TYPE_CHECKING, Annotated, Any, Literal, Union
from uuid import UUID

from pydantic import BaseModel, Field, RootModel, create_model

from tracker.api.consent_schemas import Named
from tracker.lib.strict_model import code_from
from tracker.records.kinds import KINDS, Record
from tracker.records.kinds.questionnaire import Scoring
from tracker.records.patient_record import AmendmentReason, ClockSkew, ZoneCheck
from tracker.records.reading_source import Origin, Source


class Author(BaseModel):
    """Who wrote a version."""

    id: UUID
    name: str


class HeldEnvelope(BaseModel):
    """What every record has that the server holds, whatever its kind."""

    kind: str
    category: Named
    id: UUID
    revision: int
    recorded_at: datetime
    time_zone: str
    zone_check: code_from("ZoneCheck", ZoneCheck.values)  # type: ignore[valid-type]
    local_date: date
    received_at: datetime
    entered_late: bool
    clock_skew: code_from("ClockSkew", ClockSkew.values)  # type: ignore[valid-type]
    removed: bool
    unreadable: bool | None = None
    amendment_reason: code_from("AmendmentReason", AmendmentReason.values) | None = None  # type: ignore[valid-type]
    origin: code_from("Origin", Origin.values) | None = None  # type: ignore[valid-type]
    source: Source | None = None
    author: Author | None = None
    data: Any = None


class VersionEnvelope(HeldEnvelope):
    """What a version of a record has beside it: who wrote it, where, until when it stood, what it replaced."""

    author: Author
    device: UUID | None
    replaced_at: datetime | None
    overwritten: dict[str, Any] | None = None


_CAPACITY_GUARD = (
    "true of answers that were given too soon after a dose: kept, scored and scanned for safety, they count in no "
    "number. When a dose is entered, corrected or taken back later, this changes without a new revision, and the "
    "record is pulled again"
)


def _scored(envelope: type[BaseModel]) -> type[BaseModel]:
    return create_model(
        f"Scored{envelope.__name__}",
        __base__=envelope,
        scoring=(Scoring | None, None),
        capacity_guard=(bool | None, Field(default=None, description=_CAPACITY_GUARD)),
    )


def _of_each_kind(envelope: type[BaseModel], name: str) -> Any:
    """A union of one model of ``envelope`` for each kind, such as ``HeldDailyRecord`` by the name ``Held{}Record``."""
    models = tuple(
        create_model(
            name.format(kind.name.title().replace("_", "")),
            __base__=_scored(envelope) if kind.scored else envelope,
            __doc__=kind.payload.__doc__,
            kind=(Literal[kind.name], ...),  # type: ignore[arg-type]
            data=(kind.payload | None, None),  # type: ignore[arg-type]
        )
        for kind in KINDS.values()
    )
    return Annotated[Union[models], Field(discriminator="kind")]  # noqa: UP007


if TYPE_CHECKING:
    _Held = HeldEnvelope
    _Version = VersionEnvelope
else:
    _Held = _of_each_kind(HeldEnvelope, "Held{}Record")
    _Version = _of_each_kind(VersionEnvelope, "{}RecordVersion")


class RecordIn(RootModel[Record]):
    """One record as a phone writes it. ``data`` is there unless the record is removed."""


class HeldRecord(RootModel[_Held]):
    """
    A record as the server holds it. A tombstone (``removed``) has no data.

    ``recorded_at`` has the offset that was sent. ``zone_check`` is ``offset_differs`` where that is not the offset of
    ``time_zone`` at that instant, and ``unknown_zone`` where no zone has that name: ``local_date`` is then that of the
    offset. ``clock_skew`` is ``ahead`` of a phone's clock that is known to be wrong: the record counts in no number.

    ``author`` is the caregiver who wrote it; not there where the patient did.

    ``origin`` is ``imported`` of what was brought along from elsewhere, which counts however old it is.

    Nor has a record that is ``unreadable``: its text cannot be decrypted. It is not removed: keep a copy of it. The
    next version repairs it.
    """


class RecordVersion(RootModel[_Version]):
    """One version. ``overwritten`` holds what a merge of two edits of a plan replaced."""
