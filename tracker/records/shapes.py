"""
What each kind of record may hold on the wire: one pydantic model per kind, strict and closed.

Booleans are not integers, number strings are not numbers, unknown fields are refused by name. The scales
are those of the models' constraints; here a person gets a kind message, there the promise is kept.
"""

import re
from datetime import UTC, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    TypeAdapter,
    model_validator,
)
from pydantic_core import PydanticCustomError

from tracker.lib import days

_RFC3339 = re.compile(r"^\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)$")
_EARLIEST, _LATEST = datetime(1970, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)
JOURNAL_BYTES = 64 * 1024


def as_instant(value: Any) -> datetime:
    """Read an RFC 3339 instant with an offset; its microseconds are kept, finer digits are cut."""
    if isinstance(value, datetime):
        return value
    if not isinstance(value, str) or not _RFC3339.match(value):
        raise PydanticCustomError("not_an_instant", "must be an RFC 3339 instant with an offset")
    try:
        at = datetime.fromisoformat(value).astimezone(UTC)
    except (ValueError, OverflowError):
        raise PydanticCustomError("not_an_instant", "must be an RFC 3339 instant with an offset") from None
    if not _EARLIEST <= at < _LATEST:
        raise PydanticCustomError("instant_out_of_range", "must be a year from 1970 to 2199")
    return at


def _uuid(value: Any) -> UUID:
    if isinstance(value, UUID):
        return value
    try:
        if isinstance(value, str) and len(value) == 36:
            return UUID(value)
    except ValueError:
        pass
    raise PydanticCustomError("not_a_uuid", "must be a UUID with hyphens")


def _zone(value: str) -> str:
    try:
        days.zone(value)
    except days.UnknownZoneError:
        raise PydanticCustomError(
            "unknown_zone", "must be an IANA time zone, such as Europe/Amsterdam"
        ) from None
    return value


def _quarter_hours(value: float) -> float:
    if (value * 4) % 1:
        raise PydanticCustomError("too_precise", "must be in steps of a quarter of an hour")
    return value


def _thousandths(value: float) -> float:
    if round(value, 3) != value:
        raise PydanticCustomError("too_precise", "must have at most three decimals")
    return value


def _fits(value: str) -> str:
    if len(value.encode()) > JOURNAL_BYTES:
        raise PydanticCustomError("too_long", "must be at most 64 KiB of text")
    return value


Instant = Annotated[datetime, BeforeValidator(as_instant)]
Id = Annotated[UUID, BeforeValidator(_uuid)]
Zone = Annotated[str, Field(max_length=64), AfterValidator(_zone)]
Scale = Annotated[int, Field(ge=0, le=10)]
Code = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,63}$")]
AnswerKey = Annotated[str, Field(min_length=1, max_length=80)]
Answer = int | float | bool | Annotated[str, Field(max_length=80)] | None


class Shape(BaseModel):
    """Strict and closed."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Pain(Shape):
    """Pain now, 0 (none) to 10 (worst imaginable); the rest is optional."""

    intensity: Scale
    worst: Scale | None = None
    least: Scale | None = None
    interference: Scale | None = None

    @model_validator(mode="after")
    def _least_up_to_worst(self) -> "Pain":
        if self.least is not None and self.worst is not None and self.least > self.worst:
            raise PydanticCustomError("least_above_worst", "least must not be above worst")
        return self


class Daily(Shape):
    """A day's answers: any subset, at least one. Sleep in hours; ``safe_today`` true means 'yes, I had thoughts'."""

    pain_avg: Scale | None = None
    pain_worst: Scale | None = None
    mood: Scale | None = None
    anxiety: Scale | None = None
    function: Scale | None = None
    sleep_hours: Annotated[float, Field(ge=0, le=24), AfterValidator(_quarter_hours)] | None = None
    sleep_quality: Scale | None = None
    safe_today: bool | None = None

    @model_validator(mode="after")
    def _has_an_answer(self) -> "Daily":
        if all(value is None for value in self.__dict__.values()):
            raise PydanticCustomError("nothing_answered", "must hold at least one answer")
        return self


class Response(Shape):
    """Answers to one version of an instrument, by linkId. ``reported_total`` is kept, never used."""

    instrument: Code
    version: Annotated[str, Field(min_length=1, max_length=64)]
    answers: Annotated[dict[AnswerKey, Answer], Field(max_length=300)]
    status: Literal["draft", "incomplete", "complete", "amended"]
    started_at: Instant | None = None
    finished_at: Instant | None = None
    reported_total: Annotated[float, Field(ge=-1e6, le=1e6)] | None = None


class MedicationUse(Shape):
    """A dose taken, skipped, or taken as needed (prn)."""

    medication: Code
    outcome: Literal["taken", "skipped", "prn"]
    dose_value: Annotated[float, Field(ge=0, le=100_000), AfterValidator(_thousandths)] | None = None
    dose_unit: Literal["mg", "mcg", "ml", "tablet", "spray", "patch"] | None = None
    reason: Literal["forgot", "side_effects", "felt_well", "no_supply", "advised", "other"] | None = None

    @model_validator(mode="after")
    def _dose_makes_sense(self) -> "MedicationUse":
        if (self.dose_value is None) != (self.dose_unit is None):
            raise PydanticCustomError("dose_without_unit", "a dose needs both value and unit")
        if self.outcome == "skipped" and self.dose_value is not None:
            raise PydanticCustomError("skipped_with_dose", "a skipped dose has no dose value")
        return self


class Journal(Shape):
    """A page of the journal: private unless ``share`` is ``entry``."""

    text: Annotated[str, Field(min_length=1), AfterValidator(_fits)]
    mood: Scale | None = None
    share: Literal["none", "entry"] = "none"


class _Envelope(Shape):
    id: Id
    revision: Annotated[int, Field(ge=1, le=2_000_000_000)]
    recorded_at: Instant
    zone: Zone
    removed: bool = False

    @model_validator(mode="after")
    def _has_data_unless_removed(self) -> "_Envelope":
        if (getattr(self, "data", None) is None) != self.removed:
            raise PydanticCustomError("data_missing", "data must be there, unless the record is removed")
        return self


class PainRecord(_Envelope):
    kind: Literal["pain"]
    data: Pain | None = None


class DailyRecord(_Envelope):
    kind: Literal["daily"]
    data: Daily | None = None


class ResponseRecord(_Envelope):
    kind: Literal["response"]
    data: Response | None = None


class MedicationUseRecord(_Envelope):
    kind: Literal["medication_use"]
    data: MedicationUse | None = None


class JournalRecord(_Envelope):
    kind: Literal["journal"]
    data: Journal | None = None


Record = PainRecord | DailyRecord | ResponseRecord | MedicationUseRecord | JournalRecord
RECORD: TypeAdapter[Record] = TypeAdapter(Annotated[Record, Field(discriminator="kind")])
